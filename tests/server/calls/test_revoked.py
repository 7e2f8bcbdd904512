"""Media ends with the access it was opened with: nobody is heard or seen a second longer than that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from link.protocol import client as m
from link.protocol.errors import NotAuthenticated
from link.protocol.server import SessionGone
from link.protocol.values import Face, Presence, SessionState
from link.signaling.client import Refused
from server.api.http.app_keys import HOST, IDENTITY
from server.calls.session_media import SessionMedia
from server.identity.used_assertions import Used
from server.session import events as e
from server.store.people import Grant, Person, Role
from tests.big import first_of
from tests.server.calls.bank import Bank, eventually, hire, log_in
from tests.server.calls.test_media import Stage, call

__all__ = ["call"]

End = Callable[[Bank, str], Awaitable[None]]


async def revoke(bank: Bank, person: str) -> None:
    """As the command line does, which is another process."""
    await bank.store.people.set_active(person, False)
    await bank.store.logins.revoke_person(person)


async def change_password(bank: Bank, person: str) -> None:
    await bank.store.people.set_password(person, "-")
    await bank.store.logins.revoke_person(person)


async def change_roles(bank: Bank, person: str) -> None:
    await bank.store.people.set_grants(person, frozenset())
    await bank.store.logins.announce(person)


async def log_out(bank: Bank, person: str) -> None:
    found = await bank.store.people.get(person)
    assert found is not None
    channel = bank.app[HOST].channel(Face.CONSOLE, person)
    assert channel is not None
    await bank.app[IDENTITY].log_out(found, channel.access)


def seats(call: Stage) -> SessionMedia:
    room = call.bank.rooms.get(call.session)
    assert room is not None
    return room._media


async def reasons(call: Stage) -> list[str]:
    return [event.reason for event in await call.find(e.LegClosed) if isinstance(event, e.LegClosed)]


@pytest.mark.parametrize("end", first_of(revoke, change_password, change_roles, log_out))
async def test_a_specialist_without_access_gets_nothing_more(call: Stage, end: End) -> None:
    person = await call.bank.store.people.by_login("ann")
    assert person is not None
    watching = call.bank.app[IDENTITY].watch(person.id)
    await call.specialist._end_tasks()  # whoever attacks keeps the leg as it is, and does not ask for a new one
    await end(call.bank, person.id)
    if end is not log_out:
        await asyncio.wait_for(watching.wait(), 20)
    await eventually(lambda: "specialist-1" not in seats(call)._seats, within=20)
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await room.submit()
    assert "revoked" in await reasons(call)
    assert "specialist-1" in room.state.lost, "the customer is told, and waits for no grace to be told"
    await films(call, 20)  # what was on its way has arrived
    had = len(call.specialist.seen), len(call.specialist.heard)
    await films(call, 60)
    assert (len(call.specialist.seen), len(call.specialist.heard)) == had


async def films(call: Stage, frames: int) -> None:
    """Wait until the customer's camera, which knows nothing of all this, made so many more frames."""
    made = 0
    push = call.customer._camera.push

    def count(data: bytes, rtp_time: int, keyframe: bool = True) -> None:
        nonlocal made
        made += 1
        push(data, rtp_time, keyframe)

    call.customer._camera.push = count  # type: ignore[method-assign]
    await eventually(lambda: made >= frames, within=30)
    call.customer._camera.push = push  # type: ignore[method-assign]


async def test_a_revoked_kiosk_neither_sends_nor_hears(call: Stage) -> None:
    await call.customer._end_tasks()
    await call.bank.store.kiosks.revoke("k1")
    await call.bank.store.logins.announce("k1")
    await eventually(lambda: "customer-1" not in seats(call)._seats, within=20)
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await room.submit()
    assert "revoked" in await reasons(call)


async def test_a_leg_ends_with_the_login_it_was_opened_with_though_another_stream_took_over(call: Stage) -> None:
    person = await call.bank.store.people.by_login("ann")
    assert person is not None
    old = call.bank.app[HOST].channel(Face.CONSOLE, person.id)
    assert old is not None
    login = old.access
    await call.specialist._end_tasks()
    await call.bank.page(person)  # a second browser, with a login of its own, that opens no leg yet
    await eventually(lambda: call.bank.app[HOST].channel(Face.CONSOLE, person.id) is not old, within=20)
    assert "specialist-1" in seats(call)._seats
    await call.bank.app[IDENTITY].log_out(person, login)
    await eventually(lambda: "specialist-1" not in seats(call)._seats, within=20)


async def test_a_stream_is_not_resumed_with_another_login(bank: Bank) -> None:
    ann = await bank.specialist("ann")
    person = await bank.store.people.by_login("ann")
    assert person is not None
    tokens = bank.app[IDENTITY].tokens
    other = await log_in(bank.store, person, tokens)
    headers = ann._make_headers()
    ann._make_headers = lambda: headers | {"Cookie": headers["Cookie"].partition("=")[0] + "=" + other}
    assert ann.fresh == 1
    ann.client.drop()
    await eventually(lambda: ann.fresh == 2, within=20)
    channel = bank.app[HOST].channel(Face.CONSOLE, person.id)
    assert channel is not None
    assert channel.access == tokens.read(other).login
    await bank.app[IDENTITY].log_out(person, channel.access)
    await eventually(channel.closed.is_set, within=20)
    assert isinstance(channel.error, NotAuthenticated)


async def test_an_offer_that_is_answered_after_the_end_opens_nothing(call: Stage) -> None:
    ended = asyncio.Event()
    ended.set()
    leg = await call.specialist.make_leg()
    with pytest.raises(NotAuthenticated):
        await seats(call).open("specialist-1", "late", await leg.offer(), ended)
    assert "specialist-1" not in seats(call)._seats
    await leg.close()


async def test_access_that_ends_while_it_is_looked_at_lets_nobody_stay(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login is read as good, then it ends, and only then the socket opens."""
    people, logins = bank.store.people, bank.store.logins
    get = people.get

    async def ends_meanwhile(person: str) -> Person | None:
        found = await get(person)
        monkeypatch.setattr(people, "get", get)
        told = bank.app[IDENTITY].watch(person)
        await logins.revoke_person(person)
        await told.wait()
        return found

    monkeypatch.setattr(people, "get", ends_meanwhile)
    ann = await bank.page(await hire(bank.store, "ann"))
    await eventually(lambda: ann.client.refusal is not None and not bank.app[HOST]._channels)
    assert people.get == get, "it was let in as far as that"


async def test_a_kiosk_that_is_revoked_while_it_comes_does_not_stay(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    assertions = bank.store.assertions
    add, revoked = assertions.add, asyncio.Event()

    async def revoked_meanwhile(used: Sequence[Used], *, ended_us: int | None = None) -> None:
        await add(used, ended_us=ended_us)
        monkeypatch.setattr(assertions, "add", add)
        await bank.store.kiosks.revoke("k1")
        await bank.app[IDENTITY].access.announce("k1")
        revoked.set()

    monkeypatch.setattr(assertions, "add", revoked_meanwhile)
    kiosk = await bank.kiosk("k1")
    await asyncio.wait_for(revoked.wait(), 20)
    await eventually(lambda: kiosk.client.refusal is not None and not bank.app[HOST]._channels)


async def test_a_call_of_a_branch_that_is_theirs_no_more_goes_to_somebody_else(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1", "east")
    ann, bob = await bank.specialist("ann", branch="east"), await bank.specialist("bob", branch="east")
    await bob.ask(m.SetPresence(available=False))
    session = (await kiosk.call()).id
    await ann.answer()
    person = await bank.store.people.by_login("ann")
    assert person is not None
    ann.skip()
    await bank.store.people.set_grants(person.id, frozenset({Grant(Role.SPECIALIST, "west")}))
    await bank.store.logins.announce(person.id)
    await kiosk.state(SessionState.WAITING)
    assert (await ann.hear(SessionGone, lambda gone: gone.session == session)).reason == "not_allowed"
    with pytest.raises(Refused, match="no such session"):
        await ann.client.request(m.ChatSend("c1", session, "hello"))
    assert await bank.presence("ann") is Presence.AWAY
    await bob.available()
    assert (await bob.answer()).id == session
    assert "not_allowed" in [event.reason for event in await bank.journal(session) if isinstance(event, e.Requeued)]
    await bank.check(session)
