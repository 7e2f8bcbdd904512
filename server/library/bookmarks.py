"""Bookmarks of a recording and what reviewers note there, sealed under the session's key: they go when it goes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from link.protocol.errors import BadMessage, NotFound, WrongState
from server.blobs.container import Broken
from server.blobs.vault import NoKey, SessionKey, Vault
from server.store.bookmarks import Bookmarks, SealedBookmark
from server.store.errors import Conflict

TEXT: Final = 2000
"""Most characters of a note."""
LONGEST_MS: Final = 7 * 24 * 3_600_000
_ALLOWED: Final = frozenset("\n\t")


class NewBookmark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A moment of the session in milliseconds, and what is to be said of it; "" for a bookmark without a note."""

    at_ms: Annotated[int, Meta(ge=0, le=LONGEST_MS)]
    text: Annotated[str, Meta(max_length=TEXT)] = ""


class ChangedBookmark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bookmark is to say from now on."""

    text: Annotated[str, Meta(max_length=TEXT)]


class _Content(msgspec.Struct, frozen=True):
    """What is sealed: the note, and the name that its author had when it was written."""

    name: str
    text: str


_Asked = TypeVar("_Asked", NewBookmark, ChangedBookmark)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmark that can be read."""

    id: str
    person: str
    name: str
    at_ms: int
    text: str
    changed_us: int


class ReviewNotes:
    """The bookmarks of all sessions. Whether somebody may see the session, the caller has checked."""

    def __init__(self, rows: Bookmarks, vault: Vault) -> None:
        self._rows = rows
        self._vault = vault

    async def of(self, session: str) -> list[Bookmark]:
        """The session's bookmarks in the order of their time; one that cannot be read is left out."""
        rows = await self._rows.of(session)
        if not rows:
            return []
        try:
            key = await self._vault.open(session)
        except (NoKey, Broken):
            return []
        return await asyncio.to_thread(lambda: [one for row in rows if (one := _opened(row, key)) is not None])

    async def add(self, session: str, person: str, name: str, body: bytes) -> Bookmark:
        """Make one. `body` is a `NewBookmark`, `name` that of the person.

        Raises:
            BadMessage: it is none.
            NotFound: the recording was deleted.
            WrongState: the recording has as many as it may.
        """
        asked = _parsed(body, NewBookmark)
        new = self._rows.new_name()
        sealed = await self._sealed(session, new, _Content(name, asked.text))
        try:
            row = await self._rows.add(new, session, person, asked.at_ms, sealed)
        except Conflict as error:
            raise WrongState(str(error)) from error
        return Bookmark(new, person, name, asked.at_ms, asked.text, row.changed_us)

    async def change(self, session: str, bookmark: str, person: str, name: str, body: bytes) -> None:
        """Let the person's own one say something else. Raises as `add`; `NotFound` too where it is not theirs."""
        asked = _parsed(body, ChangedBookmark)
        sealed = await self._sealed(session, bookmark, _Content(name, asked.text))
        if not await self._rows.change(bookmark, session, person, sealed):
            raise NotFound

    async def remove(self, session: str, bookmark: str, person: str) -> None:
        """Remove the person's own one. Raises `NotFound`."""
        if not await self._rows.remove(bookmark, session, person):
            raise NotFound

    async def _sealed(self, session: str, bookmark: str, content: _Content) -> bytes:
        try:
            key = await self._vault.create(session)  # a call that was never recorded may have none yet
        except (NoKey, Broken) as error:
            raise NotFound from error
        return key.seal(_name(bookmark), msgspec.json.encode(content))


def _parsed(body: bytes, kind: type[_Asked]) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadMessage("a JSON object with a moment and a text is expected") from error
    if not all(character.isprintable() or character in _ALLOWED for character in asked.text):
        raise BadMessage("a note is of characters that can be seen")
    return asked


def _opened(row: SealedBookmark, key: SessionKey) -> Bookmark | None:
    try:
        content = msgspec.json.decode(key.unseal(_name(row.id), row.sealed), type=_Content)
    except (Broken, msgspec.MsgspecError):
        return None
    return Bookmark(row.id, row.person, content.name, row.at_ms, content.text, row.changed_us)


def _name(bookmark: str) -> str:
    return f"bookmark/{bookmark}"
