"""Participants without a browser: real legs, real Opus tones of a pitch each, and what they hear, decoded."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import cache

import av
import numpy as np
import numpy.typing as npt

from link.rtc.conference import Conference
from link.rtc.forwarding_policy import AUDIO, VIDEO
from link.rtc.leg import CAMERA, MICROPHONE, Leg, LegState
from link.rtc.relay import FrameReader, LocalTrack, Relay
from link.rtc.tracks.depacketizer import EncodedFrame
from link.rtc.tracks.published_track import Packet
from link.tasks import cancel, spawn

RATE, FRAME = 48_000, 960
PITCHES = (400, 650, 950, 1350, 1800, 2400)  # Hz; none the harmonic of another
KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"
DELTA = b"\x11\x00\x00"
LOUD, SILENT = -20.0, -45.0
"""dBFS: a tone is sent at -12; another pitch measures -120, or -55 where a tone is cut at that moment."""
LOOKS = 20
"""So often is looked at what must come; a starved machine delivers late what was under way."""

Sound = npt.NDArray[np.float64]


@cache
def tone(pitch: int) -> Sequence[bytes]:
    """A second of a sine of -12 dBFS in Opus packets of 20 ms; pitch 0 is silence."""
    sound = 0.25 * 32767 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE)
    codec = av.AudioCodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = RATE, "mono", "s16", 32_000
    packets = []
    for start in range(0, RATE, FRAME):
        frame = av.AudioFrame.from_ndarray(
            sound[None, start : start + FRAME].astype(np.int16), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def decode(packets: Sequence[bytes]) -> Sound:
    """What a loudspeaker would play, -1 to 1."""
    codec = av.AudioCodecContext.create("opus", "r")
    codec.sample_rate, codec.layout = RATE, "mono"
    frames = [frame.to_ndarray() for packet in packets for frame in codec.decode(av.Packet(packet))]
    if not frames:
        return np.zeros(0)
    sound: Sound = np.concatenate([frame.reshape(frame.shape[0], -1)[0] for frame in frames]).astype(np.float64)
    return sound / 32768 if np.abs(sound).max(initial=0.0) > 2 else sound


def level(sound: Sound, pitch: int) -> float:
    """How loud this pitch is in it, in dBFS; -120 for nothing."""
    if len(sound) < RATE // 10:
        return -120.0
    window = np.hanning(len(sound))
    phase = np.exp(-2j * np.pi * pitch * np.arange(len(sound)) / RATE)
    amplitude = 2 * abs(np.sum(sound * window * phase)) / np.sum(window)
    return max(-120.0, 20 * float(np.log10(amplitude + 1e-9)))


class Wire:
    """The decrypted RTP of one slot as its receiver got it."""

    patient = False

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.restarts = 0

    def packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def packet_run(self, run: Sequence[Packet]) -> None:
        self.packets += run

    def gave_up(self, sequence: int) -> None: ...

    def restarted(self, reason: str) -> None:
        self.restarts += 1

    def tick(self, now: float) -> None: ...

    def limit(self) -> int:
        return 0


class Party:
    """Sends a tone of its own pitch and a picture of its own number; keeps what arrives, by slot."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.pitch = PITCHES[number]
        self.speaks = True
        self.leg = Leg(f"{name} page", loopback=True)
        self.far: Leg | None = None
        self.heard: dict[str, list[bytes]] = defaultdict(list)
        self.seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self.wires = {slot: Wire() for slot in (*AUDIO, *VIDEO)}
        self.keyframes = 0
        self._wanted = True
        self._microphone = LocalTrack("audio", MICROPHONE)
        self._camera = LocalTrack("video", CAMERA, on_keyframe_request=self._want)
        self._relay = Relay()
        self._taps: list[FrameReader] = []

    def _want(self) -> None:
        self._wanted = True

    async def connect(self, answer: Callable[[str], Awaitable[str]] | None = None) -> None:
        """Offer to a leg of the server's, made here unless `answer` answers."""
        if answer is None:
            self.far = Leg(self.name, loopback=True)
            await self.leg.accept(await self.far.answer(await self.leg.offer()))
        else:
            await self.leg.accept(await answer(await self.leg.offer()))
        self._relay.connect(self._microphone.track, self.leg, MICROPHONE)
        self._relay.connect(self._camera.track, self.leg, CAMERA)
        for slot in AUDIO:
            self._tap(slot, lambda frame, slot=slot: self.heard[slot].append(frame.data))  # type: ignore[misc]
        for slot in VIDEO:
            self._tap(slot, lambda frame, slot=slot: self._see(slot, frame))  # type: ignore[misc]
        for slot, wire in self.wires.items():
            self.leg.tracks[slot].add(wire)
        async with asyncio.timeout(30):
            while self.leg.state is not LegState.CONNECTED or (
                self.far is not None and self.far.state is not LegState.CONNECTED
            ):
                await asyncio.sleep(0.01)

    def _tap(self, slot: str, sink: Callable[[EncodedFrame], None]) -> None:
        self._taps.append(self._relay.tap(self.leg.tracks[slot], sink, lambda _: None, keyframe_interval=0))

    def _see(self, slot: str, frame: EncodedFrame) -> None:
        at = len(KEYFRAME) if frame.keyframe else len(DELTA)
        self.seen[slot].append((time.monotonic(), frame.data[at]))

    def push(self, tick: int) -> None:
        """Twenty milliseconds of sound, and every other time a picture."""
        self._microphone.push(tone(self.pitch if self.speaks else 0)[tick % 50], tick * FRAME)
        if tick % 2 == 0:
            keyframe, self._wanted = self._wanted, False
            self.keyframes += keyframe
            body = bytes([self.number]) + bytes(400)
            self._camera.push((KEYFRAME if keyframe else DELTA) + body, tick * 1800, keyframe)

    def forget(self) -> None:
        """What came before does not count."""
        self.heard.clear()
        self.seen.clear()

    def sound(self) -> Sound:
        """What its loudspeaker played since: all slots together."""
        slots = [decode(packets) for packets in self.heard.values()]
        total: Sound = np.zeros(max((len(sound) for sound in slots), default=0))
        for sound in slots:
            total[: len(sound)] += sound
        return total

    async def close(self) -> None:
        for tap in self._taps:
            tap.close()
        await self.leg.close()
        if self.far is not None:
            await self.far.close()


class Room:
    """Participants whose sound and pictures flow in real time."""

    def __init__(self, parties: Sequence[Party]) -> None:
        self.parties = {party.name: party for party in parties}
        self._ticked = asyncio.Event()

    async def run(self) -> None:
        begin = time.monotonic()
        for tick in itertools.count():
            for party in self.parties.values():
                party.push(tick)
            self._ticked.set()
            self._ticked = asyncio.Event()
            await asyncio.sleep(max(0.0, begin + (tick + 1) * 0.02 - time.monotonic()))

    async def track(self, ticks: int) -> None:
        """Let so many times 20 ms be sent."""
        for _ in range(ticks):
            await self._ticked.wait()

    async def comes_to_hear(self, listener: str, wanted: Callable[[set[str]], bool]) -> set[str]:
        """Whom this one hears once `wanted` says that it is right: what was under way may come late, and in pieces."""
        found: set[str] = set()
        for _ in range(LOOKS):
            with contextlib.suppress(Unclear):
                found = heard((await self.all_levels())[listener])
                if wanted(found):
                    break
        return found

    async def all_levels(self, ticks: int = 30) -> dict[str, dict[str, float]]:
        """How loud each hears each other, in dBFS, from a moment after now on."""
        await self.track(15)
        for party in self.parties.values():
            party.forget()
        await self.track(ticks)
        found = {}
        for name, party in self.parties.items():
            sound = party.sound()
            found[name] = {other.name: level(sound, other.pitch) for other in self.parties.values()}
        return found


class Unclear(AssertionError):
    """A tone came in pieces."""


def heard(levels: dict[str, float]) -> set[str]:
    """Whose tone is there; a level between loud and silent is an error."""
    for name, value in levels.items():
        if not (value > LOUD or value < SILENT):
            raise Unclear(f"{name} is neither heard nor silent: {value:.1f} dBFS")
    return {name for name, value in levels.items() if value > LOUD}


@asynccontextmanager
async def gathering(names: Sequence[str], conference: Conference) -> AsyncIterator[Room]:
    """These participants, all connected, their legs in the conference; nobody has a setting yet."""
    room = Room([Party(name, number) for number, name in enumerate(names)])
    try:
        for party in room.parties.values():
            await party.connect()
            assert party.far is not None
            conference.join(party.name, party.far)
        running = spawn(room.run(), name="everybody talks")
        try:
            yield room
        finally:
            await cancel(running)
    finally:
        conference.close()
        for party in room.parties.values():
            await party.close()
