"""Where checkpoints lie besides the database: lines in append-only files, or one object each in a bucket.

Whoever can write the database should not be able to write here: another disk, another machine's, a bucket with object
lock. A further kind (a printer) has the methods of `SecondPlace`. Time stamps of checkpoints lie there too, a file or
an object each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs, Missing
from server.evidence.checkpoint import LINE_BYTES, Checkpoint

FILE_BYTES: Final = 16 * 1024 * 1024
"""Size from which on the next checkpoint begins a file of its own."""
SUFFIX: Final = ".checkpoints"
STAMPS: Final = ".tsr"
STAMP_BYTES: Final = 128 * 1024
LINES_AT_ONCE: Final = 50
_PREFIX: Final = "checkpoints"
_TOKENS: Final = "timestamps"


class SecondPlace(Protocol):
    """A place that checkpoints are copied to, each once and in order. Failures are raised as `Unavailable`."""

    async def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Keep these after the others; durable when it returns."""

    def lines(self) -> AsyncIterator[bytes]:
        """Everything that is kept, oldest first: lines as `Checkpoint.line` made them, if nobody changed them."""

    async def last_lines(self) -> list[bytes]:
        """What was kept last, at least one line unless there is none: enough to find where to go on."""

    async def add_token(self, number: int, token: bytes) -> None:
        """Keep the time stamp of a checkpoint; durable when it returns."""

    def tokens(self) -> AsyncIterator[tuple[int, bytes]]:
        """Every time stamp that is kept, by the number of its checkpoint."""


def second_place(location: str) -> SecondPlace:
    """The place at a directory, made at the first checkpoint, or at `s3://bucket/prefix`. Raises `Unavailable`."""
    return ObjectBucket(location) if "://" in location else Folder(Path(location))


class Folder:
    """Files of lines, named by the number of their first checkpoint; nothing in them is ever written over.

    A line that a crash cut off stays, and the next one begins after it, so that files may be append-only (`chattr +a`).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `SecondPlace.append`."""
        if checkpoints:
            try:
                await asyncio.to_thread(self._append, checkpoints)
            except OSError as error:
                raise Unavailable(f"checkpoints cannot be written to {self._folder}: {error.strerror}") from error

    async def lines(self) -> AsyncIterator[bytes]:
        """As `SecondPlace.lines`."""
        for file in await self._files():
            async for line in self._of(file):
                yield line

    async def last_lines(self) -> list[bytes]:
        """As `SecondPlace.last_lines`: of the newest two files, for the newest may hold nothing whole yet."""
        return [line for file in (await self._files())[-2:] async for line in self._of(file)]

    async def add_token(self, number: int, token: bytes) -> None:
        """As `SecondPlace.add_token`: one that was cut off is written again; another one is left as it is."""
        try:
            await asyncio.to_thread(self._add_token, number, token)
        except OSError as error:
            raise Unavailable(f"time stamps cannot be written to {self._folder}: {error.strerror}") from error

    async def tokens(self) -> AsyncIterator[tuple[int, bytes]]:
        """As `SecondPlace.tokens`."""
        try:
            for path in await asyncio.to_thread(self._list, STAMPS):
                yield int(path.stem), await asyncio.to_thread(_beginning, path)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be read: {error.strerror}") from error

    async def _of(self, file: Path) -> AsyncIterator[bytes]:
        reading = _lines_of(file)
        while True:
            try:
                some = await asyncio.to_thread(_some, reading)
            except OSError as error:
                raise Unavailable(f"{file} cannot be read: {error.strerror}") from error
            for line in some:
                yield line
            if len(some) < LINES_AT_ONCE:
                return

    async def _files(self) -> list[Path]:
        try:
            return await asyncio.to_thread(self._list)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be read: {error.strerror}") from error

    def _list(self, suffix: str = SUFFIX) -> list[Path]:
        if not self._folder.exists():
            return []
        return sorted(path for path in self._folder.iterdir() if path.suffix == suffix and path.stem.isdecimal())

    def _add_token(self, number: int, token: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{number:012d}{STAMPS}"
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            there = os.pread(descriptor, STAMP_BYTES, 0)
            rest = memoryview(token[len(there) :] if token.startswith(there) else b"")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync(self._folder)

    def _append(self, checkpoints: Sequence[Checkpoint]) -> None:
        made = not self._folder.exists()
        self._folder.mkdir(mode=0o700, exist_ok=True)  # not its parents: a disk that is not mounted has none
        newest = next(reversed(self._list()), None)
        if newest is None or newest.stat().st_size >= FILE_BYTES:
            newest = self._folder / f"{checkpoints[0].number:012d}{SUFFIX}"
        fresh = not newest.exists()
        descriptor = os.open(newest, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = memoryview((b"\n" if torn else b"") + b"".join(checkpoint.line() for checkpoint in checkpoints))
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            _sync(self._folder)
        if made:
            _sync(self._folder.parent)


class ObjectBucket:
    """One object for each checkpoint, named by its number: a bucket can forbid that it is changed or removed."""

    def __init__(self, location: str | Blobs) -> None:
        self._blobs = location if isinstance(location, Blobs) else Blobs.at(location)

    async def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """As `SecondPlace.append`."""
        for checkpoint in checkpoints:
            await self._blobs.put(f"{_PREFIX}/{checkpoint.number:012d}", checkpoint.line())

    async def lines(self) -> AsyncIterator[bytes]:
        """As `SecondPlace.lines`."""
        for name in await self._blobs.names(_PREFIX):
            yield await self._get(name)

    async def last_lines(self) -> list[bytes]:
        """As `SecondPlace.last_lines`."""
        return [await self._get(name) for name in (await self._blobs.names(_PREFIX))[-1:]]

    async def add_token(self, number: int, token: bytes) -> None:
        """As `SecondPlace.add_token`."""
        await self._blobs.put(f"{_TOKENS}/{number:012d}", token)

    async def tokens(self) -> AsyncIterator[tuple[int, bytes]]:
        """As `SecondPlace.tokens`."""
        for name in await self._blobs.names(_TOKENS):
            number = name.rpartition("/")[2]
            if number.isdecimal():
                yield int(number), await self._get(name)

    async def _get(self, name: str) -> bytes:
        try:
            return (await self._blobs.get(name))[:LINE_BYTES]
        except Missing:
            return b""  # removed since it was listed


def _lines_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as reading:
        while line := reading.readline(LINE_BYTES):
            yield line


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(STAMP_BYTES)


def _some(reading: Iterator[bytes]) -> list[bytes]:
    return [line for _, line in zip(range(LINES_AT_ONCE), reading, strict=False)]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
