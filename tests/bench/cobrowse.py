"""`./dev bench cobrowse`: how long a change on the customer's page takes to show in the specialist's copy of it.

A whole stack with both pages in real Chromium, in a call with pictures and sound. Both pages read the machine's own
clock, so the figure has everything in it: recording, batching, two hops, cleaning, replaying.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

from playwright.async_api import Page

from demo.browser import KIOSK_SCREEN, first_frame_at, open_browser
from demo.fixtures import SPECIALIST
from demo.page_objects import ConsolePage, KioskPage, log_in
from demo.processes import ROOT, Stack, free_port, running
from demo.synthetic_media import prepare

CHANGES = 100

# Changes at uneven times, so that they do not keep step with any timer on the way.
_CHANGE = """async (count) => {
  const line = document.createElement("p");
  line.id = "bench";
  line.textContent = "change 0";
  document.body.append(line);
  const made = {};
  for (let number = 1; number <= count; number++) {
    await new Promise((resolve) => setTimeout(resolve, 70 + ((number * 37) % 61)));
    line.textContent = `change ${number}`;
    made[line.textContent] = Date.now();
  }
  return made;
}"""

_WATCH = """() => {
  const copy = document.querySelector(".cobrowse iframe").contentDocument.querySelector("iframe").contentDocument;
  const seen = (window.__visavisSeen = {});
  const look = () => {
    const text = copy.querySelector("#bench")?.textContent;
    if (text) seen[text] ??= Date.now();
  };
  new MutationObserver(look).observe(copy, { subtree: true, childList: true, characterData: true });
}"""


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from the change to the copy. `missed` changes were overtaken by the next before they showed."""

    changes: int
    missed: int
    p50_ms: float
    p95_ms: float
    most_ms: float


async def measure(kiosk: Page, console: Page, changes: int = CHANGES) -> Delays:
    """Change the customer's page, in a call, and look at the copy in the console."""
    await console.frame_locator(".cobrowse iframe").frame_locator("iframe").locator("kiosk-app").wait_for()
    await console.evaluate(_WATCH)
    made: dict[str, int] = await kiosk.evaluate(_CHANGE, changes)
    async with asyncio.timeout(60):
        while f"change {changes}" not in (seen := await console.evaluate("window.__visavisSeen")):
            await asyncio.sleep(0.1)
    await kiosk.locator("#bench").evaluate("(line) => line.remove()")
    delays = sorted(float(seen[text] - at) for text, at in made.items() if text in seen)
    cuts = quantiles(delays, n=20, method="inclusive")
    return Delays(changes, changes - len(delays), cuts[9], cuts[18], delays[-1])


def main(arguments: Sequence[str] = ()) -> int:
    """Measure once on a stack of its own and print the figures as JSON."""
    changes = int(arguments[0]) if arguments else CHANGES
    with tempfile.TemporaryDirectory() as folder:
        delays = asyncio.run(_whole_call(Path(folder), changes))
    print(json.dumps(asdict(delays)))
    return 0


async def _whole_call(folder: Path, changes: int) -> Delays:
    media = prepare(ROOT / ".cache" / "demo")
    stack = Stack(folder / "data", free_port(), free_port(), documents=media.documents)
    async with (
        running(stack),
        open_browser(video=media.customer_video, audio=media.customer_audio, screen=KIOSK_SCREEN) as customers,
        open_browser(video=media.specialist_video, audio=media.specialist_audio) as specialists,
    ):
        desk = await log_in(specialists, stack.server_url, SPECIALIST.face, SPECIALIST.login, stack.password)
        console = ConsolePage(desk)
        await console.make_available()
        kiosk = await KioskPage.open(customers, stack.kiosk_url)
        await kiosk.want_expert()
        await kiosk.agree()
        await console.answer()
        await asyncio.gather(first_frame_at(kiosk.page), first_frame_at(console.page))
        return await measure(kiosk.page, console.page, changes)
