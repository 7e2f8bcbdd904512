"""When a publisher is asked for a keyframe, and when not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.keyframe_requests import EVERY_MOST_S, EVERY_S, FOR_JOINER_S, STALLED_S, KeyframeRequests
from link.rtc.tracks.published_track import PublishedTrack
from tests.link.rtc.tracks.test_published_track import DELTA, KEYFRAME, Publisher


@pytest.fixture
def p() -> Publisher:
    """A video whose publisher was asked for a keyframe with the first packet, at second 1."""
    made = Publisher()
    made.send(1, now=1.0)
    made.track.request_keyframe(1.0)
    return made


def test_one_request_in_500_ms_repeated_until_it_comes(p: Publisher) -> None:
    for step in range(20):
        p.track.request_keyframe(1.0 + step * 0.02)
    assert p.keyframes == 1
    p.send(2, now=1.4)
    p.track.tick(1.0 + EVERY_S)
    assert p.keyframes == 2
    p.send(3, now=1.6, payload=KEYFRAME, marker=True)
    p.track.tick(2.5)
    assert p.keyframes == 2


def test_requests_without_an_answer_become_fewer() -> None:
    p = Publisher()
    asked: list[float] = []
    now = 0.0
    p.track.on_keyframe = lambda: asked.append(now)
    p.track.request_keyframe(now)
    for tenth in range(100):
        now = tenth / 10
        p.send(tenth + 1, now=now)
        p.track.tick(now)
    assert asked == pytest.approx([0.0, 0.5, 1.5, 3.5, 5.5, 7.5, 9.5])
    p.send(101, now=10.0, payload=KEYFRAME, marker=True)
    asked.clear()
    for tenth in range(103, 115):
        now = tenth / 10
        p.send(tenth, now=now)
        p.track.request_keyframe(now)
    assert asked == pytest.approx([10.3, 10.8]), "the next one is asked for as soon as the first"


def test_while_a_keyframe_arrives_nobody_needs_another(p: Publisher) -> None:
    """At 150 kbit/s a keyframe takes seconds: asked for again and again, none would ever be whole."""
    for index in range(20):  # one keyframe, a packet each 100 ms: those who watch ask again and again
        now = 1.1 + index / 10
        p.track.receive(2 + index, 6000, False, KEYFRAME if index == 0 else DELTA, now)
        p.track.request_keyframe(now + 0.01, joiner=index % 2 == 0)
        p.track.tick(now + 0.05)
    assert p.keyframes == 1
    p.track.receive(22, 6000, True, DELTA, 3.1)
    p.track.request_keyframe(3.9)
    assert p.keyframes == 1, "it is being decoded, or what was lost of it is being sent again"
    p.track.tick(4.2)
    assert p.keyframes == 1, "who asked meanwhile has it"
    p.track.request_keyframe(4.2)
    assert p.keyframes == 2


def test_a_keyframe_that_gets_stuck_is_asked_for_again(p: Publisher) -> None:
    p.send(2, now=1.1, payload=KEYFRAME)
    p.track.request_keyframe(1.1 + STALLED_S - 0.01)
    assert p.keyframes == 1
    p.track.request_keyframe(1.1 + STALLED_S)
    assert p.keyframes == 2


def test_a_keyframe_that_lacks_a_packet_for_good_is_followed_by_another(p: Publisher) -> None:
    p.track.receive(2, 6000, False, KEYFRAME, 1.1)
    for index in range(14):
        p.track.receive(4 + index, 6000, False, DELTA, 1.2 + index / 10)
    p.track.repair(2.3)
    assert p.keyframes == 1, "not while the rest is arriving"
    p.track.receive(18, 9000, True, DELTA, 2.6)
    p.track.tick(3.1)
    assert p.keyframes == 1
    p.track.tick(3.3)
    assert p.keyframes == 2


def test_who_joins_right_after_a_keyframe_waits_less(p: Publisher) -> None:
    p.track.request_keyframe(1.4, joiner=True)
    assert p.keyframes == 1, "the one that was asked for is still on its way"
    p.send(2, now=1.41, payload=KEYFRAME, marker=True)
    p.track.request_keyframe(1.42)
    assert p.keyframes == 1
    p.track.request_keyframe(1.43, joiner=True)
    assert p.keyframes == 2
    p.send(3, now=1.5, payload=KEYFRAME, marker=True)
    p.track.request_keyframe(1.7, joiner=True)
    assert p.keyframes == 2, "a browser would pass over it"
    p.track.request_keyframe(1.74, joiner=True)
    assert p.keyframes == 3


def test_a_silent_publisher_is_left_alone(p: Publisher) -> None:
    p.track.tick(9.0)
    assert p.keyframes == 1


def test_without_a_publisher_nothing_happens() -> None:
    PublishedTrack("video").request_keyframe(1.0)


def test_who_asks_before_the_last_one_can_be_there_is_not_heard() -> None:
    p, viewer = Publisher(), ForwardedTrack("video", "video0")
    viewer.open(lambda _header, _payload: None, 96, -1, 0)
    viewer.attach(p.track, 0.0)
    p.send(1, now=0.1, payload=KEYFRAME, marker=True)
    viewer.keyframe_requested(1.0, 0.4)
    assert p.keyframes == 2
    p.send(2, now=1.1, payload=KEYFRAME, marker=True)
    for now in (1.5, 1.6, 1.65):
        viewer.keyframe_requested(now, 0.4)  # it lies in a queue of 0.4 s
    assert p.keyframes == 2
    viewer.keyframe_requested(1.71, 0.4)
    assert p.keyframes == 3
    p.send(3, now=1.8, payload=KEYFRAME, marker=True)
    viewer.keyframe_requested(2.25, 0.01)
    assert p.keyframes == 4, "on a short path it would have been there"
    assert viewer.plis == 6


# --- by themselves, without packets -----------------------------------------------------------------------------------


def test_nobody_asks_before_somebody_needs_one() -> None:
    keyframes = KeyframeRequests()
    assert not keyframes.wanted
    assert not keyframes.arriving
    assert keyframes.due(5.0, joiner=False)
    assert keyframes.wanted


def test_what_is_due_stays_due_until_the_publisher_is_asked() -> None:
    """A track that has no publisher yet asks nobody, and does not count that as a request."""
    keyframes = KeyframeRequests()
    assert keyframes.due(1.0, joiner=False)
    assert keyframes.due(1.0, joiner=False)
    keyframes.asked(1.0)
    assert not keyframes.due(1.0 + EVERY_S - 0.01, joiner=True)
    assert keyframes.due(1.0 + EVERY_S, joiner=False)


def test_pauses_double_up_to_a_bound_and_begin_anew() -> None:
    keyframes, now = KeyframeRequests(), 0.0
    asked: list[float] = []
    for _ in range(900):
        now += 0.01
        if keyframes.due(now, joiner=False):
            keyframes.asked(now)
            asked.append(now)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == pytest.approx([EVERY_S, 2 * EVERY_S, *3 * [EVERY_MOST_S]], abs=0.02)
    keyframes.begins(9000, now)
    keyframes.follow(9000, True, now, now)
    keyframes.asked(now + 0.01)
    assert not keyframes.due(now + FOR_JOINER_S + 0.02, joiner=True), "the one before has come, this one has not"
    assert keyframes.due(now + EVERY_S + 0.02, joiner=False), "half a second, as at first"


def test_one_that_arrives_is_waited_for_and_half_that_time_again() -> None:
    keyframes = KeyframeRequests()
    keyframes.due(1.0, joiner=False)
    keyframes.asked(1.0)
    keyframes.begins(-3000, 1.1)  # timestamps may go back below where they began
    assert not keyframes.wanted
    for tenth in range(20):
        at = 1.1 + tenth / 10
        keyframes.follow(-3000, False, at, at + 0.05)
        assert keyframes.arriving
        assert not keyframes.due(at + 0.05, joiner=True)
    keyframes.follow(-3000, True, 3.1, 3.1)
    assert not keyframes.arriving
    assert not keyframes.due(3.9, joiner=True), "until 3.95: it took 1.9 s up to the packet before its last"
    assert keyframes.due(4.0, joiner=False)


def test_another_picture_or_a_pause_ends_one() -> None:
    for timestamp, now in ((6000, 1.2), (3000, 1.1 + STALLED_S)):
        keyframes = KeyframeRequests()
        keyframes.begins(3000, 1.1)
        keyframes.follow(timestamp, False, 1.1, now)
        assert not keyframes.arriving
