"""A film for the camera of a browser: 720p30, with so much in it that an encoder uses all the bits it may."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT, FRAMES = 1280, 720, 45


def write_film(path: Path) -> Path:
    """A second and a half of Motion JPEG, which browsers play at 30 pictures a second: a rough wall that pans to and
    fro."""
    chance = np.random.default_rng(5)
    wall = Image.fromarray(chance.integers(0, 255, (HEIGHT // 4 + 40, WIDTH // 4 + 80, 3), dtype=np.uint8))
    wall = wall.filter(ImageFilter.GaussianBlur(1.2)).resize((WIDTH + 320, HEIGHT + 160), Image.Resampling.BILINEAR)
    with path.open("wb") as film:
        for number in range(FRAMES):
            turn = np.sin(2 * np.pi * number / FRAMES)
            left, top = 160 + round(60 * turn), 80 + round(30 * turn * turn)
            frame = io.BytesIO()
            wall.crop((left, top, left + WIDTH, top + HEIGHT)).save(frame, "JPEG", quality=80)
            film.write(frame.getvalue())
    return path
