"""Bundles that people ask for: one after the other, bounded, stopped, gone on with, and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from link.protocol.errors import NotFound, RateLimited, WrongState
from server.evidence.bundle_runs import BUNDLES, KEPT_S, BundleRun, BundleRuns, Progress, told


class Making:
    """Bundles that are made when the test says so."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.running = self.most = 0
        self.go = asyncio.Event()
        self.fails = False

    async def __call__(self, run: BundleRun, progress: Progress) -> Mapping[str, Any]:
        self.begun.append((run.session, run.purpose))
        self.running += 1
        self.most = max(self.most, self.running)
        run.folder.mkdir(parents=True, exist_ok=True)
        (run.folder / "file").write_bytes(b"x")
        progress(1, 4)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if self.fails:
            raise OSError("no room")
        return {"verdict": "sound", "bytes": 5}


@pytest.fixture
async def making() -> Making:
    return Making()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
async def runs(making: Making, now: list[float], tmp_path: Path) -> AsyncIterator[BundleRuns]:
    made = BundleRuns(making, tmp_path / "exports", clock=lambda: now[0])
    yield made
    await made.close()
    assert making.running == 0
    assert not (tmp_path / "exports").exists(), "nothing of it outlasts the server"


async def until(run: BundleRun, state: str) -> None:
    async with asyncio.timeout(30):
        while run.state != state or (state == "running" and not run.done):
            await asyncio.sleep(0)


async def test_one_after_the_other_and_each_person_their_own(runs: BundleRuns, making: Making) -> None:
    first = runs.want("a", "p1", "court")
    assert runs.want("a", "p1", "court") is first
    other = runs.want("a", "p2", "review")
    assert other is not first
    assert other.folder != first.folder
    await until(first, "running")
    assert told(first) | {"verdict": None} == told(first)
    assert (first.done, first.total, other.state) == (1, 4, "waiting")
    making.go.set()
    await until(other, "done")
    assert making.begun == [("a", "court"), ("a", "review")]
    assert making.most == 1
    assert told(first)["verdict"] == "sound"
    assert runs.known("a", "p3") is None
    assert runs.want("a", "p1", "court") is first, "one that is made stays"


async def test_there_is_an_end_to_them(runs: BundleRuns, making: Making) -> None:
    for number in range(BUNDLES):
        runs.want(f"s{number}", "p1", "court")
    assert runs.full()
    with pytest.raises(RateLimited):
        runs.want("one more", "p1", "court")
    await runs.remove("s3", "p1")
    runs.want("one more", "p1", "court")


async def test_stopped_and_gone_on_with(runs: BundleRuns, making: Making) -> None:
    run, waiting = runs.want("a", "p1", "court"), runs.want("b", "p1", "court")
    await until(run, "running")
    assert await runs.stop("a", "p1") is run
    assert run.state == "stopped"
    assert (run.folder / "file").exists(), "what is written stays"
    await until(waiting, "running")
    assert runs.want("a", "p1", "review") is run
    assert (run.state, run.purpose) == ("waiting", "review")
    await runs.stop("a", "p1")
    making.go.set()
    await until(waiting, "done")
    assert run.state == "stopped", "stopped while it waited: it is not begun"
    runs.want("a", "p1", "review")
    await until(run, "done")
    with pytest.raises(NotFound):
        await runs.stop("nothing", "p1")
    with pytest.raises(NotFound):
        await runs.remove("a", "p2")


async def test_one_that_fails_is_said_and_the_next_goes_on(runs: BundleRuns, making: Making) -> None:
    making.fails = True
    making.go.set()
    run = runs.want("a", "p1", "court")
    await until(run, "failed")
    making.fails = False
    other = runs.want("b", "p1", "court")
    await until(other, "done")
    assert runs.want("a", "p1", "court") is run
    await until(run, "done")


async def test_nobody_takes_away_what_is_being_downloaded(runs: BundleRuns, making: Making, now: list[float]) -> None:
    run = runs.want("a", "p1", "court")
    with pytest.raises(WrongState), runs.reading(run):
        pass
    making.go.set()
    await until(run, "done")
    with runs.reading(run) as folder:
        assert (folder / "file").exists()
        with pytest.raises(WrongState):
            await runs.remove("a", "p1")
        now[0] += KEPT_S + 1
        await runs.forget_old()
        assert runs.known("a", "p1") is run
    await runs.remove("a", "p1")
    assert not run.folder.exists()


async def test_old_ones_are_removed(runs: BundleRuns, making: Making, now: list[float]) -> None:
    making.go.set()
    old, looked_at = runs.want("a", "p1", "court"), runs.want("b", "p1", "court")
    await until(looked_at, "done")
    now[0] += KEPT_S - 1
    assert runs.known("b", "p1") is looked_at
    now[0] += 2
    await runs.forget_old()
    assert runs.known("a", "p1") is None
    assert not old.folder.exists()
    assert looked_at.folder.exists()


async def test_what_an_earlier_server_left_is_removed(making: Making, tmp_path: Path) -> None:
    left = tmp_path / "exports" / "0011"
    left.mkdir(parents=True)
    (left / "key.json").write_text("secret")
    runs = BundleRuns(making, tmp_path / "exports")
    await runs.start()
    assert not left.exists()
    await runs.close()
