"""Six real legs whose settings change at random while packets flow: not one packet to who must not have it.

Two of them lose packets, so that repairs and second copies are under way at every change.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from link.rtc.conference import Conference
from link.rtc.forwarding_policy import AUDIO, HOLD, MONITOR, TALK, Setting, Source, whisper
from link.rtc.leg import AUXILIARY, CAMERA, DOWN_SLOTS, MICROPHONE, Leg
from link.rtc.relay import Relay
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.wire.vp8 import parse_descriptor
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.parties import DELTA, KEYFRAME, LOUD, PITCHES, Party, Room, tone
from tests.stalls import TRIES

pytestmark = pytest.mark.alone

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
CHANGES = 100 if BIG else 20
STAFF = ("specialist", "interpreter", "second_specialist", "guide", "supervisor")
EVERYBODY = ("kiosk", *STAFF)
TRACKS = {"kiosk": (MICROPHONE, CAMERA, AUXILIARY)} | dict.fromkeys(STAFF, (MICROPHONE, CAMERA))
LOSSY = ("kiosk", "guide")
LEVELS_EVERY = 10
QUIET = -35.0
"""dBFS: a tone is at -12. Where another one is cut or its packets come late, its click reaches -45 at this pitch."""
SPEAKER = {payload: EVERYBODY[number] for number, pitch in enumerate(PITCHES) for payload in tone(pitch)}


def _shown(payload: bytes) -> str:
    """Whose picture it is, each of one packet."""
    frame = payload[parse_descriptor(payload).size :]
    return EVERYBODY[frame[len(KEYFRAME) if frame.startswith(KEYFRAME) else len(DELTA)]]


class LossyParty(Party):
    """Its packets get lost on the way, both ways."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name, number)
        self.path = LossyPath(seed=number + 1)

    async def connect(self, answer: object = None) -> None:
        self.far = far = Leg(self.name, loopback=True)

        async def over(offer: str) -> str:
            described = await self.path.stand_before(await far.answer(self.path.hide(offer)))
            await far.add_candidate("", "")
            return described

        await super().connect(over)

    async def close(self) -> None:
        await super().close()
        self.path.close()


class Session:
    """Knows what each may hear and see, by its own reading of the settings."""

    def __init__(self, conference: Conference, room: Room, seed: int) -> None:
        self.conference, self.room = conference, room
        self.settings = dict.fromkeys(EVERYBODY, TALK)
        for name in EVERYBODY:
            conference.set(name, TALK)
        self.there = set(EVERYBODY)
        self.on = True
        self.random = random.Random(seed)
        self.packets = 0
        self.left: dict[tuple[str, Source], int] = {}
        self.watch()

    def change(self) -> str:
        """Something else holds from the moment that this returns."""
        name = self.random.choice(EVERYBODY)
        match self.random.randrange(20):
            case 0 | 1 if not self.on or self.random.random() < 0.5:
                self.on = not self.on
                self.conference.forward(self.on)
                return f"forward {self.on}"
            case 2 if name in self.there:
                self.there.discard(name)
                self.conference.leave(name)
                return f"{name} leaves"
        if name not in self.there:
            far = self.room.parties[name].far
            assert far is not None
            self.there.add(name)
            self.conference.join(name, far)
            return f"{name} comes"
        to = self.random.choice([other for other in EVERYBODY if other != name])
        setting: Setting = self.random.choice([TALK, TALK, TALK, TALK, HOLD, MONITOR, whisper(to)])
        self.settings[name] = setting
        self.conference.set(name, setting)
        return f"{name} {setting}"

    def may(self, to: str, source: str, track: str) -> bool:
        """Written down once more, and not asked of the matrix."""
        if not self.on or to == source or not {to, source} <= self.there or not self.settings[to].receives:
            return False
        setting = self.settings[source]
        reached = setting.heard_by if track == MICROPHONE else setting.seen_by
        return reached is None or to in reached

    def watch(self) -> None:
        """Look at everything that the server sends, in the moment in which it does."""
        for name, party in self.room.parties.items():
            assert party.far is not None
            for slot in DOWN_SLOTS:
                self._watch(name, party.far.slots[slot])

    def _watch(self, name: str, slot: ForwardedTrack) -> None:
        send, send_run = slot._send, slot._send_run
        assert send is not None
        assert send_run is not None

        def one(header: bytes, payload: bytes) -> None:
            again = slot.kind == "video" and header[1] & 0x7F == slot.rtx.payload_type
            self._leaves(name, slot.name, payload[2:] if again else payload)
            send(header, payload)

        def several(packets: list[tuple[bytes, bytes]]) -> None:
            for _, payload in packets:
                self._leaves(name, slot.name, payload)
            send_run(packets)

        slot._send, slot._send_run = one, several

    def _leaves(self, to: str, slot: str, payload: bytes) -> None:
        source = Source(SPEAKER[payload], MICROPHONE) if slot in AUDIO else Source(_shown(payload), CAMERA)
        self.left[to, source] = self.left.get((to, source), 0) + 1

    async def check(self, what: str) -> None:
        """From now on, and until the next change."""
        self.left.clear()
        fed = {(name, slot): source for name in EVERYBODY for slot, source in self.conference.shown(name).items()}
        await self.room.track(8)
        for (name, source), count in self.left.items():
            assert self.may(name, *source), f"{what}: {count} packets of {source} for {name}"
            self.packets += count
        for name in EVERYBODY:
            for slot, shown in self.conference.shown(name).items():
                assert self.may(name, *shown), f"{what}: {shown} in {slot} of {name}"
                # Where all speak, slots change hands now and then.
                if slot in AUDIO and shown.participant not in LOSSY and fed.get((name, slot)) == shown:
                    assert (name, shown) in self.left, f"{what}: {name} does not get {shown}"

    async def measure(self, what: str) -> float:
        """Decode what everybody hears; the loudest of what nobody should hear, in dBFS.

        What leaks does so each time; what a busy machine brings late or tears into pieces does not.
        """
        for attempt in range(1, TRIES + 1):
            since = time.monotonic()
            while time.monotonic() < since + 0.3:  # what was on its way has arrived, on a busy machine too
                await self.room.track(1)
            levels = await self.room.all_levels(20)
            try:
                return max(self._leaks(what, name, row) for name, row in levels.items() if name not in LOSSY)
            except AssertionError:
                if attempt == TRIES:
                    raise
        raise AssertionError("never tried")

    def _leaks(self, what: str, name: str, row: dict[str, float]) -> float:
        """The loudest of what `name` should not hear. Holes of lossy paths are concealed, which sounds of all."""
        allowed = {n for n in row if self.may(name, n, MICROPHONE)}
        silent = {n: v for n, v in row.items() if n not in allowed}
        assert all(v < QUIET for v in silent.values()), (what, name, row)
        if len(allowed) <= 2 and allowed.isdisjoint(LOSSY):  # nobody waits for a slot, so nothing is cut
            assert all(row[n] > LOUD for n in allowed), (what, name, row)
        return max(silent.values(), default=-120.0)


@asynccontextmanager
async def session(seed: int) -> AsyncIterator[Session]:
    conference = Conference(TRACKS, Relay())
    parties = [(LossyParty if name in LOSSY else Party)(name, number) for number, name in enumerate(EVERYBODY)]
    room = Room(parties)
    try:
        for party in parties:
            await party.connect()
            assert party.far is not None
            conference.join(party.name, party.far)
        running = spawn(room.run(), name="everybody talks")
        try:
            conference.forward(True)
            yield Session(conference, room, seed)
        finally:
            await cancel(running)
    finally:
        conference.close()
        for party in parties:
            await party.close()


async def test_whatever_changes_nothing_goes_to_who_must_not_have_it(no_task_left: None) -> None:
    assert len(SPEAKER) == sum(len(set(tone(pitch))) for pitch in PITCHES), "packets tell who speaks"
    loudest = -120.0
    async with session(6) as it:
        for party in it.room.parties.values():
            if isinstance(party, LossyParty):
                party.path.set(loss=0.08, delay=0.02)
        await it.room.track(25)
        for number in range(CHANGES):
            what = f"{number}: {it.change()}"
            await it.check(what)
            if number % LEVELS_EVERY == 5:
                loudest = max(loudest, await it.measure(what))
        repaired = sum(
            track.repaired for party in it.room.parties.values() if party.far for track in party.far.tracks.values()
        )
    print(f"{CHANGES} changes, {it.packets} packets looked at, {repaired} of them repaired; none astray")
    print(f"who must not be heard is at {loudest:.1f} dBFS at most")
    assert repaired > 0


async def test_to_and_fro_as_fast_as_can_be(no_task_left: None) -> None:
    """Twenty changes within one packet's time; only the last one counts."""
    async with session(7) as it:
        for number in range(10):
            for _ in range(20):
                what = f"{number}: {it.change()}"
                await asyncio.sleep(0)
            await it.check(what)
    assert it.packets > 0
