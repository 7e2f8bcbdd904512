"""Several sessions at once in a real Chromium: selected by mouse and keyboard, assigned, exported, approved."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from playwright.async_api import expect

from demo.browser import PHONE_SCREEN
from server.api.http.app_keys import AUDIT, STORE
from server.store.people import Grant, Role
from tests.server.evidence.recorded import SESSION, requested
from tests.web.audit import faults_everywhere
from tests.web.test_library import Library, library, looking_at

pytestmark = pytest.mark.chromium


async def more(made: Library, count: int = 3) -> str:
    """Further sessions, newest `s-2`, and a second supervisor of their branch, whose id it is."""
    for number in range(count):
        event, row = requested(f"s-{number}")
        row["requested_us"] += (number + 1) * 60_000_000
        await made.archive.add(f"s-{number}", number, event, projection=row)
    person = await made.archive.store.people.add(
        login="ren.wei", name="Ren Wei", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.SUPERVISOR, "b1")],
    )  # fmt: skip
    return person.id


async def actions(made: Library, start: str) -> list[tuple[str, str]]:
    app = made.server.app
    return [(one.action, one.object) for one in await app[AUDIT].read(limit=1000) if one.action.startswith(start)]


async def test_sessions_are_selected_assigned_and_found_again(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=1) as made,
        looking_at(made, "/login", tmp_path) as (shown, complaints),
    ):
        await more(made)
        await shown.goto(made.base + "/library")
        boxes, bar = shown.locator("tbody input[type=checkbox]"), shown.get_by_role("toolbar")
        await expect(boxes).to_have_count(4)
        await expect(bar).to_have_count(0)
        # Shift and a click, then the keyboard, then all.
        await boxes.nth(0).click()
        await boxes.nth(2).click(modifiers=["Shift"])
        await expect(bar).to_contain_text("3 selected")
        await boxes.nth(2).press("Shift+ArrowDown")
        await expect(boxes.nth(3)).to_be_focused()
        await expect(bar).to_contain_text("4 selected")
        await boxes.nth(3).press("ArrowUp")
        await expect(boxes.nth(2)).to_be_focused()
        await boxes.nth(2).press(" ")
        await expect(bar).to_contain_text("3 selected")
        everything = shown.get_by_role("checkbox", name="Select all shown").first
        assert await everything.evaluate("(one) => one.indeterminate")
        await everything.check()
        await expect(bar).to_contain_text("4 selected")
        await everything.uncheck()
        await expect(bar).to_have_count(0)
        await boxes.nth(0).check()
        await boxes.nth(1).check()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await expect(bar.get_by_role("button", name="Legal hold…")).to_have_count(
            int(await shown.evaluate("JSON.parse(document.querySelector('#page-data').textContent).holds"))
        )
        await bar.get_by_role("button", name="Assign…").click()
        dialog = shown.get_by_role("dialog", name="Assign for review")
        await expect(dialog.get_by_role("button", name="Assign", exact=True)).to_be_disabled()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await dialog.get_by_label("Reviewer").select_option("Ren Wei (ren.wei)")
        await dialog.get_by_role("button", name="Assign", exact=True).click()
        await expect(dialog).to_be_hidden()
        await expect(bar).to_contain_text("Assigned: 2")
        await expect(shown.locator("tbody tr").nth(1)).to_contain_text("To review: Ren Wei")
        assert await actions(made, "review.") == [("review.assign", "session:s-2"), ("review.assign", "session:s-1")]
        await boxes.nth(1).uncheck()
        await bar.get_by_role("button", name="Assign…").click()
        await dialog.get_by_label("Reviewer").select_option("Myself")
        await dialog.get_by_role("button", name="Assign", exact=True).click()
        await expect(shown.locator("tbody tr").nth(0)).to_contain_text("To review: Myself")
        await shown.get_by_role("button", name="Assigned to me").click()
        await expect(boxes).to_have_count(1)
        await made.archive.store.viewing.state(await me(made), "s-2", "quality", minutes=5)
        await shown.locator("a.open").click()
        await shown.get_by_role("button", name="Review is done").click()
        await expect(shown.locator(".review")).to_have_text("Review done")
        await shown.get_by_role("button", name="中文").click()
        await expect(shown.locator(".review")).to_have_text("复核完成")
        assert complaints == []


async def me(made: Library) -> str:
    person = await made.archive.store.people.by_login("supervisor")
    assert person is not None
    return person.id


async def test_bundles_of_several_are_made_one_after_the_other(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=1) as made,
        looking_at(made, "/login", tmp_path) as (shown, complaints),
    ):
        await more(made, 1)
        await shown.goto(made.base + "/library")
        await shown.get_by_role("checkbox", name="Select all shown").first.check()
        await shown.get_by_role("toolbar").get_by_role("button", name="Evidence bundles…").click()
        dialog = shown.get_by_role("dialog", name="Evidence bundles")
        await dialog.get_by_label("Made for").select_option("court")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await dialog.get_by_role("button", name="Make them").click()
        # The call that goes on has none.
        await expect(dialog.locator("li").nth(0)).to_contain_text("The call is not over")
        await expect(dialog.locator("li").nth(1)).to_contain_text("Made", timeout=60_000)
        await dialog.get_by_role("button", name="Go on in the list").click()
        await expect(shown.locator(".bulk-running")).to_contain_text("2 of 2")
        await shown.locator(".bulk-running").get_by_role("button", name="Show").click()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        async with shown.expect_download() as coming:
            await dialog.locator("li").nth(1).get_by_role("link").click()
        await (await coming.value).save_as(tmp_path / "bundle.tar")
        with tarfile.open(tmp_path / "bundle.tar") as tar:
            assert f"visavis-{SESSION}/bundle.json" in tar.getnames()
        await expect(dialog.locator("li").nth(1)).to_contain_text("Downloaded", timeout=20_000)
        assert list((made.archive.folder / "exports").iterdir()) == [], "it made room by itself"
        assert ("recording.export", f"session:{SESSION}") in await actions(made, "recording.export")
        assert [complaint for complaint in complaints if "409" not in complaint] == []


async def test_an_export_waits_for_a_second_person(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=1, site={"export_approval": "required"}) as made,
        looking_at(made, "/login", tmp_path) as (shown, complaints),
    ):
        second = await more(made, 0)
        approvals = made.server.app[STORE].approvals
        await shown.goto(f"{made.base}/library/{SESSION}")
        await shown.get_by_role("tab", name="Proof").click()
        bundle = shown.locator(".bundle:not(.holds)")
        await expect(bundle).to_contain_text("A second supervisor has to approve this export")
        await bundle.get_by_label("Made for").select_option("court")
        await bundle.get_by_role("button", name="Ask for approval").click()
        await expect(bundle).to_contain_text("Waits for the approval of a second supervisor. For another 23 hours.")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        [request] = await approvals.to_decide(second, None)
        await approvals.decide(request.id, second, approved=True, hours=24)
        await expect(bundle).to_contain_text("Approved by Ren Wei, to be used once.", timeout=15_000)
        await bundle.get_by_role("button", name="Make the bundle").click()
        await expect(bundle).to_contain_text("Made, and checked: sound.", timeout=60_000)
        # What others asked for is in the list, to be decided there.
        asked = {"session": SESSION, "branch": "b1", "kind": "bundle", "asked_by": second, "hours": 24}
        for purpose in ("complaint", "regulator"):
            await approvals.ask(purpose=purpose, **asked)  # type: ignore[arg-type]
        await shown.goto(made.base + "/library")
        card = shown.locator("library-approvals")
        await expect(card.locator("li")).to_have_count(2)
        await expect(card).to_contain_text("Asked for by Ren Wei")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await card.get_by_role("button", name="Approve").first.click()
        await expect(card).to_contain_text("Approved. It can be used once.")
        await expect(card.locator("li")).to_have_count(1)
        await card.get_by_role("button", name="Refuse").click()
        await expect(card.locator("li")).to_have_count(0)
        assert [action for action, _ in await actions(made, "export.")] == [
            "export.ask",
            "export.approve",
            "export.refuse",
        ]
        details = [json.loads(one.detail) for one in await made.server.app[AUDIT].read(limit=1000)]
        assert [one["purpose"] for one in details if one.get("asked_by")] == ["complaint", "regulator"]
        assert complaints == []
