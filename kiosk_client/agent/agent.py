"""The kiosk client's core: the stream to the server, the messages for the page, and the running call.

One `Client` keeps the stream up. Messages of the server are cached (`StateCache`), passed to the page unchanged, and
drive the call's media and documents. Messages of the page are passed to the server unchanged, except for the page's own
peer connection, which ends here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from kiosk_client.agent.addresses import AddressWatch, is_ours
from kiosk_client.agent.call import Call, Equipment
from kiosk_client.agent.call_end_retry import CallEndRetry
from kiosk_client.agent.identity import DeviceIdentity
from kiosk_client.agent.late_delivery import LateDelivery
from kiosk_client.agent.media_monitor import MediaMonitor
from kiosk_client.agent.page_pieces import PagePieces
from kiosk_client.agent.state_cache import StateCache
from kiosk_client.agent.transport import socket_url, tls_context
from kiosk_client.agent.upload import Uploader
from kiosk_client.config import Config
from link.protocol.client import (
    CallCheck,
    CallEnd,
    CallRequest,
    ClientMessage,
    CobrowsePiece,
    DocumentAnswer,
    FormStep,
    LegCandidate,
    LegClose,
    LegOffer,
    Rate,
)
from link.protocol.errors import ClockOff, NotFound, SlowConsumer, Unavailable, VisavisError
from link.protocol.server import (
    Done,
    LegLost,
    MediaComplete,
    MediaWanted,
    ServerMessage,
    SessionGone,
    SessionUpdate,
    TakeSnapshot,
)
from link.protocol.values import OPEN, Session, SessionState
from link.signaling.client import Client
from link.tasks import cancel, spawn

log = structlog.get_logger()

RATING_S = 60.0  # how long an ended session stays on the page, waiting for stars


class Agent:
    """The kiosk. `run` until cancelled or `stop`; the page attaches with `attach`."""

    def __init__(self, config: Config, identity: DeviceIdentity, equipment: Equipment) -> None:
        server = identity.enrolment.server
        tls = tls_context(server, config.ca_file)
        self.mirror = StateCache(document_camera=equipment.open_camera is not None)
        self.listeners: set[Callable[[ServerMessage], None]] = set()
        self._identity = identity
        self._equipment = equipment
        self._uploader = Uploader(server, identity.headers, tls=tls)
        self._late = LateDelivery(
            server,
            identity.headers,
            config.data,
            tls=tls,
            most_bytes=config.keep_media_mb * 2**20,
            most_s=config.keep_media_s,
            bits_per_s=config.late_media_kbps * 1000,
        )
        self._call: Call | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._seen: set[str] = set()  # calls whose document camera is open
        self._leaving = ""
        self._snapshot_due = False
        self._rating: asyncio.TimerHandle | None = None
        self.client = Client(
            socket_url(server),
            headers=self._headers,
            on_message=self._on_message,
            on_state=self._on_state,
            on_fresh=self._on_fresh,
            on_refusal=self._on_refusal,
            tls=tls,
        )
        self._pieces = PagePieces(lambda: self.client.stream, self._post)
        self._addresses = AddressWatch(self._addresses_changed)
        self._hearing = MediaMonitor(
            lambda: self._call.gateway.server_leg if self._call is not None else None,
            lambda silent: self._tell(self.mirror.set_silent(silent)),
        )
        self._farewell = CallEndRetry(self.client.request, self._post, lambda: self.client.connected)

    @property
    def call(self) -> Call | None:
        """The running call, if any."""
        return self._call

    async def run(self) -> None:
        """Keep the stream up; when it ends, or is cancelled, the call's media end too."""
        self._addresses.open()
        try:
            await self.client.run()
        finally:
            self._addresses.close()
            if self._rating is not None:
                self._rating.cancel()
            await self._farewell.stop()
            self._end_call()
            await self._late.close()
            for task in list(self._closing):
                await asyncio.wait([task], timeout=5)
                await cancel(task)

    def stop(self) -> None:
        """Make `run` return."""
        self.client.stop()

    def attach(self, listener: Callable[[ServerMessage], None]) -> None:
        """Pass all messages to `listener` from now on, the present state first."""
        self.listeners.add(listener)
        for message in self.mirror.greeting():
            listener(message)

    def detach(self, listener: Callable[[ServerMessage], None]) -> None:
        """Stop passing messages to `listener`."""
        self.listeners.discard(listener)

    async def ask(self, body: ClientMessage) -> ServerMessage | None:
        """Handle a message of the page or headless customer; returns the reply to a request. Raises VisavisError."""
        match body:
            case LegOffer():
                return await self._call_of(body.session).gateway.answer_page(body)
            case LegCandidate():
                if self._call is not None:
                    await self._call.gateway.page_candidate(body)
                return None
            case LegClose():
                if self._call is not None:
                    await self._call.gateway.close_page(body.leg)
                return None
            case CobrowsePiece():
                self._forward_piece(body)
                return None
            case FormStep():
                self._post(body)
                return None
            case CallEnd():
                return await self._leave(body)
            case DocumentAnswer():
                return await self._answer_document(body)
            case _:
                return await self._forward(body)

    async def _forward(self, body: ClientMessage) -> ServerMessage:
        if isinstance(body, CallCheck | CallRequest) and not self.client.connected:
            raise Unavailable("the server is not reached")
        if isinstance(body, CallRequest):
            await self._farewell.settle()
        reply = await self.client.request(body)
        if isinstance(reply, SessionUpdate):
            self._hear(reply)
        return reply

    async def _answer_document(self, body: DocumentAnswer) -> ServerMessage:
        """The customer agrees to show a document, or not. The call gets it first: only this press opens the camera."""
        call = self._call
        if call is not None:
            call.answer(body)
        try:
            return await self._forward(body)
        except BaseException:
            if call is not None and body.agreed:
                call.withdraw(body.document)
            raise

    async def _leave(self, body: CallEnd) -> ServerMessage:
        """The customer may always leave: media stops at once, and a server that does not answer is told later."""
        session = self.mirror.session
        if session is not None and session.id == body.session and session.state not in OPEN:
            self._forget(session.id)
            return Done()
        self._leaving = body.session
        self._follow()
        if not await self._farewell.say(body) and self.mirror.leave(body.session):
            self._hear(SessionGone())
        return Done()

    def _forward_piece(self, body: CobrowsePiece) -> None:
        # Drop the piece: a full stream could not carry the customer's own messages any more.
        if not self._pieces.take(body):
            self._snapshot_due = True

    def _post(self, body: ClientMessage) -> None:
        try:
            self.client.post(body)
        except SlowConsumer:
            log.warning("message dropped, the stream is full", type=type(body).__name__)

    def _call_of(self, session: str) -> Call:
        if self._call is None or self._call.session != session:
            raise NotFound("no such session")
        return self._call

    async def _headers(self) -> Mapping[str, str]:
        return self._identity.headers()

    async def _on_message(self, body: ServerMessage) -> None:
        if isinstance(body, LegLost):
            if self._call is not None:
                self._call.gateway.server_lost(body.leg)
            return
        if isinstance(body, MediaWanted):
            self._late.wanted(body)
            return
        if isinstance(body, MediaComplete):
            self._late.complete(body.session)
            return
        self._hear(body)

    def _hear(self, body: ServerMessage) -> None:
        if self.mirror.take(body):
            self._tell(body)
        self._follow()

    def _follow(self) -> None:
        """Start, update or end the call as the session's state demands."""
        session = self.mirror.session
        if session is None or session.state not in OPEN:
            self._end_call()
            if session is not None:
                self._forget_later(session)
            return
        if session.id == self._leaving:
            self._end_call()
            return
        if self._call is not None and self._call.session != session.id:
            self._end_call()
        if self._call is None:
            self._call = self._begin_call(session)
        self._call.follow(session)

    def _begin_call(self, session: Session) -> Call:
        self.client.eager = True  # somebody is waiting
        call = Call(
            session.id,
            self._equipment,
            request=self.client.request,
            post=self._post,
            deliver=self._uploader.put,
            check=self.client.check,
            on_page_lost=lambda leg: self._tell(LegLost(leg)),
            on_tray=lambda seen: self._tray_opens(session.id, seen),
            kept=self._late.keep(session.id),
        )
        call.gateway.set_online(self.client.connected)
        self._hearing.begin()
        return call

    def _tray_opens(self, session: str, seen: bool) -> None:
        # A camera that closes slowly after one call must not hide that the next call's camera is open.
        if seen:
            self._seen.add(session)
        else:
            self._seen.discard(session)
        self._tell(self.mirror.set_tray(bool(self._seen)))

    def _end_call(self) -> None:
        call, self._call = self._call, None
        self._pieces.clear()
        if call is None:
            return
        self.client.eager = False
        self._hearing.end()
        log.info("call is over", session=call.session)
        self._late.over(call.session)
        task = spawn(call.close(), name=f"closing {call.session}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _forget_later(self, session: Session) -> None:
        """After the rating, or its time limit, the page goes back to idle, also one that was reloaded meanwhile."""
        if session.specialist is None:
            self._hear(SessionGone())
            return
        done = session.rated is not None or session.state is SessionState.CLOSED
        if self._rating is not None:
            if not done:
                return
            self._rating.cancel()
        pause = 5.0 if done else RATING_S
        self._rating = asyncio.get_running_loop().call_later(pause, self._forget, session.id)

    def _forget(self, session: str) -> None:
        """The customer is done with the ended session; one that was not rated is not going to be."""
        if self._rating is not None:
            self._rating.cancel()
            self._rating = None
        ended = self.mirror.session
        if ended is None or ended.id != session:
            return
        if ended.specialist is not None and ended.rated is None:
            self._post(Rate(session, None))
        self._hear(SessionGone())

    def _on_state(self, online: bool) -> None:
        self._tell(self.mirror.set_online(online))
        if online:
            self._farewell.online()
        if self._call is not None:
            self._call.gateway.set_online(online)
            if online and self._snapshot_due:
                self._snapshot_due = False
                self._tell(TakeSnapshot(self._call.session))

    def _on_fresh(self) -> None:
        """A new stream: the server may have restarted, and then does not know the old peer connection."""
        self._pieces.clear()
        if self._call is not None:
            self._call.gateway.server_lost()

    def _on_refusal(self, error: VisavisError) -> None:
        off_s = round(time.time() - error.server_time) if isinstance(error, ClockOff) else 0
        if off_s != self.mirror.status.clock_off_s:
            self._tell(self.mirror.set_clock_off(off_s))

    def _addresses_changed(self) -> None:
        """Addresses changed (cable, radio, lease): connections from an address that is gone have to be made anew."""
        address = self.client.local_address
        if address is not None and not is_ours(address):
            self.client.drop()
        self.client.hurry()
        if self._call is not None:
            self._call.gateway.addresses_changed()

    def _tell(self, body: ServerMessage) -> None:
        for listener in list(self.listeners):
            listener(body)
