"""Real VP8 and Opus for tests, encoded by FFmpeg through PyAV."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from link.rtc.tracks.depacketizer import EncodedFrame


@functools.cache
def vp8(
    seconds: float, *, start: float = 0.0, rate: int = 25, width: int = 320, height: int = 180
) -> tuple[EncodedFrame, ...]:
    """Frames of a moving picture with a keyframe every second, captured from `start` on the monotonic clock."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, rate), 300_000
    # The threads of libvpx and swscale spin for each other: ten times the processor time for so small a picture.
    encoder.thread_count = 1
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "g": str(rate), "lag-in-frames": "0"}
    frames = []
    count = round(seconds * rate)
    for number in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:, :, 1] = np.linspace(0, 255, width, dtype=np.uint8)
        left = number * 7 % (width - 40)
        picture[height // 3 : height // 2, left : left + 40] = (255, 220, 40)
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p", threads=1)
        frame.pts, frame.time_base = number, encoder.time_base
        for packet in encoder.encode(frame):
            data = bytes(packet)
            keyframe = packet.is_keyframe
            frames.append(
                EncodedFrame(
                    data,
                    keyframe,
                    start + number / rate,
                    number * 90000 // rate,
                    width if keyframe else 0,
                    height if keyframe else 0,
                )
            )
    return tuple(frames)


@functools.cache
def opus(seconds: float, *, start: float = 0.0, pitch: float = 440.0) -> tuple[EncodedFrame, ...]:
    """20 ms packets of a tone, captured from `start` on the monotonic clock."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = 48000, av.AudioFormat("s16"), av.AudioLayout("stereo")
    encoder.bit_rate, encoder.time_base = 32000, Fraction(1, 48000)
    packets: list[bytes] = []
    for number in range(round(seconds * 50)):
        at = (np.arange(960) + number * 960) / 48000
        tone = (np.sin(2 * np.pi * pitch * at) * 9000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2).reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        packets.extend(bytes(packet) for packet in encoder.encode(frame))
    return tuple(
        EncodedFrame(data, True, start + number * 0.02, number * 960, duration=0.02)
        for number, data in enumerate(packets)
    )


def decoded(data: bytes, kind: str) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """Decode a WebM file; yield the time in seconds of every frame, and the frame."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = (container.streams.video if kind == "video" else container.streams.audio)[0]
        for frame in container.decode(stream):
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            assert frame.time is not None
            yield frame.time, frame
