"""A small bank: the real application over real sockets and a real database, and clients without media."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.identity import DeviceIdentity, Enrolment, public_key
from link.protocol import client as m
from link.protocol.errors import Unavailable
from link.protocol.server import Ring, ServerMessage, SessionUpdate
from link.protocol.values import Consent, Language, Presence, Session, SessionState
from link.signaling.client import Client
from link.tasks import cancel, spawn
from server.api.http import cookies
from server.api.http.app_keys import IDENTITY, JOURNAL, NOTICE, READER, ROOMS, STORE
from server.app import make_app
from server.calls.registry import Registry
from server.config import Config
from server.identity.enrolment import new_code, use_code
from server.identity.login_tokens import LoginTokens
from server.session import events as e
from server.session.machine import Graces, Machine
from server.session.private import unsealed
from server.store import Store
from server.store.branches import Branch, ServiceRow
from server.store.people import EVERY_BRANCH, Grant, Person, Role

M = TypeVar("M", bound=ServerMessage)
NOTICE_VERSION = "2026-2"
QUICK: Mapping[str, Any] = {"heartbeat_s": 5, "minimum_free_mb": 0}
_numbers = itertools.count(1)


async def furnish(store: Store) -> None:
    """Two branches and two services."""
    for branch in ("east", "west"):
        await store.branches.add(Branch(branch, branch, branch))
    await store.services.add(ServiceRow("wealth", "理财", "Wealth", "coins", "wealth", 1))
    await store.services.add(ServiceRow("loans", "贷款", "Loans", "house", "loans", 2))


async def hire(
    store: Store,
    name: str,
    *,
    skills: tuple[str, ...] = ("wealth",),
    role: Role = Role.SPECIALIST,
    branch: str = EVERY_BRANCH,
) -> Person:
    """A person who speaks Chinese and serves this branch, or every one."""
    return await store.people.add(
        login=name,
        name=name.title(),
        password_hash="-",
        languages=[Language.ZH],
        skills=skills,
        grants=[Grant(role, branch)],
    )


async def log_in(store: Store, person: Person, tokens: LoginTokens, *, seconds: float = 3600) -> str:
    """A login token; the login ends after `seconds`."""
    login = await store.logins.add(person.id, address="-", hours=seconds / 3600)
    return tokens.issue(person.id, login.id)


async def enrol(store: Store, kiosk: str, branch: str = "east") -> DeviceIdentity:
    """A kiosk with its key."""
    await store.kiosks.add(kiosk, name=kiosk.title(), branch=branch)
    key = Ed25519PrivateKey.generate()
    await use_code(store.kiosks, await new_code(store.kiosks, kiosk, minutes=1), public_key(key))
    return DeviceIdentity(Enrolment("-", kiosk), key)


class Party:
    """A client that remembers what it was told."""

    def __init__(self, url: str, headers: Callable[[], dict[str, str]]) -> None:
        self.messages: list[ServerMessage] = []
        self.fresh = 0
        self._heard = asyncio.Event()
        self._cursor = 0
        self._url = url
        self._make_headers = headers
        self._task: asyncio.Task[None] | None = None
        self.client = self._client()

    def _client(self) -> Client:
        return Client(self._url, headers=self._headers, on_message=self._on_message, on_fresh=self._on_fresh)

    async def _headers(self) -> dict[str, str]:
        return self._make_headers()

    async def _on_message(self, message: ServerMessage) -> None:
        self.messages.append(message)
        self._heard.set()

    def _on_fresh(self) -> None:
        self.fresh += 1

    def start(self) -> None:
        self._task = spawn(self.client.run(), name="party")

    async def stop(self) -> None:
        """Leave politely."""
        self.client.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
            await cancel(self._task)

    async def die(self) -> None:
        """Cut the connection and do not come back, as a killed program does."""
        self.client.drop()
        await cancel(self._task)

    async def reborn(self) -> None:
        """The program again, knowing nothing."""
        self.client = self._client()
        self.messages.clear()
        self._cursor = 0
        self.start()

    async def ask(self, body: m.ClientBase, times: int = 3) -> ServerMessage:
        """Ask; again when the stream started anew, as every client does (the requests are idempotent)."""
        try:
            return await self.client.request(body, timeout=8)  # type: ignore[arg-type]
        except Unavailable:
            if times == 1:
                raise
        return await self.ask(body, times - 1)

    def post(self, body: m.ClientBase) -> None:
        self.client.post(body)  # type: ignore[arg-type]

    def skip(self) -> None:
        """Hear only what is said from now on."""
        self._cursor = len(self.messages)

    async def hear(self, kind: type[M], where: Callable[[M], bool] = lambda _: True, within: float = 30.0) -> M:
        """The next message of this kind, after those heard before."""
        async with asyncio.timeout(within):
            while True:
                while self._cursor < len(self.messages):
                    message = self.messages[self._cursor]
                    self._cursor += 1
                    if isinstance(message, kind) and where(message):
                        return message
                self._heard.clear()
                await self._heard.wait()

    async def session(self, where: Callable[[Session], bool], within: float = 30.0) -> Session:
        """The next view for which this holds."""
        return (await self.hear(SessionUpdate, lambda update: where(update.session), within)).session

    async def state(self, state: SessionState, within: float = 30.0) -> Session:
        return await self.session(lambda session: session.state is state, within)

    # What tests do all the time.

    async def call(self, service: str = "wealth", request: str | None = None) -> Session:
        body = call_request(service, request)
        reply = await self.ask(body)
        assert isinstance(reply, SessionUpdate)
        return reply.session

    async def available(self) -> None:
        await self.ask(m.SetPresence(available=True))

    async def answer(self, within: float = 30.0) -> Session:
        """Wait for the ring and take it."""
        return await self.answer_ring(await self.hear(Ring, within=within))

    async def answer_ring(self, ring: Ring) -> Session:
        reply = await self.ask(m.Answer(ring.session.id))
        assert isinstance(reply, SessionUpdate)
        return reply.session


def call_request(service: str = "wealth", request: str | None = None) -> m.CallRequest:
    return m.CallRequest(request or f"r{next(_numbers)}", service, Language.ZH, Consent(NOTICE_VERSION, Language.ZH))


def keep_port() -> socket.socket:
    """A port that stays ours while the server on it is away.

    It is bound and never listens, so that a server can. Without it any outgoing connection on this machine may take the
    port during a restart, even one that a client makes to this very port.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


class Bank:
    """The application in this process; `restart` is a polite one."""

    def __init__(self, data: Path, options: Mapping[str, Any]) -> None:
        base = Config(data=data, host="127.0.0.1", port=0)
        self.config = dataclasses.replace(base, **{**QUICK, **options})
        self.parties: list[Party] = []
        self._kept = keep_port()
        self.port: int = self._kept.getsockname()[1]

    async def start(self) -> None:
        self.app = make_app(self.config)
        self.server = TestServer(self.app, host="127.0.0.1", port=self.port)
        await self.server.start_server(shutdown_timeout=2)

    async def stop_server(self) -> None:
        await self.server.close()

    async def restart(self) -> None:
        await self.stop_server()
        await self.start()

    async def close(self) -> None:
        for party in self.parties:
            await party.stop()
        await self.stop_server()
        self._kept.close()

    @property
    def store(self) -> Store:
        return self.app[STORE]

    @property
    def rooms(self) -> Registry:
        return self.app[ROOMS]

    def live(self) -> list[Session]:
        """Every session that is not closed, as its specialist sees it."""
        return [room.view(notes=True) for room in self.rooms._rooms.values()]

    @property
    def notice(self) -> str:
        return self.app[NOTICE].notice.version

    def _party(self, path: str, headers: Callable[[], dict[str, str]]) -> Party:
        party = Party(f"http://127.0.0.1:{self.port}{path}", headers)
        self.parties.append(party)
        party.start()
        return party

    async def kiosk(self, name: str, branch: str = "east") -> Party:
        identity = await enrol(self.store, name, branch)
        return self._party("/ws/kiosk", identity.headers)

    async def person(self, name: str, *, skills: tuple[str, ...] = ("wealth",), role: Role = Role.SPECIALIST) -> Party:
        person = await hire(self.store, name, skills=skills, role=role)
        return await self.page(person, role)

    async def page(self, person: Person, role: Role = Role.SPECIALIST, *, seconds: float = 3600) -> Party:
        """A page of this person, logged in anew for so long."""
        token = await log_in(self.store, person, self.app[IDENTITY].tokens, seconds=seconds)
        headers = {"Cookie": f"{cookies.NAME}={token}", "Origin": f"http://127.0.0.1:{self.port}"}
        path = "/ws/console" if role is Role.SPECIALIST else "/ws/guide"
        return self._party(path, lambda: headers)

    async def specialist(
        self, name: str, *, skills: tuple[str, ...] = ("wealth",), branch: str = EVERY_BRANCH
    ) -> Party:
        """A specialist who takes calls."""
        party = await self.page(await hire(self.store, name, skills=skills, branch=branch))
        await party.available()
        return party

    async def journal(self, session: str) -> list[e.Event]:
        """What happened, with what people wrote."""
        box = await self.app[READER].box(session)
        return [unsealed(e.decode(entry.payload), box) for entry in await self.app[JOURNAL].read(session)]

    async def kinds(self, session: str) -> list[str]:
        return [e.kind(event) for event in await self.journal(session)]

    async def presence(self, name: str) -> Presence:
        person = await self.store.people.by_login(name)
        assert person is not None
        return self.rooms.dispatch.presence_of(person.id)

    async def check(self, session: str) -> Machine:
        """The journal's chain is sound and folds to what the room believes."""
        box = await self.app[READER].box(session)
        end = time.monotonic() + 30
        while True:
            entries = await self.app[JOURNAL].read(session)
            started = entries[0].at_us
            events = [(unsealed(e.decode(entry.payload), box), (entry.at_us - started) // 1000) for entry in entries]
            folded = Machine.replay(events, Graces())
            room = self.rooms.get(session)
            if room is None or folded.state == room.state:
                return folded
            # What was journaled while we read, or is journaled and not yet taken over, is known a moment later.
            assert time.monotonic() < end, (folded.state, room.state)
            await asyncio.sleep(0.02)


async def locked(database: Path, how: str) -> sqlite3.Connection:
    """A connection that has begun a transaction, `IMMEDIATE` or `EXCLUSIVE`.

    Waits beside the loop: whoever writes just now may need it to come to an end.
    """
    other = sqlite3.connect(database, isolation_level=None, timeout=30, check_same_thread=False)
    await asyncio.to_thread(other.execute, f"BEGIN {how}")
    return other


async def eventually(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Wait until this holds; for what no message tells."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)
