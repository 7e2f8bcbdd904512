"""A backup of all evidence, made while the server runs: the database first, then the blobs.

In this order every blob that the copied database names is in the copy too: a blob is stored before it is journaled, and
never changes. In the other order the database could name blobs stored in between. What was deleted since an earlier
backup goes from it too: its key with the database, its blobs after that. The site's key is not copied: with it
anybody could read the backup.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from link.protocol.errors import Unavailable
from server.config import Config
from server.evidence.certificate import is_certified
from server.journal.signing_key import read_signing_key
from server.store.database import sqlite_file

DATABASE = "visavis.sqlite3"
BLOBS = "blobs"
_PART = ".part"
SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
"""Ids of sessions, which are names of folders too."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The contents of a backup: bytes of the database, number and bytes of blobs, and how many blobs are new.

    `removed` are sessions whose blobs were taken out of it, because they were deleted with a certificate.
    """

    database_bytes: int
    blobs: int
    blob_bytes: int
    new: int
    removed: int


def backup(config: Config, folder: Path) -> Copied:
    """Copy database and blobs into `folder`: a new or empty one, or an earlier backup, which is brought up to date.

    Blocks. What it writes is complete under its name or not there; after a failure run it again.

    Raises:
        ValueError: the folder holds something else, or database or blobs are not files of this machine.
        Unavailable: the database cannot be read, or is damaged.
        OSError: something cannot be read or written.
    """
    database = sqlite_file(config.database_url)
    if database is None or not database.is_file():
        raise ValueError(f"there is no database {database or config.database_url}")
    if "://" in config.blobs_location:
        raise ValueError(f"the recordings lie in {config.blobs_location}: have that copied by its own means")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    strange = {path.name for path in folder.iterdir()} - {DATABASE, DATABASE + _PART, BLOBS}
    if strange:
        raise ValueError(f"{folder} holds something else than a backup: {sorted(strange)[0]}")
    _copy_database(database, folder / DATABASE)
    count, size, new = _copy_blobs(Path(config.blobs_location), folder / BLOBS)
    removed = _remove_deleted(folder / DATABASE, folder / BLOBS / "sessions", config.signing_key_file)
    return Copied((folder / DATABASE).stat().st_size, count, size, new, removed)


def _copy_database(source: Path, target: Path) -> None:
    part = target.with_name(target.name + _PART)
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite3.connect(source.absolute().as_uri() + "?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(part)) as writing,
        ):
            reading.backup(writing)  # in one step: one state of the database, and writers go on
            writing.execute("PRAGMA journal_mode=DELETE")
            if writing.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise Unavailable(f"{source} is damaged")
    except sqlite3.Error as error:
        raise Unavailable(f"the database cannot be copied: {error}") from error
    _settle(part, target)


def _copy_blobs(source: Path, target: Path) -> tuple[int, int, int]:
    count = size = new = 0
    for folder, _, names in os.walk(source):
        for name in names:
            path = Path(folder) / name
            copy = target / path.relative_to(source)
            if name.startswith(".") or "#" in name or not path.is_file():
                continue  # of a writer that is not done
            bytes_ = path.stat().st_size
            count, size = count + 1, size + bytes_
            if copy.is_file() and copy.stat().st_size == bytes_:
                continue
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = copy.with_name(copy.name + _PART)
            shutil.copyfile(path, part)
            _settle(part, copy)
            new += 1
    return count, size, new


def _remove_deleted(database: Path, sessions: Path, key_file: Path) -> int:
    """Remove what an earlier backup has of sessions that were deleted since; return of how many.

    Only of a session whose key is destroyed in the copy of the database that was just made, whose certificate this site
    has signed, and which no hold keeps: nobody could read those blobs any more.
    """
    removed = 0
    if not key_file.exists():
        return removed
    trusted = [read_signing_key(key_file).public]
    with closing(sqlite3.connect(database.absolute().as_uri() + "?mode=ro", uri=True)) as reading:
        if not reading.execute("SELECT 1 FROM sqlite_master WHERE name = 'deletion'").fetchone():
            return removed  # of an earlier version
        deleted = reading.execute(
            "SELECT deletion.id, certificate, signature FROM deletion JOIN data_key ON data_key.session = deletion.id "
            "WHERE length(data_key.wrapped) = 0 AND NOT EXISTS "
            "(SELECT 1 FROM hold WHERE hold.session = deletion.id AND hold.lifted_us IS NULL)"
        )
        for session, certificate, signature in deleted:
            if SAFE.fullmatch(session) and is_certified(session, certificate, signature, trusted):
                if not (sessions / session).is_dir():
                    continue
                shutil.rmtree(sessions / session)
                removed += 1
    if removed:
        _sync(sessions)
    return removed


def _settle(part: Path, target: Path) -> None:
    """Give a finished file its name, so that both outlast a loss of power."""
    _sync(part)
    part.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
