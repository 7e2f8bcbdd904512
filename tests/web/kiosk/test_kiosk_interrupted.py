"""A call that the network ended: the page says so and offers another, and the customer agrees anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol.values import SessionState
from tests.big import big
from tests.web.audit import faults_everywhere
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium


async def ask_again(at: Kiosk) -> None:
    first = await at.office.heard(c.CallRequest)
    await at.hands.agree()
    again = await at.office.until(
        lambda: next((m for m in at.office.said if isinstance(m, c.CallRequest) and m.request != first.request), None)
    )
    assert again.service == first.service
    assert again.consent == first.consent
    assert at.complaints == []


async def test_an_interrupted_call_offers_an_expert_again(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.update(state=SessionState.ENDED, ended_by="system", end_reason="interrupted")
        await at.page.locator("kiosk-rating button.again").wait_for()
        assert await faults_everywhere(at.page) == []
        await at.page.locator("kiosk-rating button.again").click()
        await ask_again(at)


@big
async def test_also_when_the_specialist_was_lost_before(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.update(state=SessionState.WAITING, specialist=None, specialist_name="")
        await at.page.locator("kiosk-waiting").wait_for()
        at.office.update(state=SessionState.ENDED, ended_by="system", end_reason="interrupted")
        await expect(at.page.locator("kiosk-notice .note.danger")).to_contain_text("通话已中断")
        await ask_again(at)


@big
async def test_a_call_that_ended_as_it_should_offers_none(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.end()
        await at.page.locator("kiosk-rating .star").first.wait_for()
        assert await at.page.locator("kiosk-rating button.again").count() == 0
