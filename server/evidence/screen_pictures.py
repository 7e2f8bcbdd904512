"""The recorded screen as pictures on the session's clock, drawn by a browser (`screen_browser.py`).

There is at most one picture for each fifth of a second, and only where something was recorded: a page that stands still
costs nothing. A browser that fails is started again, and goes on with the next full picture of the page.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import msgspec
import zstandard

from server.blobs.container import Broken
from server.evidence.screen_browser import NoScreen, ScreenBrowser
from server.recording.segment import unpack_pieces
from server.recording.webm import Block

SLOT_MS: Final = 200
RESTARTS: Final = 3
MOST_LINE: Final = 8 << 20
"""Bytes of a line; a longer one is not drawn, and nothing that depends on it."""
CHECKED: Final = 50
"""Pictures after which the browser's memory is looked at."""

Starting = Callable[[], AbstractAsyncContextManager[ScreenBrowser]]
Segments = AsyncIterator[tuple[int, bytes | None]]
"""When each segment begins, and its contents; None where they cannot be read."""


class _Line(msgspec.Struct):
    at: int
    keyframe: bool = False


@dataclass(slots=True)
class _Slot:
    """Lines that are drawn together; `torn` where something before them is missing."""

    at_ms: int
    lines: list[bytes] = field(default_factory=list)
    keyframe: bool = False
    torn: bool = False
    size: int = 0


class ScreenPictures:
    """The pictures of one session's screen. `missing` says afterwards why some of them, or all, are not there."""

    def __init__(self, start: Starting, *, gaps: Sequence[tuple[int, int]], lost: str) -> None:
        """`gaps` are the times (ms) of which nothing is recorded; `lost` is what stands where drawing failed."""
        self.missing = ""
        self._start = start
        self._gaps = gaps
        self._lost = lost.encode()
        self._tries = 0
        self._drawn = 0

    async def blocks(self, segments: Segments) -> AsyncGenerator[Block, None]:
        """JPEGs in order of time (`keyframe`; empty: nothing is known), or words for where there is none."""
        browser: ScreenBrowser | None = None
        shown, last = False, -1
        async with AsyncExitStack() as running:
            async for slot in _slots(segments):
                gap = next((start for start, _ in self._gaps if last < start <= slot.at_ms), None)
                if shown and (gap is not None or slot.torn):
                    shown = False
                    yield Block(slot.at_ms if gap is None else gap, True, b"")
                last = slot.at_ms
                if self._tries > RESTARTS or not (shown or slot.keyframe):
                    continue
                try:
                    if browser is None:
                        browser = await self._started(running)
                    elif not shown:
                        await browser.clear()
                    shown = await browser.apply(b"\n".join(slot.lines))
                    picture = await browser.picture() if shown else b""
                    self._drawn += 1
                    if self._drawn % CHECKED == 0:
                        await browser.check_memory()
                except NoScreen as error:
                    self.missing = self.missing or f"from {slot.at_ms // 1000} s: {error}"
                    await running.aclose()
                    browser, shown = None, False
                    yield Block(slot.at_ms, False, self._lost)
                    continue
                yield Block(slot.at_ms, True, picture)

    async def _started(self, running: AsyncExitStack) -> ScreenBrowser:
        self._tries += 1
        try:
            return await running.enter_async_context(self._start())
        except NoScreen:
            if not self._drawn:
                self._tries = RESTARTS + 1  # what never started does not start the next time
            raise


async def _slots(segments: Segments) -> AsyncIterator[_Slot]:
    """The lines of all segments, those of one slot of time together."""
    slot: _Slot | None = None
    decoder = msgspec.json.Decoder(_Line)
    torn = False
    async for start_ms, data in segments:
        lines = _lines(data) if data is not None else iter((None,))
        for line in lines:
            told = None
            if line is not None and len(line) <= MOST_LINE:
                try:
                    told = decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    told = None
            if line is None or told is None:
                torn = True
                if slot is not None:
                    yield slot
                slot = _Slot(start_ms if slot is None else max(start_ms, slot.at_ms), torn=True)
                yield slot
                slot = None
                continue
            if slot is not None and (slot.at_ms // SLOT_MS != told.at // SLOT_MS or slot.size > MOST_LINE):
                yield slot
                slot = None
            if slot is None:
                slot = _Slot(told.at, torn=torn)
                torn = False
            slot.at_ms = max(slot.at_ms, told.at)
            slot.lines.append(line)
            slot.keyframe |= told.keyframe
            slot.size += len(line)
    if slot is not None:
        yield slot


def _lines(data: bytes) -> Iterator[bytes | None]:
    """The lines of a segment, in pieces; None at the end of what can be read, where more was to come."""
    rest = b""
    try:
        for piece in unpack_pieces(data):
            *whole, rest = (rest + piece).split(b"\n")
            yield from filter(None, whole)
            if len(rest) > MOST_LINE:
                yield None
                return
    except (Broken, zstandard.ZstdError):
        yield None
        return
    if rest:
        yield rest
