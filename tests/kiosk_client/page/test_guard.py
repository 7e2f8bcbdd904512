"""Who may talk to the page's server: this page on this machine, and nobody who got there by a name or a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from kiosk_client.config import Config
from kiosk_client.page.app import PageSettings, make_page, served
from kiosk_client.page.guard import allowed_host, allowed_origin
from link.protocol import codec
from link.protocol.frames import SUBPROTOCOL, VERSION, Hello, Tell, Welcome
from link.protocol.server import PageStatus


@asynccontextmanager
async def page() -> AsyncIterator[str]:
    """The page's server of a kiosk whose server is not there."""
    device = DeviceIdentity(Enrolment("http://127.0.0.1:9", "k1"), Ed25519PrivateKey.generate())
    agent = Agent(Config(), device, Equipment())
    async with served(make_page(agent, PageSettings(90)), 0) as address:
        yield address


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost:8700"])
def test_hosts_of_this_machine(host: str) -> None:
    assert allowed_host(host, 8700)


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1", "127.0.0.1:8701", "kiosk.evil.example:8700", "127.0.0.1.evil.example:8700", "[::1]:8700"]
)
def test_other_hosts(host: str) -> None:
    assert not allowed_host(host, 8700)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "https://127.0.0.1:8700",
        "http://127.0.0.1:87001",
        "http://evil.example",
        "http://localhost:8700",
    ],
)
def test_other_origins(origin: str | None) -> None:
    assert not allowed_origin(origin, "127.0.0.1:8700")
    assert allowed_origin("http://127.0.0.1:8700", "127.0.0.1:8700")


async def test_the_page_comes_in_chinese_with_a_strict_policy() -> None:
    async with page() as address, aiohttp.ClientSession() as http, http.get(address) as response:
        text = await response.text()
        assert response.status == 200
        assert response.headers["Content-Language"] == "zh-CN"
        policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert '"idle_s": 90' in text
    assert 'class="kiosk portrait-kiosk"' in text


async def test_the_page_comes_in_the_language_of_the_customer_at_it() -> None:
    headers = {"Accept-Language": "fr", "Cookie": "lang=en"}
    async with page() as address, aiohttp.ClientSession() as http, http.get(address, headers=headers) as response:
        assert response.headers["Content-Language"] == "en"


async def test_a_name_that_leads_here_is_refused_on_every_path() -> None:
    async with page() as address, aiohttp.ClientSession() as http:
        for path in ("/", "/ws/page", "/static/src/kiosk/app.js"):
            async with http.get(address + path, headers={"Host": "kiosk.evil.example"}) as response:
                assert response.status == 403, path


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1:1"])
async def test_a_foreign_page_gets_no_websocket(origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with page() as address, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{address}/ws/page", protocols=(SUBPROTOCOL,), headers=headers)
    assert refused.value.status == 403


async def test_its_own_page_is_told_how_things_stand() -> None:
    async with (
        page() as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{address}/ws/page", protocols=(SUBPROTOCOL,), headers={"Origin": address}) as socket,
    ):
        await socket.send_str(codec.encode(Hello(VERSION)).decode())
        welcome = codec.decode_server(await socket.receive_str())
        first = codec.decode_server(await socket.receive_str())
    assert isinstance(welcome, Welcome)
    assert isinstance(first, Tell)
    assert first.body == PageStatus(online=False)
