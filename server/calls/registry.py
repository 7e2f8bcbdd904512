"""All sessions of this process: made, found, recovered. What handlers talk to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import structlog

from link.protocol.client import CallRequest
from link.protocol.errors import CannotRecord, NotFound, Unavailable, VisavisError, WrongState
from link.protocol.values import Document, ParticipantRole, Session, SessionState
from link.tasks import cancel, spawn
from server.bus import Bus
from server.calls.readiness import Readiness
from server.calls.recorder_factory import RecorderFactory
from server.calls.room import Parts, Room
from server.calls.session_clock import Clock
from server.calls.session_cobrowse import Sanitise
from server.calls.session_media import NewLeg
from server.journal import Journal
from server.recording_notice import RecordingNotice
from server.routing.dispatcher import Dispatcher
from server.session import events as e
from server.session import private
from server.session.machine import Graces, Machine
from server.session.participants import Membership
from server.session.state import QUEUEING, Recording, State, view
from server.store import Store
from server.store.kiosks import Kiosk
from server.store.people import Person, Role
from server.store.sessions import SessionQuery

log = structlog.get_logger()

SEEDS = 200
ALARMS = {
    "stalled": "something of a call is not recorded just now",
    "paused_long": "the recording of a call has been paused for long",
}
AFTERWARDS_MS = 60_000
"""A kiosk that comes back within a minute after its call is still shown it (for the rating); later it is idle."""


def session_id(kiosk: str, request: str) -> str:
    """The session that a kiosk's request names: the same one each time, whatever happened in between."""
    digest = hashlib.sha256(b"visavis.session.v1\0" + kiosk.encode() + b"\0" + request.encode()).digest()
    return base64.b32encode(digest)[:26].decode().lower()


class Registry:
    """The registry. Owns the rooms and the dispatch; everything is called on the event loop."""

    def __init__(
        self,
        *,
        node: str,
        store: Store,
        journal: Journal,
        notice: RecordingNotice,
        bus: Bus,
        recordings: RecorderFactory,
        condition: Readiness,
        sanitise: Callable[[], Sanitise],
        new_leg: NewLeg,
        graces: Graces,
        late_s: float = 0.0,
    ) -> None:
        """`late_s`: how long after a call is waited for what a kiosk's network lost; 0: nothing is asked for."""
        self.dispatch = Dispatcher(bus)
        self.on_change: Callable[[str], None] = lambda _kiosk: None
        """Called with a kiosk's id when the session it is concerned with changed."""
        self._node = node
        self._store = store
        self._journal = journal
        self._notice = notice
        self._recordings = recordings
        self._condition = condition
        self._graces = graces
        self._rooms: dict[str, Room] = {}
        self._of_kiosk: dict[str, str] = {}
        self._absent: set[str] = set()
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._stopping = False
        self._parts = Parts(
            journal=journal,
            bus=bus,
            dispatch=self.dispatch,
            recordings=recordings,
            sanitise=sanitise,
            new_leg=new_leg,
            current=self._of_kiosk.get,
            on_change=self._changed,
            on_retire=self._retired,
            late_s=late_s,
        )

    async def start(self) -> None:
        """Take up every session that is not closed, and begin to ring."""
        page = await self._store.sessions.search(SessionQuery(states=frozenset({"closed"})), limit=SEEDS)
        for row in reversed(page.rows):
            if row.answered_us is not None and row.ended_us is not None:
                self.dispatch.queue.handling.add(row.service, (row.ended_us - row.answered_us) / 1_000_000)
        for session in await self._journal.open_sessions():
            await self._take_up(session)
        self.dispatch.start(self._offer, self._standing_changed)

    async def stop(self) -> None:
        """Stop without ending any session: they are taken up from the journal."""
        self._stopping = True
        await self.dispatch.stop()
        stopping = [spawn(room.stop(), name=f"stop room {room.session}") for room in self._rooms.values()]
        try:
            if stopping:
                await asyncio.wait(stopping)
        finally:
            for task in stopping:
                await cancel(task)
        self._rooms.clear()

    # Finding.

    def get(self, session: str) -> Room | None:
        """The room of a session that is not closed."""
        return self._rooms.get(session)

    def alarms(self, branches: Container[str] | None) -> frozenset[str]:
        """What is wrong with calls in these branches just now, or in any: the keys of `ALARMS`."""
        states = [room.state for room in self._rooms.values()]
        ours = [state for state in states if branches is None or (state.request and state.request.branch in branches)]
        found = {"stalled": any(one.stalled for one in ours), "paused_long": any(one.pause_overdue for one in ours)}
        return frozenset(code for code, is_so in found.items() if is_so)

    def of_kiosk(self, kiosk: str) -> Room | None:
        """The session that this kiosk is concerned with: the open one, or one that ended within the last minute."""
        room = self._rooms.get(self._of_kiosk.get(kiosk, ""))
        if room is None or (not room.state.open and room.clock.now_ms() - room.state.since_ms > AFTERWARDS_MS):
            return None
        return room

    def phase_of_kiosk(self, kiosk: str) -> SessionState | None:
        """The state of the session that this kiosk is concerned with."""
        room = self.of_kiosk(kiosk)
        return None if room is None else room.state.phase

    def of_specialist(self, person: str) -> Room | None:
        """The session that this person takes part in, and may, or has still to dispose of."""
        session = self.dispatch.session_of(person)
        room = self._rooms.get(session or "")
        if room is None or room.state.as_whom(person) is None:
            return None
        return None if room.state.open and not self._serves(person, room.state) else room

    def kiosks_room(self, kiosk: str, session: str) -> Room:
        """This kiosk's own room. Raises `NotFound` for any other."""
        room = self._rooms.get(session)
        if room is None or room.state.request is None or room.state.request.kiosk != kiosk:
            raise NotFound("no such session")
        return room

    def specialists_room(self, person: str, session: str) -> Room:
        """The room in which this person is, or is rung or invited. Raises `NotFound` for any other."""
        room = self._rooms.get(session)
        if room is None:
            raise NotFound("no such session")
        state = room.state
        if person not in (state.specialist, state.ringing) and state.of_person(person) is None:
            raise NotFound("no such session")
        return room

    async def was_of_kiosk(self, kiosk: str, session: str) -> bool:
        """Whether a session that may be closed long since was this kiosk's."""
        row = await self._store.sessions.get(session)
        return row is not None and row.kiosk == kiosk

    # What kiosks ask for.

    async def check_call(self) -> None:
        """Raise `CannotRecord` if a call could not be recorded just now."""
        await self._condition.check_call()

    async def request_call(self, kiosk: Kiosk, message: CallRequest) -> Session:
        """The session of this request, made now unless it exists; durable when this returns.

        Raises `WrongState` if the kiosk has another open session or the notice agreed to is not the one in force,
        `NotFound` for an unknown service, `CannotRecord` if a call could not be recorded just now, `Unavailable` if it
        could not be kept.
        """
        session = session_id(kiosk.id, message.request)
        async with self._opening[kiosk.id]:
            known = await self._known(session)
            if known is not None:
                return known
            if self._stopping:
                raise Unavailable("restarting")
            self._refuse_second(kiosk.id)
            return await self._open(kiosk, session, message)

    async def _known(self, session: str) -> Session | None:
        room = self._rooms.get(session)
        if room is not None:
            return room.view()
        past = await _fold(self._journal, session, self._graces, self._recordings)
        return None if past is None else view(past.machine.state, past.at_ms(past.last_us))

    def _refuse_second(self, kiosk: str) -> None:
        current = self._rooms.get(self._of_kiosk.get(kiosk, ""))
        if current is not None and current.state.open:
            raise WrongState("this kiosk has an open session")

    async def _open(self, kiosk: Kiosk, session: str, message: CallRequest) -> Session:
        if message.consent.version != self._notice.notice.version:
            raise WrongState("this recording notice is not in force")
        service = await self._store.services.get(message.service)
        branch = await self._store.branches.get(kiosk.branch)
        if service is None or not service.active or branch is None:
            raise NotFound("no such service")
        await self._condition.check_storage()  # whether the database takes it is seen below
        consent = message.consent
        room = Room(session, Machine(self._graces), Clock(), self._parts)
        self._rooms[session] = room
        self._of_kiosk[kiosk.id] = session
        room.start()
        try:
            await room.submit(
                e.SessionRequested(
                    session=session,
                    kiosk=kiosk.id,
                    kiosk_name=kiosk.name,
                    branch=branch.id,
                    branch_zh=branch.name_zh,
                    branch_en=branch.name_en,
                    service=service.id,
                    service_zh=service.name_zh,
                    service_en=service.name_en,
                    icon=service.icon,
                    skill=service.skill,
                    language=message.language,
                    request=message.request,
                    elderly=message.elderly,
                    step=message.step,
                    participant=f"{ParticipantRole.CUSTOMER}-1",
                    when_unrecorded=service.when_unrecorded,
                ),
                e.ConsentGiven(consent.version, consent.language, self._notice.sha256(consent.language)),
            )
        except VisavisError:
            self._drop(session)
            await room.stop()
            raise
        if kiosk.id in self._absent:
            room.post(e.ParticipantLost(room.state.customer))
        return room.view()

    def kiosk_connected(self, kiosk: str, connected: bool) -> None:
        """The kiosk's connection came or went."""
        (self._absent.discard if connected else self._absent.add)(kiosk)
        for room in self._rooms.values():
            if room.state.request is not None and room.state.request.kiosk == kiosk and room.state.open:
                room.post((e.ParticipantReturned if connected else e.ParticipantLost)(room.state.customer))

    def document(self, kiosk: str, session: str, document: str) -> Document:
        """A document that this kiosk may upload now.

        Raises `NotFound` if it or the session is not the kiosk's, `WrongState` if nobody agreed to it.
        """
        room = self.kiosks_room(kiosk, session)
        known = room.state.document(document)
        if known is None:
            raise NotFound("no such document")
        if not room.state.open or known.state not in ("agreed", "stored"):
            raise WrongState(f"the document is {known.state}")
        return known

    async def document_stored(self, kiosk: str, session: str, event: e.DocumentStored) -> None:
        """An upload is complete and stored; durable when this returns, and harmless if it was before.

        Raises as `document` does, and `Unavailable` if it cannot be journaled.
        """
        await self.kiosks_room(kiosk, session).submit(event)

    # What specialists do.

    def specialist_arrived(self, person: Person) -> None:
        """The specialist's page starts afresh: a ring that the page before had is lost, a call is not."""
        self._specialist_gone(person.id, ringing_only=True)
        self.dispatch.arrive(
            person.id,
            name=person.name,
            skills=person.skills,
            languages=person.languages,
            branches=person.branches(Role.SPECIALIST),
        )
        self._end_foreign_call(person.id)
        self.specialist_connected(person.id, True)

    def _serves(self, person: str, state: State) -> bool:
        return state.request is not None and self.dispatch.serves(person, state.request.branch)

    def _end_foreign_call(self, person: str) -> None:
        """Take a call from a specialist who may serve its branch no more, as if they were gone for good."""
        room = self._rooms.get(self.dispatch.session_of(person) or "")

        def leave(state: State) -> Iterable[e.Event]:
            me = state.as_whom(person)
            if me is None or not state.open or self._serves(person, state):
                return []
            return [e.Requeued("not_allowed") if me == state.lead else e.ParticipantLeft(me, "revoked")]

        if room is not None:
            room.post(make=leave)

    def specialist_connected(self, person: str, connected: bool, *, cut: bool = False) -> None:
        """The connection of the specialist's page came or went. A ring is lost at once, a call after its grace.

        `cut`: it was closed without a goodbye, as by a browser that crashed. Then the grace is short.
        """
        self.dispatch.connected(person, connected)
        if not connected:
            self._specialist_gone(person, cut=cut)
            return
        room = self.of_specialist(person)
        if room is not None:
            room.post(make=lambda state: [e.ParticipantReturned(me)] if (me := state.as_whom(person)) else [])

    def _specialist_gone(self, person: str, *, ringing_only: bool = False, cut: bool = False) -> None:
        room = self._rooms.get(self.dispatch.session_of(person) or "")
        if room is None:
            return

        def gone(state: State) -> Iterable[e.Event]:
            if state.ringing == person:
                return [e.OfferEnded(person, "lost")]
            asked = state.of_person(person)
            if asked is not None and asked.membership is Membership.INVITED:
                return [e.InvitationEnded(asked.id, "lost")]
            me = state.as_whom(person)
            in_call = me is not None and state.open and not ringing_only
            return [e.ParticipantLost(me, cut)] if me is not None and in_call else []

        room.post(make=gone)

    async def answer(self, person: Person, session: str) -> Room:
        """Take the call that rings. Raises `NotFound` if it does not ring at this person.

        Raises `CannotRecord` where it could not be recorded any more, and then the customer is told the same.
        """
        room = self.specialists_room(person.id, session)
        if room.state.recording is Recording.NONE:
            try:
                await self._condition.check_storage()
            except CannotRecord:
                room.post(e.Ended(e.SYSTEM, "recording_failed"))
                raise

        def take(state: State) -> Iterable[e.Event]:
            if person.id not in (state.ringing, state.specialist):
                raise NotFound("it does not ring here any more")
            return [e.Answered(person.id, person.name, state.offered or state.lead or "")]

        await room.submit(make=take)
        return room

    async def by_person(self, person: str, session: str, make: Callable[[str], e.Event]) -> Room:
        """Let this happen, made for the participant that this person is. Raises `NotFound` for who takes no part."""
        room = self.specialists_room(person, session)

        def act(state: State) -> Iterable[e.Event]:
            me = state.as_whom(person)
            if me is None:
                raise NotFound("no such session")
            return [make(me)]

        await room.submit(make=act)
        return room

    async def invite(self, by: Person, session: str, person: Person, role: ParticipantRole) -> Room:
        """Ask somebody to take part in a call. Raises `NotFound` where it is not `by`'s, or the other is not there.

        Whoever is rung, talks or wraps up elsewhere is not asked.
        """
        room = self.specialists_room(by.id, session)
        request = room.state.request
        if request is None or not self.dispatch.free_for(person.id, request.branch):
            raise NotFound("this person cannot be asked now")

        def ask(state: State) -> Iterable[e.Event]:
            me = state.as_whom(by.id)
            if me is None:
                raise NotFound("no such session")
            return [e.ParticipantInvited(state.numbered(role), role, person.id, person.name, me)]

        await room.submit(make=ask)
        return room

    async def answer_invitation(self, person: str, session: str, *, joins: bool) -> Room:
        """Join, or decline to. Raises `NotFound` for who is not invited."""
        room = self.specialists_room(person, session)

        def answer(state: State) -> Iterable[e.Event]:
            one = state.of_person(person)
            if one is None:
                raise NotFound("the invitation is over")
            return [e.ParticipantJoined(one.id) if joins else e.InvitationEnded(one.id, "declined")]

        await room.submit(make=answer)
        return room

    # What rooms and dispatch tell.

    async def _offer(self, session: str, specialist: str, name: str) -> None:
        room = self._rooms.get(session)
        if room is None:
            raise NotFound("no such session")
        role = ParticipantRole.SPECIALIST
        await room.submit(make=lambda state: [e.Offered(specialist, name, state.numbered(role))])

    def _standing_changed(self, session: str) -> None:
        room = self._rooms.get(session)
        if room is not None:
            room.push_view()

    def _changed(self, session: str) -> None:
        room = self._rooms.get(session)
        if room is not None and room.state.request is not None:
            self.on_change(room.state.request.kiosk)

    def _retired(self, session: str) -> None:
        room = self._rooms.get(session)
        self._drop(session)
        if room is not None and room.state.request is not None:
            self.on_change(room.state.request.kiosk)

    def _drop(self, session: str) -> None:
        self._rooms.pop(session, None)
        for kiosk in [kiosk for kiosk, current in self._of_kiosk.items() if current == session]:
            del self._of_kiosk[kiosk]

    # After a restart.

    async def _take_up(self, session: str) -> None:
        try:
            past = await _fold(self._journal, session, self._graces, self._recordings)
        except (WrongState, ValueError) as error:
            log.error("session cannot be taken up", session=session, error=type(error).__name__)
            return
        if past is None:
            return
        machine = past.machine
        request = machine.state.request
        if request is None or machine.state.phase in (None, SessionState.CLOSED):
            return
        room = Room(session, machine, Clock(past.started_us, past.last_us), self._parts)
        self._rooms[session] = room
        current = self._rooms.get(self._of_kiosk.get(request.kiosk, ""))
        if current is None or not current.state.open:
            self._of_kiosk[request.kiosk] = session
        room.start()
        room.post(e.NodeRestarted(self._node))
        log.info("session taken up", session=session, state=machine.state.phase, waits=machine.state.phase in QUEUEING)


@dataclass(slots=True)
class _Past:
    """What a journal adds up to, and the times of its first and last entry."""

    machine: Machine
    started_us: int
    last_us: int

    def at_ms(self, at_us: int) -> int:
        """A time of the journal on the session's timeline."""
        return (at_us - self.started_us) // 1000


async def _fold(journal: Journal, session: str, graces: Graces, recordings: RecorderFactory) -> _Past | None:
    """Add up a session's journal page by page; None when it has none. Raises `IllegalEvent` or ValueError."""
    past: _Past | None = None
    box: private.Box | None = None
    async for page in journal.pages(session):
        past = past or _Past(Machine(graces), page[0].at_us, 0)
        for entry in page:
            event = e.decode(entry.payload)
            if private.is_sealed(event):
                box = box or await recordings.past_box(session)
                event = private.unsealed(event, box)
            past.machine.handle(event, past.at_ms(entry.at_us))
            past.last_us = entry.at_us
    return past
