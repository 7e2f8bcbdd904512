"""The server as a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from server.api.http import cookies
from server.blobs.vault import read_or_make_site_key
from server.config import Config
from server.identity.login_tokens import LoginTokens
from server.journal import Journal, verify_chain
from server.session import events as e
from server.session.machine import Machine
from server.store import Store
from tests.server.calls.bank import Party, enrol, furnish, hire, keep_port, log_in

ROOT = Path(__file__).parents[3]


class Process:
    """`visavis serve` on a fixed port of its own, over one data directory."""

    def __init__(self, data: Path, log: IO[str] | None = None, options: Sequence[str] = ()) -> None:
        """`log` takes what the server says; this process's own output where it is left out."""
        self._log = log
        self._options = options
        self._kept = keep_port()
        self.port: int = self._kept.getsockname()[1]
        self.config = Config(data=data, host="127.0.0.1", port=self.port)
        self.parties: list[Party] = []
        self._process: asyncio.subprocess.Process | None = None
        data.mkdir(parents=True, exist_ok=True)

    async def open(self) -> None:
        """Furnish the bank before the first start."""
        store = await Store.open(self.config.database_url)
        await furnish(store)
        await store.close()

    async def start(self) -> None:
        command = ["serve", "--data", str(self.config.data), "--port", str(self.port)]
        command += ["--minimum-free-mb", "0", "--log-level", "info", *self._options]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *command, cwd=ROOT, stdout=self._log, stderr=self._log
        )
        async with asyncio.timeout(60):
            while not await self._listening():
                assert self._process.returncode is None
                await asyncio.sleep(0.05)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def close(self) -> None:
        for party in self.parties:
            await party.stop()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:  # one that waits for a disk, in a test that failed before it let it go on
                await self.kill()
        self._kept.close()

    async def _listening(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def kiosk(self, name: str) -> Party:
        store = await Store.open(self.config.database_url)
        identity = await enrol(store, name)
        await store.close()
        return self._party("/ws/kiosk", lambda: identity.headers())

    async def specialist(self, name: str) -> Party:
        store = await Store.open(self.config.database_url)
        tokens = LoginTokens(read_or_make_site_key(self.config.login_key_file), life_s=900)
        token = await log_in(store, await hire(store, name), tokens)
        await store.close()
        headers = {"Cookie": f"{cookies.NAME}={token}", "Origin": f"http://127.0.0.1:{self.port}"}
        return self._party("/ws/console", lambda: headers)

    def _party(self, path: str, headers: object) -> Party:
        party = Party(f"http://127.0.0.1:{self.port}{path}", headers)  # type: ignore[arg-type]
        self.parties.append(party)
        party.start()
        return party

    async def journal(self, session: str) -> list[e.Event]:
        """The session's events; their chain is sound and they fold."""
        store = await Store.open(self.config.database_url)
        entries = await Journal(store).read(session)
        await store.close()
        assert verify_chain(entries) is None
        events = [(e.decode(entry.payload), (entry.at_us - entries[0].at_us) // 1000) for entry in entries]
        Machine.replay(events)
        return [event for event, _ in events]
