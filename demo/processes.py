"""Server and kiosk client as child processes on 127.0.0.1, for the demonstration and the end-to-end tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from demo.fixtures import BANK, KIOSK, enrolment_code, password_of, seed
from link.compiled import SWITCH
from server.config import Config
from server.journal import Journal
from server.store import Store
from server.store.sessions import SessionQuery

ROOT = Path(__file__).parent.parent
START_S = 90.0
STOP_S = 10.0
# Where util-linux is installed, children get SIGTERM when this process dies, even by SIGKILL (prctl(2)).
_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


class StackError(Exception):
    """A process did not start or ended by itself; the message ends with the last lines of its log."""


def first_line(error: BaseException) -> str:
    """An error in one line: the first line of its message, or its class where the message is empty."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if it is free on 127.0.0.1, else a port that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise StackError("there is no free port on 127.0.0.1")


@dataclass
class Child:
    """A child process with its log file."""

    name: str
    log: Path
    process: asyncio.subprocess.Process

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self.process.returncode is None

    def last_lines(self, count: int = 15) -> str:
        """The end of the log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
        return ""

    async def stop(self) -> None:
        """Ask the process to end, wait STOP_S, then kill it. Safe to call twice."""
        if not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), STOP_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process by SIGKILL, without any clean-up."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


@dataclass
class Stack:
    """One server and one kiosk client. `server` and `kiosk` are None while they are down.

    `server_options` and `kiosk_options` are further command-line arguments of the two. `front` is the address by which
    kiosk client and browsers reach the server, where something stands before it.
    """

    data: Path
    port: int
    page_port: int
    documents: Path | None = None
    server_options: Sequence[str] = ()
    kiosk_options: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    front: str = ""
    server: Child | None = None
    kiosk: Child | None = None

    @property
    def server_url(self) -> str:
        """Origin of the server, as kiosk client and browsers know it."""
        return self.front or f"http://127.0.0.1:{self.port}"

    @property
    def kiosk_url(self) -> str:
        """The link that opens the kiosk page, once the kiosk client has run."""
        key = self.data / "kiosk" / "page.key"
        return f"http://127.0.0.1:{self.page_port}/" + (f"?key={key.read_text().strip()}" if key.exists() else "")

    @property
    def config(self) -> Config:
        """The server's configuration as far as files and database go."""
        return Config(data=self.data)

    @property
    def password(self) -> str:
        """Everyone's password."""
        return password_of(self.data)

    async def start(self) -> None:
        """Seed the database, start the server, enrol the kiosk if it is not, start its client.

        Raises:
            StackError: one of them did not come up.
        """
        await seed(self.config)
        await self.start_server()
        await self.enrol_kiosk()
        await self.start_kiosk()

    async def start_server(self) -> None:
        """Start the server and wait until it answers."""
        named = ["--bank-zh", BANK[0], "--bank-en", BANK[1]]
        arguments = ["serve", "--data", str(self.data), "--port", str(self.port), *named, *self.server_options]
        self.server = await self._spawn("server", "server", arguments)
        await self._ready(self.server, f"{self.server_url}/login")

    async def enrol_kiosk(self) -> None:
        """Give the kiosk client its identity with a one-time code, once for each address of the server."""
        stamp = self.data / "kiosk-enrolled-at"
        if stamp.exists() and stamp.read_text() == self.server_url:
            return
        shutil.rmtree(self.data / "kiosk", ignore_errors=True)
        code = await enrolment_code(self.config, KIOSK)
        arguments = ["enrol", "--server", self.server_url, "--code", code, "--data", str(self.data / "kiosk")]
        child = await self._spawn("enrol", "kiosk_client", arguments)
        if await asyncio.wait_for(child.process.wait(), START_S) != 0:
            raise StackError(f"the kiosk could not be enrolled:\n{child.last_lines()}")
        stamp.write_text(self.server_url)

    async def start_kiosk(self) -> None:
        """Start the kiosk client and wait until it serves its page."""
        arguments = ["run", "--data", str(self.data / "kiosk"), "--page-port", str(self.page_port)]
        if self.documents is not None:
            arguments += ["--document-camera", str(self.documents)]
        self.kiosk = await self._spawn("kiosk", "kiosk_client", [*arguments, *self.kiosk_options])
        await self._ready(self.kiosk, f"http://127.0.0.1:{self.page_port}/static/src/kiosk/app.js")

    async def kill_server(self) -> None:
        """SIGKILL the server."""
        if self.server is not None:
            await self.server.kill()
            self.server = None

    async def kill_kiosk(self) -> None:
        """SIGKILL the kiosk client."""
        if self.kiosk is not None:
            await self.kiosk.kill()
            self.kiosk = None

    async def stop(self) -> None:
        """Stop both, kiosk first."""
        for child in (self.kiosk, self.server):
            if child is not None:
                await child.stop()
        self.kiosk = self.server = None

    async def run_command(self, *arguments: str, timeout: float = 60) -> tuple[int, str]:
        """Run `visavis ARGUMENTS` on this data directory; return its exit code and what it wrote."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *arguments, "--data", str(self.data),
            cwd=ROOT, env=self._environment(), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
        return process.returncode or 0, output.decode(errors="replace")

    async def newest_session(self) -> str:
        """Id of the session that was asked for last.

        Raises:
            StackError: there is none.
        """
        store = await Store.open(self.config.database_url)
        try:
            rows = (await store.sessions.search(SessionQuery(), limit=1)).rows
        finally:
            await store.close()
        if not rows:
            raise StackError("there is no session")
        return rows[0].id

    async def journal(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """The journal of `session` so far: kind and payload of each entry."""
        store = await Store.open(self.config.database_url)
        try:
            entries = await Journal(store).read(session)
        finally:
            await store.close()
        return [(entry.kind, json.loads(entry.payload)) for entry in entries]

    def _environment(self) -> dict[str, str]:
        kept = {name for name in os.environ if not name.startswith("VISAVIS_")} | {SWITCH}
        ours = {name: value for name, value in os.environ.items() if name in kept}
        return {**ours, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self.environment}

    async def _spawn(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        log = self.data / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *_WITH_US, sys.executable, "-m", module, *arguments,
                cwd=ROOT, env=self._environment(), stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        return Child(name, log, process)

    async def _ready(self, child: Child, address: str) -> None:
        end = time.monotonic() + START_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while time.monotonic() < end:
                if not child.running:
                    raise StackError(f"the {child.name} ended at once:\n{child.last_lines()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(address) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)
        raise StackError(f"the {child.name} did not answer at {address}:\n{child.last_lines()}")


@contextlib.asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[Stack]:
    """Start `stack`, and stop it however the block ends."""
    try:
        await stack.start()
        yield stack
    finally:
        await asyncio.shield(stack.stop())
