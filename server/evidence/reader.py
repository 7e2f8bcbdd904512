"""Reads single segments: decrypts them and checks them against the hash in the journal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from link.protocol.errors import NotFound, TooLarge, VisavisError
from server.blobs.blobs import Blobs, Missing
from server.blobs.container import Broken
from server.blobs.vault import NoKey, SessionKey, Vault
from server.journal import Entry, Journal
from server.recording.segment import COBROWSE, SegmentName, unpack_lines
from server.recording.webm import init_segment
from server.session.events import SegmentSealed, TrackStarted, decode

CACHED = 32
_KINDS = ("track_started", "segment_sealed")


class Damaged(VisavisError):
    """The stored bytes are not what the journal says was recorded."""

    code, status = "damaged", 502


class Deleted(VisavisError):
    """The session's recording was deleted: its key is destroyed."""

    code, status = "deleted", 410


@dataclass(slots=True)
class KnownSegments:
    """Index of one session's segments, up to a journal number."""

    seq: int = 0
    tracks: dict[str, TrackStarted] = field(default_factory=dict)
    segments: dict[tuple[str, int], SegmentSealed] = field(default_factory=dict)

    def learn(self, page: Iterable[Entry], after: int = 0) -> None:
        """Take in the entries that follow number `after`, in any thread; beyond a hole they are read again some day."""
        whole = after <= self.seq
        for entry in page:
            if whole:
                self.seq = max(self.seq, entry.seq)
            if entry.kind not in _KINDS:
                continue
            event = decode(entry.payload)
            if isinstance(event, TrackStarted):
                self.tracks[event.track] = event
            elif isinstance(event, SegmentSealed):
                self.segments[event.track, event.index] = event


class Reader:
    """Reads segments of any session. Whether the person may, the caller has checked."""

    def __init__(self, journal: Journal, blobs: Blobs, vault: Vault) -> None:
        self._journal = journal
        self._blobs = blobs
        self._vault = vault
        self._known: OrderedDict[str, KnownSegments] = OrderedDict()

    async def box(self, session: str) -> SessionKey | None:
        """The key for what people wrote in this session; None when it has none, or it is destroyed or damaged."""
        try:
            return await self._vault.open(session)
        except (NoKey, Broken):
            return None

    def index(self, session: str) -> KnownSegments:
        """What is known of the session's segments; the sessions that nobody asked for longest are forgotten.

        Who has read its journal anyway lets this `learn` it: the first segment of a long session is then found without
        reading all that once more.
        """
        known = self._known.setdefault(session, KnownSegments())
        self._known.move_to_end(session)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)
        return known

    async def init(self, session: str, track: str) -> bytes:
        """The initialisation segment of a media track. Raises `NotFound`."""
        known = await self._look(session)
        started = known.tracks.get(track) or (await self._look(session, fresh=True)).tracks.get(track)
        if started is None or started.kind == COBROWSE:
            raise NotFound
        return init_segment(started.kind, width=started.width, height=started.height)

    async def segment(self, session: str, track: str, index: int) -> tuple[SegmentSealed, bytes]:
        """A segment's journal event and its contents. Raises `NotFound`, `Damaged` or `Deleted`."""
        return (await self.segments(session, track, (index,)))[0]

    async def segments(
        self, session: str, track: str, indexes: Sequence[int], most_bytes: int | None = None
    ) -> list[tuple[SegmentSealed, bytes]]:
        """Several segments of one track, in the order of `indexes`. Raises as `segment`, for the first that fails.

        Raises `TooLarge` as well, before anything is read, where they have over `most_bytes` in all.
        """
        events = [await self._event(session, track, index) for index in indexes]
        if most_bytes is not None and sum(event.size for event in events) > most_bytes:
            raise TooLarge("these are too many segments for one answer")
        try:
            key = await self._vault.open(session)
            blobs = [await self._blobs.get(event.blob) for event in events]
            return await asyncio.to_thread(
                lambda: [(event, open_segment(key, event, blob)) for event, blob in zip(events, blobs, strict=True)]
            )
        except NoKey as error:
            raise Deleted from error
        except (Broken, Missing) as error:
            raise Damaged(f"{track} segments {indexes}: {error}") from error

    async def lines(self, session: str, index: int) -> tuple[SegmentSealed, bytes]:
        """A segment of the co-browse track as JSON lines. Raises as `segment`."""
        event, data = await self.segment(session, COBROWSE, index)
        return event, await asyncio.to_thread(as_lines, data)

    async def _event(self, session: str, track: str, index: int) -> SegmentSealed:
        event = (await self._look(session)).segments.get((track, index))
        if event is None:
            event = (await self._look(session, fresh=True)).segments.get((track, index))
        if event is None:
            raise NotFound
        return event

    async def _look(self, session: str, *, fresh: bool = False) -> KnownSegments:
        fresh = fresh or session not in self._known
        known = self.index(session)
        if fresh:
            async for page in self._journal.pages(session, known.seq, kinds=_KINDS):
                known.learn(page, known.seq)
        return known


def as_lines(data: bytes) -> bytes:
    """The contents of a segment of the co-browse track as JSON lines."""
    return b"".join(line + b"\n" for line in unpack_lines(data))


def open_segment(key: SessionKey, event: SegmentSealed, blob: bytes) -> bytes:
    """Return the contents of a segment's blob. Raises `Broken` unless it is exactly what the journal says."""
    if len(blob) != event.size:
        raise Broken(f"{len(blob)} bytes instead of {event.size}")
    if not hmac.compare_digest(hashlib.sha256(blob).hexdigest(), event.sha256):
        raise Broken("its hash is not the journaled one")
    return key.unseal(SegmentName(key.session, event.track, event.index).container, blob)
