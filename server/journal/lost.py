"""Sessions whose journal is gone although a row, a recording or the audit log still refers to them.

The server never deletes a journal: legal deletion destroys the data key only. So a session that has a row, a recording
or an access in the audit log but no journal was deleted by somebody with access to the database, or was lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from server.store import Store, tables

LOOKS: Final = ("recording.view", "document.view", "read.manifest", "read.media", "read.cobrowse", "read.page")
"""Actions of the audit log that refer to existing sessions."""
_TARGET: Final = "session:"


async def lost_sessions(store: Store, recorded: Iterable[str] = ()) -> list[str]:
    """The ids of such sessions, sorted; `recorded` are those whose recordings were found before this was called.

    A journal without a row of the table `session` is one as well: nobody finds it any more. Raises `Unavailable`.
    """
    audit, journal, session = tables.audit, tables.journal, tables.session
    seen = select(audit.c.object).where(audit.c.action.in_(LOOKS), audit.c.object.startswith(_TARGET)).distinct()
    async with store.database.read() as connection:
        looked = {str(row.object).removeprefix(_TARGET).partition("/")[0] for row in await connection.execute(seen)}
        journals = {str(row.session) for row in await connection.execute(select(journal.c.session).distinct())}
        rows = {str(row.id) for row in await connection.execute(select(session.c.id))}
        answered = {
            str(row.session) for row in await connection.execute(select(tables.session_specialist.c.session).distinct())
        }
    return sorted((looked | rows | answered | set(recorded)) - journals | (journals - rows))
