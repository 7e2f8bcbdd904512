"""A track under loss, reordering, duplicates, wraps and restarts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.nack import NACK_AFTER_S, NACK_EVERY_S, NACK_TWICE_S
from link.rtc.tracks.published_track import (
    GIVE_UP_S,
    HISTORY_PACKETS,
    MAX_MISSING_PACKETS,
    PATIENCE_S,
    Packet,
    PublishedTrack,
)

KEYFRAME = b"\x10\x00" + bytes(8)
DELTA = b"\x10\x01" + bytes(8)


class Reader:
    """A subscriber that writes down what it is told."""

    patient = False

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.lost: list[int] = []
        self.restarts: list[str] = []
        self.ticks = 0
        self.bitrate = 0

    def packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def packet_run(self, run: Sequence[Packet]) -> None:
        self.packets.extend(run)

    def gave_up(self, sequence: int) -> None:
        self.lost.append(sequence)

    def restarted(self, reason: str) -> None:
        self.restarts.append(reason)

    def tick(self, now: float) -> None:
        self.ticks += 1

    def limit(self) -> int:
        return self.bitrate

    @property
    def sequences(self) -> list[int]:
        return [packet.sequence for packet in self.packets]


class Publisher:
    """A track whose requests are written down."""

    def __init__(self, kind: str = "video") -> None:
        self.track = PublishedTrack(kind)
        self.nacks: list[list[int]] = []
        self.keyframes = 0
        self.hurried = 0
        self.track.on_nack = self.nacks.append
        self.track.on_keyframe = self._keyframe
        self.track.on_missing = self._hurry
        self.reader = Reader()
        self.track.add(self.reader)

    def _keyframe(self) -> None:
        self.keyframes += 1

    def _hurry(self) -> None:
        self.hurried += 1

    def send(
        self, *sequences: int, now: float = 1.0, payload: bytes = DELTA, repaired: bool = False, marker: bool = False
    ) -> None:
        for sequence in sequences:
            stamp = sequence * 3000 & 0xFFFFFFFF
            self.track.receive(sequence & 0xFFFF, stamp, marker, payload, now, repaired)


def test_packets_reach_subscribers_in_order_of_arrival() -> None:
    p = Publisher()
    p.send(5, 6, 8, 7)
    base = p.track.first
    assert p.reader.sequences == [base, base + 1, base + 3, base + 2]
    assert p.track.late == 1


def test_duplicates_end_here() -> None:
    p = Publisher()
    p.send(5, 6, 7, 6, 5, 7)
    assert len(p.reader.packets) == 3
    assert p.track.packets == 3


def test_sequence_numbers_and_timestamps_do_not_wrap() -> None:
    p = Publisher()
    for index in range(70_000):
        p.track.receive((65_000 + index) & 0xFFFF, (0xFFFFFF00 + 3000 * index) & 0xFFFFFFFF, False, DELTA, index / 30)
    packets = p.reader.packets
    assert [b.sequence - a.sequence for a, b in itertools.pairwise(packets)] == [1] * 69_999
    assert packets[-1].timestamp - packets[0].timestamp == 3000 * 69_999


def test_a_timestamp_may_step_back_a_little() -> None:
    """A late packet of the frame before is not a wrap."""
    p = Publisher()
    for sequence, stamp in ((1, 9000), (3, 12000), (2, 9000), (4, 12000)):
        p.track.receive(sequence, stamp, False, DELTA, 1.0)
    assert [packet.timestamp for packet in p.reader.packets] == [9000, 12000, 9000, 12000]


def test_history_answers_for_as_long_as_it_is_long() -> None:
    p = Publisher("audio")
    p.send(*range(1, HISTORY_PACKETS["audio"] + 2))
    first = p.track.first
    assert p.track.packet(first) is None
    second = p.track.packet(first + 1)
    assert second is not None
    assert second.sequence == first + 1
    assert PublishedTrack("audio").packet(5) is None


class TestRepair:
    def test_asks_after_20_ms_and_again_every_round_trip(self) -> None:
        p = Publisher()
        p.track.rtt = 0.055
        p.send(1, 4)
        assert p.hurried == 1
        assert p.track.repair(1.0 + NACK_AFTER_S / 2)
        assert p.nacks == []
        p.track.repair(1.0 + NACK_AFTER_S)
        p.track.repair(1.0 + NACK_AFTER_S + 0.05)
        assert p.nacks == [[2, 3]]
        p.track.repair(1.0 + NACK_AFTER_S + 0.056)
        assert p.nacks == [[2, 3], [2, 3]]

    def test_on_a_long_path_it_asks_twice_and_when_the_answer_is_overdue_more_often(self) -> None:
        p = Publisher()
        p.track.rtt = 0.3
        p.send(1, 3)
        asked = []
        for tick in range(1, 40):
            before = len(p.nacks)
            p.track.repair(1.0 + tick * 0.02 + 1e-6)
            asked += [tick * 0.02] * (len(p.nacks) - before)
        assert asked == pytest.approx([0.02, 0.02 + NACK_TWICE_S, 0.32, 0.4, 0.48, 0.56, 0.64, 0.72])

    def test_a_path_that_reorders_is_given_time(self) -> None:
        """Packets that come 40 ms late by themselves are not asked for, once that is known."""
        p = Publisher()
        p.track.rtt = 0.2
        for step in range(60):
            now = 1.0 + step * 0.1
            p.send(3 * step, 3 * step + 2, now=now)
            if step == 50:
                p.nacks.clear()
            p.track.repair(now + 0.021)
            p.track.repair(now + 0.039)
            p.send(3 * step + 1, now=now + 0.04)
        assert p.nacks == []
        assert p.track.repaired == 0
        p.send(1000, 1002, now=10.0)
        p.track.repair(10.0 + 0.06)
        assert len(p.nacks) == 1, "what is lost is asked for all the same"

    def test_what_came_first_need_not_be_the_first(self) -> None:
        p = Publisher()
        p.send(104, 105, 101)
        assert p.track.first & 0xFFFF == 101
        p.track.repair(1.05)
        assert p.nacks == [[102, 103]]
        p.send(102, now=1.1, repaired=True)
        p.track.repair(1.0 + GIVE_UP_S)
        assert [sequence & 0xFFFF for sequence in p.reader.lost] == [103]

    def test_sound_that_was_sent_again_counts_as_repaired(self) -> None:
        p = Publisher("audio")
        p.track.rtt = 0.05
        p.send(1, 3, 5)
        p.track.repair(1.03)
        p.send(2, now=1.04)
        assert p.track.repaired == 0, "nothing is answered before it can be"
        p.send(4, now=1.08)
        assert p.track.repaired == 1

    def test_what_comes_late_where_there_is_rtx_was_not_sent_again(self) -> None:
        p = Publisher("video")
        p.track.rtx = True
        p.track.rtt = 0.05
        p.send(1, 4)
        p.track.repair(1.03)
        p.send(2, now=1.3)
        assert p.track.repaired == 0
        p.send(3, now=1.3, repaired=True)
        assert p.track.repaired == 1

    def test_asks_not_more_often_than_every_50_ms(self) -> None:
        p = Publisher()
        p.track.rtt = 0.001
        p.send(1, 3)
        for tick in range(26):
            p.track.repair(1.0 + tick * 0.02)
        assert len(p.nacks) <= 1 + 0.5 / NACK_EVERY_S

    def test_what_came_is_not_asked_for(self) -> None:
        p = Publisher()
        p.send(1, 4, 3)
        p.track.repair(1.05)
        assert p.nacks == [[2]]
        p.send(2, now=1.06, repaired=True)
        assert not p.track.repair(1.2)
        assert p.track.repaired == 1
        assert p.track.lost == 0

    def test_gives_up_after_a_second_and_asks_for_a_keyframe(self) -> None:
        p = Publisher()
        p.send(1, 3)
        assert p.track.repair(1.0 + GIVE_UP_S - 0.01)
        assert p.keyframes == 0
        assert not p.track.repair(1.0 + GIVE_UP_S)
        assert p.reader.lost == [p.track.first + 1]
        assert p.keyframes == 1
        assert p.track.lost == 1

    def test_for_a_recorder_it_goes_on_asking(self) -> None:
        p = Publisher()
        p.track.rtt = 0.5
        p.reader.patient = True
        p.send(1, 3)
        for tick in range(int(PATIENCE_S / 0.02) - 1):
            assert p.track.repair(1.0 + tick * 0.02)
        assert p.keyframes == 1, "those who watch get a new picture meanwhile"
        assert len(p.nacks) <= 2 + 4 * PATIENCE_S / 0.5
        assert p.reader.lost == []
        assert not p.track.repair(1.0 + PATIENCE_S)
        assert len(p.reader.lost) == 1

    def test_waits_longer_where_a_round_trip_is_long(self) -> None:
        """A keyframe through a queue in which the answer stands already would come much later."""
        p = Publisher()
        p.send(1, 3)
        p.track.rtt = 0.8
        assert p.track.repair(1.0 + 1.9)
        assert p.keyframes == 0
        assert not p.track.repair(1.0 + 2.0)
        assert p.keyframes == 1

    def test_sound_is_asked_for_as_well_but_has_no_keyframes(self) -> None:
        p = Publisher("audio")
        p.send(1, 3)
        p.track.repair(1.05)
        assert p.nacks == [[2]]
        p.track.repair(3.0)
        assert p.keyframes == 0

    def test_numbers_asked_for_wrap(self) -> None:
        p = Publisher()
        p.send(65_534, 65_537)
        p.track.repair(1.05)
        assert p.nacks == [[65_535, 0]]

    def test_what_is_missing_is_bounded(self) -> None:
        p = Publisher()
        for index in range(0, 4 * MAX_MISSING_PACKETS, 2):
            p.send(index)
        p.track.repair(1.05)
        assert len(p.nacks[0]) <= MAX_MISSING_PACKETS
        assert len(p.reader.lost) == 2 * MAX_MISSING_PACKETS - 1 - len(p.nacks[0])

    def test_a_leap_is_not_asked_for(self) -> None:
        p = Publisher()
        p.send(1, 1000)
        p.track.repair(1.05)
        assert p.nacks == []
        assert p.reader.restarts == ["overflow"]
        assert p.keyframes == 1
        assert len(p.reader.packets) == 2

    @given(st.integers(0, 0xFFFF), st.integers(0, 2**32), st.lists(st.booleans(), min_size=5, max_size=200))
    def test_loss_duplication_and_reordering_end_in_everything_once(
        self, start: int, seed: int, lost: list[bool]
    ) -> None:
        """Whatever the network does, what is repaired or given up is the whole stream, each packet once."""
        chance = random.Random(seed)
        p = Publisher()
        p.send(start, now=0.0)
        now = 0.0
        held: list[int] = []
        for index, gone in enumerate(lost, 1):
            now += 0.01
            if chance.random() < 0.2:
                held.append(start + index)
            elif not gone:
                p.send(start + index, now=now)
            if chance.random() < 0.1 and not gone:
                p.send(start + index, now=now)
            while held and chance.random() < 0.5:
                p.send(held.pop(0), now=now)
            p.track.repair(now)
        for sequence in held:
            p.send(sequence, now=now)
        p.send(start + len(lost) + 1, now=now)
        p.track.repair(now + 2.0)
        seen = p.reader.sequences
        assert len(seen) == len(set(seen))
        assert not set(seen) & set(p.reader.lost)
        base = p.track.first
        assert sorted(seen + p.reader.lost) == list(range(base, base + len(lost) + 2))


class TestRestart:
    def test_a_new_stream_goes_on_above_the_old_one(self) -> None:
        p = Publisher()
        p.send(100, 101, 103, now=1.0)
        p.track.restart()
        p.track.receive(7, 12345, False, DELTA, 3.0)
        old, new = p.reader.packets[-2:]
        assert p.reader.restarts == ["restart"]
        assert new.sequence > old.sequence + 0x10000
        assert new.sequence & 0xFFFF == 7
        assert new.timestamp - old.timestamp == pytest.approx(2 * 90_000)
        p.track.repair(3.1)
        assert p.nacks == []

    def test_before_the_first_packet_it_means_nothing(self) -> None:
        p = Publisher()
        p.track.restart()
        assert p.reader.restarts == []

    def test_two_packets_from_far_behind_are_a_restart_that_nobody_announced(self) -> None:
        p = Publisher()
        p.send(20_000, 20_001)
        p.send(3)
        assert len(p.reader.packets) == 2
        p.send(4, 5)
        p.send(6)
        assert p.reader.restarts == ["restart"]
        assert [s & 0xFFFF for s in p.reader.sequences] == [20_000, 20_001, 5, 6]

    def test_one_stray_packet_is_not(self) -> None:
        p = Publisher()
        p.send(20_000, 3, 20_001, 4, 20_002)
        assert p.reader.restarts == []
        assert len(p.reader.packets) == 3


def test_the_tightest_subscriber_counts() -> None:
    p = Publisher()
    other = Reader()
    p.track.add(other)
    assert p.track.limit() == 0
    other.bitrate = 700
    assert p.track.limit() == 700
    p.reader.bitrate = 500
    assert p.track.limit() == 500
    p.track.remove(p.reader)
    assert p.track.limit() == 700


def test_ticks_reach_subscribers() -> None:
    p = Publisher()
    p.track.tick(1.0)
    assert p.reader.ticks == 1


def test_activity() -> None:
    p = Publisher()
    assert not p.track.active(1.0)
    p.send(1, now=1.0)
    assert p.track.active(1.5)
    assert not p.track.active(2.5)


@given(st.randoms(use_true_random=False), st.sampled_from(["audio", "video"]))
def test_a_run_is_the_same_as_its_packets(rng: random.Random, kind: str) -> None:
    """Whatever is lost, late, doubled or wrapped, and wherever the runs are cut."""
    single, together = PublishedTrack(kind), PublishedTrack(kind)
    one, many = Reader(), Reader()
    single.add(one)
    together.add(many)
    base, stamp = rng.randrange(0x10000), rng.randrange(1 << 32)
    arrivals: list[tuple[int, int, bool, bytes]] = []
    for index in range(80):
        if rng.random() < 0.1:
            continue
        payload = KEYFRAME if rng.random() < 0.1 else DELTA
        arrivals.append(((base + index) & 0xFFFF, (stamp + index // 3 * 3000) & 0xFFFFFFFF, index % 3 == 2, payload))
        if rng.random() < 0.1:
            arrivals.append(rng.choice(arrivals))
        if rng.random() < 0.1 and len(arrivals) > 2:
            arrivals[-1], arrivals[-2] = arrivals[-2], arrivals[-1]
    now = 1.0
    while arrivals:
        size = rng.randint(1, 8)
        run, arrivals = arrivals[:size], arrivals[size:]
        now += 0.01
        for arrival in run:
            single.receive(*arrival, now)
        together.receive_run(run, now)
        if rng.random() < 0.1:
            single.request_keyframe(now)
            together.request_keyframe(now)

    def told(reader: Reader) -> list[tuple[int, int, bool, bytes, float]]:
        return [(p.sequence, p.timestamp, p.marker, p.payload, p.arrival) for p in reader.packets]

    assert told(many) == told(one)
    assert (many.lost, many.restarts) == (one.lost, one.restarts)
    assert (together.packets, together.bytes, together.highest, together.late, together.lost) == (
        single.packets, single.bytes, single.highest, single.late, single.lost,
    )  # fmt: skip
