"""Something that codecs take for a person talking: a voiced source through three resonances, by a seed."""

from __future__ import annotations

import random
import wave
from pathlib import Path

import numpy as np

RATE = 48_000
_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240), (530, 1840, 2480))


def write_speech(path: Path, seconds: float = 20.0, seed: int = 1) -> Path:
    """A mono 16-bit 48 kHz WAV of talk without long pauses; ends as it begins, so that it may be repeated."""
    rng = random.Random(seed)
    pieces = []
    left = round(seconds * RATE)
    while left > 0:
        count = min(left, round(rng.uniform(0.12, 0.28) * RATE))
        left -= count
        pieces.append(_syllable(count, rng.uniform(95, 150), rng.choice(_VOWELS)))
    sound = np.concatenate(pieces)
    samples = (sound / np.abs(sound).max() * 16_000).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return path


def _syllable(count: int, pitch: float, formants: tuple[int, int, int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    time = np.arange(count) / RATE
    phase = 2 * np.pi * pitch * (time + 0.04 * time**2)
    sound = np.zeros(count)
    for harmonic in range(1, 30):
        frequency = pitch * harmonic
        gain = sum(1 / (1 + ((frequency - center) / 90) ** 2) for center in formants) / harmonic**0.3
        sound += gain * np.sin(harmonic * phase)
    envelope = 0.15 + 0.85 * np.sin(np.pi * np.arange(count) / count) ** 0.5
    shaped: np.ndarray[tuple[int], np.dtype[np.float64]] = sound * envelope
    return shaped
