"""Stores documents: the original as evidence and a re-encoded view, both encrypted under the session's key."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.documents.allowance import Allowance
from server.documents.incoming import IncomingDocument, incoming
from server.documents.reencode import Reencoder, View

MAX_BYTES = 20 * 1024 * 1024
"""Largest upload."""
AT_ONCE: Final = 2
"""Documents that are held in memory whole, each with the view that is made of it."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A stored document: hashes (SHA-256, hex) and kind of the delivered bytes and of the view, and where both lie."""

    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    blob: str
    original_blob: str
    view_sha256: str
    incomplete: bool = False
    """The uploaded file was truncated; the part that it shows was accepted."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An upload in progress, and the names of its blobs."""

    name: str
    key: SessionKey
    incoming: IncomingDocument


class DocumentStore:
    """Stores and returns the documents of sessions."""

    def __init__(self, blobs: Blobs, vault: Vault, folder: Path, reencoder: Reencoder | None = None) -> None:
        """`folder` is where documents lie, sealed, while they come in."""
        self.allowance = Allowance()
        self._blobs = blobs
        self._vault = vault
        self._folder = folder
        self._reencoder = reencoder or Reencoder()
        self._turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def receive(self, session: str, document: str) -> AsyncIterator[Delivery]:
        """A delivery of this document, to be filled and then kept; what was not kept is gone when the block ends.

        Raises:
            link.protocol.errors.Unavailable: the disk or the database does not take it.
            server.blobs.vault.NoKey: the session's key was destroyed.
        """
        key = await self._vault.create(session)
        # Each delivery lies in a place of its own, so that discarding one never touches another that was taken.
        name = f"sessions/{session}/documents/{document}-{secrets.token_hex(4)}"
        async with incoming(self._folder, key, _sealed_as(f"{name}-original")) as coming:
            yield Delivery(name, key, coming)

    async def keep(self, delivery: Delivery, sha256: str) -> StoredDocument:
        """Check and store a delivered image, whose SHA-256 is `sha256` (hex); what is refused leaves nothing behind.

        At most two are in memory at a time, the others wait on the disk.

        Raises:
            server.documents.BadImage: it is no image that is taken.
            link.protocol.errors.Unavailable: it could not be stored.
        """
        async with self._turns:
            original = await asyncio.to_thread(delivery.incoming.content)
            view = await self._reencoder.reencode(original)
            del original
            size = delivery.incoming.size
            document = await asyncio.to_thread(_describe, delivery.name, size, sha256, view)
            seal = partial(delivery.key.seal, _sealed_as(document.blob), view.data)
            try:
                for name, make in ((document.original_blob, delivery.incoming.sealed), (document.blob, seal)):
                    await self._blobs.put(name, await asyncio.to_thread(make))
            except BaseException:
                await asyncio.shield(self.discard(document))
                raise
        return document

    async def discard(self, document: StoredDocument) -> None:
        """Remove what `keep` stored, because the session did not take it."""
        for name in (document.blob, document.original_blob):
            await self._blobs.delete(name)

    async def read(self, session: str, blob: str) -> bytes:
        """The content of a document's `blob` or `original_blob`.

        Raises:
            server.blobs.vault.NoKey: the session's key was destroyed.
            server.blobs.blobs.Missing: it is not there.
            server.blobs.container.Broken: it was altered.
        """
        sealed = await self._blobs.get(blob)
        key: SessionKey = await self._vault.open(session)
        return await asyncio.to_thread(key.unseal, _sealed_as(blob), sealed)


def _sealed_as(blob: str) -> str:
    # The container is bound to its session already; the rest of the blob's name says what it is.
    return blob.split("/", 2)[2]


def _describe(name: str, size: int, sha256: str, view: View) -> StoredDocument:
    return StoredDocument(
        sha256=sha256,
        size=size,
        media_type=view.media_type,
        width=view.width,
        height=view.height,
        blob=f"{name}-view",
        original_blob=f"{name}-original",
        view_sha256=hashlib.sha256(view.data).hexdigest(),
        incomplete=view.incomplete,
    )
