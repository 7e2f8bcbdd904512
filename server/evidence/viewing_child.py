"""The process that makes a viewing copy: reads encoded frames from stdin, writes one MP4 into the file descriptor 3.

Started by its path with `python -I`, so it cannot import anything of the project, and without a key: a decoder that a
hostile picture takes over has what it was given anyway. It has the least priority and a bound on its memory.

stdin is a description (JSON behind its length in 4 bytes) and then frames in the order of time:
`track (1 byte)  keyframe (1)  time in ms (8)  length (4)  data`. Of the shared screen a keyframe is a JPEG, or empty
where nothing is known, and another frame holds the words that stand in its place.

What is redacted is covered or muted before anything is drawn over it or encoded.
"""

from __future__ import annotations

import json
import math
import os
import resource
import struct
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO, Any, Final, cast

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MEMORY: Final = 3 << 30
"""Of addresses: libraries and the encoder's threads reserve far more than they use."""
HEAD: Final = struct.Struct(">BBQI")
MOST_FRAME: Final = 16 << 20
WIDTH, HEIGHT, TOP, BOTTOM = 1280, 720, 40, 104
FRAMES_PER_S: Final = 10
RATE: Final = 48000
STALE_MS: Final = 3000
"""A picture of which nothing has come for so long is not shown as if it were of now."""
JUMP: Final = RATE // 20
"""Samples by which a packet's time may differ from where the one before ended, and still follow it."""
MARGIN: Final = JUMP + RATE // 50
"""Samples that are muted before and after: as far as sound may stand from its time, and what decoders hold back."""
SPREAD: Final = 4
"""Pixels of the source by which a covered region is larger on each side: scaling spreads what was in it so far."""
SCREEN: Final = "screen"
SIDE: Final = 416
"""Width of the column of pictures beside the shared screen."""
LINES: Final = 3
GROUND, INK, SOFT, COVER = (13, 35, 38), (233, 244, 243), (160, 185, 184), (0, 0, 0)


@dataclass(slots=True)
class Tile:
    """Where a track's picture is, what it last was, and what it is drawn as."""

    label: str
    left: int
    top: int
    width: int
    height: int
    gaps: list[tuple[int, int, str]]
    redacted: list[tuple[int, int, str]]
    regions: list[tuple[int, int, tuple[float, float, float, float]]]
    lasts: bool = False
    frame: Any = None
    at_ms: int = -STALE_MS
    drawn: Any = None
    words: str = ""
    instead: str = ""

    def covered(self, now: int) -> str:
        """The words for a picture that is not to be shown; of a camera also for one that was taken while it was not."""
        moments = (now,) if self.lasts else (now, self.at_ms)
        return next((words for start, end, words in self.redacted if any(start <= at < end for at in moments)), "")

    def hidden(self, now: int) -> tuple[tuple[float, float, float, float], ...]:
        """The rectangles that are covered."""
        moments = (now,) if self.lasts else (now, self.at_ms)
        return tuple(place for start, end, place in self.regions if any(start <= at < end for at in moments))


@dataclass(slots=True)
class Voice:
    """An audio track's decoder, what of it is muted (ms), and the sample after its last one."""

    decoder: Any
    resampler: Any
    muted: list[tuple[int, int]]
    next: int = 0

    def mute(self, at: int, samples: Any) -> Any:
        """The samples, of which the first is at this one, without what is not to be heard."""
        for start, end in self.muted:
            first = start * RATE // 1000 - MARGIN - at
            last = end * RATE // 1000 + MARGIN - at
            if last > 0 and first < len(samples):
                samples = samples.copy()
                samples[max(0, first) : last] = 0
        return samples


@dataclass(slots=True)
class Mix:
    """What is heard from the sample `begin` on; all tracks together."""

    begin: int = 0
    samples: Any = field(default_factory=lambda: np.zeros(RATE * 4, np.float32))

    def add(self, at: int, data: Any) -> None:
        at -= self.begin
        if at < 0:
            data, at = data[-at:], 0
        end = at + len(data)
        while end > len(self.samples):
            self.samples = np.concatenate((self.samples, np.zeros(len(self.samples), np.float32)))
        self.samples[at:end] += data

    def take(self, count: int) -> Any:
        taken = self.samples[:count].copy()
        self.samples[:-count] = self.samples[count:]
        self.samples[-count:] = 0
        self.begin += count
        return taken


class Film:
    """The MP4 being made."""

    def __init__(self, told: dict[str, Any], file: IO[bytes]) -> None:
        self.told = told
        self.font = _font(told["font"], 18)
        self.small = _font(told["font"], 15)
        name = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self.container = cast("Any", av.open(file, "w", format="mp4"))  # whose streams are of three kinds
        self.video = self.container.add_stream(name, rate=FRAMES_PER_S)
        self.video.width, self.video.height, self.video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        self.video.codec_context.time_base = Fraction(1, FRAMES_PER_S)
        self.video.codec_context.gop_size = FRAMES_PER_S * 5
        self.video.codec_context.thread_count = 1
        self.video.options = {"preset": "veryfast", "crf": "28"} if name == "libx264" else {}
        if name != "libx264":
            self.video.bit_rate = 1_500_000
        self.audio = self.container.add_stream("aac", rate=RATE, layout="mono", bit_rate=64_000)
        self.canvas = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        self.canvas[:] = GROUND
        self.tiles = _tiles(told["tracks"])
        self.decoders = {track: _decoder("mjpeg" if tile.lasts else "vp8") for track, tile in self.tiles.items()}
        self.voices = {
            index: Voice(_decoder("opus"), av.AudioResampler("flt", "mono", RATE), _spans(track["redacted"]))
            for index, track in enumerate(told["tracks"])
            if track["kind"] == "audio"
        }
        self.mix = Mix()
        self.count = 0
        self.event = 0
        self.second = -1
        self.mark = self._watermark()
        for tile in self.tiles.values():
            self._text(tile.label, tile.left + 8, tile.top + tile.height + 2, tile.width - 16, 22, self.small, SOFT)
        self._strip()

    def take(self, index: int, time_ms: int, keyframe: bool, data: bytes) -> None:
        """The next frame of a track."""
        self._until(time_ms)
        tile = self.tiles.get(index)
        if tile is not None and tile.lasts and not (keyframe and data):
            tile.frame, tile.at_ms, tile.instead = None, time_ms, "" if keyframe else data.decode("utf-8", "replace")
            return
        packet = av.Packet(data)
        packet.is_keyframe = keyframe
        try:
            if tile is not None:
                for frame in self.decoders[index].decode(packet):
                    tile.frame, tile.at_ms = frame, time_ms
            elif index in self.voices:
                self._hear(self.voices[index], time_ms, packet)
        except (av.FFmpegError, ValueError):
            return  # what cannot be decoded is not seen, as in any player

    def finish(self) -> None:
        """Nothing more comes: the rest of the time, and the end of the file."""
        self._until(self.told["length_ms"])
        for stream in (self.video, self.audio):
            for packet in stream.encode(None):
                self.container.mux(packet)
        self.container.close()

    def _hear(self, voice: Voice, time_ms: int, packet: Any) -> None:
        at = time_ms * RATE // 1000
        if abs(at - voice.next) > JUMP:
            voice.next = at
        for frame in voice.decoder.decode(packet):
            for plain in voice.resampler.resample(frame):
                samples = voice.mute(voice.next, plain.to_ndarray()[0])
                self.mix.add(voice.next, samples)
                voice.next += len(samples)

    def _until(self, time_ms: int) -> None:
        """Show and sound everything before this moment."""
        while self.count * 1000 < min(time_ms, self.told["length_ms"]) * FRAMES_PER_S:
            self._draw(self.count * 1000 // FRAMES_PER_S)
            frame = av.VideoFrame.from_ndarray(self._marked(), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = self.count, Fraction(1, FRAMES_PER_S)
            for packet in self.video.encode(frame):
                self.container.mux(packet)
            self._sound()
            self.count += 1

    def _sound(self) -> None:
        """A tenth of a second of sound, two tenths behind, so that packets that overlap have come."""
        count, behind = RATE // FRAMES_PER_S, 2
        if self.count < behind:
            return
        pts = self.mix.begin
        taken = np.clip(self.mix.take(count), -1, 1)
        frame = av.AudioFrame.from_ndarray((taken * 32767).astype(np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, pts, Fraction(1, RATE)
        for packet in self.audio.encode(frame):
            self.container.mux(packet)

    def _draw(self, now: int) -> None:
        for tile in self.tiles.values():
            self._draw_tile(tile, now)
        if now // 1000 != self.second:
            self.second = now // 1000
            clock = f"{self.second // 3600}:{self.second // 60 % 60:02}:{self.second % 60:02}"
            at = self.told["clock"] + self.second
            wall = f"{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}"
            line = f"{clock}   {self.told['day']} {wall}   {self.told['watermark']}"
            self._text(line, 12, 8, WIDTH - 24, TOP - 10, self.font, INK)
        events = self.told["events"]
        if self.event < len(events) and events[self.event][0] <= now:
            while self.event < len(events) and events[self.event][0] <= now:
                self.event += 1
            self._strip()

    def _draw_tile(self, tile: Tile, now: int) -> None:
        why = tile.covered(now) or next((words for start, end, words in tile.gaps if start <= now < end), "")
        fresh = tile.frame is not None and (tile.lasts or now - tile.at_ms < STALE_MS)
        hidden = tile.hidden(now)
        area = self.canvas[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        if why or not fresh:
            words = why or tile.instead or self.told["no_picture"]
            if tile.words != words:
                tile.words, tile.drawn = words, None
                area[:] = (0, 0, 0)
                middle = tile.top + tile.height // 2 - 12
                self._text(words, tile.left + 12, middle, tile.width - 24, 26, self.font, INK, ground=(0, 0, 0))
        elif tile.drawn != (tile.frame, hidden):
            frame = tile.frame
            scale = min(tile.width / frame.width, tile.height / frame.height)
            width, height = max(2, int(frame.width * scale) & ~1), max(2, int(frame.height * scale) & ~1)
            picture = frame.reformat(width, height, "rgb24").to_ndarray()
            top, left = (tile.height - height) // 2, (tile.width - width) // 2
            area[:] = (0, 0, 0)
            if hidden:
                picture, spread = picture.copy(), math.ceil(SPREAD * max(1.0, scale))
            for x, y, w, h in hidden:
                across = slice(max(0, math.floor(x * width) - spread), math.ceil((x + w) * width) + spread)
                down = slice(max(0, math.floor(y * height) - spread), math.ceil((y + h) * height) + spread)
                picture[down, across] = COVER
            area[top : top + height, left : left + width] = picture
            tile.words, tile.drawn = "", (frame, hidden)

    def _strip(self) -> None:
        """The events at the bottom: the last few, the newest below."""
        shown = self.told["events"][max(0, self.event - LINES) : self.event]
        for line in range(LINES):
            text = shown[line][1] if line < len(shown) else ""
            self._text(text, 12, HEIGHT - BOTTOM + 4 + line * 24, WIDTH - 24, 24, self.small, INK)
        note = self.told["note"]
        self._text(note, 12, HEIGHT - 25, WIDTH - 24, 24, self.small, SOFT)

    def _text(
        self, text: str, left: int, top: int, width: int, height: int, font: Any, ink: Any, ground: Any = GROUND
    ) -> None:
        image = Image.new("RGB", (width, height), ground)
        ImageDraw.Draw(image).text((0, 0), _plain(text), fill=ink, font=font)
        self.canvas[top : top + height, left : left + width] = np.asarray(image)

    def _watermark(self) -> tuple[Any, ...]:
        """The places of a text that lies over all pictures, again and again."""
        image = Image.new("L", (WIDTH, HEIGHT), 0)
        pen = ImageDraw.Draw(image)
        for row, top in enumerate(range(TOP + 60, HEIGHT - BOTTOM, 130)):
            for left in range(-200 + 160 * (row % 2), WIDTH, 420):
                pen.text((left, top), _plain(self.told["watermark"]), fill=255, font=self.font)
        return np.nonzero(np.asarray(image) > 128)

    def _marked(self) -> Any:
        marked = self.canvas.copy()
        marked[self.mark] = marked[self.mark] // 2 + 70
        return marked


def _tiles(tracks: list[dict[str, Any]]) -> dict[int, Tile]:
    """The pictures side by side, as large as they can be; beside the shared screen in a column of their own."""
    cameras = [index for index, track in enumerate(tracks) if track["kind"] == "video"]
    screens = [index for index, track in enumerate(tracks) if track["kind"] == SCREEN]
    if not screens:
        columns = 1 if len(cameras) <= 1 else 2 if len(cameras) <= 4 else 3
        return _grid(tracks, cameras, columns, 0, WIDTH)
    left = WIDTH - SIDE if cameras else WIDTH
    columns = 1 if len(cameras) <= 3 else 2
    return _grid(tracks, screens, 1, 0, left) | _grid(tracks, cameras, columns, left, SIDE)


def _grid(tracks: list[dict[str, Any]], indexes: list[int], columns: int, begin: int, across: int) -> dict[int, Tile]:
    rows = max(1, -(-len(indexes) // columns))
    width, height = across // columns, (HEIGHT - TOP - BOTTOM) // rows
    made = {}
    for place, index in enumerate(indexes):
        left, top = begin + place % columns * width, TOP + place // columns * height
        track = tracks[index]
        made[index] = Tile(
            *(track["label"], left + 2, top, width - 4, height - 26),
            gaps=[(start, end, words) for start, end, words in track["gaps"]],
            redacted=[(start, end, words) for start, end, words in track["redacted"]],
            regions=[(start, end, (x, y, w, h)) for start, end, x, y, w, h in track["regions"]],
            lasts=track["kind"] == SCREEN,
        )
    return made


def _spans(redacted: list[tuple[int, int, str]]) -> list[tuple[int, int]]:
    return [(start, end) for start, end, _ in redacted]


def _decoder(name: str) -> Any:
    decoder = av.CodecContext.create(name, "r")
    decoder.thread_count = 1
    return decoder


def _font(path: str, size: int) -> Any:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:300]


def main() -> int:
    """Read everything from stdin; the exit code is 0 when the file is whole."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stdin = sys.stdin.buffer
    (length,) = struct.unpack(">I", stdin.read(4))
    with os.fdopen(3, "w+b") as file:
        film = Film(json.loads(stdin.read(length)), file)
        while head := stdin.read(HEAD.size):
            index, keyframe, time_ms, size = HEAD.unpack(head)
            if size > MOST_FRAME:
                return 1
            film.take(index, time_ms, bool(keyframe), stdin.read(size))
        film.finish()
        file.flush()
        os.fsync(file.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
