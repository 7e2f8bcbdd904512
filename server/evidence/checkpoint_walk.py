"""All checkpoints of both places, read in order: is the chain whole, and does the database hold what it signed?

One walk reads each checkpoint once and keeps, besides what it found, one line for each session and each row of people,
branches, services and kiosks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from server.evidence.checkpoint import (
    ORIGIN,
    Checkpoint,
    NoCheckpoint,
    SignedRow,
    Statement,
    moment,
    read_line,
    read_statement,
)
from server.evidence.integrity_checks import Finding
from server.evidence.second_place import SecondPlace
from server.evidence.signed_history import Mention, broken_history
from server.evidence.timestamp_check import StampCheck
from server.store import Store, tables
from server.store.checkpoints import KeptCheckpoint

AT_ONCE: Final = 200
"""Entries that are looked up at once."""
_DATABASE: Final = "database"
_SECOND: Final = "second place"


@dataclass(slots=True)
class _Doubt:
    """Mentions of a session, or of the audit log, that what is stored is at odds with, and the next that it is not."""

    wrong: list[Mention]
    found: object
    after: Mention | None = None


@dataclass(slots=True)
class Walk:
    """What a walk over the checkpoints found. `rows` are the digests signed last, `numbers` the checkpoints of them.

    `keys` are the digests of data keys' rows signed last, by session, and who signed them.
    """

    count: int = 0
    newest: Statement | None = None
    sessions: dict[str, Mention] = field(default_factory=dict)
    rows: dict[str, SignedRow] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, Mention]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    broken_sessions: set[str] = field(default_factory=set)


async def walk_checkpoints(
    store: Store, place: SecondPlace, trusted: Collection[bytes], stamps: StampCheck | None = None
) -> Walk:
    """Walk over all checkpoints, which `stamps` hears of. Raises `Unavailable` where a place cannot be read."""
    return await _Walker(store, place, trusted, stamps).run()


class _Walker:
    def __init__(self, store: Store, place: SecondPlace, trusted: Collection[bytes], stamps: StampCheck | None) -> None:
        self._stamps = stamps
        self._store = store
        self._place = place
        self._trusted = trusted
        self._walk = Walk()
        self._previous: str | None = ORIGIN
        self._problems: dict[str, list[tuple[int, int]]] = {}
        self._mentions: list[tuple[str, Mention]] = []
        self._heads: list[Mention] = []
        self._doubts: dict[str, _Doubt] = {}
        self._audit_doubt: _Doubt | None = None
        self._last_copy = 0
        self._torn: bytes | None = None

    async def run(self) -> Walk:
        # The second place first: the server writes there last, so whatever it holds by now the database must have.
        self._last_copy = await self._last_number()
        newest = await self._store.checkpoints.newest()
        kept, copies = self._kept(), self._copies(max(newest.number if newest else 0, self._last_copy))
        ours, theirs = await anext(kept, None), await anext(copies, None)
        expected = 1
        while ours is not None or theirs is not None:
            number = min(found.number for found in (ours, theirs) if found is not None)
            if number > expected:
                self._problem("they are missing in both places", expected, number - 1)
                self._previous = None
            mine = ours if ours is not None and ours.number == number else None
            copy = theirs if theirs is not None and theirs.number == number else None
            await self._both(number, mine, copy)
            expected = number + 1
            if mine is not None:
                ours = await anext(kept, None)
            if copy is not None:
                theirs = await anext(copies, None)
        await self._look_up()
        self._tell()
        return self._walk

    async def _last_number(self) -> int:
        for line in reversed(await self._place.last_lines()):
            try:
                return read_line(line).number
            except NoCheckpoint:
                continue
        return 0

    async def _kept(self) -> AsyncIterator[KeptCheckpoint]:
        async for page in self._store.checkpoints.pages():
            for kept in page:
                yield kept

    async def _copies(self, last: int) -> AsyncIterator[Checkpoint]:
        """The second place's checkpoints up to this number; a line that a crash cut off stands before its whole."""
        previous = 0
        before = b""
        async for line in self._place.lines():
            try:
                copy = read_line(line)
            except NoCheckpoint:
                if self._torn:
                    self._unreadable(previous)
                self._torn = line.removesuffix(b"\n")
                continue
            if self._torn and not line.startswith(self._torn):
                self._unreadable(previous)
            self._torn = None
            if line == before:
                continue  # the crash came after the whole of it was written
            if copy.number > last:
                return
            if copy.number <= previous:
                self._problem(f"the {_SECOND} has another of this number after it", copy.number)
                continue
            previous, before = copy.number, line
            yield copy

    def _unreadable(self, previous: int) -> None:
        finding = Finding(f"checkpoints of the {_SECOND}", f"what follows checkpoint {previous} cannot be read")
        if self._walk.findings[-1:] != [finding]:
            self._walk.findings.append(finding)

    async def _both(self, number: int, kept: KeptCheckpoint | None, copy: Checkpoint | None) -> None:
        mine = None
        if kept is not None:
            mine = Checkpoint(kept.number, kept.body, kept.signature)
            if type(kept.copied) is not int or kept.copied not in (0, 1):
                self._problem(f"the {_DATABASE} does not say whether the {_SECOND} has it", number)
            elif copy is None and kept.copied:
                self._problem(f"it is missing in the {_SECOND}, which had it", number)
        else:
            self._problem(f"it is missing in the {_DATABASE}: rows were removed, or the database is older", number)
        if self._torn and copy is None and mine is not None:
            whole = isinstance(mine.body, bytes) and isinstance(mine.signature, bytes)
            if whole and kept is not None and not kept.copied and mine.line().startswith(self._torn):
                self._torn = None  # the crash came while it was written there
        good: dict[str, tuple[Checkpoint, Statement]] = {}
        for where, checkpoint in ((_DATABASE, mine), (_SECOND, copy)):
            statement = self._statement(where, number, checkpoint)
            if checkpoint is not None and statement is not None:
                good[where] = checkpoint, statement
        if len({checkpoint.body for checkpoint, _ in good.values()}) > 1:
            self._problem(f"the {_DATABASE} and the {_SECOND} have different ones, both signed", number)
        if not good:
            self._previous = None
            return
        checkpoint, statement = good.get(_SECOND) or good[_DATABASE]
        if self._previous is not None and statement.previous != self._previous:
            self._problem("it does not name the one before it", number)
        self._previous = checkpoint.hash
        if self._stamps is not None:
            self._stamps.take(checkpoint, statement)
        await self._take(statement)

    def _statement(self, where: str, number: int, checkpoint: Checkpoint | None) -> Statement | None:
        if checkpoint is None:
            return None
        try:
            if not isinstance(checkpoint.body, bytes):
                raise NoCheckpoint("of another type")
            statement = read_statement(checkpoint.body)
        except NoCheckpoint:
            self._problem(f"it cannot be read in the {where}", number)
            return None
        if statement.number != number:
            self._problem(f"another stands in its place in the {where}", number)
            return None
        if not checkpoint.is_signed(self._trusted):
            self._problem(f"it is not signed with this site's key in the {where}", number)
            return None
        return statement

    def _problem(self, problem: str, first: int, last: int | None = None) -> None:
        """Note it for these checkpoints; those that follow one another are told as one."""
        last = first if last is None else last
        ranges = self._problems.setdefault(problem, [])
        if ranges and ranges[-1][1] == first - 1:
            ranges[-1] = ranges[-1][0], last
        else:
            ranges.append((first, last))

    async def _take(self, statement: Statement) -> None:
        walk = self._walk
        walk.count += 1
        walk.newest = statement
        if statement.audit.seq:
            self._heads.append(Mention(statement.number, statement.at_us, statement.audit.seq, statement.audit.hash))
        for signed in statement.sessions:
            mention = Mention(statement.number, statement.at_us, signed.seq, signed.hash, signed.row)
            self._mentions.append((signed.session, mention))
            walk.sessions[signed.session] = mention
            if signed.session in statement.keys:
                walk.keys[signed.session] = statement.keys[signed.session], mention
        for row in statement.rows:
            walk.rows[row.subject], walk.numbers[row.subject] = row, statement.number
        if len(self._mentions) + len(self._heads) >= AT_ONCE:
            await self._look_up()

    async def _look_up(self) -> None:
        """Hold what was read so far against journals and audit log."""
        for at in range(0, len(self._mentions), AT_ONCE):
            some = self._mentions[at : at + AT_ONCE]
            hashes = await self._store.checkpoints.hashes({(session, mention.seq) for session, mention in some})
            for session, mention in some:
                found = hashes.get((session, mention.seq))
                doubt = _judged(self._doubts.get(session), mention, found)
                if doubt is not None:
                    self._doubts[session] = doubt
        table = tables.audit.c
        for at in range(0, len(self._heads), AT_ONCE):
            heads = self._heads[at : at + AT_ONCE]
            query = select(table.seq, table.hash).where(table.seq.in_({head.seq for head in heads}))
            async with self._store.database.read() as connection:
                own = {row.seq: row.hash for row in await connection.execute(query)}
            for head in heads:
                self._audit_doubt = _judged(self._audit_doubt, head, own.get(head.seq))
        self._mentions, self._heads = [], []

    def _tell(self) -> None:
        walk = self._walk
        if self._torn:
            self._unreadable(self._last_copy)
        for problem, ranges in self._problems.items():
            for first, last in ranges:
                named = f"checkpoint {first}" if first == last else f"checkpoints {first} to {last}"
                walk.findings.append(Finding(named, problem))
        if self._audit_doubt is not None:
            walk.findings.append(_of_audit(self._audit_doubt))
        for session, doubt in sorted(self._doubts.items()):
            after = [] if doubt.after is None else [doubt.after]
            finding = broken_history(doubt.wrong, after, doubt.found)
            walk.broken_sessions.add(session)
            walk.findings.append(Finding(f"session {session}: {finding.where}", finding.problem))


def _judged(doubt: _Doubt | None, mention: Mention, found: object) -> _Doubt | None:
    if isinstance(found, bytes) and found.hex() == mention.hash:
        if doubt is not None and doubt.after is None:
            doubt.after = mention
        return doubt
    if doubt is None:
        return _Doubt([mention], found)
    doubt.wrong = [doubt.wrong[0], mention]
    doubt.after = None
    return doubt


def _of_audit(doubt: _Doubt) -> Finding:
    first, last = doubt.wrong[0], doubt.wrong[-1]
    when = f"after {last.checkpoint}" + ("" if doubt.after is None else f" and before {doubt.after.checkpoint}")
    what = "the entry is missing" if doubt.found is None else "the entry is not the one"
    return Finding(
        f"audit seq {first.seq}", f"{what} that {first.checkpoint} signed: the log was cut or rewritten {when}"
    )


def named(number: int, statement: Statement | None) -> str:
    """A checkpoint for people; with its time where that is known."""
    if statement is not None and statement.number == number:
        return f"checkpoint {number} ({moment(statement.at_us)})"
    return f"checkpoint {number}"
