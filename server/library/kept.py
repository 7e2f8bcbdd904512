"""Searches that people keep: a name and the query of the library's page, sealed as they may name a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from link.protocol.errors import BadMessage, WrongState
from server.blobs.vault import Vault
from server.library.query import parse
from server.store.errors import Conflict
from server.store.postings import BadPosting, PostingKey
from server.store.saved_searches import SavedSearches

QUERY: Final = 1000
"""Most characters of a query."""


class KeptSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody calls a search, and the query of the library's page (`branch=b1&text=…`)."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    query: Annotated[str, Meta(max_length=QUERY)]


class KeptSearches:
    """Everybody's kept searches. Each person has their own."""

    def __init__(self, rows: SavedSearches, vault: Vault) -> None:
        self._rows = rows
        self._key = PostingKey(vault.index_key())

    async def of(self, person: str) -> list[tuple[str, KeptSearch]]:
        """The person's, each with its id; one that cannot be read is left out."""
        found = []
        for row in await self._rows.of(person):
            try:
                text = self._key.unseal_text(f"search/{person}/{row.id}", row.sealed)
                found.append((row.id, msgspec.json.decode(text, type=KeptSearch)))
            except (BadPosting, msgspec.MsgspecError):
                continue
        return found

    async def keep(self, person: str, body: bytes) -> str:
        """Keep one more and return its id.

        Raises:
            BadMessage: it is no search.
            WrongState: the person keeps as many as one may.
        """
        try:
            search = msgspec.json.decode(body, type=KeptSearch)
            parse(_fields(search.query), None)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadMessage("a JSON object with a name and a query is expected") from error
        if not (search.name.isprintable() and search.name.strip()):
            raise BadMessage("a name is of letters that can be seen")
        new = self._rows.new_name()
        sealed = self._key.seal_text(f"search/{person}/{new}", msgspec.json.encode(search))
        try:
            await self._rows.add(person, new, sealed)
        except Conflict as error:
            raise WrongState(str(error)) from error
        return new

    async def forget(self, person: str, search: str) -> bool:
        """Forget one of the person's; whether there was one."""
        return await self._rows.remove(person, search)


def _fields(query: str) -> Mapping[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=30))
