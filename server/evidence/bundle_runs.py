"""Makes evidence bundles for the library's page, with `visavis export --bundle` as a process of its own.

One bundle is made at a time, with little priority. A bundle belongs to who asked for it, holds the session's key in
clear and is kept for an hour at most; nothing of it outlasts the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import structlog

from link.protocol.errors import NotFound, RateLimited, WrongState
from link.tasks import cancel, spawn
from server.config import Config
from server.evidence.verify_runs import GIVES_WAY, command_environment, follow
from server.recording.space import FLOOR_PART

log = structlog.get_logger()

BUNDLES: Final = 8
"""Bundles there may be, made, waiting or stopped; further ones are refused until one of them is removed."""
KEPT_S: Final = 3600.0
"""Seconds that a bundle is kept after it was made, stopped or looked at last."""
LIMIT_S: Final = 4 * 3600.0
SWEEP_S: Final = 60.0

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class BundleRun:
    """One bundle: `state` is waiting, running, done, failed or stopped; `made` what the command said when done.

    `approved_by` is who agreed to it, where somebody had to; `taken` whether it was downloaded to its end.
    """

    session: str
    person: str
    purpose: str
    folder: Path
    state: str = "waiting"
    done: int = 0
    total: int = 0
    made: Mapping[str, Any] = field(default_factory=dict)
    asked: float = 0.0
    readers: int = 0
    approved_by: str = ""
    taken: bool = False

    @property
    def busy(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in ("waiting", "running")


Make = Callable[[BundleRun, Progress], Awaitable[Mapping[str, Any]]]


class BundleRuns:
    """The bundles that people have asked for, one of each session and person."""

    def __init__(self, make: Make, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`root` is the directory of the bundles, which is emptied."""
        self._make = make
        self._root = root
        self._clock = clock
        self._runs: dict[tuple[str, str], BundleRun] = {}
        self._current: tuple[BundleRun, asyncio.Task[None]] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Remove what an earlier server left."""
        await asyncio.to_thread(shutil.rmtree, self._root, ignore_errors=True)

    def known(self, session: str, person: str) -> BundleRun | None:
        """The bundle of this session that this person asked for."""
        run = self._runs.get((session, person))
        if run is not None:
            run.asked = self._clock()
        return run

    def full(self) -> bool:
        """Whether a further bundle would be refused."""
        return len(self._runs) >= BUNDLES

    def refuse(self) -> NoReturn:
        """Say that there are too many. Raises `RateLimited`."""
        raise RateLimited("too many bundles are kept or wait to be made", retry_after=SWEEP_S)

    def want(self, session: str, person: str, purpose: str) -> BundleRun:
        """Make a bundle, or go on with one that was stopped or failed; one that is made stays as it is.

        Raises:
            RateLimited: there are too many.
        """
        run = self.known(session, person)
        if run is None:
            if self.full():
                self.refuse()
            folder = self._root / secrets.token_hex(8)
            run = self._runs[session, person] = BundleRun(session, person, purpose, folder, asked=self._clock())
        elif run.state in ("stopped", "failed"):
            run.state, run.purpose = "waiting", purpose
        if self._worker is None or self._worker.done():
            self._worker = spawn(self._run(), name="evidence bundles")
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = spawn(self._sweep(), name="old evidence bundles")
        return run

    async def stop(self, session: str, person: str) -> BundleRun:
        """Stop making it; what is written stays, and `want` goes on with it. Raises `NotFound`."""
        run = self.known(session, person)
        if run is None:
            raise NotFound
        if run.busy:
            run.state = "stopped"
            if self._current is not None and self._current[0] is run:
                await cancel(self._current[1])
        return run

    async def remove(self, session: str, person: str) -> None:
        """Remove it, made or half made. Raises `NotFound`, and `WrongState` while it is being downloaded."""
        run = await self.stop(session, person)
        if run.readers:
            raise WrongState("it is being downloaded")
        del self._runs[session, person]
        await asyncio.to_thread(shutil.rmtree, run.folder, ignore_errors=True)

    async def forget(self, session: str) -> None:
        """Remove every bundle of a session that was deleted: each holds its data key. One that is read goes later."""
        for key, run in [(key, run) for key, run in self._runs.items() if run.session == session]:
            await self.stop(*key)
            run.asked = -KEPT_S - self._clock()
            if not run.readers:
                del self._runs[key]
                await asyncio.to_thread(shutil.rmtree, run.folder, ignore_errors=True)

    @contextlib.contextmanager
    def reading(self, run: BundleRun) -> Iterator[Path]:
        """Keep a made bundle while it is read. Raises `WrongState` unless it is made."""
        if run.state != "done":
            raise WrongState("the bundle is not made")
        run.readers += 1
        try:
            yield run.folder
        finally:
            run.readers -= 1
            run.asked = self._clock()

    async def close(self) -> None:
        """End everything, and remove all bundles."""
        await cancel(self._worker)  # first, so that it does not begin the next one
        await cancel(self._sweeper)
        if self._current is not None:
            await cancel(self._current[1])
        self._runs.clear()
        await asyncio.to_thread(shutil.rmtree, self._root, ignore_errors=True)

    async def forget_old(self) -> None:
        """Remove the bundles that nobody has looked at for KEPT_S."""
        now = self._clock()
        for key, run in list(self._runs.items()):
            if not run.busy and not run.readers and now - run.asked > KEPT_S:
                del self._runs[key]
                await asyncio.to_thread(shutil.rmtree, run.folder, ignore_errors=True)

    async def _sweep(self) -> None:
        while self._runs:
            await asyncio.sleep(SWEEP_S)
            await self.forget_old()

    async def _run(self) -> None:
        while (run := next((run for run in self._runs.values() if run.state == "waiting"), None)) is not None:
            run.state = "running"
            task = spawn(self._one(run), name="evidence bundle")
            self._current = run, task
            await asyncio.wait([task])
            self._current = None

    async def _one(self, run: BundleRun) -> None:
        def progress(done: int, total: int) -> None:
            run.done, run.total = done, total

        try:
            async with asyncio.timeout(LIMIT_S):
                run.made = await self._make(run, progress)
        except asyncio.CancelledError:
            run.state = "stopped"
            raise
        except Exception:
            log.exception("bundle failed", session=run.session)
            run.state = "failed"
        else:
            run.state = "done"
            log.info("bundle made", session=run.session, verdict=run.made.get("verdict"))
        run.asked = self._clock()


def bundle_maker(config: Config) -> Make:
    """Make bundles with `visavis export --bundle` of what this server's options name."""
    environment = command_environment(config)
    disk_mb = shutil.disk_usage(config.data).total >> 20
    leave_mb = min(config.minimum_free_mb, int(disk_mb * FLOOR_PART))  # as for new recordings

    async def make(run: BundleRun, progress: Progress) -> Mapping[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "server", "export", "--bundle", "--json", "--progress"),
            *("--leave-free-mb", str(leave_mb), "--purpose", run.purpose),
            *("--wished-by", f"person:{run.person}", "--approved-by", run.approved_by),
            *("--", run.session, str(run.folder.absolute())),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, GIVES_WAY)
            assert process.stdout is not None
            assert process.stderr is not None
            answer, said = await asyncio.gather(process.stdout.read(), follow(process.stderr, progress))
            await process.wait()
        finally:
            # What it has written is whole or called .part: nothing is lost by ending it at once.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if not answer:
            raise OSError(f"export ended with {process.returncode}: {said}")
        made: Mapping[str, Any] = json.loads(answer)
        return made

    return make


def told(run: BundleRun) -> dict[str, object]:
    """A bundle's state as JSON for the page."""
    figures = {
        name: run.made.get(name) for name in ("verdict", "bytes", "segments", "documents", "missing", "signature")
    }
    now = {"state": run.state, "done": run.done, "total": run.total, "purpose": run.purpose, "taken": run.taken}
    return now | figures
