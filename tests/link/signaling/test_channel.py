"""Channels over real sockets: resume without loss or repetition, bounds, refusals, heartbeats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from link.protocol import client as say
from link.protocol import server as tell
from link.protocol.errors import Unavailable, WrongState
from link.protocol.server import ServerMessage
from link.protocol.values import Chat, Face
from link.signaling import channel as channels
from link.signaling.channel import Channel
from link.signaling.client import Client, Refused
from link.signaling.host import Host
from link.tasks import cancel, spawn

Serve = Callable[..., Awaitable[str]]
BOUND = 10.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that other tasks bring about, at most BOUND seconds."""
    async with asyncio.timeout(BOUND):
        while not condition():  # a condition over several objects has no event of its own
            await asyncio.sleep(0.005)


class Peers:
    """A host on a real port; what its channels got, and the channels."""

    def __init__(self, face: Face = Face.CONSOLE, **options: float) -> None:
        self.host = Host(**options)
        self.face = face
        self.channels: list[Channel] = []
        self.got: list[Any] = []
        self.ended = 0
        self.act: Callable[[Channel, Any], Awaitable[None]] | None = None

    async def on_channel(self, channel: Channel) -> None:
        self.channels.append(channel)
        async for incoming in channel:
            self.got.append(incoming.body)
            if self.act is not None:
                await self.act(channel, incoming)
            else:
                channel.reply(incoming, tell.Done())
        self.ended += 1

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self.host.serve(request, self.face, request.query.get("key", "k"), self.on_channel)

    async def start(self) -> TestServer:
        app = web.Application()
        app.router.add_get("/ws", self.handle)
        server = TestServer(app)
        await server.start_server()
        return server


class Caller:
    """A client with what it got."""

    def __init__(self, server: TestServer) -> None:
        self.got: list[ServerMessage] = []
        self.states: list[bool] = []
        self.fresh = 0
        self.client = Client(
            str(server.make_url("/ws")).replace("http", "ws"),
            headers=self._headers,
            on_message=self._take,
            on_state=self.states.append,
            on_fresh=self._count,
        )
        self.task = spawn(self.client.run(), name="client")

    async def _headers(self) -> Mapping[str, str]:
        return {}

    async def _take(self, body: ServerMessage) -> None:
        self.got.append(body)

    def _count(self) -> None:
        self.fresh += 1

    async def stop(self) -> None:
        self.client.stop()
        _, pending = await asyncio.wait([self.task], timeout=BOUND)
        assert not pending


@pytest.fixture
async def peers() -> AsyncIterator[tuple[Peers, TestServer]]:
    made = Peers()
    server = await made.start()
    yield made, server
    await made.host.stop()
    await server.close()


@pytest.fixture
async def caller(peers: tuple[Peers, TestServer]) -> AsyncIterator[Caller]:
    made = Caller(peers[1])
    yield made
    await made.stop()
    await cancel(made.task)


def chat(number: int) -> say.ChatSend:
    return say.ChatSend("s", f"c{number}", f"line {number}")


def told(number: int) -> tell.ChatMessage:
    return tell.ChatMessage("s", Chat(f"c{number}", "kiosk", f"line {number}", number))


async def test_a_request_gets_its_reply(peers: tuple[Peers, TestServer], caller: Caller) -> None:
    assert await caller.client.request(say.SetPresence(True)) == tell.Done()
    assert peers[0].got == [say.SetPresence(True)]


async def test_a_refusal_carries_its_code(peers: tuple[Peers, TestServer], caller: Caller) -> None:
    async def refuse(channel: Channel, incoming: Any) -> None:
        channel.fail(incoming, WrongState("not ringing"))

    peers[0].act = refuse
    with pytest.raises(Refused) as caught:
        await caller.client.request(say.Answer("s"))
    assert caught.value.code == "wrong_state"
    assert caught.value.message == "not ringing"


async def test_a_message_of_another_face_is_refused(peers: tuple[Peers, TestServer], caller: Caller) -> None:
    with pytest.raises(Refused) as caught:
        await caller.client.request(say.Rate("s", 5))
    assert caught.value.code == "not_allowed"
    assert peers[0].got == []


async def test_drops_in_both_directions_lose_and_repeat_nothing(
    peers: tuple[Peers, TestServer], caller: Caller
) -> None:
    await until(lambda: bool(peers[0].channels))
    channel = peers[0].channels[0]
    for number in range(400):
        caller.client.post(chat(number))
        channel.post(told(number))
        if number % 80 == 79:
            await until(lambda: caller.client.connected)
            caller.client.drop()
            await until(lambda: not caller.client.connected)
        elif number % 7 == 0:
            await asyncio.sleep(0)
    await until(lambda: len(peers[0].got) == 400 and len(caller.got) == 400)
    assert peers[0].got == [chat(n) for n in range(400)]
    assert caller.got == [told(n) for n in range(400)]
    assert len(peers[0].channels) == 1
    assert caller.fresh == 1
    assert caller.states.count(True) >= 5


async def test_a_request_under_way_survives_a_drop(peers: tuple[Peers, TestServer], caller: Caller) -> None:
    answer = asyncio.Event()

    async def slowly(channel: Channel, incoming: Any) -> None:
        await answer.wait()
        channel.reply(incoming, tell.Done())

    peers[0].act = slowly
    request = spawn(caller.client.request(say.SetPresence(True)), name="request")
    await until(lambda: len(peers[0].got) == 1)
    caller.client.drop()
    await until(lambda: not caller.client.connected)
    answer.set()
    assert await request == tell.Done()
    assert len(peers[0].got) == 1


async def test_a_server_that_forgot_starts_a_new_stream() -> None:
    first = Peers()
    server = await first.start()
    port = server.port
    caller = Caller(server)
    assert await caller.client.request(say.SetPresence(True)) == tell.Done()
    await first.host.stop()
    await server.close()
    with pytest.raises(Unavailable):
        await caller.client.request(say.SetPresence(False), timeout=0.05)
    second = Peers()
    app = web.Application()
    app.router.add_get("/ws", second.handle)
    server = TestServer(app, port=port)
    await server.start_server()
    await until(lambda: caller.fresh == 2)
    assert await caller.client.request(say.SetPresence(True)) == tell.Done()
    assert second.got == [say.SetPresence(True)]
    await caller.stop()
    await second.host.stop()
    await server.close()


async def test_a_newer_connection_replaces_the_older(peers: tuple[Peers, TestServer], caller: Caller) -> None:
    await caller.client.request(say.SetPresence(True))
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await socket.send_json({"frame": "hello", "version": 2})
        assert (await socket.receive_json())["resumed"] is False
        await until(lambda: peers[0].ended == 1)
        assert peers[0].channels[0].error is not None
        assert peers[0].channels[0].error.code == "replaced"
        assert not peers[0].channels[1].closed.is_set()


async def say_hello(socket: aiohttp.ClientWebSocketResponse, **more: object) -> dict[str, Any]:
    await socket.send_json({"frame": "hello", "version": 2, **more})
    welcome: dict[str, Any] = await socket.receive_json()
    return welcome


async def goodbye(socket: aiohttp.ClientWebSocketResponse) -> tuple[str | None, int | None]:
    """The code of the bye and of the close."""
    code = None
    async with asyncio.timeout(BOUND):
        async for message in socket:
            frame = json.loads(message.data)
            if frame["frame"] == "bye":
                code = frame["code"]
    return code, socket.close_code


@pytest.mark.parametrize(
    ("text", "code", "close"),
    [
        ("nonsense", "bad_message", 4400),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"rate","session":"s","stars":9}}', "bad_message", 4400),
        ('{"frame":"say","seq":2,"ack":0,"body":{"type":"set_presence","available":true}}', "bad_message", 4400),
        ('{"frame":"say","seq":1,"ack":9,"body":{"type":"set_presence","available":true}}', "bad_message", 4400),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"sudo"}}', "unknown_message", 4400),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"form_step","session":"s","step":"x"}}', "not_allowed", 4403),
        ('{"frame":"hello","version":2}', "bad_message", 4400),
        ('{"frame":"ack","received":5}', "bad_message", 4400),
    ],
)
async def test_a_hostile_frame_ends_the_connection_with_a_reason(
    peers: tuple[Peers, TestServer], text: str, code: str, close: int
) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        await socket.send_str(text)
        assert await goodbye(socket) == (code, close)
        await until(lambda: peers[0].ended == 1)


async def test_a_frame_over_64_kib_is_closed_with_1009(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        await socket.send_str("x" * (65 * 1024))
        assert (await goodbye(socket))[1] == 1009


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"frame": "ping", "n": 1}, "bad_message"),
        ({"frame": "hello", "version": 3}, "unsupported_version"),
        ({"frame": "hello", "version": 3, "resume": {"token": "x"}, "new": [1]}, "unsupported_version"),
        ({"frame": "hello", "version": 2, "new": [1]}, "bad_message"),
        ({"frame": "hello"}, "bad_message"),
    ],
)
async def test_a_bad_greeting_is_refused(peers: tuple[Peers, TestServer], first: dict[str, Any], code: str) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await socket.send_json(first)
        assert (await goodbye(socket))[0] == code
    assert peers[0].channels == []


async def test_who_offers_other_subprotocols_only_is_told_the_version(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(peers[1].make_url("/ws"), protocols=["visavis.v1"]) as socket:
            await socket.send_json({"frame": "hello", "version": 2})
            assert await goodbye(socket) == ("unsupported_version", 4426)
        async with http.ws_connect(peers[1].make_url("/ws"), protocols=["visavis.v3", "visavis.v2"]) as socket:
            assert (await say_hello(socket))["version"] == 2


async def test_a_stolen_or_old_resume_token_starts_anew(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(peers[1].make_url("/ws?key=a")) as socket:
            token = (await say_hello(socket))["resume"]
        async with http.ws_connect(peers[1].make_url("/ws?key=b")) as socket:
            assert (await say_hello(socket, resume=token))["resumed"] is False
        async with http.ws_connect(peers[1].make_url("/ws?key=a")) as socket:
            assert (await say_hello(socket, resume=token, received=4))["resumed"] is False
        async with http.ws_connect(peers[1].make_url("/ws?key=a")) as socket:
            assert (await say_hello(socket, resume=token))["resumed"] is False


async def test_a_flood_is_closed(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        try:
            for number in range(2000):
                await socket.send_str(f'{{"frame":"ping","n":{number}}}')
        except ConnectionError:
            pass
        code, _ = await goodbye(socket)
    assert code in ("rate_limited", None)
    await until(lambda: peers[0].ended == 1)
    assert peers[0].channels[0].error is not None
    assert peers[0].channels[0].error.code == "rate_limited"


async def test_a_client_that_does_not_read_is_closed_at_1_mib(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        await until(lambda: bool(peers[0].channels))
        channel = peers[0].channels[0]
        line = tell.ChatMessage("s", Chat("c", "kiosk", "x" * 2000, 1))
        posted = 0
        while not channel.closed.is_set():
            channel.post(line)
            posted += 1
            assert posted < 1000
        assert channel.error is not None
        assert channel.error.code == "slow_consumer"
        assert channel.stream.kept_bytes <= 1024 * 1024
        await until(lambda: peers[0].ended == 1 and not channel.connected)


async def test_a_client_that_talks_and_does_not_read_is_closed(
    peers: tuple[Peers, TestServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little it is sent: what it says itself is no sign that it reads."""
    monkeypatch.setattr(channels, "ACK_PATIENCE_S", 0.3)
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        await until(lambda: bool(peers[0].channels))
        channel = peers[0].channels[0]
        channel.post(tell.ChatMessage("s", Chat("c", "kiosk", "one line", 1)))
        with capture_logs() as lines:
            while not channel.closed.is_set():
                await socket.send_str('{"frame":"ping","n":1}')
                await asyncio.sleep(0.02)
        assert [(line["event"], line["log_level"]) for line in lines] == [("client reads nothing", "warning")]
        assert channel.error is not None
        assert channel.error.code == "slow_consumer"
        assert (await goodbye(socket))[0] in ("slow_consumer", None), "what is unread at the other end cuts the goodbye"


def waits(channel: Channel) -> bool:
    """Whether an acknowledgement is expected by and by."""
    return channel._patience is not None


async def test_a_client_that_acknowledges_late_is_not_closed(peers: tuple[Peers, TestServer]) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        await until(lambda: bool(peers[0].channels))
        channel = peers[0].channels[0]
        line = tell.ChatMessage("s", Chat("c", "kiosk", "there is always one that was not acknowledged", 1))
        channel.post(line)
        assert waits(channel)
        for number in range(1, 8):
            before = channel.stream.acknowledged
            channel.post(line)
            await socket.send_json({"frame": "ack", "received": number})
            await until(lambda number=number: channel.stream.acknowledged == number)  # type: ignore[misc]
            channel._check_patience(before)  # as its timer does
            assert waits(channel)
            assert not channel.closed.is_set()
        await socket.send_json({"frame": "ack", "received": channel.stream.sent})
        await until(lambda: not channel.stream.kept_bytes)
        channel._check_patience(channel.stream.acknowledged)
        assert not waits(channel), "nothing is on its way, nothing is expected"
        assert not channel.closed.is_set()
        channel.post(line)
        channel._check_patience(channel.stream.acknowledged)
        assert channel.error is not None
        assert channel.error.code == "slow_consumer"


@pytest.mark.parametrize("kept", [0, 3])
async def test_a_client_that_is_away_acknowledges_nothing_and_may_come_back(
    peers: tuple[Peers, TestServer], kept: int
) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(peers[1].make_url("/ws")) as socket:
            token = (await say_hello(socket))["resume"]
        await until(lambda: bool(peers[0].channels) and not peers[0].channels[0].connected)
        channel = peers[0].channels[0]
        for _ in range(kept):
            channel.post(tell.ChatMessage("s", Chat("c", "kiosk", "meanwhile", 1)))
        assert not waits(channel)
        async with http.ws_connect(peers[1].make_url("/ws")) as socket:
            assert (await say_hello(socket, resume=token))["resumed"]
            assert waits(channel) == bool(kept)


async def test_a_silent_client_is_noticed_and_lingers() -> None:
    made = Peers(heartbeat_s=0.05, linger_s=0.2)
    server = await made.start()
    seen: list[bool] = []
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(server.make_url("/ws"), autoping=False)
        await say_hello(socket)
        await until(lambda: bool(made.channels))
        made.channels[0].watch(seen.append)
        message = await socket.receive()
        assert message.type is WSMsgType.TEXT
        assert json.loads(message.data)["frame"] == "ping"
        await until(lambda: seen == [False])
        assert not made.channels[0].closed.is_set()
        await until(lambda: made.ended == 1)
        assert made.channels[0].error is not None
        assert made.channels[0].error.code == "unavailable"
        await socket.close()
    await made.host.stop()
    await server.close()


async def test_heartbeats_keep_a_quiet_client(no_task_left: None) -> None:
    made = Peers(heartbeat_s=0.05)
    server = await made.start()
    caller = Caller(server)
    await until(lambda: caller.client.connected)
    await until(lambda: made.channels[0]._pings + caller.client._pings >= 5)
    assert caller.states == [True]
    await caller.stop()
    await made.host.stop()
    await server.close()


async def test_stopping_tells_clients_to_come_back(no_task_left: None) -> None:
    made = Peers()
    server = await made.start()
    async with aiohttp.ClientSession() as http, http.ws_connect(server.make_url("/ws")) as socket:
        await say_hello(socket)
        await until(lambda: bool(made.channels))
        stopping = spawn(made.host.stop(), name="stop")
        assert await goodbye(socket) == ("unavailable", 1013)
        await stopping
        assert made.ended == 1
    await server.close()


async def test_a_handler_that_ends_closes_its_channel(peers: tuple[Peers, TestServer]) -> None:
    async def leave(channel: Channel, incoming: Any) -> None:
        raise WrongState("no more")

    peers[0].act = leave
    async with aiohttp.ClientSession() as http, http.ws_connect(peers[1].make_url("/ws")) as socket:
        await say_hello(socket)
        body = {"type": "set_presence", "available": True}
        await socket.send_json({"frame": "say", "seq": 1, "ack": 0, "id": 1, "body": body})
        assert (await goodbye(socket))[0] == "wrong_state"
