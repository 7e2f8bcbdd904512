"""VP8 and Opus encoders for pictures and sound that do not come from a browser. Blocking: call them in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

VIDEO_CLOCK = 90_000
AUDIO_CLOCK = 48_000
OPUS_SAMPLES = 960  # 20 ms

_VP8_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "8",
    "lag-in-frames": "0",
    "auto-alt-ref": "0",
    "error-resilient": "1",
    "static-thresh": "1",
}
_OPUS_OPTIONS = {"application": "voip", "frame_duration": "20"}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One VP8 frame as its encoder made it."""

    data: bytes
    keyframe: bool


class PictureEncoder:
    """VP8 for one picture size; keyframes only where they are asked for (the first picture always is one)."""

    def __init__(self, width: int, height: int, *, fps: int, bitrate: int) -> None:
        self.width, self.height, self.fps, self.bitrate = width, height, fps, bitrate
        context = av.CodecContext.create("libvpx", "w")
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, VIDEO_CLOCK)
        context.framerate = Fraction(fps, 1)
        context.bit_rate = bitrate
        context.gop_size = 100_000
        # Threads of libvpx and swscale busy-wait for each other: on a busy kiosk one picture then takes a second.
        context.thread_count = 1
        context.options = _VP8_OPTIONS
        self._context = context
        self._count = 0

    def encode(self, picture: av.VideoFrame, *, keyframe: bool = False) -> list[EncodedPicture]:
        """Return the encoded frame; none where the encoder dropped the picture to keep its rate."""
        frame = picture.reformat(width=self.width, height=self.height, format="yuv420p", threads=1)
        frame.pts = self._count * VIDEO_CLOCK // self.fps
        frame.time_base = Fraction(1, VIDEO_CLOCK)
        frame.pict_type = PictureType.I if keyframe or self._count == 0 else PictureType.NONE
        self._count += 1
        return [EncodedPicture(bytes(packet), packet.is_keyframe) for packet in self._context.encode(frame)]


class SoundEncoder:
    """Opus, mono, packets of 20 ms."""

    def __init__(self, bitrate: int = 32_000) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate = AUDIO_CLOCK
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate
        context.time_base = Fraction(1, AUDIO_CLOCK)
        context.options = _OPUS_OPTIONS
        self._context = context
        self._count = 0

    def encode(self, samples: NDArray[np.int16]) -> list[bytes]:
        """Encode exactly 960 samples (20 ms at 48 kHz)."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, OPUS_SAMPLES), format="s16", layout="mono")
        frame.sample_rate = AUDIO_CLOCK
        frame.pts = self._count * OPUS_SAMPLES
        frame.time_base = Fraction(1, AUDIO_CLOCK)
        self._count += 1
        return [bytes(packet) for packet in self._context.encode(frame)]


def fitted(width: int, height: int, *, most_width: int = 1280, most_height: int = 960) -> tuple[int, int]:
    """Return the largest even size of the same shape within the limits; never larger than the picture itself."""
    scale = min(most_width / width, most_height / height, 1.0)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
