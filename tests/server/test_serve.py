"""The server as it is started for real: a process, a socket, a signal; and a real browser's view of its cookie."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import async_playwright

from certs.make import make_server_certificate
from demo.browser import FEATURES
from demo.doctor import find_browser
from server import serve
from server.api.http import cookies
from server.config import Config
from server.store import Store
from tests.big import big, first_of
from tests.server.cli.test_commands import ROOT, environment, good, visavis

PASSWORD = "correct horse battery"


async def add_person(data: Path, role: str) -> None:
    await good(data, "admin", "service", "add", "wealth", "--zh", "理财", "--en", "Wealth")
    adding = ("admin", "person", "add", "li", "--name", "李", "--role", f"{role}@*", "--skill", "wealth")
    await good(data, *adding, stdin=f"{PASSWORD}\n")


@asynccontextmanager
async def serving(data: Path, *options: str) -> AsyncIterator[str]:
    """A real server; gives its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "serve", "--data", str(data), "--port", "0", "--log-format", "json", *options,
        cwd=ROOT, env=environment(), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            line = json.loads(await process.stderr.readline())
            while line["event"] != "listening":
                line = json.loads(await process.stderr.readline())
        yield line["url"]
        process.send_signal(signal.SIGTERM)
        rest = (await asyncio.wait_for(process.stderr.read(), 30)).decode()
        assert await process.wait() == 0, rest
        assert [json.loads(line)["event"] for line in rest.splitlines()][-1] == "stopping", rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_real_server_starts_lets_in_and_throws_out(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await add_person(data, "supervisor")
    async with serving(data) as url, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        form = {"login": "li", "password": PASSWORD}
        async with http.post(f"{url}/login", data=form, headers={"Origin": url}, allow_redirects=False) as response:
            assert response.status == 303
            login = response.headers["Set-Cookie"].partition(";")[0]
        async with http.get(f"{url}/library", headers={"Cookie": login}) as response:
            assert response.status == 200
        await good(data, "admin", "person", "revoke", "li")
        async with http.get(f"{url}/api/me", headers={"Cookie": login}) as response:
            assert response.status == 401
    for name in ("site.key", "login.key"):
        assert (data / "keys" / name).stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o077 == 0


@big
async def test_a_second_server_on_the_same_port_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as url:
        result = await visavis(tmp_path / "other", "serve", "--port", url.rpartition(":")[2])
        assert result.code == 1
        assert "address already in use" in result.err
        assert "Traceback" not in result.err


SHORTLY = "import sys; from server import serve; from server.cli.main import main; serve.END_S = 2.0; sys.exit(main())"


@pytest.mark.parametrize("where", ["running", "starting"])
async def test_a_server_that_waits_for_a_disk_still_ends(tmp_path: Path, where: str) -> None:
    """A named pipe without its other end is a disk that does not answer: opening it waits for ever, in the kernel."""
    data = tmp_path / "data"
    pipe = data / "spool" / "trial" if where == "running" else data / "keys" / "login.key"
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe, 0o600)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SHORTLY, "serve", "--data", str(data), "--port", "0", "--log-format", "json",
        cwd=ROOT, env=environment(), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    stack = ExitStack()
    try:
        async with asyncio.timeout(60):
            if where == "running":
                while json.loads(await process.stderr.readline()).get("reason") != "storage":
                    pass
            else:
                stack.callback(os.close, await reader_of(pipe))
        process.send_signal(signal.SIGTERM)
        rest = (await asyncio.wait_for(process.stderr.read(), 60)).decode()
        assert await process.wait() == serve.HUNG, rest
        told = json.loads(rest.splitlines()[-1])
        assert (told["event"], told["level"]) == ("ended by force", "error")
        assert told["threads"] >= 1
        assert "Traceback" not in rest
    finally:
        stack.close()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def reader_of(pipe: Path) -> int:
    """A writing end of the pipe, as soon as somebody waits for one; whoever reads waits on as long as it is open."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        await asyncio.sleep(0.05)


async def test_a_second_server_on_the_same_data_touches_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serving(data):
        for port in ("0", "1"):
            result = await visavis(data, "serve", "--port", port)
            assert result.code == 1
            assert "another server works in" in result.err
            assert "Traceback" not in result.err
    async with serving(data):
        pass


async def test_a_server_without_its_sites_key_does_not_make_another(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serving(data):
        pass
    store = await Store.open(Config(data=data).database_url)
    await store.data_keys.add("s1", "aes-256-gcm", b"wrapped by the site's key")
    await store.close()
    (data / "keys" / "site.key").unlink()
    result = await visavis(data, "serve", "--port", "0")
    assert (result.code, "Traceback" in result.err) == (1, False)
    assert "is missing" in result.err
    assert not (data / "keys" / "site.key").exists()


async def test_nothing_of_what_is_no_request_gets_into_the_log(tmp_path: Path) -> None:
    """`serving` sees that every line of the log is one of ours."""
    async with serving(tmp_path / "data") as url:
        port = int(url.rpartition(":")[2])
        card = b"GET /?card=6222020200112233"
        for said in (card + b"0" * 9000, card + b" HTTP/9\r\n\r\n", b"\x16\x03\x01" + card, b"\0" * 100 + b"\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said + b" HTTP/1.1\r\n\r\n")
            assert b" 400 " in await asyncio.wait_for(reader.readline(), 30)
            writer.close()


async def test_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["localhost"])
    options = ("--tls-certificate", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key"))
    trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with serving(tmp_path / "data", *options) as url, aiohttp.ClientSession() as http:
        assert url.startswith("https://")
        async with http.get(f"{url}/login", ssl=trust) as response:
            assert response.status == 200
            assert "max-age" in response.headers["Strict-Transport-Security"]
        async with http.post(f"{url}/login", ssl=trust, data={}, headers={"Origin": url}) as response:
            assert response.status == 401
        async with http.post(
            f"{url}/login", ssl=trust, data={}, headers={"Origin": url.replace("https", "http")}
        ) as response:
            assert response.status == 403


async def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    options = ("--tls-certificate", str(tmp_path / "no.pem"), "--tls-key", str(tmp_path / "no.key"))
    result = await visavis(tmp_path / "data", "serve", "--port", "0", *options)
    assert result.code == 1
    assert "Traceback" not in result.err


@pytest.mark.chromium
@pytest.mark.parametrize("host", first_of("127.0.0.1", "localhost"))
async def test_chromium_keeps_the_host_cookie_on_plain_loopback(tmp_path: Path, host: str) -> None:
    """The prefix `__Host-` needs `Secure`; Chromium takes loopback for trustworthy and stores and sends it."""
    data = tmp_path / "data"
    await add_person(data, "guide")
    async with serving(data) as url, async_playwright() as playwright:
        url = url.replace("127.0.0.1", host)
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=[FEATURES, "--no-sandbox"])
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{url}/")
        await page.locator("input[name=login]").fill("li")
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("button[type=submit]").click()
        await page.wait_for_url(f"{url}/guide")
        [kept] = [one for one in await context.cookies() if one.get("name") == cookies.NAME]
        assert kept.get("httpOnly")
        assert kept.get("secure")
        assert kept.get("sameSite") == "Strict"
        assert await page.evaluate("document.cookie") == ""
        answer = await page.evaluate("fetch('/api/me').then((response) => response.json())")
        assert answer["login"] == "li"
        opened = await page.evaluate(
            """new Promise((resolve) => {
              const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws/guide", "visavis.v2");
              socket.onopen = () => resolve(true);
              socket.onerror = () => resolve(false);
            })"""
        )
        assert opened
        await browser.close()
