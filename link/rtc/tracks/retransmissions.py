"""What is sent again of one track, and how often at most: RTX (RFC 4588), or the packet as it was. Sans-IO."""

from __future__ import annotations

import secrets
from typing import Final

_MAX_RESENT_PACKETS: Final = 512
"""Packets whose last retransmission is remembered. chosen: about a second of `_RESENDS_PER_S`."""
_RESENDS_PER_S: Final = 600
"""Packets sent again at most. docs/media.md (Limits)."""
_QUIET_RATIO: Final = 0.5
"""The share of a round trip for which nothing is sent again twice. chosen: half, as round trips vary; libwebrtc takes a
whole one."""
_QUIET_LEAST_S: Final = 0.01
"""And this at least. chosen: the two requests that a long path sends are 20 ms apart (`nack.NACK_TWICE_S`)."""


class Retransmissions:
    """Those of one outgoing track. `payload_type` is -1 where no RTX was negotiated."""

    __slots__ = ("_left", "_resent", "_second", "_sequence", "bytes", "nacks", "packets", "payload_type", "ssrc")

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.payload_type = -1
        self.packets = self.bytes = 0
        self.nacks = 0  # packets that we had sent and that were asked for again
        self._sequence = secrets.randbelow(0x7F00)
        self._resent: dict[int, float] = {}  # when, by extended sequence number
        self._left = _RESENDS_PER_S
        self._second = 0.0

    def renew(self, now: float) -> None:
        """A request has come: once a second there is room for more answers."""
        if now - self._second >= 1.0:
            self._second = now
            self._left = _RESENDS_PER_S

    def copies(self, sequence: int, now: float, rtt: float, *, narrow: bool) -> int:
        """How often to send this packet now that it is asked for; -1 where nothing may be sent again at present.

        Not twice within one round trip. What is asked for once more has cost a round trip: then two copies go, unless
        the path is `narrow`.
        """
        self.nacks += 1
        last = self._resent.get(sequence)
        if last is not None and now - last < max(_QUIET_LEAST_S, _QUIET_RATIO * rtt):
            return 0
        if self._left <= 0:
            return -1
        copies = 2 if last is not None and not narrow else 1
        self._left -= copies
        if len(self._resent) >= _MAX_RESENT_PACKETS:
            del self._resent[next(iter(self._resent))]
        self._resent[sequence] = now
        return copies

    def forget(self) -> None:
        """Another source: its packets have not been sent yet."""
        self._resent.clear()

    def next_sequence(self) -> int:
        """The number of the next packet of the RTX stream."""
        self._sequence += 1
        return self._sequence
