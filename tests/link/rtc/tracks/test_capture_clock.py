"""Capture times from RTP timestamps: arrival, sender reports, slewing."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.capture_clock import MAX_AGE_S, MAX_AHEAD_S, CaptureClock, PeerClock, ntp_time

NTP = 3_900_000_000.0


def ntp64(seconds: float) -> int:
    return int(seconds * 2**32)


def test_ntp_time_is_wall_clock_time() -> None:
    assert ntp_time(time.monotonic()) / 2**32 - 2_208_988_800 == pytest.approx(time.time(), abs=1)


def test_arrival_times_without_reports() -> None:
    """Jitter only ever adds delay, so the fastest packet tells."""
    chance = random.Random(1)
    clock = CaptureClock(90_000)
    for step in range(300):
        now = 10 + step / 30 + 0.02 + chance.random() * 0.05
        clock.observe(step * 3000, now)
    assert clock.time(300 * 3000, 20.1) == pytest.approx(20.02, abs=0.005)


def test_there_and_back() -> None:
    clock = CaptureClock(48_000)
    clock.observe(0, 5.0)
    assert clock.timestamp(clock.time(480_000, 15.0), 15.0) == 480_000


def test_reports_beat_arrival_and_are_slewed_to() -> None:
    peer = PeerClock()
    clock = CaptureClock(90_000)
    times = []
    for step in range(900):
        capture = step / 30
        now = 50 + capture + 0.2  # the encoder takes 200 ms
        clock.observe(step * 3000, now)
        if step % 30 == 15:
            peer.observe(NTP + capture, 50 + capture)
            clock.report(step * 3000, ntp64(NTP + capture), peer)
        times.append(clock.time(step * 3000, now))
    assert times[0] == pytest.approx(50.2)
    assert times[-1] == pytest.approx(50 + 899 / 30, abs=0.001)
    assert all(b > a for a, b in pairwise(times))


def reported(clock: CaptureClock, peer: PeerClock, stamp: int, ntp: float, now: float) -> None:
    peer.observe(ntp, now, clock.beside(stamp, ntp, peer))
    clock.report(stamp, ntp64(ntp), peer)


def test_wild_reports_change_nothing_until_three_agree() -> None:
    peer, clock = PeerClock(), CaptureClock(90_000)
    clock.observe(0, 50.3)
    reported(clock, peer, 0, NTP, 50.0)
    before = clock.time(0, 50.3)
    for wild in (1.0, -0.7, 0.3):
        clock.report(0, ntp64(NTP - wild), peer)
    assert clock.time(0, 51.0) == pytest.approx(before)
    for _ in range(3):
        clock.report(0, ntp64(NTP - 0.3), peer)
    clock.time(0, 52.0)
    assert clock.time(0, 60.0) == pytest.approx(before - 0.3)


def test_no_report_puts_a_capture_far_from_its_arrival() -> None:
    """A peer may write anything into its reports; a recording must not jump by hours for it."""
    for wrong in (-1e6, -3.0, 0.6, 7000.0):
        peer, clock = PeerClock(), CaptureClock(90_000)
        clock.observe(0, 50.0)
        reported(clock, peer, 0, NTP, 50.0)
        for _ in range(5):
            clock.report(0, ntp64(NTP + wrong), peer)
        for second in range(51, 100):
            assert 0 <= second - clock.time(round((second - 50) * 90_000), second) <= MAX_AGE_S + 0.001


def test_a_peer_that_sets_its_clock_changes_nothing() -> None:
    """Its next report, whichever track's, shows the step; the other track's reports lie before it."""
    peer, picture, sound = PeerClock(), CaptureClock(90_000), CaptureClock(48_000)
    for second in range(60):
        now = 100.0 + second
        ntp = NTP + second + (3600.0 if second > 30 else 0.0)
        picture.observe(second * 90_000, now + 0.05)
        sound.observe(second * 48_000, now + 0.02)
        reported(picture, peer, second * 90_000, ntp, now)
        if second % 5 == 0:
            reported(sound, peer, second * 48_000, ntp, now)
        assert sound.time(second * 48_000, now + 0.02) == pytest.approx(now, abs=0.02)
        if second > 2:
            assert picture.time(second * 90_000, now + 0.05) == pytest.approx(now, abs=0.002)


def test_timestamps_that_go_back_by_an_hour_are_a_new_beginning() -> None:
    clock = CaptureClock(90_000)
    clock.observe(4000 * 90_000, 50.0)
    assert clock.time(4000 * 90_000, 50.0) == 50.0
    clock.observe(90_000, 50.1)
    assert clock.time(90_000, 50.1) == pytest.approx(50.1)


def test_reports_that_stop_leave_the_drift_for_half_a_minute() -> None:
    peer, clock = PeerClock(), CaptureClock(48_000)
    for second in range(60):
        stamp = round(second * 48_000 * 1.0001)
        clock.observe(stamp, 100.02 + second)
        reported(clock, peer, stamp, NTP + second, 100.0 + second)
    for silent, error in ((20, 0.001), (30, 0.001), (630, 0.06)):
        true = 59 + silent
        stamp = round(true * 48_000 * 1.0001)
        now = 100.1 + true
        clock.observe(stamp, now)
        assert clock.time(stamp, now) == pytest.approx(100 + true, abs=error)


def test_slow_drift_is_followed() -> None:
    """100 ppm over 100 s is 10 ms: more than lips forgive if it added up over an hour."""
    peer = PeerClock()
    clock = CaptureClock(48_000)
    for step in range(5000):
        true = step * 0.02
        stamp = round(true * 48_000 * 1.0001)
        clock.observe(stamp, 70.02 + true)
        if step % 50 == 0:
            peer.observe(NTP + true, 70 + true)
            clock.report(stamp, ntp64(NTP + true), peer)
        moment = clock.time(stamp, 70.02 + true)
    assert moment == pytest.approx(70 + 4999 * 0.02, abs=0.002)


class Device:
    """A microphone and a camera with clocks of their own, sending over a network; all in simulated time.

    Errors of capture time are kept as (moment, seconds) per track, after the guard that every tap has: no time goes
    back. Reports come as Chromium sends them, every second for the picture and every five for the sound.
    """

    RATES = {"sound": 48_000, "picture": 90_000}  # noqa: RUF012
    EVERY = {"sound": 0.1, "picture": 1 / 30, "sound report": 5.0, "picture report": 1.0}  # noqa: RUF012

    def __init__(self, ntp: float, sound: float, picture: float, seed: int) -> None:
        self.drift = {"ntp": ntp, "sound": sound, "picture": picture}
        self.chance = random.Random(seed)
        self.peer = PeerClock()
        self.clocks = {track: CaptureClock(rate) for track, rate in self.RATES.items()}
        self.last = dict.fromkeys(self.RATES, 0.0)
        self.arrived = dict.fromkeys(self.RATES, 0.0)
        self.skews: list[tuple[float, float]] = []

    def stamp(self, track: str, moment: float) -> int:
        rate = self.RATES[track]
        return 5_000_000 + round(moment * (1 + self.drift[track]) * rate)

    def run(self, seconds: float, base: list[tuple[float, float]], loss: float = 0.02) -> None:
        """`base` is the one-way delay from a moment on."""
        heads = {"sound": 0.0, "picture": 0.01, "sound report": 2.0, "picture report": 0.7}
        errors: dict[str, float] = {}
        while True:
            what = min(heads, key=heads.__getitem__)
            moment = heads[what]
            if moment > seconds:
                return
            heads[what] += self.EVERY[what]
            if self.chance.random() < loss:
                continue
            delay = next(d for since, d in reversed(base) if moment >= since) + self.chance.expovariate(1 / 0.008)
            track, _, report = what.partition(" ")
            if report:
                self.report(track, moment, 1000 + moment + delay)
                continue
            errors[track] = self.packet(track, moment, 1000 + moment + delay) - 1000 - moment
            if len(errors) == 2:
                self.skews.append((moment, errors["picture"] - errors["sound"]))

    def report(self, track: str, moment: float, now: float) -> None:
        ntp = NTP + moment * (1 + self.drift["ntp"])
        clock = self.clocks[track]
        stamp = self.stamp(track, moment) + round(self.chance.gauss(0, 0.003) * clock.rate)
        reported(clock, self.peer, stamp, ntp, now)

    def packet(self, track: str, moment: float, now: float) -> float:
        coding = 0.02 if track == "sound" else 0.03 + self.chance.random() * 0.06
        now = self.arrived[track] = max(self.arrived[track], now + coding)
        clock, stamp = self.clocks[track], self.stamp(track, moment)
        clock.observe(stamp, now)
        time_now = clock.time(stamp, now)
        assert time_now <= now + MAX_AHEAD_S
        self.last[track] = max(self.last[track], time_now)
        return self.last[track]


@pytest.mark.parametrize(
    ("ntp", "sound", "picture"),
    [(0.0, 0.0, 0.0), (100e-6, -100e-6, 100e-6), (-100e-6, 100e-6, -100e-6), (0.0, 100e-6, -100e-6)],
)
def test_picture_and_sound_are_in_step_after_an_hour(ntp: float, sound: float, picture: float) -> None:
    """Without reports the last pair of clocks would be 720 ms apart by then."""
    device = Device(ntp, sound, picture, seed=1)
    device.run(3600, [(0.0, 0.04), (1200.0, 0.18), (2400.0, 0.05)])
    assert max(abs(skew) for moment, skew in device.skews if moment > 3000) < 0.01
    assert max(abs(skew) for moment, skew in device.skews if moment > 10) < 0.04, "also while the path changes"


@given(
    st.floats(-100e-6, 100e-6),
    st.floats(-100e-6, 100e-6),
    st.floats(-100e-6, 100e-6),
    st.floats(0.01, 0.4),
    st.floats(0.0, 0.3),
    st.integers(0, 99),
)
def test_drift_delay_and_loss_of_reports_do_not_part_them(
    ntp: float, sound: float, picture: float, delay: float, loss: float, seed: int
) -> None:
    device = Device(ntp, sound, picture, seed)
    device.run(60, [(0.0, 0.05), (30.0, delay)], loss)
    assert all(abs(skew) < 0.04 for moment, skew in device.skews if 25 < moment < 30 or moment > 50)


@given(st.lists(st.tuples(st.sampled_from("prs"), st.integers(0, 2**33), st.integers(0, 2**64 - 1)), max_size=60))
def test_whatever_is_reported_a_capture_is_not_long_after_its_arrival(events: list[tuple[str, int, int]]) -> None:
    peer, clock = PeerClock(), CaptureClock(90_000)
    clock.observe(0, 1000.0)
    now = 1000.0
    for kind, stamp, ntp in events:
        now += 0.1
        if kind == "p":
            clock.observe(stamp, now)
        elif kind == "r":
            peer.observe(ntp / 2**32, now)
            clock.report(stamp, ntp, peer)
        assert clock.time(stamp, now) <= now + MAX_AHEAD_S
        assert isinstance(clock.timestamp(now, now), int)
    # Back to good behaviour: nothing of it stays.
    for step in range(400):
        now += 0.1
        capture = round((now - 500) * 90_000)
        clock.observe(capture, now)
        if step % 10 == 0:
            reported(clock, peer, capture, NTP + now, now)
        moment = clock.time(capture, now)
    assert now - moment < 0.1
