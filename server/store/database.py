"""The connection to the database: one writer at a time, many readers, and every failure of it as `Unavailable`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from link.protocol.errors import Unavailable

log = structlog.get_logger()

BUSY_S = 2.0
"""Seconds that one statement waits for another process's lock."""
WRITER_S = 4.0
"""Seconds that a write waits for its turn before it is refused."""
PRAGMAS = (
    f"busy_timeout={int(BUSY_S * 1000)}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # a destroyed data key does not linger in a free page
)


class Database:
    """An open database. Rows in it are written inside `write`, read inside `read`; both give a Core connection."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = asyncio.Lock()
        self._writing: tuple[asyncio.Task[Any] | None, AsyncConnection] | None = None

    @classmethod
    def connect(cls, url: str) -> Database:
        """Make a database of a SQLAlchemy URL with an asynchronous driver; connects at first use."""
        options: dict[str, Any] = {
            "hide_parameters": True,
            "pool_timeout": 2 * BUSY_S,
            "pool_size": 6,
            "max_overflow": 0,
        }
        if make_url(url).get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": BUSY_S}
        engine = create_async_engine(url, **options)
        if engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return cls(engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that sees one state of the database and writes nothing.

        Inside a `write` of the same task it is that one's, and sees what was written so far.

        Raises:
            Unavailable: the database is locked, full or gone.
        """
        joined = self._joined()
        with _failures():
            if joined is not None:
                yield joined
                return
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that is durable when the block ends, and undone when it raises.

        A `write` inside a `write` of the same task joins it: both are done, or neither is.

        Raises:
            Unavailable: nothing was written; the database is locked, full or gone, or too many writes wait.
            IntegrityError: a row contradicts another (SQLAlchemy's own, for repositories to translate).
        """
        joined = self._joined()
        if joined is not None:
            with _failures():
                yield joined
            return
        async with self._turn():
            with _failures():
                async with self._engine.connect() as connection:
                    await connection.execution_options(visavis_write=True)
                    async with connection.begin():
                        self._writing = (asyncio.current_task(), connection)
                        try:
                            yield connection
                        finally:
                            self._writing = None

    def _joined(self) -> AsyncConnection | None:
        """The connection of the write that this very task is in. A task that it starts has a turn of its own."""
        if self._writing is None or self._writing[0] is not asyncio.current_task():
            return None
        return self._writing[1]

    async def forget(self) -> None:
        """Truncate SQLite's write-ahead log, so that overwritten values are gone from it as well.

        Raises:
            Unavailable: somebody read all the time; call it again.
        """
        if self._engine.dialect.name != "sqlite":
            return
        async with self._turn():
            for pause in (0.05, 0.2, 0.5, 1.0):
                with _failures():
                    async with self._engine.connect() as connection:
                        await connection.execution_options(visavis_bare=True)
                        done = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                        if done.scalar_one() == 0:
                            return
                await asyncio.sleep(pause)
        raise Unavailable("the database's log could not be emptied")

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WRITER_S):
                await self._writer.acquire()
        except TimeoutError as error:
            raise Unavailable("too many writes wait for the database") from error
        try:
            yield
        finally:
            self._writer.release()

    async def close(self) -> None:
        """Close every connection. Nothing may use the database afterwards."""
        await self._engine.dispose()


class _failures:  # noqa: N801 - reads as a statement
    """Turns the driver's errors into `Unavailable`, but leaves contradictions between rows as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IntegrityError):
            return
        if isinstance(error, DBAPIError | PoolTimeout | sqlite3.Error | OSError):
            # Logged as information each time; `server.calls.readiness` logs one warning for the condition.
            log.info("database unavailable", error=type(error).__name__, reason=_reason(error))
            raise Unavailable("the database is not available") from error


def _reason(error: BaseException) -> str:
    # The statement and its values stay out of the log: they may hold names.
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy begins transactions itself (below), so that the sqlite3 module must not.
    connection.isolation_level = None
    connection.driver_connection.text_factory = _text
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(raw: bytes) -> str:
    # Text that is not UTF-8 (only other programs can have written it) makes its own row invalid, not the whole query.
    return raw.decode("utf-8", "replace")


def _begin_sqlite(connection: Any) -> None:
    # A writer takes the lock at once: a transaction that reads first and writes later could not wait for it.
    options = connection.get_execution_options()
    if not options.get("visavis_bare"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("visavis_write") else "BEGIN")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, or None for another engine or a database in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)
