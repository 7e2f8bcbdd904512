"""What the checkpoints of both places know of one session, and whether its journal still is what they signed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from server.evidence.checkpoint import (
    Checkpoint,
    NoCheckpoint,
    Statement,
    may_be_unknown,
    moment,
    read_line,
    read_statement,
)
from server.evidence.integrity_checks import Finding
from server.evidence.second_place import SecondPlace
from server.journal import Entry, Head
from server.store import Store


@dataclass(frozen=True, slots=True)
class Mention:
    """One checkpoint's word on a session: number and hash of its last entry then."""

    number: int
    at_us: int
    seq: int
    hash: str
    row: str = ""

    @property
    def checkpoint(self) -> str:
        """The checkpoint by number and time, for people."""
        return f"checkpoint {self.number} ({moment(self.at_us)})"


@dataclass(frozen=True, slots=True)
class SignedHistory:
    """Every mention of a session in order, and the newest checkpoint of all (None: there is none)."""

    mentions: Sequence[Mention]
    newest: Statement | None


async def signed_history(
    session: str, *, store: Store, place: SecondPlace, trusted: Collection[bytes]
) -> SignedHistory:
    """Look the session up in both places; what nobody trusted has signed does not count. Raises `Unavailable`."""
    found: dict[int, Mention] = {}
    async for checkpoint in _naming(session, store, place):
        if checkpoint.number in found or not checkpoint.is_signed(trusted):
            continue
        for mention in mentions(read_statement(checkpoint.body), session):
            found[checkpoint.number] = mention
    return SignedHistory([found[number] for number in sorted(found)], await _newest(store, place, trusted))


def mentions(statement: Statement, session: str) -> Iterator[Mention]:
    """What a checkpoint says of this session."""
    for signed in statement.sessions:
        if signed.session == session:
            yield Mention(statement.number, statement.at_us, signed.seq, signed.hash, signed.row)


def check_deleted(history: SignedHistory | None) -> Iterator[Finding]:
    """The finding for a session of which nothing is left, if a checkpoint names it."""
    if history is not None and history.mentions:
        last = history.mentions[-1]
        yield Finding("session", f"it was deleted: {last.checkpoint} knew {last.seq} entries of it")


def check_history(entries: Sequence[Entry], head: Head | None, history: SignedHistory | None) -> Iterator[Finding]:
    """Check that the journal holds every entry that a checkpoint names, and nothing old that none knows."""
    if history is None:
        return
    hashes = {entry.seq: entry.hash for entry in entries}
    wrong = [mention for mention in history.mentions if hashes.get(mention.seq) != _bytes(mention.hash)]
    if wrong:
        yield broken_history(wrong, history.mentions, hashes.get(wrong[0].seq))
    last = entries[-1] if entries else None
    if last is not None and head is not None:
        known = max((mention.seq for mention in history.mentions), default=0)
        finding = check_known(head.state, last.seq, last.at_us, head.appended_after, known, history.newest)
        if finding is not None:
            yield finding


def broken_history(wrong: Sequence[Mention], known: Iterable[Mention], found: object) -> Finding:
    """The finding for mentions that the journal is at odds with; `found` is the hash there is at the first of them."""
    first, last = wrong[0], wrong[-1]
    after = next((mention for mention in known if mention.number > last.number), None)
    when = f"after {last.checkpoint}" + ("" if after is None else f" and before {after.checkpoint}")
    what = "the entry is missing" if found is None else "the entry is not the one"
    return Finding(
        f"journal seq {first.seq}", f"{what} that {first.checkpoint} signed: the journal was cut or rewritten {when}"
    )


def check_known(
    state: object,
    seq: object,
    at_us: object,
    appended_after: object,
    known: int,
    newest: Statement | None,
    kept: int = 0,
) -> Finding | None:
    """Check that a closed session has no entry that the checkpoints should know and do not; see `may_be_unknown`.

    A session that still runs is signed on within the minute; `newest` says whether older ones wait for their turn.
    """
    if newest is None or newest.behind or state != "closed" or not isinstance(seq, int) or seq <= known:
        return None
    number, newest_us = newest.number, newest.at_us
    if may_be_unknown(number, newest_us, at_us=at_us, appended_after=appended_after, known=known, kept=kept):
        return None
    signed = f"checkpoint {newest.number} ({moment(newest.at_us)})"
    return Finding(f"journal seq {known + 1}", f"no checkpoint up to {signed} knows this entry: it was written later")


async def _naming(session: str, store: Store, place: SecondPlace) -> AsyncIterator[Checkpoint]:
    async for kept in store.checkpoints.naming(f'["{session}",'):
        if _readable(kept.body, kept.signature):
            yield Checkpoint(kept.number, kept.body, kept.signature)
    word = f'["{session}",'.encode()
    async for line in place.lines():
        if word in line:
            try:
                yield read_line(line)
            except NoCheckpoint:
                continue


async def _newest(store: Store, place: SecondPlace, trusted: Collection[bytes]) -> Statement | None:
    kept = await store.checkpoints.newest()
    found = (
        [Checkpoint(kept.number, kept.body, kept.signature)] if kept and _readable(kept.body, kept.signature) else []
    )
    for line in reversed(await place.last_lines()):
        try:
            found.append(read_line(line))
        except NoCheckpoint:
            continue
        break
    signed = [checkpoint for checkpoint in found if checkpoint.is_signed(trusted)]
    return read_statement(max(signed, key=lambda checkpoint: checkpoint.number).body) if signed else None


def _readable(body: object, signature: object) -> bool:
    if not isinstance(body, bytes) or not isinstance(signature, bytes):
        return False
    try:
        read_statement(body)
    except NoCheckpoint:
        return False
    return True


def _bytes(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
