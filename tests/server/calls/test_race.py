"""Many customers and specialists doing what people do, at random: nobody is rung twice at once, no call is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from link.protocol.errors import NotFound, VisavisError
from link.protocol.server import Ring, RingStop, ServerMessage
from link.protocol.values import Presence, SessionState
from server.bus import LocalBus, person_topic
from server.calls.registry import Registry
from server.calls.room import Room
from server.journal import Journal
from server.session import events as e
from server.session.machine import Machine
from server.store import Store
from server.store.kiosks import Kiosk
from server.store.people import Person
from tests.big import first_of
from tests.server.calls.bank import call_request, eventually


@dataclass
class Pages:
    """What each specialist's page shows, and that no page ever rings for two calls."""

    rings: dict[str, str] = field(default_factory=dict)
    rung: int = 0
    faults: list[str] = field(default_factory=list)

    def listen(self, bus: LocalBus, person: str) -> None:
        def hear(message: ServerMessage) -> None:
            match message:
                case Ring(session=session):
                    if person in self.rings or session.id in self.rings.values():
                        self.faults.append(f"{session.id} rings at {person} beside {self.rings}")
                    self.rings[person] = session.id
                    self.rung += 1
                case RingStop(session=stopped):
                    if self.rings.get(person) == stopped:
                        del self.rings[person]
                case _:
                    pass

        bus.subscribe(person_topic(person), hear)


class City:
    """Rooms without sockets or media: kiosks and specialists are calls of their methods."""

    def __init__(self, store: Store, rooms: Registry, bus: LocalBus, people: list[Person], seed: int) -> None:
        self.store = store
        self.rooms = rooms
        self.people = people
        self.pages = Pages()
        self.random = random.Random(seed)
        self.kiosks = [Kiosk(f"k{n}", f"k{n}", "east", None, revoked=False) for n in range(12)]
        self.acknowledged: set[str] = set()
        for person in people:
            self.pages.listen(bus, person.id)

    async def step(self) -> None:
        actions = {self.call: 8, self.leave: 2, self.drop: 2, self.come_back: 4, self.arrive: 3, self.available: 8}
        actions |= {self.page_dies: 1, self.answer: 6, self.decline: 2, self.hang_up: 4}
        try:
            await self.random.choices(list(actions), list(actions.values()))[0]()
        except VisavisError:
            return  # what people try is not always possible

    async def call(self) -> None:
        kiosk = self.random.choice(self.kiosks)
        service = self.random.choice(["wealth", "loans"])
        self.acknowledged.add((await self.rooms.request_call(kiosk, call_request(service))).id)

    def room(self) -> Room | None:
        rooms = [room for session in self.acknowledged if (room := self.rooms.get(session)) is not None]
        return self.random.choice(rooms) if rooms else None

    async def leave(self) -> None:
        room = self.room()
        if room is not None:
            await room.submit(e.Ended("customer-1", "customer"))

    async def drop(self) -> None:
        self.rooms.kiosk_connected(self.random.choice(self.kiosks).id, False)

    async def come_back(self) -> None:
        self.rooms.kiosk_connected(self.random.choice(self.kiosks).id, True)

    async def arrive(self) -> None:
        self.rooms.specialist_arrived(self.random.choice(self.people))

    async def available(self) -> None:
        person = self.random.choice(self.people).id
        if self.rooms.dispatch.presence_of(person) is not Presence.OFFLINE:
            self.rooms.dispatch.set_presence(person, self.random.random() < 0.9)

    async def page_dies(self) -> None:
        self.rooms.specialist_connected(self.random.choice(self.people).id, False)

    async def answer(self) -> None:
        person = self.random.choice(self.people)
        if person.id in self.pages.rings:
            await self.rooms.answer(person, self.pages.rings[person.id])

    async def decline(self) -> None:
        person = self.random.choice(self.people).id
        session = self.pages.rings.get(person)
        if session is not None:
            await self.rooms.specialists_room(person, session).submit(e.OfferEnded(person, "declined"))

    async def hang_up(self) -> None:
        person = self.random.choice(self.people).id
        room = self.rooms.of_specialist(person)
        if room is not None:
            await room.submit(e.Ended("specialist-1", "hang_up"))
            await room.submit(e.Rated(5), e.Disposed("resolved", "", person))

    def check(self) -> None:
        rooms = [room for session in self.acknowledged if (room := self.rooms.get(session)) is not None]
        busy = Counter(room.state.specialist for room in rooms if room.state.open and room.state.specialist)
        ringing = Counter(room.state.ringing for room in rooms if room.state.ringing)
        assert not [person for person, count in (busy + ringing).items() if count > 1]
        kiosks = Counter(room.state.request.kiosk for room in rooms if room.state.open and room.state.request)
        assert not [kiosk for kiosk, count in kiosks.items() if count > 1]

    async def close(self, room: Room) -> None:
        try:
            await room.submit(e.Ended("system", "closing_time"))
            if room.state.undisposed and room.state.specialist is not None:
                await room.submit(e.Disposed("other", "", room.state.specialist))
            if room.state.phase is SessionState.ENDED and room.state.rated is None:
                await room.submit(e.Rated(1))
        except NotFound:
            return  # closed meanwhile

    async def settle(self) -> None:
        """Everybody goes home: every call ends, and nobody is left ringing or busy."""
        for session in self.acknowledged:
            room = self.rooms.get(session)
            if room is not None:
                await self.close(room)
        await eventually(lambda: not any(self.rooms.get(session) for session in self.acknowledged), within=30)
        idle = {Presence.OFFLINE, Presence.AWAY, Presence.NOT_RESPONDING, Presence.AVAILABLE}
        await eventually(lambda: {self.rooms.dispatch.presence_of(person.id) for person in self.people} <= idle)
        assert self.rooms.dispatch.queue.calls() == []
        assert self.pages.rings == {}
        assert self.pages.faults == []


@pytest.mark.parametrize("seed", first_of(*range(4)))
async def test_queue_race(store: Store, rooms: tuple[Registry, LocalBus], people: list[Person], seed: int) -> None:
    city = City(store, *rooms, people, seed)
    for _ in range(40):
        await asyncio.gather(*(city.step() for _ in range(10)))
        city.check()
        await asyncio.sleep(0.01)  # some rings and graces run out, some do not
    await city.settle()
    assert city.pages.rung > 10
    assert len(city.acknowledged) > 20
    for session in city.acknowledged:
        entries = await Journal(store).read(session)
        events = [e.decode(entry.payload) for entry in entries]
        kinds = Counter(e.kind(event) for event in events)
        assert kinds["session_requested"] == kinds["ended"] == kinds["closed"] == 1
        assert kinds["answered"] <= kinds["offered"]
        started = entries[0].at_us
        Machine.replay((event, (entry.at_us - started) // 1000) for event, entry in zip(events, entries, strict=True))
