"""What the kiosk page's scripts still hold of a customer who left."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from demo.page_objects import FORM_DATA
from tests.big import big
from tests.web.kiosk.rig import Kiosk, kiosk
from tests.web.kiosk.test_kiosk_page import nothing_left

pytestmark = pytest.mark.chromium


async def in_memory(at: Kiosk, *words: str) -> list[str]:
    """Which of these words the page's scripts still hold, after a collection of garbage."""
    tools = await at.context.new_cdp_session(at.page)
    pieces: list[str] = []
    tools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: pieces.append(event["chunk"]))
    await tools.send("HeapProfiler.collectGarbage")
    await tools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    await tools.detach()
    strings = json.loads("".join(pieces))["strings"]
    return [word for word in words if any(word in text for text in strings)]


@big
async def test_not_even_the_pages_memory_keeps_what_was_typed(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.say("只给这位客户")
        await at.hands.open_form()
        await at.hands.fill_form()
        words = ("只给这位客户", FORM_DATA["identity"], FORM_DATA["card"], FORM_DATA["phone"], FORM_DATA["name"])
        assert await in_memory(at, *words) == [*words]
        await at.hands.hang_up()
        await at.page.locator("kiosk-rating .button").click()
        await at.page.locator("kiosk-thanks .button.primary").click()
        await nothing_left(at)
        async with asyncio.timeout(30):
            while await in_memory(at, *words):
                await asyncio.sleep(0.5)
