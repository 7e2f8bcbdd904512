"""What the kiosk's page says of the recording itself: what is not recorded, and when nothing is on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol.errors import Unavailable
from link.protocol.values import SensitivePause, StalledTrack
from tests.web.kiosk.looks import TYPE, fine, fine_for_everybody
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium
PICTURE, VOICE = StalledTrack("kiosk.camera", "no_media"), StalledTrack("specialist-1.microphone", "disk_full")


async def test_what_is_not_recorded_is_said_large_and_a_pause_hides_the_expert(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        note = at.page.locator("kiosk-call .note.stalled")
        await expect(note).to_have_count(0)
        at.office.update(stalled=[PICTURE, VOICE])
        await expect(note).to_contain_text("当前未录到：您的画面、专家的声音")
        await expect(note).to_contain_text("请不要确认或签署")
        await expect(note).to_have_attribute("role", "alert")
        await expect(at.page.locator("kiosk-call .recording")).to_have_text("录制不完整")
        await fine_for_everybody(at)
        await at.page.evaluate(TYPE, True)
        await at.page.get_by_role("button", name="English").click()
        await expect(note).to_contain_text("Not recorded just now: your picture, the expert's voice")
        await fine(at, elderly=True)
        at.office.update(stopped=True)
        veil = at.page.locator("kiosk-call .veil")
        await expect(veil).to_contain_text("The call is paused")
        await expect(veil).to_contain_text("nobody hears or sees you")
        await expect(note).to_have_count(0)
        await expect(at.page.locator("kiosk-desk")).not_to_contain_text("Just talk")
        await fine(at, elderly=True)
        at.office.update(stalled=[], stopped=False)
        await expect(veil).to_have_count(0)
        await expect(note).to_have_count(0)
        assert at.complaints == []


FIELD = """(html) => {
  const place = document.createElement("div");
  place.id = "probe";
  place.innerHTML = html;
  document.body.append(place);
}"""
PASSWORD = '<input aria-label="a" type="password"><input aria-label="b"><button>c</button>'
KEYPAD = '<div data-cobrowse-secret><input aria-label="a"><button>1</button></div><button>c</button>'


async def test_a_pause_for_something_secret_is_said_on_both_kinds_of_screen(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        note, line = at.page.locator("kiosk-call .note.paused"), at.page.locator("kiosk-call .recording")
        at.office.update(pauses=[SensitivePause("specialist-1", "card")], recording=[])
        await expect(note).to_contain_text("当前未录音录像")
        await expect(note).to_contain_text("专家仍能看到和听到您")
        await expect(line).to_have_text("录制已按需暂停")
        await fine_for_everybody(at)
        at.office.update(pauses=[SensitivePause("customer-1", "secret_field", automatic=True)])
        await expect(note).to_have_count(0)
        await expect(line).to_have_text("您正在输入密码等信息，暂不录制")
        await fine_for_everybody(at)
        assert at.complaints == []


async def told(at: Kiosk, *focused: bool) -> None:
    """Wait until the server was told exactly this, in this order."""

    def so_far() -> list[bool]:
        return [message.focused for message in at.office.said if isinstance(message, c.SecretFocus)]

    await at.office.until(lambda: len(so_far()) >= len(focused) or None, 30.0)
    assert so_far() == list(focused)


@pytest.mark.parametrize("html", [PASSWORD, KEYPAD], ids=["password", "keypad"])
async def test_a_field_for_secrets_pauses_the_recording_while_it_has_the_focus(tmp_path: Path, html: str) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await told(at, False)
        await at.page.evaluate(FIELD, html)
        first, *_, out = await at.page.locator("#probe :is(input, button)").all()
        await first.focus()
        await told(at, False, True)
        if html is KEYPAD:
            await at.page.locator("#probe button").first.focus()
            await first.focus()
        await out.focus()
        await told(at, False, True, False)
        assert at.complaints == []


async def test_a_server_that_did_not_hear_it_is_told_again(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await told(at, False)
        await at.page.evaluate(FIELD, PASSWORD)
        at.office.errors[c.SecretFocus] = Unavailable("restarting")
        await at.page.get_by_label("a", exact=True).focus()
        await told(at, False, True)
        del at.office.errors[c.SecretFocus]
        await told(at, False, True, True)
