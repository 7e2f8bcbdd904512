"""The single checks that make up `verify`: of the chain, of the tracks' accounts, of segments and documents."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.evidence.reader import open_segment
from server.journal import Entry, Head, readable, verify_chain
from server.recording.segment import COBROWSE, facts, suite_digest
from server.session import events as e
from server.session.columns import row_of
from server.session.private import opened

TOLERANCE_MS = 130  # a frame may begin just before its segment's span and end one frame (at most 120 ms) after it


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: `where` names the journal entry, the segment or the document."""

    where: str
    problem: str


def check_journal(entries: list[Entry]) -> tuple[list[tuple[e.Event, int]], list[Finding]]:
    """Check chain and contents of the journal; return the events that can be read, each with its time (unix, µs)."""
    findings = []
    broken = verify_chain(entries)
    if broken is not None:
        findings.append(Finding(f"journal seq {broken}", "the hash chain is broken here"))
    events: list[tuple[e.Event, int]] = []
    closed = False
    for entry in entries:
        if closed:
            findings.append(Finding(f"journal seq {entry.seq}", "it follows the end of the session"))
            closed = False  # once is enough
        try:
            event = e.decode(entry.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError):
            findings.append(Finding(f"journal seq {entry.seq}", "the entry cannot be read"))
            continue
        if e.kind(event) != entry.kind:
            findings.append(Finding(f"journal seq {entry.seq}", f"an entry of kind {entry.kind} holds {e.kind(event)}"))
        events.append((event, entry.at_us))
        closed = isinstance(event, e.Closed)
    if not events or not isinstance(events[0][0], e.SessionRequested):
        findings.append(Finding("journal seq 1", "the session does not begin with its request"))
    return events, findings


def check_head(entries: list[Entry], events: Iterable[e.Event], head: Head | None) -> Iterator[Finding]:
    """Check that the journal ends where the session's row says, and in the state that it says."""
    if head is None or not isinstance(head.seq, int) or head.seq < 1 or not isinstance(head.hash, bytes):
        yield Finding("session row", "there is none that says where the journal ends")
        return
    last = entries[-1].seq if entries else 0
    if entries and not readable(entries[-1]):
        return  # the chain is broken there, which check_journal says
    if last < head.seq:
        yield Finding(
            f"journal seq {last + 1}", f"the journal is cut off here: the session's row knows {head.seq} entries"
        )
    elif last > head.seq:
        yield Finding(f"journal seq {head.seq + 1}", "the session's row does not know this entry, nor any after it")
    elif not hmac.compare_digest(entries[-1].hash, head.hash):
        yield Finding(f"journal seq {last}", "its hash is not the one that the session's row knows")
    found = {type(event) for event in events}
    told = "closed" if e.Closed in found else "ended" if e.Ended in found else "running"
    if told != (head.state if head.state in ("ended", "closed") else "running"):
        yield Finding("session row", f"says the session is {head.state}; by the journal it is {told}")


def check_row(events: Iterable[tuple[e.Event, int]], head: Head | None) -> Iterator[Finding]:
    """Check that the session's row describes the session that the journal tells of.

    Who may see the recording, and under which names it is found, is decided by the row.
    """
    if head is None:
        return
    columns, specialists = row_of(events)
    for name, said in head.columns.items():
        if said != columns.get(name):
            yield Finding("session row", f"says {said!r} in {name}; by the journal it is {columns.get(name)!r}")
    for who in sorted(specialists.keys() | head.specialists.keys()):
        if who not in specialists:
            yield Finding("session row", f"names {who} among those who answered; by the journal they did not")
        elif head.specialists.get(who) not in specialists[who]:
            yield Finding("session row", f"does not name {who} among those who answered as the journal does")


def check_accounts(events: Iterable[e.Event]) -> Iterator[Finding]:
    """Check that segments and gaps of each track follow one another, and that the completeness statement agrees."""
    spans: dict[str, list[tuple[int, int, str]]] = {}
    awaited: dict[str, list[tuple[int, int]]] = {}
    sums: dict[str, tuple[int, int, int]] = {}
    statement: e.RecordingCompleted | None = None
    ended = False
    for event in events:
        match event:
            case e.SegmentSealed():
                spans.setdefault(event.track, []).append((event.start_ms, event.end_ms, f"segment {event.index}"))
                recorded, gap, count = sums.get(event.track, (0, 0, 0))
                length = event.end_ms - event.start_ms
                sums[event.track] = (recorded + length - event.lost_ms, gap + event.lost_ms, count + 1)
            case e.GapDeclared():
                spans.setdefault(event.track, []).append((event.start_ms, event.end_ms, f"gap ({event.reason})"))
                recorded, gap, count = sums.get(event.track, (0, 0, 0))
                sums[event.track] = (recorded, gap + event.end_ms - event.start_ms, count)
            case e.MediaAwaited():
                awaited.setdefault(event.track, []).append((event.start_ms, event.end_ms))
            case e.RecordingCompleted():
                statement = event
            case e.Ended():
                ended = True
            case e.Closed() if ended and spans and statement is None:
                yield Finding("journal", "the session is closed without a completeness statement")
            case _:
                pass
    if statement is None:  # what is awaited may still come; with a statement it has come, or is a gap
        for track, holes in awaited.items():
            spans[track] = _with_awaited(spans.get(track, []), holes)
    for track, pieces in spans.items():
        yield from _check_spans(track, sorted(pieces))
    if statement is not None:
        yield from _check_statement(statement, sums)


def _with_awaited(pieces: list[tuple[int, int, str]], holes: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Add what is left of awaited spans to the pieces that account for the others."""
    added = list(pieces)
    for start, end in holes:
        edge = start
        for begun, ended, _ in sorted(piece for piece in pieces if start <= piece[0] < end):
            if begun > edge:
                added.append((edge, begun, "awaited"))
            edge = max(edge, ended)
        if edge < end:
            added.append((edge, end, "awaited"))
    return added


def _check_spans(track: str, pieces: list[tuple[int, int, str]]) -> Iterator[Finding]:
    before_end = pieces[0][0]
    for start, end, what in pieces:
        if end < start:
            yield Finding(f"{track} {what}", f"ends at {end} ms before it begins at {start} ms")
        if track != COBROWSE and start > before_end:
            yield Finding(f"{track} {what}", f"nothing accounts for {before_end} to {start} ms before it")
        if start < before_end:
            yield Finding(f"{track} {what}", f"begins at {start} ms, inside what ends at {before_end} ms")
        before_end = max(before_end, end)


def _check_statement(statement: e.RecordingCompleted, sums: dict[str, tuple[int, int, int]]) -> Iterator[Finding]:
    stated = {line.track: line for line in statement.tracks}
    for track in sorted(stated.keys() | sums.keys()):
        recorded, gap, count = sums.get(track, (0, 0, 0))
        line = stated.get(track)
        if line is None:
            yield Finding(f"{track}", "is missing in the completeness statement")
        elif line.segments != count:
            yield Finding(f"{track}", f"has {count} segments, the completeness statement says {line.segments}")
        elif line.gap_ms != gap or (track != COBROWSE and line.recorded_ms != recorded):
            said = f"{line.recorded_ms} + {line.gap_ms} ms"
            yield Finding(f"{track}", f"has {recorded} + {gap} ms, the completeness statement says {said}")


def check_segment(key: SessionKey, kind: str, event: e.SegmentSealed, blob: bytes) -> Finding | None:
    """Check a segment's bytes against its journal entry."""
    where = f"{event.track} segment {event.index}"
    try:
        data = open_segment(key, event, blob)
        if event.digest and event.digest != suite_digest(key, blob):
            return Finding(where, "its digest is not the journaled one")
        found = facts(kind, data)
    except Broken as error:
        return Finding(where, str(error))
    if found is None or found.frames != event.frames:
        return Finding(where, f"holds {found.frames if found else 0} frames instead of {event.frames}")
    if found.start_ms < event.start_ms - TOLERANCE_MS or found.end_ms > event.end_ms + TOLERANCE_MS:
        return Finding(where, f"holds {found.start_ms} to {found.end_ms} ms, outside its span")
    if found.doubled:
        return Finding(where, f"{found.crowded} of its {found.frames} frames follow another at once: recorded twice")
    return None


def check_document(key: SessionKey, event: e.DocumentStored, name: str, sha256: str, blob: bytes) -> Finding | None:
    """Check one of a document's two blobs against the hash of its contents."""
    try:
        data = key.unseal(name.split("/", 2)[2], blob)
    except (Broken, IndexError) as error:
        return Finding(f"document {event.document}", f"{name}: {error}")
    if hashlib.sha256(data).hexdigest() != sha256:
        return Finding(f"document {event.document}", f"{name}: its hash is not the journaled one")
    return None


def check_text(key: SessionKey, event: e.Event) -> Finding | None:
    """Check that what somebody wrote can be read."""
    try:
        opened(event, key)
    except (Broken, ValueError) as error:
        return Finding(f"journal {e.kind(event)}", f"what was written in it cannot be read: {error}")
    return None
