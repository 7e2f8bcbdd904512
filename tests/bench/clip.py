"""What a peer of the bench sends in a loop: four seconds of 720p30 VP8 at 1.5 Mbit/s and of Opus, encoded once.

At another rate there are more or fewer pictures and sounds a second, each as large a picture and as long a sound as the
rate leaves: 7.5 to 60 pictures, and Opus packets of 80 to 10 ms.
"""

from __future__ import annotations

import functools
import pickle
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aioice import ice

from link.rtc.wire.vp8 import packetise

SECONDS = 4
FPS = 30
BITRATE = 1_220_000  # asked of the encoder, which makes 1.4 Mbit/s of it; with headers 1.5
AUDIO_STEP = 960
KEPT = Path(__file__).parent.parent.parent / ".cache" / "bench"
RATES = (0.25, 0.5, 1.0, 2.0)
"""Times the standard rate: those for which Opus has a length of packet."""


@dataclass(frozen=True, slots=True)
class Clip:
    """`video[i]` holds the payloads of the i-th frame, `audio[i]` the i-th Opus packet. Both can be looped.

    There are `rate` times 30 frames and 50 sounds a second.
    """

    video: list[list[bytes]]
    audio: list[bytes]
    rate: float = 1.0

    @property
    def video_step(self) -> int:
        """From one frame to the next, in units of its timestamps."""
        return round(90_000 / (FPS * self.rate))

    @property
    def audio_step(self) -> int:
        return round(AUDIO_STEP / self.rate)

    @property
    def packets_per_second(self) -> float:
        return (sum(map(len, self.video)) + len(self.audio)) / SECONDS


def use_one_address() -> None:
    """Let ICE in this process gather `media_host` only, so that a pair, once chosen, stays."""
    host = media_host()
    ice.get_host_addresses = lambda use_ipv4, use_ipv6: [host]


@functools.cache
def media_host() -> str:
    """The address all media goes over. Janus's ICE leaves 127.0.0.1 out, so it is another one of this machine.

    The packets of a machine to itself take the loopback device whatever the address.
    """
    return next(iter(ice.get_host_addresses(use_ipv4=True, use_ipv6=False)), "127.0.0.1")


@functools.cache
def clip(rate: float = 1.0) -> Clip:
    """The clip, encoded at the first use of this checkout and kept in it."""
    path = KEPT / f"clip-{BITRATE}-{rate:g}.pickle"
    if path.exists():
        found = pickle.loads(path.read_bytes())
        if isinstance(found, tuple):
            video, audio = found
            return Clip(video, audio, rate)
    made = Clip(_video(rate), _audio(rate), rate)
    KEPT.mkdir(parents=True, exist_ok=True)
    # Several processes of tests may make it at once.
    with tempfile.NamedTemporaryFile(dir=KEPT, delete=False) as file:
        file.write(pickle.dumps((made.video, made.audio)))
    Path(file.name).replace(path)
    return made


def _video(rate: float) -> list[list[bytes]]:
    bitrate = round(BITRATE * rate)
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 1280, 720, "yuv420p"
    codec.framerate = Fraction(FPS) * Fraction(rate)
    codec.time_base = 1 / codec.framerate
    codec.bit_rate = bitrate
    # One, so that the packets are the same whatever the number of cores; several would spin for each other besides.
    codec.thread_count = 1
    codec.gop_size = 10_000
    codec.options = {
        # A negative number is a fixed speed; a positive one follows how busy the machine is, and so would the packets.
        "deadline": "realtime", "cpu-used": "-8", "minrate": str(bitrate), "maxrate": str(bitrate),
        "bufsize": str(bitrate // 4), "lag-in-frames": "0", "error-resilient": "1", "undershoot-pct": "5",
    }  # fmt: skip
    noise = np.random.default_rng(1)
    base = noise.integers(0, 255, (80, 120), dtype=np.uint8).repeat(12, 0).repeat(12, 1)
    frames = []
    for index in range(round(SECONDS * FPS * rate)):
        picture = base[index * 2 % 240 : index * 2 % 240 + 720, index * 3 % 160 : index * 3 % 160 + 1280].copy()
        picture[::4] ^= noise.integers(0, 24, picture[::4].shape, dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(np.repeat(picture[:, :, None], 3, 2), format="rgb24").reformat(
            format="yuv420p", threads=1
        )
        frame.pts = index
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return [packetise(data, index) for index, data in enumerate(frames)]


def _audio(rate: float) -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"
    codec.bit_rate = 32_000
    codec.options = {"frame_duration": f"{20 / rate:g}"}
    step = round(AUDIO_STEP / rate)
    noise = np.random.default_rng(2)
    packets: list[bytes] = []
    for index in range(round(SECONDS * 50 * rate) + 10):
        samples = noise.normal(0, 3000, (1, step * 2)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, index * step
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets[: round(SECONDS * 50 * rate)]
