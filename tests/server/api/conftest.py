"""The whole application on a real socket, with two branches and somebody of every role."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from link.protocol.values import Language
from server.api.http import cookies
from server.api.http.app_keys import IDENTITY, STORE
from server.app import make_app
from server.config import Config
from server.identity.enrolment import new_code
from server.identity.passwords import Passwords
from server.store.branches import Branch, ServiceRow
from server.store.people import Grant, Person, Role

PASSWORD = "correct horse battery"


@dataclass
class World:
    """The application under test. Requests are made by `ask`, with the identity a test chooses."""

    app: web.Application
    server: TestServer
    http: aiohttp.ClientSession
    people: dict[str, Person] = field(default_factory=dict)
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """A request as `options` says, without following redirects; use as an async context manager."""
        headers = {"Origin": self.origin} if method not in ("GET", "HEAD") else {}
        headers |= options.pop("headers", {})
        sent = {name: value for name, value in headers.items() if value is not None}
        return self.http.request(method, self.server.make_url(path), headers=sent, allow_redirects=False, **options)

    async def token(self, login: str) -> str:
        """A login token got without the login form."""
        person = self.people[login]
        begun = await self.app[STORE].logins.add(person.id, address="test", hours=1)
        return self.app[IDENTITY].tokens.issue(person.id, begun.id)

    async def as_person(self, login: str) -> dict[str, str]:
        return {"Cookie": f"{cookies.NAME}={await self.token(login)}"}

    async def opens(self, login: str, session: str, purpose: str = "quality") -> None:
        """Let this person have said what they open the session for."""
        await self.app[STORE].viewing.state(self.people[login].id, session, purpose, minutes=60)

    def as_kiosk(self, kiosk: str, **more: object) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": kiosk,
            "sub": kiosk,
            "aud": "visavis",
            "iat": now,
            "exp": now + 55,
            "jti": secrets.token_hex(9),
        }
        header = {"kid": kiosk, "typ": "visavis-kiosk+jwt"}
        return {"Authorization": "Bearer " + jwt.encode(claims | more, self.keys[kiosk], "EdDSA", headers=header)}

    async def enrol(self, kiosk: str, *, minutes: int = 10) -> aiohttp.ClientResponse:
        key = Ed25519PrivateKey.generate()
        code = await new_code(self.app[STORE].kiosks, kiosk, minutes=minutes)
        body = {"code": code, "public_key": public_text(key)}
        async with self.ask("POST", "/api/kiosk/enrol", json=body, headers={"Origin": None}) as response:
            await response.read()
        self.keys[kiosk] = key
        return response  # type: ignore[no-any-return]


def public_text(key: Ed25519PrivateKey) -> str:
    return base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()


@pytest.fixture
def signs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint follows each change: a recording of long ago is called added as long as none knows it."""
    monkeypatch.setattr("server.evidence.checkpoints.SETTLE_S", 0.0)
    monkeypatch.setattr("server.evidence.checkpoints.EVERY_S", 0.1)


@pytest_asyncio.fixture
async def world(tmp_path: Path, passwords: Passwords) -> AsyncIterator[World]:
    app = make_app(Config(data=tmp_path / "data", minimum_free_mb=0))
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        made = World(app, server, http)
        await _settle(made, await passwords.hash(PASSWORD))
        yield made
    await server.close()


async def _settle(world: World, password_hash: str) -> None:
    store = world.app[STORE]
    await store.services.add(ServiceRow("wealth", "理财", "Wealth", "coins", "wealth", 1))
    for branch in ("north", "south"):
        await store.branches.add(Branch(branch, "支行", branch.title()))
        await store.kiosks.add(f"{branch}-1", name="一号机", branch=branch)
        for role in Role:
            world.people[f"{role}.{branch}"] = await store.people.add(
                login=f"{role}.{branch}",
                name=f"{role} of {branch}",
                password_hash=password_hash,
                languages=[Language.ZH],
                skills=["wealth"],
                grants=[Grant(role, branch)],
            )
    world.people["nobody"] = await store.people.add(
        login="nobody", name="Nobody", password_hash=password_hash, languages=[], skills=[], grants=[]
    )
    for branch in ("north", "south"):
        response = await world.enrol(f"{branch}-1")
        assert response.status == 201
