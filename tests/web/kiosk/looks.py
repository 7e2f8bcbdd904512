"""What every screen of the kiosk must be for everybody: large enough, named, and of enough contrast."""

from __future__ import annotations

from tests.web.audit import faults, faults_everywhere
from tests.web.kiosk.rig import Kiosk

# What is smaller than it may be, as far as a program can see: type in pixels, and what a finger must hit.
_SMALL = """
([type, target]) => {
  const small = [];
  const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  for (const element of document.querySelectorAll("body *")) {
    if (!shown(element) || element.closest(".visually-hidden, .hand-layer")) continue;
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (text && size < type - 0.01) small.push(`type ${size}: ${element.localName}.${element.className}`);
    if (!element.matches("button, input:not([type=radio]):not([type=checkbox]), label:has(> input)")) continue;
    const { width, height } = element.getBoundingClientRect();
    if (width < target || height < target) {
      small.push(`target ${width}x${height}: ${element.localName}.${element.className}`);
    }
  }
  return [...new Set(small)];
}
"""


async def fine(at: Kiosk, *, elderly: bool = False) -> None:
    """Nothing is too small, everything has a name, and every text stands out enough."""
    limits = [26, 80] if elderly else [18, 60]
    assert await at.page.evaluate(_SMALL, limits) == []
    assert await faults(at.page) == []


TYPE = "(elderly) => document.querySelector('kiosk-app').kiosk.setElderly(elderly)"


async def fine_for_everybody(at: Kiosk) -> None:
    """The screen that shows is fine in both languages and both sizes of type."""
    for elderly in (True, False):
        await at.page.evaluate(TYPE, elderly)
        await at.page.locator("html.elderly" if elderly else "html:not(.elderly)").wait_for()
        assert await at.page.evaluate(_SMALL, [26, 80] if elderly else [18, 60]) == []
        assert await faults_everywhere(at.page) == []
