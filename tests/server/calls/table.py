"""A session's media and the gate that it obeys, changed by one word at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from link.protocol.values import ParticipantMode, ParticipantRole
from link.rtc.forwarding_policy import HOLD, MONITOR, TALK, Setting
from server.calls.session_media import SessionMedia
from server.recording.recorder import Recorder
from server.session.events import KIOSK, SPECIALIST
from server.session.media_gate import MediaGate, Medium, Seat

ROLES = {
    KIOSK: ParticipantRole.CUSTOMER,
    SPECIALIST: ParticipantRole.SPECIALIST,
    "interpreter": ParticipantRole.INTERPRETER,
    "second_specialist": ParticipantRole.SPECIALIST,
    "guide": ParticipantRole.GUIDE,
    "supervisor": ParticipantRole.SUPERVISOR,
}
"""Who may sit down, the highest rank first."""


def received(setting: Setting) -> frozenset[Medium]:
    return frozenset(medium for medium in get_args(Medium) if medium in setting.receives)


def seat(name: str, setting: Setting) -> Seat:
    """How somebody sits there who is to be heard and seen like that."""
    for mode, known in (
        (ParticipantMode.TALK, TALK),
        (ParticipantMode.HOLD, HOLD),
        (ParticipantMode.MONITOR, MONITOR),
    ):
        if setting == known:
            return Seat(ROLES[name], mode, "", received(setting))
    assert setting.heard_by is not None
    (to,) = setting.heard_by
    return Seat(ROLES[name], ParticipantMode.WHISPER, to, received(setting))


class Table:
    """`names` sit at it: the customer and the specialist who leads talk once there is a recorder, others hold."""

    def __init__(self, media: SessionMedia, names: Iterable[str] = ROLES) -> None:
        self.media = media
        talking = (KIOSK, SPECIALIST)
        seats = {name: seat(name, TALK if name in talking else HOLD) for name in ROLES if name in set(names)}
        self.gate = MediaGate(customer=KIOSK, lead=SPECIALIST, seats=seats)
        self.forward(False)

    def _is(self, **changes: object) -> None:
        self.gate = replace(self.gate, **changes)  # type: ignore[arg-type]
        self.media.obey(self.gate)

    def set(self, name: str, setting: Setting) -> None:
        self._is(seats=self.gate.seats | {name: seat(name, setting)})

    def forward(self, on: bool) -> None:
        """Let the customer take part, or hold the line."""
        self.set(KIOSK, TALK if on else HOLD)

    def hold(self) -> None:
        self._is(held="hold", seats=self.gate.seats | {KIOSK: seat(KIOSK, HOLD)})

    def resume(self) -> None:
        self._is(held="", seats=self.gate.seats | {KIOSK: seat(KIOSK, TALK)})

    def show_tray(self, on: bool) -> None:
        self._is(tray=on)

    def record(self, recorder: Recorder | None) -> None:
        self.media.record(recorder)
        self._is(recorded=recorder is not None)

    async def open(self, name: str, leg: str, sdp: str, revoked: asyncio.Event | None = None) -> str:
        return await self.media.open(name, leg, sdp, revoked)

    async def candidate(self, name: str, leg: str, candidate: str, mid: str) -> None:
        await self.media.candidate(name, leg, candidate, mid)

    def close(self, name: str, leg: str) -> None:
        self.media.close(name, leg)

    async def stop(self) -> None:
        await self.media.stop()
