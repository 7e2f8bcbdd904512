"""A local encoder as the source of a track. Sans-IO but for the clock."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from link.rtc.tracks.published_track import Arrival, PublishedTrack
from link.rtc.wire.vp8 import packetise

_TICK_S: Final = 0.1
"""How often subscribers are looked at. chosen: as a leg's ticks, `ticker.TICK_EVERY_S`."""


class LocalTrack:
    """A local encoder as the source of a track.

    `push` on the event loop. The track's subscribers ask for keyframes through `on_keyframe_request`, at most once per
    500 ms and again until one comes; `on_bitrate` hears what they can take, in bit/s, when that changes.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        on_keyframe_request: Callable[[], None] | None = None,
        on_bitrate: Callable[[int], None] | None = None,
    ) -> None:
        """`kind` is `audio` or `video`."""
        self.track = PublishedTrack(kind, name)
        self.track.on_keyframe = on_keyframe_request
        self._on_bitrate = on_bitrate
        self._sequence = secrets.randbits(15)
        self._picture = secrets.randbits(15)
        self._origin = secrets.randbits(31)
        self._ticked = 0.0
        self._bitrate = 0

    def push(self, data: bytes, rtp_time: int, keyframe: bool = False) -> None:  # noqa: ARG002
        """Publish one encoded frame: a VP8 frame (90 kHz) or an Opus packet (48 kHz).

        `rtp_time` begins anywhere and never goes back. `keyframe` is what the encoder says; subscribers look for
        themselves.
        """
        now = time.monotonic()
        timestamp = (self._origin + rtp_time) & 0xFFFFFFFF
        payloads = packetise(data, self._picture) if self.track.kind == "video" else [data]
        self._picture = (self._picture + 1) & 0x7FFF
        run: list[Arrival] = []
        for index, payload in enumerate(payloads, 1):
            marker = index == len(payloads) and self.track.kind == "video"
            run.append((self._sequence, timestamp, marker, payload))
            self._sequence = (self._sequence + 1) & 0xFFFF
        self.track.receive_run(run, now)
        if now - self._ticked >= _TICK_S:
            self._ticked = now
            self.track.tick(now)
            bitrate = self.track.limit()
            if bitrate != self._bitrate and self._on_bitrate is not None:
                self._bitrate = bitrate
                self._on_bitrate(bitrate)
