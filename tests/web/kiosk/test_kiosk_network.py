"""What the kiosk page says while the network is weak, lost, or not known: the page in Chromium, a real kiosk client."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol.values import Network, NetworkQuality, SessionState
from link.rtc.quality import Reason
from tests.big import big
from tests.web.audit import COUNT
from tests.web.kiosk.looks import TYPE, fine, fine_for_everybody
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium


async def test_a_weak_network_is_said_calmly_in_both_languages(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        note = at.page.locator("kiosk-call .note.network")
        await expect(note).to_have_count(0)
        at.office.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")])
        await expect(note).to_contain_text("网络不太稳定")
        await expect(note).to_contain_text("优先保障声音")
        await expect(note, "each language stands alone").not_to_contain_text("The sound goes first")
        await expect(at.page.locator("kiosk-call .network-live")).to_have_attribute("aria-live", "polite")
        await fine_for_everybody(at)
        at.office.update(network=[Network("kiosk", NetworkQuality.WEAK, "delay")])
        await expect(note).to_contain_text("声音稍有延迟")
        at.office.update(
            network=[
                Network("kiosk", NetworkQuality.WEAK, "loss"),
                Network("specialist", NetworkQuality.BAD, "bandwidth"),
            ]
        )
        await expect(note).to_contain_text("专家端网速很慢")
        at.office.update(network=[Network("kiosk", NetworkQuality.BAD, "silent")])
        await expect(note).to_contain_text("自动重新连接")
        await fine_for_everybody(at)
        at.office.update(state=SessionState.HELD)
        await expect(note).to_have_count(0)
        at.office.update(state=SessionState.ACTIVE, network=[Network("kiosk", NetworkQuality.WEAK, "loss")])
        await at.page.evaluate(TYPE, True)
        await at.page.get_by_role("button", name="English").click()
        await expect(note).to_contain_text("The network is unsteady")
        await expect(at.page.get_by_role("button", name="Open the form")).to_be_in_viewport(ratio=1)
        await at.page.get_by_role("button", name="中文").click()
        await at.page.evaluate(TYPE, False)
        at.office.update(state=SessionState.ACTIVE, network=[])
        await expect(at.page.locator("kiosk-call .veil")).to_have_count(0)
        await expect(note).to_have_count(0)
        assert at.complaints == []


@big
async def test_a_restarted_server_and_a_lost_leg_are_healed_while_the_page_says_so(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        await at.sees_expert(5)
        await expect(at.page.locator("kiosk-call .recording")).to_contain_text("正在录制")
        await at.office.restart()
        await expect(at.page.locator("kiosk-call .recording")).to_have_text("正在确认连接…")
        await expect(at.page.locator("kiosk-call .recording")).to_contain_text("正在录制", timeout=30_000)
        await expect(at.page.locator("kiosk-call .veil")).to_have_count(0)
        before = (await at.statistics())["received"]["video0"]["frames"]
        await at.sees_expert(before + 10)
        at.expert(there=False)
        await expect(at.page.locator("kiosk-call .veil")).to_contain_text("专家暂时断线")
        at.expert(there=True)
        await expect(at.page.locator("kiosk-call .veil")).to_have_count(0)


async def drawn(at: Kiosk, network: str) -> None:
    """Wait until the page has drawn this network."""
    known = """() => new Promise((resolve) => requestAnimationFrame(() => {
      const [network] = document.querySelector("kiosk-app").kiosk.state.session.network;
      resolve(network ? `${network.participant} ${network.quality} ${network.reason}` : "");
    }))"""
    async with asyncio.timeout(30):
        while await at.page.evaluate(known) != network:
            await asyncio.sleep(0.02)


@big
async def test_every_reason_has_its_sentence_and_is_said_once(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        note = at.page.locator("kiosk-call .note.network")
        said: dict[str, set[str]] = {"zh-CN": set(), "en": set()}
        for language in ("zh-CN", "en"):
            await at.page.locator(f"html[lang={language}]").wait_for()
            for participant in ("kiosk", "specialist"):
                for quality, reason in product((NetworkQuality.WEAK, NetworkQuality.BAD), Reason):
                    at.office.update(network=[Network(participant, quality, str(reason))])
                    await drawn(at, f"{participant} {quality} {reason}")
                    title, after = await note.locator("b").inner_text(), await note.locator("span").first.inner_text()
                    assert "{" not in title + after
                    assert str(reason) not in title, "a customer reads no code"
                    said[language].add(f"{title} {after}")
            if language == "zh-CN":
                await at.page.get_by_role("button", name="English").click()
        assert len(said["zh-CN"]) == len(said["en"])
        assert len(said["en"]) == 12, "reasons are told apart"
        at.office.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")])
        await expect(note).to_contain_text("unsteady")
        await at.page.evaluate(COUNT, "kiosk-call .network-live")
        for number in range(4):  # a session comes again and again, and the page's clock runs
            at.office.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")], waited_s=number)
            at.office.say(f"line {number}")
            await at.hands.hears(f"line {number}")
        await at.page.wait_for_timeout(1100)
        assert await at.page.evaluate("window.__changes") == 0
        at.office.update(network=[])
        await expect(note).to_have_count(0)


async def test_who_is_not_heard_is_not_said_to_be_recorded(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        recording = at.page.locator("kiosk-call .recording")
        await expect(recording).to_contain_text("正在录制")
        at.agent._tell(at.agent.mirror.set_silent(True))
        await expect(recording).to_have_text("正在确认连接…")
        await expect(at.page.locator("kiosk-call .veil"), "it may be a pause").to_have_count(0)
        await fine_for_everybody(at)
        at.agent._tell(at.agent.mirror.set_silent(False))
        await expect(recording).to_contain_text("正在录制")
        at.office.update(network=[Network("kiosk", NetworkQuality.BAD, "silent")])
        await expect(recording).to_have_text("正在确认连接…")
        at.office.update(network=[Network("specialist", NetworkQuality.BAD, "silent")])
        await expect(recording).to_contain_text("正在录制")


@big
async def test_the_kiosks_own_leg_lost_is_made_anew(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        await at.sees_expert(5)
        assert at.agent.call is not None
        before = at.agent.call.gateway._page
        assert before is not None
        await before[1].close()
        async with asyncio.timeout(30):
            while at.agent.call.gateway._page in (before, None):
                await asyncio.sleep(0.05)
        await at.sees_expert()


async def test_the_server_is_not_reached(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        at.agent.stop()
        expert = at.page.locator("button.expert")
        await expect(expert).to_be_disabled()
        await expect(at.page.locator("kiosk-home .note")).to_contain_text("暂时无法连接专家服务")
        await fine(at)
        await at.page.locator(".tile").first.click()
        await at.hands.form.wait_for()
