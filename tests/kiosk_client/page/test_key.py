"""Another program of the kiosk's machine: it reaches the port, and is not the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from kiosk_client.config import Config
from kiosk_client.page.app import PageSettings, make_page, served
from kiosk_client.page.key import COOKIE, link, read_or_make_key
from link.protocol.frames import SUBPROTOCOL

SECRET = "the-key-of-this-kiosk"
GUESSES = ("", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), "ключ", "%00", "*")


@asynccontextmanager
async def page() -> AsyncIterator[str]:
    device = DeviceIdentity(Enrolment("http://127.0.0.1:9", "k1"), Ed25519PrivateKey.generate())
    agent = Agent(Config(), device, Equipment())
    async with served(make_page(agent, PageSettings(90, SECRET)), 0) as address:
        yield address


async def status(address: str, path: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.get(address + path, headers=headers, allow_redirects=False) as response,
    ):
        return int(response.status)


async def socket(address: str, path: str = "/ws/page", **headers: str) -> int:
    """What a program is answered that says it is the page: it can send any Origin it likes."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        try:
            async with http.ws_connect(
                address + path, protocols=(SUBPROTOCOL,), headers={"Origin": address, **headers}
            ) as opened:
                await opened.close()
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
    return 101


async def test_a_program_without_the_key_is_not_the_page() -> None:
    async with page() as address:
        for path in ("/", "/ws/page", "/?other=1", "/nothing"):
            assert await status(address, path) == 403, path
        assert await socket(address) == 403
        for guess in GUESSES:
            assert await status(address, f"/?key={guess}") == 403, guess
            cookie = guess if guess.isascii() else "?"
            assert await socket(address, Cookie=f"{COOKIE}={cookie}") == 403, guess
        assert await socket(address, f"/ws/page?key={SECRET}") == 403, "the link opens the page, and nothing else"
        assert await status(address, "/static/src/kiosk/app.js") == 200, "which is no secret"


async def test_the_browser_that_opened_the_link_is_and_stays_the_page() -> None:
    async with page() as address:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.get(link(address, SECRET)) as response,
        ):
            assert response.status == 200
            assert SECRET not in await response.text(), "no script of the page has it"
            morsel = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
        assert morsel["httponly"]
        assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Strict", "/", "")
        kept = f"{COOKIE}={morsel.value}"
        assert await status(address, "/", Cookie=kept) == 200
        assert await socket(address, Cookie=kept) == 101
        assert await socket(address, Cookie=kept, Origin="http://evil.example") == 403
        assert await status(address, "/", Cookie=kept, Host="kiosk.evil.example") == 403


def test_the_key_is_made_once_for_this_account_and_stays(tmp_path: Path) -> None:
    data = tmp_path / "kiosk"
    key = read_or_make_key(data)
    assert len(key) >= 32
    assert read_or_make_key(data) == key
    file = data / "page.key"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert read_or_make_key(data) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["page.key"]
    assert read_or_make_key(tmp_path / "another") != key
    assert key not in repr(PageSettings(90, key))


@pytest.mark.parametrize("left", ["", "abc"])
def test_a_key_that_a_loss_of_power_cut_off_is_made_anew(tmp_path: Path, left: str) -> None:
    """With an empty key every program of the machine would be the page."""
    (tmp_path / "page.key").write_text(left)
    key = read_or_make_key(tmp_path)
    assert len(key) == 32
    assert read_or_make_key(tmp_path) == key


@pytest.mark.parametrize("key", ["", "abc"])
def test_the_link(key: str) -> None:
    assert link("http://127.0.0.1:8700", key) == "http://127.0.0.1:8700/" + (f"?key={key}" if key else "")
