"""A voice is told from a quiet room by the size of real Opus packets."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import numpy as np
import numpy.typing as npt
import pytest

from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.tracks.voice_activity import VoiceActivity

RATE, FRAME = 48_000, 960
Sound = npt.NDArray[np.float64]


def encode(sound: Sound, bitrate: int, application: str = "voip") -> list[bytes]:
    """Opus packets of 20 ms, as a browser sends them."""
    codec = av.AudioCodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = RATE, "mono", "s16", bitrate
    codec.options = {"application": application}
    packets = []
    for start in range(0, len(sound) - FRAME + 1, FRAME):
        frame = av.AudioFrame.from_ndarray(
            sound[None, start : start + FRAME].astype(np.int16), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


@cache
def room(seconds: float, level: float) -> Sound:
    noise: Sound = np.random.default_rng(1).normal(0, level, int(seconds * RATE))
    return noise


@cache
def speech(seconds: float) -> Sound:
    """Syllables: a voice's harmonics and hiss, four times a second."""
    t = np.arange(int(seconds * RATE)) / RATE
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)
    voiced = 6000 * np.sin(2 * np.pi * 150 * t) + 3000 * np.sin(2 * np.pi * 900 * t)
    hiss = np.random.default_rng(2).normal(0, 600, len(t))
    sound: Sound = voiced * syllables + hiss * (syllables > 0.5)
    return sound


class Listening:
    """A voice that hears packets, 20 ms each, and when it said that somebody speaks."""

    def __init__(self) -> None:
        self.track = PublishedTrack("audio", "microphone")
        self.begun: list[float] = []
        self.now = 100.0
        self.voice = VoiceActivity(self.track, lambda: self.begun.append(self.now))
        self._sequence = 0

    def hear(self, packets: list[bytes]) -> float:
        """When the last of them came."""
        for payload in packets:
            self._sequence += 1
            self.now += 0.02
            self.track.receive(self._sequence & 0xFFFF, self._sequence * FRAME, False, payload, self.now)
        return self.now


@pytest.mark.parametrize("bitrate", [24_000, 32_000, 64_000])
@pytest.mark.parametrize("level", [0.0, 10.0, 30.0])
def test_speech_is_told_from_the_room(bitrate: int, level: float) -> None:
    heard = Listening()
    sound = np.concatenate([room(3, level), speech(2) + room(2, level), room(2, level), speech(2) + room(2, level)])
    packets = encode(sound, bitrate)
    begin = heard.hear(packets[:150])
    assert heard.begun == []
    first = heard.hear(packets[150:250])
    assert len(heard.begun) == 1
    assert heard.begun[0] - begin < 0.4
    assert first - heard.voice.spoke < 0.5, "still speaking"
    second = heard.hear(packets[250:350])
    assert second - heard.voice.spoke > 1.2
    heard.hear(packets[350:])
    assert len(heard.begun) == 2
    assert heard.begun[1] - second < 0.4


def test_a_loud_room_is_no_voice() -> None:
    heard = Listening()
    heard.hear(encode(room(12, 300.0), 32_000))
    assert heard.begun == []


def test_a_steady_noise_is_no_voice_for_long() -> None:
    heard = Listening()
    packets = encode(np.concatenate([room(2, 0.0), room(20, 1000.0)]), 32_000)
    heard.hear(packets)
    assert heard.now - heard.voice.spoke > 5.0
    assert all(later - earlier > 1.0 for earlier, later in pairwise(heard.begun))


def test_somebody_who_speaks_from_the_first_packet_on_is_heard() -> None:
    heard = Listening()
    begin = heard.now
    heard.hear(encode(speech(2), 32_000))
    assert heard.begun
    assert heard.begun[0] - begin < 1.0


def test_nonsense_and_a_new_stream_do_no_harm() -> None:
    heard = Listening()
    heard.hear([b"", b"\x03", b"\x03\x3f"] * 20 + [b"\x78" + bytes(40)] * 20)
    heard.track.restart()
    heard.hear([b"\x78" + bytes(90)] * 50)
    assert heard.begun == []
    assert heard.voice.limit() == 0
    heard.voice.close()
    heard.voice.close()
    assert not heard.track.subscribers
