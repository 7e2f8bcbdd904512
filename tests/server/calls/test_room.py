"""One room: order, durability, bounds, and what it does when something around it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from link.protocol.errors import NotFound, Unavailable, VisavisError
from link.protocol.server import ServerMessage, SessionUpdate
from link.protocol.values import SessionState
from server.bus import LocalBus, kiosk_topic
from server.calls.registry import Registry, session_id
from server.calls.room import REQUESTS, Room
from server.journal import Entry, Journal
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.private import unsealed
from server.session.state import State
from server.store import Store
from server.store.kiosks import Kiosk
from server.store.people import Person
from tests.server.calls.bank import call_request, eventually

KIOSK = Kiosk("k0", "k0", "east", None, revoked=False)
Quiet = tuple[Registry, LocalBus]


async def opened(rooms: Registry, kiosk: Kiosk = KIOSK) -> Room:
    view = await rooms.request_call(kiosk, call_request())
    room = rooms.get(view.id)
    assert room is not None
    return room


async def answered(rooms: Registry, person: Person) -> Room:
    room = await opened(rooms)
    await room.submit(
        e.Offered(person.id, person.name, "specialist-1"), e.Answered(person.id, person.name, "specialist-1")
    )
    return room


async def test_events_that_wait_together_are_one_transaction(rooms: Quiet, people: list[Person], store: Store) -> None:
    room = await answered(rooms[0], people[0])
    chats = [e.ChatSent(f"c{n}", "customer-1", "x") for n in range(20)]
    await asyncio.gather(*(room.submit(chat) for chat in chats))
    entries = [entry for entry in await Journal(store).read(room.session) if entry.kind == "chat_sent"]
    box = await rooms[0]._recordings.past_box(room.session)
    assert [unsealed(e.decode(entry.payload), box) for entry in entries] == chats
    assert len({entry.at_us for entry in entries}) == 1


async def test_a_refused_event_does_not_harm_those_beside_it(rooms: Quiet, people: list[Person]) -> None:
    room = await answered(rooms[0], people[0])
    results = await asyncio.gather(
        room.submit(e.Held()), room.submit(e.Rated(3)), room.submit(e.NoteSaved("x")), return_exceptions=True
    )
    assert isinstance(results[1], IllegalEvent)
    assert (room.state.phase, room.state.note, room.state.rated) == (SessionState.HELD, "x", None)


async def test_several_events_of_one_request_are_all_or_nothing(rooms: Quiet, people: list[Person]) -> None:
    room = await answered(rooms[0], people[0])
    with pytest.raises(IllegalEvent):
        await room.submit(e.NoteSaved("half"), e.Rated(3))
    assert room.state.note == ""


async def test_a_bug_in_one_request_does_not_end_the_room(rooms: Quiet, people: list[Person]) -> None:
    room = await answered(rooms[0], people[0])

    def broken(_state: State) -> Iterable[e.Event]:
        raise KeyError("ours")

    with pytest.raises(VisavisError, match="internal"):
        await room.submit(make=broken)
    await room.submit(e.NoteSaved("still there"))
    assert room.state.note == "still there"


async def test_a_bug_in_one_event_takes_nothing_with_it(rooms: Quiet, people: list[Person], store: Store) -> None:
    room = await answered(rooms[0], people[0])
    await eventually(lambda: room.state.recording == "on")

    def broken(_state: State) -> Iterable[e.Event]:
        raise KeyError("ours")

    gap = e.GapDeclared("kiosk.camera", 0, 500, "loss")
    room.post(e.StepChanged("amount"))
    room.post(make=broken)
    room.post(gap)
    await room.submit(e.NoteSaved("after"))
    assert (room.state.step, room.state.note) == ("amount", "after")
    kinds = [entry.kind for entry in await Journal(store).read(room.session)]
    assert kinds[-3:] == ["step_changed", "gap_declared", "note_saved"]


async def test_the_inbox_is_bounded(rooms: Quiet, people: list[Person]) -> None:
    room = await answered(rooms[0], people[0])
    results = await asyncio.gather(
        *(room.submit(e.NoteSaved(str(n))) for n in range(REQUESTS + 5)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 5
    assert room.state.note == str(REQUESTS - 1)


async def test_a_closed_room_is_not_found(rooms: Quiet, people: list[Person]) -> None:
    room = await opened(rooms[0])
    await room.submit(e.Ended("customer-1", "customer"))
    with pytest.raises(NotFound):
        await room.submit(e.NoteSaved("late"))
    await eventually(lambda: rooms[0].get(room.session) is None)
    room.post(e.NoteSaved("later"))


async def test_a_session_of_the_past_is_added_up_in_slices(
    rooms: Quiet, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing reads a long call's journal at once: the calls of the others would stand still meanwhile."""
    call = call_request()
    asked = await rooms[0].request_call(KIOSK, call)
    room = rooms[0].get(asked.id)
    assert room is not None
    for step in range(8):
        await room.submit(e.StepChanged(f"step {step}"))
    await room.submit(e.Ended("customer-1", "customer"))
    await eventually(lambda: rooms[0].get(asked.id) is None)
    monkeypatch.setattr("server.journal.journal.PAGE", 3)
    monkeypatch.delattr(Journal, "read")
    past = await rooms[0].request_call(KIOSK, call)
    assert (past.id, past.state, past.step) == (asked.id, SessionState.CLOSED, "step 7")


async def test_what_happened_is_kept_until_the_journal_takes_it(
    rooms: Quiet, people: list[Person], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await answered(rooms[0], people[0])
    await eventually(lambda: room.state.recording == "on")
    append = Journal.append
    failing = True

    async def sometimes(self: Journal, *args: object, **more: object) -> list[Entry]:
        if failing:
            raise Unavailable("full")
        return await append(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "append", sometimes)
    room.post(e.ParticipantLost("customer-1"))
    room.post(e.StepChanged("amount"))
    with pytest.raises(Unavailable):
        await room.submit(e.Held())
    assert (room.state.phase, room.state.lost) == (SessionState.ACTIVE, frozenset())
    failing = False
    await eventually(lambda: room.state.step == "amount")
    assert room.state.lost == {"customer-1"}
    kinds = [entry.kind for entry in await Journal(store).read(room.session)]
    assert kinds[-2:] == ["participant_lost", "step_changed"]


async def test_a_call_that_cannot_be_recorded_is_ended(
    rooms: Quiet, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError("the key is gone")

    monkeypatch.setattr("server.calls.recorder_factory.RecorderFactory.start", broken)
    room = await answered(rooms[0], people[0])
    await eventually(lambda: room.state.phase is SessionState.ENDED)
    assert (room.state.ended_by, room.state.end_reason) == ("system", "recording_failed")


async def test_a_recording_that_fails_inside_ends_the_call(
    rooms: Quiet, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise VisavisError("internal")

    monkeypatch.setattr("server.calls.recorder_factory.RecorderFactory.start", broken)
    room = await answered(rooms[0], people[0])
    await eventually(lambda: room.state.phase is SessionState.ENDED)
    assert (room.state.ended_by, room.state.end_reason) == ("system", "recording_failed")


async def test_views_go_to_the_kiosk_only_while_they_concern_it(rooms: Quiet, people: list[Person]) -> None:
    registry, bus = rooms
    told: list[str] = []

    def hear(message: ServerMessage) -> None:
        if isinstance(message, SessionUpdate):
            told.append(message.session.id)

    bus.subscribe(kiosk_topic("k0"), hear)
    first = await answered(registry, people[0])
    await first.submit(e.Ended("customer-1", "customer"))
    second = await opened(registry)
    told.clear()
    await first.submit(e.Disposed("resolved", "", people[0].id))
    await second.submit(e.StepChanged("amount"))
    assert set(told) == {second.session}


async def test_a_view_says_the_place_in_the_queue(rooms: Quiet, people: list[Person]) -> None:
    registry = rooms[0]
    first = await opened(registry)
    second = await opened(registry, Kiosk("k1", "k1", "east", None, revoked=False))
    assert (first.view().position, second.view().position) == (1, 2)
    assert not second.view().staffed
    await first.submit(e.Ended("customer-1", "customer"))
    await eventually(lambda: second.view().position == 1)


def test_a_session_is_named_by_its_request() -> None:
    assert session_id("k1", "r1") == session_id("k1", "r1")
    assert len({session_id("k1", "r1"), session_id("k1", "r2"), session_id("k2", "r1"), session_id("k", "1r1")}) == 4
