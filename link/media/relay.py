"""Who gets which track: connects flows to slots of legs, to taps, and local encoders to flows."""

from __future__ import annotations

from collections.abc import Callable

from link.media.flow import Flow
from link.media.frames import EncodedFrame, MediaGap
from link.media.leg import Leg


class Tap:
    """A reader of one flow, made by `Relay.tap`."""

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe soon (a segment wants to begin)."""
        raise NotImplementedError

    def close(self) -> None:
        """No sink is called after this. Idempotent."""
        raise NotImplementedError


class Relay:
    """Connects flows to slots. Synchronous; call it on the event loop."""

    def connect(self, flow: Flow, leg: Leg, slot: str) -> None:
        """Feed `slot` of `leg` from `flow` instead of what fed it before.

        `slot` is one of the names this leg sends: `DOWN_SLOTS` as answerer, `UP_SLOTS` as offerer. Sequence numbers and
        timestamps go on without a jump; a video starts with the next keyframe, which is requested. May be called
        before the leg is connected. Raises `ValueError` for an unknown slot or the wrong kind.
        """
        raise NotImplementedError

    def disconnect(self, leg: Leg, slot: str) -> None:
        """Stop feeding `slot`; it stays negotiated and silent. Does nothing if nothing feeds it."""
        raise NotImplementedError

    def tap(
        self,
        flow: Flow,
        sink: Callable[[EncodedFrame], None],
        on_gap: Callable[[MediaGap], None],
        *,
        keyframe_interval: float = 10.0,
    ) -> Tap:
        """Read whole frames of `flow` in order, after repair, beginning with a keyframe.

        `sink` and `on_gap` are called on the event loop and must be quick (hand over, do not write files). A keyframe is
        requested whenever none came for `keyframe_interval` seconds (0: never).
        """
        raise NotImplementedError


class Injection:
    """A local encoder as the source of a flow."""

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        on_keyframe_request: Callable[[], None] | None = None,
        on_bitrate: Callable[[int], None] | None = None,
    ) -> None:
        """`kind` is `audio` or `video`. `on_bitrate` hears what the subscribers can take, in bit/s."""
        self.flow = Flow(kind, name)

    def push(self, data: bytes, rtp_time: int, keyframe: bool) -> None:
        """Publish one encoded frame: a VP8 frame (90 kHz) or an Opus packet (48 kHz); `rtp_time` must not go back."""
        raise NotImplementedError
