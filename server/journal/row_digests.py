"""Digests of rows that decide who may do what, who sees which recording, and what is deleted when (docs/evidence.md).

A row of a person, branch, service, kiosk, rule of retention, hold and so on has one digest for each of its parts, so
that a check can say what of it was changed. Values are taken as the database has them, whatever their type: others may
have written them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Column, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from server.journal.hash_chain import digest
from server.store import tables

ROW_DOMAIN: Final = b"visavis.row.v1"
GONE: Final = ""
"""The digest of a row that is not there."""

_PARTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "branch": {"row": ("id", "name_zh", "name_en", "created_us")},
    "service": {"row": ("id", "name_zh", "name_en", "icon", "skill", "position", "active", "when_unrecorded")},
    "person": {
        "profile": ("id", "login", "name", "languages", "skills", "active", "created_us"),
        "password": ("id", "password_hash"),
    },
    "kiosk": {
        "profile": ("id", "name", "branch", "created_us"),
        "key": ("id", "public_key", "enrolled_us", "revoked_us"),
    },
    "retention_rule": {
        "row": (
            *("id", "services", "products", "outcomes", "age_groups"),
            *("counts_from", "keep", "source", "created_us"),
        )
    },
    "session_fact": {"row": ("id", "session", "name", "value", "recorded_us")},
    "hold": {
        "row": (
            *("id", "session", "reason", "placed_us", "placed_by"),
            *("lifted_us", "lifted_by", "lifted_reason"),
        )
    },
    "deletion": {"row": ("id", "signature")},  # of the certificate, which may be long
}
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    kind: (*parts, "roles") if kind == "person" else tuple(parts) for kind, parts in _PARTS.items()
}
"""The parts of each kind of row; a person's `roles` are the rows of `person_grant`."""

CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "branch.add": ("row",),
    "service.add": ("row",),
    "service.offer": ("row",),
    "service.retire": ("row",),
    "service.when_unrecorded": ("row",),
    "person.add": ("profile", "password", "roles"),
    "person.change": ("profile", "roles"),
    "person.password": ("password",),
    "person.restore": ("profile",),
    "person.revoke": ("profile",),
    "person.roles": ("roles",),
    "kiosk.add": ("profile", "key"),
    "kiosk.change": ("profile",),
    "kiosk.enrolled": ("key",),
    "kiosk.revoke": ("key",),
    "retention.add": ("row",),
    "retention.remove": ("row",),
    "retention.record": ("row",),
    "hold.place": ("row",),
    "hold.lift": ("row",),
    "recording.delete": ("row",),
}
"""The actions of the audit log that change such a row, with the parts that each changes and no other."""

_OF_CHAIN: Final = frozenset(("head_seq", "head_hash", "signed_seq", "appended_after"))
_SESSION: Final = tuple(column.name for column in tables.session.columns if column.name not in _OF_CHAIN)
_DATA_KEY: Final = ("session", "suite", "wrapped", "created_us", "destroyed_us")


@dataclass(frozen=True, slots=True)
class SessionDigest:
    """A session's row as a checkpoint has it: where its journal ends, and the digest of what describes it.

    `signed_seq` is up to where checkpoints know its journal, as the row says. `key` is the digest of its data key's
    row, "" where there is none; `destroyed` whether that says so.
    """

    session: str
    seq: object
    hash: object
    signed_seq: object
    digest: str
    state: object
    key: str = ""
    destroyed: bool = False


async def row_digests(connection: AsyncConnection, target: str, parts: Collection[str]) -> dict[str, str]:
    """The digests of these parts of one row, as hexadecimal by `KIND:ID/PART`; `target` is `KIND:ID`."""
    kind, _, name = target.partition(":")
    if kind not in PARTS:
        return {}
    found = dict.fromkeys((f"{target}/{part}" for part in parts), GONE)
    table = tables.metadata.tables[kind]
    rows = (await connection.execute(_all_of(table.columns).where(table.c.id == name))).mappings().all()
    grants = tables.person_grant
    roles: list[tuple[object, object]] = []
    if kind == "person":
        granted = await connection.execute(_all_of(grants.c).where(grants.c.person == name))
        roles = [(grant.role, grant.branch) for grant in granted]
    for row in rows:
        found |= _of_row(kind, row, roles)
    return {subject: own for subject, own in found.items() if subject.rpartition("/")[2] in parts}


async def all_row_digests(connection: AsyncConnection) -> dict[str, str]:
    """The digests of all parts of all such rows there are, and of roles of people that there are not."""
    found: dict[str, str] = {}
    granted: dict[str, list[tuple[object, object]]] = {}
    for grant in await connection.execute(_all_of(tables.person_grant.c)):
        granted.setdefault(str(grant.person), []).append((grant.role, grant.branch))
    for kind in _PARTS:
        columns = tables.metadata.tables[kind].c
        wanted = dict.fromkeys(("id", *(name for names in _PARTS[kind].values() for name in names)))
        for row in (await connection.execute(_all_of(columns[name] for name in wanted))).mappings():
            found |= _of_row(kind, row, granted.pop(str(row["id"]), []) if kind == "person" else [])
    for person, grants in granted.items():
        found[f"person:{person}/roles"] = _roles(person, grants)
    return found


async def session_digests(
    connection: AsyncConnection, sessions: Collection[str] | None = None, *, after: str = "", limit: int = 250
) -> list[SessionDigest]:
    """The rows of these sessions, or, without, of those with ids above `after`, in order; at most `limit` of them."""
    table, answered = tables.session, tables.session_specialist.c
    query = _all_of(table.columns).order_by(table.c.id).limit(limit)
    query = query.where(table.c.id > after if sessions is None else table.c.id.in_(sorted(sessions)))
    rows = (await connection.execute(query)).mappings().all()
    who = _all_of((answered.session, answered.specialist, answered.name))
    specialists: dict[object, list[tuple[object, object]]] = {}
    for row in await connection.execute(who.where(answered.session.in_([str(row["id"]) for row in rows]))):
        specialists.setdefault(row.session, []).append((row.specialist, row.name))
    data_key = tables.data_key.c
    wrapped = _all_of(tables.data_key.columns).where(data_key.session.in_([str(row["id"]) for row in rows]))
    keys = {row["session"]: row for row in (await connection.execute(wrapped)).mappings()}
    return [
        SessionDigest(
            str(row["id"]), row["head_seq"], row["head_hash"], row["signed_seq"],
            session_digest(row, specialists.get(row["id"], [])), row["state"],
            data_key_digest(keys.get(row["id"])), _is_destroyed(keys.get(row["id"])),
        )
        for row in rows
    ]  # fmt: skip


def session_digest(row: Mapping[Any, Any], specialists: Iterable[tuple[object, object]]) -> str:
    """The digest of a session's row (its columns by name) and of who is said to have answered it (id, name)."""
    values = [*(row[name] for name in _SESSION), sorted(map(list, specialists), key=repr)]
    if row["appended_after"] is not None:  # a session from before there was this column is signed without it
        values.append(row["appended_after"])
    return _digest("session", str(row["id"]), "row", values)


def data_key_digest(row: Mapping[Any, Any] | None) -> str:
    """The digest of a data key's row (its columns by name), which says nothing about the key itself; "" for no row."""
    if row is None:
        return GONE
    return _digest("data_key", str(row["session"]), "row", [row[name] for name in _DATA_KEY])


def _is_destroyed(row: Mapping[Any, Any] | None) -> bool:
    return row is not None and not row["wrapped"] and row["destroyed_us"] is not None


def _of_row(kind: str, row: Mapping[Any, Any], grants: Sequence[tuple[object, object]]) -> dict[str, str]:
    name = str(row["id"])
    found = {
        f"{kind}:{name}/{part}": _digest(kind, name, part, [row[column] for column in columns])
        for part, columns in _PARTS[kind].items()
    }
    return found if kind != "person" else {**found, f"person:{name}/roles": _roles(name, grants)}


def _roles(person: str, grants: Iterable[tuple[object, object]]) -> str:
    return _digest("person", person, "roles", sorted(map(list, grants), key=repr))


def _digest(kind: str, name: str, part: str, values: Sequence[object]) -> str:
    """SHA-256 over kind, id, part and the values as a JSON array, in hexadecimal; bytes are hexadecimal in it."""
    plain = [value.hex() if isinstance(value, bytes) else value for value in values]
    return digest(ROW_DOMAIN, kind.encode(), name.encode(), part.encode(), msgspec.json.encode(plain)).hex()


def _all_of(columns: Iterable[Column[Any]]) -> Any:
    """All rows, with every value as the database has it (a `Select`)."""
    return select(*(type_coerce(column, NullType()).label(column.name) for column in columns))
