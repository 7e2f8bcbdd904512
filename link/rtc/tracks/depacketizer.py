"""Whole encoded frames out of RTP packets that are already in order: VP8 (RFC 7741) and Opus (RFC 7587)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from link.rtc.tracks.published_track import Packet
from link.rtc.wire.vp8 import descriptor_size

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
"""A longer frame is refused. chosen: eight seconds of a camera at 4 Mbit/s; a keyframe of 720p has 0.1 MB."""


class EncodedFrame(msgspec.Struct, frozen=True, gc=False):
    """One encoded picture or one Opus packet, exactly as its encoder made it.

    `time` is the estimated moment of capture in seconds on this process's monotonic clock (`time.monotonic`); it never
    goes back within one tap, and the tracks of one participant share it, so that picture and sound are in step.
    `rtp_time` is the RTP timestamp without wrap (90 kHz for video, 48 kHz for audio). `width` and `height` are known on
    video keyframes and 0 elsewhere. `duration` (seconds) is that of an Opus packet and 0.0 for video.
    """

    data: bytes
    keyframe: bool
    time: float
    rtp_time: int
    width: int = 0
    height: int = 0
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class MediaGap:
    """A stretch of a track that was lost for good: from the end of the last good frame to the next good one.

    Both times are on the same clock as `EncodedFrame.time`. `reason` is `loss` (packets that no repair brought back),
    `restart` (the publisher started its stream anew) or `overflow` (more was missing than the history can hold).
    """

    start: float
    end: float
    reason: str


class VideoAssembler:
    """VP8 frames from packets that are in order. While `waiting` nothing comes out until the next keyframe."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = 0
        self.waiting = True

    def feed(self, packet: Packet) -> tuple[bytes, bool] | None:
        """The frame that this packet completes and whether it is a keyframe, or None.

        Raises `ValueError` when the packet cannot follow what came before, or is no VP8.
        """
        payload = packet.payload
        if not payload:
            return None
        size = descriptor_size(payload)
        if payload[0] & 0x17 == 0x10:
            if self._parts:
                raise ValueError("frame without an end")
            self._timestamp = packet.timestamp
        elif not self._parts or packet.timestamp != self._timestamp:
            if self.waiting:
                return None
            raise ValueError("frame without a beginning")
        self._parts.append(payload[size:])
        self._size += len(payload)
        if self._size > MAX_FRAME_BYTES:
            raise ValueError("frame is too large")
        if not packet.marker:
            return None
        frame = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        keyframe = bool(frame) and not frame[0] & 1
        if not frame or (self.waiting and not keyframe):
            return None
        self.waiting = False
        return frame, keyframe

    def lose(self) -> None:
        self._parts.clear()
        self._size = 0
        self.waiting = True


class AudioAssembler:
    """Opus packets are frames as they come."""

    waiting = False

    def feed(self, packet: Packet) -> tuple[bytes, bool] | None:
        return (packet.payload, True) if packet.payload else None

    def lose(self) -> None:
        """The next packet is good again."""
