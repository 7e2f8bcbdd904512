"""The bandwidth estimator: quiet on a good path, quick on a full one, back up afterwards."""

from __future__ import annotations

import random

import pytest

from link.rtc.congestion.delay_based import (
    MAX_ESTIMATE_BPS,
    MIN_ESTIMATE_BPS,
    DelayBasedEstimator,
    IncomingRate,
    OveruseDetector,
    StandingQueue,
    Usage,
)


class Link:
    """A bottleneck of `rate` bit/s with an endless queue."""

    def __init__(self, rate: float, *, jitter: float = 0.0, offset: float = 60.0) -> None:
        self.rate = rate
        self.jitter = jitter
        self.estimator = DelayBasedEstimator()
        self.now = 1000.0
        self._free = 0.0
        self._offset = offset  # of the sender's clock, so that abs-send-time wraps on the way
        self._random = random.Random(3)
        self._last = 0.0

    def send(self, bitrate: float, seconds: float, *, adapt: bool = False) -> None:
        """30 frames a second of packets of 1,200 bytes; with `adapt` the sender obeys the estimate."""
        end = self.now + seconds
        while self.now < end:
            target = min(bitrate, self.estimator.estimate) if adapt else bitrate
            for _ in range(max(1, round(target / 30 / 9600))):
                self._free = max(self._free, self.now) + 9600 / self.rate
                arrival = max(self._last, self._free + 0.02 + self._random.random() * self.jitter)
                self._last = arrival
                stamp = int((self.now + self._offset) * 262144) & 0xFFFFFF
                self.estimator.add(stamp, arrival, 1200)
                self.now += 0.0005
            self.now += 1 / 30


def test_a_good_path_is_left_alone() -> None:
    link = Link(50e6)
    link.send(1.5e6, 20)
    assert link.estimator.estimate == MAX_ESTIMATE_BPS
    assert link.estimator.incoming == pytest.approx(1.5e6, rel=0.1)


def test_so_is_a_path_with_jitter() -> None:
    link = Link(50e6, jitter=0.015)
    link.send(1.5e6, 30)
    assert link.estimator.estimate > 2e6


def test_a_full_path_is_noticed() -> None:
    link = Link(1e6)
    link.send(1.5e6, 4)
    assert MIN_ESTIMATE_BPS <= link.estimator.estimate < 1.05e6


def test_the_queue_of_a_path_that_narrows_drains_within_a_second() -> None:
    """What is told is below what the path carries now, and no mixture with what it carried a second ago."""
    link = Link(50e6)
    link.send(0.9e6, 5)
    link.rate = 0.5e6
    queue = []
    for _ in range(15):
        link.send(0.9e6, 0.1, adapt=True)
        queue.append(link._free - link.now)
    assert max(queue) < 0.2
    assert max(queue[9:]) < 0.02
    assert 0.35e6 < link.estimator.estimate < 0.45e6


@pytest.mark.parametrize("bitrate", [0.75e6, 1.5e6, 2.5e6])
def test_a_queue_is_seen_while_it_is_short(bitrate: float) -> None:
    link = Link(50e6, jitter=0.005)
    link.send(bitrate, 5)
    link.rate = 0.55 * bitrate
    began = link.now
    while link.estimator.estimate == MAX_ESTIMATE_BPS:
        link.send(bitrate, 0.02)
    assert link.now - began < 0.35
    assert link._free - link.now < 0.25
    assert 0.35 * bitrate < link.estimator.estimate < 0.75 * bitrate
    link.send(bitrate, 0.5)
    assert link.estimator.queue > 0.1
    link.send(0.2 * bitrate, 2.5)
    assert link.estimator.queue < 0.05


def jittered(estimator: DelayBasedEstimator, jitter: float, seconds: float, seed: int, *, calm: float = 0.0) -> int:
    """20 pictures of 5 packets and 50 sounds a second, each delayed by up to `jitter`, after `calm` seconds without it.

    The lowest estimate.
    """
    chance = random.Random(seed)
    arrivals = []
    for frame in range(round(20 * seconds)):
        sent = frame * 0.05
        packets = [(sent + 0.002 * number, 1200) for number in range(5)] + [(sent + 0.02 * n, 140) for n in range(3)]
        varies = jitter if sent >= calm else 0.002
        arrivals += [(at + 0.15 + varies * chance.random(), at, size) for at, size in packets]
    lowest = estimator.estimate
    for arrival, at, size in sorted(arrivals):
        estimator.add(int((at + 60) * 262144) & 0xFFFFFF, 1000 + arrival, size)
        lowest = min(lowest, estimator.estimate)
    return lowest


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("jitter", [0.03, 0.1, 0.2, 0.3])
def test_jitter_with_packets_that_overtake_is_no_queue(jitter: float, seed: int) -> None:
    """For a minute, and when it comes out of the blue as well: a queue lets nobody overtake."""
    assert jittered(DelayBasedEstimator(), jitter, 60, seed) == MAX_ESTIMATE_BPS
    assert jittered(DelayBasedEstimator(), jitter, 30, seed, calm=5) == MAX_ESTIMATE_BPS


def test_a_path_that_narrows_is_seen_through_jitter() -> None:
    estimator = DelayBasedEstimator()
    jittered(estimator, 0.1, 10, 1)
    chance = random.Random(1)
    free, arrivals = 10.0, []
    for step in range(200):
        sent = 10 + step * 0.01  # 0.96 Mbit/s into a path of half a megabit
        free = max(free, sent) + 9600 / 500_000
        arrivals.append((free + 0.15 + 0.1 * chance.random(), sent))
    seen = []
    for arrival, sent in sorted(arrivals):
        estimator.add(int((sent + 60) * 262144) & 0xFFFFFF, 1000 + arrival, 1200)
        if estimator.estimate < MAX_ESTIMATE_BPS:
            seen.append(arrival - 0.15 - 10)
    assert seen[0] < 1.2
    assert 0.25e6 < estimator.estimate < 0.6e6


def test_a_path_that_has_become_longer_is_not_full() -> None:
    """Another way through the network: 250 ms more from one moment to the next, whatever is sent."""
    link = Link(50e6, jitter=0.01)
    link.send(1.5e6, 10, adapt=True)
    link._free = link.now + 0.25
    for _ in range(300):
        link.now, link._last = link.now + 1 / 30, 0.0
        for number in range(max(1, round(min(1.5e6, link.estimator.estimate) / 30 / 9600))):
            stamp = int((link.now + 60 + 0.0005 * number) * 262144) & 0xFFFFFF
            link.estimator.add(stamp, link.now + 0.27 + 0.0005 * number, 1200)
    assert link.estimator.queue < 0.01
    assert link.estimator.estimate > 1.0e6


def test_a_sender_that_obeys_settles_below_the_bottleneck() -> None:
    link = Link(1e6)
    link.send(3e6, 40, adapt=True)
    assert 0.4e6 < link.estimator.estimate < 1.3e6
    assert link._free - link.now < 1.0, "the queue stays short"


def test_goes_up_again_when_the_path_is_free() -> None:
    link = Link(0.6e6)
    link.send(3e6, 10, adapt=True)
    low = link.estimator.estimate
    assert low < 0.8e6
    link.rate = 50e6
    link.send(3e6, 8, adapt=True)
    assert link.estimator.estimate > 2 * low
    link.send(3e6, 7, adapt=True)
    assert link.estimator.estimate > 3e6, "the longer nothing is in the way, the faster"


def test_a_pause_is_not_congestion() -> None:
    link = Link(50e6)
    link.send(1e6, 5)
    link.now += 30
    link.send(1e6, 5)
    assert link.estimator.estimate == MAX_ESTIMATE_BPS


def test_reordered_and_absurd_times_do_no_harm() -> None:
    chance = random.Random(1)
    estimator = DelayBasedEstimator()
    for step in range(5000):
        estimator.add(chance.randrange(1 << 24), 10 + step * 0.001, 1200)
    assert MIN_ESTIMATE_BPS <= estimator.estimate <= MAX_ESTIMATE_BPS


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hiccups_do_not_ratchet_it_down(seed: int) -> None:
    """A minute of 20 pictures and 50 sounds a second, where nothing is read for 30 to 95 ms, ten times a second."""
    chance = random.Random(seed)
    estimator, lowest = DelayBasedEstimator(), MAX_ESTIMATE_BPS
    now, held, last = 1000.0, 0.0, 0.0
    hiccup = now + chance.expovariate(10)
    for _ in range(60 * 20):
        rate = min(0.9e6, max(50e3, estimator.estimate - 48e3))
        picture = [(now + number * 0.0005, 1200) for number in range(max(1, round(rate / 20 / 9600)))]
        for sent, size in sorted(picture + [(now + 0.02 * number, 140) for number in range(3)]):
            arrival = sent + 0.02 + 0.004 * chance.random()
            if arrival > hiccup:
                held, hiccup = hiccup + chance.uniform(0.03, 0.095), arrival + chance.expovariate(10)
            last = max(arrival, held, last)
            estimator.add(int((sent + 60) * 262144) & 0xFFFFFF, last, size)
        lowest = min(lowest, estimator.estimate)
        now += 0.05
    assert lowest > 0.35e6


def test_our_own_lateness_is_not_taken_for_the_paths() -> None:
    link = Link(50e6)
    link.send(1e6, 3)
    for _ in range(20):
        link._last = link.now + 0.4  # nothing is read for 400 ms, then all at once
        link.send(1e6, 0.7)
    assert link.estimator.estimate == MAX_ESTIMATE_BPS


def starved(link: Link, seconds: float, seed: int) -> int:
    """Somebody on the way gets no processor for up to a second at a time; the lowest estimate meanwhile."""
    chance = random.Random(seed)
    lowest = link.estimator.estimate
    end = link.now + seconds
    while link.now < end:
        pause = chance.uniform(0.3, 1.0)
        link._free = link.now + pause
        link.rate = 4e6  # what has gathered is passed on packet by packet, between others that want the processor
        for _ in range(round(pause * 2 / 0.04)):
            link.send(1.5e6, 0.04)
            lowest = min(lowest, link.estimator.estimate)
    return lowest


@pytest.mark.parametrize("seed", range(5))
def test_a_starved_machine_is_not_a_narrow_path(seed: int) -> None:
    link = Link(50e6)
    link.send(1.5e6, 5)
    assert starved(link, 2.0, seed) > 0.6e6, "a browser that is told 150 kbit/s is back after half a minute"
    link.rate = 50e6
    link.send(1.5e6, 5)
    assert link.estimator.estimate > 0.9e6


def test_a_narrow_path_that_stands_still_now_and_then_is_still_narrow() -> None:
    link = Link(50e6)
    link.send(2.5e6, 5, adapt=True)
    link.rate = 0.5e6
    for _ in range(6):
        link.send(2.5e6, 0.8, adapt=True)
        link._free += 0.2
    assert link.estimator.estimate < 0.6e6


# --- the parts --------------------------------------------------------------------------------------------------------


def test_the_incoming_bitrate_is_that_of_the_last_second() -> None:
    assert not IncomingRate().begun
    rate = IncomingRate()
    for packet in range(200):
        rate.count(10.0 + packet / 100, 1250)
    assert rate.begun
    assert rate.bps == pytest.approx(1e6, rel=0.03)
    assert rate.recent(11.99, 0.4) == pytest.approx(1e6, rel=0.1)
    rate.count(20.0, 1250)
    assert rate.bps == 1250 * 8 / 0.2, "a first burst is no bitrate"


def test_the_usual_bitrate_rises_soon_and_falls_late() -> None:
    rate, now = IncomingRate(), 10.0
    for _ in range(150):
        rate.count(now, 1250)
        now += 0.02
    assert rate.usual == pytest.approx(rate.bps, rel=0.1), "after three seconds"
    for _ in range(30):
        rate.count(now, 125)
        now += 0.02
    assert rate.usual > 0.8 * 500_000, "0.6 s of little tell nothing"


def judged(slope: float, groups: int = 40, *, waits: bool = True) -> list[Usage]:
    """What a detector says of a delay that grows by so many seconds in a second, a group every 30 ms."""
    detector, said = OveruseDetector(), []
    for group in range(groups):
        at = 10.0 + 0.03 * group
        if detector.add(at, slope * 0.03 * group):
            said.append(detector.judge(group, at, waits=waits))
    return said


def test_twenty_groups_are_needed() -> None:
    assert judged(0.5, 19) == []
    assert len(judged(0.5, 20)) == 1


def test_a_delay_that_grows_is_overuse_once_it_lasts() -> None:
    said = judged(0.5)
    assert said[0] == "rising"
    assert "over" in said


def test_a_delay_that_shrinks_is_a_queue_that_drains() -> None:
    assert set(judged(-0.5)) == {"under"}


def test_a_delay_that_stays_is_normal() -> None:
    assert set(judged(0.0)) == {"normal"}


def test_it_is_no_overuse_while_one_packet_comes_through_at_once() -> None:
    assert "over" not in judged(0.5, waits=False)


def test_an_answer_makes_overuse_count_anew() -> None:
    detector = OveruseDetector()
    for group in range(22):
        if detector.add(10.0 + 0.03 * group, 0.015 * group):
            detector.judge(group, 10.0 + 0.03 * group, waits=True)
    detector.answered()
    detector.add(10.66, 0.33)
    assert detector.judge(22, 10.66, waits=True) == "rising"


def stand(queue: StandingQueue, delay: float, begin: float, groups: int = 6) -> None:
    for group in range(groups):
        queue.observe(begin + group / 30, delay, delay)


def test_a_queue_stands_when_several_groups_have_waited() -> None:
    queue = StandingQueue()
    stand(queue, 0.0, 10.0, 30)
    stood = []
    for group in range(4):
        stand(queue, 0.3, 11.0 + group / 30, 1)
        stood.append(queue.stands)
    assert stood == [False, False, False, True]
    assert queue.delay == pytest.approx(0.3)


def test_overtaking_is_taken_off() -> None:
    queue = StandingQueue()
    stand(queue, 0.0, 10.0, 30)
    queue.overtake(0.25)
    stand(queue, 0.28, 11.0)
    assert not queue.stands
    assert queue.delay == pytest.approx(0.04, abs=0.01)
    queue.overtake(3.0)
    assert queue.overtaken < 0.25, "that was another stream's"


def test_a_queue_that_stands_as_high_after_less_three_times_is_the_path() -> None:
    queue = StandingQueue()
    stand(queue, 0.0, 10.0, 30)
    told = []
    for second in range(4):
        stand(queue, 0.3, 11.0 + second)
        told.append(queue.is_the_path())
    assert told == [False, False, False, True]
    assert not queue.stands
    assert queue.delay == 0.0
    for delay, stands in ((0.3, False), (0.7, True)):  # the first is its shortest delay now
        stand(queue, delay, 15.5 + delay, 8)
        assert queue.stands is stands


def test_after_a_pause_nothing_is_compared() -> None:
    queue = StandingQueue()
    stand(queue, 0.0, 10.0, 30)
    stand(queue, 0.3, 11.0)
    queue.pause()
    assert (queue.stands, queue.delay) == (False, 0.0)
