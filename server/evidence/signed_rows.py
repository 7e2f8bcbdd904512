"""Are the rules, and a session's facts and holds, what signed audit entries say that they are?

Who can write the database could make a rule shorter or take a hold away, and have the server itself destroy the
evidence and certify it. So a deletion asks first: what somebody changed by other means than ours deletes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.evidence.retention import FACTS
from server.journal.audit import AuditEntry, rows_of
from server.journal.row_digests import CHANGES, GONE, row_digests
from server.store import tables

_ROW: Final = ("row",)


async def not_as_signed(connection: AsyncConnection, session: str, trusted: Collection[bytes]) -> str:
    """The first row, as `KIND:ID`, that is not what the last audit entry about it says; "" when all are.

    `trusted` are the public keys whose signatures count.
    """
    for subject in sorted(await _subjects(connection, session)):
        now = (await row_digests(connection, subject, _ROW))[f"{subject}/row"]
        entry = await _last_change(connection, subject)
        told = {} if entry is None else rows_of(entry, trusted)
        if told is None or told.get(f"{subject}/row", GONE) != now:
            return subject
    return ""


async def _subjects(connection: AsyncConnection, session: str) -> set[str]:
    """Every rule, and every fact and hold of the session, that there is or that the audit log knows of."""
    audit, rule = tables.audit.c, tables.retention_rule.c
    hold, fact = tables.hold.c, tables.session_fact.c
    found = {f"session_fact:{session}.{name}" for name in FACTS}
    for kind, query in (
        ("retention_rule:", select(rule.id)),
        ("hold:", select(hold.id).where(hold.session == session)),
        ("session_fact:", select(fact.id).where(fact.session == session)),
        ("", select(audit.object).where(audit.action == "retention.add")),
        ("", select(audit.object).where(
            audit.action == "hold.place", func.instr(audit.detail, f'"session":"{session}"') > 0)),
    ):  # fmt: skip
        found |= {f"{kind}{name}" for name in (await connection.execute(query)).scalars()}
    return found


async def _last_change(connection: AsyncConnection, subject: str) -> AuditEntry | None:
    table = tables.audit
    query = select(table).where(table.c.object == subject, table.c.action.in_(sorted(CHANGES)))
    row = (await connection.execute(query.order_by(table.c.seq.desc()).limit(1))).mappings().first()
    return None if row is None else AuditEntry(**row)
