"""What a customer reads while the call is cut off: what this page can know, what happens next, and that it is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol.values import Network, NetworkQuality, SessionState
from tests.big import big
from tests.web.audit import SPEAK
from tests.web.kiosk.looks import TYPE, each_look, fine_for_everybody
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium

SILENT = Network("kiosk", NetworkQuality.BAD, "silent")

# Whether the words over the picture have room: none is cut off, none lies under the expert's name.
_CRAMPED = """() => {
  const cramped = [];
  const screen = document.querySelector(".screen-of-call").getBoundingClientRect();
  const plate = document.querySelector(".name-plate").getBoundingClientRect();
  for (const element of document.querySelectorAll(".veil > *")) {
    if (!element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    for (const box of element.localName === "wa-icon" ? [element.getBoundingClientRect()] : range.getClientRects()) {
      const covered = box.bottom > plate.top && box.left < plate.right && box.right > plate.left;
      if (box.top < screen.top || box.bottom > screen.bottom || covered) cramped.push(element.textContent.trim());
    }
  }
  return cramped;
}"""


# Keeps every text that a screen reader hears over the picture.
_HEARD = """() => {
  window.__said = [];
  const region = document.querySelector(".screen-of-call [role=status]");
  const look = () => {
    const text = region.textContent.trim().replace(/\\s+/g, " ");
    if (text !== window.__said.at(-1)) window.__said.push(text);
  };
  new MutationObserver(look).observe(region, { subtree: true, childList: true, characterData: true });
}"""


async def roomy(at: Kiosk) -> None:
    assert await each_look(at, _CRAMPED) == []


async def test_a_call_goes_on_while_only_messages_are_away(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.sees_expert(5)
        at.office.ask_document("d1")
        take = at.page.locator("kiosk-document .button.primary")
        await expect(take).to_be_enabled()
        at.agent._tell(at.agent.mirror.set_online(False))
        recording = at.page.locator("kiosk-call .recording")
        await expect(recording).to_have_text("正在确认连接…")
        await expect(take, "no answer gets through").to_be_disabled()
        await expect(at.page.locator("kiosk-call .note.network")).to_contain_text("声音和画面正常")
        assert await at.page.locator("kiosk-call .veil").count() == 0, "the expert is seen and heard"
        await fine_for_everybody(at)
        at.agent._tell(at.agent.mirror.set_online(True))
        await expect(recording).to_contain_text("正在录制")
        await expect(take).to_be_enabled()
        await expect(at.page.locator("kiosk-call .note.network")).to_have_count(0)


@big
async def test_an_interruption_and_its_end_are_said_once(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.sees_expert(5)
        await at.page.evaluate(_HEARD)
        at.agent._tell(at.agent.mirror.set_online(False))
        at.agent._tell(at.agent.mirror.set_silent(True))
        veil = at.page.locator("kiosk-call .veil")
        await expect(veil).to_contain_text("连接中断")
        await expect(at.page.locator("kiosk-call .recording")).to_have_text("连接中断，录制可能暂停")
        at.agent._tell(at.agent.mirror.set_silent(False))
        at.agent._tell(at.agent.mirror.set_online(True))
        await expect(at.page.locator(".back-again")).to_have_text("连接已恢复")
        await expect(at.page.locator(".back-again")).to_have_count(0, timeout=30_000)
        said = [text for text in await at.page.evaluate("window.__said") if text]
        assert len(said) == 2, "each change is said once"
        assert "请不要离开" in said[0]
        assert said[1] == "连接已恢复"
        at.agent._tell(at.agent.mirror.set_online(False))
        at.agent._tell(at.agent.mirror.set_silent(True))
        await expect(veil).to_contain_text("连接中断")
        await roomy(at)


async def test_an_expert_who_is_cut_off_is_not_one_who_is_just_coming(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.sees_expert(5)
        veil = at.page.locator("kiosk-call .veil")
        at.office.update(specialist_connected=False)
        await at.sees_expert(25)
        assert await veil.count() == 0, "the expert is seen and heard"
        at.expert(there=False)
        await expect(veil).to_contain_text("优先为您呼叫其他专家")
        await fine_for_everybody(at)
        await roomy(at)
        at.expert(there=True)
        await expect(at.page.locator(".back-again")).to_have_text("连接已恢复")
        desk = at.page.locator("kiosk-desk")
        await expect(desk).to_contain_text("请直接说话")
        for participant in ("kiosk", "specialist"):
            at.office.update(network=[Network(participant, NetworkQuality.BAD, "silent")])
            await expect(desk).not_to_contain_text("请直接说话")
            at.office.update(network=[])
            await expect(desk).to_contain_text("请直接说话")


@big
async def test_who_waits_again_and_is_cut_off_is_told_of_no_recording(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.update(state=SessionState.WAITING, specialist=None, specialist_name="", requeued=True)
        recording = at.page.locator("kiosk-waiting .recording")
        await expect(recording).to_contain_text("正在录制")
        at.agent._tell(at.agent.mirror.set_online(False))
        await expect(recording).to_have_text("正在确认连接…")
        at.agent._tell(at.agent.mirror.set_silent(True))
        await expect(recording).to_have_text("连接中断，录制可能暂停")
        await fine_for_everybody(at)


@big
async def test_beside_a_note_no_line_is_cut_in_half(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.update(network=[Network("specialist", NetworkQuality.BAD, "bandwidth")])
        await at.page.locator("kiosk-call .note.network").wait_for()
        await at.page.evaluate(TYPE, True)
        lines = at.page.locator("kiosk-desk .together li")
        for language in ("en", "zh-CN"):
            await at.page.evaluate(SPEAK, language)
            await expect(lines.last).to_be_in_viewport(ratio=1)
        at.office.say("您好，我来帮您一起填写这张申请表，请您慢慢看，不用着急。")
        await at.page.locator("kiosk-call .chat li").wait_for()
        for line in await lines.all():
            if await line.is_visible():
                await expect(line).to_be_in_viewport(ratio=1)
