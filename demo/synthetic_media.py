"""Generates the pictures and sounds of the demonstration's cameras and microphones, once on each machine.

Two people who move and blink (Motion JPEG at 30 frames per second, which Chromium's fake camera plays in a loop; large,
and small for machines that cannot encode the large one), two voices (48 kHz WAV: espeak-ng where it is installed,
otherwise a voice-like signal), and a folder of documents for the document camera. Nothing here is downloaded or
committed.
"""

from __future__ import annotations

import fcntl
import math
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

VERSION = "5"  # raise it when a picture or a sound changes: made files are kept until then
WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 30, 6
LARGE = (WIDTH, HEIGHT)
SMALL = (640, 360)
AUDIO_RATE = 48000

_CUSTOMER_SPEECH = "您好，我想了解一下稳健型的理财产品，请问一年期的收益大概是多少？我带了身份证和工资流水。"
_SPECIALIST_SPEECH = "您好，很高兴为您服务。我们先确认一下您的风险承受能力，然后一起把申请表填好，请您放心。"

_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
)


@dataclass(frozen=True, slots=True)
class SyntheticMedia:
    """Files of the demonstration; `documents` is a folder of JPEG images. `small` are the same people, 640x360."""

    customer_video: Path
    customer_audio: Path
    specialist_video: Path
    specialist_audio: Path
    documents: Path

    @property
    def small(self) -> SyntheticMedia:
        """The same files with small pictures of the people."""
        return replace(
            self,
            customer_video=self.customer_video.with_stem(f"{self.customer_video.stem}-small"),
            specialist_video=self.specialist_video.with_stem(f"{self.specialist_video.stem}-small"),
        )


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a drawn person and of the room behind."""

    wall: tuple[int, int, int]
    floor: tuple[int, int, int]
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    clothes: tuple[int, int, int]
    collar: tuple[int, int, int]
    long_hair: bool
    headset: bool


_CUSTOMER = Look(
    (222, 226, 214), (188, 178, 158), (240, 203, 172), (64, 56, 52), (146, 66, 58), (236, 228, 214), False, False
)
_SPECIALIST = Look(
    (196, 219, 220), (120, 150, 156), (245, 210, 184), (38, 32, 34), (18, 62, 72), (250, 250, 250), True, True
)


def prepare(folder: Path) -> SyntheticMedia:
    """Make what is missing in `folder` and return it; takes a few seconds the first time, once for all processes."""
    media = SyntheticMedia(
        folder / "customer.mjpeg", folder / "customer.wav", folder / "specialist.mjpeg", folder / "specialist.wav",
        folder / "documents",
    )  # fmt: skip
    stamp = folder / "version"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != VERSION:
            _make(media)
            stamp.write_text(VERSION)
    return media


def _make(media: SyntheticMedia) -> None:
    media.documents.mkdir(exist_ok=True)
    _write_videos(media.customer_video, media.small.customer_video, _CUSTOMER, phase=0.0)
    _write_videos(media.specialist_video, media.small.specialist_video, _SPECIALIST, phase=1.3)
    write_wav(media.customer_audio, speech(_CUSTOMER_SPEECH, pitch=118.0))
    write_wav(media.specialist_audio, speech(_SPECIALIST_SPEECH, pitch=205.0))
    _draw_identity_card().save(media.documents / "1-identity-card.jpg", quality=92)
    _draw_statement().save(media.documents / "2-income-statement.jpg", quality=92)


def _write_videos(large: Path, small: Path, look: Look, phase: float) -> None:
    still = _draw_room(look)
    with large.open("wb") as large_file, small.open("wb") as small_file:
        for number in range(RATE * SECONDS):
            picture = _draw_person(still.copy(), look, number / RATE + phase, number)
            picture.save(large_file, "JPEG", quality=82, subsampling="4:2:0")
            picture.reduce(WIDTH // SMALL[0]).save(small_file, "JPEG", quality=82, subsampling="4:2:0")


def _draw_room(look: Look) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), look.wall)
    draw = ImageDraw.Draw(image)
    for y in range(HEIGHT):
        fade = y / HEIGHT
        draw.line(
            [(0, y), (WIDTH, y)],
            tuple(round(a * (1 - fade) + b * fade) for a, b in zip(look.wall, look.floor, strict=True)),
        )
    draw.rounded_rectangle((90, 70, 400, 330), 14, fill=tuple(min(255, c + 22) for c in look.wall))
    draw.line([(245, 70), (245, 330)], look.wall, 8)
    draw.rounded_rectangle((1010, 300, 1060, 560), 20, fill=(86, 116, 88))
    draw.ellipse((950, 170, 1120, 400), fill=(104, 142, 104))
    return image


def _draw_person(image: Image.Image, look: Look, t: float, number: int) -> Image.Image:
    """Draw the person at time `t`; every movement repeats after SECONDS, so the loop has no seam."""
    turn = 2 * math.pi / SECONDS
    x = WIDTH / 2 + 46 * math.sin(turn * t) + 10 * math.sin(3 * turn * t)
    y = 300 + 12 * math.sin(2 * turn * t)
    mouth = 4 + 20 * abs(math.sin(11 * turn * t)) * abs(math.sin(2 * turn * t))
    draw = ImageDraw.Draw(image)
    if look.long_hair:
        draw.rounded_rectangle((x - 150, y - 130, x + 150, y + 240), 120, fill=look.hair)
    draw.rounded_rectangle((x * 0.6 + WIDTH * 0.2 - 330, 540, x * 0.6 + WIDTH * 0.2 + 330, 900), 150, fill=look.clothes)
    draw.polygon([(x - 70, 545), (x + 70, 545), (x * 0.6 + WIDTH * 0.2, 680)], fill=look.collar)
    draw.rectangle((x - 48, y + 120, x + 48, 575), fill=tuple(c - 18 for c in look.skin))
    draw.ellipse((x - 128, y - 160, x + 128, y + 175), fill=look.skin)
    draw.pieslice((x - 136, y - 178, x + 136, y + 90), 180, 360, fill=look.hair)
    draw.ellipse((x - 118, y - 66, x + 118, y + 60), fill=look.skin)
    open_eyes = number % (RATE * 2) > 4
    for side in (-1, 1):
        cx, cy = x + side * 52 + 6 * math.sin(turn * t), y - 6
        draw.arc((cx - 34, cy - 44, cx + 34, cy - 8), 200, 340, fill=look.hair, width=6)
        if open_eyes:
            draw.ellipse((cx - 22, cy - 14, cx + 22, cy + 14), fill=(250, 250, 248))
            draw.ellipse((cx - 9, cy - 10, cx + 11, cy + 10), fill=(46, 34, 28))
        else:
            draw.line([(cx - 22, cy + 2), (cx + 22, cy + 2)], look.hair, 5)
    draw.arc((x - 16, y + 22, x + 16, y + 58), 20, 160, fill=tuple(c - 45 for c in look.skin), width=5)
    draw.ellipse((x - 42, y + 98 - mouth / 2, x + 42, y + 98 + mouth / 2 + 4), fill=(166, 70, 70))
    if look.headset:
        draw.arc((x - 150, y - 190, x + 150, y + 130), 190, 350, fill=(30, 34, 38), width=14)
        draw.rounded_rectangle((x - 160, y - 30, x - 118, y + 50), 16, fill=(30, 34, 38))
        draw.line([(x - 140, y + 50), (x - 70, y + 120)], (30, 34, 38), 9)
    # A clock hand in the corner: any second of a recording can be told from any other by its frames.
    draw.ellipse((1150, 40, 1230, 120), fill=(255, 255, 255))
    angle = turn * t
    draw.line([(1190, 80), (1190 + 34 * math.sin(angle), 80 - 34 * math.cos(angle))], (200, 60, 40), 8)
    return image


def speech(text: str, pitch: float) -> NDArray[np.int16]:
    """Return `text` spoken, as samples at AUDIO_RATE, with half a second of silence at the end."""
    spoken = _espeak(text, pitch) if shutil.which("espeak-ng") else None
    samples = spoken if spoken is not None else _voice_like(6.0, pitch)
    peak = float(np.abs(samples).max()) or 1.0
    silence = np.zeros(AUDIO_RATE // 2)
    return np.concatenate([samples / peak * 20000, silence]).astype(np.int16)


def _espeak(text: str, pitch: float) -> NDArray[np.float64] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["espeak-ng", "-v", "cmn", "-s", "150", "-p", str(round(min(99, pitch / 3))), "-w", str(path), text]
        if subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0 or not path.exists():
            return None
        with wave.open(str(path)) as file:
            raw = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64)
            rate = file.getframerate()
    if raw.size < rate:
        return None
    times = np.arange(int(raw.size * AUDIO_RATE / rate)) * rate / AUDIO_RATE
    return np.asarray(np.interp(times, np.arange(raw.size), raw), np.float64)


def _voice_like(seconds: float, pitch: float) -> NDArray[np.float64]:
    """Harmonics of a gliding pitch under three changing formants, in syllables four times a second."""
    t = np.arange(int(seconds * AUDIO_RATE)) / AUDIO_RATE
    f0 = pitch * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * t) + 0.03 * np.sin(2 * np.pi * 3.1 * t))
    phase = 2 * np.pi * np.cumsum(f0) / AUDIO_RATE
    open_mouth = 0.5 + 0.5 * np.sin(2 * np.pi * 1.9 * t)
    formants = ((350 + 400 * open_mouth, 90.0, 1.0), (2100 - 900 * open_mouth, 140.0, 0.5), (2700 + 0 * t, 200.0, 0.2))
    voice = np.zeros_like(t)
    for harmonic in range(1, 24):
        frequency = harmonic * f0
        weight = sum(gain / (1 + ((frequency - centre) / width) ** 2) for centre, width, gain in formants)
        voice += weight * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * t) + 0.6, 0, 1) * np.clip(np.sin(2 * np.pi * 0.4 * t) + 0.85, 0, 1)
    return np.asarray(voice * syllables)


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Write mono 16-bit `samples` at AUDIO_RATE to `path`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(AUDIO_RATE)
        file.writeframes(samples.tobytes())


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        if Path(name).exists():
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def _draw_identity_card() -> Image.Image:
    """A made-up identity card on a desk, as a document camera sees it: large, a little turned, with a margin."""
    desk = Image.new("RGB", (2592, 1944), (92, 74, 58))
    card = Image.new("RGB", (1712, 1080), (232, 240, 244))
    draw = ImageDraw.Draw(card)
    for wave_top in range(0, 1080, 24):
        draw.arc((-200, wave_top - 300, 1912, wave_top + 300), 20, 160, fill=(214, 228, 236), width=3)
    rows = ("姓名  演示用户", "性别  女    民族  汉", "出生  1990 年 1 月 1 日", "住址  演示市样例区示范路 1 号")
    for index, row in enumerate(rows):
        draw.text((110, 120 + index * 150), row, (28, 44, 60), _font(66))
    draw.text((110, 880), "公民身份号码  000000 19900101 000X", (28, 44, 60), _font(70))
    draw.rounded_rectangle((1220, 130, 1580, 590), 12, fill=(206, 218, 226))
    draw.ellipse((1320, 190, 1480, 380), fill=(150, 166, 178))
    draw.pieslice((1260, 380, 1540, 780), 180, 360, fill=(150, 166, 178))
    draw.text((560, 1000), "样本 SPECIMEN", (186, 60, 52), _font(52))
    turned = card.rotate(2.5, Image.Resampling.BICUBIC, expand=True, fillcolor=(92, 74, 58))
    desk.paste(turned, ((2592 - turned.width) // 2, (1944 - turned.height) // 2))
    return desk


def _draw_statement() -> Image.Image:
    """A made-up income statement on a desk."""
    desk = Image.new("RGB", (2592, 1944), (70, 78, 84))
    document = Image.new("RGB", (1300, 1800), (252, 252, 250))
    draw = ImageDraw.Draw(document)
    draw.text((330, 110), "收入流水（样本）", (30, 30, 30), _font(80))
    for index in range(12):
        y = 300 + index * 100
        draw.line([(100, y + 80), (1200, y + 80)], (200, 204, 206), 3)
        draw.text((120, y), f"2026-{index + 1:02}    工资    {12000 + 137 * index:,}.00", (40, 40, 40), _font(50))
    draw.ellipse((860, 1480, 1160, 1760), outline=(200, 50, 44), width=12)
    draw.text((915, 1585), "样本专用", (200, 50, 44), _font(50))
    turned = document.rotate(-1.5, Image.Resampling.BICUBIC, expand=True, fillcolor=(70, 78, 84))
    desk.paste(turned, ((2592 - turned.width) // 2, (1944 - turned.height) // 2))
    return desk
