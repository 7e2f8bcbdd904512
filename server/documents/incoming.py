"""An upload in progress: written encrypted to an anonymous temporary file, which is gone when the process ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TypeVar

from link.protocol.errors import Unavailable
from server.blobs.container import CHUNK_BYTES
from server.blobs.vault import SessionKey

T = TypeVar("T")


class IncomingDocument:
    """Receives a document's bytes in order; holds one chunk in memory and the rest on disk, encrypted as `name`."""

    def __init__(self, file: IO[bytes], key: SessionKey, name: str) -> None:
        self.size = 0
        self._file = file
        self._key = key
        self._name = name
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._writer = key.writer(name)
        self._file.write(self._writer.header)

    async def take(self, data: bytes) -> None:
        """The next bytes. Raises `Unavailable` when the disk does not take them."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) >= CHUNK_BYTES:
            await self._flush(final=False)

    async def finish(self) -> bytes:
        """There is no more: the SHA-256 of it all. Raises `Unavailable`."""
        await self._flush(final=True)
        return self._hash.digest()

    def sealed(self) -> bytes:
        """The whole container, after `finish`. Blocking."""
        self._file.seek(0)
        return self._file.read()

    def content(self) -> bytes:
        """The decrypted contents, after `finish`. Blocking."""
        return self._key.unseal(self._name, self.sealed())

    async def _flush(self, *, final: bool) -> None:
        piece, self._buffer = bytes(self._buffer), bytearray()
        await _on_disk(lambda: self._put(piece, final))

    def _put(self, piece: bytes, final: bool) -> None:
        self._hash.update(piece)
        self._file.write(self._writer.chunk(piece, final=final))


@asynccontextmanager
async def incoming(folder: Path, key: SessionKey, name: str) -> AsyncIterator[IncomingDocument]:
    """A place for a document that is to be sealed as `name`; gone when the block ends. Raises `Unavailable`."""
    file = await _on_disk(lambda: _nameless(folder))
    try:
        yield await _on_disk(lambda: IncomingDocument(file, key, name))
    finally:
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            await asyncio.to_thread(file.close)


def _nameless(folder: Path) -> IO[bytes]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


async def _on_disk(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise Unavailable(f"the document cannot be kept: {error.strerror}") from error
