"""The assertions that kiosks have used, until they end by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from server.store import tables
from server.store.database import Database

Used = tuple[str, str, int]
"""Kiosk, `jti`, and when it ends (unix microseconds)."""


class AssertionRows:
    """The used assertions in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Used]:
        """Every one that is kept, the first to end first."""
        table = tables.assertion
        query = select(table.c.kiosk, table.c.jti, table.c.until_us).order_by(table.c.until_us)
        async with self._database.read() as connection:
            return [(row.kiosk, row.jti, row.until_us) for row in await connection.execute(query)]

    async def add(self, used: Sequence[Used], *, ended_us: int | None = None) -> None:
        """Keep these, durably when it returns; with `ended_us`, forget those that ended before.

        Raises:
            Unavailable: none was kept.
        """
        table = tables.assertion
        rows = [{"kiosk": kiosk, "jti": jti, "until_us": until_us} for kiosk, jti, until_us in used]
        async with self._database.write() as connection:
            if ended_us is not None:
                await connection.execute(delete(table).where(table.c.until_us < ended_us))
            await connection.execute(insert(table).prefix_with("OR IGNORE", dialect="sqlite"), rows)
