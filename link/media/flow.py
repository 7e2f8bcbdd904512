"""One published track inside this process: its packets, its repair, its subscribers. Sans-IO."""

from __future__ import annotations


class Flow:
    """One published track, whatever leg or local encoder it comes from.

    A flow exists before its first packet and survives a change of SSRC. Subscribers are attached by `Relay`.
    """

    def __init__(self, kind: str, name: str = "") -> None:
        """`kind` is `audio` (48 kHz Opus) or `video` (90 kHz VP8)."""
        self.kind = kind
        self.name = name

    @property
    def active(self) -> bool:
        """Whether a packet arrived within the last second."""
        raise NotImplementedError

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe; at most one request per 500 ms leaves, and it is repeated until one comes."""
        raise NotImplementedError
