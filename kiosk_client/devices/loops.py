"""Picture and sound for a kiosk without a browser: encoded once, then played in a loop.

The source is a media file or a synthetic one (a moving pattern, and a tone with the rhythm of speech). Demonstrations,
tests and load runs use it; a hundred kiosks can play one loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from kiosk_client.devices.encoders import (
    AUDIO_CLOCK,
    OPUS_SAMPLES,
    VIDEO_CLOCK,
    EncodedPicture,
    PictureEncoder,
    SoundEncoder,
)

SYNTHETIC = "synthetic"
KEYFRAME_S = 2.0
LONGEST_S = 30.0
SYNTHETIC_S = 4.0

Publish = Callable[[bytes, int, bool], None]


class SourceError(Exception):
    """The media file cannot be read or has neither picture nor sound."""


@dataclass(frozen=True, slots=True)
class MediaLoop:
    """`pictures` at `fps`, beginning with a keyframe; `sounds` are Opus packets of 20 ms. Either may be empty."""

    pictures: tuple[EncodedPicture, ...]
    sounds: tuple[bytes, ...]
    fps: int


class Player:
    """Plays a loop into two publishers until cancelled. Wakes 50 times a second and never drifts from real time."""

    def __init__(self, loop: MediaLoop, video: Publish, audio: Publish) -> None:
        """The publishers take what `LocalTrack.push` takes."""
        self._loop, self._video, self._audio = loop, video, audio
        self._picture = 0
        self._pictures_sent = 0
        self._sounds_sent = 0

    def request_keyframe(self) -> None:
        """Jump to the next keyframe of the loop, because a viewer asked for one."""
        pictures = self._loop.pictures
        for step in range(len(pictures)):
            candidate = (self._picture + step) % len(pictures)
            if pictures[candidate].keyframe:
                self._picture = candidate
                return

    async def run(self) -> None:
        """Play. Ends only by cancellation."""
        clock = asyncio.get_running_loop().time
        began = clock()
        tick = 0
        while True:
            self.advance(clock() - began)
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * 0.02 - clock()))

    def advance(self, elapsed: float) -> None:
        """Publish everything that is due `elapsed` seconds after the beginning."""
        if self._loop.pictures:
            while self._pictures_sent <= elapsed * self._loop.fps:
                picture = self._loop.pictures[self._picture]
                rtp_time = self._pictures_sent * VIDEO_CLOCK // self._loop.fps
                # Advance first: publishing may cause a keyframe request, which jumps.
                self._picture = (self._picture + 1) % len(self._loop.pictures)
                self._pictures_sent += 1
                self._video(picture.data, rtp_time, picture.keyframe)
        if self._loop.sounds:
            while self._sounds_sent * OPUS_SAMPLES <= elapsed * AUDIO_CLOCK:
                sound = self._loop.sounds[self._sounds_sent % len(self._loop.sounds)]
                self._audio(sound, self._sounds_sent * OPUS_SAMPLES, True)
                self._sounds_sent += 1


def make_loop(
    source: str, *, width: int = 1280, height: int = 720, fps: int = 30, bitrate: int = 1_500_000
) -> MediaLoop:
    """Encode `source`, a media file or "synthetic". Takes seconds of CPU: call it in a thread. Raises `SourceError`."""
    if source == SYNTHETIC:
        pictures = synthetic_pictures(width, height, fps)
        sounds = synthetic_sounds()
    else:
        pictures = _file_pictures(Path(source), fps)
        sounds = _file_sounds(Path(source))
    encoder = PictureEncoder(width, height, fps=fps, bitrate=bitrate)
    every = int(KEYFRAME_S * fps)
    encoded = [
        item for number, frame in enumerate(pictures) for item in encoder.encode(frame, keyframe=number % every == 0)
    ]
    sound_encoder = SoundEncoder()
    packets = [packet for samples in sounds for packet in sound_encoder.encode(samples)]
    if not encoded and not packets:
        raise SourceError(f"{source} has neither picture nor sound")
    return MediaLoop(tuple(encoded), tuple(packets), fps)


def synthetic_pictures(width: int, height: int, fps: int) -> Iterator[av.VideoFrame]:
    """Yield a bright disc that circles over a slowly moving gradient, in step with the length of the loop."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = int(SYNTHETIC_S * fps)
    for number in range(frames):
        turn = 2 * np.pi * number / frames
        x = width * (0.5 + 0.3 * np.cos(turn))
        y = height * (0.5 + 0.3 * np.sin(turn))
        disc = (columns - x) ** 2 + (rows - y) ** 2 < (height / 8) ** 2
        picture = np.empty((height, width, 3), dtype=np.uint8)
        picture[..., 0] = 30 + 40 * rows / height
        picture[..., 1] = 90 + 60 * np.abs(np.sin(turn / 2 + np.pi * columns / width))
        picture[..., 2] = 100 + 50 * columns / width
        picture[disc] = (242, 180, 91)
        yield av.VideoFrame.from_ndarray(picture, format="rgb24")


def synthetic_sounds() -> Iterator[NDArray[np.int16]]:
    """Yield 20 ms pieces of a low voice-like tone: four syllables a second, a pause in every fourth."""
    t = np.arange(int(SYNTHETIC_S * AUDIO_CLOCK)) / AUDIO_CLOCK
    voice = sum(np.sin(2 * np.pi * 180 * k * t) / k for k in (1, 2, 3, 5))
    syllable = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) * (np.floor(4 * t) % 4 != 3)
    samples = (voice * syllable * 6000).astype(np.int16)
    for start in range(0, len(samples) - OPUS_SAMPLES + 1, OPUS_SAMPLES):
        yield samples[start : start + OPUS_SAMPLES]


def _file_pictures(path: Path, fps: int) -> Iterator[av.VideoFrame]:
    """Yield the file's pictures at `fps`, doubling or leaving out as its own rate demands."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return
            start: float | None = None
            number = 0
            for frame in container.decode(video=0):
                at = frame.time or 0.0
                start = at if start is None else start
                while number <= (at - start) * fps:
                    yield frame
                    number += 1
                    if number >= LONGEST_S * fps:
                        return
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"cannot read {path.name}") from error


def _file_sounds(path: Path) -> Iterator[NDArray[np.int16]]:
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return
            resampler = av.AudioResampler(format="s16", layout="mono", rate=AUDIO_CLOCK, frame_size=OPUS_SAMPLES)
            frames = (out for frame in container.decode(audio=0) for out in resampler.resample(frame))
            for frame in islice(frames, int(LONGEST_S * AUDIO_CLOCK / OPUS_SAMPLES)):
                if frame.samples == OPUS_SAMPLES:
                    yield frame.to_ndarray().astype(np.int16)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"cannot read {path.name}") from error
