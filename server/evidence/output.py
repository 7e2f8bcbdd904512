"""The folder that an export fills: a file has its name once it is whole, and what was interrupted goes on.

While an export is not done, `.unfinished` names its session and the last entry of the journal that it was begun with.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

UNFINISHED: Final = ".unfinished"
PART: Final = ".part"
READ_BYTES: Final = 1 << 20


class NotWritten(OSError):
    """A file could not be written; the message says which, why, and how to go on."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror or type(error).__name__, str(path))

    def __str__(self) -> str:
        return (
            f"{self.filename} cannot be written: {self.strerror}. What was written so far is whole and stays: "
            "give the same command again to go on"
        )


class NoRoom(OSError):
    """What is to be written does not fit on the disk; the message says what is needed and what is there."""

    def __init__(self, path: Path, needed: int, free: int, leave: int) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._figures = needed, free, leave

    def __str__(self) -> str:
        needed, free, leave = (math.ceil(figure / (1 << 20)) for figure in self._figures)
        kept = f", of which {leave} MiB must stay free" if leave else ""
        return f"{self.filename}: too little room on the disk, {needed} MiB are needed and {free} MiB are free{kept}"


class OutputFolder:
    """A folder being filled. All methods block."""

    def __init__(self, path: Path, session: str, head: str, *, keep: tuple[str, ...] | None = None) -> None:
        """Begin in a new or empty folder, or go on in one where an export of this session was interrupted.

        What is written is kept, unless the session has gone on meanwhile. With `keep`, what lies in these folders is
        kept in any case, and nothing else.

        Raises:
            FileExistsError: the folder has something else in it.
            OSError: it cannot be written to.
        """
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        mark, what = path / UNFINISHED, f"{session} {head}\n"
        if any(item.name != UNFINISHED + PART for item in path.iterdir()):
            if not mark.exists():
                raise FileExistsError(f"{path} is not empty")
            begun = mark.read_text(encoding="utf-8")
            if begun.split()[:1] != [session]:
                raise FileExistsError(f"{path} has an unfinished export of another session")
            self._clear(begun == what, keep)
        self.write(UNFINISHED, what.encode())

    def _clear(self, same: bool, keep: tuple[str, ...] | None) -> None:
        """Remove what is not whole, and what is not kept."""
        for item in self.path.iterdir():
            if item.is_dir() and not item.is_symlink():
                if same if keep is None else item.name in keep:
                    for part in item.rglob("*" + PART):
                        part.unlink()
                else:
                    shutil.rmtree(item)
            elif item.name != UNFINISHED and (item.name.endswith(PART) or keep is not None or not same):
                item.unlink()

    def check_room(self, needed: int, leave: int) -> None:
        """Raise `NoRoom` unless `needed` bytes fit, less what is written already, and `leave` bytes stay free."""
        needed -= sum(item.stat().st_size for item in self.path.rglob("*") if item.is_file())
        free = shutil.disk_usage(self.path).free
        if free < needed + leave:
            raise NoRoom(self.path, needed, free, leave)

    def has(self, name: str) -> bool:
        """Whether this file is written."""
        return (self.path / name).is_file()

    @contextmanager
    def whole(self, name: str) -> Iterator[IO[bytes]]:
        """A file that has its name once it is written and on the disk. Raises `NotWritten`."""
        path = self.path / name
        part = path.with_name(path.name + PART)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_part(part) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException as error:
            # It takes no room on a disk that is full, and nobody takes it for something.
            with suppress(OSError):
                part.unlink()
            if isinstance(error, OSError) and not isinstance(error, NotWritten):
                raise NotWritten(path, error) from error
            raise

    def write(self, name: str, data: bytes) -> Path:
        """Write a whole file. Raises `NotWritten`."""
        with self.whole(name) as file:
            file.write(data)
        return self.path / name

    def sha256(self, name: str) -> str:
        """The hash of a file that is written, hexadecimal."""
        return sha256_of(self.path / name)

    def finish(self) -> None:
        """Everything is written."""
        (self.path / UNFINISHED).unlink()


def open_part(path: Path) -> IO[bytes]:
    """The file that becomes another when it is whole."""
    return path.open("wb")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
