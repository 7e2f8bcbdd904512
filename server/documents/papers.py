"""Keeping papers: the original as evidence and a clean view for people, both sealed under the session's key."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass

from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.documents.reencode import Reencoder, View

MAX_BYTES = 20 * 1024 * 1024
"""Largest upload."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A stored paper: hashes (SHA-256, hex) and kind of the delivered bytes and of the view, and where both lie."""

    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    blob: str
    original_blob: str
    view_sha256: str


class Papers:
    """Stores and returns the papers of sessions."""

    def __init__(self, blobs: Blobs, vault: Vault, reencoder: Reencoder | None = None) -> None:
        self._blobs = blobs
        self._vault = vault
        self._reencoder = reencoder or Reencoder()

    async def keep(self, session: str, document: str, original: bytes, sha256: str) -> Paper:
        """Check and store a delivered image; what is refused leaves nothing behind.

        Raises:
            server.documents.BadImage: it is no image that is taken.
            link.messages.errors.Unavailable: it could not be stored.
            server.blobs.vault.NoKey: the session's key was destroyed.
        """
        view = await self._reencoder.reencode(original)
        key = await self._vault.create(session)
        # Each delivery lies in a place of its own, so that discarding one never touches another that was taken.
        name = f"sessions/{session}/documents/{document}-{secrets.token_hex(4)}"
        paper = await asyncio.to_thread(_describe, name, original, sha256, view)
        try:
            for name, data in ((paper.original_blob, original), (paper.blob, view.data)):
                await self._blobs.put(name, await asyncio.to_thread(key.seal, _sealed_as(name), data))
        except BaseException:
            await asyncio.shield(self.discard(paper))
            raise
        return paper

    async def discard(self, paper: Paper) -> None:
        """Remove what `keep` stored, because the session did not take it."""
        for name in (paper.blob, paper.original_blob):
            await self._blobs.delete(name)

    async def read(self, session: str, blob: str) -> bytes:
        """The content of a paper's `blob` or `original_blob`.

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


def _describe(name: str, original: bytes, sha256: str, view: View) -> Paper:
    return Paper(
        sha256=sha256,
        size=len(original),
        media_type=view.media_type,
        width=view.width,
        height=view.height,
        blob=f"{name}-view",
        original_blob=f"{name}-original",
        view_sha256=hashlib.sha256(view.data).hexdigest(),
    )
