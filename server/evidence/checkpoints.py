"""Signs checkpoints while the server runs: each minute in which something happened, and when a session has ended.

A checkpoint costs what changed since the one before, however much is stored. It names the heads of journals as this
process appended them, not as the database has them by then; only what a crash left unsigned is read from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.evidence.checkpoint import (
    CHECKPOINT_DOMAIN,
    ORIGIN,
    AuditHead,
    Checkpoint,
    NoCheckpoint,
    SignedRow,
    SignedSession,
    SignedStamp,
    Statement,
    may_be_unknown,
    read_line,
    read_statement,
    sign,
)
from server.evidence.second_place import SecondPlace
from server.evidence.timestamps import token_hash
from server.journal import Audit, AuditEntry, Entry, Journal
from server.journal.audit import BASELINE, SERVER, rows_of
from server.journal.row_digests import all_row_digests, session_digests
from server.journal.signing_key import SigningKey
from server.store import Store
from server.store.stamps import now_us

log = structlog.get_logger()

EVERY_S: Final = 60.0
SETTLE_S: Final = 5.0
"""Least seconds between two: sessions that end together are in one."""
BEHIND_S: Final = 1.0
"""The same while older sessions wait for their first checkpoint."""
IDLE_S: Final = 3600.0
"""Seconds without any change after which one is signed all the same."""
SESSIONS: Final = 1000
"""Most sessions of one checkpoint, which is 250 KB then; the rest is in the next."""
ROWS: Final = 2000
BASELINE_ROWS: Final = 500
CLOCK_S: Final = 1.0
"""How often the wall clock is looked at, and the step of it after which a checkpoint is signed at once."""
_SESSIONS_AT_ONCE: Final = 50  # rows between two turns of the loop: 2 ms of it
_ENDS: Final = frozenset(("ended", "closed"))
_CLOCK: Final = "clock"


class Checkpoints:
    """The checkpoints of a running server. `start` begins, `close` signs what is left and ends."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        audit: Audit,
        key: SigningKey,
        place: SecondPlace,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], int] = now_us,
    ) -> None:
        self._store = store
        self._journal = journal
        self._audit = audit
        self._key = key
        self._place = place
        self._clock = clock
        self._wall_clock = wall_clock
        self._heads: dict[str, tuple[int, str]] = {}
        """Heads that no checkpoint has yet, as this process appended them."""
        self._last: tuple[int, str, int] = (0, ORIGIN, 0)  # number, hash, audit seq of the newest
        self._last_us = 0
        self._signed_at = 0.0
        self._after: str | None = ""  # where the search for what a crash left goes on, None when it is over
        self._found_until: str | None = None
        self._first_time = True  # sessions from before the first checkpoint are still to be signed
        self._behind = False
        self._copied: int | None = None  # up to which the second place has them; None: it has not been asked yet
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()
        self._failing: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._offset_us = 0  # of the wall clock from the other, which nobody sets

    async def start(self) -> None:
        """Find where to go on, sign what there is, and go on signing.

        Raises:
            Unavailable: the database is locked, full or gone.
        """
        self._journal.on_append = self._appended
        await self._find_last()
        self._offset_us = self._offset_now_us()
        await self.sign("start")
        await self._copy()
        self._task = spawn(self._run(), name="checkpoints")
        self._watch = spawn(self._watch_clock(), name="wall clock")

    async def close(self) -> None:
        """Sign what was journaled last, if the database takes it."""
        async with self._turn:  # not in the middle of one, which would then be in the database and not be known here
            await cancel(self._watch)
            await cancel(self._task)
        self._journal.on_append = None
        await self._try("stop")

    async def sign(self, reason: str) -> Checkpoint | None:
        """Sign what changed since the last checkpoint; None when nothing did, and it is recent.

        Raises:
            Unavailable: nothing was signed.
        """
        idle = self._clock() - self._signed_at < IDLE_S
        changed = bool(self._heads) or self._after is not None or await self._audited()
        if self._last[0] and idle and not changed and reason != _CLOCK:
            return None
        try:
            if self._last[0]:
                checkpoint, statement = await self._make(reason)  # outside of the write: nobody waits for it
                await self._keep(checkpoint, statement)
            else:
                async with self._store.database.write():  # there is no baseline without a first checkpoint
                    await self._record_baseline()
                    checkpoint, statement = await self._make(reason)
                    await self._keep(checkpoint, statement)
        except IntegrityError as error:
            log.error("somebody else wrote checkpoints into the database", number=self._last[0] + 1)
            await self._find_last()
            raise Unavailable("the checkpoint's number was taken") from error
        for signed in statement.sessions:
            if self._heads.get(signed.session, (0, ""))[0] == signed.seq:
                del self._heads[signed.session]
        self._last = (checkpoint.number, checkpoint.hash, statement.audit.seq)
        self._last_us, self._signed_at = statement.at_us, self._clock()
        if self._after is not None:
            self._after = self._found_until
        self._behind = statement.behind
        self._first_time = self._first_time and statement.behind
        return checkpoint

    async def _keep(self, checkpoint: Checkpoint, statement: Statement) -> None:
        signed = {session.session: session.seq for session in statement.sessions}
        stamped = [stamp.number for stamp in statement.stamped]
        await self._store.checkpoints.add(checkpoint.number, checkpoint.body, checkpoint.signature, signed, stamped)

    def _appended(self, entries: list[Entry]) -> None:
        head = entries[-1]
        self._heads[head.session] = (head.seq, head.hash.hex())
        if any(entry.kind in _ENDS for entry in entries):
            self._ended.set()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(BEHIND_S if self._behind else SETTLE_S)
            if not self._behind:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S - SETTLE_S):
                        await self._ended.wait()
            reason = "session" if self._ended.is_set() else "time"
            self._ended.clear()
            await self._try(reason)

    async def _watch_clock(self) -> None:
        """Sign at once after the wall clock was set: what begins from then on is compared with the new time."""
        while True:
            await asyncio.sleep(CLOCK_S)
            await self._look_at_clock()

    async def _look_at_clock(self) -> None:
        before_us, self._offset_us = self._offset_us, self._offset_now_us()
        step_us = self._offset_us - before_us
        if abs(step_us) >= CLOCK_S * 1_000_000:
            log.warning("the wall clock was set", by_s=round(step_us / 1_000_000, 3))
            await self._try(_CLOCK)

    def _offset_now_us(self) -> int:
        return self._wall_clock() - round(self._clock() * 1_000_000)

    async def _try(self, reason: str) -> None:
        """Sign and copy; what fails is tried again with the next one."""
        try:
            async with self._turn:
                await self.sign(reason)
                self._failing.discard("database")
                await self._copy()
        except Unavailable as error:
            self._fails("database", error)
        except Exception:  # whatever others wrote into the database must not end the signing
            log.exception("checkpoint failed")

    def _fails(self, where: str, error: Exception) -> None:
        if where not in self._failing:
            self._failing.add(where)
            log.warning("checkpoints are not kept", where=where, error=str(error))

    async def _audited(self) -> bool:
        head = await self._audit.head()
        return head is not None and head.seq > self._last[2]

    async def _find_last(self) -> None:
        """The newest checkpoint of either place: where the database is older, its chain must not fork from there."""
        kept = await self._store.checkpoints.newest()
        if kept is not None:
            newest = Checkpoint(kept.number, kept.body, kept.signature)
            self._last, self._first_time = (newest.number, newest.hash, 0), False
            try:
                statement = read_statement(newest.body)
            except NoCheckpoint:
                log.error("the newest checkpoint cannot be read", number=newest.number)
            else:
                self._last = (newest.number, newest.hash, statement.audit.seq)
                self._last_us, self._first_time = statement.at_us, statement.behind
        try:
            copied = await self._ask_second_place()
        except Unavailable as error:
            self._fails("second place", error)
            return
        if copied is not None and copied.number > self._last[0]:
            log.error("the database is older than its checkpoints", database=self._last[0], copied=copied.number)
            # What the database has by now is signed anew from where it is; the numbers go on, so that nothing forks.
            self._last = (copied.number, copied.hash, self._last[2])
            self._last_us, self._first_time = read_statement(copied.body).at_us, False

    async def _ask_second_place(self) -> Checkpoint | None:
        """The last checkpoint that the second place has of ours, and where copying goes on."""
        copied = await self._last_copied()
        self._copied = 0 if copied is None else copied.number
        kept = await self._store.checkpoints.newest()
        await self._store.checkpoints.mark_copied(1, self._copied)  # a crash may have come before that was noted
        if kept is not None and kept.copied and self._copied < kept.number:
            told = {"first": self._copied + 1, "last": kept.number}
            await self._audit.record(SERVER, "checkpoint.recopied", "", told)
        return copied

    async def _last_copied(self) -> Checkpoint | None:
        for line in reversed(await self._place.last_lines()):
            with contextlib.suppress(NoCheckpoint):
                return read_line(line)  # whoever signed it: an earlier key of this site may have
        return None

    async def _record_baseline(self) -> None:
        """Journal the rows that were there before changes of them were signed, once in the life of a site."""
        known: set[str] = set()
        async for entry in self._audit.changes():
            known |= (rows_of(entry, [self._key.public]) or {}).keys()
        async with self._store.database.read() as connection:
            rows = await all_row_digests(connection)
        missing = sorted(rows.keys() - known)
        for some in [missing[at : at + BASELINE_ROWS] for at in range(0, len(missing) or 1, BASELINE_ROWS)]:
            await self._audit.record(SERVER, BASELINE, rows={subject: rows[subject] for subject in some})

    async def _make(self, reason: str) -> tuple[Checkpoint, Statement]:
        audit, rows, more_rows = await self._changed_rows()
        wanted, more_sessions = await self._changed_sessions()
        sessions: list[SignedSession] = []
        keys: dict[str, str] = {}
        for names in _some(sorted(wanted), _SESSIONS_AT_ONCE):
            async with self._store.database.read() as connection:
                found = {row.session: row for row in await session_digests(connection, names)}
            for name in names:
                seq, own = wanted[name]
                row = found.get(name)
                sessions.append(SignedSession(name, seq, own, row.digest if row is not None and row.seq == seq else ""))
            keys |= {name: row.key for name, row in found.items() if row.key}
        stamps = [one for one in await self._store.timestamps.not_named() if isinstance(one.token, bytes)]
        statement = Statement(
            format=CHECKPOINT_DOMAIN.decode(),
            number=self._last[0] + 1,
            at_us=self._wall_clock(),
            reason=reason,
            previous=self._last[1],
            key=self._key.public.hex(),
            audit=audit,
            sessions=sessions,
            rows=rows,
            behind=more_rows or more_sessions,
            keys=keys,
            stamped=[SignedStamp(stamp.number, token_hash(stamp.token)) for stamp in stamps],
        )
        return await asyncio.to_thread(sign, statement, self._key), statement

    async def _changed_rows(self) -> tuple[AuditHead, list[SignedRow], bool]:
        """Where the audit log ends, or how far it got with as many changed rows as one checkpoint holds."""
        rows: list[SignedRow] = []
        head = await self._audit.head()  # first: what is audited meanwhile is for the next one
        if head is None:
            return AuditHead(0, ORIGIN), rows, False
        async for entry in self._audit.changes(self._last[2], until=head.seq):
            told = rows_of(entry, [self._key.public])
            if told is None:
                log.error("an audit entry about who may do what was not signed by this site", entry=entry.seq)
                continue
            rows += [SignedRow(subject, digest, entry.seq) for subject, digest in sorted(told.items())]
            if len(rows) >= ROWS:
                return _head(entry), rows, True
        return _head(head), rows, False

    async def _changed_sessions(self) -> tuple[dict[str, tuple[int, str]], bool]:
        """Heads to sign, and whether there are more: those of this process, and what an earlier one left unsigned."""
        wanted = dict(itertools.islice(self._heads.items(), SESSIONS))
        self._found_until = None
        if self._after is None:
            return wanted, len(self._heads) > len(wanted)
        left = max(_SESSIONS_AT_ONCE, SESSIONS - len(wanted))
        found = await self._store.checkpoints.unsigned(self._after, limit=left)
        for session in found:
            after, last_us = session.appended_after, session.last_us
            recent = may_be_unknown(self._last[0], self._last_us, at_us=last_us, appended_after=after, known=0)
            begun = session.signed_seq is not None or session.state != "closed" or recent
            sound = isinstance(session.head_seq, int) and isinstance(session.head_hash, bytes)
            if session.id not in self._heads and sound and (self._first_time or begun):
                wanted[session.id] = (session.head_seq, session.head_hash.hex())
        self._found_until = found[-1].id if len(found) == left else None
        return wanted, self._found_until is not None

    async def _copy(self) -> None:
        """Write what the second place lacks to it, in order, and note that it has it."""
        try:
            if self._copied is None:
                await self._ask_second_place()
            async for page in self._store.checkpoints.pages(self._copied or 0):
                await self._place.append([Checkpoint(kept.number, kept.body, kept.signature) for kept in page])
                await self._store.checkpoints.mark_copied(page[0].number, page[-1].number)
                self._copied = page[-1].number
        except Unavailable as error:
            self._fails("second place", error)
        else:
            self._failing.discard("second place")


def _head(entry: AuditEntry) -> AuditHead:
    return AuditHead(entry.seq, entry.hash.hex() if isinstance(entry.hash, bytes) else "")


def _some(names: Sequence[str], count: int) -> list[Sequence[str]]:
    return [names[at : at + count] for at in range(0, len(names), count)]
