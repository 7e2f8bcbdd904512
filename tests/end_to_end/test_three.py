"""A call of three: customer, specialist, and a second specialist who is asked to join."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Page

from demo.browser import CONSOLE_SCREEN, profile
from demo.fixtures import PEOPLE
from demo.page_objects import ConsolePage, log_in
from tests.end_to_end.conftest import Browsers, Faces

SECOND = PEOPLE[1]
PEOPLE_S = 60
CONSOLE = "document.querySelector('console-app').app"
KIOSK = "document.querySelector('kiosk-app').kiosk.capture"
TRACKS = {
    f"{who}.{what}" for who in ("customer-1", "specialist-1", "specialist-2") for what in ("camera", "microphone")
}


async def invite(console: ConsolePage, person: str) -> None:
    """As a program would: the pages have no button for it yet."""
    await console.page.evaluate(
        f"""(person) => {{
          const {{ desk }} = {CONSOLE};
          const message = {{ type: "participant_invite", session: desk.session.id, person, role: "specialist" }};
          return desk.connection.request(message);
        }}""",
        person,
    )


A_MOMENT = ("participant_lost", "participant_returned")
"""What three browsers on two slow cores may do to a leg; another test says what follows from it."""


async def own_id(page: Page) -> str:
    """The person whose console this is, once the page knows."""
    async with asyncio.timeout(PEOPLE_S):
        while not (person := await page.evaluate(f"{CONSOLE}.store.state.config?.person ?? ''")):
            await asyncio.sleep(0.1)
    return str(person)


async def arrives(page: Page, peer: str) -> dict[str, Any]:
    """Whether a first and another person are seen and heard on this page, by the browser's own statistics."""
    got: dict[str, Any] = (await page.evaluate(f"{peer}.peer?.statistics() ?? null") or {}).get("received", {})

    def seen(*slots: str) -> bool:
        return any(got[slot]["frames"] >= 10 for slot in slots)

    def heard(*slots: str) -> bool:
        return any(got[slot]["energy"] > 0 for slot in slots)

    if not got:
        return {}
    return {
        "first seen": seen("video0"),
        "first heard": heard("audio0"),
        "other seen": seen("video1", "video2"),
        "other heard": heard("audio1", "audio2"),
    }


async def all_meet(*ends: tuple[str, Page, str]) -> None:
    """Wait until everybody sees and hears both others."""
    found: dict[str, dict[str, Any]] = {}
    try:
        async with asyncio.timeout(PEOPLE_S):
            while not found or not all(one and all(one.values()) for one in found.values()):
                await asyncio.sleep(0.3)
                found = {name: await arrives(page, peer) for name, page, peer in ends}
    except TimeoutError:
        raise AssertionError(f"who sees and hears whom: {found}") from None


async def test_three_see_and_hear_each_other_and_are_recorded(call: Faces, browsers: Browsers) -> None:
    stack, kiosk, console = call.stack, call.kiosk, call.console
    async with profile(browsers.specialist, screen=CONSOLE_SCREEN) as seconds:
        page = await log_in(seconds, stack.server_url, SECOND.face, SECOND.login, stack.password)
        second = ConsolePage(page)
        await page.locator("console-idle").wait_for()
        await invite(console, await own_id(page))
        await second.answer()
        await second.in_call()
        await all_meet(
            ("customer", kiosk.page, KIOSK),
            ("lead", console.page, f"{CONSOLE}.media"),
            ("second", page, f"{CONSOLE}.media"),
        )
        await kiosk.page.locator(".others", has_text=SECOND.name).wait_for()
        await console.page.locator(".colleagues", has_text=SECOND.name).wait_for()

        # What one writes, both others read.
        await second.say("我来补充一下")
        await kiosk.hears("我来补充一下")
        await console.hears("我来补充一下")

        # The second leaves, and the call goes on.
        await second.hang_up()
        await page.locator(".gone").wait_for()
        await kiosk.page.locator(".others").wait_for(state="detached")
        await console.in_call()
    await kiosk.hang_up()
    await console.wrap_up()

    entries = await stack.journal(call.session)
    told = [kind for kind, _ in entries]
    assert [kind for kind in told if kind.startswith("participant_") and kind not in A_MOMENT] == [
        "participant_invited", "participant_joined", "participant_left",
    ]  # fmt: skip
    async with asyncio.timeout(PEOPLE_S):
        while "recording_completed" not in dict(entries):
            await asyncio.sleep(0.3)
            entries = await stack.journal(call.session)
    recorded = {track["track"]: track for track in dict(entries)["recording_completed"]["tracks"]}
    assert recorded.keys() >= TRACKS | {"cobrowse"}
    assert min(recorded[name]["recorded_ms"] for name in TRACKS) > 1000
    code, output = await stack.run_command("verify", call.session)
    assert code == 0, output

    library = await call.library()
    await library.open(call.session)
    shown = await library.play(pictures=5, within_s=PEOPLE_S)
    assert set(shown) == {name for name in TRACKS if name.endswith("camera")}
