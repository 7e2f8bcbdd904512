"""A sender in made-up time whose sources pause, whose path stands still and whose timestamps leap.

Every packet knows when it was really captured, and every frame that a tap makes of it can be held against that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from link.rtc.tracks.capture_clock import PeerClock
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.frame_reader import FrameReader
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.wire.rtp import SenderReport, parse_rtcp, parse_rtp
from link.rtc.wire.vp8 import packetise

NTP = 3_900_000_000.0
START = 1000.0
KINDS = {"sound": ("audio", 48_000), "picture": ("video", 90_000)}
KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"


class Pause(NamedTuple):
    """The source gives nothing for so long, and its timestamps do not go on."""

    track: str
    at: float
    length: float


class Stall(NamedTuple):
    """The path stands still for so long; what waited comes at once."""

    at: float
    length: float


class Leap(NamedTuple):
    """Timestamps go so many seconds on, or back."""

    track: str
    at: float
    by: float


Sinks = dict[str, tuple[Callable[[EncodedFrame], None], Callable[[MediaGap], None], Callable[[float], None]]]
Event = Pause | Stall | Leap


class _Sent(NamedTuple):
    arrival: float
    order: int
    track: str
    captured: float
    stamp: int
    ntp: float  # of a report; 0.0 for media


@dataclass
class Timeline:
    """`every` is the time between two frames of a track, `early` how long the first ones had to wait for the leg."""

    events: list[Event] = field(default_factory=list)
    seconds: float = 20.0
    every: dict[str, float] = field(default_factory=lambda: {"sound": 0.02, "picture": 1 / 30})
    jitter: float = 0.005
    delay: float = 0.03
    early: float = 0.0
    report_every: float = 1.0
    no_reports: tuple[float, float] = (0.0, 0.0)
    seed: int = 1
    beside: bool = True  # tracks know of each other
    on_tick: Callable[[float], None] = lambda now: None
    sinks: Sinks = field(default_factory=dict)  # where else frames, gaps and standing pictures go, by track
    hops: int = 1  # 2: the recorder is behind a process that hands everything on

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.peers = [PeerClock() for _ in range(self.hops)]
        self.hop = [{track: PublishedTrack(KINDS[track][0], track) for track in self.every} for _ in range(self.hops)]
        self.slots = [
            {track: ForwardedTrack(KINDS[track][0], track) for track in self.every} for _ in range(self.hops - 1)
        ]
        self.stamps: dict[str, list[int]] = {track: [] for track in self.every}  # as sent on by the last slot
        self.now = START
        for number, slots in enumerate(self.slots):
            for track, slot in slots.items():
                slot.open(self._hand_on(number + 1, track), 96, -1, 0)
                slot.attach(self.hop[number][track], START)
        self.frames: dict[str, list[EncodedFrame]] = {track: [] for track in self.every}
        self.standing: dict[str, list[float]] = {track: [] for track in self.every}
        self.gaps: list[MediaGap] = []
        self.truth: dict[str, list[float]] = {track: [] for track in self.every}
        self.taps = {}
        for peer, tracks in zip(self.peers, self.hop, strict=True):
            for published in tracks.values() if self.beside else ():
                published.accompany(peer)
        for track, published in self.hop[-1].items():
            self.taps[track] = FrameReader(published, *self._readers(track), START, self._stands(track))

    def _readers(self, track: str) -> tuple[Callable[[EncodedFrame], None], Callable[[MediaGap], None], float]:
        def take(got: EncodedFrame) -> None:
            self.frames[track].append(got)
            if track in self.sinks:
                self.sinks[track][0](got)

        def lose(lost: MediaGap) -> None:
            self.gaps.append(lost)
            if track in self.sinks:
                self.sinks[track][1](lost)

        return take, lose, 0.0

    def _stands(self, track: str) -> Callable[[float], None]:
        def stand(until: float) -> None:
            self.standing[track].append(until)
            if track in self.sinks:
                self.sinks[track][2](until)

        return stand

    def run(self) -> Timeline:
        sent = sorted(item for track in self.every for item in self._sent(track))
        sequences = dict.fromkeys(self.every, 100)
        heard = START
        for now, _, track, captured, stamp, ntp in sent:
            while heard + 0.1 <= now:
                heard += 0.1
                self._tick(heard)
            published, self.now = self.hop[0][track], now
            for peer in self.peers:
                peer.heard(now)
            if ntp:
                self._report(0, track, stamp, ntp, now)
                continue
            number = len(self.truth[track])
            self.truth[track].append(captured)
            body = number.to_bytes(4, "big")
            payload = b"\xfc" + body if track == "sound" else packetise(KEYFRAME + body, number & 0x7FFF)[0]
            published.receive(sequences[track] & 0xFFFF, stamp & 0xFFFFFFFF, track == "picture", payload, now)
            sequences[track] += 1
        while heard + 0.1 <= START + self.seconds:
            heard += 0.1
            self._tick(heard)
        for tap in self.taps.values():
            tap.close()
        return self

    def _tick(self, now: float) -> None:
        self.on_tick(now)
        for tracks in self.hop:
            for published in tracks.values():
                published.tick(now)
        if round(now * 10) % 10 == 0:
            for number, slots in enumerate(self.slots, 1):
                for track, slot in slots.items():
                    report = slot.sender_report(now)
                    for item in parse_rtcp(report) if report else ():
                        if isinstance(item, SenderReport):
                            self._report(number, track, item.rtp, item.ntp / 2**32, now)

    def _hand_on(self, hop: int, track: str) -> Callable[[bytes, bytes], None]:
        def send(header: bytes, payload: bytes) -> None:
            packet = parse_rtp(header + payload, len(header) + len(payload))
            self.stamps[track].append(packet.timestamp)
            self.hop[hop][track].receive(packet.sequence, packet.timestamp, packet.marker, packet.payload, self.now)

        return send

    def _report(self, hop: int, track: str, stamp: int, ntp: float, now: float) -> None:
        published, peer = self.hop[hop][track], self.peers[hop]
        if published.highest < 0:
            return
        clock, unwrapped = published.clock, published.unwrap(stamp & 0xFFFFFFFF)
        peer.observe(ntp, now, clock.beside(unwrapped, ntp, peer), clock)
        clock.report(unwrapped, int(ntp * 2**32), peer)

    def _sent(self, track: str) -> list[_Sent]:
        rate, every = KINDS[track][1], self.every[track]
        moment, media, report = START, 7.0, START + 0.3
        pauses = sorted(e for e in self.events if isinstance(e, Pause) and e.track == track)
        leaps = sorted(e for e in self.events if isinstance(e, Leap) and e.track == track)
        found: list[_Sent] = []
        newest = 0.0
        while moment < START + self.seconds:
            newest = max(newest, self._arrives(moment))
            found.append(_Sent(newest, len(found), track, moment, round(media * rate), 0.0))
            following = moment + every
            if pauses and moment >= START + pauses[0].at:
                following += pauses.pop(0).length
            while self.report_every and report < following:
                stamp = round((media + report - moment) * rate)  # as a browser has it: as if it sent
                if not self.no_reports[0] <= report - START < self.no_reports[1]:
                    found.append(_Sent(self._arrives(report), len(found), track, report, stamp, NTP + report))
                report += self.report_every
            media += every
            if leaps and moment >= START + leaps[0].at:
                media += leaps.pop(0).by
            moment = following
        return found

    def _arrives(self, moment: float) -> float:
        at = max(moment, START + self.early) + self.delay + self.chance.random() * self.jitter
        for event in self.events:
            if isinstance(event, Stall) and START + event.at <= at < START + event.at + event.length:
                at = START + event.at + event.length
        return at

    def errors(self, track: str) -> list[float]:
        """How much later than it was captured, and had come over an idle path, each frame is said to be."""
        numbers = [int.from_bytes(frame.data[-4:], "big") for frame in self.frames[track]]
        assert numbers == list(range(len(self.truth[track]))), "every frame, in order"
        return [
            frame.time - self.truth[track][number] - self.delay
            for number, frame in zip(numbers, self.frames[track], strict=True)
        ]

    def worst(self, since: float = 0.0) -> float:
        return max(
            abs(error)
            for track in self.every
            for error, captured in zip(self.errors(track), self.truth[track], strict=True)
            if captured >= START + since
        )

    def together(self) -> int:
        """Frames of one track in the same millisecond as the one before, or earlier."""
        return sum(
            round(after.time * 1000) <= round(before.time * 1000)
            for frames in self.frames.values()
            for before, after in pairwise(frames)
        )
