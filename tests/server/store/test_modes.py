from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from server.api.http.app_keys import STORE
from server.app import make_app
from server.config import Config
from server.store import Store
from server.store.branches import Branch
from server.store.modes import enforce_database, enforce_folder


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """The umask of most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[Path]:
    """What others could read, if they get as far."""
    if mode(folder) & 0o077 == 0:
        return []
    return [path for path in (folder, *folder.rglob("*")) if mode(path) & 0o077]


async def test_a_new_database_is_for_its_account_only(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "visavis.sqlite3"
    store = await Store.open(f"sqlite+aiosqlite:///{file}")
    await store.branches.add(Branch("a", "a", "a"))
    found = {path.name: mode(path) for path in file.parent.iterdir()}
    await store.close()
    assert found["visavis.sqlite3"] == 0o600
    assert set(found.values()) == {0o600}, found
    assert mode(file.parent) == 0o700


async def test_what_is_open_to_others_is_closed_at_start_and_said(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data", database=f"sqlite+aiosqlite:///{tmp_path / 'elsewhere' / 'v.sqlite3'}")
    for folder in (config.data, config.spool, Path(config.blobs_location), tmp_path / "elsewhere"):
        folder.mkdir()
    first = await Store.open(config.database_url)
    await first.close()
    (tmp_path / "elsewhere" / "v.sqlite3").chmod(0o644)
    server = TestServer(make_app(config))
    with capture_logs() as lines:
        await server.start_server()
    await server.app[STORE].branches.add(Branch("a", "a", "a"))
    files = {path: mode(path) for path in (tmp_path / "elsewhere").iterdir()}
    assert open_to_others(config.data) == []
    assert set(files.values()) == {0o600}, files
    await server.close()
    said = {line["path"]: line["mode"] for line in lines if line["event"] == "closed to others"}
    assert said[str(config.data)] == "0755"
    assert said[str(tmp_path / "elsewhere" / "v.sqlite3")] == "0644"
    with capture_logs() as lines:
        again = TestServer(make_app(config))
        await again.start_server()
        await again.close()
    assert not [line for line in lines if line["event"] == "closed to others"]


def test_what_cannot_be_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = tmp_path / "data", tmp_path / "v.sqlite3"
    folder.mkdir()
    file.touch()

    def refuse(self: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(OSError, match="open to others"):
        enforce_folder(folder)
    with pytest.raises(OSError, match="open to others"):
        enforce_database(file)
