"""Legal deletion: of sessions that the rules of retention let go and that no hold keeps.

It destroys the session's data key, and with it everything that was sealed under it: sound, pictures, the shared screen,
documents, chat and notes; what the library's index has of its words goes in the same transaction. The journal stays, so
that the chain of what happened can still be checked. Then the blobs, which nobody can read any more, are removed.

The transaction that destroys the key also looks for holds, decides by the rules as they are in that moment, and keeps
the certificate and the audit entry. So after a crash a session is either whole, or deleted with its certificate; what
is left to be removed then is removed by whoever comes next (`finish`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.evidence.certificate import (
    CERTIFICATE_DOMAIN,
    Certificate,
    CertifiedRule,
    Destroyed,
    destroyed_by,
    is_certified,
    sign_certificate,
)
from server.evidence.checkpoint import moment
from server.evidence.retention import Decision, decide, facts_of, least_us, say_conditions
from server.evidence.signed_rows import not_as_signed
from server.journal import Audit, Journal, Unreadable
from server.journal.audit import SERVER
from server.journal.signing_key import SigningKey
from server.store import Store, tables
from server.store.errors import Conflict
from server.store.holds import refuse_held
from server.store.retention import Deletion, RetentionRule
from server.store.sessions import SessionRow
from server.store.stamps import now_us

log = structlog.get_logger()

PAGE: Final = 200
"""Sessions that are decided on between two turns of the event loop."""


class NotDue(Exception):
    """The rules keep the session; the message says until when, or what they wait for."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A session and what the rules say of it."""

    row: SessionRow
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the session's journal names, up to its last entry, and the row of its key, as they were read."""

    destroyed: Destroyed
    head: tuple[int, bytes]
    wrapped: bytes


class LegalDeletion:
    """Decides and deletes. `key` signs the certificates, `audit` the entries."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        vault: Vault,
        blobs: Blobs,
        audit: Audit,
        key: SigningKey,
        clock: Callable[[], int] = now_us,
    ) -> None:
        """`clock` is the time of day in unix microseconds."""
        self._store = store
        self._journal = journal
        self._vault = vault
        self._blobs = blobs
        self._audit = audit
        self._key = key
        self._clock = clock

    async def due(self, after: str = "") -> AsyncIterator[Decided]:
        """Sessions that may be deleted now, by id from above `after` on. Nothing is changed."""
        rules = await self._store.retention.rules()
        least, now = least_us(rules), self._clock()
        if least is None:
            return
        while True:
            rows = await self._store.retention.candidates(now - least, after, limit=PAGE)
            facts = await self._store.retention.facts([row.id for row in rows])
            for decided in await asyncio.to_thread(_decide_all, rows, facts, rules):
                if decided.decision.lets_go(now):
                    yield decided
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def decision(self, session: str) -> Decided:
        """What the rules say of a session, holds aside. Raises `LookupError` where there is none."""
        return await decided_on(self._store, session)

    async def delete(self, session: str, by: str) -> Deletion:
        """Delete a session that the rules let go; `by` is the actor. One that was deleted is only seen to its end.

        Raises:
            LookupError: there is no such session.
            NotDue: the rules keep it, or it holds nothing that could be destroyed.
            server.store.errors.UnderHold: it is under a legal hold.
            Unavailable: the database or the blobs cannot be used just now. If the key was destroyed before that, the
                certificate is there, and `finish` does the rest.
        """
        made = await self._store.retention.deletion(session)
        if made is None:
            contents = await self._contents(session)
            made = await self._destroy(session, by, contents)
        await self.finish(session)
        return made

    async def finish(self, session: str) -> None:
        """Remove what a deleted session left: the key in the database's log, and blobs. Again is no error.

        Raises:
            Conflict: the session was not deleted, or not by this site.
            server.store.errors.UnderHold: it is under a legal hold.
            Unavailable: something is still there; call it again.
        """
        await self._check_deleted(session)
        await self._store.data_keys.forget()
        removed = await self._blobs.remove_all(f"sessions/{session}")
        async with self._store.database.write():
            if await self._store.retention.mark_erased(session):
                await self._audit.record(SERVER, "recording.erased", f"session:{session}", {"blobs": removed})

    async def _check_deleted(self, session: str) -> None:
        """Raise unless this site has destroyed the key: a row that somebody wrote is no reason to remove anything."""
        made, key = await self._store.retention.deletion(session), await self._store.data_keys.get(session)
        if made is None or key is None or key.wrapped:
            raise Conflict(f"session {session} was not deleted")
        if not is_certified(session, made.certificate, made.signature, [self._key.public]):
            raise Conflict(f"the certificate of session {session} is not signed with this site's key")
        async with self._store.database.read() as connection:
            await refuse_held(connection, session)

    async def unfinished(self) -> AsyncIterator[str]:
        """Deleted sessions of which something may be left."""
        after = ""
        while page := await self._store.retention.unfinished(after, limit=PAGE):
            for session in page:
                yield session
            after = page[-1]

    async def _contents(self, session: str) -> _Contents:
        key = await self._store.data_keys.get(session)
        if await self._store.sessions.get(session) is None:
            raise LookupError(f"there is no session {session}")
        if key is None or not key.wrapped:
            raise NotDue(f"session {session} holds nothing that could be destroyed")
        try:
            entries = await self._journal.read(session)
            destroyed = await asyncio.to_thread(destroyed_by, entries, key)
        except (Unreadable, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotDue(f"session {session} has a damaged journal: verify it first") from error
        return _Contents(destroyed, (entries[-1].seq, entries[-1].hash), key.wrapped)

    async def _destroy(self, session: str, by: str, contents: _Contents) -> Deletion:
        """The transaction: all of it, or nothing."""
        made: list[Deletion] = []

        async def inside(connection: AsyncConnection) -> int:
            made.clear()
            made.append(await self._certify(connection, session, by, contents))
            return made[0].at_us

        await self._store.data_keys.destroy(session, self._vault.index_key(), inside=inside)
        log.info("recording deleted", session=session)
        return made[0]

    async def _certify(self, connection: AsyncConnection, session: str, by: str, contents: _Contents) -> Deletion:
        decided = await self.decision(session)  # reads what this transaction sees
        now, decision = self._clock(), decided.decision
        if decision.rule is None or decision.due_us is None or not decision.lets_go(now):
            raise NotDue(f"session {session} is kept: {say(decision)}")
        changed = await not_as_signed(connection, session, [self._key.public])
        if changed:
            raise NotDue(f"session {session} is kept: {changed} is not what its signed audit entry says")
        row, key = tables.session.c, tables.data_key.c
        head = (await connection.execute(select(row.head_seq, row.head_hash).where(row.id == session))).first()
        wrapped = (await connection.execute(select(key.wrapped).where(key.session == session))).scalar()
        if head is None or tuple(head) != contents.head or wrapped != contents.wrapped:
            raise NotDue(f"session {session} was changed meanwhile, or its journal is not what its row says")
        rule = decision.rule
        certificate = Certificate(
            format=CERTIFICATE_DOMAIN.decode(),
            session=session,
            at_us=now,
            by=by,
            rule=CertifiedRule(
                rule.id, say_conditions(rule), rule.counts_from, rule.keep, rule.source, decision.due_us
            ),
            destroyed=contents.destroyed,
            head_seq=contents.head[0],
            head=contents.head[1].hex(),
            key=self._key.public.hex(),
        )
        deletion = sign_certificate(certificate, self._key)
        await self._store.retention.add_deletion(deletion)
        await self._audit.record(by, "recording.delete", f"deletion:{session}", {"rule": rule.id})
        return deletion


async def decided_on(store: Store, session: str) -> Decided:
    """What the rules say of a session, holds aside. Raises `LookupError` where there is none."""
    row = await store.sessions.get(session)
    if row is None:
        raise LookupError(f"there is no session {session}")
    facts = facts_of(row, (await store.retention.facts([session])).get(session, {}))
    return Decided(row, decide(facts, await store.retention.rules()))


def say(decision: Decision) -> str:
    """A decision in a few words."""
    if decision.rule is None:
        words = {"running": "the call is not over", "dispute": "a dispute is open"}
        return words.get(decision.reason, "no rule applies, and without one nothing is deleted")
    if decision.due_us is None:
        return f"rule {decision.rule.id} waits for {decision.rule.counts_from}"
    return f"rule {decision.rule.id} keeps it until {moment(decision.due_us)}"


def _decide_all(
    rows: Sequence[SessionRow], facts: Mapping[str, Mapping[str, str]], rules: Sequence[RetentionRule]
) -> list[Decided]:
    return [Decided(row, decide(facts_of(row, facts.get(row.id, {})), rules)) for row in rows]
