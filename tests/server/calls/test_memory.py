"""What is over is freed, although the streams of kiosks and specialists go on for days."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref

import pytest

from link.protocol import client as m
from link.signaling.client import Refused
from server.calls.room import Room
from server.calls.session_media import SessionMedia
from server.calls.session_recording import SessionRecording
from server.store.branches import ServiceRow
from tests.server.calls.bank import Bank, Party, eventually

PAIRS, CALLS = 10, 20 if os.environ.get("VISAVIS_BIG_TESTS") else 5


async def talk(bank: Bank, kiosk: Party, specialist: Party, skill: str, seen: weakref.WeakSet[Room], turn: str) -> None:
    """A whole call in which both ends ask for a leg, and get none for what they send."""
    waiting = await kiosk.call(skill)
    active = await specialist.answer(30)
    assert active.id == waiting.id
    room = bank.rooms.get(active.id)
    assert room is not None
    seen.add(room)
    del room
    for party, name in ((kiosk, "kiosk"), (specialist, "desk")):
        with pytest.raises(Refused):
            await party.ask(m.LegOffer(active.id, f"{name}-{turn}", "v=0"))
    await kiosk.ask(m.CallEnd(active.id))
    await kiosk.ask(m.Rate(active.id, 5))
    await specialist.ask(m.Dispose(active.id, "resolved", ""))
    await eventually(lambda: bank.rooms.get(active.id) is None, 30)
    kiosk.skip()
    kiosk.messages.clear()
    kiosk._cursor = 0


async def test_finished_calls_leave_nothing(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.api.calls.client_session.LEGS_PER_S", 1000.0)
    monkeypatch.setattr("server.api.calls.client_session.LEGS_BURST", 1000.0)
    seen: weakref.WeakSet[Room] = weakref.WeakSet()
    pairs: list[tuple[Party, Party, str]] = []
    for number in range(PAIRS):
        skill = f"skill{number}"
        await bank.store.services.add(ServiceRow(skill, skill, skill, "coins", skill, 10 + number))
        pairs.append((await bank.kiosk(f"k{number}"), await bank.specialist(f"s{number}", skills=(skill,)), skill))

    async def in_turn(kiosk: Party, specialist: Party, skill: str) -> None:
        for number in range(CALLS):
            await talk(bank, kiosk, specialist, skill, seen, f"{skill}-{number}")

    await asyncio.gather(*(in_turn(*pair) for pair in pairs))
    assert all(kiosk.client.connected and specialist.client.connected for kiosk, specialist, _ in pairs)

    def freed() -> bool:
        gc.collect()
        return not seen and not [one for one in gc.get_objects() if type(one) in (Room, SessionMedia, SessionRecording)]

    await eventually(freed, 30)
