"""The database: people, kiosks, branches, sessions and journals, as typed rows over SQLAlchemy Core.

:class:`Store` opens it, brings its schema up to date and holds one repository for each noun. SQLite (WAL,
``synchronous=FULL``) is the default and needs nothing. Everything here raises :class:`link.protocol.errors.Unavailable`
when the database is locked, full or gone, and never blocks the event loop.
"""

from server.store.store import Store

__all__ = ["Store"]
