"""What both pages say about the recording while the network goes away and comes back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from playwright.async_api import Page, expect

from tests.big import big
from tests.end_to_end.conftest import Faces
from tests.end_to_end.wire import Wire
from tests.machine import allow

# Keeps every text that the element had, with its time in seconds since the begin.
_WATCH = """
(selector) => {
  const said = (window.__said = []);
  const begun = performance.now();
  const look = () => {
    const text = document.querySelector(selector)?.textContent.replace(/\\s+/g, " ").trim() ?? "";
    if (text !== said.at(-1)?.[1]) said.push([(performance.now() - begun) / 1000, text]);
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}
"""


@dataclass
class Words:
    """What one page says of the recording, from now on."""

    page: Page
    selector: str

    async def begin(self) -> None:
        await self.page.evaluate(_WATCH, self.selector)

    async def said(self) -> list[str]:
        return [text for _, text in await self._all()]

    async def changed(self) -> float:
        """When something else was said first, in seconds since the begin."""
        return (await self._all())[1][0]

    async def first(self, words: str) -> float:
        """When it was first said, in seconds since the begin."""
        return next(at for at, text in await self._all() if words in text)

    async def says(self, words: str, timeout_s: float = 30.0) -> None:
        await expect(self.page.locator(self.selector)).to_contain_text(words, timeout=timeout_s * 1000)

    async def _all(self) -> list[tuple[float, str]]:
        return [(at, text) for at, text in await self.page.evaluate("window.__said")]


@big
async def test_nobody_claims_a_recording_that_is_not_there(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    kiosk = Words(faces.kiosk.page, "kiosk-call .recording")
    console = Words(faces.console.page, ".topbar-call [role=status]")
    await kiosk.says("屏幕操作")
    await console.says("5 路")
    for words in (kiosk, console):
        await words.begin()
    wire.part()
    await asyncio.sleep(0.5)
    wire.heal()
    await asyncio.sleep(2.5)
    assert [len(await words.said()) for words in (kiosk, console)] == [1, 1], "half a second is no news"
    for words in (kiosk, console):
        await words.begin()
    wire.part()
    try:
        await kiosk.says("连接中断，录制可能暂停")
        await console.says("您这一侧未录制")
    finally:
        wire.heal()
    for words, loss in ((kiosk, "录制可能暂停"), (console, "未录制")):
        changed, lost = await words.changed(), await words.first(loss)
        print(f"{words.selector}: in doubt after {changed:.1f} s, lost after {lost:.1f} s")
        assert changed <= allow(2.0)
        assert lost <= allow(3.4)
    await kiosk.says("正在录制")
    await console.says("录制中")
    await faces.kiosk.hang_up()
