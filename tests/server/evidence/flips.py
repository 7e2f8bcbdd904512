"""Single bytes of everything that is evidence, changed one at a time, and what a check must name then."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.server.evidence.site import SESSIONS, Site

KINDS: Final = (
    "segment",
    "document",
    "journal",
    "audit",
    "session",
    "session_specialist",
    "checkpoint",
    "second place",
    "data_key",
    "checkpoint_timestamp",
    "time stamp",
    "person",
    "person_grant",
    "kiosk",
    "branch",
    "service",
    "retention_rule",
    "session_fact",
    "hold",
    "deletion",
)
BOOKKEEPING: Final = {
    ("checkpoint", "copied"),
    ("checkpoint_timestamp", "copied"),
    ("checkpoint_timestamp", "named_in"),
    ("deletion", "erased_us"),
}
"""Columns that prove nothing: what the second place has, what a checkpoint names, that blobs are gone: seen there."""


@dataclass(frozen=True)
class Flip:
    """One changed byte. `named` says whether a finding's place is the right one; `undo` puts the byte back."""

    what: str
    named: Callable[[str], bool]
    undo: Callable[[], None]
    files: bool


def flip(site: Site, pristine: Site, kind: str, chance: random.Random) -> Flip:
    """Change one byte of this kind in `site`, which is a copy of `pristine`."""
    if kind in ("segment", "document"):
        session = chance.choice(SESSIONS)
        folder = site.folder / "blobs" / "sessions" / session
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        wanted = [path for path in files if ("documents" in path.parts) == (kind == "document")]
        file = chance.choice(wanted)
        return _in_file(file, chance, lambda where: where.startswith(f"session {session}: "))
    if kind == "second place":
        (file,) = site.second_place.glob("*.checkpoints")
        return _in_file(file, chance, lambda where: where.startswith("checkpoint"))
    if kind == "time stamp":
        file = chance.choice(sorted(site.second_place.glob("*.tsr")))
        return _in_file(file, chance, lambda where: where.startswith("time stamp of checkpoint"))
    return _in_row(site, pristine, kind, chance)


def _in_file(file: Path, chance: random.Random, named: Callable[[str], bool]) -> Flip:
    data = file.read_bytes()
    at = chance.randrange(len(data))
    changed = bytearray(data)
    changed[at] ^= chance.randrange(1, 256)
    file.write_bytes(changed)

    def undo() -> None:
        file.write_bytes(data)

    return Flip(f"{file.name} byte {at}", named, undo, files=True)


def _in_row(site: Site, pristine: Site, table: str, chance: random.Random) -> Flip:
    with closing(sqlite3.connect(site.database, isolation_level=None)) as connection:
        connection.text_factory = bytes
        columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({table})")]
        rows = [row[0] for row in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]
        while True:
            column, rowid = chance.choice(columns), chance.choice(rows)
            owner = _owner(connection, table, rowid)
            if (table, column) not in BOOKKEEPING and _change(connection, table, column, rowid, chance):
                break

    def undo() -> None:
        shutil.copyfile(pristine.database, site.database)
        for suffix in ("-wal", "-shm"):
            site.database.with_name(site.database.name + suffix).unlink(missing_ok=True)

    return Flip(f"{table} {column} of row {rowid}", lambda where: where.startswith(owner), undo, files=False)


def _change(connection: sqlite3.Connection, table: str, column: str, rowid: int, chance: random.Random) -> bool:
    """Change one byte of this value; False where there is none, or the database allows no such row."""
    here = f"FROM {table} WHERE rowid = ?"
    kind, value = connection.execute(f"SELECT typeof({column}), {column} {here}", [rowid]).fetchone()
    if kind == b"null" or value == b"":
        return False
    if (table, column) == ("data_key", "created_us") and _destroyed(connection, rowid):
        return False  # of a key that is destroyed: no certificate has it, and nothing is proven by it
    place, changed = "?", value
    if kind == b"integer":
        changed = value ^ 1 << chance.randrange(62)
    else:
        content = bytearray(value)
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        changed, place = bytes(content), "?" if kind == b"blob" else "CAST(? AS TEXT)"
    try:
        connection.execute(f"UPDATE {table} SET {column} = {place} WHERE rowid = ?", [changed, rowid])
    except sqlite3.IntegrityError:  # it would be another row's number
        return False
    return True


def _destroyed(connection: sqlite3.Connection, rowid: int) -> bool:
    (wrapped,) = connection.execute("SELECT wrapped FROM data_key WHERE rowid = ?", [rowid]).fetchone()
    return not wrapped


def _owner(connection: sqlite3.Connection, table: str, rowid: int) -> str:
    """How the findings about this row begin."""
    if table == "audit":
        return "audit seq"
    if table == "checkpoint":
        return "checkpoint"
    if table == "checkpoint_timestamp":
        return "time stamp of checkpoint"
    of_session = dict.fromkeys(("journal", "session_specialist", "data_key"), "session")
    column = {**of_session, "person_grant": "person"}.get(table, "id")
    (name,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", [rowid]).fetchone()
    names = {"deletion": "session", "retention_rule": "retention rule", "session_fact": "fact"}
    kind = {**of_session, **names, "person_grant": "person"}.get(table, table)
    return f"{kind} {name.decode()}"
