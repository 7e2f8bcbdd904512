"""`visavis verify SESSION`: is this recording exactly what was recorded, and is all of it here?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs, Missing
from server.blobs.container import Broken
from server.blobs.vault import NoKey, SessionKey, Vault
from server.evidence.certificate import Fate, check_certificate, fate_of, summary
from server.evidence.integrity_checks import (
    Finding,
    check_accounts,
    check_document,
    check_head,
    check_journal,
    check_row,
    check_segment,
    check_text,
)
from server.evidence.signed_history import SignedHistory, check_deleted, check_history
from server.journal import Entry, Journal
from server.recording.segment import kind_of
from server.session import events as e
from server.session.private import is_sealed
from server.store import Store


class Verdict(StrEnum):
    """The answer, and with it the exit code of the command."""

    SOUND = "sound"
    BROKEN = "broken"
    UNUSABLE = "unusable"
    DELETED = "deleted"
    """Deleted under a rule, with its certificate; what is left of it is sound."""


EXIT_CODES = {Verdict.SOUND: 0, Verdict.BROKEN: 1, Verdict.UNUSABLE: 2, Verdict.DELETED: 0}


@dataclass(slots=True)
class VerifyReport:
    """The result of a verification. `running`: the session has not ended yet, so more will follow.

    `left_out` is the most that the copy of the customer's page did not show, by kind: that is no fault of the record.
    `deleted` says in a few words what the certificate of its deletion does.
    """

    session: str
    verdict: Verdict = Verdict.SOUND
    running: bool = False
    entries: int = 0
    segments: int = 0
    documents: int = 0
    bytes: int = 0
    head: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 sound or deleted with a certificate, 1 broken, 2 unusable."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_text(self) -> str:
        """The report for a person; the last line is the verdict."""
        lines = [
            f"session   {self.session}{' (still running)' if self.running else ''}",
            f"journal   {self.entries} entries, head {self.head or '-'}",
            f"recording {self.segments} segments, {self.documents} documents, {self.bytes} bytes",
            *([f"copy      leaves out {_counts(self.left_out)}"] if self.left_out else []),
            *([f"deleted   {say_deleted(self.deleted)}"] if self.deleted else []),
            *(f"{self.verdict.upper():<9} {finding.where}: {finding.problem}" for finding in self.findings),
            f"verdict   {self.verdict}",
        ]
        return "\n".join(lines)


async def verify_session(
    session: str,
    *,
    journal: Journal,
    blobs: Blobs,
    vault: Vault | None,
    history: SignedHistory | None = None,
    fate: Fate | None = None,
    recordings: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Recompute the chain and every hash of a session, and decrypt and read everything it points to.

    Without a `vault` only the journal can be checked, and without `recordings` nothing else is. `history` is what
    checkpoints know of the session, read before this; `fate` what became of its data key: without it a session that was
    deleted is unusable, as nobody can tell why. `progress` hears how many of all segments and documents are done.
    """
    report = VerifyReport(session)
    try:
        entries, head = await journal.whole(session)
    except Unavailable as error:
        return _unusable(report, "journal", f"cannot be read: {error.message}")
    if not entries and head is None:
        report.findings += check_deleted(history)
        return _unusable(report, "journal", "there is no such session")
    timed, report.findings = check_journal(entries)
    events = [event for event, _ in timed]
    report.findings += check_head(entries, events, head)
    if not report.findings:  # else the row and what is left of the journal differ for the reason that is named already
        report.findings += check_row(timed, head)
    report.findings += check_history(entries, head, history)
    report.entries, report.head = len(entries), _hex(entries[-1].hash) if entries else ""
    report.running = not any(isinstance(event, e.Ended) for event in events)
    for event in events:
        if isinstance(event, e.CopyIncomplete):
            report.left_out |= event.left_out
    report.findings += check_accounts(events)
    recorded = any(isinstance(event, e.RecordingStarted | e.DocumentStored) or is_sealed(event) for event in events)
    if fate is not None and fate.is_deleted:
        return _deleted(report, fate, entries, events)
    if recorded and fate is not None and fate.key is None:
        report.findings.append(Finding("data key", "there is none: it was removed, and nothing can be read any more"))
    elif recordings and recorded and not await _read_all(report, events, blobs, vault, progress):
        return report
    report.verdict = Verdict.BROKEN if report.findings else Verdict.SOUND
    return report


async def _read_all(
    report: VerifyReport,
    events: list[e.Event],
    blobs: Blobs,
    vault: Vault | None,
    progress: Callable[[int, int], None] | None,
) -> bool:
    """Decrypt and read everything that the events point to; False where that cannot be done."""
    if vault is None:
        _unusable(report, "site key", "it is missing: nothing but the journal can be checked")
        return False
    try:
        key = await vault.open(report.session)
    except NoKey:
        _unusable(report, "data key", "there is none, or it was destroyed: nothing can be read any more")
        return False
    except Broken as error:
        _unusable(report, "data key", str(error))
        return False
    try:
        await _contents(report, events, blobs, key, progress)
    except Unavailable as error:
        _unusable(report, "blobs", error.message)
        return False
    return True


async def verify_kept(
    session: str,
    *,
    store: Store,
    trusted: Collection[bytes],
    journal: Journal,
    blobs: Blobs,
    vault: Vault | None,
    history: SignedHistory | None = None,
    recordings: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """As `verify_session`, with what became of the session's data key; it may be deleted meanwhile.

    `trusted` are the public keys whose signatures count. Raises `Unavailable`.
    """
    fate = await fate_of(session, store=store, trusted=trusted)
    parts = {"journal": journal, "blobs": blobs, "vault": vault, "history": history}
    checks: dict[str, Any] = {**parts, "recordings": recordings, "progress": progress}
    report = await verify_session(session, fate=fate, **checks)
    if report.verdict is Verdict.SOUND or fate.is_deleted:
        return report
    now = await fate_of(session, store=store, trusted=trusted)
    return await verify_session(session, fate=now, **checks) if now.is_deleted else report


def _deleted(report: VerifyReport, fate: Fate, entries: list[Entry], events: list[e.Event]) -> VerifyReport:
    """The verdict on a session of which the journal is left, and the certificate of its deletion."""
    if fate.deletion is not None:
        report.deleted = summary(fate.deletion)
    if fate.deletion is not None and not fate.trusted:
        return _unusable(report, "signing key", "it is missing: the certificate of the deletion cannot be checked")
    report.findings += check_certificate(report.session, fate, entries, events)
    report.verdict = Verdict.BROKEN if report.findings else Verdict.DELETED
    return report


def say_deleted(told: dict[str, Any]) -> str:
    """What a report says of a certificate, for people."""
    if not told:
        return "the certificate cannot be read"
    under = f"under rule {told['rule']} ({told['keep']} from {told['counts_from']}; {told['source']})"
    return f"{told['at']} by {told['by']} {under}, certificate {told['certificate_sha256']}"


def _counts(left_out: dict[str, int]) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(left_out.items()))


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def _unusable(report: VerifyReport, where: str, problem: str) -> VerifyReport:
    """The rest cannot be checked. What was found broken by then is broken all the same."""
    report.verdict = Verdict.BROKEN if report.findings else Verdict.UNUSABLE
    report.findings.append(Finding(where, problem))
    return report


async def _contents(
    report: VerifyReport,
    events: list[e.Event],
    blobs: Blobs,
    key: SessionKey,
    progress: Callable[[int, int], None] | None,
) -> None:
    total = sum(isinstance(event, e.SegmentSealed | e.DocumentStored) for event in events)
    kinds = {event.track: event.kind for event in events if isinstance(event, e.TrackStarted)}
    for event in events:
        match event:
            case e.SegmentSealed():
                blob = await _get(report, blobs, event.blob, f"{event.track} segment {event.index}")
                report.segments += 1
                if blob is not None:
                    kind = kinds.get(event.track) or kind_of(event.track)
                    _note(report, await asyncio.to_thread(check_segment, key, kind, event, blob))
            case e.DocumentStored():
                report.documents += 1
                for name, sha256 in ((event.original_blob, event.sha256), (event.blob, event.view_sha256)):
                    blob = await _get(report, blobs, name, f"document {event.document}")
                    if blob is not None:
                        _note(report, await asyncio.to_thread(check_document, key, event, name, sha256, blob))
            case _ if is_sealed(event):
                _note(report, check_text(key, event))
            case _:
                pass
        if progress is not None:
            progress(report.segments + report.documents, total)


async def _get(report: VerifyReport, blobs: Blobs, name: str, where: str) -> bytes | None:
    try:
        blob = await blobs.get(name)
    except (Missing, ValueError):
        report.findings.append(Finding(where, f"its blob {name} is missing"))
        return None
    report.bytes += len(blob)
    return blob


def _note(report: VerifyReport, finding: Finding | None) -> None:
    if finding is not None:
        report.findings.append(finding)
