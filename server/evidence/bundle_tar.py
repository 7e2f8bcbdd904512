"""A folder as one tar file (POSIX ustar), made while it is read: from any byte on, and always the same bytes."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BLOCK: Final = 512
CHUNK_BYTES: Final = 256 * 1024
END: Final = bytes(2 * BLOCK)


class FolderTar:
    """The tar file of a folder that does not change any more, below the name `top`. Blocking."""

    def __init__(self, folder: Path, top: str) -> None:
        self._folder = folder
        self._top = top
        self._files = sorted(_files(folder))
        self.size = sum(BLOCK + _padded(size) for _, size in self._files) + len(END)

    @property
    def etag(self) -> str:
        """What names these very bytes: a digest of the files' names and sizes and of SHA256SUMS."""
        digest = hashlib.sha256(repr((self._top, self._files)).encode())
        digest.update((self._folder / "SHA256SUMS").read_bytes())
        return digest.hexdigest()[:32]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`, in pieces of CHUNK_BYTES or a little more.

        Raises:
            OSError: a file is not what it was.
        """
        stop = self.size if stop is None else stop
        waiting, at = bytearray(), 0
        for name, size in self._files:
            length = BLOCK + _padded(size)
            if at + length > start and at < stop:
                for piece in self._entry(name, size, max(0, start - at), min(length, stop - at)):
                    waiting += piece
                    if len(waiting) >= CHUNK_BYTES:
                        yield bytes(waiting)
                        waiting.clear()
            at += length
        waiting += END[max(0, start - at) : max(0, stop - at)]
        if waiting:
            yield bytes(waiting)

    def _entry(self, name: str, size: int, start: int, stop: int) -> Iterator[bytes]:
        """One file with its header and its padding, from byte `start` up to `stop` of these."""
        info = tarfile.TarInfo(f"{self._top}/{name}")
        info.size, info.mode = size, 0o600
        yield info.tobuf(tarfile.USTAR_FORMAT)[start:stop]
        first, last = max(0, start - BLOCK), min(size, stop - BLOCK)
        if first < last:
            with (self._folder / name).open("rb") as file:
                file.seek(first)
                left = last - first
                while left:
                    piece = file.read(min(CHUNK_BYTES, left))
                    if not piece:
                        raise OSError(f"{name} is shorter than it was")
                    left -= len(piece)
                    yield piece
        padding = bytes(_padded(size) - size)
        yield padding[max(0, start - BLOCK - size) : max(0, stop - BLOCK - size)]


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    for at, _, names in os.walk(folder):
        for name in names:
            path = Path(at) / name
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
