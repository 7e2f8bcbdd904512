"""The library's search in a real Chromium: by keyboard, kept, sent as a link, and honest about what it has not seen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from demo.browser import PHONE_SCREEN
from server.api.http.app_keys import AUDIT, IDENTITY, LIBRARY, STORE
from server.library import search as engine
from server.session import events as e
from server.session import private
from server.store.people import EVERY_BRANCH, Grant, Role
from server.store.sessions import Projection
from tests.server.evidence.recorded import requested
from tests.web.audit import faults, faults_everywhere
from tests.web.test_library import Library, library, looking_at

pytestmark = pytest.mark.chromium


async def fill(made: Library, calls: dict[str, str]) -> None:
    """Closed calls, each with a note."""
    for number, (session, note) in enumerate(calls.items()):
        event, row = requested(session)
        key = await made.archive.vault.create(session)
        closed = Projection(state="closed")
        closed.update(row)
        closed["state"] = "closed"
        words = private.sealed(e.NoteSaved(note), key)
        await made.archive.add(session, number * 1000, event, words, e.Closed(), projection=closed)
    await made.server.app[LIBRARY].indexer.settle()


async def focused(shown: Page) -> str:
    return str(await shown.evaluate("document.activeElement.textContent.trim() || document.activeElement.name"))


async def test_what_was_written_is_found_by_keyboard_and_the_address_is_the_search(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made:
        await fill(made, {f"s-{n:02}": "稳健理财 mortgage" if n % 2 else "只是转账" for n in range(60)})
        async with looking_at(made, "/library", tmp_path) as (shown, complaints):
            rows, status = shown.locator("tbody tr"), shown.locator(".library-heading [role=status]")
            await expect(status).to_have_text("61 sessions")
            await shown.get_by_label("Search", exact=True).focus()
            await shown.keyboard.type("稳健理财")
            await shown.keyboard.press("Enter")
            await expect(status).to_have_text("30 sessions at most")
            await expect(rows).to_have_count(25)
            await shown.get_by_role("button", name="Next page").focus()
            await shown.keyboard.press("Enter")
            await expect(rows).to_have_count(5)
            assert await focused(shown) == "Recordings", "where the new page begins"
            # The link alone brings somebody else to the same page of the same search.
            link = shown.url
            assert "after=" in link
            await shown.goto(link)
            await expect(rows).to_have_count(5)
            await expect(shown.get_by_label("Search", exact=True)).to_have_value("稳健理财")
            await shown.get_by_role("button", name="Previous page").click()
            await expect(rows).to_have_count(25)
            await shown.go_back()
            await expect(rows).to_have_count(5)
            # Rarer filters by keyboard; how many are set is said while they are folded away.
            await shown.get_by_role("button", name="Clear").click()
            await expect(status).to_have_text("61 sessions")
            await shown.locator("summary", has_text="More filters").focus()
            await shown.keyboard.press("Enter")
            await shown.get_by_role("combobox", name="Stars").select_option("5")
            await expect(rows).to_have_count(1)
            await shown.get_by_label("With papers").press(" ")
            await expect(rows).to_have_count(1)
            await shown.get_by_label("Left before an answer").press(" ")
            await expect(shown.get_by_role("heading", name="No recordings found")).to_be_visible()
            await expect(shown.locator(".filters-more summary")).to_contain_text("3")
            assert await faults_everywhere(shown, PHONE_SCREEN) == []
            assert complaints == []


async def test_a_search_is_kept_opened_again_and_forgotten(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        await shown.locator("summary", has_text="Saved searches").press("Enter")
        keep = shown.get_by_role("button", name="Save this search")
        await expect(keep).to_be_disabled()
        await shown.get_by_label("Service").select_option("wealth")
        await shown.get_by_role("combobox", name="Order").select_option("longest")
        await shown.get_by_label("Name of this search").fill("王女士的电话")
        await shown.keyboard.press("Enter")
        await expect(shown.locator(".kept [role=status]")).to_have_text("The search was saved.")
        await expect(keep).to_be_disabled()
        await shown.goto(made.base + "/library")
        await shown.locator("summary", has_text="Saved searches").click()
        await shown.get_by_role("link", name="王女士的电话").click()
        await expect(shown).to_have_url(made.base + "/library?service=wealth&sort=longest")
        await expect(shown.get_by_role("combobox", name="Order")).to_have_value("longest")
        await shown.locator("summary", has_text="Saved searches").click()
        assert await faults(shown) == []
        await shown.get_by_role("button", name="Remove “王女士的电话”").click()
        await expect(shown.get_by_role("link", name="王女士的电话")).to_have_count(0)
        assert complaints == []


async def test_it_says_what_it_has_not_looked_through_what_waits_and_what_it_cannot_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CHECKED", 4)
    monkeypatch.setattr(engine, "CHECKED_AT_ONCE", 4)
    async with library(tmp_path, seconds=1) as made:
        await fill(made, {f"s-{n}": "财产理财" if n else "理财产品" for n in range(7)})
        async with looking_at(made, "/library?text=%E7%90%86%E8%B4%A2%E4%BA%A7", tmp_path) as (shown, complaints):
            await expect(shown.get_by_role("heading", name="Nothing found so far")).to_be_visible()
            assert await faults(shown) == []
            await shown.get_by_role("button", name="Search on").click()
            await expect(shown.locator("tbody tr")).to_have_count(1)
            async with shown.expect_download() as taking:
                await shown.get_by_role("link", name="Download as a table").click()
            table = Path(await (await taking.value).path()).read_text("utf-8-sig")
            assert [line.split(",")[0] for line in table.splitlines()] == ["Number", "s-0"]
            monkeypatch.setattr(engine, "FRESH", 1)
            event, row = requested("s-new")
            await made.archive.add("s-new", 90_000, event, projection=row)
            await made.archive.add("s-newer", 91_000, event, projection=row)
            await shown.goto(made.base + "/library")
            await expect(shown.locator(".note")).to_contain_text("1 older sessions are still being indexed")
            await shown.goto(made.base + "/library?flag=odd")
            await expect(shown.get_by_role("heading", name="This search cannot be made")).to_be_visible()
            assert await faults(shown) == []
            assert [one for one in complaints if "400" not in one] == []


async def test_an_auditor_reads_the_audit_log(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made:
        app = made.server.app
        auditor = await app[STORE].people.add(
            login="auditor", name="Ada Reyes", password_hash="x", languages=[], skills=[],
            grants=[Grant(Role.ADMINISTRATOR, EVERY_BRANCH)],
        )  # fmt: skip
        for number in range(55):
            await app[AUDIT].record("cli:root", "kiosk.add", f"kiosk:k{number}", {"branch": "b1"})
        await app[AUDIT].record("-", "refused.not_found", "session:s-recorded", {"address": "192.0.2.1"})
        begun = await app[STORE].logins.add(auditor.id, address="test", hours=1)
        made = dataclasses.replace(made, token=app[IDENTITY].tokens.issue(auditor.id, begun.id))
        async with looking_at(made, "/library", tmp_path) as (shown, complaints):
            await shown.get_by_role("link", name="Audit log").click()
            rows = shown.locator("tbody tr")
            await expect(rows).to_have_count(50)
            await expect(rows.first).to_contain_text("Ada Reyes")
            await expect(rows.first).to_contain_text("Read the audit log")
            await shown.get_by_role("button", name="Next page").click()
            await expect(shown.get_by_role("button", name="Next page")).to_be_disabled()
            assert await focused(shown) == "Audit log"
            await shown.get_by_label("Of what").fill("s-recorded")
            await shown.keyboard.press("Enter")
            await expect(rows).to_have_count(1)
            await expect(rows).to_contain_text("Nobody known")
            await expect(rows).to_contain_text("192.0.2.1")
            await expect(rows.get_by_role("link")).to_have_attribute("href", "/library/s-recorded")
            await shown.reload()
            await expect(rows).to_have_count(1)
            assert await faults_everywhere(shown, PHONE_SCREEN) == []
            await shown.get_by_role("combobox", name="What", exact=True).select_option("login")
            await shown.get_by_role("button", name="Search").click()
            await expect(shown.get_by_role("heading", name="No entries found")).to_be_visible()
            await shown.get_by_role("button", name="Clear").click()
            await expect(rows).to_have_count(50)
            await shown.get_by_role("button", name="中文").click()
            await expect(shown.get_by_role("heading", name="审计日志")).to_be_visible()
            assert [one for one in complaints if "403" not in one] == []
