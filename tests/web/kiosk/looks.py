"""What every screen of the kiosk must be for everybody: large enough, named, and of enough contrast."""

from __future__ import annotations

from playwright.async_api import ViewportSize

from tests.big import BIG
from tests.web.audit import SPEAK, faults, faults_everywhere
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


_LOOK_SMALL = f"() => ({_SMALL})(document.documentElement.matches('.elderly') ? [26, 80] : [18, 60])"

# What can be pressed and is not wholly on the screen. A form's own fields may be scrolled to, as may a long notice.
_HIDDEN = """() => {
  const hidden = [];
  for (const element of document.querySelectorAll("button")) {
    if (!element.checkVisibility() || element.closest(".form-body, [inert]")) continue;
    const box = element.getBoundingClientRect();
    let [top, bottom] = [0, innerHeight];
    for (let node = element.parentElement; node; node = node.parentElement) {
      if (getComputedStyle(node).overflowY === "visible") continue;
      const edge = node.getBoundingClientRect();
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    if (box.top < top - 1 || box.bottom > bottom + 1) hidden.push(element.textContent.trim());
  }
  return hidden;
}"""
SCREENS = (
    ViewportSize(width=1080, height=1920),
    ViewportSize(width=1920, height=1080),
    ViewportSize(width=1366, height=768),
    ViewportSize(width=1280, height=1024),
)

# What can be pressed and lies under something else, as a sticky row of buttons over what is scrolled. A document
# that is asked for lies over the work below on purpose, until it is answered.
_COVERED = """() => [...document.querySelectorAll("button")].filter((button) => {
  if (!button.checkVisibility() || button.closest(".form-body, [inert]") || button.disabled) return false;
  const { left, top, width, height } = button.getBoundingClientRect();
  const x = left + width / 2;
  const hit = (y) => {
    const found = document.elementFromPoint(x, y);
    return found?.closest(".document") && !button.closest(".document") ? button : found?.closest("button");
  };
  return [top + height / 2, top + 5, top + height - 5].some((y) => hit(y) !== button);
}).map((button) => `covered: ${button.textContent.trim()}`)"""


async def each_look(at: Kiosk, script: str) -> list[str]:
    """What `script` finds upright and lying, in both languages and sizes of type, and where."""
    found: list[str] = []
    for screen in (SCREENS[-1], *SCREENS[:-1]):
        await at.page.set_viewport_size(screen)
        # On the narrowest one, ordinary type has as much room as on the one that is lower.
        for elderly in (True, False) if BIG or screen is not SCREENS[-1] else (True,):
            await at.page.evaluate(TYPE, elderly)
            # English in large type needs the most room.
            for language in ("en", "zh-CN") if BIG else ("en",) if elderly else ("zh-CN",):
                await at.page.evaluate(SPEAK, language)
                where = f"{screen['width']} {language} {'elderly ' * elderly}"
                found += [f"{where}{text}" for text in await at.page.evaluate(script)]
    await at.page.set_viewport_size(SCREENS[0])
    return found


async def all_on_screen(at: Kiosk) -> None:
    """Every button is wholly on the screen, however it is looked at, and large enough."""
    found = await each_look(at, f"() => [...({_HIDDEN})(), ...({_COVERED})(), ...({_LOOK_SMALL})()]")
    assert found == [], found


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
        assert await (faults_everywhere(at.page) if elderly or BIG else faults(at.page)) == []
