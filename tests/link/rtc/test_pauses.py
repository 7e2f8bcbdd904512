"""Whatever pauses, stands still, comes at once or leaps: what is heard and seen is put where it was captured."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.arrival import Arrival
from link.rtc.tracks.capture_clock import CaptureClock, PeerClock
from tests.link.rtc.timeline import START, Event, Leap, Pause, Stall, Timeline

LIPS = 0.04
PAUSES = (0.5, 2.3, 3.0, 6.0)
ALONE = {"sound": 0.02}


def exact(timeline: Timeline) -> None:
    timeline.run()
    assert timeline.worst() < LIPS
    assert timeline.together() == 0


@pytest.mark.parametrize("length", PAUSES)
@pytest.mark.parametrize("track", ["sound", "picture"])
@pytest.mark.parametrize("hops", [1, 2])
def test_a_source_that_pauses_is_followed_at_once(track: str, length: float, hops: int) -> None:
    """Also behind the kiosk client, and so before the eyes and ears of whoever watches."""
    exact(Timeline([Pause(track, 8.0, length)], hops=hops))


@pytest.mark.parametrize("length", PAUSES)
def test_no_report_tells_how_long_it_was(length: float) -> None:
    exact(Timeline([Pause("sound", 8.0, length)], no_reports=(8.0, 19.0)))
    exact(Timeline([Pause("sound", 8.0, length)], report_every=0.0))


@pytest.mark.parametrize("length", PAUSES)
@pytest.mark.parametrize("hops", [1, 2])
def test_everything_of_a_sender_pauses(length: float, hops: int) -> None:
    exact(Timeline([Pause("sound", 8.0, length), Pause("picture", 8.0, length)], hops=hops))


@pytest.mark.parametrize("length", PAUSES)
@pytest.mark.parametrize("report_every", [0.0, 1.0])
def test_a_track_that_nothing_goes_on_beside(length: float, report_every: float) -> None:
    exact(Timeline([Pause("sound", 8.0, length)], every=ALONE, report_every=report_every, beside=False))


@pytest.mark.parametrize("length", PAUSES)
@pytest.mark.parametrize("report_every", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("hops", [1, 2])
def test_a_path_that_stands_still_is_no_pause(length: float, report_every: float, hops: int) -> None:
    """What waited was captured while it did, and keeps the time that it has."""
    exact(Timeline([Stall(8.0, length)], report_every=report_every, hops=hops))


@pytest.mark.parametrize("early", [0.3, 1.0, 1.4, 2.9])
@pytest.mark.parametrize("report_every", [0.0, 1.0])
def test_the_first_seconds_come_in_one_burst(early: float, report_every: float) -> None:
    exact(Timeline(early=early, report_every=report_every))
    exact(Timeline(early=early, report_every=report_every, every=ALONE, beside=False))


@pytest.mark.parametrize("by", [-7200.0, -3.0, -0.5, -0.05, 0.5, 3.0, 7200.0])
@pytest.mark.parametrize("track", ["sound", "picture"])
@pytest.mark.parametrize("hops", [1, 2])
def test_timestamps_that_leap(track: str, by: float, hops: int) -> None:
    exact(Timeline([Leap(track, 8.0, by)], hops=hops))


def test_few_pictures_are_no_pauses() -> None:
    timeline = Timeline(every={"sound": 0.02, "picture": 2.0})
    exact(timeline)
    assert timeline.gaps == []


@pytest.mark.parametrize(
    "events", [[Pause("sound", 8.0, 2.3)], [Leap("sound", 8.0, -3.0)], [Leap("picture", 8.0, 2.0)]]
)
def test_what_is_sent_on_goes_on_with_the_time_that_passes(events: list[Event]) -> None:
    """A browser plays by timestamps: after a pause they must not lie behind those of the other track."""
    timeline = Timeline(events, seconds=20.0, hops=2).run()
    for track, rate in (("sound", 48_000), ("picture", 90_000)):
        stamps, captured = timeline.stamps[track], timeline.truth[track]
        assert all(after > before for before, after in pairwise(stamps))
        passed = (stamps[-1] - stamps[0]) / rate
        assert passed == pytest.approx(captured[-1] - captured[0], abs=LIPS)


@st.composite
def histories(draw: st.DrawFn) -> Timeline:
    """Half a minute in which something goes wrong every few seconds."""
    events: list[Event] = []
    early = draw(st.sampled_from([0.0, 0.0, 0.5, 1.4, 2.9]))
    at = early + draw(st.floats(2.0, 6.0))  # what pauses before anything has come cannot be known
    while at < 30.0:
        track = draw(st.sampled_from(["sound", "picture"]))
        length = draw(st.floats(0.5, 6.0))
        what = draw(st.sampled_from(["pause", "both", "stall", "leap"]))
        if what == "pause":
            events.append(Pause(track, at, length))
        elif what == "both":
            events += [Pause("sound", at, length), Pause("picture", at, length)]
        elif what == "stall":
            events.append(Stall(at, length))
        else:
            events.append(Leap(track, at, draw(st.sampled_from([1, -1])) * draw(st.floats(0.4, 5000.0))))
        at += length + draw(st.floats(1.5, 8.0))
    return Timeline(
        events,
        seconds=40.0,
        every={"sound": draw(st.sampled_from([0.02, 0.06])), "picture": draw(st.sampled_from([1 / 30, 1 / 15, 0.1]))},
        jitter=draw(st.sampled_from([0.002, 0.01, 0.02])),
        delay=draw(st.floats(0.001, 0.2)),
        early=early,
        report_every=draw(st.sampled_from([0.0, 1.0, 5.0])),
        seed=draw(st.integers(0, 1000)),
    )


@given(histories())
def test_any_history(timeline: Timeline) -> None:
    exact(timeline)


@given(
    st.lists(
        st.tuples(st.floats(0.0, 3.0), st.integers(-(2**33), 2**33) | st.integers(-3000, 300_000), st.booleans()),
        max_size=80,
    )
)
def test_whatever_arrives_nothing_stays_in_doubt(packets: list[tuple[float, int, bool]]) -> None:
    """Timestamps of no sense at all: times stay finite, state stays small, and good behaviour is followed again."""
    peer = PeerClock()
    clock, beside = CaptureClock(90_000, peer), Arrival(90_000)
    peer.add(beside)
    now, stamp = START, 0
    for passed, step, adjacent in packets:
        now += passed
        stamp += step
        clock.observe(stamp, now, adjacent=adjacent)
        assert clock.time(stamp, now) <= now + 0.5
        assert clock.timestamp(now, now) is not None
    now += 1.0
    assert not clock.doubts(now)
    for _ in range(1200):
        now, stamp = now + 1 / 30, stamp + 3000
        clock.observe(stamp, now)
    assert not clock.in_doubt
    assert clock.time(stamp, now) == pytest.approx(now, abs=LIPS)
    assert len(clock._arrival._turns) <= 16
    assert len(peer.tracks) <= 8


def test_who_has_to_know_at_once_is_told_the_likeliest() -> None:
    """Beside another track that goes on the first packet tells; alone a tenth of a second has to pass."""
    peer = PeerClock()
    sound, picture = CaptureClock(48_000, peer), CaptureClock(90_000, peer)
    for step in range(500):
        now = START + step * 0.02
        sound.observe(step * 960, now)
        picture.observe(step * 1800, now)
    for step in range(500, 615):
        picture.observe(step * 1800, START + step * 0.02)
    now = START + 615 * 0.02
    sound.observe(500 * 960, now)
    assert sound.time(500 * 960, now) == pytest.approx(now, abs=0.005)
    assert sound.doubts(now), "it may still turn out to be less"
    assert not sound.doubts(now + 0.2)
    assert sound.time(500 * 960, now) == pytest.approx(now, abs=0.005)
    assert sound.time(499 * 960, now) == pytest.approx(START + 499 * 0.02, abs=0.005), "what came before stays"


def test_a_peer_that_is_not_heard_is_not_alive() -> None:
    peer = PeerClock()
    for second in range(10):
        peer.heard(START + second)
    assert peer.alive(START + 3, START + 10)
    assert not peer.alive(START + 3, START + 13), "silent by now"
    peer.heard(START + 14)
    assert not peer.alive(START + 3, START + 14), "and it was silent since"
    assert peer.alive(START + 14, START + 15)
