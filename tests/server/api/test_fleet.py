from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.enrol import enrol
from kiosk_client.agent.identity import IdentityError, load
from link.protocol.frames import SUBPROTOCOL, TIME_HEADER
from server.api.http.app_keys import AUDIT, IDENTITY, STORE
from server.identity.enrolment import TRIES, new_code
from tests.server.api.conftest import World, public_text


async def code_for(world: World, kiosk: str = "north-1", minutes: int = 10) -> str:
    return await new_code(world.app[STORE].kiosks, kiosk, minutes=minutes)


async def attempt(world: World, code: object, key: object = None) -> int:
    body = {"code": code, "public_key": public_text(Ed25519PrivateKey.generate()) if key is None else key}
    async with world.ask("POST", "/api/kiosk/enrol", json=body, headers={"Origin": None}) as response:
        return int(response.status)


async def test_the_kiosk_client_enrols_and_is_known(world: World, tmp_path: Path) -> None:
    code = await code_for(world)
    device = await enrol(world.origin, code.lower().replace("-", " "), tmp_path)
    assert device.enrolment.kiosk == "north-1"
    assert device.enrolment.name == "一号机"
    kiosk, _ = await world.app[IDENTITY].device(load(tmp_path).assertion())
    assert kiosk.id == "north-1"
    actions = [(entry.actor, entry.action) for entry in await world.app[AUDIT].read()]
    assert actions[-1] == ("kiosk:north-1", "kiosk.enrolled")
    with pytest.raises(IdentityError, match="not valid"):
        await enrol(world.origin, code, tmp_path / "again")


async def test_a_code_works_once(world: World) -> None:
    code = await code_for(world)
    assert [await attempt(world, code), await attempt(world, code)] == [201, 401]


async def test_a_code_works_once_even_when_used_twice_at_once(world: World) -> None:
    code = await code_for(world)
    statuses = await asyncio.gather(*(attempt(world, code) for _ in range(4)))
    assert sorted(statuses) == [201, 401, 401, 401]


async def test_a_code_ends(world: World) -> None:
    assert await attempt(world, await code_for(world, minutes=0)) == 401


async def test_a_newer_code_ends_the_older(world: World) -> None:
    old, new = await code_for(world), await code_for(world)
    assert [await attempt(world, old), await attempt(world, new)] == [401, 201]


async def test_a_code_has_five_tries(world: World) -> None:
    code = await code_for(world)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert [await attempt(world, wrong) for _ in range(TRIES)] == [401] * TRIES
    assert await attempt(world, code) == 401


async def test_a_code_given_out_before_the_kiosk_was_revoked_is_none(world: World) -> None:
    code = await code_for(world)
    await world.app[STORE].kiosks.revoke("north-1")
    assert await attempt(world, code) == 401
    assert await attempt(world, await code_for(world)) == 201, "a new one is"


async def test_a_code_that_is_being_used_while_the_kiosk_is_revoked_is_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosks = world.app[STORE].kiosks
    code, enrol_it = await code_for(world), kiosks.enrol

    async def revoked_just_now(selector: str, kiosk: str, public_key: bytes, **more: Any) -> bool:
        await kiosks.revoke(kiosk)
        return await enrol_it(selector, kiosk, public_key, **more)

    monkeypatch.setattr(kiosks, "enrol", revoked_just_now)
    assert await attempt(world, code) == 401
    kiosk = await kiosks.get("north-1")
    assert kiosk is not None
    assert not kiosk.enrolled


async def test_an_assertion_of_another_time_is_answered_with_the_time(world: World) -> None:
    before = time.time()
    now = int(before) - 3600
    async with world.ask(
        "PUT",
        "/api/kiosk/sessions/s/documents/d",
        headers={"Origin": None} | world.as_kiosk("north-1", iat=now, exp=now + 55),
    ) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "clock_off"
        assert before - 1 <= float(response.headers[TIME_HEADER]) <= time.time() + 1


async def test_guessing_codes_is_slowed_down(world: World) -> None:
    statuses = [await attempt(world, f"ZZZZ-0000-{number:04}") for number in range(14)]
    assert 429 in statuses
    assert 201 not in statuses


@pytest.mark.parametrize("code", ["", "x", "A" * 2000, "A-B-C", "ÄÖÜ", "0000-0000-0000"])
async def test_what_is_no_code_is_refused(world: World, code: str) -> None:
    assert await attempt(world, code) == 401


@pytest.mark.parametrize("key", ["", "AAAA", "!" * 43, "A" * 43, "AQ" + "A" * 41, "x" * 3000])
async def test_what_is_no_key_is_refused_and_the_code_stays(world: World, key: str) -> None:
    """Among them the points of small order, which anybody could sign for."""
    code = await code_for(world)
    assert await attempt(world, code, key) == 422
    assert await attempt(world, code) == 201


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"code": 1, "public_key": ""}', b'{"code":"","public_key":"","x":1}']
)
async def test_what_is_no_request_is_refused(world: World, body: bytes) -> None:
    async with world.ask("POST", "/api/kiosk/enrol", data=body, headers={"Origin": None}) as response:
        assert response.status == 400
        assert json.loads(await response.text())["error"]["code"] == "bad_message"


async def test_a_huge_request_is_refused(world: World) -> None:
    async with world.ask("POST", "/api/kiosk/enrol", data=b"x" * 5000, headers={"Origin": None}) as response:
        assert response.status == 413


async def connect(world: World) -> aiohttp.ClientWebSocketResponse:
    return await world.http.ws_connect(
        world.server.make_url("/ws/kiosk"), headers=world.as_kiosk("north-1"), protocols=(SUBPROTOCOL,)
    )


async def until_closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    async with asyncio.timeout(30):
        async for _ in socket:
            pass


async def test_a_revoked_kiosk_is_dropped_within_five_seconds_and_stays_out(world: World) -> None:
    """The command line writes to the database only; the server notices by itself."""
    socket = await connect(world)
    await socket.send_json({"frame": "hello", "version": 2})
    welcome = await socket.receive_json(timeout=30)
    assert welcome["frame"] == "welcome"
    await world.app[STORE].kiosks.revoke("north-1")
    await world.app[STORE].logins.announce("north-1")
    await until_closed(socket)
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await connect(world)
    assert caught.value.status == 401


async def test_enrolling_anew_ends_the_connection_of_the_old_key(world: World) -> None:
    socket = await connect(world)
    await socket.send_json({"frame": "hello", "version": 2})
    await socket.receive_json(timeout=30)
    await world.enrol("north-1")
    await until_closed(socket)


async def test_an_ended_login_drops_the_consoles_socket(world: World) -> None:
    headers = await world.as_person("specialist.north")
    socket = await world.http.ws_connect(
        world.server.make_url("/ws/console"), headers=headers | {"Origin": world.origin}, protocols=(SUBPROTOCOL,)
    )
    await socket.send_json({"frame": "hello", "version": 2})
    await socket.receive_json(timeout=30)
    async with world.ask("POST", "/logout", headers=headers) as response:
        assert response.status == 303
    await until_closed(socket)
