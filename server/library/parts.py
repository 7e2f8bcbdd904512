"""What the server holds of the library: the search, the indexer, and what people keep."""

from __future__ import annotations

from server.blobs.vault import Vault
from server.journal import Journal
from server.library.bookmarks import ReviewNotes
from server.library.indexer import Indexer
from server.library.kept import KeptSearches
from server.library.search import LibrarySearch
from server.store import Store


class Library:
    """The library of one server."""

    def __init__(self, store: Store, journal: Journal, vault: Vault) -> None:
        self.search = LibrarySearch(store.library, vault)
        self.indexer = Indexer(store.library, journal, vault)
        self.kept = KeptSearches(store.saved_searches, vault)
        self.notes = ReviewNotes(store.bookmarks, vault)
