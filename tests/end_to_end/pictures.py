"""When the pages of a call decoded new camera pictures, and how long none came."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.async_api import Page

from demo.browser import inbound
from link.tasks import cancel, spawn

_TOLD = ("packetsReceived", "packetsLost", "nackCount", "pliCount", "keyFramesDecoded", "framesReceived")


@dataclass(frozen=True, slots=True)
class Picture:
    """A reading that saw more decoded pictures than the one before, `moment` by the monotonic clock."""

    moment: float
    ssrc: int
    frames: int
    told: dict[str, int]


class Pictures:
    """When each page decoded new camera pictures, by the browser's own statistics, to within 50 ms.

    The camera is the liveliest picture. A peer that is replaced begins anew at no pictures; that is no pause.
    """

    def __init__(self, *pages: Page) -> None:
        self._pages = pages
        self._seen: list[list[Picture]] = [[] for _ in pages]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Pictures:
        self._tasks = [spawn(self._watch(index), name="pictures") for index in range(len(self._pages))]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            await cancel(task)

    async def _watch(self, index: int) -> None:
        last: dict[Any, int] = {}
        while True:
            rows = [row for row in await inbound(self._pages[index]) if row.get("kind") == "video"]
            now = {(row["id"], row["ssrc"]): int(row.get("framesDecoded", 0)) for row in rows}
            if rows:
                liveliest = max(rows, key=lambda row: int(row.get("framesDecoded", 0)))
                frames = int(liveliest.get("framesDecoded", 0))
                if frames > last.get((liveliest["id"], liveliest["ssrc"]), 0):
                    told = {name: int(liveliest.get(name, 0)) for name in _TOLD}
                    self._seen[index].append(Picture(time.monotonic(), liveliest["ssrc"], frames, told))
            last = now
            await asyncio.sleep(0.05)

    def _moments(self, index: int) -> list[float]:
        return [picture.moment for picture in self._seen[index]]

    def pauses(self, begun: float, over: float) -> list[float]:
        """The longest time without a new picture between two moments, for each page; what surrounds it is printed."""
        longest = []
        for index in range(len(self._pages)):
            edges = [begun, *(moment for moment in self._moments(index) if begun < moment < over), over]
            length, start = max((end - start, start) for start, end in pairwise(edges))
            longest.append(length)
            print(f"page {index}: {length:.2f} s without a picture, {start - begun:.2f} s after the beginning")
            for picture in self._seen[index]:
                if -0.2 < picture.moment - start < length + 0.2:
                    print(f"  {picture.moment - begun:.2f} s {picture.ssrc} {picture.frames} {picture.told}")
        return longest

    async def after(self, moment: float, within: float) -> list[float]:
        """Seconds from `moment` to the first picture of each page after it."""
        async with asyncio.timeout(within):
            every = range(len(self._pages))
            while not all(any(seen > moment for seen in self._moments(index)) for index in every):
                await asyncio.sleep(0.02)
        return [min(seen for seen in self._moments(index) if seen > moment) - moment for index in every]

    async def steady(self, pages: int, within: float = 60.0) -> None:
        """Wait until every page has shown pictures for a second without a pause of 0.5 s."""
        async with asyncio.timeout(within):
            while True:
                now = time.monotonic()
                recent = [
                    [seen for seen in self._moments(index) if seen > now - 1] for index in range(len(self._pages))
                ]
                if len(recent) == pages and all(len(seen) >= 4 for seen in recent):
                    return
                await asyncio.sleep(0.1)
