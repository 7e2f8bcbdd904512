"""A path that is gone is told from a pause, and soon: the figures alone, and real legs on bad networks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from link.rtc.leg import LegState
from link.rtc.transport.liveness import DOUBT_S, MOST_PATIENCE_S, SILENT_AFTER_S, SUSPICION_S, UNKNOWN_RTT_S, Liveness
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import Camera, Pair, until
from tests.machine import allow
from tests.stalls import undisturbed

TICK = 0.1


class Path:
    """Ticks in simulated time; `answers` is how long an answer to a question takes, None for never."""

    def __init__(self, rtt: float = 0.02) -> None:
        self.liveness = Liveness()
        self.rtt = rtt
        self.now = self.heard = 100.0
        self.asked: list[float] = []
        self.answers: Callable[[], float | None] = lambda: None
        self._coming: list[float] = []

    def run(self, seconds: float, *, hearing: bool = False, step: float = TICK) -> None:
        for _ in range(round(seconds / step)):
            self.now += step
            self._coming.sort()
            while self._coming and self._coming[0] <= self.now:
                self.heard = self._coming.pop(0)
            if hearing:
                self.heard = self.now
            for _ in range(self.liveness.look(self.heard, self.rtt, self.now)):
                self.asked.append(self.now)
                answer = self.answers()
                if answer is not None:
                    self._coming.append(self.now + answer)

    def until_silent(self) -> tuple[float, float]:
        """Seconds from now until the path is doubtful, and until it is silent."""
        begun, doubted = self.now, 0.0
        while not self.liveness.silent:
            self.run(TICK)
            doubted = doubted or (self.liveness.doubtful and self.now - begun) or 0.0
        return doubted, self.now - begun


@pytest.mark.parametrize("rtt", [0.001, 0.2, 0.5, 5.0])
def test_a_path_that_is_gone(rtt: float) -> None:
    path = Path(rtt)
    path.run(5, hearing=True)
    doubted, silent = path.until_silent()
    patience = min(1.5 * rtt, MOST_PATIENCE_S)
    assert DOUBT_S <= doubted - patience <= DOUBT_S + 2 * TICK + 0.001
    assert SILENT_AFTER_S <= silent - patience <= SILENT_AFTER_S + 2 * TICK + 0.001
    assert silent < 3.0 - TICK
    path.run(TICK, hearing=True)
    assert not path.liveness.silent
    assert not path.liveness.doubtful


def test_who_speaks_is_asked_seldom_and_who_fell_silent_often() -> None:
    path = Path()
    path.run(30, hearing=True)
    assert 9 <= len(path.asked) <= 11, "for the round-trip time"
    path.asked.clear()
    path.run(1.1)
    moments = sorted(set(path.asked))
    assert len(moments) >= (1.1 - SUSPICION_S) / TICK - 1
    assert len(path.asked) > len(moments), "twice at a time when in doubt"
    assert not path.liveness.silent


@pytest.mark.parametrize("answer", [0.001, 0.1, 0.7])
def test_a_pause_is_not_the_end(answer: float) -> None:
    """Nothing is said for an hour, and every question is answered; the round trip was 0.5 s at 250 ms each way."""
    path = Path(0.5)
    path.answers = lambda: answer
    for _ in range(3600):
        path.run(1)
        assert not path.liveness.doubtful
    assert len(path.asked) < 10 * 3600


def test_a_round_trip_that_is_not_known_yet_is_taken_for_a_long_one() -> None:
    path = Path(0.0)
    doubted, silent = path.until_silent()
    assert doubted >= DOUBT_S + UNKNOWN_RTT_S
    assert silent >= SILENT_AFTER_S + UNKNOWN_RTT_S


def test_who_was_away_has_not_listened() -> None:
    """This process was stopped for five seconds: what came meanwhile is read after this look."""
    path = Path()
    path.run(5, hearing=True)
    path.run(5, step=5.0)
    assert not path.liveness.doubtful
    path.run(0.1, hearing=True)
    path.until_silent()


@pytest.mark.parametrize("delay", [0.001, 0.1, 0.25, 0.35])
def test_a_muted_path_that_loses_every_third_packet(delay: float) -> None:
    """Both ways, so that half of the questions get no answer; nothing else is said for ten minutes."""
    chance = random.Random(1)
    path = Path(2 * delay)

    def answer() -> float | None:
        lost = chance.random() < 0.3 or chance.random() < 0.3
        return None if lost else 2 * delay * chance.uniform(0.6, 1.4)

    path.answers = answer
    silences = 0
    for _ in range(6000):
        path.run(TICK)
        silences += path.liveness.silent
    assert silences == 0


# --- real legs --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


async def bear(network: dict[str, float], *, talking: bool) -> None:
    pair, path, camera = Pair(), LossyPath(seed=7), Camera()
    running = spawn(camera.run(10_000), name="camera")
    try:
        await pair.connect(path)
        await asyncio.sleep(0.3)
        path.set(**network)
        if talking:
            pair.offerer.slots["camera"].attach(camera.injection.track, time.monotonic())
        await asyncio.sleep(4)
        assert LegState.SILENT not in pair.states["offerer"] + pair.states["answerer"], (network, talking)
    finally:
        await cancel(running)
        await pair.close()


@pytest.mark.alone
async def test_no_leg_is_lost_on_a_bad_network(no_task_left: None) -> None:
    networks: list[dict[str, float]] = [
        {"loss": 0.3},
        {"delay": 0.25, "jitter": 0.1},
        {"loss": 0.1, "delay": 0.25, "jitter": 0.1},
    ]
    await undisturbed(*(partial(bear, network, talking=on) for network in networks for on in (True, False)))


@pytest.mark.alone
async def test_a_sender_that_pauses_is_not_doubted(pair: Pair) -> None:
    await pair.connect(LossyPath(delay=0.02))
    camera = Camera()
    pair.offerer.slots["camera"].attach(camera.injection.track, time.monotonic())
    await camera.run(20)
    await asyncio.sleep(2.5)
    await camera.run(20)
    assert pair.states["answerer"] == pair.states["offerer"] == [LegState.CONNECTING, LegState.CONNECTED]


@pytest.mark.alone
async def test_an_outage_of_a_second_is_over_when_it_is_over(pair: Pair) -> None:
    path = LossyPath()
    await pair.connect(path)
    await until(lambda: pair.answerer.rtt > 0 and pair.offerer.rtt > 0)
    path.blocked = True
    await until(lambda: LegState.DOUBTFUL in pair.states["answerer"] and LegState.DOUBTFUL in pair.states["offerer"])
    path.blocked = False
    begun = time.monotonic()
    await until(lambda: pair.answerer.state is pair.offerer.state is LegState.CONNECTED)
    assert time.monotonic() - begun < allow(0.5)
    assert LegState.SILENT not in pair.states["answerer"] + pair.states["offerer"]
