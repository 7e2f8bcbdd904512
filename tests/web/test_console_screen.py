"""The customer's screen in the console: its size, what part of it is seen, and that pointing hits the right place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, expect

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.values import Document, DocumentState
from server.cobrowse import sanitise
from tests.big import big
from tests.web.audit import faults, faults_everywhere
from tests.web.console_rig import console, into_call
from tests.web.desk_server import Desk

pytestmark = pytest.mark.chromium

WIDTH, HEIGHT = 1080, 1920
FIELD, PICTURE = 20, 21
SCREENS = [ViewportSize(width=1280, height=720), ViewportSize(width=1920, height=1080)]


def _element(tag: str, number: int, style: str, children: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": 2,
        "tagName": tag,
        "id": number,
        "attributes": {"style": style, **more},
        "childNodes": children or [],
    }


def portrait_page() -> list[object]:
    """A kiosk's page of 1080 by 1920: a masked picture, and a field of 200 by 40 with its middle at (800, 1700)."""
    masked = _element("video", PICTURE, "position:absolute;left:40px;top:40px", rr_width="1000px", rr_height="500px")
    field = _element(
        "input", FIELD, "position:absolute;left:700px;top:1680px;width:200px;height:40px;padding:0;border:0"
    )
    body = _element("body", 5, "margin:0;height:1920px;position:relative", [masked, field])
    html = {"type": 2, "tagName": "html", "attributes": {}, "id": 3, "childNodes": [body]}
    node = {
        "type": 0,
        "id": 1,
        "childNodes": [{"type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2}, html],
    }
    offset = {"left": 0, "top": 0}
    return [
        {"type": 4, "data": {"href": "https://kiosk.example/", "width": WIDTH, "height": HEIGHT}, "timestamp": 1000},
        {"type": 2, "timestamp": 1001, "data": {"initialOffset": offset, "node": node}},
    ]


class Screen:
    """What the specialist sees of the customer's screen."""

    def __init__(self, desk: Desk, page: Page) -> None:
        self.desk, self.page = desk, page
        self.batch = 0

    async def boxes(self) -> tuple[dict[str, float], dict[str, float]]:
        """The copy, and what it is seen through."""
        found = [
            await self.page.locator(f".tile.screen.large {part}").bounding_box()
            for part in (".cobrowse-frame", ".cobrowse")
        ]
        assert found[0] is not None
        assert found[1] is not None
        return dict(found[0]), dict(found[1])  # type: ignore[arg-type]

    async def scale(self) -> float:
        return (await self.boxes())[0]["width"] / WIDTH

    async def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the customer's page is in ours."""
        frame, _ = await self.boxes()
        return frame["x"] + x * frame["width"] / WIDTH, frame["y"] + y * frame["height"] / HEIGHT

    async def sees(self, x: float, y: float) -> bool:
        ours = await self.at(x, y)
        _, box = await self.boxes()
        return box["x"] <= ours[0] <= box["x"] + box["width"] and box["y"] <= ours[1] <= box["y"] + box["height"]

    async def until_seen(self, x: float, y: float, *, seen: bool = True) -> None:
        for _ in range(300):
            if await self.sees(x, y) is seen:
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"({x}, {y}) is {'not ' if seen else ''}seen")

    async def bring(self, x: float, y: float) -> None:
        """Turn the wheel until a point of the page is in the middle, or as near as it can be."""
        _, box = await self.boxes()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        ours = await self.at(x, y)
        await self.page.mouse.move(*middle)
        await self.page.mouse.wheel(ours[0] - middle[0], ours[1] - middle[1])
        await self.until_seen(x, y)

    def customer(self, data: dict[str, Any]) -> None:
        """The customer does something on the page."""
        self.batch += 1
        assert self.desk.session is not None
        event = {"type": 3, "timestamp": 1001 + self.batch, "data": data}
        epoch = f"e{self.desk._epoch}"
        text = sanitise(json.dumps([event]).encode()).decode()
        self.desk.post(s.CobrowseBatch(self.desk.session.id, epoch, self.batch, 0, 1, text))

    async def points_right(self, x: float = 800, y: float = 1700) -> None:
        """Pointing and outlining hit the point of the page that is under the mouse."""
        before = sum(isinstance(message, c.Point) for message in self.desk.said)
        outlined = sum(isinstance(message, c.Highlight) for message in self.desk.said)
        ours = await self.at(x, y)
        await self.page.mouse.move(ours[0] + 3, ours[1])
        await self.page.mouse.move(*ours)
        await self.desk.until(c.Point, before + 1)
        await self.page.mouse.click(*ours)
        assert await self.desk.until(c.Highlight, outlined + 1) == c.Highlight("session-1", FIELD)
        await self.page.keyboard.press("x")
        assert await self.desk.until(c.Highlight, outlined + 2) == c.Highlight("session-1", None)
        # Where the mouse stopped is told a moment after where it was first seen to move.
        for _ in range(300):
            point = [told for told in self.desk.said if isinstance(told, c.Point) and told.x is not None][-1]
            if (point.x, point.y) == pytest.approx((x / WIDTH, y / HEIGHT), abs=0.005):
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"pointed at ({point.x}, {point.y}), not at ({x / WIDTH}, {y / HEIGHT})")


async def shown(desk: Desk, page: Page) -> Screen:
    desk.events = json.loads(sanitise(json.dumps(portrait_page()).encode()))
    await into_call(desk, page)
    await expect(page.locator(".tile.screen > .no-picture")).to_have_count(0)
    await expect(page.locator("iframe.cobrowse-frame")).to_be_visible()
    return Screen(desk, page)


async def test_the_screen_is_sized_moved_and_pointed_at(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        screen = await shown(desk, page)
        assert await screen.scale() == pytest.approx(0.67, abs=0.01), "letters of 18 pixels have 12"
        frame, box = await screen.boxes()
        assert frame["y"] == pytest.approx(box["y"], abs=1), "from its top"
        assert not await screen.sees(800, 1700)
        # The wheel and the keys move it, and what is pointed at is what is under the mouse.
        await page.mouse.move(box["x"] + 200, box["y"] + 200)
        await page.mouse.wheel(5000, 5000)
        await screen.until_seen(800, 1700)
        await screen.points_right()
        # Drawn large: held with the mouse and moved, which is no click.
        for _ in range(8):
            await page.keyboard.press("1")
        assert await screen.scale() == pytest.approx(1, abs=0.01)
        outlines = sum(isinstance(message, c.Highlight) for message in desk.said)
        for _ in range(4):
            await page.mouse.move(box["x"] + 250, box["y"] + 350)
            await page.mouse.down()
            await page.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
            await page.mouse.up()
        await screen.until_seen(800, 1700)
        assert sum(isinstance(message, c.Highlight) for message in desk.said) == outlines
        await screen.points_right()
        # Keys: larger, smaller, all of it, its width; Ctrl and the wheel around the mouse.
        await page.keyboard.press("+")
        assert await screen.scale() == pytest.approx(1.25, abs=0.01)
        await page.keyboard.press("-")
        await page.keyboard.press("-")
        assert await screen.scale() == pytest.approx(0.8, abs=0.01)
        ours = await screen.at(800, 1700)
        await page.mouse.move(*ours)
        await page.keyboard.down("Control")
        await page.mouse.wheel(0, -120)
        await page.keyboard.up("Control")
        await expect(page.locator(".sizes select")).to_have_value("1")
        now = await screen.at(800, 1700)
        assert now[0] == pytest.approx(ours[0], abs=2), "it stays under the mouse"
        assert now[1] == pytest.approx(ours[1], abs=2)
        await screen.points_right()
        await page.keyboard.press("w")
        frame, box = await screen.boxes()
        assert frame["width"] == pytest.approx(box["width"], abs=1)
        await page.keyboard.press("0")
        assert await screen.sees(1, 1)
        assert await screen.sees(WIDTH - 1, HEIGHT - 1)
        await screen.points_right()
        # Without the pointer the arrow keys move the page.
        await page.keyboard.press("1")
        await page.keyboard.press("p")
        await page.locator(".cobrowse").focus()
        for _ in range(14):
            await page.keyboard.press("ArrowUp")
        for _ in range(14):
            await page.keyboard.press("ArrowLeft")
        assert await screen.sees(1, 1)
        await page.keyboard.press("PageDown")
        await screen.until_seen(1, 1, seen=False)
        assert person.complaints == []


async def test_the_view_follows_the_customer_until_it_is_moved_by_hand(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        screen = await shown(desk, page)
        await page.keyboard.press("1")
        assert not await screen.sees(800, 1700)
        screen.customer({"source": 1, "positions": [{"x": 800, "y": 1700, "id": FIELD, "timeOffset": 0}]})
        await screen.until_seen(800, 1700)
        screen.customer({"source": 1, "positions": [{"x": 10, "y": 10, "id": 5, "timeOffset": 0}]})
        await screen.until_seen(10, 10)
        screen.customer({"source": 2, "type": 5, "id": FIELD})  # the focus
        await screen.until_seen(800, 1700)
        follow = page.get_by_role("button", name="Follow")
        await expect(follow).to_have_attribute("aria-pressed", "true")
        _, box = await screen.boxes()
        await page.mouse.move(box["x"] + 100, box["y"] + 100)
        await page.mouse.wheel(-5000, -5000)
        await screen.until_seen(1, 1)
        await expect(follow).to_have_attribute("aria-pressed", "false")
        screen.customer({"source": 5, "id": FIELD, "text": "5", "isChecked": False})
        await expect(
            page.frame_locator("iframe.cobrowse-frame").frame_locator("iframe").locator("input")
        ).to_have_value("5")
        assert await screen.sees(1, 1), "what was moved by hand stays"
        await page.keyboard.press("f")
        await screen.until_seen(800, 1700)
        # The keyboard's pointer is followed as well.
        await page.locator(".cobrowse").focus()
        for _ in range(8):
            await page.keyboard.press("Shift+ArrowUp")
        assert not await screen.sees(800, 1700)
        assert person.complaints == []


MASK = """() => {
  const copy = document.querySelector("iframe.cobrowse-frame").contentDocument.querySelector("iframe").contentDocument;
  const style = copy.defaultView.getComputedStyle(copy.querySelector("[data-visavis-masked]"));
  return [style.backgroundColor, style.backgroundImage];
}"""


@big
async def test_size_and_masks_are_kept_and_everything_fits(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        screen = await shown(desk, page)
        legend = page.get_by_role("button", name="Masked by the bank's rule")
        await expect(legend).to_have_attribute("aria-pressed", "false")
        assert await page.evaluate(MASK) == ["rgb(11, 19, 20)", "none"]
        await page.keyboard.press("b")
        await expect(legend).to_have_attribute("aria-pressed", "true")
        assert "repeating-linear-gradient" in (await page.evaluate(MASK))[1]
        await page.locator(".sizes select").select_option("0.67")
        assert await screen.scale() == pytest.approx(0.67, abs=0.01)
        assert await faults_everywhere(page, *SCREENS) == []
        documents = [Document(f"document-{n}", "contract", DocumentState.REQUESTED, "") for n in range(3)]
        desk.update(documents=documents)
        for size in (*SCREENS, ViewportSize(width=1440, height=900)):
            await page.set_viewport_size(size)
            for key in ("w", "1"):
                await page.keyboard.press(key)
                await screen.bring(800, 1700)
                await screen.points_right()
        # A browser at 200 %: half as many pixels, one column, and the wheel goes on where the copy is at its end.
        await page.set_viewport_size({"width": 720, "height": 450})
        assert await faults(page) == []
        await page.locator(".cobrowse").scroll_into_view_if_needed()
        await page.keyboard.press("1")
        await screen.bring(800, 1700)
        await screen.points_right()
        await page.set_viewport_size({"width": 1440, "height": 900})
        # The help names the keys; the next page of this specialist begins as this one was left.
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Customer's screen larger")
        assert await faults_everywhere(page, *SCREENS) == []
        await page.keyboard.press("Escape")
        await page.reload()
        await expect(page.locator(".tile.screen > .no-picture")).to_have_count(0)
        await expect(legend).to_have_attribute("aria-pressed", "true")
        await expect(page.locator(".sizes select")).to_have_value("1")
        await page.evaluate("localStorage.setItem('visavis.console.screen.person-1', '{\"zoom\": 99, \"follow\": 7')")
        await page.reload()
        await expect(page.locator(".tile.screen > .no-picture")).to_have_count(0)
        await expect(page.locator(".sizes select")).to_have_value("readable")
        assert person.complaints == []
