"""`visavis verify` of everything and `visavis checkpoints`, as people type them, on what a real server left."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from server.api.http.app_keys import STORE, TIMESTAMPS
from server.app import make_app
from server.config import Config
from server.journal.signing_key import read_signing_key
from tests.server.cli.test_commands import good, visavis
from tests.server.evidence.authority import Authority, AuthorityServer

FIELDS = {"public_key", "number", "signed", "hash", "audit", "second_place", "copied", "stamped", "stamp"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which a server has run."""
    folder = tmp_path_factory.mktemp("made") / "data"
    await good(folder, "admin", "branch", "add", "riverside", "--zh", "滨江支行", "--en", "Riverside")
    async with TestClient(TestServer(make_app(Config(data=folder, minimum_free_mb=0)))):
        await good(folder, "admin", "branch", "add", "westgate", "--zh", "西门支行", "--en", "Westgate")
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "data")


async def test_a_server_signs_and_the_command_checks(data: Path) -> None:
    report = await good(data, "verify")
    assert (report["verdict"], report["findings"]) == ("sound", [])
    assert report["checkpoints"] >= 2
    assert report["rows"] == 2
    told = await good(data, "checkpoints")
    assert set(told) == FIELDS
    assert told["public_key"] == read_signing_key(data / "keys" / "signing.key").public.hex()
    assert told["number"] == told["copied"] == report["checkpoints"]
    assert told["second_place"] == str((data / "checkpoints").absolute())
    assert (data / "keys" / "signing.key").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (data / "checkpoints").iterdir()} == {0o600}


async def test_a_server_has_its_checkpoints_stamped_and_the_commands_check(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.evidence.timestamps.FIRST_S", 0)
    authority, certificate, kept = Authority(), tmp_path / "tsa.pem", tmp_path / "kept.tsr"
    certificate.write_bytes(authority.pem)
    async with AuthorityServer.started(authority) as server:
        options: dict[str, Any] = {"timestamp_authority": server.url, "timestamp_certificate": certificate}
        app = make_app(Config(data=data, minimum_free_mb=0, **options))
        async with TestClient(TestServer(app)), asyncio.timeout(30):
            while await app[STORE].timestamps.newest() is None or app[TIMESTAMPS] is None:
                await asyncio.sleep(0)
    certified = ("--timestamp-certificate", str(certificate))
    told = await good(data, "checkpoints", *certified, "--save-timestamp", str(kept))
    assert told["stamped"] is not None
    assert told["stamp"].startswith("20")
    assert authority.trust.check(kept.read_bytes()).token == kept.read_bytes()
    report = await good(data, "verify", *certified, "--timestamp", str(kept))
    assert (report["verdict"], report["timestamps"], report["stamped"]) == ("sound", 1, told["stamp"])
    other = tmp_path / "other.tsr"
    other.write_bytes(authority.token(bytes(32)))
    found = await visavis(data, "verify", *certified, "--timestamp", str(other))
    assert found.code == 1
    assert f"time stamps 1, newest {told['stamp']}" in found.out
    assert "BROKEN    time stamp other.tsr: the checkpoint that was there at" in found.out
    unchecked = await visavis(data, "verify", "--json")
    assert (unchecked.code, unchecked.json["findings"][0]["where"]) == (2, "time stamps")


async def test_what_is_broken_is_1_and_in_the_text(data: Path) -> None:
    with sqlite3.connect(data / "visavis.sqlite3") as connection:
        connection.execute("UPDATE branch SET name_en = 'Elsewhere' WHERE id = 'riverside'")
    connection.close()
    result = await visavis(data, "verify")
    assert result.code == 1
    assert "BROKEN    branch riverside: row: it is not what it was after audit seq 1" in result.out
    assert result.out.splitlines()[-1] == "verdict     broken"


async def test_with_the_public_key_alone_anybody_can_check(data: Path, tmp_path: Path) -> None:
    public = (await good(data, "checkpoints"))["public_key"]
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    (copy / "keys" / "signing.key").unlink()
    result = await visavis(copy, "verify", "--json")
    assert (result.code, result.json["findings"][0]["where"]) == (2, "signing key")
    assert (await good(copy, "verify", "--public-key", public))["verdict"] == "sound"
    other = await visavis(copy, "verify", "--public-key", "ab" * 32, "--json")
    assert other.code == 1
    assert "not signed with this site's key" in json.dumps(other.json)


async def test_a_second_place_of_its_own(data: Path, tmp_path: Path) -> None:
    second = tmp_path / "disk" / "checkpoints"
    second.parent.mkdir()
    config = Config(data=data, minimum_free_mb=0, checkpoints=str(second))
    async with TestClient(TestServer(make_app(config))):
        pass
    report = await good(data, "verify", "--checkpoints", str(second))
    assert report["verdict"] == "sound"
    assert [path.name for path in second.iterdir()] == ["000000000001.checkpoints"]
    shutil.rmtree(second)
    assert (await visavis(data, "verify", "--checkpoints", str(second))).code == 1


async def test_a_lost_signing_key_is_said_and_a_new_one_made_only_when_asked_for(data: Path) -> None:
    old = (await good(data, "checkpoints"))["public_key"]
    (data / "keys" / "signing.key").unlink()
    refused = await visavis(data, "admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    assert (refused.code, "Traceback" in refused.err) == (1, False)
    assert "--new-key" in refused.err
    new = (await good(data, "checkpoints", "--new-key"))["public_key"]
    assert new != old
    assert (await good(data, "checkpoints", "--new-key"))["public_key"] == new, "an existing one is left alone"
    await good(data, "admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    async with TestClient(TestServer(make_app(Config(data=data, minimum_free_mb=0)))):
        pass
    assert (await visavis(data, "verify")).code == 1
    assert (await good(data, "verify", "--public-key", new, "--public-key", old))["verdict"] == "sound"


async def test_one_session_needs_a_key_once_there_are_checkpoints(data: Path) -> None:
    (data / "keys" / "signing.key").unlink()
    result = await visavis(data, "verify", "s1", "--json")
    assert (result.code, result.json["verdict"]) == (2, "unusable")
    assert "signing key" in result.json["findings"][0]["problem"]
