"""What the library says of a call: how it went, what was noted, and who is who."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol.values import Language
from server.session import events as e
from server.store.people import Grant, Role
from server.store.sessions import Projection
from tests.big import big, first_of
from tests.server.evidence.recorded import STARTED_US, requested
from tests.web.audit import faults
from tests.web.test_library import Library, library, looking_at

pytestmark = pytest.mark.chromium


async def _given_up(made: Library, *, overdue: bool) -> None:
    """A call that one specialist declined and another answered; the customer gave up."""
    first, row = requested("s-told")
    await made.archive.add("s-told", 0, first, e.ConsentGiven("2026-01", "zh-CN", "00"), projection=row)
    ringing = (e.Offered("p2", "Bo"), e.OfferEnded("p2", "declined"), e.Offered("p1", "Emma Clarke"))
    answered = Projection(state="active", specialist="p1", specialist_name="Emma Clarke", answered_us=STARTED_US + 9)
    await made.archive.add("s-told", 900, *ringing, e.Answered("p1", "Emma Clarke"), projection=answered)
    ended = (e.RecordingStarted("aes-256-gcm", "s-told"), e.NoteSaved("wants 12 months\nnot now"))
    await made.archive.add("s-told", 1000, *ended)
    over = (e.Ended("kiosk", "customer"), e.Disposed("declined", "", "p1", overdue=overdue), e.RecordingCompleted([]))
    done = Projection(state="closed", ended_us=STARTED_US + 5_000_000, outcome="declined")
    await made.archive.add("s-told", 5000, *over, e.Closed(), projection=done)


@pytest.mark.parametrize(
    ("language", "outcome", "ring"),
    first_of(("zh-CN", "客户放弃办理", "拒接"), ("en", "Customer decided against it", "declined")),
)
async def test_a_customer_who_gave_up_declined_nothing(tmp_path: Path, language: str, outcome: str, ring: str) -> None:
    async with library(tmp_path) as made:
        await _given_up(made, overdue=False)
        async with looking_at(made, "/library", tmp_path) as (shown, _):
            if language == "zh-CN":
                await shown.get_by_role("button", name="中文").click()
            row = shown.locator("tbody tr", has_text="Emma Clarke")
            await expect(row).to_contain_text(outcome)
            await row.get_by_role("link").last.click()
            events = shown.locator(".events")
            await expect(events).to_contain_text(outcome)
            await expect(events.locator("li", has_text=ring)).to_have_count(1)
            if language == "zh-CN":
                await expect(events).to_contain_text("Emma Clarke 接听")
            await expect(events).not_to_contain_text("aes-256-gcm")
            assert await shown.locator(".events [title*='aes-256-gcm']").count() == 1


@big
@pytest.mark.parametrize("overdue", first_of(True, False))
async def test_outcome_and_notes_are_shown(tmp_path: Path, overdue: bool) -> None:
    async with library(tmp_path) as made:
        await _given_up(made, overdue=overdue)
        async with looking_at(made, "/library/s-told", tmp_path) as (shown, complaints):
            await shown.get_by_role("tab", name="Result").click()
            panel = shown.get_by_role("tabpanel")
            await expect(panel).to_contain_text("Customer decided against it")
            await expect(panel.locator(".note")).to_have_text("wants 12 months not now")
            await expect(panel.get_by_text("not confirmed")).to_have_count(int(overdue))
            assert await faults(shown) == []
            assert complaints == []


async def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    async with library(tmp_path) as made:
        for login, branch in (("wang1", "b1"), ("wang2", "*"), ("chen", "b1")):
            await made.archive.store.people.add(
                login=login,
                name="王伟" if login.startswith("wang") else "陈静",
                password_hash="unused",
                languages=[Language.ZH],
                skills=[],
                grants=[Grant(Role.SPECIALIST, branch)],
            )
        async with looking_at(made, "/library", tmp_path) as (shown, _):
            options = shown.locator(".filters label:has(> span:text-is('Specialist')) option")
            await expect(options).to_have_text(
                ["All specialists", "陈静", "王伟 · wang1 · Downtown", "王伟 · wang2 · All branches"]
            )
