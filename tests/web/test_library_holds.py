"""Legal holds in the library's player and list, and what a deleted recording looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from demo.browser import PHONE_SCREEN
from server.api.http.app_keys import AUDIT, BLOBS, JOURNAL, SIGNING_KEY, STORE, VAULT
from server.evidence.certificate import check_file
from server.evidence.deletion import LegalDeletion
from server.store.people import Grant, Role
from server.store.retention import RetentionRule
from tests.server.evidence.recorded import SESSION, STARTED_US
from tests.web.audit import faults_everywhere
from tests.web.test_library import library, looking_at

pytestmark = pytest.mark.chromium

YEAR_US = 366 * 86_400_000_000


async def test_a_hold_is_placed_seen_and_lifted(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=1) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints),
    ):
        store = made.server.app[STORE]
        await store.retention.add_rule(RetentionRule("claims", "call_ended", "P3Y", "《民法典》第一百八十八条"))
        await shown.get_by_role("tab", name="Proof").click()
        holds = shown.locator(".holds")
        await expect(holds).to_contain_text("Kept by the rules until the end of 2029-09-21.")
        await expect(holds).to_contain_text("第一百八十八条")
        # By keys alone: the focus goes to the field, and back.
        await holds.get_by_role("button", name="Place a legal hold…").press("Enter")
        await expect(holds.get_by_role("textbox")).to_be_focused()
        await expect(holds.get_by_role("button", name="Place the hold")).to_be_disabled()
        await shown.keyboard.type("Case 2026-7")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await shown.keyboard.press("Enter")
        await expect(holds.locator(".hold-list")).to_contain_text("Case 2026-7")
        await expect(holds).to_contain_text("Under a legal hold")
        await expect(holds.get_by_role("button", name="Place a legal hold…")).to_be_focused()
        await expect(shown.locator(".player-heading .chip", has_text="Legal hold")).to_be_visible()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await expect(holds.get_by_role("button", name="Lift")).to_have_count(0)
        # Who is an administrator as well lifts what somebody else has placed.
        (person,) = await store.people.all()
        await store.people.set_grants(person.id, [Grant(Role.SUPERVISOR, "b1"), Grant(Role.ADMINISTRATOR, "b1")])
        await store.holds.place(SESSION, reason="Case 2026-8", by="cli:root")
        await shown.reload()
        await shown.get_by_role("tab", name="Proof").click()
        await holds.get_by_role("button", name="Lift the hold “Case 2026-8”").click()
        await holds.get_by_label("Why it is lifted").fill("settled")
        await holds.get_by_role("button", name="Lift the hold", exact=True).click()
        await expect(holds.locator(".lifted")).to_contain_text("settled")
        await expect(holds.get_by_role("button", name="Lift")).to_have_count(0)
        assert [hold.active for hold in await store.holds.of(SESSION)] == [True, False]
        await shown.goto(f"{made.base}/library")
        await expect(shown.locator("tbody tr").get_by_text("Legal hold")).to_be_visible()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        assert complaints == []


async def test_a_deleted_recording_says_so_with_its_certificate(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made:
        app = made.server.app
        async with app[STORE].database.write():
            await app[STORE].retention.add_rule(
                RetentionRule("claims", "call_ended", "P1Y", "《民法典》第一百八十八条")
            )
            await app[AUDIT].record("cli:root", "retention.add", "retention_rule:claims")
        parts: dict[str, Any] = {"vault": app[VAULT], "blobs": app[BLOBS], "audit": app[AUDIT], "key": app[SIGNING_KEY]}
        clock = STARTED_US + 2 * YEAR_US
        deletion = LegalDeletion(store=app[STORE], journal=app[JOURNAL], **parts, clock=lambda: clock)
        await deletion.delete(SESSION, "cli:root")
        async with looking_at(made, "/library", tmp_path) as (shown, complaints):
            await expect(shown.locator("tbody tr").get_by_text("Deleted")).to_be_visible()
            await expect(shown.locator("tbody tr").get_by_role("link", name="Details")).to_be_visible()
            await expect(shown.locator("tbody tr").get_by_role("link", name="Replay")).to_have_count(0)
            await shown.goto(f"{made.base}/library/{SESSION}")
            gone = shown.locator("library-deleted")
            await expect(gone.get_by_role("heading", name="This recording was deleted")).to_be_visible()
            await expect(gone).to_contain_text("claims: 1 year from the end of the call")
            await expect(gone).to_contain_text("第一百八十八条")
            await expect(shown.get_by_role("button", name="Play", exact=True)).to_have_count(0)
            await expect(shown.get_by_role("button", name="Deleted, certified")).to_be_visible(timeout=60_000)
            await expect(shown.locator(".events li").first).to_be_visible()
            async with shown.expect_download() as downloading:
                await gone.get_by_role("link", name="Certificate of the deletion").click()
            file = await (await downloading.value).path()
            assert check_file(file.read_bytes(), [app[SIGNING_KEY].public]).session == SESSION
            assert await faults_everywhere(shown, PHONE_SCREEN) == []
            await shown.get_by_role("tab", name="Proof").click()
            await expect(shown.locator(".holds")).to_contain_text("What is left is the sequence of events")
            await expect(shown.locator(".bundle:not(.holds)")).to_have_count(0)
            assert await faults_everywhere(shown, PHONE_SCREEN) == []
            assert complaints == []
