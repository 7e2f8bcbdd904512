"""File modes: only the server's own account may read its files, whatever the umask was."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

OTHERS: Final = 0o077
SIDE_FILES: Final = ("-wal", "-shm", "-journal")


def make_private(file: Path) -> None:
    """Make the file, empty, for this account only, unless there is one. SQLite gives its side files the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def enforce_folder(folder: Path) -> None:
    """Make the folder if need be, and see that only this account gets into it.

    Raises:
        OSError: it cannot be closed to others: it is somebody else's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder)


def enforce_database(file: Path) -> None:
    """See that only this account reads the database's files, those that are there.

    Raises:
        OSError: they cannot be closed to others: they are somebody else's.
    """
    for path in (file, *(file.with_name(file.name + suffix) for suffix in SIDE_FILES)):
        if path.exists():
            _close(path)


def _close(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return
    try:
        path.chmod(mode & ~OTHERS)
    except OSError as error:
        raise OSError(error.errno, f"{path} is open to others (mode {mode:04o}) and cannot be closed") from error
    log.warning("closed to others", path=str(path), mode=f"{mode:04o}")
