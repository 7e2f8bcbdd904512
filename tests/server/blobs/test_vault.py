"""Session keys: made once, wrapped by the site's key, gone when destroyed."""

from __future__ import annotations

import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.blobs.container import Broken
from server.blobs.suite import SUITES
from server.blobs.vault import NoKey, SiteKeyError, Vault, load_site_key, open_vault


@dataclass(frozen=True, slots=True)
class Row:
    session: str
    suite: str
    wrapped: bytes


class Table:
    """A table of data keys in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    async def get(self, session: str) -> Row | None:
        return self.rows.get(session)

    async def add(self, session: str, suite: str, wrapped: bytes) -> None:
        self.rows.setdefault(session, Row(session, suite, wrapped))

    async def newest(self, count: int) -> list[Row]:
        return [row for row in reversed(self.rows.values()) if row.wrapped][:count]

    async def several(self, sessions: Collection[str]) -> list[Row]:
        return [row for session, row in self.rows.items() if session in sessions]

    async def destroy(self, session: str, index_key: bytes) -> None:
        assert len(index_key) == 64
        self.rows[session] = Row(session, self.rows[session].suite, b"")


SITE = bytes(range(32))


@pytest.mark.parametrize("suite", SUITES)
async def test_what_is_sealed_can_be_unsealed_by_the_reopened_key(suite: str) -> None:
    vault = Vault(Table(), SITE, suite)
    key = await vault.create("s1")
    blob = key.seal("document/d1", b"a document")
    again = await vault.open("s1")
    assert again == key
    assert again.suite.name == suite
    assert again.unseal("document/d1", blob) == b"a document"
    with pytest.raises(Broken):
        again.unseal("document/d2", blob)


async def test_create_returns_the_key_that_exists() -> None:
    vault = Vault(Table(), SITE)
    assert await vault.create("s1") == await vault.create("s1")
    assert (await vault.create("s1")).secret != (await vault.create("s2")).secret


async def test_old_keys_keep_their_suite() -> None:
    table = Table()
    await Vault(table, SITE, "aes-256-gcm").create("old")
    vault = Vault(table, SITE, "sm4-gcm")
    assert (await vault.create("old")).suite.name == "aes-256-gcm"
    assert (await vault.create("new")).suite.name == "sm4-gcm"


async def test_the_sites_key_is_not_made_anew_while_recordings_need_the_old_one(tmp_path: Path) -> None:
    table, path = Table(), tmp_path / "keys" / "site.key"
    first = await open_vault(table, path)
    for session in ("s1", "s2"):
        await first.create(session)
    kept = path.rename(tmp_path / "kept")
    with pytest.raises(SiteKeyError, match="missing"):
        await open_vault(table, path)
    assert not path.exists()
    await load_site_key(path)
    with pytest.raises(SiteKeyError, match="not the one"):
        await open_vault(table, path)
    kept.rename(path)
    table.rows["s2"] = Row("s2", "aes-256-gcm", b"damaged")
    assert await (await open_vault(table, path)).open("s1") == await first.open("s1")


async def test_destroyed_key_is_gone() -> None:
    vault = Vault(Table(), SITE)
    await vault.create("s1")
    await vault.destroy("s1")
    with pytest.raises(NoKey):
        await vault.open("s1")
    with pytest.raises(NoKey):
        await vault.create("s1")


async def test_a_session_without_a_key_has_none() -> None:
    with pytest.raises(NoKey):
        await Vault(Table(), SITE).open("s1")


async def test_wrapped_keys_cannot_be_moved_altered_or_opened_by_another_site() -> None:
    table = Table()
    await Vault(table, SITE).create("s1")
    row = table.rows["s1"]
    table.rows["s2"] = row
    table.rows["s3"] = Row("s3", row.suite, row.wrapped[:-1] + bytes((row.wrapped[-1] ^ 1,)))
    table.rows["s4"] = Row("s4", "rot13", row.wrapped)
    table.rows["s5"] = Row("s5", row.suite, b"short")
    for session in ("s2", "s3", "s4", "s5"):
        with pytest.raises(Broken):
            await Vault(table, SITE).open(session)
    with pytest.raises(Broken, match="not wrapped by this site's key"):
        await Vault(table, bytes(32)).open("s1")


async def test_no_secret_shows_in_a_repr() -> None:
    key = await Vault(Table(), SITE).create("s1")
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


async def test_site_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "site.key"
    key = await load_site_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await load_site_key(path) == key


async def test_site_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    await load_site_key(path)
    path.chmod(0o644)
    with pytest.raises(SiteKeyError, match="0644"):
        await load_site_key(path)


async def test_site_key_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(SiteKeyError, match="5 bytes"):
        await load_site_key(path)
    with pytest.raises(SiteKeyError):
        Vault(Table(), b"short")


async def test_several_are_opened_at_once_and_those_that_are_gone_are_left_out() -> None:
    table = Table()
    vault = Vault(table, SITE)
    keys = [await vault.create(session) for session in ("s1", "s2", "s3")]
    await vault.destroy("s2")
    table.rows["s3"] = Row("s3", "aes-256-gcm", b"x" * 60)
    assert await vault.open_several(["s1", "s2", "s3", "s4"]) == {"s1": keys[0]}


def test_the_index_has_a_key_of_its_own_for_each_site() -> None:
    key = Vault(Table(), SITE).index_key()
    assert key == Vault(Table(), SITE, "sm4-gcm").index_key() != Vault(Table(), SITE[::-1]).index_key()
    assert SITE not in key
    assert len(set(key)) > 32
