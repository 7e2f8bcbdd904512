"""When the recorded screen is drawn, when nothing is known of it, and what becomes of a browser that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from server.evidence import screen_pictures
from server.evidence.screen_browser import NoScreen
from server.evidence.screen_pictures import RESTARTS, ScreenPictures
from server.recording.segment import pack_lines
from server.recording.webm import Block

LOST = "here nothing was drawn"


class Browser:
    """Stands for Chromium: a picture is the text that was drawn last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._followed = False
        self._last = ""

    async def apply(self, lines: bytes) -> bool:
        told = [json.loads(line) for line in lines.splitlines()]
        self._desk.applied.append([line["at"] for line in told])
        if any(line["data"] == self._desk.fails_at for line in told):
            raise NoScreen("it fell over")
        self._followed = self._followed or any(line["keyframe"] for line in told)
        self._last = str(told[-1]["data"])
        return self._followed

    async def clear(self) -> None:
        self._followed = False

    async def picture(self) -> bytes:
        return self._last.encode()

    async def check_memory(self) -> None:
        self._desk.checked += 1


class Desk:
    """Starts browsers."""

    def __init__(self) -> None:
        self.applied: list[list[int]] = []
        self.started = self.ended = self.checked = 0
        self.fails_at = ""
        self.refuses = False

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Any]:
        self.started += 1
        if self.refuses:
            raise NoScreen("no usable sandbox")
        try:
            yield Browser(self)
        finally:
            self.ended += 1


def line(at: int, data: str, *, keyframe: bool = False) -> bytes:
    told = {"at": at, "kind": "rrweb", "epoch": "e", "keyframe": keyframe, "data": data}
    return json.dumps(told).encode()


async def drawn(
    desk: Desk, *segments: tuple[int, bytes | None], gaps: tuple[tuple[int, int], ...] = ()
) -> tuple[list[tuple[int, bool, str]], str]:
    """The pictures, and what is missing."""

    async def each() -> AsyncIterator[tuple[int, bytes | None]]:
        for segment in segments:
            yield segment

    source = ScreenPictures(desk.start, gaps=gaps, lost=LOST)
    blocks: list[Block] = [block async for block in source.blocks(each())]
    assert [block.time_ms for block in blocks] == sorted(block.time_ms for block in blocks)
    assert desk.started == desk.ended + (desk.started if desk.refuses else 0), "no browser is left over"
    return [(block.time_ms, block.keyframe, block.data.decode()) for block in blocks], source.missing


async def test_lines_of_a_fifth_of_a_second_are_one_picture() -> None:
    desk = Desk()
    lines = [line(50, "before"), line(400, "a", keyframe=True), line(500, "b"), line(599, "c"), line(600, "d")]
    shown, missing = await drawn(desk, (0, pack_lines(lines[:3])), (500, pack_lines(lines[3:])))
    assert shown == [(599, True, "c"), (600, True, "d")]
    assert desk.applied == [[400, 500, 599], [600]]
    assert (desk.started, missing) == (1, "")


async def test_nothing_is_shown_from_a_gap_to_the_next_full_picture() -> None:
    lines = [line(100, "a", keyframe=True), line(2100, "lost"), line(2500, "b", keyframe=True), line(3000, "c")]
    shown, missing = await drawn(Desk(), (0, pack_lines(lines)), gaps=((1000, 2000), (5000, 6000)))
    assert shown == [(100, True, "a"), (1000, True, ""), (2500, True, "b"), (3000, True, "c")]
    assert missing == ""


async def test_nothing_is_shown_after_what_cannot_be_read() -> None:
    good = pack_lines([line(100, "a", keyframe=True)])
    again = pack_lines([line(6100, "x"), line(6500, "b", keyframe=True)])
    for torn in (None, b"no zstd", pack_lines([b"no json"]), pack_lines([b"x" * (screen_pictures.MOST_LINE + 2)])):
        shown, _ = await drawn(Desk(), (0, good), (2000, torn), (6000, again))
        assert shown == [(100, True, "a"), (2000, True, ""), (6500, True, "b")]


async def test_a_browser_that_fails_is_started_again_for_the_next_full_picture() -> None:
    desk = Desk()
    desk.fails_at = "b"
    lines = [line(0, "a", keyframe=True), line(1000, "b"), line(2000, "c"), line(3000, "d", keyframe=True)]
    shown, missing = await drawn(desk, (0, pack_lines(lines)))
    assert shown == [(0, True, "a"), (1000, False, LOST), (3000, True, "d")]
    assert (desk.started, desk.ended, missing) == (2, 2, "from 1 s: it fell over")


async def test_it_is_not_started_again_and_again() -> None:
    desk = Desk()
    desk.fails_at = "b"
    lines = [line(0, "a", keyframe=True)]
    lines += [line(number * 1000, "b", keyframe=True) for number in range(1, 10)]
    shown, _ = await drawn(desk, (0, pack_lines(lines)))
    assert desk.started == desk.ended == RESTARTS + 1
    assert len(shown) == 1 + RESTARTS + 1


async def test_one_that_does_not_start_is_said_once() -> None:
    desk = Desk()
    desk.refuses = True
    lines = [line(number * 1000, "a", keyframe=True) for number in range(5)]
    shown, missing = await drawn(desk, (0, pack_lines(lines)))
    assert (shown, missing, desk.started) == ([(0, False, LOST)], "from 0 s: no usable sandbox", 1)


async def test_its_memory_is_looked_at_now_and_then() -> None:
    desk = Desk()
    await drawn(desk, (0, pack_lines([line(number * 200, "a", keyframe=True) for number in range(120)])))
    assert desk.checked == 120 // screen_pictures.CHECKED
