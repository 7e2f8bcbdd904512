"""A queue on the path, and what only looks like one."""

from __future__ import annotations

import random

import pytest

from link.rtc.congestion.round_trip import LONG_S, STANDING_S, RoundTrips


def ask(trips: RoundTrips, took: list[float | None], *, begin: float = 10.0, every: float = 0.1) -> float | None:
    """One check every 100 ms that takes so long, or is lost; how long until a queue is seen."""
    due: list[tuple[float, float]] = []
    for step in range(round(20 * len(took) * every / 0.1)):
        now = begin + step * 0.005
        if step % round(every / 0.005) == 0:
            trips.asked(now)
            seconds = took[step // round(every / 0.005)]
            if seconds is not None:
                due.append((now + seconds, seconds))
        for arrival, seconds in [answer for answer in due if answer[0] <= now]:
            trips.add(seconds, now, check=True)
            due.remove((arrival, seconds))
        if trips.queue(now):
            return now - begin
    return None


@pytest.mark.parametrize("usual", [0.002, 0.02, 0.08, 0.25])
def test_a_queue_that_grows_is_seen_as_soon_as_it_can_be(usual: float) -> None:
    trips = RoundTrips()
    trips.add(usual, 1.0)
    took = ask(trips, [1.5 * usual + 0.2 + 0.03 * step for step in range(12)])
    assert took is not None
    assert took < 0.45 + usual, "soon after the first answer: the next ones are overdue by then"
    assert not trips.long(11.0), "what is smoothed takes longer"


@pytest.mark.parametrize("usual", [0.002, 0.08])
def test_one_hiccup_is_no_queue(usual: float) -> None:
    """For 180 ms nothing was read: the answer that came first took that long, the next one less."""
    trips = RoundTrips()
    trips.add(usual, 1.0)
    assert ask(trips, [usual, usual + 0.18, usual + 0.08, usual, usual]) is None


@pytest.mark.parametrize("seed", range(10))
def test_a_path_that_loses_every_third_packet_has_no_queue_for_it(seed: int) -> None:
    chance = random.Random(seed)
    trips = RoundTrips()
    trips.add(0.04, 1.0)
    answers = [0.04 + 0.05 * chance.random() if chance.random() < 0.5 else None for _ in range(100)]
    assert ask(trips, answers) is None


def test_a_delay_that_varies_is_no_queue() -> None:
    chance = random.Random(4)
    trips = RoundTrips()
    trips.add(0.3, 1.0)
    assert ask(trips, [0.3 + 0.4 * chance.random() ** 2 for _ in range(60)]) is None


def test_old_checks_tell_nothing() -> None:
    trips = RoundTrips()
    trips.add(0.01, 1.0)
    for at in (2.0, 5.0, 8.0):
        trips.add(0.5, at, check=True)
    assert not trips.queue(8.0)
    assert not trips.queue(20.0)


def test_a_report_answers_a_packet_that_left_earlier() -> None:
    trips = RoundTrips()
    trips.add(0.01, 1.0)
    for _ in range(5):
        trips.add(1.5 * STANDING_S, 2.0)
    assert not trips.queue(2.0)
    assert not trips.long(2.0)
    for _ in range(20):
        trips.add(0.05 + LONG_S, 2.1)
    assert trips.long(2.1)
    assert trips.value == pytest.approx(0.05 + LONG_S, rel=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_a_path_on_which_answers_overtake_has_no_queue_for_it(seed: int) -> None:
    """Up to 300 ms there, and as much back: each check takes its own time."""
    chance = random.Random(seed)
    trips = RoundTrips()
    for step in range(8):
        trips.add(0.02 + 0.3 * chance.random() + 0.3 * chance.random(), 1.0 + step)
    trips.add(0.02, 9.0)
    due, queues, longs = [], 0, 0
    for step in range(4000):
        now = 10 + step * 0.005
        if step % 10 == 0:
            trips.asked(now)
            due.append((now + 0.02 + 0.3 * chance.random() + 0.3 * chance.random(), now))
        for arrival, at in sorted(answer for answer in due if answer[0] <= now):
            trips.add(now - at, now, check=True)
            due.remove((arrival, at))
        queues += trips.queue(now) and now > 12
        longs += trips.long(now) and now > 12
    assert queues + longs < 40, "a hundredth of the time"


def test_a_queue_in_which_the_checks_stand_is_seen_before_one_comes_back() -> None:
    trips = RoundTrips()
    trips.add(0.02, 1.0)
    seen = None
    for step in range(100):
        now = 10 + step * 0.005
        if step % 10 == 0:
            trips.asked(now)
        if seen is None and trips.overdue(now):
            seen = now - 10
    assert seen == pytest.approx(0.03 + STANDING_S + 0.1, abs=0.01), "the third one"
    assert not trips.queue(now)
    assert not trips.overdue(now + 1), "by then they are lost"
    trips.add(0.02, now, check=True)
    assert not trips.overdue(now)


def test_a_queue_longer_than_the_time_between_checks_stays_one() -> None:
    trips = RoundTrips()
    trips.add(0.02, 1.0)
    asked: list[float] = []
    for step in range(60):
        now = 10 + step * 0.05
        asked.append(now)
        trips.asked(now)
        while asked and asked[0] <= now - 0.9:
            trips.add(now - asked.pop(0), now, check=True)
        if now > 11.1:
            assert trips.queue(now)


@pytest.mark.parametrize("drains", [True, False])
def test_a_path_that_has_become_longer_is_not_full_for_long(drains: bool) -> None:
    """A queue gets shorter when less is sent; what does not is the way itself."""
    trips = RoundTrips()
    trips.add(0.002, 1.0)
    now, full = 10.0, 0
    while now < 16.0:
        now += 0.1
        rtt = 0.25 if drains and now > 12.0 else 0.6
        trips.add(rtt, now)
        is_full = trips.long(now)
        trips.eased(is_full, now)
        full += is_full
    assert trips.long(now) == drains
    assert 45 < full < 65, "tenths of a second"
