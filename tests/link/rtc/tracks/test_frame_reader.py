"""Whole frames out of a track: order, repair, gaps, time."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.capture_clock import PeerClock
from link.rtc.tracks.depacketizer import MAX_FRAME_BYTES, EncodedFrame, MediaGap
from link.rtc.tracks.frame_reader import FrameReader
from link.rtc.tracks.published_track import PATIENCE_S, PublishedTrack
from link.rtc.wire.vp8 import packetise

KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02" + bytes(3000)
DELTA = b"\x11\x00\x00" + bytes(2500)


class Tapped:
    """A track with a tap, fed frame by frame."""

    def __init__(self, kind: str = "video", interval: float = 0.0) -> None:
        self.track = PublishedTrack(kind)
        self.frames: list[EncodedFrame] = []
        self.gaps: list[MediaGap] = []
        self.keyframes = 0
        self.track.on_keyframe = self._keyframe
        self.tap = FrameReader(self.track, self.frames.append, self.gaps.append, interval, 0.0)
        self.sequence = 100
        self.picture = 0

    def _keyframe(self) -> None:
        self.keyframes += 1

    def packets(self, frame: bytes, stamp: int) -> list[tuple[int, int, bool, bytes]]:
        payloads = packetise(frame, self.picture) if self.track.kind == "video" else [frame]
        self.picture = (self.picture + 1) & 0x7FFF
        made = []
        for index, payload in enumerate(payloads, 1):
            made.append((self.sequence & 0xFFFF, stamp & 0xFFFFFFFF, index == len(payloads), payload))
            self.sequence += 1
        return made

    def push(self, frame: bytes, stamp: int, now: float, *, drop: set[int] | None = None) -> None:
        for index, packet in enumerate(self.packets(frame, stamp)):
            if not drop or index not in drop:
                self.track.receive(*packet, now)


def test_frames_come_whole_with_their_size() -> None:
    t = Tapped()
    t.push(KEYFRAME, 1000, 1.0)
    t.push(DELTA, 4000, 1.033)
    first, second = t.frames
    assert (first.data, first.keyframe, first.width, first.height) == (KEYFRAME, True, 1280, 720)
    assert (second.data, second.keyframe, second.width, second.height) == (DELTA, False, 0, 0)
    assert second.rtp_time - first.rtp_time == 3000
    assert first.time == pytest.approx(1.0, abs=0.001)
    assert t.gaps == []


def test_begins_with_a_keyframe_and_asks_for_one() -> None:
    t = Tapped()
    assert t.keyframes == 1
    t.push(DELTA, 0, 1.0)
    t.push(KEYFRAME, 3000, 1.03)
    assert [frame.keyframe for frame in t.frames] == [True]
    assert t.gaps == [], "what was never there is no gap"


def test_a_reader_that_does_not_ask_begins_with_the_next_keyframe_that_comes() -> None:
    t = Tapped()
    t.tap.close()
    t.keyframes = 0
    reader = FrameReader(t.track, t.frames.append, t.gaps.append, 10.0, 0.0, asks=False)
    t.push(DELTA, 1000, 1.0)
    for now in (1.1, 12.0):
        t.track.last_arrival = now
        reader.tick(now)
    assert (t.keyframes, t.frames) == (0, [])
    t.push(KEYFRAME, 91_000, 2.0)
    reader.flush()
    assert [frame.data for frame in t.frames] == [KEYFRAME]


def test_a_reader_can_have_its_turn_after_the_others() -> None:
    t = Tapped("audio")
    order: list[str] = []
    t.tap.close()
    readers = [
        FrameReader(t.track, lambda _: order.append("a"), lambda _: None, 0.0, 0.0),
        FrameReader(t.track, lambda _: order.append("b"), lambda _: None, 0.0, 0.0),
    ]
    t.push(b"\x78a", 960, 1.0)
    readers[0].follow_others()
    readers[0].flush()
    readers[1].flush()
    order.clear()
    t.push(b"\x78b", 1920, 1.02)
    assert order == ["b", "a"]
    readers[0].close()
    readers[0].follow_others()
    assert t.track.subscribers == (readers[1],)


def test_joins_in_the_middle_of_a_frame() -> None:
    t = Tapped()
    for packet in t.packets(KEYFRAME, 0)[1:]:
        t.track.receive(*packet, 1.0)
    t.push(KEYFRAME, 3000, 1.03)
    assert len(t.frames) == 1


def test_the_very_first_packet_may_be_late() -> None:
    t = Tapped()
    packets = t.packets(KEYFRAME, 0) + t.packets(DELTA, 3000)
    for packet in packets[1:] + packets[:1]:
        t.track.receive(*packet, 1.0)
    t.track.tick(1.2)
    assert len(t.frames) == 2


def test_asks_again_until_it_has_begun() -> None:
    t = Tapped()
    for packet in t.packets(KEYFRAME, 0)[:1] + t.packets(DELTA, 3000):
        t.track.receive(*packet, 1.0)
    t.track.tick(1.5)
    assert t.keyframes == 2


def test_a_late_packet_completes_its_frame_before_the_next() -> None:
    t = Tapped()
    packets = t.packets(KEYFRAME, 0) + t.packets(DELTA, 3000) + t.packets(DELTA, 6000)
    late = packets.pop(4)
    for packet in packets:
        t.track.receive(*packet, 1.0)
    t.track.tick(1.2)
    assert len(t.frames) == 1
    t.track.receive(*late, 1.2, repaired=True)
    assert len(t.frames) == 3
    assert t.gaps == []


def test_a_loss_for_good_is_a_gap_until_the_next_keyframe() -> None:
    t = Tapped()
    t.push(KEYFRAME, 0, 1.0)
    t.push(DELTA, 3000, 1.033, drop={1})
    t.push(DELTA, 6000, 1.066)
    t.track.repair(1.066 + PATIENCE_S)
    assert t.keyframes == 2
    t.track.tick(1.066 + PATIENCE_S)
    assert len(t.frames) == 1
    t.push(KEYFRAME, 180_000, 3.0)
    assert len(t.frames) == 2
    [gap] = t.gaps
    assert gap.reason == "loss"
    assert (gap.start, gap.end) == pytest.approx((1.0, 3.0), abs=0.01)


def test_lost_sound_is_a_gap_of_just_that() -> None:
    t = Tapped("audio")
    for index in range(10):
        packets = t.packets(b"\x78" + bytes(40), index * 960)
        if index not in (4, 5):
            t.track.receive(*packets[0], 1.0 + index * 0.02)
    assert len(t.frames) == 4
    t.track.repair(1.12 + PATIENCE_S)
    assert len(t.frames) == 8
    assert t.frames[0].duration == 0.02
    [gap] = t.gaps
    assert gap.end - gap.start == pytest.approx(0.04)


def test_a_restart_is_a_gap() -> None:
    t = Tapped()
    t.push(KEYFRAME, 0, 1.0)
    t.track.restart()
    t.sequence, base = 9, 777_777
    t.push(DELTA, base, 2.0)
    t.push(KEYFRAME, base + 3000, 2.5)
    assert [gap.reason for gap in t.gaps] == ["restart"]
    assert t.frames[1].rtp_time > t.frames[0].rtp_time
    assert t.frames[1].time == pytest.approx(2.5, abs=0.5)


def test_a_broken_frame_ends_the_stretch() -> None:
    t = Tapped()
    t.push(KEYFRAME, 0, 1.0)
    sequence, stamp, _, payload = t.packets(b"\x11", 3000)[0]
    t.track.receive(sequence, stamp, False, payload, 1.03)  # never ends: no marker
    t.push(DELTA, 6000, 1.06)
    t.track.tick(1.07)
    assert len(t.frames) == 1
    t.push(KEYFRAME, 9000, 1.09)
    assert [gap.reason for gap in t.gaps] == ["loss"]


def test_an_endless_frame_is_dropped() -> None:
    t = Tapped()
    t.track.receive(1, 0, False, b"\x10\x00" + bytes(1100), 1.0)
    for sequence in range(2, MAX_FRAME_BYTES // 1100 + 10):
        t.track.receive(sequence & 0xFFFF, 0, False, b"\x00" + bytes(1100), 1.0)
    assert t.frames == []
    assert t.tap._assembler._size < MAX_FRAME_BYTES  # type: ignore[union-attr]


def test_padding_packets_are_passed_over() -> None:
    t = Tapped()
    t.push(KEYFRAME, 0, 1.0)
    t.track.receive(t.sequence, 0, False, b"", 1.01)
    t.sequence += 1
    t.push(DELTA, 3000, 1.033)
    assert len(t.frames) == 2


def test_asks_for_keyframes_as_replay_needs_them() -> None:
    t = Tapped(interval=10.0)
    t.push(KEYFRAME, 0, 1.0)
    t.push(DELTA, 900_000, 10.9)
    t.track.tick(10.95)
    assert t.keyframes == 1
    t.push(DELTA, 903_000, 11.0)
    t.track.tick(11.01)
    assert t.keyframes == 2


@pytest.mark.parametrize(
    ("times", "every", "interval"),
    [
        (1, 0.1, 2.0),  # 3 KB beside 25 KB a second: 1.2 s would do, but nothing is to be had from less than 2 s
        (1, 0.02, 2.0),
        (7, 0.04, 3.37),  # a camera's: 21 KB beside 62 KB a second
        (7, 0.1, 8.43),
        (7, 0.5, 10.0),  # pictures of a page on which little happens
        (40, 0.04, 10.0),  # a narrow path, on which each would take long
    ],
)
def test_asks_for_small_keyframes_more_often(times: int, every: float, interval: float) -> None:
    """So often that they are a tenth of the bytes, for replay decodes from one to the moment that is looked for."""
    t = Tapped(interval=10.0)
    keyframe = KEYFRAME + bytes(len(KEYFRAME) * (times - 1))
    now, last = 1.0, 0.0
    for _ in range(3):
        t.push(keyframe, round(now * 90_000), now)
        last, asked = now, t.keyframes
        while t.keyframes == asked:
            now += every
            t.push(DELTA, round(now * 90_000), now)
            t.track.tick(now)
    assert now - last == pytest.approx(interval, abs=every + 0.01)


def test_a_reader_that_wants_no_keyframes_wants_none_more_often() -> None:
    t = Tapped()
    for now in (1.0, 5.0, 9.0):
        t.push(KEYFRAME, round(now * 90_000), now)
        t.push(DELTA, round(now * 90_000) + 3000, now + 0.04)
        t.track.tick(now + 3.9)
    assert t.keyframes == 1


def test_closing_tells_of_an_open_gap_once_and_then_nothing() -> None:
    t = Tapped()
    t.push(KEYFRAME, 0, 1.0)
    t.track.restart()
    t.tap.close()
    t.tap.close()
    t.tap.request_keyframe()
    t.push(KEYFRAME, 0, time.monotonic())
    assert len(t.frames) == 1
    assert [gap.reason for gap in t.gaps] == ["restart"]
    assert t.track.subscribers == ()


def test_waiting_packets_are_bounded() -> None:
    t = Tapped("audio")
    for sequence in range(1, 4000):
        if sequence != 2:
            t.track.receive(sequence, sequence * 960, False, b"\x78", 1.0)
    assert len(t.tap._pending) <= 1024
    assert "overflow" in {gap.reason for gap in t.gaps}


def test_picture_and_sound_of_one_peer_are_in_step() -> None:
    """Captured together, sent 300 ms apart: sender reports bring them together, slewed and never backwards."""
    picture, sound, peer = Tapped(), Tapped("audio"), PeerClock()
    ntp = 3_900_000_000.0
    for step in range(3000):
        capture = step * 0.02
        now = 100.0 + capture
        if step % 50 == 0:
            peer.observe(ntp + capture, now + 0.01)
            for tapped, rate in ((picture, 90_000), (sound, 48_000)):
                if tapped.track.highest >= 0:
                    stamp = tapped.track.unwrap(int(capture * rate))
                    tapped.track.clock.report(stamp, int((ntp + capture) * 2**32), peer)
        sound.push(b"\x78", int(capture * 48_000), now)
        picture.push(KEYFRAME if step == 0 else DELTA, int(capture * 90_000), now + 0.3)
    times = [frame.time for frame in picture.frames]
    assert all(b >= a for a, b in pairwise(times))
    assert max(b - a for a, b in pairwise(times)) < 0.03
    assert picture.frames[0].time - sound.frames[0].time == pytest.approx(0.3, abs=0.02)
    assert picture.frames[-1].time - sound.frames[-1].time == pytest.approx(0.0, abs=0.002)


@given(st.integers(0, 2**32), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1))
def test_whatever_the_network_does_frames_are_whole_and_in_order(seed: int, sequence: int, stamp: int) -> None:
    chance = random.Random(seed)
    t = Tapped()
    t.sequence = sequence
    sent: list[bytes] = []
    now = 10.0
    delayed: list[tuple[tuple[int, int, bool, bytes], float]] = []
    for index in range(60):
        frame = (KEYFRAME if index % 20 == 0 else DELTA) + index.to_bytes(2, "big")
        sent.append(frame)
        for packet in t.packets(frame, stamp + index * 3000):
            roll = chance.random()
            if roll < 0.05:
                continue
            if roll < 0.15:
                delayed.append((packet, now + chance.random() * 0.3))
            else:
                t.track.receive(*packet, now)
                if roll > 0.95:
                    t.track.receive(*packet, now)
        now += 0.033
        for packet, due in list(delayed):
            if due <= now:
                delayed.remove((packet, due))
                t.track.receive(*packet, now, repaired=True)
        t.track.repair(now)
    t.track.repair(now + PATIENCE_S)
    order = [sent.index(frame.data) for frame in t.frames]
    assert order == sorted(set(order))
    # A delta frame follows the frame it was made from.
    for before, after in pairwise(order):
        assert after == before + 1 or after % 20 == 0
    skips = sum(after != before + 1 for before, after in pairwise(order))
    assert len(t.gaps) == skips
