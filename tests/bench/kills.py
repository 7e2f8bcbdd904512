"""`./dev bench kills`: a real server killed with SIGKILL in the middle of calls, again and again, and what that costs.

One server process over one data directory, a kiosk and a specialist with real legs and media, and a second kiosk that
calls and hangs up as fast as it can. At a random moment the server is killed, sometimes once more while it starts; when
both are back in the same call, the recording is checked as `visavis verify` does it as far as it has come, and by that
command itself when the call is over. Half of a round is waiting, so several servers can be killed side by side
(`--side-by-side`), each with its own people, data directory and moments. Then the kernel
refuses the n-th write, fsync or rename of the recording or the database (`strace`, ENOSPC and EIO), and the same is
looked at.

Lost is what had been captured before the kill and is not in the record: at most what was not written yet.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

import structlog

from link.protocol import client as m
from link.protocol.errors import NotFound, Unavailable
from link.protocol.server import SessionUpdate
from link.protocol.values import Session, SessionState
from link.signaling.client import Refused
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault, load_site_key
from server.evidence.second_place import second_place
from server.evidence.signed_history import signed_history
from server.evidence.verify import Verdict, verify_session
from server.journal import Entry, Journal
from server.journal.signing_key import read_signing_key
from server.session import events as e
from server.store import Store
from tests.server.calls.bank import Party, call_request
from tests.server.calls.media import Media
from tests.server.calls.process import ROOT, Process

MOMENT_S = (0.3, 2.6)
"""How long media flow before a kill: longer than a segment, so that a kill meets every age of one."""
AGAIN = 0.15
"""How often the server is killed once more while it starts and recovers."""
KILLS_A_CALL = 12
BACK_S = 60.0
PATIENT = ("--specialist-grace-s", "120", "--kiosk-grace-s", "120")
"""On a starved machine both need longer to come back than a call waits for them: that is no loss of the server's."""
LOST_MS = 2000
FAULT_S = 2.5
TRACKS = tuple(f"{who}.{what}" for who in ("customer-1", "specialist-1") for what in ("microphone", "camera"))
CALLS = {"write": "write", "fsync": "fsync,fdatasync", "rename": "rename,renameat,renameat2"}
WANTED = frozenset({"hold", "left", "sensitive", "tray_closed"})


@dataclass
class Outcome:
    """What became of all rounds."""

    kills: int = 0
    faults: int = 0
    faults_skipped: str = ""
    lost_over_2s: int = 0
    max_lost_ms: int = 0
    verify_broken: int = 0
    calls_lost: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)

    def lost(self, milliseconds: int, where: str) -> None:
        """So much of a track is missing for one kill or fault."""
        self.max_lost_ms = max(self.max_lost_ms, milliseconds)
        if milliseconds > LOST_MS:
            self.lost_over_2s += 1
            self.problems.append(f"{where}: {milliseconds} ms lost")

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost_over_2s or self.verify_broken or self.calls_lost)

    def add(self, other: Outcome, name: str) -> None:
        """What became of those on another server, which is named in its problems."""
        for count in ("kills", "faults", "lost_over_2s", "verify_broken", "calls_lost", "acknowledged"):
            setattr(self, count, getattr(self, count) + getattr(other, count))
        self.max_lost_ms = max(self.max_lost_ms, other.max_lost_ms)
        self.faults_skipped = self.faults_skipped or other.faults_skipped
        self.problems += [f"{name}: {problem}" for problem in other.problems]


class Caller:
    """A kiosk whose customers call and hang up; whatever was acknowledged has to be there afterwards."""

    def __init__(self, kiosk: Party) -> None:
        self.acknowledged: dict[str, str] = {}
        self._kiosk = kiosk
        self._task = spawn(self._call(), name="caller")

    async def stop(self) -> None:
        """Call no more."""
        await cancel(self._task)

    async def _call(self) -> None:
        for number in range(1 << 30):
            request = f"caller-{number}"
            reply = await patiently(self._kiosk, call_request("loans", request))
            assert isinstance(reply, SessionUpdate)
            self.acknowledged[request] = reply.session.id
            await patiently(self._kiosk, m.CallEnd(reply.session.id))
            await asyncio.sleep(0.1)


async def patiently(party: Party, body: m.ClientBase) -> object:
    """Ask until there is an answer."""
    while True:
        try:
            return await party.ask(body, times=1)
        except Unavailable:
            await asyncio.sleep(0.05)
        except Refused as error:
            if error.retry_after is None and error.code != Unavailable.code:
                raise
            await asyncio.sleep(error.retry_after or 0.2)


class Call:
    """One call with media on both sides, over as many kills as it is given."""

    def __init__(self, bench: Bench, session: str) -> None:
        self.session = session
        self._bench = bench
        self._sides = [Media(party, session) for party in (bench.kiosk, bench.ann)]
        for side in self._sides:
            side.start()

    @classmethod
    async def begin(cls, bench: Bench) -> Call:
        """A new customer, and the specialist answers."""
        await patiently(bench.ann, m.SetPresence(available=True))
        bench.ann.skip()
        reply = await patiently(bench.kiosk, call_request("wealth", f"main-{time.monotonic_ns()}"))
        assert isinstance(reply, SessionUpdate)
        await bench.ann.answer()
        return cls(bench, reply.session.id)

    async def tracks(self) -> None:
        """Wait until each sees and hears the other anew."""
        for side in self._sides:
            await side.arrives(within=BACK_S)

    async def end(self) -> None:
        """Hang up, and wait until the record is complete."""
        await patiently(self._bench.kiosk, m.CallEnd(self.session))
        for side in self._sides:
            await side.stop()
        await patiently(self._bench.kiosk, m.Rate(self.session, 5))
        await patiently(self._bench.ann, m.Dispose(self.session, "resolved"))
        async with asyncio.timeout(BACK_S):
            while not any(isinstance(event, e.RecordingCompleted) for _, event in await self._bench.journal(self)):
                await asyncio.sleep(0.2)

    async def give_up(self) -> None:
        """The call is gone, or does not go on: end what there is of it, so that another one can begin."""
        for side in self._sides:
            await side.stop()
        for party, body in (
            (self._bench.kiosk, m.CallEnd(self.session)),
            (self._bench.kiosk, m.Rate(self.session, None)),
            (self._bench.ann, m.Dispose(self.session, "technical")),
        ):
            with contextlib.suppress(Refused):
                await patiently(party, body)


class Bench:
    """The server, who talks through it, and the outcome."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.outcome = Outcome()
        self.chance = random.Random(seed)
        self._log = (folder / "server.log").open("a")
        self.server = Process(folder / "data", self._log, PATIENT)
        self.kiosk: Party
        self.ann: Party
        self.call: Call | None = None
        self._store: Store

    async def open(self) -> None:
        """Start, and let everybody come; a server that does not start is left to nobody."""
        await self.server.open()
        try:
            await self.server.start()
        except BaseException:
            await self.server.close()
            raise
        self._store = await Store.open(self.server.config.database_url)
        self.kiosk, self.ann = await self.server.kiosk("k1"), await self.server.specialist("ann")
        self.caller = Caller(await self.server.kiosk("k2"))

    async def close(self) -> None:
        """End everything; what was acknowledged is looked for."""
        if self.call is not None:
            await self._end_call()
        await self.caller.stop()
        self.outcome.acknowledged = len(self.caller.acknowledged)
        for request, session in self.caller.acknowledged.items():
            entries = await Journal(self._store).read(session)
            first = e.decode(entries[0].payload) if entries else None
            if not isinstance(first, e.SessionRequested) or first.request != request:
                self._lose(f"{session} was acknowledged and is not there")
        await self._store.close()
        await self.server.close()
        self._log.close()

    async def kill(self, number: int) -> None:
        """One round: media flow, the server dies, both are back, the record is sound."""
        call = await self._in_call(anew=number % KILLS_A_CALL == 0)
        await asyncio.sleep(self.chance.uniform(*MOMENT_S))
        at_us = time.time_ns() // 1000
        await self._kill_once()
        self.ann.skip()
        self.kiosk.skip()
        await self.server.start()
        if self.chance.random() < AGAIN:
            await asyncio.sleep(self.chance.uniform(0.0, 1.0))
            await self._kill_once()
            await self.server.start()
        if not await self._is_back(call):
            return
        entries = await self.journal(call)
        killed_ms = (at_us - entries[0][0].at_us) // 1000
        for track in TRACKS:
            ends = [event.end_ms for event in _sealed(entries, track) if event.start_ms < killed_ms]
            self.outcome.lost(max(0, killed_ms - max(ends, default=0)), f"kill {number + 1}, {track}")
        await self._verify(call, f"kill {number + 1}")

    async def fault(self, what: str, error: str) -> None:
        """One round: the kernel refuses something once, the call goes on, the record is sound."""
        call = await self._in_call()
        before = len(await self.journal(call))
        injected = await self._inject(call, what, error)
        if injected is None:
            return
        where = f"{error} at {what}"
        try:
            await call.tracks()
            await self._goes_on(call, before)
        except TimeoutError:
            self._lose(f"{where}: the call does not go on")
            await self._drop_call()
            return
        self.outcome.faults += injected
        for track in TRACKS:
            entries = (await self.journal(call))[before:]
            gaps = [event for _, event in entries if isinstance(event, e.GapDeclared) and event.track == track]
            missing = sum(gap.end_ms - gap.start_ms for gap in gaps if gap.reason not in WANTED)
            self.outcome.lost(missing, f"{where}, {track}")
        await self._verify(call, where)

    async def _goes_on(self, call: Call, before: int) -> None:
        """Wait until two more segments of each track are sealed than after so many entries."""
        async with asyncio.timeout(BACK_S):
            while True:
                entries = (await self.journal(call))[before:]
                if min(len(list(_sealed(entries, track))) for track in TRACKS) >= 2:
                    return
                await asyncio.sleep(0.2)

    async def journal(self, call: Call) -> list[tuple[Entry, e.Event]]:
        """The call's entries so far."""
        return [(entry, e.decode(entry.payload)) for entry in await Journal(self._store).read(call.session)]

    async def _in_call(self, *, anew: bool = False) -> Call:
        if self.call is not None and anew:
            await self._end_call()
        if self.call is None:
            self.call = await Call.begin(self)
        await self.call.tracks()
        return self.call

    async def _end_call(self) -> None:
        call, self.call = self.call, None
        assert call is not None
        await call.end()
        await self._verify(call, "the whole call")
        await self._verify_by_command(call)

    async def _drop_call(self) -> None:
        call, self.call = self.call, None
        assert call is not None
        await call.give_up()

    async def _kill_once(self) -> None:
        await self.server.kill()
        self.outcome.kills += 1

    async def _is_back(self, call: Call) -> bool:
        def both(view: Session) -> bool:
            return view.id == call.session and view.kiosk_connected and view.specialist_connected

        problem = "is not taken up again"
        try:
            back = await self.ann.session(both, within=BACK_S)
            problem = f"is {back.state} and not active"
            if back.state is SessionState.ACTIVE:
                problem = "is taken up, and no media flow"
                await call.tracks()
                return True
        except (TimeoutError, NotFound):
            pass
        self._lose(f"{call.session} {problem}")
        await self._drop_call()
        return False

    def _lose(self, problem: str) -> None:
        self.outcome.calls_lost += 1
        self.outcome.problems.append(problem)

    async def _verify(self, call: Call, where: str) -> None:
        """What `visavis verify SESSION` does, without two seconds for the start of another Python."""
        config, place = self.server.config, second_place(self.server.config.checkpoints_location)
        trusted = [read_signing_key(config.signing_key_file).public]
        report = await verify_session(
            call.session,
            history=await signed_history(call.session, store=self._store, place=place, trusted=trusted),
            journal=Journal(self._store),
            blobs=Blobs.at(config.blobs_location),
            vault=Vault(self._store.data_keys, await load_site_key(config.site_key_file)),
        )
        if report.verdict is not Verdict.SOUND:
            self.outcome.verify_broken += 1
            said = "; ".join(f"{finding.where}: {finding.problem}" for finding in report.findings[:3])
            self.outcome.problems.append(f"{where}: {call.session} is {report.verdict}: {said}")

    async def _verify_by_command(self, call: Call) -> None:
        command = ["verify", call.session, "--data", str(self.server.config.data)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *command, cwd=ROOT, stdout=self._log, stderr=self._log
        )
        if await process.wait() != 0:
            self.outcome.verify_broken += 1
            self.outcome.problems.append(f"visavis verify {call.session} says {process.returncode}")

    async def _inject(self, call: Call, what: str, error: str) -> int | None:
        """Let the kernel refuse the n-th of these calls on the record's files and the database; how often it did."""
        trace = Path(self._log.name).with_name("strace.log")
        options = ["-f", "-qq", "-o", str(trace), "-p", str(self.server.pid)]
        when = self.chance.randint(1, 3)
        options += ["-e", f"trace={CALLS[what]}", "-e", f"inject={CALLS[what]}:error={error}:when={when}"]
        for path in self._paths(call):
            options += ["-P", str(path)]
        process = await asyncio.create_subprocess_exec("strace", *options, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(FAULT_S):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        if process.returncode not in (0, 130, -signal.SIGINT):
            self.outcome.faults_skipped = said.decode(errors="replace").strip()[:200]
            return None
        return trace.read_text(errors="replace").count("(INJECTED)")

    def _paths(self, call: Call) -> Iterator[Path]:
        """The database, and the segments that are open or come next."""
        data = self.server.config.data
        for name in ("visavis.sqlite3", "visavis.sqlite3-wal"):
            yield data / name
        for track in TRACKS:
            spool = self.server.config.spool / call.session / track
            newest = max((int(file.name[:6]) for file in spool.glob("[0-9]*")), default=0)
            for index in range(newest, newest + 4):
                yield from spool.glob(f"{index:06d}*")
                yield spool / f"{index:06d}.open"


def _sealed(entries: Sequence[tuple[Entry, e.Event]], track: str) -> Iterator[e.SegmentSealed]:
    return (event for _, event in entries if isinstance(event, e.SegmentSealed) and event.track == track)


def strace_missing() -> str:
    """Why no system call can be made to fail here; empty where one can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "-e", "inject=fsync:error=EIO", "true"], capture_output=True, check=False
    )
    why = tried.stderr.decode(errors="replace").strip()[:200]
    return "" if tried.returncode == 0 else f"strace may not trace here: {why}"


async def measure_side_by_side(count: int, faults: int, seed: int, folder: Path, servers: int) -> Outcome:
    """So many kills on as many servers at once, and the faults on one of them afterwards."""
    shares = [count // servers + (number < count % servers) for number in range(servers)]
    tasks = []
    for number, share in enumerate(shares):
        (own := folder / f"server-{number + 1}").mkdir()
        tasks.append(spawn(measure(share, 0, seed + number, own), name=f"kills of server {number + 1}"))
    try:
        outcomes = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            await cancel(task)
    outcome = Outcome()
    for number, other in enumerate(outcomes):
        outcome.add(other, f"server {number + 1}")
    if faults:
        (own := folder / "faults").mkdir()
        outcome.add(await measure(0, faults, seed, own), "faults")
    return outcome


async def measure(count: int, faults: int, seed: int, folder: Path) -> Outcome:
    """So many kills and faults, one after the other."""
    bench = Bench(folder, seed)
    outcome = bench.outcome
    await bench.open()
    try:
        number = 0
        while outcome.kills < count:
            await bench.kill(number)
            number += 1
            print(f"\r{outcome.kills} of {count} kills, at most {outcome.max_lost_ms} ms lost", end="", file=sys.stderr)
        print(file=sys.stderr)
        outcome.faults_skipped = "" if not faults else strace_missing()
        kinds = list(product(CALLS, ("ENOSPC", "EIO")))
        for turn in range(0 if outcome.faults_skipped else faults):
            await bench.fault(*kinds[turn % len(kinds)])
    finally:
        await bench.close()
    return outcome


def main(arguments: Sequence[str]) -> int:
    """Measure and print; with --json the last line is one object."""
    parser = argparse.ArgumentParser("./dev bench kills", description="What a server loses that is killed in calls.")
    parser.add_argument("--count", type=int, default=200, help="kills (default: 200)")
    parser.add_argument("--faults", type=int, help="refused system calls (default: 6, and 6 more for each 100 kills)")
    parser.add_argument(
        "--side-by-side", type=int, default=1, metavar="SERVERS", help="servers that are killed at once (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: 1)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    faults = 6 + options.count // 100 * 6 if options.faults is None else options.faults
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="visavis-kills-") as folder:
        servers = max(1, min(options.side_by_side, options.count))
        given = options.count, faults, options.seed, Path(folder)
        outcome = asyncio.run(measure(*given) if servers == 1 else measure_side_by_side(*given, servers))
    result = {**asdict(outcome), "seconds": round(time.monotonic() - begun)}
    if outcome.faults_skipped:
        print(f"No faults were injected: {outcome.faults_skipped}.", file=sys.stderr)
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            print(f"{name:<16}{value}")
    return 0 if outcome.good else 1
