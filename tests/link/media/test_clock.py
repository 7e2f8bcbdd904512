"""Capture times from RTP timestamps: arrival, sender reports, slewing."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from link.media.clock import MinimumFilter, PeerClock, TrackClock, ntp_time

NTP = 3_900_000_000.0


def ntp64(seconds: float) -> int:
    return int(seconds * 2**32)


def test_ntp_time_is_wall_clock_time() -> None:
    assert ntp_time(time.monotonic()) / 2**32 - 2_208_988_800 == pytest.approx(time.time(), abs=1)


def test_minimum_of_the_last_seconds() -> None:
    low = MinimumFilter()
    low.add(5.0, 100.0)
    low.add(3.0, 101.0)
    low.add(4.0, 102.0)
    assert low.value == 3.0
    low.add(4.5, 115.0)
    assert low.value == 3.0
    low.add(4.6, 130.0)
    assert low.value == 4.5, "3.0 is forgotten after 20 s"


def test_arrival_times_without_reports() -> None:
    """Jitter only ever adds delay, so the fastest packet tells."""
    chance = random.Random(1)
    clock = TrackClock(90_000)
    for step in range(300):
        now = 10 + step / 30 + 0.02 + chance.random() * 0.05
        clock.observe(step * 3000, now)
    assert clock.time(300 * 3000, 20.0) == pytest.approx(20.02, abs=0.005)


def test_there_and_back() -> None:
    clock = TrackClock(48_000)
    clock.observe(0, 5.0)
    assert clock.timestamp(clock.time(480_000, 15.0), 15.0) == 480_000


def test_reports_beat_arrival_and_are_slewed_to() -> None:
    peer = PeerClock()
    clock = TrackClock(90_000)
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


def test_one_wild_report_changes_nothing_three_do() -> None:
    peer = PeerClock()
    clock = TrackClock(90_000)
    clock.observe(0, 50.0)
    peer.observe(NTP, 50.0)
    clock.report(0, ntp64(NTP), peer)
    before = clock.time(0, 50.0)
    clock.report(0, ntp64(NTP + 60), peer)
    assert clock.time(0, 51.0) == pytest.approx(before)
    clock.report(0, ntp64(NTP + 60), peer)
    clock.report(0, ntp64(NTP + 60), peer)
    assert clock.time(0, 52.0) == pytest.approx(before + 60)


def test_a_peer_that_sets_its_clock_is_followed() -> None:
    peer = PeerClock()
    peer.observe(NTP, 50.0)
    peer.observe(NTP + 3600, 51.0)
    assert peer.monotonic(NTP + 3600) == pytest.approx(51.0)


def test_slow_drift_is_followed() -> None:
    """100 ppm over 100 s is 10 ms: more than lips forgive if it added up over an hour."""
    peer = PeerClock()
    clock = TrackClock(48_000)
    for step in range(5000):
        true = step * 0.02
        stamp = round(true * 48_000 * 1.0001)
        clock.observe(stamp, 70 + true)
        if step % 50 == 0:
            peer.observe(NTP + true, 70 + true)
            clock.report(stamp, ntp64(NTP + true), peer)
        moment = clock.time(stamp, 70 + true)
    assert moment == pytest.approx(70 + 4999 * 0.02, abs=0.002)
