"""Everything the database holds, one repository for each noun."""

from __future__ import annotations

import asyncio

from server.store import schema
from server.store.approvals import Approvals
from server.store.assertions import AssertionRows
from server.store.bookmarks import Bookmarks
from server.store.branches import Branch, Branches, Services
from server.store.checkpoints import CheckpointRows
from server.store.data_keys import DataKeys
from server.store.database import Database
from server.store.holds import Holds
from server.store.kiosks import Kiosks
from server.store.library import LibraryRows
from server.store.logins import Logins
from server.store.people import People
from server.store.recent import Recent
from server.store.retention import Retention
from server.store.reviews import Reviews
from server.store.saved_searches import SavedSearches
from server.store.sessions import Sessions
from server.store.timestamps import TimeStampRows
from server.store.viewing import ViewingPurposes


class Store:
    """The repositories over one open database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.branches = Branches(database)
        self.services = Services(database)
        self.people = People(database)
        self.logins = Logins(database)
        self.kiosks = Kiosks(database)
        self.assertions = AssertionRows(database)
        self.sessions = Sessions(database)
        self.data_keys = DataKeys(database)
        self.library = LibraryRows(database)
        self.saved_searches = SavedSearches(database)
        self.bookmarks = Bookmarks(database)
        self.checkpoints = CheckpointRows(database)
        self.timestamps = TimeStampRows(database)
        self.viewing = ViewingPurposes(database)
        self.approvals = Approvals(database)
        self.reviews = Reviews(database)
        self.holds = Holds(database)
        self.retention = Retention(database)
        self.recent_branches = Recent(self._branches_by_id)
        """Every branch by its id, as of a second ago."""
        self.recent_services = Recent(self.services.active)
        """The services offered, as of a second ago."""

    @classmethod
    async def open(cls, url: str) -> Store:
        """Bring the database's schema up to date and open it.

        Raises:
            Unavailable: it is locked, full or cannot be reached.
            server.store.schema.SchemaTooNew: a newer version of the server has migrated it.
        """
        await asyncio.to_thread(schema.migrate, url)
        return cls(Database.connect(url))

    async def _branches_by_id(self) -> dict[str, Branch]:
        return {branch.id: branch for branch in await self.branches.all()}

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()
