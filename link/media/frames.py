"""Whole encoded frames out of RTP packets that are already in order: VP8 (RFC 7741) and Opus (RFC 7587)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedFrame:
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
