"""No call can be recorded: the customer is told what is so and what to do now, and is not asked for stars."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol.errors import CannotRecord
from link.protocol.values import SessionState
from tests.web.kiosk.looks import all_on_screen, fine_for_everybody
from tests.web.kiosk.rig import kiosk

pytestmark = pytest.mark.chromium

DEVICES = "document.querySelector('kiosk-app').kiosk.capture.devices"


async def test_who_cannot_be_put_through_is_told_what_to_do_now(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        told = at.page.locator("kiosk-unrecorded")
        # Known before: nobody is asked to agree to a call that cannot be put through.
        at.office.errors[c.CallCheck] = CannotRecord()
        await at.page.locator("button.expert").click()
        await expect(told.get_by_role("heading", level=1)).to_have_text("暂时无法为您接通专家")
        await told.get_by_role("button", name="返回首页").click()
        # Known only when the customer has agreed.
        del at.office.errors[c.CallCheck]
        at.office.errors[c.CallRequest] = CannotRecord()
        await at.hands.want_expert()
        await at.page.locator("kiosk-notice .button.primary").click()
        await expect(told.get_by_role("heading", level=1)).to_have_text("暂时无法为您接通专家")
        await expect(told.get_by_role("heading", level=1), "the keyboard begins here").to_be_focused()
        await expect(told).to_contain_text("系统现在无法录制")
        await expect(told).to_contain_text("到柜台办理")
        assert await at.page.evaluate(DEVICES) == {"microphone": "off", "camera": "off"}
        await all_on_screen(at)
        await fine_for_everybody(at)

        await at.page.reload()
        await expect(told.get_by_role("heading", level=1)).to_have_text("暂时无法为您接通专家")
        await told.get_by_role("button", name="请大堂经理协助").click()
        assert (await at.office.heard(c.AssistanceRequest)).reason == "not_recorded"
        await expect(told).to_contain_text("暂未有人响应")
        await all_on_screen(at)

        del at.office.errors[c.CallRequest]
        await told.get_by_role("button", name="再次呼叫").click()
        await at.hands.agree()
        await expect(at.page.locator("kiosk-waiting"), "the same service").to_contain_text("理财咨询")
        at.office.answer()
        await at.hands.open_form()
        at.office.update(state=SessionState.ENDED, ended_by="system", end_reason="recording_failed")
        await expect(told.get_by_role("heading", level=1)).to_have_text("通话已中止")
        await expect(at.page.locator("kiosk-rating"), "nobody is asked how it was").to_have_count(0)
        assert (await at.office.heard(c.Rate)).stars is None
        assert await at.page.evaluate(DEVICES) == {"microphone": "off", "camera": "off"}
        await expect(told).to_contain_text("已填写的内容还在")
        await all_on_screen(at)
        await fine_for_everybody(at)
        await told.get_by_role("button", name="继续填写表单").click()
        await at.hands.form.wait_for()
        assert await at.page.evaluate("sessionStorage.length") == 0
        assert at.complaints == []
