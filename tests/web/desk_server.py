"""A server for tests of the people's pages: the real protocol and relay, with a customer that the test plays.

Only the customer and the queue are scripted. Pages, static files, policy, streams and legs are the real ones: the
specialist's own camera and microphone come back as the customer's, over the real relay.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import NotFound, VisavisError, WrongState
from link.protocol.server import ServerMessage
from link.protocol.values import (
    Chat,
    Document,
    DocumentState,
    Face,
    KioskStatus,
    Language,
    Presence,
    RecordedTrack,
    SensitivePause,
    Service,
    Session,
    SessionState,
    WaitingCall,
)
from link.rtc.leg import Leg
from link.rtc.relay import Relay
from link.signaling.channel import Channel, Incoming
from link.signaling.host import Host
from server.api.pages import cobrowse_frame
from web import pages

WEALTH = Service("wealth", "理财咨询", "Wealth advice", "piggy-bank")
LOANS = Service("loans", "贷款业务", "Loans", "banknote")
ACCOUNT = Service("account", "账户服务", "Account help", "credit-card")
BRANCHES = (("城东支行", "East Gate branch"), ("滨江支行", "Riverside branch"))
TRACKS = [
    RecordedTrack("kiosk.microphone", "audio"),
    RecordedTrack("kiosk.camera", "video"),
    RecordedTrack("specialist.microphone", "audio"),
    RecordedTrack("specialist.camera", "video"),
    RecordedTrack("cobrowse", "cobrowse"),
]
OUTCOMES = ["resolved", "follow_up", "referred", "declined", "technical", "other"]
LABELS = ["identity_card", "bank_card", "contract", "income_proof", "other"]
PIECE = 16000


def a_session(number: int = 1, **changes: object) -> Session:
    """A customer of the first branch who waits for wealth advice."""
    session = Session(
        id=f"session-{number}",
        state=SessionState.RINGING,
        kiosk="kiosk-1",
        kiosk_name="城东 1 号机",
        branch="east",
        branch_zh=BRANCHES[0][0],
        branch_en=BRANCHES[0][1],
        service=WEALTH,
        language=Language.ZH,
        step="details",
        waited_s=42,
    )
    return msgspec.structs.replace(session, **changes)


def a_queue() -> s.QueueState:
    """Three customers, of whom the first fits."""
    calls = [
        WaitingCall("w-1", WEALTH, *BRANCHES[1], Language.ZH, 133, True),
        WaitingCall("w-2", LOANS, *BRANCHES[0], Language.ZH, 71, False),
        WaitingCall("w-3", ACCOUNT, *BRANCHES[1], Language.EN, 12, True),
    ]
    return s.QueueState(3, calls, 2)


@dataclass
class Desk:
    """One specialist's server. `said` is everything the console said, in order."""

    host: Host
    channel: Channel | None = None
    presence: Presence = Presence.AWAY
    takes_calls: bool = False
    paused: str | None = "new"
    queue: s.QueueState = field(default_factory=lambda: s.QueueState(0, [], 1))
    session: Session | None = None
    ringing: Session | None = None
    chat: list[Chat] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    picture: bytes = b""
    said: list[c.ClientMessage] = field(default_factory=list)
    logged_in: bool = True
    login_ends_s: int = 40_000
    failing: VisavisError | None = None
    kiosks: list[KioskStatus] = field(default_factory=list)
    leg: Leg | None = None
    leg_id: str = ""
    legs: int = 0
    streams: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _relay: Relay = field(default_factory=Relay)
    _epoch: int = 0
    _answered_at: float = 0.0

    def post(self, message: ServerMessage) -> None:
        """Tell the page something."""
        assert self.channel is not None
        self.channel.post(message)

    def ring(self, session: Session, remaining_s: int = 20) -> None:
        """Let a call ring at the console."""
        self.ringing, self.presence = session, Presence.RINGING
        self.post(self.standing())
        self.post(s.Ring(session, remaining_s))

    def standing(self) -> s.PresenceState:
        """What the console is told of its specialist."""
        return s.PresenceState(self.presence, self.takes_calls, None if self.takes_calls else self.paused)

    def miss(self) -> None:
        """It rang in vain."""
        assert self.ringing is not None
        self.presence, self.takes_calls, self.paused = Presence.NOT_RESPONDING, False, "missed"
        self.post(s.RingStop(self.ringing.id, "timeout"))
        self.ringing = None
        self.post(self.standing())

    def update(self, **changes: object) -> Session:
        """Change the session and tell the console."""
        assert self.session is not None
        self.session = msgspec.structs.replace(self.session, active_s=self._active(), **changes)
        self.post(s.SessionUpdate(self.session))
        return self.session

    def customer_says(self, text: str) -> None:
        """A chat line of the customer."""
        assert self.session is not None
        line = Chat(f"line-{len(self.chat)}", "kiosk", text, 1000 * (len(self.chat) + 3))
        self.chat.append(line)
        self.post(s.ChatMessage(self.session.id, line))

    def document(self, index: int, state: DocumentState, **changes: object) -> None:
        """Move a document on."""
        assert self.session is not None
        documents = list(self.session.documents)
        documents[index] = msgspec.structs.replace(documents[index], state=state, **changes)
        self.update(documents=documents)

    async def until(self, kind: type[c.ClientMessage], count: int = 1) -> c.ClientMessage:
        """Wait until the page has said `count` messages of a kind; the last of them."""

        def enough() -> bool:
            return sum(isinstance(message, kind) for message in self.said) >= count

        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(enough)
        return [message for message in self.said if isinstance(message, kind)][-1]

    async def serve_console(self, request: web.Request) -> web.StreamResponse:
        if not self.logged_in:
            return web.Response(status=401)
        return await self.host.serve(request, Face.CONSOLE, "person-1", self._console)

    async def serve_guide(self, request: web.Request) -> web.StreamResponse:
        return await self.host.serve(request, Face.GUIDE, "person-2", self._guide)

    async def _console(self, channel: Channel) -> None:
        self.channel = channel
        self.streams += 1
        channel.post(
            s.ConsoleConfig(
                "person-1", "林晓雯", [Language.ZH, Language.EN], [WEALTH, LOANS, ACCOUNT], OUTCOMES, LABELS, 20
            )
        )
        channel.post(self.standing())
        channel.post(self.queue)
        if self.session is not None:
            channel.post(s.SessionUpdate(self.session))
            for line in self.chat:
                channel.post(s.ChatMessage(self.session.id, line))
        else:
            channel.post(s.SessionGone())
        try:
            async for incoming in channel:
                await self._take(channel, incoming)
        finally:
            if self.leg is not None:
                await self.leg.close()

    async def _guide(self, channel: Channel) -> None:
        self.channel = channel
        channel.post(s.BranchState(self.kiosks))
        async for incoming in channel:
            await self._take(channel, incoming)

    async def _take(self, channel: Channel, incoming: Incoming) -> None:
        try:
            if self.failing is not None:
                raise self.failing
            reply = await self._act(incoming.body)
        except VisavisError as error:
            channel.fail(incoming, error)
        else:
            channel.reply(incoming, reply)
        async with self._changed:
            self.said.append(incoming.body)
            self._changed.notify_all()

    async def _act(self, message: c.ClientMessage) -> ServerMessage:
        match message:
            case c.SetPresence(available):
                self.takes_calls, self.paused = available, "own"
                if self.session is None:
                    self.presence = Presence.AVAILABLE if available else Presence.AWAY
                return self.standing()
            case c.AssistanceTake(kiosk, done):
                self._assist(kiosk, done)
            case c.Answer() | c.Decline():
                return self._ring_answered(message)
            case c.LegPrepare():
                return s.LegServers()
            case c.LegOffer(leg=leg, sdp=sdp):
                return await self._offered(leg, sdp)
            case c.LegCandidate(leg, candidate, mid):
                if self.leg is not None and leg == self.leg_id:
                    await self.leg.add_candidate(candidate, mid)
            case c.CobrowseRefresh():
                self._snapshot()
            case _:
                return self._in_call(message)
        return s.Done()

    def _ring_answered(self, message: c.Answer | c.Decline) -> ServerMessage:
        if self.ringing is None or self.ringing.id != message.session:
            raise WrongState("it rings no more")
        ringing, self.ringing = self.ringing, None
        if isinstance(message, c.Decline):
            self.presence = Presence.AVAILABLE
            self.post(self.standing())
            return s.Done()
        self.presence = Presence.BUSY
        self._answered_at = time.monotonic()
        self.session = msgspec.structs.replace(
            ringing,
            state=SessionState.ACTIVE,
            specialist="person-1",
            specialist_name="林晓雯",
            specialist_connected=True,
            recording=TRACKS,
        )
        self.post(self.standing())
        return s.SessionUpdate(self.session)

    def _in_call(self, message: c.ClientMessage) -> ServerMessage:
        if self.session is None:
            raise NotFound
        match message:
            case c.Hold(held=held):
                self.update(state=SessionState.HELD if held else SessionState.ACTIVE)
            case c.RecordPause(paused=paused, reason=reason):
                self.update(pauses=[SensitivePause("specialist-1", reason)] if paused else [])
            case c.HangUp():
                self.end("specialist")
            case c.Dispose(outcome=outcome, note=note):
                self.session = msgspec.structs.replace(self.session, outcome=outcome, note=note)
                self.session, self.presence = None, Presence.AVAILABLE if self.takes_calls else Presence.AWAY
                self.post(s.SessionGone())
                self.post(self.standing())
            case c.OutcomeChoose(outcome=outcome):
                self.session = msgspec.structs.replace(self.session, chosen=outcome)
            case c.WrapUpExtend():
                return s.SessionUpdate(self.update(closes_s=600, extensions=self.session.extensions - 1))
            case c.NoteSave(text=text):
                self.update(note=text)
            case c.ChatSend(id=id, text=text):
                line = Chat(id, "specialist", text, 1000 * (len(self.chat) + 3))
                self.chat.append(line)
                self.post(s.ChatMessage(self.session.id, line))
            case c.DocumentRequest(label=label, note=note):
                document = Document(f"document-{len(self.session.documents)}", label, DocumentState.REQUESTED, note)
                return s.SessionUpdate(self.update(documents=[*self.session.documents, document]))
            case c.DocumentDecide(document=document, accepted=accepted, reason=reason):
                state = DocumentState.ACCEPTED if accepted else DocumentState.REJECTED
                index = [known.id for known in self.session.documents].index(document)
                self.document(index, state, reason=reason)
            case _:
                pass
        return s.Done()

    def end(self, by: str) -> None:
        """The call is over; its outcome is still to be said."""
        self.presence = Presence.WRAP_UP
        self.update(state=SessionState.ENDED, ended_by=by, end_reason=by, recording=[], rated=None)
        self.post(self.standing())

    def _active(self) -> int:
        return int(time.monotonic() - self._answered_at)

    def _assist(self, kiosk: str, done: bool) -> None:
        self.kiosks = [
            msgspec.structs.replace(row, assistance=None if done else row.assistance, taken_by="" if done else "赵敏")
            if row.kiosk == kiosk
            else row
            for row in self.kiosks
        ]
        self.post(s.BranchState(self.kiosks))

    async def _offered(self, leg_id: str, sdp: str) -> ServerMessage:
        if self.leg is not None:
            await self.leg.close()
        leg = self.leg = Leg("console", loopback=True)
        self.leg_id = leg_id
        self.legs += 1
        answer = await leg.answer(sdp)
        self._relay.connect(leg.tracks["microphone"], leg, "audio0")
        self._relay.connect(leg.tracks["camera"], leg, "video0")
        return s.LegAnswer(leg_id, answer)

    def _snapshot(self) -> None:
        if self.session is None or not self.events:
            return
        self._epoch += 1
        text = json.dumps(self.events)
        parts = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        for index, part in enumerate(parts):
            self.post(s.CobrowseBatch(self.session.id, f"e{self._epoch}", 0, index, len(parts), part))

    async def serve_picture(self, request: web.Request) -> web.Response:
        return web.Response(body=self.picture, content_type="image/jpeg") if self.picture else web.Response(status=404)


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[TestServer]:
    """Serve the people's pages with `desk` behind them."""

    async def shell(request: web.Request) -> web.StreamResponse:
        data = {"person": "person-1", "login": "lin", "name": "赵敏", "roles": ["specialist"], "renew_s": 300}
        data["ends_s"] = desk.login_ends_s
        return pages.render(request, f"{request.match_info['face']}.html", {"page_data": data})

    async def login(request: web.Request) -> web.StreamResponse:
        query = request.query
        context = {
            "next": "/console",
            "login": query.get("login", ""),
            "failed": "failed" in query,
            "wait_s": int(query.get("wait", "0")),
        }
        return pages.render(request, "login.html", context)

    async def error(request: web.Request) -> web.StreamResponse:
        context = {"status": 404, "code": "not_found", "text": "This page does not exist, or it is not for you."}
        return pages.render(request, "error.html", context, status=404)

    async def frame(request: web.Request) -> web.StreamResponse:
        return await cobrowse_frame(request)

    async def log_in(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if (form["login"], form["password"]) != ("lin", "right"):
            return web.Response(status=401)
        desk.logged_in, desk.login_ends_s = True, 40_000
        return web.Response(status=303, headers={"Location": "/console"})

    async def me(request: web.Request) -> web.StreamResponse:
        if not desk.logged_in:
            return web.json_response({}, status=401)
        return web.json_response({"id": "person-1", "ends_s": desk.login_ends_s})

    app = web.Application()
    app.router.add_get("/login", login)
    app.router.add_post("/login", log_in)
    app.router.add_get("/error", error)
    app.router.add_get("/cobrowse/frame", frame)
    app.router.add_get("/api/me", me)
    app.router.add_get("/api/sessions/{session}/documents/{document}", desk.serve_picture)
    app.router.add_get("/ws/console", desk.serve_console)
    app.router.add_get("/ws/guide", desk.serve_guide)
    app.router.add_get("/{face:console|guide}", shell)
    pages.setup(app)

    async def stop(_: web.Application) -> None:
        await desk.host.stop()

    app.on_shutdown.append(stop)
    server = TestServer(app)
    async with server:
        yield server
