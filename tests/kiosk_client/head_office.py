"""A server for tests of kiosks: real streams, real legs, real HTTP; only the people in it are scripted.

The specialist is a mirror: what the kiosk's camera and microphone send comes back as the specialist's.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import NotFound, VisavisError, WrongState
from link.protocol.values import (
    Chat,
    Document,
    DocumentState,
    Face,
    Notice,
    RecordedTrack,
    Service,
    Session,
    SessionState,
)
from link.rtc.leg import Leg
from link.rtc.relay import Relay
from link.signaling.channel import Channel, Incoming
from link.signaling.host import Host

WEALTH = Service("wealth", "理财咨询", "Wealth", "trending-up")
LOANS = Service("loans", "贷款咨询", "Loans", "banknote")
ACCOUNT = Service("account", "账户服务", "Account help", "credit-card")
BANK = ("示范银行", "Demonstration Bank")
NOTICE = Notice(
    "2026-1",
    "为您办理业务时，我们将对本次视频服务进行录音录像，内容包括您与专家的声音和影像、本机屏幕上的操作过程，"
    "以及您同意拍摄的证件和资料。录制内容仅用于业务办理凭证、服务质量检查和争议处理，按监管要求加密保存，到期后销毁。"
    "\n屏幕上的密码、证件号码和银行卡号不会被录制。您可以随时结束通话。",
    "This video service is recorded: your voice and picture and the expert's, what happens on this screen, and the "
    "papers you agree to show.\nPasswords, identity numbers and card numbers on the screen are not recorded.",
)
TRACKS = [
    RecordedTrack("kiosk.microphone", "audio"),
    RecordedTrack("kiosk.camera", "video"),
    RecordedTrack("kiosk.auxiliary", "video"),
    RecordedTrack("specialist.microphone", "audio"),
    RecordedTrack("specialist.camera", "video"),
    RecordedTrack("cobrowse", "cobrowse"),
]
KIOSK = "riverside-1"


def amend(session: Session, **changes: Any) -> Session:
    values = {name: getattr(session, name) for name in session.__struct_fields__} | changes
    return Session(**values)


@dataclass
class HeadOffice:
    """What the kiosk did, and the specialist's hands."""

    public_key: Ed25519PublicKey | None = None
    code: str = "12345678"
    session: Session | None = None
    said: list[c.ClientMessage] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    upload_statuses: list[int] = field(default_factory=list)
    # What is said of requests of these types, instead of doing them; None: nothing is said.
    errors: dict[type[c.ClientMessage], VisavisError | None] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    legs: dict[str, Leg] = field(default_factory=dict)
    staffed: bool = True
    position: int = 1
    wait_s: int | None = 90
    services: list[Service] = field(default_factory=lambda: [WEALTH, LOANS, ACCOUNT])
    # The server's own process: a new one (a restart) has a new host and knows no peer connection.
    host: Host = field(default_factory=lambda: Host(heartbeat_s=2.0, linger_s=20.0))
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _relay: Relay = field(default_factory=Relay)
    _channel: Channel | None = None

    def app(self) -> web.Application:
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_get("/ws/kiosk", self._socket)
        app.router.add_post("/api/kiosk/enrol", self._enrol)
        app.router.add_put("/api/kiosk/sessions/{session}/documents/{document}", self._document)
        return app

    async def until(self, what: Any, timeout: float = 30.0) -> Any:
        """Wait until `what()` is true, looking again after everything the kiosk says; returns its value."""

        async def look() -> Any:
            async with self.changed:
                while not (value := what()):
                    await self.changed.wait()
                return value

        return await asyncio.wait_for(look(), timeout)

    async def heard(self, kind: type[c.ClientMessage], timeout: float = 30.0, **fields: Any) -> Any:
        """Wait for a message of this kind with these fields; returns the latest."""

        def wanted(message: c.ClientMessage) -> bool:
            return isinstance(message, kind) and all(getattr(message, name) == value for name, value in fields.items())

        return await self.until(lambda: next(filter(wanted, reversed(self.said)), None), timeout)

    @property
    def live_leg(self) -> Leg | None:
        return next(iter(self.legs.values()), None)

    # The specialist's hands.

    def post(self, body: s.ServerMessage) -> None:
        if self._channel is not None:
            self._channel.post(body)

    def update(self, **changes: Any) -> None:
        assert self.session is not None
        self.session = amend(self.session, **changes)
        self.post(s.SessionUpdate(self.session))

    def ring(self) -> None:
        self.update(state=SessionState.RINGING, position=0, wait_s=None)

    def answer(self, name: str = "林薇") -> None:
        self.update(
            state=SessionState.ACTIVE,
            position=0,
            wait_s=None,
            specialist="lin-wei",
            specialist_name=name,
            specialist_connected=True,
            recording=TRACKS,
        )

    def ask_document(self, document: str, label: str = "identity_card", note: str = "") -> None:
        assert self.session is not None
        asked = Document(document, label, DocumentState.REQUESTED, note)
        self.update(documents=[*self.session.documents, asked])

    def set_document(self, document: str, state: DocumentState, reason: str = "") -> None:
        assert self.session is not None
        self.update(
            documents=[
                Document(d.id, d.label, state, d.note, reason) if d.id == document else d
                for d in self.session.documents
            ]
        )

    def say(self, text: str) -> None:
        assert self.session is not None
        now = int(time.monotonic() * 1000)
        self.post(s.ChatMessage(self.session.id, Chat(f"c{now}", "specialist", text, now)))

    def end(self, by: str = "specialist") -> None:
        self.update(state=SessionState.ENDED, ended_by=by, end_reason=by)

    async def restart(self) -> None:
        """Another process with the same journal: streams and peer connections are gone."""
        old, self.host = self.host, Host(heartbeat_s=2.0, linger_s=20.0)
        await self._close_legs()
        await old.stop()

    def cut(self) -> None:
        """The network drops; the stream resumes over the next connection."""
        if self._channel is not None:
            self._channel._abort()

    async def close(self) -> None:
        await self.host.stop()
        await self._close_legs()

    # What the kiosk does.

    async def _close_legs(self) -> None:
        for leg in list(self.legs.values()):
            await leg.close()
        self.legs.clear()

    async def _enrol(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["code"] != self.code:
            return web.json_response({"error": {"code": "not_found", "message": ""}}, status=404)
        raw = base64.urlsafe_b64decode(body["public_key"] + "=")
        self.public_key = Ed25519PublicKey.from_public_bytes(raw)
        return web.json_response({"kiosk": KIOSK, "name": "滨江 1 号机", "branch": "riverside"}, status=201)

    def _proven(self, request: web.Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        assert self.public_key is not None
        try:
            claims = jwt.decode(token, self.public_key, algorithms=["EdDSA"], audience="visavis", issuer=KIOSK)
        except jwt.PyJWTError:
            return False
        fresh = claims["jti"] not in self.tokens
        self.tokens.append(claims["jti"])
        return fresh

    async def _document(self, request: web.Request) -> web.Response:
        if not self._proven(request):
            return web.json_response({"error": {"code": "not_authenticated", "message": ""}}, status=401)
        body = await request.read()
        if self.upload_statuses:
            status = self.upload_statuses.pop(0)
            code = {413: "too_large", 422: "unprocessable"}.get(status, "unavailable")
            return web.json_response({"error": {"code": code, "message": ""}}, status=status)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if request.headers.get("Content-Digest") != f"sha-256=:{digest}:":
            return web.json_response({"error": {"code": "unprocessable", "message": ""}}, status=422)
        document = request.match_info["document"]
        self.documents[document] = body
        self.set_document(document, DocumentState.STORED)
        await self._tell_tests()
        return web.json_response({}, status=201)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not self._proven(request):
            raise web.HTTPUnauthorized
        return await self.host.serve(request, Face.KIOSK, KIOSK, self._converse)

    async def _converse(self, channel: Channel) -> None:
        self._channel = channel
        channel.post(s.KioskConfig(KIOSK, "滨江 1 号机", "滨江支行", "Riverside Branch", self.services, NOTICE, *BANK))
        channel.post(s.SessionUpdate(self.session) if self.session else s.SessionGone())
        async for incoming in channel:
            try:
                await self._take(channel, incoming)
            except VisavisError as error:
                channel.fail(incoming, error)
            self.said.append(incoming.body)
            await self._tell_tests()

    async def _tell_tests(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _take(self, channel: Channel, incoming: Incoming) -> None:
        body = incoming.body
        if type(body) in self.errors:
            if (error := self.errors[type(body)]) is not None:
                raise error
            return
        match body:
            case c.CallCheck():
                channel.reply(incoming, s.Done())
            case c.CallRequest():
                if self.session is None or self.session.state is SessionState.ENDED:
                    self.session = self._new_session(body)
                channel.reply(incoming, s.SessionUpdate(self.session))
            case c.CallEnd():
                channel.reply(incoming, s.Done())
                if self.session is not None and self.session.id == body.session:
                    self.end(by="kiosk")
            case c.LegPrepare():
                channel.reply(incoming, s.LegServers())
            case c.LegOffer():
                if self.session is None or self.session.state not in (SessionState.ACTIVE, SessionState.HELD):
                    raise WrongState("not in a call")
                channel.reply(incoming, s.LegAnswer(body.leg, await self._connect(body)))
            case c.LegCandidate():
                if leg := self.legs.get(body.leg):
                    await leg.add_candidate(body.candidate, body.mid)
            case c.LegClose():
                if old := self.legs.pop(body.leg, None):
                    await old.close()
            case c.DocumentAnswer():
                state = DocumentState.AGREED if body.agreed else DocumentState.DECLINED
                channel.reply(incoming, s.Done())
                self.set_document(body.document, state)
            case c.DocumentFailed():
                channel.reply(incoming, s.Done())
                self.set_document(body.document, DocumentState.FAILED, body.reason)
            case c.ChatSend():
                channel.reply(incoming, s.Done())
                now = int(time.monotonic() * 1000)
                channel.post(s.ChatMessage(body.session, Chat(body.id, "kiosk", body.text, now)))
            case c.AssistanceRequest():
                channel.reply(incoming, s.Done())
                channel.post(s.AssistanceState(asked=not body.withdrawn))
            case c.Rate():
                channel.reply(incoming, s.Done())
                if body.stars is not None:
                    self.update(rated=body.stars)
            case c.SecretFocus():
                channel.reply(incoming, s.Done())
            case c.FormStep() | c.CobrowsePiece():
                pass
            case _:
                raise NotFound("not scripted")

    def _new_session(self, body: c.CallRequest) -> Session:
        service = next(item for item in self.services if item.id == body.service)
        return Session(
            f"s{body.request}",
            SessionState.WAITING,
            KIOSK,
            "滨江 1 号机",
            "riverside",
            "滨江支行",
            "Riverside Branch",
            service,
            body.language,
            elderly=body.elderly,
            step=body.step,
            position=self.position,
            wait_s=self.wait_s,
            staffed=self.staffed,
        )

    async def _connect(self, offer: c.LegOffer) -> str:
        await self._close_legs()
        leg = Leg(f"kiosk {offer.leg}", loopback=True)
        self.legs[offer.leg] = leg
        sdp = await leg.answer(offer.sdp)
        self._relay.connect(leg.tracks["microphone"], leg, "audio0")
        self._relay.connect(leg.tracks["camera"], leg, "video0")
        return sdp

    # What left the kiosk's page.

    def batches(self) -> list[list[dict[str, Any]]]:
        """The whole rrweb batches, in order; fails on a hole."""
        pieces = [m for m in self.said if isinstance(m, c.CobrowsePiece)]
        whole: list[list[dict[str, Any]]] = []
        parts: list[str] = []
        expected: dict[str, int] = {}
        for piece in pieces:
            assert len(piece.data) <= 16_000
            assert piece.batch == expected.get(piece.epoch, 0), "a batch is missing"
            assert piece.part == len(parts), "a part is missing"
            parts.append(piece.data)
            if len(parts) == piece.parts:
                whole.append(json.loads("".join(parts)))
                expected[piece.epoch] = piece.batch + 1
                parts = []
        return whole


@asynccontextmanager
async def opened(office: HeadOffice) -> AsyncIterator[str]:
    """Serve `office`; gives its address."""
    server = TestServer(office.app())
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await office.close()
        await server.close()


def enrolled(office: HeadOffice, address: str) -> DeviceIdentity:
    """An identity that `office` knows."""
    key = Ed25519PrivateKey.generate()
    office.public_key = key.public_key()
    return DeviceIdentity(Enrolment(address, KIOSK, "滨江 1 号机"), key)
