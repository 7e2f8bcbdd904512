"""Bringing a database's schema up to date with numbered migrations (Alembic)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from link.protocol.errors import Unavailable
from server.store.database import BUSY_S, sqlite_file
from server.store.modes import make_private

MIGRATIONS = Path(__file__).parent / "migrations"
SYNCHRONOUS_DRIVERS = {"sqlite": "sqlite"}
"""The engines there are, each with the driver that migrates."""


class SchemaTooNew(Exception):
    """The database was migrated by a newer version of the server; this one must not touch it."""


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the schema of the database at `url` up to date; return its revision before and after.

    Blocks: call it in a thread. Two processes that migrate at once wait for each other.

    Raises:
        Unavailable: the database is locked, full or cannot be reached.
        SchemaTooNew: its revision is unknown here.
    """
    head = newest()
    file = sqlite_file(url)
    if file is not None:
        make_private(file)
    with _connecting(url) as engine:
        if _current(engine) == head:
            return head, head  # without a lock: nobody is kept waiting, and no copy of a database is written to
        if file is not None:
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            before = _revision(connection)
            if before is not None and before not in _known():
                raise SchemaTooNew(f"the database has revision {before}, which this version does not know")
            if before != head:
                # Alembic takes a quarter of the start of every short command, and few of them migrate.
                from server.store.upgrade import upgrade

                upgrade(connection, MIGRATIONS, head)
    return before, head


def newest() -> str:
    """The revision that `migrate` ends at."""
    return max(_known())


def revision(url: str) -> str | None:
    """The revision of the schema of the database at `url`, None for one that holds nothing of ours.

    Nothing is written; but SQLite makes a file where there is none.

    Raises:
        Unavailable: the database is locked or cannot be reached.
    """
    with _connecting(url) as engine:
        return _current(engine)


@contextmanager
def _connecting(url: str) -> Iterator[Engine]:
    sqlite = sqlite_file(url) is not None
    engine = create_engine(_synchronous(url), connect_args={"timeout": BUSY_S} if sqlite else {})
    if sqlite:
        event.listen(engine, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
    try:
        yield engine
    except DBAPIError as error:
        raise Unavailable(f"the database cannot be used: {error.orig}") from error
    finally:
        engine.dispose()


def _current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _revision(connection)


def _known() -> set[str]:
    """The revisions there are: the number that each file of a migration begins with."""
    return {path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py")}


def _synchronous(url: str) -> str:
    parsed = make_url(url)
    driver = SYNCHRONOUS_DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise Unavailable(f"{parsed.get_backend_name()} is not a database that this server knows")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
