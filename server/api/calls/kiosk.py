"""What each message of a kiosk does."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from aiohttp import web

from link.protocol import client as m
from link.protocol.errors import NotFound
from link.protocol.server import KioskConfig, SessionGone, SessionUpdate
from link.protocol.values import Face, Service
from link.signaling.channel import Channel
from server.api.calls.client_session import Handle, Party, Reply
from server.api.http.app_keys import CONFIG, NOTICE, STORE
from server.bus import kiosk_topic
from server.calls.room import Room
from server.identity import Kiosk
from server.session import events as e

CALLS_PER_S, CALLS_BURST = 1.0, 30.0  # a customer who taps, and a client that asks again after a loss
SECRETS_PER_S, SECRETS_BURST = 2.0, 30.0  # each is journaled, and a gap of every track
HELP_PER_S, HELP_BURST = 0.5, 12.0


class KioskSession(Party):
    """A kiosk's channel."""

    face = Face.KIOSK

    def __init__(self, app: web.Application, channel: Channel, kiosk: Kiosk) -> None:
        super().__init__(app, channel, kiosk.id, kiosk_topic(kiosk.id))
        self.kiosk = kiosk

    def room(self, session: str) -> Room:
        return self.rooms.kiosks_room(self.kiosk.id, session)

    def me(self, room: Room) -> str:
        return room.state.customer

    async def do(self, session: str, make: Callable[[str], e.Event]) -> Room:
        room = self.room(session)
        await room.submit(make(room.state.customer))
        return room

    async def prepare(self) -> None:
        store, kiosk = self._app[STORE], self.kiosk
        branch = (await store.recent_branches.get()).get(kiosk.branch)
        services = [
            Service(service.id, service.name_zh, service.name_en, service.icon)
            for service in await store.recent_services.get()
        ]
        names = (branch.name_zh, branch.name_en) if branch is not None else ("", "")
        notice, config = self._app[NOTICE].notice, self._app[CONFIG]
        bank = (config.bank_zh or config.bank_en, config.bank_en or config.bank_zh)
        self.channel.post(KioskConfig(kiosk.id, kiosk.name, *names, services, notice, *bank))

    def begin(self) -> None:
        kiosk = self.kiosk
        self.channel.post(self.lobby.assistance(kiosk.id))
        room = self.rooms.of_kiosk(kiosk.id)
        if room is None:
            self.channel.post(SessionGone())
        else:
            room.replay_to(self.channel.post)
        self.connected(self.channel.connected)

    def connected(self, connected: bool) -> None:
        self.rooms.kiosk_connected(self.kiosk.id, connected)
        self.lobby.kiosk_connected(self.kiosk, connected)

    def end(self) -> None:
        self.connected(False)

    async def call_check(self, _: m.CallCheck) -> Reply:
        self.count("questions before calls", CALLS_PER_S, CALLS_BURST)
        await self.rooms.check_call()
        return None

    async def call_request(self, message: m.CallRequest) -> Reply:
        self.count("calls", CALLS_PER_S, CALLS_BURST)
        return SessionUpdate(await self.rooms.request_call(self.kiosk, message))

    async def call_end(self, message: m.CallEnd) -> Reply:
        try:
            await self.do(message.session, lambda me: e.Ended(me, message.reason))
        except NotFound:
            if not await self.rooms.was_of_kiosk(self.kiosk.id, message.session):
                raise
        return None

    async def rate(self, message: m.Rate) -> Reply:
        rated = e.RatingSkipped() if message.stars is None else e.Rated(message.stars)
        await self.do(message.session, lambda _: rated)
        return None

    async def form_step(self, message: m.FormStep) -> Reply:
        await self.do(message.session, lambda _: e.StepChanged(message.step))
        return None

    async def secret_focus(self, message: m.SecretFocus) -> Reply:
        self.count("changes of a secret field", SECRETS_PER_S, SECRETS_BURST)

        def change(me: str) -> e.Event:
            return e.SensitivePaused(me, "secret_field", automatic=True) if message.focused else e.SensitiveResumed(me)

        await self.do(message.session, change)
        return None

    async def document_answer(self, message: m.DocumentAnswer) -> Reply:
        await self.do(message.session, lambda _: e.DocumentAnswered(message.document, message.agreed))
        return None

    async def document_failed(self, message: m.DocumentFailed) -> Reply:
        await self.do(message.session, lambda _: e.DocumentFailed(message.document, message.reason))
        return None

    async def assistance_request(self, message: m.AssistanceRequest) -> Reply:
        if message.withdrawn:
            self.lobby.withdraw(self.kiosk)
        else:
            self.count("requests for a person", HELP_PER_S, HELP_BURST)
            self.lobby.request(self.kiosk, message.reason)
        return None

    async def cobrowse_piece(self, message: m.CobrowsePiece) -> Reply:
        await self.room(message.session).take_screen(message)
        return None

    handlers: ClassVar[dict[type, Handle]] = {
        **Party.handlers,
        m.CallCheck: call_check,
        m.CallRequest: call_request,
        m.CallEnd: call_end,
        m.Rate: rate,
        m.FormStep: form_step,
        m.SecretFocus: secret_focus,
        m.DocumentAnswer: document_answer,
        m.DocumentFailed: document_failed,
        m.AssistanceRequest: assistance_request,
        m.CobrowsePiece: cobrowse_piece,
    }
