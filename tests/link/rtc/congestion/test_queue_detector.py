"""Five signs of a queue, and what each of them counts with what the far end says."""

from __future__ import annotations

import pytest

from link.rtc.congestion.queue_detector import FarEnd, QueueDetector

CALM = FarEnd(asks_less=False, gets_half=False, loses=False, heard=10.0)
ASKS = CALM._replace(asks_less=True)
HALVED = ASKS._replace(gets_half=True)


@pytest.fixture
def detector() -> QueueDetector:
    """On a path of 20 ms, known since the first second."""
    detector = QueueDetector()
    for at in range(4):
        detector.trips.add(0.02, 1.0 + at)
    return detector


def slow_reports(detector: QueueDetector, seconds: float, *, now: float = 10.0) -> None:
    for _ in range(20):
        detector.trips.add(seconds, now)


def slow_checks(detector: QueueDetector, seconds: float, *, now: float = 10.0) -> None:
    for index in range(3):
        detector.trips.add(seconds, now - 0.1 * index, check=True)


def unanswered_checks(detector: QueueDetector, *, now: float = 10.0) -> None:
    for ago in (0.5, 0.4, 0.3):
        detector.trips.asked(now - ago)


def test_a_path_as_usual_has_no_queue(detector: QueueDetector) -> None:
    slow_checks(detector, 0.03)
    assert not detector.shows(HALVED, 10.0)
    assert not detector.stands(HALVED, 10.0)


def test_long_round_trips_count_whatever_the_far_end_says(detector: QueueDetector) -> None:
    slow_reports(detector, 0.4)
    assert detector.stands(CALM, 10.0)
    assert not detector.shows(ASKS, 10.0), "of checks nothing is known"


def test_slow_checks_count_where_the_far_end_asks_for_less(detector: QueueDetector) -> None:
    """A busy computer answers as late, and gets all that it is sent."""
    slow_checks(detector, 0.2)
    assert not detector.shows(CALM, 10.0)
    assert not detector.stands(CALM, 10.0)
    assert detector.shows(ASKS, 10.0)
    assert detector.stands(ASKS, 10.0)


def test_checks_that_do_not_come_back_count_where_half_arrives(detector: QueueDetector) -> None:
    unanswered_checks(detector)
    assert not detector.shows(ASKS, 10.0)
    assert detector.shows(HALVED, 10.0)
    assert detector.stands(HALVED, 10.0)


@pytest.mark.parametrize(
    "far_end",
    [
        pytest.param(HALVED._replace(loses=True), id="checks are lost as well"),
        pytest.param(HALVED._replace(heard=9.85), id="the far end stands still"),
        pytest.param(HALVED._replace(asks_less=False), id="it asks for no less"),
    ],
)
def test_checks_that_do_not_come_back_may_have_another_reason(detector: QueueDetector, far_end: FarEnd) -> None:
    unanswered_checks(detector)
    assert not detector.stands(far_end, 10.0)


def test_who_asks_for_packets_again_does_not_wait_for_them_in_a_queue(detector: QueueDetector) -> None:
    unanswered_checks(detector)
    detector.nacked(9.6)
    assert not detector.shows(HALVED, 10.0)
    assert detector.shows(HALVED._replace(heard=10.1), 10.1), "half a second later"


def test_a_queue_on_the_way_to_us_is_none_of_those_we_fill(detector: QueueDetector) -> None:
    slow_reports(detector, 0.4)
    detector.inbound(0.3)
    assert not detector.stands(CALM, 10.0)
    for _ in range(7):
        assert not detector.trips.long(10.0) or detector.trips.elsewhere < 0.25
        detector.inbound(0.0)
    assert detector.stands(CALM, 10.0), "it is over, and the round trips are as long as before"


def test_a_queue_that_less_does_not_shorten_is_the_path(detector: QueueDetector) -> None:
    slow_reports(detector, 0.4)
    stood = [detector.stands(CALM, 10.0 + tick / 10) for tick in range(60)]
    assert stood[:50] == [True] * 50
    assert not any(stood[52:])
    slow_reports(detector, 1.2, now=16.0)
    assert detector.stands(CALM, 16.0), "another queue on the longer path is seen"


def test_a_queue_that_less_shortens_is_one_again_when_it_comes_back(detector: QueueDetector) -> None:
    slow_reports(detector, 0.4)
    assert detector.stands(CALM, 10.0)
    slow_reports(detector, 0.02, now=12.0)
    assert not detector.stands(CALM, 12.0)
    slow_reports(detector, 0.4, now=16.0)
    assert detector.stands(CALM, 16.0)
