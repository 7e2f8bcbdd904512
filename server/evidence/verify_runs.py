"""Runs `visavis verify` for the library's player, as a process of its own, one recording after the other.

A check reads, decrypts and parses everything that was recorded, which takes minutes of one core for a long call. It
runs as another process of low priority, so that it takes no time from the calls that this process carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from link.protocol.errors import RateLimited
from link.tasks import cancel, spawn
from server.config import PREFIX, Config

log = structlog.get_logger()

WAITING: Final = 16
"""Checks that wait for their turn; further ones are refused."""
KEPT: Final = 500
FORGOTTEN_S: Final = 30.0
"""Seconds; a waiting check that nobody has polled for so long is not started."""
LIMIT_S: Final = 1800.0
FINDINGS: Final = 50
GIVES_WAY: Final = 10
_LINES: Final = 64 * 1024 * 1024
_SAID: Final = 300
_PROGRESS: Final = re.compile(rb"(\d+) of (\d+)\s*")

Progress = Callable[[int, int], None]
Verify = Callable[[str, Progress], Awaitable[Mapping[str, Any]]]


@dataclass(slots=True)
class Proof:
    """One check: `state` is waiting, running, done or failed; `report` that of `visavis verify --json` when done.

    `head` is the last hash of the journal that the check was asked for; `at_ms` when it ended, in unix milliseconds.
    """

    session: str
    head: str
    state: str = "waiting"
    done: int = 0
    total: int = 0
    at_ms: int | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    asked: float = 0.0


class Proofs:
    """Runs the checks one at a time, at most one of each session, and keeps what they said of a journal's head."""

    def __init__(self, verify: Verify, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._verify = verify
        self._clock = clock
        self._proofs: OrderedDict[str, Proof] = OrderedDict()
        self._waiting: deque[Proof] = deque()
        self._worker: asyncio.Task[None] | None = None

    def known(self, session: str, head: str) -> Proof | None:
        """The check of the session that runs, waits or was made of this journal; None when there is none."""
        proof = self._proofs.get(session)
        if proof is None or (proof.state in ("done", "failed") and proof.head != head):
            return None
        proof.asked = self._clock()
        return proof

    def full(self) -> bool:
        """Whether a further check would be refused."""
        return len(self._waiting) >= WAITING

    def want(self, session: str, head: str) -> Proof:
        """Check the session, unless that is going on already.

        Raises:
            RateLimited: too many checks wait.
        """
        proof = self.known(session, head)
        if proof is not None and proof.state in ("waiting", "running"):
            return proof
        if self.full():
            raise RateLimited("too many recordings wait to be checked", retry_after=FORGOTTEN_S)
        proof = self._proofs[session] = Proof(session, head, asked=self._clock())
        self._proofs.move_to_end(session)
        self._waiting.append(proof)
        if self._worker is None or self._worker.done():
            self._worker = spawn(self._run(), name="checks of recordings")
        return proof

    async def close(self) -> None:
        """End the check that runs, and begin none."""
        self._waiting.clear()
        await cancel(self._worker)

    async def _run(self) -> None:
        while self._waiting:
            proof = self._waiting.popleft()
            if self._clock() - proof.asked > FORGOTTEN_S:
                if self._proofs.get(proof.session) is proof:
                    del self._proofs[proof.session]
                continue
            await self._check(proof)
            self._forget_old()

    async def _check(self, proof: Proof) -> None:
        def progress(done: int, total: int) -> None:
            proof.done, proof.total = done, total

        proof.state = "running"
        try:
            async with asyncio.timeout(LIMIT_S):
                proof.report = await self._verify(proof.session, progress)
        except Exception:
            log.exception("check failed", session=proof.session)
            proof.state = "failed"
        else:
            proof.state = "done"
            log.info("recording checked", session=proof.session, verdict=proof.report.get("verdict"))
        proof.at_ms = int(time.time() * 1000)

    def _forget_old(self) -> None:
        for session in [name for name, proof in self._proofs.items() if proof.state in ("done", "failed")]:
            if len(self._proofs) <= KEPT:
                return
            del self._proofs[session]


def command_environment(config: Config) -> dict[str, str]:
    """The environment in which a command works on what this server's options name."""
    root = Path(__file__).parent.parent.parent
    named = {
        "data": config.data.absolute(),
        "database": config.database_url,
        "blobs": config.blobs_location,
        "site_key": config.site_key_file.absolute(),
        "suite": config.suite,
        "key_service": config.key_service,
        "key_service_key": config.key_service_key,
        "key_service_token": config.key_service_token.absolute() if config.key_service_token else "",
        "notice": config.notice.absolute() if config.notice else "",
        "export_approval": config.export_approval,
        "signing_key": config.signing_key_file.absolute(),
        "checkpoints": config.checkpoints_location,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    path = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH"))))
    # Not as arguments, which every account of this machine can read: the database's URL may hold a password.
    options = {f"{PREFIX}{name.upper()}": str(value) for name, value in named.items()}
    return {**kept, "PYTHONPATH": path, **options}


def verifier(config: Config) -> Verify:
    """Check with `visavis verify` on what this server's options name."""
    environment = command_environment(config)

    async def verify(session: str, progress: Progress) -> Mapping[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "server", "verify", "--json", "--progress", "--", session),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINES,
        )
        try:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, GIVES_WAY)
            assert process.stdout is not None
            assert process.stderr is not None
            answer, said = await asyncio.gather(process.stdout.read(), follow(process.stderr, progress))
            await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if not answer:
            raise OSError(f"verify ended with {process.returncode}: {said}")
        report: Mapping[str, Any] = await asyncio.to_thread(json.loads, answer)
        return report

    return verify


async def follow(stream: asyncio.StreamReader, progress: Progress) -> str:
    """Hear of each line that says how far a command is; the last line that says anything else is returned."""
    said = b""
    async for line in stream:
        match = _PROGRESS.fullmatch(line)
        if match:
            progress(int(match[1]), int(match[2]))
        else:
            said = line.strip() or said
    return said[:_SAID].decode("utf-8", "replace")


def told(proof: Proof) -> dict[str, object]:
    """A check's state as JSON for the page, with the first findings."""
    report = proof.report
    findings = report.get("findings", ())
    names = ("verdict", "running", "entries", "segments", "documents", "head", "deleted")
    figures = {name: report.get(name) for name in names}
    return {
        "state": proof.state,
        "done": proof.done,
        "total": proof.total,
        "at_ms": proof.at_ms,
        "count": len(findings),
        "findings": [_finding(found["where"], found["problem"]) for found in findings[:FINDINGS]],
        **figures,
    }


_PLACES: Final = {
    "journal": "journal",
    "session": "row",
    "site": "key",
    "data": "key",
    "blobs": "storage",
    "certificate": "certificate",
}


def _finding(where: str, problem: str) -> dict[str, object]:
    """Which `part` of the record a finding is about, and of which `track` and `index` where it is one of these."""
    words = where.split()
    first = words[0] if words else ""
    number = int(words[2]) if len(words) > 2 and words[2].isdecimal() and words[1] in ("segment", "seq") else None
    if first == "document":
        return {"part": "document", "track": "", "index": None, "where": where, "problem": problem}
    if first in _PLACES:
        return {"part": _PLACES[first], "track": "", "index": None, "where": where, "problem": problem}
    track = first if first == "cobrowse" or "." in first else ""
    return {"part": "track" if track else "check", "track": track, "index": number, "where": where, "problem": problem}
