"""Clocks that are set, reports that are late, doubled or missing for minutes: lips stay with voices all the same.

A device apart from that of `test_clock`: its clocks are functions of time, and everything it sends arrives when a
network of its own lets it, reports out of order too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from link.rtc.tracks.capture_clock import CaptureClock, PeerClock

NTP = 3_900_000_000.0
RATES = {"sound": 48_000, "picture": 90_000}
STREAMS = (("sound", 0.1, 0.0), ("picture", 1 / 30, 0.01), ("sound report", 5.0, 2.0), ("picture report", 1.0, 0.7))
LIPS = 0.04

Delay = Callable[[float, random.Random], float]


def near(_: float, chance: random.Random) -> float:
    return 0.04 + chance.expovariate(1 / 0.008)


def far(_: float, chance: random.Random) -> float:
    return 0.25 + chance.uniform(-0.1, 0.1)


def straggling(moment: float, chance: random.Random) -> float:
    """Every third report comes up to eight seconds late."""
    return 0.04 + chance.uniform(0, 8) if chance.random() < 0.3 else near(moment, chance)


def steady(track: str, moment: float) -> float:
    """100 ppm apart each: seconds that a clock has gained."""
    return {"sound": 100e-6, "picture": -100e-6, "ntp": 50e-6}[track] * moment


@dataclass
class Device:
    seed: int
    gained: Callable[[str, float], float] = steady
    delay: Delay = near
    report_delay: Delay | None = None
    doubled: float = 0.0  # share of the reports that come twice
    clock_set: Callable[[float], float] = lambda moment: 0.0
    reports: Callable[[float], bool] = lambda moment: True
    skews: list[tuple[float, float]] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        self.chance = random.Random(self.seed)
        self.peer = PeerClock()
        self.clocks = {track: CaptureClock(rate) for track, rate in RATES.items()}
        errors: dict[str, float] = {}
        coded = dict.fromkeys(RATES, 0.0)
        for at, what, moment in self._arrivals(seconds):
            track, _, report = what.partition(" ")
            if report:
                self._report(track, moment, 1000 + at)
                continue
            coding = 0.02 if track == "sound" else 0.03 + self.chance.random() * 0.06
            now = coded[track] = max(coded[track], 1000 + at + coding)
            clock, stamp = self.clocks[track], self._stamp(track, moment)
            clock.observe(stamp, now)
            errors[track] = clock.time(stamp, now) - 1000 - moment
            if len(errors) == 2:
                self.skews.append((moment, errors["picture"] - errors["sound"]))

    def _arrivals(self, seconds: float) -> list[tuple[float, str, float]]:
        found = []
        for what, every, head in STREAMS:
            report = what.endswith("report")
            delay = self.report_delay or self.delay if report else self.delay
            newest = 0.0
            for step in range(int((seconds - head) / every)):
                moment = head + step * every
                if report and not self.reports(moment):
                    continue
                for _ in range(2 if report and self.chance.random() < self.doubled else 1):
                    at = moment + delay(moment, self.chance)
                    # Media is put in order before its clock sees it; reports are not.
                    newest = at if report else max(newest, at)
                    found.append((newest, what, moment))
        return sorted(found)

    def _stamp(self, track: str, moment: float) -> int:
        return 5_000_000 + round((moment + self.gained(track, moment)) * RATES[track])

    def _report(self, track: str, moment: float, now: float) -> None:
        clock = self.clocks[track]
        ntp = NTP + moment + self.gained("ntp", moment) + self.clock_set(moment)
        stamp = self._stamp(track, moment) + round(self.chance.gauss(0, 0.003) * clock.rate)
        self.peer.observe(ntp, now, clock.beside(stamp, ntp, self.peer), clock)
        clock.report(stamp, int(ntp * 2**32), self.peer)

    def worst(self, since: float = 15.0) -> float:
        return max(abs(skew) for moment, skew in self.skews if moment > since)


STEPS = [0.1, -0.1, 0.3, -0.3, 1.0, -1.0, 1.9, -1.9, 5.0, 86_400.0, -86_400.0]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("delay", [near, far])
def test_a_sender_that_sets_its_clock(step: float, delay: Delay) -> None:
    """As NTP does at once when it finds a computer wrong; before, 1 s meant lips 0.9 s off for 20 s."""
    device = Device(1, delay=delay, clock_set=lambda moment: step if moment > 60 else 0.0)
    device.run(100)
    assert device.worst() < LIPS


def test_a_clock_that_is_set_to_and_fro() -> None:
    device = Device(2, clock_set=lambda moment: float(int(moment) // 7 % 2))
    device.run(200)
    assert device.worst() < LIPS


def test_no_report_for_ten_minutes() -> None:
    """The last two minutes of reports say how the clocks go on; before, 120 ms were missing in the end."""
    device = Device(3, reports=lambda moment: not 150 < moment < 750)
    device.run(800)
    assert device.worst() < LIPS


def test_ten_seconds_of_reports_are_not_believed_for_ten_minutes() -> None:
    """So few tell little about a drift: what they seem to say must not be carried on."""
    device = Device(4, gained=lambda track, moment: 0.0, reports=lambda moment: moment < 16)
    device.run(600)
    assert device.worst() < LIPS


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_reports_come_late_and_twice(step: float) -> None:
    """A report that is eight seconds late is not a clock that was set."""
    device = Device(5, report_delay=straggling, doubled=0.5, clock_set=lambda moment: step if moment > 150 else 0.0)
    device.run(300)
    assert device.worst() < LIPS


def test_every_report_is_seconds_late() -> None:
    device = Device(6, report_delay=lambda _, chance: chance.uniform(1, 9))
    device.run(300)
    assert device.worst(30) < LIPS


def turning(track: str, moment: float) -> float:
    return 2 * steady(track, min(moment, 300 - moment))


def swinging(track: str, moment: float) -> float:
    """Up to 100 ppm fast, and half a minute later as much slow."""
    return steady(track, 60 / math.tau) * math.sin(moment / 60 * math.tau)


@pytest.mark.parametrize("gained", [turning, swinging])
@pytest.mark.parametrize("delay", [near, far])
def test_a_drift_that_changes_its_sign(gained: Callable[[str, float], float], delay: Delay) -> None:
    device = Device(7, gained=gained, delay=delay)
    device.run(300)
    assert device.worst() < LIPS


def test_an_hour_far_away() -> None:
    device = Device(8, delay=far)
    device.run(3600)
    assert device.worst() < LIPS
    assert device.worst(3000) < 0.015
