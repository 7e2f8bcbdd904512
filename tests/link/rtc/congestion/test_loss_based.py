"""Loss that less would mend, and loss that it would not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.congestion.loss_based import FREE_BPS, LOWEST_BPS, MUCH_SHARE, LossBasedEstimator

PACKET = 9600  # bits


class Path:
    """A sender of `wish` bit/s that obeys a second later, over a path that loses `loss` at random and, without any
    queue, what is over `rate`."""

    def __init__(self, wish: float, *, loss: float = 0.0, rate: float = 1e12, seed: int = 1) -> None:
        self.excess = LossBasedEstimator()
        self.wish, self.loss, self.rate = wish, loss, rate
        self.now = 100.0
        self.expected = self.received = 0
        self.sent: list[float] = []  # bit/s of each second
        self.lost: list[float] = []  # share of each second
        self._told = self.wish
        self._random = random.Random(seed)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            sending = min(self.wish, self._told)
            packets = round(sending / PACKET)
            came = sum(self._random.random() >= self.loss for _ in range(packets))
            came = min(came, int(self.rate / PACKET))
            self._told = self.excess.ceiling
            self.expected += packets
            self.received += came
            self.excess.observe(self.expected, self.received, came * PACKET, self.now)
            self.sent.append(sending)
            self.lost.append(1 - came / max(1, packets))


@given(st.floats(0.0, 0.1), st.integers(1, 10_000))
def test_a_little_loss_is_left_alone(loss: float, seed: int) -> None:
    path = Path(3e6, loss=loss, seed=seed)
    path.run(20)
    assert min(path.sent) == 3e6


@given(st.floats(0.2, 0.5), st.floats(0.6e6, 3e6), st.integers(1, 10_000))
def test_a_path_that_loses_whatever_is_sent_is_tried_and_then_left_alone(loss: float, wish: float, seed: int) -> None:
    path = Path(wish, loss=loss, seed=seed)
    path.run(60)
    assert min(path.sent) >= LOWEST_BPS
    assert sum(path.sent) / 60 > 0.7 * wish, "for seconds, not for good"


@given(st.floats(0.3e6, 1.2e6), st.floats(1.5e6, 3e6), st.integers(1, 10_000))
def test_what_a_router_drops_is_not_sent_any_more(rate: float, wish: float, seed: int) -> None:
    path = Path(wish, rate=rate, seed=seed)
    path.run(60)
    assert path.sent[4] < rate, "within five seconds"
    assert max(path.lost[4:]) < 0.3, "in a second that looks whether there is more room"
    assert sum(path.lost[10:]) / 50 < MUCH_SHARE / 2
    assert min(path.sent) >= 0.7 * rate
    assert path.excess.usual == 0.0


@pytest.mark.parametrize("seed", range(10))
def test_loss_that_ends_by_itself_while_less_is_asked_for_is_soon_forgotten(seed: int) -> None:
    """It looks as if less had mended it: that is no reason for half a minute of a poor picture."""
    path = Path(1.5e6, loss=0.3, seed=seed)
    while not path.excess._trial_until:
        path.run(1)
    path.run(1)
    path.loss = 0.0
    path.run(8)
    assert path.sent[-1] > 1.2e6


@pytest.mark.parametrize("seed", range(5))
def test_a_router_that_drops_no_more_is_found_out(seed: int) -> None:
    path = Path(1.5e6, rate=0.5e6, seed=seed)
    path.run(12)
    path.rate = 1e12
    path.run(30)
    assert path.sent[-1] == 1.5e6
    assert path.excess.ceiling == FREE_BPS


@pytest.mark.parametrize("seed", range(5))
def test_a_router_that_is_gone_does_not_count_against_a_radio(seed: int) -> None:
    path = Path(1.5e6, rate=0.5e6, seed=seed)
    path.run(20)
    path.rate = 1e12
    path.run(40)
    assert path.excess.ceiling == FREE_BPS
    path.loss = 0.3
    path.run(30)
    assert sum(path.sent[-20:]) / 20 > 0.75 * 1.5e6, "chance makes it look again now and then"


@pytest.mark.parametrize("seed", range(5))
def test_both_together(seed: int) -> None:
    """Over a radio that loses a tenth, to a router that drops what is over 500 kbit/s."""
    path = Path(1.5e6, rate=0.5e6, loss=0.1, seed=seed)
    path.run(40)
    assert sum(path.lost[5:]) / 35 < 0.2
    assert sum(path.sent[5:]) / 35 > 0.3e6


def test_a_path_that_is_known_to_lose_may_narrow_all_the_same() -> None:
    path = Path(2e6, loss=0.25)
    path.run(15)
    assert path.excess.usual > 0.2
    path.rate = 0.6e6
    path.run(8)
    assert path.sent[-1] < 0.7e6


def test_nobody_is_asked_for_less_than_sound_needs() -> None:
    path = Path(1e6, rate=20_000)
    path.run(30)
    assert min(path.sent) >= LOWEST_BPS


def test_silence_and_a_new_beginning_are_no_loss() -> None:
    excess = LossBasedEstimator()
    excess.observe(1000, 1000, 10**6, 1.0)
    excess.observe(1000, 1000, 10**6, 2.0)
    excess.observe(90, 30, 10**6, 3.0)
    excess.observe(180, 120, 10**6, 4.0)
    excess.observe(300, 240, 10**6, 5.0)
    assert excess.ceiling == FREE_BPS
    excess.observe(9000, 240, 10**6, 60.0)
    assert excess.ceiling == FREE_BPS


def test_packets_that_are_too_few_say_nothing() -> None:
    excess = LossBasedEstimator()
    for second in range(20):
        excess.observe(second * 4, second, 10**6, float(second))
    assert excess.ceiling == FREE_BPS
