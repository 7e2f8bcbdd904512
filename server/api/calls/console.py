"""What each message of a specialist's console does."""

from __future__ import annotations

from typing import ClassVar, Final

from aiohttp import web

from link.protocol import client as m
from link.protocol.errors import NotFound
from link.protocol.server import ConsoleConfig, ServerMessage, SessionUpdate
from link.protocol.values import Face, Presence, Service
from link.signaling.channel import Channel
from server.api.calls.client_session import Handle, Party, Reply
from server.api.calls.cobrowse_backpressure import Picture
from server.api.http.app_keys import CONFIG, STORE
from server.bus import person_topic
from server.calls.room import Room
from server.identity import Person
from server.session import events as e
from server.store.stamps import new_id

OUTCOMES: Final = ["resolved", "follow_up", "appointment", "referred", "declined", "unresolved", "technical", "other"]
DOCUMENT_LABELS: Final = ["identity_card", "bank_card", "income_proof", "contract", "other"]


class ConsoleSession(Party):
    """A specialist's channel."""

    face = Face.CONSOLE
    participant = e.SPECIALIST

    def __init__(self, app: web.Application, channel: Channel, person: Person) -> None:
        super().__init__(app, channel, person.id, person_topic(person.id))
        self.person = person
        self._picture = Picture(channel, self._refresh)

    def room(self, session: str) -> Room:
        return self.rooms.specialists_room(self.person.id, session)

    async def do(self, session: str, *events: e.Event) -> Room:
        return await self.rooms.by_specialist(self.person.id, session, *events)

    async def prepare(self) -> None:
        person, config = self.person, self._app[CONFIG]
        services = [
            Service(service.id, service.name_zh, service.name_en, service.icon)
            for service in await self._app[STORE].services.active()
            if service.skill in person.skills
        ]
        self.channel.post(
            ConsoleConfig(
                person.id,
                person.name,
                list(person.languages),
                services,
                OUTCOMES,
                DOCUMENT_LABELS,
                config.ring_s,
            )
        )

    def begin(self) -> None:
        person = self.person
        self.rooms.specialist_arrived(person)
        self.channel.post(self.rooms.dispatch.standing_of(person.id))
        self.channel.post(self.rooms.dispatch.queue_for(person.id))
        room = self.rooms.of_specialist(person.id)
        if room is None:
            self.channel.post(self.rooms.dispatch.lost_by(person.id))
        else:
            room.replay_to(self.channel.post, notes=True)
            room.share.refresh()
        if not self.channel.connected:
            self.connected(False)

    def hear(self, message: ServerMessage) -> None:
        self._picture.take(message)

    def connected(self, connected: bool) -> None:
        self.rooms.specialist_connected(self.person.id, connected, cut=self.channel.cut)

    def access_ended(self) -> None:
        self.rooms.specialist_connected(self.person.id, False, cut=True)

    def in_call(self) -> bool:
        return self.rooms.dispatch.presence_of(self.person.id) is Presence.BUSY

    def end(self) -> None:
        self.connected(False)
        self.rooms.dispatch.leave(self.person.id)

    async def set_presence(self, message: m.SetPresence) -> Reply:
        self.rooms.dispatch.set_presence(self.person.id, message.available)
        return self.rooms.dispatch.standing_of(self.person.id)

    async def answer(self, message: m.Answer) -> Reply:
        room = await self.rooms.answer(self.person, message.session)
        return SessionUpdate(room.view(notes=True))

    async def decline(self, message: m.Decline) -> Reply:
        await self.room(message.session).submit(e.OfferEnded(self.person.id, "declined"))
        return None

    async def hold(self, message: m.Hold) -> Reply:
        await self.do(message.session, e.Held() if message.held else e.Unheld())
        return None

    async def hang_up(self, message: m.HangUp) -> Reply:
        await self.do(message.session, e.Ended(e.SPECIALIST, "hang_up"))
        return None

    async def dispose(self, message: m.Dispose) -> Reply:
        await self.do(message.session, e.Disposed(message.outcome, message.note, self.person.id))
        return None

    async def outcome_choose(self, message: m.OutcomeChoose) -> Reply:
        await self.do(message.session, e.OutcomeChosen(message.outcome, self.person.id))
        return None

    async def wrap_up_extend(self, message: m.WrapUpExtend) -> Reply:
        room = await self.do(message.session, e.WrapUpExtended(self.person.id))
        return SessionUpdate(room.view(notes=True))

    async def note_save(self, message: m.NoteSave) -> Reply:
        await self.do(message.session, e.NoteSaved(message.text))
        return None

    async def document_request(self, message: m.DocumentRequest) -> Reply:
        room = await self.do(message.session, e.DocumentRequested(new_id(), message.label, message.note))
        return SessionUpdate(room.view(notes=True))

    async def document_decide(self, message: m.DocumentDecide) -> Reply:
        await self.do(message.session, e.DocumentDecided(message.document, message.accepted, message.reason))
        return None

    async def point(self, message: m.Point) -> Reply:
        room = self._mine(message.session)
        room.tell_kiosk(room.share.point(message.x, message.y))
        return None

    async def highlight(self, message: m.Highlight) -> Reply:
        room = self._mine(message.session)
        room.tell_kiosk(room.share.highlight(message.node))
        return None

    async def cobrowse_refresh(self, message: m.CobrowseRefresh) -> Reply:
        self._mine(message.session).share.refresh(failed=message.failed)
        return None

    def _refresh(self) -> bool:
        room = self.rooms.of_specialist(self.person.id)
        return room is not None and room.share.refresh()

    def _mine(self, session: str) -> Room:
        room = self.room(session)
        if room.state.specialist != self.person.id:
            raise NotFound("no such session")
        return room

    handlers: ClassVar[dict[type, Handle]] = {
        **Party.handlers,
        m.SetPresence: set_presence,
        m.Answer: answer,
        m.Decline: decline,
        m.Hold: hold,
        m.HangUp: hang_up,
        m.Dispose: dispose,
        m.OutcomeChoose: outcome_choose,
        m.WrapUpExtend: wrap_up_extend,
        m.NoteSave: note_save,
        m.DocumentRequest: document_request,
        m.DocumentDecide: document_decide,
        m.Point: point,
        m.Highlight: highlight,
        m.CobrowseRefresh: cobrowse_refresh,
    }
