"""`visavis verify`: is everything that this site has kept what it was, and is all of it here?

Checkpoints of both places, the audit log, who may do what, and every session with its recording.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs
from server.blobs.vault import SiteKeyError, Vault
from server.evidence.checkpoint import SignedRow, moment
from server.evidence.checkpoint_walk import Walk, named, walk_checkpoints
from server.evidence.integrity_checks import Finding
from server.evidence.second_place import SecondPlace
from server.evidence.signed_history import check_known
from server.evidence.timestamp import Trust
from server.evidence.timestamp_check import StampCheck, StampReport
from server.evidence.verify import EXIT_CODES, Verdict, say_deleted, verify_kept
from server.journal import Audit, Journal
from server.journal.audit import BASELINE, rows_of
from server.journal.lost import lost_sessions
from server.journal.row_digests import GONE, SessionDigest, all_row_digests, session_digests
from server.store import Store, tables

log = structlog.get_logger()

FINDINGS: Final = 10_000
"""Findings that are told; what is more is counted."""
_PAGE: Final = 250


@dataclass(slots=True)
class StoreReport:
    """The result of a verification of everything.

    `deleted` are the sessions that were, each with what its certificate says; of more than FINDINGS only the number,
    `deletions`, is told.
    """

    verdict: Verdict = Verdict.SOUND
    checkpoints: int = 0
    newest: str = ""
    timestamps: int = 0
    stamped: str = ""
    audit: int = 0
    rows: int = 0
    sessions: int = 0
    entries: int = 0
    segments: int = 0
    documents: int = 0
    bytes: int = 0
    deletions: int = 0
    deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def exit_code(self) -> int:
        """0 sound, 1 broken, 2 unusable."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_text(self) -> str:
        """The report for a person; the last line is the verdict."""
        lines = [
            f"checkpoints {self.checkpoints}, newest {self.newest or '-'}",
            f"time stamps {self.timestamps}, newest {self.stamped or '-'}",
            f"audit log   {self.audit} entries",
            f"rows        {self.rows} parts, of people, branches, services, kiosks, rules, facts, holds and deletions",
            f"sessions    {self.sessions}, with {self.entries} journal entries",
            f"recordings  {self.segments} segments, {self.documents} documents, {self.bytes} bytes",
            *([f"deletions   {self.deletions}, each with its certificate"] if self.deletions else []),
            *(
                f"{Verdict.DELETED.upper():<9} session {name}: {say_deleted(told)}"
                for name, told in self.deleted.items()
            ),
            *(f"{self.verdict.upper():<9} {finding.where}: {finding.problem}" for finding in self.findings),
            *([f"{self.verdict.upper():<9} and {self.more} more"] if self.more else []),
            f"verdict     {self.verdict}",
        ]
        return "\n".join(lines)

    def found(self, where: str, problem: str) -> None:
        """Something is broken."""
        self.verdict = Verdict.BROKEN
        self._tell(where, problem)

    def unusable(self, where: str, problem: str) -> None:
        """Something cannot be checked."""
        if self.verdict is Verdict.SOUND:
            self.verdict = Verdict.UNUSABLE
        self._tell(where, problem)

    def _tell(self, where: str, problem: str) -> None:
        if len(self.findings) < FINDINGS:
            self.findings.append(Finding(where, problem))
        else:
            self.more += 1


async def verify_store(
    *,
    store: Store,
    blobs: Blobs,
    vault: Vault | None,
    place: SecondPlace,
    trusted: Collection[bytes],
    recordings: bool = True,
    trust: Trust | None = None,
    presented: Sequence[tuple[str, bytes]] = (),
    progress: Callable[[int, int], None] | None = None,
) -> StoreReport:
    """Check everything; without `recordings`, everything but what lies in segments and documents.

    `trusted` are the site's public signing keys, `trust` the certificates of its timestamp authority, `presented` time
    stamps (name and contents of a file) that were kept elsewhere. The server may run: what it changes meanwhile is no
    fault. `progress` hears how many of all sessions are done.
    """
    report = StoreReport()
    try:
        if not trusted:
            report.unusable("signing key", "it is missing: checkpoints cannot be checked")
        if vault is not None and recordings:
            try:
                await vault.check()
            except SiteKeyError as error:
                report.unusable("site key", str(error))
                vault = None
        stamps = StampCheck(store, place, trust, presented)
        await _Check(store, blobs, vault, place, trusted, report).run(stamps, recordings, progress)
    except Unavailable as error:
        report.unusable("store", error.message)
    return report


class _Check:
    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        vault: Vault | None,
        place: SecondPlace,
        trusted: Collection[bytes],
        report: StoreReport,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._vault = vault
        self._place = place
        self._trusted = trusted
        self._report = report
        self._audit = Audit(store)

    async def run(self, stamps: StampCheck, recordings: bool, progress: Callable[[int, int], None] | None) -> None:
        rows, until = await self._rows()  # before the checkpoints: what is newer than these rows is left alone
        walk = Walk()
        if self._trusted:
            await stamps.load()
            walk = await walk_checkpoints(self._store, self._place, self._trusted, stamps)
            self._tell_stamps(await stamps.result())
        report = self._report
        report.checkpoints = walk.count
        report.newest = "" if walk.newest is None else f"{walk.newest.number}, {moment(walk.newest.at_us)}"
        for finding in walk.findings:
            report.found(finding.where, finding.problem)
        await self._check_audit()
        if self._trusted:
            await self._check_rows(rows, until, walk)
        await self._check_sessions(walk, recordings, progress)

    def _tell_stamps(self, stamps: StampReport) -> None:
        report = self._report
        report.timestamps = stamps.count
        report.stamped = moment(stamps.newest_us) if stamps.newest_us else ""
        for finding in stamps.findings:
            report.found(finding.where, finding.problem)
        if stamps.unchecked:
            report.unusable("time stamps", "there are no certificates of the authority to check them with")

    async def _rows(self) -> tuple[dict[str, str], int]:
        """The digests of all rows that decide who may do what, and the number of the audit entry up to then."""
        async with self._store.database.read() as connection:
            rows = await all_row_digests(connection)
            until = (await connection.execute(select(func.max(tables.audit.c.seq)))).scalar()
        self._report.rows = len(rows)
        return rows, until if isinstance(until, int) else 0

    async def _check_audit(self) -> None:
        broken, head = await self._audit.verify(), await self._audit.head()
        self._report.audit = 0 if head is None else head.seq
        if broken is not None:
            self._report.found(f"audit seq {broken}", "the hash chain is broken here")

    async def _check_rows(self, rows: dict[str, str], until: int, walk: Walk) -> None:
        expected, begun = await self._told_rows(until)
        for subject, row in walk.rows.items():
            if subject not in expected or expected[subject].seq <= row.seq:
                expected[subject] = row
        if begun and not walk.count:
            self._report.found("checkpoints", f"there is none in either place, and audit seq {begun} began with them")
        elif not walk.count and await self._has_sessions():
            self._report.unusable("checkpoints", "there is none yet: the server signs the first when it starts")
        for subject in sorted(rows.keys() | expected.keys()):
            told, now = expected.get(subject), rows.get(subject, GONE)
            if told is None:
                if begun or walk.count:
                    self._report.found(_subject(subject), "no signed audit entry knows it: it was added by other means")
            elif told.digest != now and told.seq <= until:
                self._report.found(_subject(subject), _changed(subject, told, now, walk))

    async def _told_rows(self, until: int) -> tuple[dict[str, SignedRow], int]:
        """What the audit log says that rows are, and the number of the entry that it begins to say so with."""
        expected: dict[str, SignedRow] = {}
        begun = 0
        unsigned: list[tuple[int, str, str]] = []
        async for entry in self._audit.changes(until=until):
            told = rows_of(entry, self._trusted)
            if told is None:
                unsigned.append((entry.seq, entry.action, entry.object))
                continue
            if entry.action == BASELINE and not begun:
                begun = entry.seq
            expected.update({subject: SignedRow(subject, digest, entry.seq) for subject, digest in told.items()})
        for seq, action, target in unsigned:
            if begun and seq > begun:
                self._report.found(f"audit seq {seq}", f"{action} of {target} is not signed with this site's key")
        return expected, begun

    async def _has_sessions(self) -> bool:
        async with self._store.database.read() as connection:
            return (await connection.execute(select(tables.session.c.id).limit(1))).first() is not None

    async def _check_sessions(self, walk: Walk, recordings: bool, progress: Callable[[int, int], None] | None) -> None:
        report, seen, total = self._report, set[str](), await self._count()
        recorded = await self._blobs.folders("sessions")
        async for row in self._session_rows():
            seen.add(row.session)
            await self._check_signed(row, walk)
            await self._check_session(row.session, recordings)
            report.sessions += 1
            if progress is not None:
                progress(report.sessions, max(total, report.sessions))
        for session, mention in sorted(walk.sessions.items()):
            if session not in seen:
                report.found(
                    f"session {session}", f"it was deleted: {mention.checkpoint} knew {mention.seq} entries of it"
                )
        for session in await lost_sessions(self._store, recorded):
            if session not in walk.sessions or session in seen:
                report.found(f"session {session}", "its row or its journal is missing, and something else names it")
        await self._check_unsigned(walk)

    async def _count(self) -> int:
        async with self._store.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(tables.session))).scalar_one())

    async def _session_rows(self) -> AsyncIterator[SessionDigest]:
        after = ""
        while True:
            async with self._store.database.read() as connection:
                page = await session_digests(connection, after=after, limit=_PAGE)
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            after = page[-1].session

    async def _check_signed(self, row: SessionDigest, walk: Walk) -> None:
        known = walk.sessions.get(row.session)
        seq = None if known is None else known.seq
        if self._trusted and row.signed_seq != seq and not await self._signed_since(row, seq, walk):
            self._report.found(
                f"session {row.session}: row",
                f"says {row.signed_seq!r} in signed_seq; checkpoints know {seq!r} entries",
            )
        if known is not None and known.row and row.seq == known.seq and row.digest != known.row:
            self._report.found(
                f"session {row.session}: row", f"it is not the one that {known.checkpoint} signed: it was changed since"
            )

        digest, signer = walk.keys.get(row.session, ("", None))
        if signer is not None and row.key != digest and not row.destroyed:
            what = "it is not the one" if row.key else "it is missing, unlike the one"
            self._report.found(
                f"session {row.session}: data key",
                f"{what} that {signer.checkpoint} signed: it was changed since, or put back after it was destroyed",
            )

    async def _signed_since(self, row: SessionDigest, seq: int | None, walk: Walk) -> bool:
        """Whether the server has signed this session after the walk: then the row may say more than was read."""
        newest = await self._store.checkpoints.newest()
        walked = 0 if walk.newest is None else walk.newest.number
        further = isinstance(row.signed_seq, int) and row.signed_seq > (seq or 0)
        return further and newest is not None and newest.number > walked

    async def _check_session(self, session: str, recordings: bool) -> None:
        report, journal = self._report, Journal(self._store)
        try:
            one = await verify_kept(
                session,
                store=self._store,
                trusted=self._trusted,
                journal=journal,
                blobs=self._blobs,
                vault=self._vault,
                recordings=recordings,
            )
        except Exception as error:  # one session that others made unreadable must not hide what is wrong with the rest
            log.exception("check failed", session=session)
            report.unusable(f"session {session}: the check itself", f"failed: {type(error).__name__}: {error}")
            return
        report.entries += one.entries
        report.segments += one.segments
        report.documents += one.documents
        report.bytes += one.bytes
        if one.verdict is Verdict.DELETED:
            report.deletions += 1
            if len(report.deleted) < FINDINGS:
                report.deleted[session] = one.deleted
        for finding in one.findings:
            where = f"session {session}: {finding.where}"
            # The site's key opens others: a data key that it does not open was exchanged.
            if one.verdict is Verdict.BROKEN or finding.where == "data key":
                report.found(where, finding.problem)
            else:
                report.unusable(where, finding.problem)

    async def _check_unsigned(self, walk: Walk) -> None:
        """Check that nothing old has never been in a checkpoint."""
        after = ""
        while True:
            page = await self._store.checkpoints.unsigned(after, limit=_PAGE)
            newest = await self._store.checkpoints.newest()
            kept = newest.number if newest is not None and isinstance(newest.number, int) else 0
            for session in page:
                known = walk.sessions.get(session.id)
                seq = 0 if known is None else known.seq
                finding = check_known(
                    session.state, session.head_seq, session.last_us, session.appended_after, seq, walk.newest, kept
                )
                if finding is not None:
                    self._report.found(f"session {session.id}: {finding.where}", finding.problem)
            if len(page) < _PAGE:
                return
            after = page[-1].id


def _subject(subject: str) -> str:
    """`person:ID/password` for people: person ID, password hash."""
    row, _, part = subject.rpartition("/")
    kind, _, name = row.partition(":")
    parts = {"password": "password hash", "key": "public key or revocation", "row": "row", "roles": "roles"}
    kind = {"retention_rule": "retention rule", "session_fact": "fact", "deletion": "deletion of"}.get(kind, kind)
    return f"{kind} {name}: {parts.get(part, part)}"


def _changed(subject: str, row: SignedRow, now: str, walk: Walk) -> str:
    what = "it is gone" if now == GONE else "it is not what it was"
    signed = walk.numbers.get(subject) if walk.rows.get(subject) == row else None
    number = f", signed in {named(signed, walk.newest)}" if signed is not None else ""
    last = "" if walk.newest is None else f", up to {named(walk.newest.number, walk.newest)},"
    return f"{what} after audit seq {row.seq}{number}: no audit entry since then{last} changed it"
