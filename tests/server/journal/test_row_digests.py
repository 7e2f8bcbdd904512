"""Digests of people, branches, services, kiosks and sessions, and the signed audit entries that hold them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from server.admin import Administration, people
from server.journal import Audit, Journal
from server.journal.audit import AuditEntry, rows_of
from server.journal.row_digests import CHANGES, GONE, PARTS, all_row_digests, row_digests, session_digests
from server.journal.signing_key import SigningKey
from server.session import events as e
from server.store import Store, tables
from server.store.branches import Branch, ServiceRow
from server.store.people import Grant, Role
from tests.server.evidence.recorded import requested

KEY = SigningKey(bytes(range(32)))


async def hire(store: Store, login: str = "li") -> str:
    person = await store.people.add(
        login=login, name="李", password_hash="$argon2id$x", languages=[], skills=["loans"],
        grants=[Grant(Role.GUIDE, "b2"), Grant(Role.GUIDE, "b1")],
    )  # fmt: skip
    return person.id


async def everything(store: Store) -> dict[str, str]:
    async with store.database.read() as connection:
        return await all_row_digests(connection)


def documented(kind: str, name: str, part: str, values: list[object]) -> str:
    """As docs/evidence.md says, with nothing of ours."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    fields = (b"visavis.row.v1", kind.encode(), name.encode(), part.encode(), text.encode())
    return hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).hexdigest()


async def test_digests_are_the_documented_ones(store: Store, tmp_path: Path) -> None:
    await store.branches.add(Branch("b1", "城中支行", "Downtown"))
    await store.kiosks.add("k1", name="一号机", branch="b1")
    person = await hire(store)
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        created = [connection.execute(f"SELECT created_us FROM {table}").fetchone()[0] for table in
                   ("branch", "kiosk", "person")]  # fmt: skip
    connection.close()
    assert await everything(store) == {
        "branch:b1/row": documented("branch", "b1", "row", ["b1", "城中支行", "Downtown", created[0]]),
        "kiosk:k1/profile": documented("kiosk", "k1", "profile", ["k1", "一号机", "b1", created[1]]),
        "kiosk:k1/key": documented("kiosk", "k1", "key", ["k1", None, None, None]),
        f"person:{person}/profile": documented(
            *("person", person, "profile", [person, "li", "李", "[]", '["loans"]', 1, created[2]])
        ),
        f"person:{person}/password": documented("person", person, "password", [person, "$argon2id$x"]),
        f"person:{person}/roles": documented("person", person, "roles", [["guide", "b1"], ["guide", "b2"]]),
    }


async def test_a_data_keys_row_has_a_digest_with_its_sessions(store: Store) -> None:
    event, row = requested("s1")
    await Journal(store).append("s1", [(e.kind(event), e.encode(event))], at_us=1, projection=row)

    async def found() -> tuple[str, bool]:
        async with store.database.read() as connection:
            [digest] = await session_digests(connection, ["s1"])
        return digest.key, digest.destroyed

    assert await found() == ("", False)
    key = await store.data_keys.add("s1", "aes-256-gcm", b"\x01\xff")
    values: list[object] = ["s1", "aes-256-gcm", "01ff", key.created_us, None]
    assert await found() == (documented("data_key", "s1", "row", values), False)
    await store.data_keys.destroy("s1", bytes(64))
    destroyed = await store.data_keys.get("s1")
    assert destroyed is not None
    values[2], values[4] = "", destroyed.destroyed_us
    assert await found() == (documented("data_key", "s1", "row", values), True)


async def test_each_part_changes_with_its_columns_alone(store: Store) -> None:
    person = await hire(store)
    before = await everything(store)
    changes = (
        (store.people.set_password(person, "$argon2id$y"), "password"),
        (store.people.set_active(person, False), "profile"),
        (store.people.set_grants(person, []), "roles"),
    )
    for change, part in changes:
        await change
        after = await everything(store)
        assert [subject for subject in after if after[subject] != before[subject]] == [f"person:{person}/{part}"]
        before = after


async def test_one_rows_digests_are_those_of_all(store: Store) -> None:
    person, _ = await hire(store), await hire(store, "wang")
    async with store.database.read() as connection:
        one = await row_digests(connection, f"person:{person}", PARTS["person"])
        only = await row_digests(connection, f"person:{person}", ["roles"])
        none = await row_digests(connection, "kiosk:k9", ["key"])
    assert one == {subject: own for subject, own in (await everything(store)).items() if person in subject}
    assert only == {f"person:{person}/roles": one[f"person:{person}/roles"]}
    assert none == {"kiosk:k9/key": GONE}


async def test_roles_of_nobody_are_seen(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        connection.execute("INSERT INTO person_grant VALUES ('ghost', 'administrator', '*')")
    connection.close()
    assert list(await everything(store)) == ["person:ghost/roles"]


async def test_every_column_is_in_a_digest(store: Store, tmp_path: Path) -> None:
    """A column that a migration adds must be put into a part, or somebody could change it unseen."""
    await store.branches.add(Branch("b1", "城中支行", "Downtown"))
    await store.kiosks.add("k1", name="一号机", branch="b1")
    await store.services.add(ServiceRow("wealth", "理财", "Wealth", "headset", "wealth", 1))
    await hire(store)
    file = tmp_path / "visavis.sqlite3"
    for table in ("branch", "service", "kiosk", "person", "person_grant"):
        for column in [each.name for each in tables.metadata.tables[table].columns]:
            before = await everything(store)
            with sqlite3.connect(file, isolation_level=None) as connection:
                (old,) = connection.execute(f"SELECT {column} FROM {table}").fetchone()
                connection.execute(
                    f"UPDATE {table} SET {column} = 'other' WHERE rowid = (SELECT min(rowid) FROM {table})"
                )
                assert await everything(store) != before, f"{table}.{column}"
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = 'other'", [old])
            connection.close()


@pytest.mark.parametrize("column", [c.name for c in tables.session.columns if c.name not in ("id", "signed_seq")])
async def test_every_column_of_a_session_is_signed(store: Store, tmp_path: Path, column: str) -> None:
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        names = [c.name for c in tables.session.columns]
        connection.execute(f"INSERT INTO session VALUES ({', '.join('?' * len(names))})", ["s1", *names[1:]])
    connection.close()

    async def read() -> object:
        async with store.database.read() as opened:
            (row,) = await session_digests(opened, ["s1"])
        return row.digest, row.seq, row.hash

    before = await read()
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        connection.execute(f"UPDATE session SET {column} = 7")
    connection.close()
    assert await read() != before


def test_every_change_names_parts_that_there_are() -> None:
    for action, parts in CHANGES.items():
        noun = action.partition(".")[0]
        kinds = {"retention": ("retention_rule", "session_fact"), "recording": ("deletion",)}.get(noun, (noun,))
        assert all(set(parts) <= set(PARTS[kind]) for kind in kinds)


async def test_an_entry_about_who_may_do_what_is_signed(store: Store) -> None:
    audit = Audit(store, sign=KEY.sign)
    person = await hire(store)
    entry = await audit.record("cli:root", "person.password", f"person:{person}")
    other = await audit.record("person:p1", "recording.view", "session:s1")
    detail = msgspec.json.decode(entry.detail)
    assert set(detail) == {"rows", "signature"}
    assert rows_of(entry, [KEY.public]) == {
        f"person:{person}/password": (await everything(store))[f"person:{person}/password"]
    }
    assert rows_of(entry, [SigningKey(bytes(32)).public]) is None
    assert rows_of(other, [KEY.public]) is None
    assert other.detail == "{}"
    assert [found.seq async for found in audit.changes()] == [1]
    assert [found.seq async for found in audit.changes(1)] == []
    assert await audit.verify() is None


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2}, {"at_us": 1}, {"actor": "cli:other"}, {"action": "person.roles"}, {"object": "person:other"},
        {"prev": b"x" * 32}, {"detail": "{}"}, {"detail": '{"rows":{},"signature":"00"}'}, {"detail": "[]"},
        {"detail": "no json"}, {"actor": 5}, {"detail": None}, {"seq": -1},
    ],
)  # fmt: skip
async def test_nothing_of_a_signed_entry_can_be_changed(store: Store, change: dict[str, object]) -> None:
    """An old entry cannot be appended once more either: number and predecessor are signed too."""
    entry = await Audit(store, sign=KEY.sign).record("cli:root", "person.password", f"person:{await hire(store)}")
    fields = {name: getattr(entry, name) for name in AuditEntry.__slots__}
    assert rows_of(AuditEntry(**(fields | change)), [KEY.public]) is None


async def test_a_change_and_its_entry_are_durable_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the two would leave a change that nobody has made."""
    audit = Audit(store, sign=KEY.sign)
    desk = Administration(None, store, audit, None, "cli:root")  # type: ignore[arg-type]
    person = await hire(store)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(audit, "record", fail)
    for change in (people.revoke_person(desk, "li"), people.set_roles(desk, "li", ["guide@*"])):
        with pytest.raises(RuntimeError):
            await change
    found = await store.people.get(person)
    assert found is not None
    assert found.active
    assert {grant.branch for grant in found.grants} == {"b1", "b2"}
