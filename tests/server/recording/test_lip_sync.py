"""Picture and sound of one participant at the same place of the recording, after any time and any number of restarts.

Everything between the wire and the recorder's timeline is real; devices, their clocks and the network are simulated.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from link.rtc.rtcp_session import RtcpSession
from link.rtc.tracks.demuxer import Demuxer
from link.rtc.tracks.depacketizer import EncodedFrame
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.frame_reader import FrameReader
from link.rtc.tracks.published_track import CLOCK_RATES_HZ, PublishedTrack
from link.rtc.wire.rtp import Rtp, SenderReport, parse_rtcp, parse_rtp
from link.rtc.wire.sdp import Media
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.track import Cutter
from tests.big import first_of

KINDS = {"sound": "audio", "picture": "video"}
EVERY = {"sound": 0.06, "picture": 0.1, "sound report": 5.0, "picture report": 1.0}
PAYLOAD = {"sound": b"\x18sixty ms", "picture": b"\x10\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02a keyframe"}
NTP = 3_900_000_000.0


class Hop:
    """The receiving end of a leg, and slots by which it hands everything on, with reports of its own."""

    def __init__(self, ssrcs: dict[str, int], drift: float) -> None:
        self.drift = drift  # of this computer's clock
        self.tracks = {track: PublishedTrack(kind) for track, kind in KINDS.items()}
        self.slots = {track: ForwardedTrack(kind, track) for track, kind in KINDS.items()}
        self.ingress = Demuxer(lambda items, now: None)
        for track, published in self.tracks.items():
            media = Media(KINDS[track], track, payload_type=96, ssrcs=[ssrcs[track]])
            self.ingress.add(media, published)
            self.slots[track].attach(published, 0.0)
        self.control = RtcpSession(9, "name", self.ingress, lambda packet: None)

    def clock(self, now: float) -> float:
        return now * (1 + self.drift) + 77

    def take(self, track: str, packet: Rtp, now: float) -> None:
        self.tracks[track].receive(packet.sequence, packet.timestamp, packet.marker, packet.payload, self.clock(now))

    def hand_on(self, take: Callable[[str, Rtp], None]) -> None:
        """From now on, whatever comes goes on to `take`."""
        for track, slot in self.slots.items():

            def send(header: bytes, payload: bytes, track: str = track) -> None:
                take(track, parse_rtp(header + payload, len(header) + len(payload)))

            slot.open(send, 96, -1, 0)


class Participant:
    """One leg with microphone and camera. Their clocks drift by `drift`, as does that of the computer (`ntp`).

    With `kiosk` the leg ends in a kiosk client, whose clock drifts too, and a second leg goes from there to the server.
    """

    def __init__(self, drift: dict[str, float], spool: Path, seed: int, *, kiosk: bool = False) -> None:
        self.drift = drift
        self.chance = random.Random(seed)
        self.first = self.last = Hop({"sound": 1, "picture": 2}, drift["kiosk"] if kiosk else 0.0)
        if kiosk:
            self.last = Hop({track: slot.ssrc for track, slot in self.first.slots.items()}, 0.0)
            self.first.hand_on(lambda track, packet: self.last.take(track, packet, self.now + 0.005))
        self.now = 0.0
        self.tracks = self.first.tracks
        # The first wraps after ten minutes (sound) and five (picture).
        self.origin = {"sound": 2**32 - 600 * 48_000, "picture": 2**32 - 300 * 90_000}
        self.clock_set: Callable[[float], float] = lambda moment: 0.0
        """By how much somebody has set the computer's clock until then."""
        self.sequence = {"sound": 65_000, "picture": 65_000}
        self.arrived = {"sound": 0.0, "picture": 0.0}
        self.capture: dict[str, float] = {}
        self.errors: dict[str, float] = {}
        self.skews: list[tuple[float, float]] = []
        key = SessionKey("s1", SUITES["aes-256-gcm"], bytes(32))
        self.cutters = {}
        for track, published in self.last.tracks.items():
            self.cutters[track] = Cutter(track, KINDS[track], key=key, spool=spool, offset_ms=-1_077_000)
            FrameReader(published, lambda frame, track=track: self.record(track, frame), lambda gap: None, 0.0, 0.0)  # type: ignore[misc]
        self.recorded = {"sound": -1, "picture": -1}

    def record(self, track: str, frame: EncodedFrame) -> None:
        cutter = self.cutters[track]
        at = cutter._time(frame)
        cutter._next_audio_ms = at + round(frame.duration * 1000)
        assert at > self.recorded[track], "the timeline never steps back"
        self.recorded[track] = at
        self.errors[track] = at / 1000 - self.capture[track]
        if len(self.errors) == 2:
            self.skews.append((self.capture[track], self.errors["picture"] - self.errors["sound"]))

    def stamp(self, track: str, moment: float) -> int:
        rate = CLOCK_RATES_HZ[KINDS[track]]
        return (self.origin[track] + round(moment * (1 + self.drift[track]) * rate)) & 0xFFFFFFFF

    def restart(self, track: str) -> None:
        """The page opens the device again: another stream with other numbers."""
        self.tracks[track].restart()
        self.origin[track] = self.chance.getrandbits(32)
        self.sequence[track] = self.chance.getrandbits(16)

    def run(self, begin: float, end: float, delay: float) -> None:
        heads = dict.fromkeys(EVERY, begin)
        while True:
            what = min(heads, key=heads.__getitem__)
            moment = heads[what]
            if moment >= end:
                return
            heads[what] += EVERY[what]
            now = 1000 + moment + delay + self.chance.expovariate(1 / 0.008)
            track, _, report = what.partition(" ")
            if report:
                ntp = NTP + moment * (1 + self.drift["ntp"]) + self.clock_set(moment)
                stamp = self.stamp(track, moment + self.chance.gauss(0, 0.003))
                ssrc = list(KINDS).index(track) + 1
                self.first.control.handle([SenderReport(ssrc, int(ntp * 2**32), stamp, 0, 0)], self.first.clock(now))
                if self.first is not self.last and track == "picture":
                    self.relay_reports(now)
                continue
            self.packet(track, moment, now + (0.02 if track == "sound" else 0.15 + self.chance.random() * 0.06))

    def packet(self, track: str, moment: float, now: float) -> None:
        now = self.now = self.arrived[track] = max(self.arrived[track], now)
        self.capture[track] = moment
        sequence = self.sequence[track] = (self.sequence[track] + 1) & 0xFFFF
        self.first.take(track, Rtp(96, True, sequence, self.stamp(track, moment), 0, PAYLOAD[track], 0, 0), now)

    def relay_reports(self, now: float) -> None:
        for slot in self.first.slots.values():
            report = slot.sender_report(self.first.clock(now))
            if report is not None:
                self.last.control.handle(parse_rtcp(report), self.last.clock(now + 0.005))


@pytest.mark.parametrize(("sign", "kiosk"), first_of((1, True), (-1, True), (1, False), (-1, False)))
def test_an_hour_of_drift_with_wraps_restarts_and_another_path(sign: int, kiosk: bool, tmp_path: Path) -> None:
    drift = {"ntp": sign * 50e-6, "sound": sign * 100e-6, "picture": -sign * 100e-6, "kiosk": -sign * 100e-6}
    someone = Participant(drift, tmp_path, seed=4, kiosk=kiosk)
    someone.run(0, 1200, delay=0.05)
    someone.run(1200, 1800, delay=0.25)
    someone.restart("picture")
    someone.run(1800, 2400, delay=0.04)
    someone.restart("sound")
    someone.run(2400, 3600, delay=0.04)
    began = (0, 1800, 2400)
    settled = [skew for moment, skew in someone.skews if all(not 0 <= moment - b < 15 for b in began)]
    assert len(settled) > 80_000
    assert max(map(abs, settled)) < 0.04
    assert max(abs(skew) for moment, skew in someone.skews if moment > 3500) < 0.02
    assert max(abs(skew) for _, skew in someone.skews) < 0.2, "also until the first reports have come"
