"""A session's journal, read page by page: an export of any length holds no more of it than one track's segments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

import msgspec

from server.blobs.container import Broken
from server.journal import Entry, Journal
from server.session import events as e
from server.session.private import is_sealed


@dataclass(slots=True)
class Survey:
    """What there is to write out of a session, up to the entry `seq`, whose hash is `head`.

    `keyed`: some of it lies under the session's data key. `segments` are how many there
    are, `bytes` what they take with the documents, as stored.
    """

    session: str
    seq: int = 0
    head: str = ""
    keyed: bool = False
    texts: bool = False
    segments: int = 0
    bytes: int = 0
    tracks: list[e.TrackStarted] = field(default_factory=list)
    documents: list[e.DocumentStored] = field(default_factory=list)

    @property
    def pieces(self) -> int:
        """Segments and documents."""
        return self.segments + len(self.documents)


async def survey(journal: Journal, session: str) -> Survey:
    """Look over a session's journal.

    Raises:
        LookupError: there is no such session.
        Broken: an entry cannot be read.
    """
    found = Survey(session)
    async for entry, event in told(journal, session):
        found.seq, found.head = entry.seq, entry.hash.hex()
        found.texts |= is_sealed(event)
        match event:
            case e.TrackStarted():
                found.tracks.append(event)
            case e.DocumentStored():
                found.documents.append(event)
                found.bytes += 2 * event.size
            case e.SegmentSealed():
                found.segments += 1
                found.bytes += event.size
            case e.RecordingStarted():
                found.keyed = True
            case _:
                pass
    if not found.seq:
        raise LookupError(f"there is no session {session}")
    found.keyed |= found.texts or bool(found.documents)
    return found


async def told(
    journal: Journal, session: str, *, up_to: int | None = None, kinds: Collection[str] | None = None
) -> AsyncIterator[tuple[Entry, e.Event]]:
    """Each entry up to the number `up_to`, with its event. Raises `Broken` for one that cannot be read."""
    async for page in journal.pages(session, kinds=kinds):
        for entry in page:
            if up_to is not None and entry.seq > up_to:
                return
            try:
                yield entry, e.decode(entry.payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError) as error:
                raise Broken(f"the entry {entry.seq} of its journal cannot be read") from error
