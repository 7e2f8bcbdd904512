"""Any track to any slot of its kind, all at once, over legs that were negotiated once."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from itertools import pairwise

import pytest

from link.rtc.forwarding_policy import AUDIO, VIDEO
from link.rtc.leg import AUXILIARY, CAMERA, DOWN_SLOTS, MICROPHONE, UP_SLOTS, Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from tests.link.rtc.parties import DELTA, KEYFRAME, Wire
from tests.link.rtc.test_leaks import until

TRACKS = {MICROPHONE: "audio", CAMERA: "video", AUXILIARY: "video"}


async def pair(name: str) -> tuple[Leg, Leg]:
    """A participant's end and the server's."""
    far, near = Leg(f"far {name}", loopback=True), Leg(name, loopback=True)
    await far.accept(await near.answer(await far.offer()))
    await until(lambda: far.state is near.state is LegState.CONNECTED)
    return far, near


class Publisher:
    """Three tracks, each of whose packets say whose they are."""

    def __init__(self, name: bytes, far: Leg) -> None:
        self.wanted = dict.fromkeys(TRACKS, True)
        self.name = name
        relay = Relay()
        self.tracks = {
            track: LocalTrack(kind, track, on_keyframe_request=partial(self._want, track))
            for track, kind in TRACKS.items()
        }
        for track, injection in self.tracks.items():
            relay.connect(injection.track, far, track)

    def _want(self, track: str) -> None:
        self.wanted[track] = True

    def push(self, tick: int) -> None:
        for track, injection in self.tracks.items():
            mark = self.name + track.encode()
            if TRACKS[track] == "audio":
                injection.push(b"\x78" + mark, tick * 960)
            else:
                keyframe, self.wanted[track] = self.wanted[track], False
                injection.push((KEYFRAME if keyframe else DELTA) + mark, tick * 1800, keyframe)


async def test_any_track_to_any_slot(no_task_left: None) -> None:
    assert set(UP_SLOTS) == set(TRACKS)
    assert set(DOWN_SLOTS) >= {*AUDIO, *VIDEO}
    assert len(AUDIO) >= 3 <= len(VIDEO)
    pairs = [await pair(name) for name in ("one", "two", "viewer")]
    publishers = [Publisher(name, far) for name, (far, _) in zip((b"one-", b"two-"), pairs, strict=False)]
    relay, (far, near) = Relay(), pairs[2]
    wires = {slot: Wire() for slot in (*AUDIO, *VIDEO)}
    for slot, wire in wires.items():
        far.tracks[slot].add(wire)
    tick = itertools.count()
    sources = [(who, track) for who in (0, 1) for track in TRACKS]
    for turn in range(len(sources)):
        fed = {}
        for at, slot in enumerate(wires):
            fitting = [(who, track) for who, track in sources if TRACKS[track] == near.slots[slot].kind]
            who, track = fed[slot] = fitting[(at + turn) % len(fitting)]
            relay.connect(pairs[who][1].tracks[track], near, slot)

        def shows(fed: dict[str, tuple[int, str]] = fed) -> bool:
            marks = {slot: publishers[who].name + track.encode() for slot, (who, track) in fed.items()}
            return all(wires[slot].packets and mark in wires[slot].packets[-1].payload for slot, mark in marks.items())

        async with asyncio.timeout(30):
            while not shows():
                for publisher in publishers:
                    publisher.push(next(tick))
                await asyncio.sleep(0.01)
    for slot, wire in wires.items():
        assert wire.restarts == 0, slot
        for a, b in pairwise(wire.packets):
            assert b.sequence == a.sequence + 1, slot
            assert b.timestamp > a.timestamp, slot
    for slot, track in (("audio0", CAMERA), ("video0", MICROPHONE)):
        with pytest.raises(ValueError, match=slot):
            relay.connect(pairs[0][1].tracks[track], near, slot)
    for one, other in pairs:
        await one.close()
        await other.close()
