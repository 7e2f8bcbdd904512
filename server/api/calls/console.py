"""What each message of a specialist's console does."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from aiohttp import web

from link.protocol import client as m
from link.protocol.errors import NotFound
from link.protocol.server import ConsoleConfig, ServerMessage, SessionUpdate
from link.protocol.values import Face, Presence, Service
from link.signaling.channel import Channel
from server.api.calls.client_session import Handle, Party, Reply
from server.api.calls.cobrowse_backpressure import CobrowseBackpressure
from server.api.http.app_keys import CONFIG, STORE
from server.bus import person_topic
from server.calls.room import Room
from server.identity import Person
from server.session import events as e
from server.session.participants import Membership
from server.store.stamps import new_id

OUTCOMES: Final = ["resolved", "follow_up", "appointment", "referred", "declined", "unresolved", "technical", "other"]
PAUSES: Final = frozenset({"password", "card", "document", "other"})
"""Why a specialist pauses the recording."""
INVITES_PER_S, INVITES_BURST = 0.5, 10.0
DOCUMENT_LABELS: Final = ["identity_card", "bank_card", "income_proof", "contract", "other"]


class ConsoleSession(Party):
    """A specialist's channel."""

    face = Face.CONSOLE

    def __init__(self, app: web.Application, channel: Channel, person: Person) -> None:
        super().__init__(app, channel, person.id, person_topic(person.id))
        self.person = person
        self._picture = CobrowseBackpressure(channel, self._refresh)

    def room(self, session: str) -> Room:
        return self.rooms.specialists_room(self.person.id, session)

    def me(self, room: Room) -> str:
        participant = room.state.as_whom(self.person.id)
        if participant is None:
            raise NotFound("no such session")
        return participant

    async def do(self, session: str, make: Callable[[str], e.Event]) -> Room:
        return await self.rooms.by_person(self.person.id, session, make)

    async def lead(self, session: str, make: Callable[[str], e.Event]) -> Room:
        """As `do`, for what only the lead of the call does. Raises `NotFound` for others who take part."""
        if self.room(session).state.specialist != self.person.id:
            raise NotFound("no such session")
        return await self.do(session, make)

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
            room.refresh_screen()
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
        await self.do(message.session, lambda me: e.Held(me) if message.held else e.Unheld(me))
        return None

    async def record_pause(self, message: m.RecordPause) -> Reply:
        reason = message.reason if message.reason in PAUSES else "other"
        await self.do(
            message.session,
            lambda me: e.SensitivePaused(me, reason) if message.paused else e.SensitiveResumed(me),
        )
        return None

    async def hang_up(self, message: m.HangUp) -> Reply:
        await self.do(message.session, lambda me: e.Ended(me, "hang_up"))
        return None

    async def dispose(self, message: m.Dispose) -> Reply:
        await self.lead(message.session, lambda _: e.Disposed(message.outcome, message.note, self.person.id))
        return None

    async def outcome_choose(self, message: m.OutcomeChoose) -> Reply:
        await self.lead(message.session, lambda _: e.OutcomeChosen(message.outcome, self.person.id))
        return None

    async def wrap_up_extend(self, message: m.WrapUpExtend) -> Reply:
        room = await self.lead(message.session, lambda _: e.WrapUpExtended(self.person.id))
        return SessionUpdate(room.view(notes=True))

    async def note_save(self, message: m.NoteSave) -> Reply:
        await self.lead(message.session, lambda me: e.NoteSaved(message.text, by=me))
        return None

    async def document_request(self, message: m.DocumentRequest) -> Reply:
        asked = new_id()
        room = await self.do(message.session, lambda me: e.DocumentRequested(asked, message.label, message.note, by=me))
        return SessionUpdate(room.view(notes=True))

    async def document_decide(self, message: m.DocumentDecide) -> Reply:
        await self.do(
            message.session, lambda me: e.DocumentDecided(message.document, message.accepted, message.reason, by=me)
        )
        return None

    async def point(self, message: m.Point) -> Reply:
        room = self.room(message.session)
        room.point(self.me(room), message.x, message.y)
        return None

    async def highlight(self, message: m.Highlight) -> Reply:
        room = self.room(message.session)
        room.highlight(self.me(room), message.node)
        return None

    async def cobrowse_refresh(self, message: m.CobrowseRefresh) -> Reply:
        room = self.room(message.session)
        self.me(room)
        room.refresh_screen(failed=message.failed)
        return None

    def _refresh(self) -> bool:
        room = self.rooms.of_specialist(self.person.id)
        return room is not None and room.refresh_screen()

    async def participant_invite(self, message: m.ParticipantInvite) -> Reply:
        self.count("invitations", INVITES_PER_S, INVITES_BURST)
        person = await self._app[STORE].people.get(message.person)
        if person is None or not person.active:
            raise NotFound("no such person")
        room = await self.rooms.invite(self.person, message.session, person, message.role)
        return SessionUpdate(room.view(notes=True))

    async def invitation_answer(self, message: m.InvitationAnswer) -> Reply:
        room = await self.rooms.answer_invitation(self.person.id, message.session, joins=message.joins)
        return SessionUpdate(room.view(notes=True)) if message.joins else None

    async def participant_remove(self, message: m.ParticipantRemove) -> Reply:
        room = self.room(message.session)
        one = room.state.participants.get(message.participant)
        who = message.participant

        def leave(me: str) -> e.Event:
            if one is not None and one.membership is Membership.INVITED:
                return e.InvitationEnded(who, "withdrawn", me)
            return e.ParticipantLeft(who, "left" if who == me else "removed", me)

        await self.do(message.session, leave)
        return None

    async def set_mode(self, message: m.SetMode) -> Reply:
        await self.do(
            message.session, lambda me: e.ModeChanged(message.participant, message.mode, message.to or "", me)
        )
        return None

    handlers: ClassVar[dict[type, Handle]] = {
        **Party.handlers,
        m.SetPresence: set_presence,
        m.Answer: answer,
        m.Decline: decline,
        m.Hold: hold,
        m.RecordPause: record_pause,
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
        m.ParticipantInvite: participant_invite,
        m.InvitationAnswer: invitation_answer,
        m.ParticipantRemove: participant_remove,
        m.SetMode: set_mode,
    }
