"""One client's channel and what it may touch; every message type names the method that carries it out.

The channel has already checked that the message's `faces` include the client's; anything of somebody else's is
`not_found`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final
from weakref import WeakValueDictionary

import structlog
from aiohttp import web

from link.protocol import client as m
from link.protocol.client import ClientMessage
from link.protocol.errors import NotAllowed, NotAuthenticated, NotFound, VisavisError
from link.protocol.server import Done, LegAnswer, ServerMessage
from link.protocol.values import Face
from link.signaling.channel import Channel, Incoming
from link.signaling.host import Host
from link.tasks import cancel, spawn
from server.api.http.access_audit import refuses_message
from server.api.http.app_keys import BUS, HOST, ICE, LOBBY, RATES, ROOMS
from server.bus import Bus
from server.calls.registry import Registry
from server.calls.room import Room
from server.routing.assistance import Assistance
from server.session import events as e
from server.store.stamps import steady_us

log = structlog.get_logger()

CHAT_PER_S, CHAT_BURST = 2.0, 10.0
LEGS_PER_S, LEGS_BURST = 2.0, 20.0  # whoever lost a leg asks for one every 0.7 to 1.9 s
LEGS: Final = 16
AFTER_CALL_S: Final = 1.0

Reply = ServerMessage | None
Handle = Callable[[Any, Any], Awaitable[Reply]]


class ClientSession:
    """One channel from its first to its last message."""

    handlers: ClassVar[dict[type, Handle]] = {}
    face: ClassVar[Face]

    def __init__(self, app: web.Application, channel: Channel, key: str, topic: str | None) -> None:
        self.channel = channel
        self.key = key
        self.rooms: Registry = app[ROOMS]
        self.lobby: Assistance = app[LOBBY]
        self.revoked = asyncio.Event()
        self._app = app
        self._bus: Bus = app[BUS]
        self._topic = topic
        self._host: Host = app[HOST]

    async def run(self, revoked: asyncio.Event, ends_us: int | None = None) -> None:
        """Serve the channel until it is closed. `revoked` ends it at once.

        `ends_us` is when the login ends (unix): so does the channel, or as soon as the call talked then is over.
        """
        subscribed: Callable[[], None] | None = None
        self.revoked = revoked
        watching = spawn(self._end_when(revoked, ends_us), name=f"access {self.face} {self.key}")
        self.channel.watch(self._connection_changed)
        self.channel.on_refusal = self._refused
        try:
            await self.prepare()
            # Nothing waits from here on, so that what is published next comes after what the client starts with.
            if self._topic is not None:
                subscribed = self._bus.subscribe(self._topic, self.hear)
            self.begin()
            async for incoming in self.channel:
                await self._take(incoming)
        finally:
            if subscribed is not None:
                subscribed()
            await cancel(watching)
            if self._current:
                self.end()

    async def prepare(self) -> None:
        """Tell the client what it has to know before anything else: its stream is new."""

    def begin(self) -> None:
        """Tell the client how things stand; from now on it is told what changes."""

    def hear(self, message: ServerMessage) -> None:
        """Pass on what was published for this client."""
        self.channel.post(message)

    def connected(self, connected: bool) -> None:
        """The client's WebSocket came or went."""

    def end(self) -> None:
        """The client is gone for good, and no newer one took its place."""

    def access_ended(self) -> None:
        """The client's access was taken away: what it took part in goes on without it, at once."""

    def in_call(self) -> bool:
        """Whether the client talks to somebody, who must not be cut off because a login ends."""
        return False

    def count(self, what: str, rate: float, burst: float) -> None:
        """Count one `what` of this client, over all its streams. Raises `RateLimited` when it is one too many."""
        self._app[RATES].take(f"{self.face} {what}", self.key, rate, burst)

    @property
    def _current(self) -> bool:
        """Whether no newer stream of the same identity has taken over."""
        newest = self._host.channel(self.face, self.key)
        return newest is None or newest is self.channel

    def _connection_changed(self, connected: bool) -> None:
        if self._current:
            self.connected(connected)

    async def _end_when(self, revoked: asyncio.Event, ends_us: int | None) -> None:
        wait_s = None if ends_us is None else max(0.0, (ends_us - steady_us()) / 1e6)
        while not revoked.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await revoked.wait()
            except TimeoutError:
                if not self.in_call():
                    break
                wait_s = AFTER_CALL_S
        log.info("access ended", face=self.face, key=self.key)
        if revoked.is_set() and self._current:
            self.access_ended()
        self.channel.close(NotAuthenticated("access ended"))

    def _refused(self, body: ClientMessage, error: VisavisError) -> None:
        refuses_message(self._app, self.face, self.key, str(type(body).__struct_config__.tag), error)

    async def _take(self, incoming: Incoming) -> None:
        handle = self.handlers.get(type(incoming.body))
        try:
            if handle is None:
                raise NotAllowed("this message is not for this face")
            reply = await handle(self, incoming.body)
        except VisavisError as error:
            self.channel.fail(incoming, error)
        except Exception:
            log.exception("message failed", face=self.face, type=type(incoming.body).__name__)
            self.channel.fail(incoming, VisavisError())
        else:
            self.channel.reply(incoming, reply or Done())


class Party(ClientSession):
    """A client that takes part in sessions: a kiosk or a console."""

    def __init__(self, app: web.Application, channel: Channel, key: str, topic: str) -> None:
        super().__init__(app, channel, key, topic)
        # A room lives as long as its session: a leg must not keep it, and a stream lives for days.
        self._legs: WeakValueDictionary[str, Room] = WeakValueDictionary()

    def room(self, session: str) -> Room:
        """The session with this id, if it is this party's. Raises `NotFound`."""
        raise NotImplementedError

    def me(self, room: Room) -> str:
        """The participant that this party is in the session. Raises `NotFound`."""
        raise NotImplementedError

    async def do(self, session: str, make: Callable[[str], e.Event]) -> Room:
        """Let this happen in this party's session, made for the participant that it is. Raises `NotFound`."""
        raise NotImplementedError

    async def leg_prepare(self, message: m.LegPrepare) -> Reply:
        """Fresh credentials for the next peer connection; also how a client sees that it is heard at all."""
        self.room(message.session)
        return self._app[ICE].message(self.key)

    async def leg_offer(self, message: m.LegOffer) -> Reply:
        """A new peer connection; the old one is closed first, as the journal says."""
        self.count("legs", LEGS_PER_S, LEGS_BURST)
        room = await self.do(message.session, lambda me: e.LegOpened(me, message.leg))
        me = self.me(room)
        self._legs[message.leg] = room
        while len(self._legs) > LEGS:
            del self._legs[next(iter(self._legs))]
        try:
            answer = await room.open_leg(me, message.leg, message.sdp, self.revoked, keeps=message.keeps)
        except VisavisError:
            room.post(e.LegClosed(me, message.leg, "closed"))
            raise
        return LegAnswer(message.leg, answer)

    async def leg_candidate(self, message: m.LegCandidate) -> Reply:
        room = self._leg(message.leg)
        await room.add_candidate(self.me(room), message.leg, message.candidate, message.mid)
        return None

    async def leg_close(self, message: m.LegClose) -> Reply:
        room = self._leg(message.leg)
        await self.do(room.session, lambda me: e.LegClosed(me, message.leg, "closed"))
        return None

    def _leg(self, leg: str) -> Room:
        room = self._legs.get(leg)
        if room is None:
            raise NotFound("no such leg")
        return room

    async def chat_send(self, message: m.ChatSend) -> Reply:
        self.count("chat lines", CHAT_PER_S, CHAT_BURST)
        await self.do(message.session, lambda me: e.ChatSent(message.id, me, message.text))
        return None

    handlers: ClassVar[dict[type, Handle]] = {
        m.LegPrepare: leg_prepare,
        m.LegOffer: leg_offer,
        m.LegCandidate: leg_candidate,
        m.LegClose: leg_close,
        m.ChatSend: chat_send,
    }
