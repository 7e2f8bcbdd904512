"""The pages as a person uses them: what the automatic demonstration and the end-to-end tests press and read.

Everything goes through what is on the screen (buttons, fields, states that the page itself shows), never around it.
Times are bounded: a step that does not come raises Playwright's `TimeoutError`, which names what was waited for.
"""

from __future__ import annotations

import asyncio
import time

from playwright.async_api import BrowserContext, Locator, Page

PATIENCE_MS = 60_000

# Made up, with check digits that are right. The numbers must never be seen in a console, a recording or a log.
FORM_DATA = {
    "name": "演示用户",
    "identity": "110101199001010015",
    "card": "6222021000000000009",
    "phone": "13800138000",
    "amount": "20000",
}


async def log_in(context: BrowserContext, origin: str, path: str, login: str, password: str) -> Page:
    """Open `path` in a new page of `context` and log in on the way."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(f"{origin}/login?next={path}")
    await page.locator("#login").fill(login)
    await page.locator("#password").fill(password)
    await page.locator("#submit").click()
    await page.wait_for_url(f"{origin}{path}*")
    return page


class ConsolePage:
    """The specialist's console."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def make_available(self) -> None:
        """Take calls from now on.

        A page that was loaded again takes calls by itself if it did so a moment before, perhaps just when the switch is
        pressed: so it is looked at until it stays.
        """
        presence = self.page.locator(".presence")
        await presence.wait_for()
        async with asyncio.timeout(PATIENCE_MS / 1000):
            seen = 0
            while seen < 3:
                await asyncio.sleep(0.2)
                seen = seen + 1 if await presence.get_attribute("data-presence") == "available" else 0
                if not seen and not await presence.locator("wa-switch").evaluate("(one) => one.checked"):
                    await presence.locator("wa-switch").click()

    async def presence(self, wanted: str) -> None:
        """Wait until the page shows this presence."""
        await self.page.locator(f".presence[data-presence={wanted}]").wait_for()

    @property
    def ring(self) -> Locator:
        """What shows while a call rings."""
        return self.page.locator("console-ring dialog[open]")

    async def answer(self) -> float:
        """Wait until it rings and take the call; returns the moment of the click in ms since the epoch."""
        button = self.ring.locator(".answer")
        await button.wait_for()
        moment = time.time() * 1000
        await button.click()
        return moment

    async def in_call(self) -> None:
        """Wait until the page shows the running call."""
        await self.page.locator(".topbar .call-timer").wait_for()

    async def recording(self) -> None:
        """Wait until the page says that it is being recorded."""
        await self.page.locator(".topbar .call-state.recording").wait_for()

    async def ask_for_document(self) -> None:
        """Ask for the first document of the list."""
        await self.page.locator("console-documents .ask button").first.click()

    async def document(self, state: str) -> Locator:
        """Wait until a document is in this state."""
        document = self.page.locator(f"console-documents li[data-state={state}]").first
        await document.wait_for()
        return document

    async def open_document(self) -> None:
        """Open the document that has come, and wait for its picture."""
        await (await self.document("stored")).locator("button.document").click()
        await self.page.locator("dialog.viewer[open] img").wait_for()

    async def accept_document(self) -> None:
        """Accept the open document."""
        await self.page.locator("dialog.viewer[open] wa-button[variant=success]").click()
        await self.document("accepted")

    async def reject_document(self) -> None:
        """Ask for the open document again, with the first of the ready-made reasons."""
        viewer = self.page.locator("dialog.viewer[open]")
        await viewer.locator("wa-button[variant=danger]").click()
        await viewer.locator(".reasons button").first.click()
        await viewer.wait_for(state="hidden")

    async def hold(self) -> None:
        """Hold the call, or resume it."""
        await self.page.locator(".topbar-actions .tool[aria-keyshortcuts^='H ']").click()

    async def say(self, text: str) -> None:
        """Write to the customer."""
        await self.page.locator("#chat-text").fill(text)
        await self.page.locator("#chat-text").press("Enter")

    async def hears(self, text: str) -> None:
        """Wait until the chat shows `text`."""
        await self.page.locator("console-chat .line", has_text=text).wait_for()

    async def hang_up(self) -> None:
        """End the call (the button asks once)."""
        button = self.page.locator(".tool.hang-up")
        await button.click()
        await button.click()

    async def wrap_up(self) -> None:
        """Say how the call went, by the first outcome, and take calls again."""
        form = self.page.locator("form.wrapup")
        await form.wait_for()
        await form.locator(".outcome").first.click()
        await form.locator("wa-button[type=submit]").click()
        await form.wait_for(state="detached")


class KioskPage:
    """The page the customer sees."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def open(cls, context: BrowserContext, address: str) -> KioskPage:
        """Open the kiosk's page and wait until an expert can be asked for."""
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        kiosk = cls(page)
        await kiosk.home()
        return kiosk

    async def home(self) -> None:
        """Wait for the idle page."""
        await self.page.locator("kiosk-home button.expert:enabled").wait_for()

    async def want_expert(self, service: int = 0) -> None:
        """Press the expert button, then the n-th service; the recording notice shows."""
        await self.page.locator("button.expert").click()
        await self.page.locator("kiosk-services .choice").nth(service).click()
        await self.page.locator("kiosk-notice .notice-text").wait_for()

    async def agree(self) -> None:
        """Agree to the recording; the waiting page shows."""
        await self.page.locator("kiosk-notice .button.primary").click()
        await self.page.locator("kiosk-waiting, kiosk-call").first.wait_for()

    async def stop_waiting(self) -> None:
        """Leave the queue."""
        await self.page.locator("kiosk-waiting .actions .button.quiet").first.click()
        await self.home()

    async def in_call(self) -> None:
        """Wait until the page shows the call."""
        await self.page.locator("kiosk-call").wait_for()

    async def open_form(self) -> None:
        """Open the form from within the call."""
        await self.page.locator("kiosk-desk .button.primary").click()
        await self.form.wait_for()

    @property
    def form(self) -> Locator:
        """The form on the page."""
        return self.page.locator("form.form")

    async def fill_form(self) -> None:
        """Choose a product, answer the questions, enter one's data: up to the last step, which is left open."""
        await self.form.locator(".product").first.click()
        await self.next_step()
        for number in range(await self.form.locator("fieldset.question").count()):
            await self.form.locator("fieldset.question").nth(number).locator(".answer").last.click()
        await self.next_step()
        for name, value in FORM_DATA.items():
            await self.form.locator(f"#field-{name}").press_sequentially(value, delay=15)
        await self.next_step()
        await self.form.locator(".summary").wait_for()

    async def next_step(self) -> None:
        """Press the form's "next"."""
        await self.form.locator("button[type=submit]").click()

    async def hears(self, text: str) -> None:
        """Wait until the chat shows `text` from the specialist."""
        await self.page.locator("kiosk-call .chat li.theirs", has_text=text).wait_for()

    async def reply(self, number: int = 0) -> None:
        """Press one of the ready-made answers."""
        await self.page.locator("kiosk-call .replies .reply").nth(number).click()

    async def show_document(self) -> None:
        """Agree that the document be taken, and wait until the specialist has it."""
        await self.page.locator("kiosk-document .button.primary").click()
        await self.page.locator("kiosk-document .document.sent").wait_for()

    async def decline_document(self) -> None:
        """Do not show the document."""
        await self.page.locator("kiosk-document .button.quiet").click()

    async def hang_up(self) -> None:
        """End the call (the page asks once); the stars show."""
        await self.page.locator(".call-bar .button.danger").click()
        await self.page.locator("kiosk-dialogs .button.danger").click()
        await self.page.locator("kiosk-rating .star").first.wait_for()

    async def rate(self, stars: int) -> None:
        """Give so many stars, and finish."""
        await self.page.locator("kiosk-rating .star").nth(stars - 1).click()
        await self.page.locator("kiosk-thanks .button.primary").click()


class LibraryPage:
    """The supervisor's library: the list of calls, and the player of one."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def has(self, session: str) -> None:
        """Wait until the list shows the call."""
        await self._link(session).wait_for()

    async def open(self, session: str) -> None:
        """Open the call's player from the list, say what for, and wait until it shows where pictures will be."""
        await self._link(session).click()
        await self.page.wait_for_url(f"**/library/{session}*")
        await self.page.locator("dialog.purpose input[value=quality]").check()
        await self.page.locator("dialog.purpose button.primary").click()
        await self.page.locator("[data-track] video").first.wait_for(state="attached")

    async def play(self, *, pictures: int = 10, within_s: float = 20) -> dict[str, int]:
        """Press play and wait until every camera has shown so many pictures; returns how many each has.

        Raises:
            TimeoutError: one of them did not, in `within_s` seconds.
        """
        await self.page.locator(".transport button.play").click()
        shown: dict[str, int] = {}
        async with asyncio.timeout(within_s):
            while not shown or min(shown.values()) < pictures:
                await asyncio.sleep(0.3)
                shown = await self.page.evaluate(_PICTURES_SHOWN)
        return shown

    def _link(self, session: str) -> Locator:
        return self.page.locator(f"a.open[href^='/library/{session}']").first


_PICTURES_SHOWN = """() => Object.fromEntries(
  [...document.querySelectorAll("[data-track$='.camera']")].map((tile) => [
    tile.dataset.track,
    tile.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
  ]),
)"""
