"""Checks that the database and the folders of recordings can be written, by writing.

Free space does not reveal a disk that the kernel made read-only after an error, an exhausted quota, a folder that is
gone, or a database file that was moved away while SQLite goes on writing to it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TRIAL: Final = b"can this be written?\n"


class WritablePlaces:
    """The database's file and the folders of recordings, as they were when the server opened them."""

    def __init__(self, database: Path | None, folders: Sequence[Path]) -> None:
        """`database` is None where it is no file of this machine, and then is not looked at. Raises `OSError`."""
        self._database = database
        self._known = None if database is None else _which(database)
        self._folders = tuple(folders)

    def failing(self) -> frozenset[str]:
        """What cannot be written: `database`, `storage`. Blocks as long as the disk does."""
        failing = set()
        if self._database is not None and not (self._is_ours(self._database) and _takes(self._database.parent)):
            failing.add("database")
        if not all(_takes(folder) for folder in self._folders):
            failing.add("storage")
        return frozenset(failing)

    def _is_ours(self, database: Path) -> bool:
        try:
            return _which(database) == self._known
        except OSError:
            return False


def _which(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino


def _takes(folder: Path) -> bool:
    # A name that neither backups nor the search for recordings after a crash take for a recording.
    trial = folder / (".trial" if folder.name != "spool" else "trial")
    try:
        with trial.open("wb") as file:
            file.write(TRIAL)
            file.flush()
            os.fsync(file.fileno())
        trial.unlink()
    except OSError:
        return False
    return True
