"""A key service that wraps data keys: against a server that speaks the documented API of Vault's transit engine."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from link.options import ConfigError
from link.protocol.errors import Unavailable
from server.blobs.container import Broken
from server.blobs.transit import Transit, transit_of
from server.blobs.vault import NoKey, SiteKeyError, Vault, open_vault
from server.config import Config, load
from tests.server.blobs.test_vault import SITE, Table

TOKEN = "s.visavis"


@dataclass
class StandIn:
    """What the transit engine answers, by its documentation: keys have versions, errors are lists of texts."""

    keys: list[AESGCM] = field(default_factory=lambda: [AESGCM(os.urandom(32))])
    asked: list[str] = field(default_factory=list)
    sealed: bool = False
    nonsense: bytes | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        what, name = request.match_info["what"], request.match_info["key"]
        self.asked.append(what)
        if self.nonsense is not None:
            return web.Response(body=self.nonsense)
        if self.sealed:
            return web.json_response({"errors": ["Vault is sealed"]}, status=503)
        if request.headers.get("X-Vault-Token") != TOKEN:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        if name != "visavis":
            return web.json_response({"errors": ["encryption key not found"]}, status=400)
        body = await request.json()
        try:
            data = self.encrypt(body) if what == "encrypt" else self.decrypt(body)
        except (InvalidTag, ValueError, IndexError) as error:
            return web.json_response({"errors": [f"cipher: {error or 'message authentication failed'}"]}, status=400)
        return web.json_response({"request_id": "x", "lease_id": "", "renewable": False, "data": data})

    def encrypt(self, body: dict[str, Any]) -> dict[str, Any]:
        nonce = os.urandom(12)
        sealed = nonce + self.keys[-1].encrypt(nonce, *self.told(body, "plaintext"))
        version = len(self.keys)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}

    def decrypt(self, body: dict[str, Any]) -> dict[str, Any]:
        _, version, text = body["ciphertext"].split(":")
        sealed = base64.b64decode(text, validate=True)
        associated = base64.b64decode(body["associated_data"])
        plain = self.keys[int(version[1:]) - 1].decrypt(sealed[:12], sealed[12:], associated)
        return {"plaintext": base64.b64encode(plain).decode()}

    @staticmethod
    def told(body: dict[str, Any], name: str) -> tuple[bytes, bytes]:
        return base64.b64decode(body[name]), base64.b64decode(body["associated_data"])


@pytest.fixture
async def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
async def address(stand_in: StandIn) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/transit/{what:encrypt|decrypt}/{key}", stand_in.answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url(""))
    await server.close()


@pytest.mark.parametrize("suite", ["aes-256-gcm", "sm4-gcm"])
async def test_the_service_wraps_and_opens_data_keys(stand_in: StandIn, address: str, suite: str) -> None:
    table = Table()
    vault = Vault(table, None, suite, service=Transit(address, "transit/visavis", TOKEN))
    key = await vault.create("s1")
    assert table.rows["s1"].wrapped.startswith(b"vault:v1:")
    assert key.secret not in table.rows["s1"].wrapped
    other = Vault(table, None, suite, service=Transit(address, "transit/visavis", TOKEN))
    assert await other.open("s1") == key
    # Its key is rotated there: what was wrapped before is opened by the version that did it.
    stand_in.keys.append(AESGCM(os.urandom(32)))
    await other.create("s2")
    assert table.rows["s2"].wrapped.startswith(b"vault:v2:")
    assert await vault.open("s1") == key


async def test_a_data_key_is_asked_for_once_and_a_destroyed_one_is_gone(stand_in: StandIn, address: str) -> None:
    service = Transit(address, "transit/visavis", TOKEN)
    vault = Vault(Table(), None, service=service, index_secret=bytes(32))
    await vault.create("s1")
    for _ in range(5):
        await vault.open("s1")
    assert stand_in.asked == ["encrypt", "decrypt"]
    await vault.destroy("s1")
    with pytest.raises(NoKey):
        await vault.open("s1")


async def test_a_wrapped_key_is_of_its_session_only(stand_in: StandIn, address: str) -> None:
    table = Table()
    vault = Vault(table, None, service=Transit(address, "transit/visavis", TOKEN))
    await vault.create("s1")
    await vault.create("s2")
    row = table.rows["s1"]
    table.rows["s2"] = type(row)("s2", row.suite, row.wrapped)
    with pytest.raises(Broken, match="altered"):
        await vault.open("s2")
    stand_in.keys[:] = [AESGCM(os.urandom(32))]
    fresh = Vault(table, None, service=Transit(address, "transit/visavis", TOKEN))
    with pytest.raises(Broken):
        await fresh.open("s1")


async def test_what_the_sites_key_wrapped_is_opened_by_it_after_the_change(stand_in: StandIn, address: str) -> None:
    table, service = Table(), Transit(address, "transit/visavis", TOKEN)
    old = await Vault(table, SITE).create("old")
    vault = Vault(table, SITE, service=service)
    new = await vault.create("new")
    assert await vault.open("old") == old
    with pytest.raises(Broken, match="no site's key"):
        await Vault(table, None, service=service).open("old")
    with pytest.raises(Broken):
        await Vault(table, SITE).open("new")
    assert await vault.open("new") == new
    with pytest.raises(SiteKeyError):
        Vault(table, None)


async def test_a_service_that_does_not_do_so_just_now_is_unavailable_and_nothing_is_broken(
    stand_in: StandIn, address: str
) -> None:
    table = Table()
    await Vault(table, None, service=Transit(address, "transit/visavis", TOKEN)).create("s1")

    async def opened(service: Transit) -> None:
        await Vault(table, None, service=service).open("s1")

    stand_in.sealed = True
    with pytest.raises(Unavailable, match="503"):
        await opened(Transit(address, "transit/visavis", TOKEN))
    stand_in.sealed = False
    with pytest.raises(Unavailable, match="403"):
        await opened(Transit(address, "transit/visavis", "another"))
    with pytest.raises(Unavailable, match="400"):
        await opened(Transit(address, "transit/nothing", TOKEN))
    for nonsense in (b"<html>", b"[]", b'{"data": {"plaintext": "%"}}'):
        stand_in.nonsense = nonsense
        with pytest.raises(Unavailable, match="something else"):
            await opened(Transit(address, "transit/visavis", TOKEN))
    stand_in.nonsense = b'{"data": {"ciphertext": "plain"}}'
    with pytest.raises(Unavailable, match="something else"):
        await Vault(table, None, service=Transit(address, "transit/visavis", TOKEN)).create("s2")
    assert "s2" not in table.rows
    with pytest.raises(Unavailable, match="does not answer"):
        await opened(Transit("http://127.0.0.1:9", "transit/visavis", TOKEN, timeout_s=5))


async def test_a_server_begins_with_a_service_and_has_no_key_to_recordings(
    stand_in: StandIn, address: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o644)
    config = Config(data=tmp_path, key_service=address, key_service_token=token)
    with pytest.raises(SiteKeyError, match="chmod 600"):
        transit_of(config)
    token.chmod(0o600)
    table = Table()
    vault = await open_vault(table, tmp_path / "keys" / "site.key", service=transit_of(config))
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["index.key"], "which opens no recording"
    await vault.create("s1")
    again = await open_vault(table, tmp_path / "keys" / "site.key", service=transit_of(config))
    assert again.index_key() == vault.index_key()
    with pytest.raises(SiteKeyError, match="index"):
        Vault(table, None, service=transit_of(config)).index_key()
    stand_in.sealed = True
    with pytest.raises(Unavailable):
        await open_vault(table, tmp_path / "keys" / "site.key", service=transit_of(config))
    assert transit_of(Config(data=tmp_path)) is None


def test_address_and_token_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="belong together"):
        load({"key_service": "https://vault.example"}, {})
    with pytest.raises(ValueError, match="mount and key"):
        Transit("https://vault.example", "visavis", TOKEN)
