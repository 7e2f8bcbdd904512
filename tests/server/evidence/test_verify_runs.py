"""Checks wait for their turn, within bounds, and what they said is kept for the journal that they were made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from link.protocol.errors import RateLimited
from server.config import Config
from server.evidence.verify_runs import (
    FINDINGS,
    FORGOTTEN_S,
    KEPT,
    WAITING,
    Progress,
    Proofs,
    follow,
    told,
    verifier,
)


class Checks:
    """Checks that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = 0
        self.most = 0
        self.go = asyncio.Event()
        self.findings: list[dict[str, str]] = []

    async def __call__(self, session: str, progress: Progress) -> Mapping[str, Any]:
        self.begun.append(session)
        self.running += 1
        self.most = max(self.most, self.running)
        progress(1, 4)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if session == "bad":
            raise OSError("no process")
        return {"verdict": "broken" if self.findings else "sound", "findings": self.findings}


async def settled(proofs: Proofs, session: str, head: str = "h") -> Any:
    async with asyncio.timeout(30):
        while (proof := proofs.known(session, head)) is None or proof.state in ("waiting", "running"):
            await asyncio.sleep(0)
    return proof


async def test_one_after_the_other_and_each_session_once() -> None:
    checks = Checks()
    proofs = Proofs(checks)
    first = proofs.want("a", "h")
    assert proofs.want("a", "h") is first
    proofs.want("b", "h")
    await asyncio.sleep(0)
    running = proofs.known("a", "other head")
    assert running is first, "a check that runs is told to whoever asks"
    assert told(running)["state"] == "running"
    assert (running.done, running.total) == (1, 4)
    checks.go.set()
    assert (await settled(proofs, "b")).state == "done"
    assert checks.begun == ["a", "b"]
    assert checks.most == 1
    assert proofs.known("a", "other head") is None
    again = proofs.want("a", "h")
    assert again is not first
    assert (await settled(proofs, "a")).state == "done"
    await proofs.close()


async def test_the_queue_has_an_end_and_forgets_who_went_away() -> None:
    checks, now = Checks(), [0.0]
    proofs = Proofs(checks, clock=lambda: now[0])
    proofs.want("running", "h")
    await asyncio.sleep(0)
    for number in range(WAITING):
        proofs.want(f"s{number}", "h")
    assert proofs.full()
    with pytest.raises(RateLimited):
        proofs.want("one more", "h")
    now[0] = FORGOTTEN_S + 1
    proofs.known("s3", "h")
    checks.go.set()
    assert (await settled(proofs, "s3")).state == "done"
    await asyncio.sleep(0)
    assert checks.begun == ["running", "s3"]
    assert proofs.known("s4", "h") is None
    assert not proofs.full()
    await proofs.close()


async def test_a_check_that_fails_is_said_and_the_next_goes_on() -> None:
    checks = Checks()
    checks.go.set()
    proofs = Proofs(checks)
    proofs.want("bad", "h")
    proofs.want("good", "h")
    assert (await settled(proofs, "good")).state == "done"
    assert told(await settled(proofs, "bad"))["state"] == "failed"
    for number in range(KEPT):
        proofs.want(f"s{number}", "h")
        await settled(proofs, f"s{number}")
    assert proofs.known("bad", "h") is None, "the oldest are forgotten"
    await proofs.close()


async def test_why_a_command_gave_no_answer_is_told(tmp_path: Path) -> None:
    """Its last words, and not that nothing is no JSON."""
    verify = verifier(Config(data=tmp_path, export_approval="perhaps"))
    with pytest.raises(OSError, match=r"verify ended with \d+: .*export_approval: one of off, required is expected"):
        await verify("s1", lambda _done, _total: None)


async def test_what_a_command_says_is_heard() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"1 of 4\nnot a number of 4\n\n" + "面".encode() * 200 + b"\n4 of 4\n")
    stream.feed_eof()
    heard: list[tuple[int, int]] = []
    assert await follow(stream, lambda done, total: heard.append((done, total))) == "面" * 100
    assert heard == [(1, 4), (4, 4)]


async def test_closing_ends_the_check_that_runs() -> None:
    checks = Checks()
    proofs = Proofs(checks)
    proofs.want("a", "h")
    proofs.want("b", "h")
    await asyncio.sleep(0)
    await proofs.close()
    assert checks.running == 0
    assert checks.begun == ["a"]


async def test_findings_are_told_by_the_part_that_they_are_about() -> None:
    checks = Checks()
    places = [
        "journal seq 7",
        "session row",
        "kiosk.camera segment 12",
        "cobrowse gap (loss)",
        "document d1",
        "data key",
        "blobs",
    ]
    checks.findings = [
        {"where": where, "problem": "x"} for where in places + ["the check itself"] + ["journal"] * FINDINGS
    ]
    checks.go.set()
    proofs = Proofs(checks)
    proofs.want("a", "h")
    report: Any = told(await settled(proofs, "a"))
    parts = [found["part"] for found in report["findings"]]
    assert parts[:8] == ["journal", "row", "track", "track", "document", "key", "storage", "check"]
    assert (report["findings"][2]["track"], report["findings"][2]["index"]) == ("kiosk.camera", 12)
    assert report["findings"][3]["track"] == "cobrowse"
    assert len(parts) == FINDINGS
    assert report["count"] == FINDINGS + 8
    await proofs.close()
