"""A Chromium of its own that draws a recorded screen: lines go in, pictures come out, and nothing else goes either way.

It is the operating system's Chromium, started directly with `--remote-debugging-pipe`: Playwright would bring a second
runtime into the server, and `--screenshot` a browser for each picture. It has no network (every request is answered
from here, or refused), a profile that is thrown away, and its own sandbox, which is never switched off: started by root
it runs as `nobody`. What it draws stands behind the walls of the library's player.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from link.tasks import cancel, spawn
from web.assets import load_assets
from web.cobrowse_frame import FRAME, FRAME_POLICY
from web.security import IMPORT_MAP_JSON, PAGE_POLICY, policy_header

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
START_S: Final = 60.0
STDERR_S: Final = 2.0
CALL_S: Final = 30.0
"""Longest time for which one step of drawing is waited."""
MOST_ANSWER: Final = 32 << 20
MOST_RESIDENT: Final = 2 << 30
"""Bytes of memory of all its processes together; what they share counts for each."""
NOBODY: Final = 65534
_ORIGIN: Final = "https://film.invalid"
_PAGE: Final = (
    f'<!doctype html><html lang="{{language}}"><head><meta charset="utf-8"><title>film</title>'
    '<link rel="stylesheet" href="/static/styles/base.css">'
    f'<script type="importmap">{IMPORT_MAP_JSON.replace("{", "{{").replace("}", "}}")}</script>'
    '</head><body><div id="film"></div><script type="module" src="/static/src/cobrowse/film.js"></script></body></html>'
)
_FLAGS: Final = (
    *("--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-default-apps", "--disable-breakpad", "--metrics-recording-only", "--mute-audio", "--hide-scrollbars"),
    # Whatever would get past the interception finds neither a name nor a proxy.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=<-loopback>"),
    *("--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--disable-dev-shm-usage"),
    *("--js-flags=--max-old-space-size=512", "--renderer-process-limit=1", "--disk-cache-size=1"),
    "--force-device-scale-factor=1",
)
# Its pipes are descriptors 3 and 4, which here are its stdin and stdout. It has the least priority.
_BEGIN: Final = (
    "import os, sys\n"
    "os.nice(19); os.dup2(0, 3); os.dup2(1, 4)\n"
    "null = os.open(os.devnull, os.O_RDWR); os.dup2(null, 0); os.dup2(null, 1)\n"
    "user = int(sys.argv[1])\n"
    "if user: os.setgroups([]); os.setgid(user); os.setuid(user)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class NoScreen(Exception):
    """The recorded screen cannot be drawn, or not any more; the message says why."""


def find_chromium() -> Path | None:
    """The Chromium of this machine."""
    return next((Path(found) for found in map(shutil.which, BROWSERS) if found), None)


class ScreenBrowser:
    """The browser, with the one page that draws. Every method raises `NoScreen` where it cannot do so any more."""

    def __init__(self, process: asyncio.subprocess.Process, language: str) -> None:
        self._process = process
        self._language = language
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._ended = ""
        self._page: str | None = None
        self._film = ""
        self._shown: object = None
        self._reading = spawn(self._read(), name="what a viewing copy's browser says")

    @classmethod
    @asynccontextmanager
    async def started(
        cls, width: int, height: int, *, executable: Path | None = None, language: str = "zh-CN"
    ) -> AsyncIterator[ScreenBrowser]:
        """A browser whose window has this size; it is gone afterwards, and so is its profile.

        Raises:
            NoScreen: there is none on this machine, or it does not start.
        """
        program = executable or find_chromium()
        if program is None:
            raise NoScreen("there is no Chromium on this machine")
        user = NOBODY if os.geteuid() == 0 else 0
        with tempfile.TemporaryDirectory(prefix="visavis-film-", ignore_cleanup_errors=True) as folder:
            if user:
                os.chown(folder, user, user)
            flags = (*_FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-c", _BEGIN, str(user), str(program), *flags),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MOST_ANSWER,
                start_new_session=True,
                cwd="/",
                env={"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )
            assert process.stderr is not None
            said = spawn(_last(process.stderr), name="what it writes on stderr")
            browser = cls(process, language)
            try:
                try:
                    async with asyncio.timeout(START_S):
                        await browser._open(width, height)
                except TimeoutError:
                    raise NoScreen(f"{program.name} did not start within {START_S:.0f} s") from None
                except NoScreen as error:
                    browser._kill()
                    await asyncio.wait((said,), timeout=STDERR_S)
                    why = said.result() if said.done() else ""
                    raise NoScreen(f"{program.name} does not start ({why or error})") from error
                yield browser
            finally:
                browser._kill()
                await process.wait()
                await cancel(browser._reading)
                await cancel(said)  # a handler of crashes may live on, and keep it open

    async def apply(self, lines: bytes) -> bool:
        """Draw these recorded lines; whether the customer's page is shown as it was after them."""
        function = "function (text) { return this.apply(text); }"
        self._shown = await self._call_film(function, lines.decode("utf-8", "replace"))
        return isinstance(self._shown, dict)

    async def clear(self) -> None:
        """What follows is not known until the next full picture."""
        await self._call_film("function () { this.clear(); }")

    async def picture(self) -> bytes:
        """The customer's page as a JPEG, and nothing around it."""
        told: dict[str, object] = {"format": "jpeg", "quality": 85, "optimizeForSpeed": True}
        if isinstance(self._shown, dict):
            told["clip"] = {**self._shown, "scale": 1}
        answer = await self._call("Page.captureScreenshot", told)
        try:
            return base64.b64decode(answer.get("data", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise NoScreen("the browser answered with no picture") from error

    async def check_memory(self) -> None:
        """Raise `NoScreen` where its processes take too much."""
        taken = await asyncio.to_thread(_resident, self._process.pid)
        if taken > MOST_RESIDENT:
            raise NoScreen(f"the browser took {taken >> 20} MiB of memory")

    async def _open(self, width: int, height: int) -> None:
        await asyncio.to_thread(load_assets)
        target = await self._call("Target.createTarget", {"url": "about:blank"})
        attached = await self._call("Target.attachToTarget", {"targetId": target.get("targetId"), "flatten": True})
        self._page = attached.get("sessionId")
        await self._call("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._call("Emulation.setDeviceMetricsOverride", size)
        still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        await self._call("Emulation.setEmulatedMedia", still)
        await self._call("Page.enable")
        self._loaded.clear()
        await self._call("Page.navigate", {"url": f"{_ORIGIN}/"})
        await self._while_it_lives(self._loaded.wait())
        film = "import('/static/src/cobrowse/film.js').then(() => globalThis.film)"
        found = await self._call("Runtime.evaluate", {"expression": film, "awaitPromise": True})
        self._film = found.get("result", {}).get("objectId", "")
        if not self._film:
            raise NoScreen("its page did not load")

    async def _call_film(self, function: str, *arguments: str) -> object:
        told = {
            "objectId": self._film,
            "functionDeclaration": function,
            "arguments": [{"value": argument} for argument in arguments],
            "awaitPromise": True,
            "returnByValue": True,
        }
        answer = await self._call("Runtime.callFunctionOn", told)
        if "exceptionDetails" in answer:
            raise NoScreen("its lines could not be drawn")
        return answer.get("result", {}).get("value")

    async def _call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol."""
        number, answer = self._send(method, parameters or {})
        try:
            assert self._process.stdin is not None
            async with asyncio.timeout(CALL_S):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    await self._process.stdin.drain()
                return await answer
        except TimeoutError:
            raise NoScreen(f"the browser did not answer within {CALL_S:.0f} s") from None
        finally:
            self._answers.pop(number, None)

    async def _while_it_lives(self, waiting: Any) -> None:
        """Wait for something that only the browser brings about."""
        task = spawn(waiting, name="the browser's page")
        await asyncio.wait((task, self._reading), return_when=asyncio.FIRST_COMPLETED, timeout=CALL_S)
        arrived = task.done()
        await cancel(task)
        if not arrived:
            raise NoScreen(self._ended or "its page did not load")

    def _send(self, method: str, parameters: Mapping[str, Any]) -> tuple[int, asyncio.Future[dict[str, Any]]]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._page is not None:
            message["sessionId"] = self._page
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        if self._ended:
            answer.set_exception(NoScreen(self._ended))
        else:
            assert self._process.stdin is not None
            self._process.stdin.write(msgspec.json.encode(message) + b"\0")
        return self._number, answer

    async def _read(self) -> None:
        assert self._process.stdout is not None
        reason = "the browser ended"
        try:
            while True:
                message = json.loads((await self._process.stdout.readuntil(b"\0"))[:-1])
                self._hear(message)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        except NoScreen as error:
            reason = str(error)
        except (asyncio.LimitOverrunError, ValueError, TypeError, KeyError, AttributeError):
            reason = "the browser answered with something else"
        finally:
            self._ended = reason
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(NoScreen(reason))
                    answer.exception()  # seen, also where nobody waits for it any more

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" in message:
            answer = self._answers.pop(message["id"], None)
            if answer is not None and not answer.done():
                if "error" in message:
                    answer.set_exception(NoScreen(f"the browser refused: {message['error'].get('message', '')[:200]}"))
                    answer.exception()
                else:
                    answer.set_result(message.get("result", {}))
        elif message.get("method") == "Page.loadEventFired":
            self._loaded.set()
        elif message.get("method") == "Fetch.requestPaused":
            self._serve(message["params"])
        elif message.get("method") == "Inspector.targetCrashed":
            raise NoScreen("its page crashed")

    def _serve(self, asked: dict[str, Any]) -> None:
        """Answer a request from what the player's own page has, or refuse it."""
        found = _served(asked["request"]["url"], self._language)
        told: dict[str, Any] = {"requestId": asked["requestId"]}
        if found is None:
            method, told["errorReason"] = "Fetch.failRequest", "BlockedByClient"
        else:
            body, content_type, policy = found
            headers = {"Content-Type": content_type, "Content-Security-Policy": policy}
            method, told["responseCode"] = "Fetch.fulfillRequest", 200
            told["responseHeaders"] = [{"name": name, "value": value} for name, value in headers.items()]
            told["body"] = base64.b64encode(body).decode()
        _, answer = self._send(method, told)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _served(url: str, language: str) -> tuple[bytes, str, str] | None:
    """Body, content type and policy of what there is at this address; None for everything else in the world."""
    if not url.startswith(f"{_ORIGIN}/"):
        return None
    path = urlsplit(url).path
    if path == "/":
        return _PAGE.format(language=language).encode(), "text/html; charset=utf-8", policy_header(PAGE_POLICY)
    if path == "/cobrowse/frame":
        return FRAME.encode(), "text/html; charset=utf-8", policy_header(FRAME_POLICY)
    asset = load_assets().get(path.removeprefix("/static/")) if path.startswith("/static/") else None
    return None if asset is None else (asset.body, asset.content_type, policy_header(PAGE_POLICY))


def _resident(session: int) -> int:
    """The resident memory of all processes of a session, in bytes."""
    page, taken = os.sysconf("SC_PAGE_SIZE"), 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # After the name in brackets: state, parent, group, session, …; the resident pages are the 22nd.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    taken += int(fields[21]) * page
    return taken


async def _last(stream: asyncio.StreamReader) -> str:
    """The last thing that is said there, once it ends."""
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[-4096:]
    lines = [line for line in kept.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line]
    return (fatal or lines or [""])[-1][-300:]
