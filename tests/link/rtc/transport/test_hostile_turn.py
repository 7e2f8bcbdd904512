"""A TURN server that lies, mumbles or falls silent: the leg says so in time, and nothing raises or is kept."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aioice import stun
from structlog.testing import capture_logs

from link.rtc.transport.turn_allocation import TurnAllocation
from link.rtc.transport.turn_framing import IceServerUrl, RelayUnavailable
from tests.machine import allow

SECRET = "credential-that-nobody-may-read"
Answer = Callable[[stun.Message, random.Random], list[bytes]]
_TYPES = [number for number, *_ in stun.ATTRIBUTES]


def message(kind: stun.Class, request: stun.Message, **attributes: Any) -> stun.Message:
    answer = stun.Message(request.message_method, kind, request.transaction_id)
    answer.attributes.update({name.replace("_", "-"): value for name, value in attributes.items()})
    return answer


def challenge(request: stun.Message) -> list[bytes]:
    return [bytes(message(stun.Class.ERROR, request, ERROR_CODE=(401, "Who?"), REALM="here", NONCE=b"n"))]


def nonsense(request: stun.Message, chance: random.Random) -> list[bytes]:
    """The right transaction, and attributes of any length and content."""
    body = b""
    for _ in range(chance.randrange(5)):
        value = chance.randbytes(chance.choice((0, 1, 2, 3, 4, 5, 8, 12, 20)))
        body += struct.pack("!HH", chance.choice(_TYPES), len(value)) + value + bytes(-len(value) % 4)
    kind = chance.choice((0x101, 0x111)) | request.message_method
    return [struct.pack("!HHI", kind, len(body), 0x2112A442) + request.transaction_id + body]


def cut(request: stun.Message, chance: random.Random) -> list[bytes]:
    whole = challenge(request)[0]
    at = chance.randrange(20, len(whole)) & ~3
    return [whole[:2] + (at - 20).to_bytes(2, "big") + whole[4:at]]


def without_code(request: stun.Message, _: random.Random) -> list[bytes]:
    return [bytes(message(stun.Class.ERROR, request))]


def always_challenges(request: stun.Message, _: random.Random) -> list[bytes]:
    return challenge(request)


def stale_for_ever(request: stun.Message, chance: random.Random) -> list[bytes]:
    if "USERNAME" not in request.attributes:
        return challenge(request)
    again = message(stun.Class.ERROR, request, ERROR_CODE=(438, "Stale"), REALM="here", NONCE=chance.randbytes(8))
    return [bytes(again)]


def another_realm(request: stun.Message, chance: random.Random) -> list[bytes]:
    realm = f"realm {chance.random()}"
    return [bytes(message(stun.Class.ERROR, request, ERROR_CODE=(401, "Who?"), REALM=realm, NONCE=b"n"))]


def unsigned(request: stun.Message, _: random.Random) -> list[bytes]:
    """What somebody without the credentials would say in the server's place."""
    if "USERNAME" not in request.attributes:
        return challenge(request)
    relayed = ("203.0.113.66", 4444)
    good = message(stun.Class.RESPONSE, request, XOR_RELAYED_ADDRESS=relayed, XOR_MAPPED_ADDRESS=relayed, LIFETIME=600)
    return [bytes(good)]


def redirects(request: stun.Message, _: random.Random) -> list[bytes]:
    return [bytes(message(stun.Class.ERROR, request, ERROR_CODE=(300, "Go to 203.0.113.66")))]


def noise(_: stun.Message, chance: random.Random) -> list[bytes]:
    return [bytes((chance.randrange(64),)) + chance.randbytes(chance.randrange(60)) for _ in range(20)]


class Liar(asyncio.DatagramProtocol, asyncio.Protocol):
    """Answers each request over UDP or TCP; `transport.write` or `sendto`, and whatever `answer` says."""

    def __init__(self, answer: Answer, seed: int) -> None:
        self.answer = answer
        self.chance = random.Random(seed)
        self.requests = 0
        self.transport: Any = None
        self.peer: tuple[str, int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        self.peer = cast("tuple[str, int]", address[:2])
        self.data_received(data)

    def data_received(self, data: bytes) -> None:
        try:
            request = stun.parse_message(data)
        except (ValueError, struct.error):
            return
        self.requests += 1
        for each in self.answer(request, self.chance):
            self.say(each)

    def say(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.peer is None:
            self.transport.write(data + bytes(-len(data) % 4))
        else:
            self.transport.sendto(data, self.peer)


@asynccontextmanager
async def liar(answer: Answer, transport: str, seed: int = 1) -> AsyncIterator[tuple[Liar, IceServerUrl]]:
    loop, one = asyncio.get_running_loop(), Liar(answer, seed)
    if transport == "udp":
        endpoint, _ = await loop.create_datagram_endpoint(lambda: one, local_addr=("127.0.0.1", 0))
        port, close = endpoint.get_extra_info("sockname")[1], endpoint.close
    else:
        server = await loop.create_server(lambda: one, "127.0.0.1", 0)
        port, close = server.sockets[0].getsockname()[1], server.close
    try:
        yield one, IceServerUrl(f"turn:127.0.0.1:{port}?transport={transport}", "user", SECRET)
    finally:
        close()
        if one.transport is not None:
            one.transport.close()
        await asyncio.sleep(0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("link.rtc.transport.turn_allocation.OPEN_TIMEOUT_S", 0.2)


def allocation(server: IceServerUrl, **others: Any) -> TurnAllocation:
    return TurnAllocation(
        server, on_burst=lambda _, count, __: list(range(count)), on_datagram=lambda *_: None, **others
    )


def nothing_told(logs: list[Any]) -> None:
    """No failure of ours in the logs, and neither the secret nor an address."""
    assert [line for line in logs if line["log_level"] in ("error", "critical")] == []
    assert SECRET not in str(logs)
    assert "203.0.113.66" not in str(logs)


async def test_a_connection_that_ends_is_given_up_at_once(no_task_left: None) -> None:
    """Not after the five seconds that a silent server gets: every call would wait for them."""

    def hangs_up(_: stun.Message, __: random.Random) -> list[bytes]:
        one.transport.close()
        return []

    async with liar(hangs_up, "tcp") as (one, server):
        begin = time.monotonic()
        with pytest.raises(RelayUnavailable, match="closes the connection"):
            await allocation(server).allocate()
        assert time.monotonic() - begin < allow(1.0)


LIES: list[Answer] = [
    nonsense, cut, without_code, always_challenges, stale_for_ever, another_realm, unsigned, redirects, noise,
]  # fmt: skip


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("answer", LIES, ids=[lie.__name__ for lie in LIES])
async def test_whatever_it_answers_there_is_one_clean_refusal(
    answer: Answer, transport: str, quick: None, no_task_left: None
) -> None:
    unraised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unraised.append(context))
    for seed in range(10 if answer in (nonsense, cut, noise) else 2):
        async with liar(answer, transport, seed) as (one, server):
            asked = allocation(server)
            begin = time.monotonic()
            with capture_logs() as logs, pytest.raises(RelayUnavailable) as refusal:
                await asked.allocate()
            assert time.monotonic() - begin < allow(1.0)
            assert asked.is_closing()
            assert one.requests < 10, "no storm of requests"
            nothing_told(logs)
            assert SECRET not in str(refusal.value)
    assert unraised == []
