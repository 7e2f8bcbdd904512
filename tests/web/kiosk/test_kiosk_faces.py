"""What a customer must be able to read, reach and trust on each screen, in every mode and language."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from demo.page_objects import FORM_DATA
from link.protocol.values import SessionState
from tests.big import big
from tests.web.audit import SPEAK
from tests.web.kiosk.looks import SCREENS, TYPE, all_on_screen, each_look
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium

# Of each product: whatever is said of it, and whether all of it can be seen.
_PRODUCTS = """() => [...document.querySelectorAll(".product")].map((product) => {
  const unseen = (part) => !part.checkVisibility() || part.getBoundingClientRect().height < 10;
  const parts = [...product.querySelectorAll("b, small, .risk")];
  return [product.innerText, parts.filter(unseen).map((part) => part.textContent)];
})"""
# The one way that is left while the server is away.
_LOBBY_UNSEEN = """() => {
  const note = document.querySelector("kiosk-home > .note b");
  const { top, bottom, height } = note.getBoundingClientRect();
  return height > 10 && top >= 0 && bottom <= innerHeight ? [] : [note.textContent];
}"""
_OVER_THE_EXPERT = """() => {
  const [a, b] = [".screen-of-call", ".dialog"].map((part) => document.querySelector(part).getBoundingClientRect());
  const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  return apart ? [] : ["the question lies over the expert"];
}"""
# Contrast of an element's edge, or of its ring while it has the keyboard, with what it lies on: (1 = none).
_EDGES = """(selector) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data]
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  return [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility()).map((element) => {
    const style = getComputedStyle(element);
    const ring = ratio(style.getPropertyValue("--focus-ring").split(" ")[2], "#fff");
    return [element.name || element.className, Math.min(ratio(style.borderTopColor, style.backgroundColor), ring)];
  });
}"""
_IDLE = """async (changes) => {
  const { idleLimit } = await import("/static/src/kiosk/kiosk.js");
  const state = document.querySelector("kiosk-app").kiosk.state;
  const limit = idleLimit({ ...state, ...changes, session: { ...state.session, ...changes.session } }, 90);
  return limit === Infinity ? "never asked" : limit;
}"""
RISKS = {
    "zh-CN": ("业绩比较基准", "期限", "风险 R4", "3.20% – 5.50%", "随时可能出现亏损", "3 年"),
    "en": ("benchmark", "term", "Risk R4", "3.20% – 5.50%", "Losses are possible at any time", "3 years"),
}


async def test_no_mode_hides_what_a_product_may_cost(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.page.evaluate("document.querySelector('kiosk-app').kiosk.openForm()")
        await at.hands.form.wait_for()
        for screen in SCREENS:
            await at.page.set_viewport_size(screen)
            for elderly in (True, False):
                await at.page.evaluate(TYPE, elderly)
                for language, facts in RISKS.items():
                    await at.page.evaluate(SPEAK, language)
                    products = await at.page.evaluate(_PRODUCTS)
                    assert [hidden for _, hidden in products if hidden] == [], (screen, elderly, language)
                    assert all(fact in products[3][0] for fact in facts), (screen, elderly, language)
                    promise = "no promise" if language == "en" else "不代表收益承诺"
                    await expect(at.page.locator(".small-print", has_text=promise)).to_be_visible()


async def dotted(at: Kiosk, name: str) -> bool:
    style = "(input) => getComputedStyle(input).webkitTextSecurity"
    return bool(await at.page.locator(f"#field-{name}").evaluate(style) == "disc")


async def test_numbers_are_dots_once_entered_and_shown_by_a_tap(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.hands.open_form()
        await at.hands.form.locator(".product").first.click()
        await at.hands.next_step()
        for number in range(4):
            await at.hands.form.locator("fieldset.question").nth(number).locator(".answer").last.click()
        await at.hands.next_step()
        edges = await at.page.evaluate(_EDGES, ".field input")
        assert [edge for edge in edges if edge[1] < 3] == []
        assert len(edges) == 5
        for name in ("identity", "card", "phone", "name"):
            await at.page.locator(f"#field-{name}").press_sequentially(FORM_DATA[name])
            assert not await dotted(at, name), "who types reads what they type"
        for name in ("identity", "card", "phone"):
            assert await dotted(at, name), name
        assert not await dotted(at, "name")
        await at.page.locator("#field-card").click()
        assert not await dotted(at, "card")
        # A few seconds later it is dots again, although the keyboard is still there.
        async with asyncio.timeout(25):
            while not await dotted(at, "card"):
                await asyncio.sleep(0.1)
        # The expert hangs up, and whoever comes next goes "back to the form".
        at.office.end()
        await at.hands.page.locator("kiosk-rating .actions .quiet").click()
        await at.page.locator("kiosk-thanks .button").first.click()
        await at.hands.form.wait_for()
        for name in ("identity", "card", "phone"):
            assert await dotted(at, name), name


async def test_the_idle_rule_of_every_part_of_a_call(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        question = at.page.get_by_role("alertdialog")
        await idle_left(at, 15)
        await expect(question).to_contain_text("15 秒后将返回首页")
        await idle_left(at, None)
        await at.page.get_by_role("button", name="请大堂经理协助").click()
        await expect(at.page.locator(".help-asked")).to_be_visible()
        await idle_left(at, 15)
        await expect(question).to_contain_text("15 秒后将取消您的协助请求")
        await idle_left(at, None)
        await at.wait_for_expert()
        await idle_left(at, 42)
        await expect(question).to_contain_text("42 秒后将为您取消等候。")
        await idle_left(at, None)
        waiting = await at.page.evaluate(_IDLE, {})
        assert isinstance(waiting, int)
        at.office.ring()
        await expect(at.page.locator("kiosk-waiting")).to_contain_text("正在为您呼叫专家")
        assert await at.page.evaluate(_IDLE, {}) == "never asked"
        at.office.answer()
        await at.hands.in_call()
        limit = await at.page.evaluate(_IDLE, {})
        assert isinstance(limit, int)
        assert waiting < limit <= 900
        await idle_left(at, 42)
        await expect(question).to_contain_text("42 秒后将结束通话。")
        assert await each_look(at, _OVER_THE_EXPERT) == []
        await expect(question.get_by_role("button", name="继续通话")).to_be_enabled()
        await idle_left(at, None)
        await at.hands.open_form()
        await idle_left(at, 42)
        await expect(question).to_contain_text("42 秒后将结束通话，并清除您填写的全部内容。")


async def idle_left(at: Kiosk, left: int | None) -> None:
    """Whether somebody is still there is asked, with so many seconds left, or not any more."""
    await at.page.evaluate("(left) => document.querySelector('kiosk-app').kiosk.setIdle(left)", left)


@big
async def test_everything_can_be_pressed_on_every_screen(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await all_on_screen(at)
        await at.page.locator("button.expert").click()
        await all_on_screen(at)
        await at.page.locator("kiosk-services .choice").first.click()
        await at.page.locator("kiosk-notice").wait_for()
        await all_on_screen(at)


async def test_a_home_page_without_the_server_holds_together_and_sends_to_the_lobby(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        at.agent.stop()
        await expect(at.page.locator("kiosk-home > .note")).to_be_visible()
        assert await each_look(at, _LOBBY_UNSEEN) == []
        for screen in SCREENS[:2]:
            await at.page.set_viewport_size(screen)
            expert = await at.page.locator("button.expert").bounding_box()
            assert expert is not None
            assert expert["height"] > 150, screen
            tiles = at.page.locator(".tile")
            for number in range(await tiles.count()):
                box = await tiles.nth(number).bounding_box()
                assert box is not None
                assert box["height"] >= 60, (screen, number)
        home = at.page.locator("kiosk-home")
        await expect(home).to_contain_text("请直接找大堂经理")
        await expect(home.get_by_role("button", name="请大堂经理协助")).to_have_count(0)
        await expect(home.get_by_role("button", name="购买理财产品")).to_be_enabled()


async def test_the_keyboard_is_never_nowhere(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        somewhere = "() => document.activeElement !== document.body && document.activeElement.checkVisibility()"
        await at.page.locator("button.expert").focus()
        await at.hands.want_expert()
        await at.page.wait_for_function(somewhere)
        await at.hands.agree()
        await at.page.wait_for_function(somewhere)
        at.office.answer()
        await at.hands.in_call()
        await at.page.wait_for_function(somewhere)
        # What was pressed goes with its answer.
        at.office.ask_document("d1")
        await at.hands.decline_document()
        await expect(at.page.locator("kiosk-document section")).to_have_count(0)
        await at.page.wait_for_function(somewhere)
        await at.hands.open_form()
        await at.page.wait_for_function(somewhere)
        await at.page.locator(".call-bar .button.danger").click()
        await at.page.wait_for_function(somewhere)
        at.office.end()
        await at.page.locator("kiosk-rating").wait_for()
        await at.page.wait_for_function(somewhere)
        await at.page.locator("kiosk-rating .actions .quiet").click()
        await at.page.locator("kiosk-thanks").wait_for()
        await at.page.wait_for_function(somewhere)
        await at.page.locator("kiosk-thanks .button").first.click()
        await at.hands.form.wait_for()
        await at.page.wait_for_function(somewhere)
        await at.hands.form.get_by_text("退出办理").click()
        await at.page.wait_for_function(somewhere)
        await at.page.get_by_role("button", name="请大堂经理协助").click()
        await expect(at.page.locator(".help-asked")).to_be_visible()
        await at.page.wait_for_function(somewhere)


@big
async def test_advice_is_advice_and_each_language_stands_alone(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        home = at.page.locator("kiosk-home")
        await expect(home).to_contain_text("呼叫专家")
        await expect(home).not_to_contain_text("Talk to an expert")
        await expect(home).not_to_contain_text("Wealth")
        await home.locator(".tile", has_text="理财咨询").click()
        await expect(at.page.locator("kiosk-notice")).to_contain_text("理财咨询")


async def test_who_cannot_be_heard_finds_the_buttons_and_no_false_word(tmp_path: Path) -> None:
    async with kiosk(tmp_path, devices=False) as at:
        await at.wait_for_expert()
        await expect(at.page.locator("kiosk-waiting .note")).not_to_contain_text("下方按钮")
        at.office.answer()
        await at.hands.in_call()
        await expect(at.page.locator("kiosk-call .note")).to_contain_text("下方按钮")
        await expect(at.page.locator("kiosk-call .reply")).to_have_count(5)
        await expect(at.page.locator("kiosk-desk")).not_to_contain_text("专家能听到")
        assert at.office.session is not None
        assert at.office.session.state is SessionState.ACTIVE


async def test_the_page_says_while_the_tray_is_seen_and_may_close_it(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        seen = at.page.locator("kiosk-document .tray-seen")
        at.office.ask_document("d1")
        await at.page.locator("kiosk-document .button.primary").wait_for()
        await expect(seen).to_have_count(0)
        at.office.upload_statuses = [503] * 50
        await at.page.locator("kiosk-document .button.primary").click()
        await expect(seen).to_be_visible()
        await expect(seen).to_contain_text("专家能看到台面")
        await at.page.get_by_role("button", name="停止拍摄，不出示").click()
        await expect(seen).to_have_count(0)
        assert at.office.documents == {}


async def test_a_reload_without_the_kiosk_client_shows_a_page_of_ours(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
        await at.page.wait_for_function("navigator.serviceWorker.controller !== null")
        await at.client_dies()
        await at.page.reload()
        await expect(at.page.locator(".away")).to_contain_text("自助终端正在重新启动")
        await expect(at.page.locator(".away")).to_contain_text("大堂经理")
        assert await at.page.evaluate("getComputedStyle(document.querySelector('.sheet')).borderRadius") == "26px"
        await at.client_returns()
        await at.page.locator("kiosk-home button.expert:enabled").wait_for(timeout=30_000)
