"""What a leg's network is called, and that the word does not flap."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol.values import NetworkQuality
from link.rtc.quality import BETTER_AFTER_S, WORSE_AFTER_S, Judge, Judgement, Reason
from link.rtc.statistics import ForwardedTrackStatistics, LegStatistics, PublishedTrackStatistics

GOOD, WEAK, BAD = NetworkQuality
NEW = Judgement()


class Network:
    """A leg with sound and picture both ways, one snapshot a second; 200 packets a second come in."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.now = 50.0
        self.told: list[tuple[float, Judgement]] = []
        self.received = self.repaired = self.lost = 0

    def runs(
        self,
        seconds: float,
        *,
        loss: float = 0.0,
        gone: float = 0.0,
        far_loss: float = 0.0,
        rtt: float = 0.05,
        jitter: float = 0.005,
        estimate: int = 4_000_000,
        limit: int = 0,
        quiet: float = 0.0,
        picture: int = 1_500_000,
        step: float = 1.0,
    ) -> Judgement:
        """Time passes with these figures; the last judgement that was told."""
        for _ in range(round(seconds / step)):
            self.now += step
            packets = round(200 * step)
            self.lost += round(packets * gone)
            self.repaired += round(packets * loss)
            self.received += packets - round(packets * gone)
            told = self.judge.observe(
                LegStatistics(
                    rtt=rtt,
                    estimate=estimate,
                    limit=limit,
                    quiet=quiet,
                    tracks={
                        "camera": PublishedTrackStatistics(
                            packets=self.received, repaired=self.repaired, lost=self.lost, bitrate=picture, jitter=0.5
                        ),
                        "microphone": PublishedTrackStatistics(bitrate=32_000, jitter=jitter),
                        "auxiliary": PublishedTrackStatistics(jitter=9.0),
                    },
                    slots={
                        "video0": ForwardedTrackStatistics(bitrate=picture, fraction_lost=far_loss),
                        "video1": ForwardedTrackStatistics(fraction_lost=1.0),
                    },
                ),
                self.now,
            )
            if told is not None:
                self.told.append((self.now, told))
        return self.judge.judgement


def test_a_good_network_is_not_worth_a_word() -> None:
    network = Network()
    assert network.runs(60) == Judgement(GOOD, None)
    assert network.told == []


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"loss": 0.03}, NEW),
        ({"loss": 0.06}, Judgement(WEAK, Reason.LOSS)),
        ({"loss": 0.2}, Judgement(BAD, Reason.LOSS)),
        ({"gone": 0.02}, Judgement(WEAK, Reason.LOSS)),
        ({"gone": 0.05}, Judgement(BAD, Reason.LOSS)),
        ({"far_loss": 0.08}, Judgement(WEAK, Reason.LOSS)),
        ({"far_loss": 0.3}, Judgement(BAD, Reason.LOSS)),
        ({"rtt": 0.3}, NEW),
        ({"rtt": 0.5}, Judgement(WEAK, Reason.DELAY)),
        ({"rtt": 0.9}, Judgement(BAD, Reason.DELAY)),
        ({"jitter": 0.1}, Judgement(WEAK, Reason.DELAY)),
        ({"jitter": 0.2}, Judgement(BAD, Reason.DELAY)),
        ({"estimate": 600_000}, Judgement(WEAK, Reason.BANDWIDTH)),
        ({"estimate": 200_000}, Judgement(BAD, Reason.BANDWIDTH)),
        ({"limit": 500_000}, Judgement(WEAK, Reason.BANDWIDTH)),
        ({"limit": 3_000_000}, NEW),
        ({"estimate": 200_000, "limit": 200_000, "picture": 0}, NEW),
        ({"estimate": 200_000, "limit": 200_000, "picture": 100_000}, NEW),
        ({"estimate": 200_000, "picture": 120_000}, Judgement(BAD, Reason.BANDWIDTH)),
        ({"loss": 0.06, "rtt": 0.9}, Judgement(BAD, Reason.DELAY)),
    ],
)
def test_each_figure_has_its_word(figures: dict[str, float], expected: Judgement) -> None:
    network = Network()
    network.runs(10)
    assert network.runs(10, **figures) == expected  # type: ignore[arg-type]
    assert len(network.told) <= (0 if expected == NEW else 2), "a share of loss grows into its window"


def test_worse_is_said_soon_and_better_late() -> None:
    network = Network()
    network.runs(10)
    begin = network.now
    network.runs(10, rtt=0.5)
    end = network.now
    network.runs(20)
    (worse_at, worse), (better_at, better) = network.told
    assert (worse, better) == (Judgement(WEAK, Reason.DELAY), Judgement(GOOD, None))
    assert WORSE_AFTER_S <= worse_at - begin <= WORSE_AFTER_S + 2
    assert BETTER_AFTER_S <= better_at - end <= BETTER_AFTER_S + 2


def test_a_moment_is_not_told() -> None:
    network = Network()
    network.runs(10)
    for _ in range(10):
        network.runs(1, rtt=0.9)
        network.runs(4)
    assert network.told == []


def test_of_two_levels_the_lesser_one_is_sure() -> None:
    network = Network()
    network.runs(10)
    for _ in range(5):
        network.runs(1, rtt=0.9)
        network.runs(1, rtt=0.5)
    assert [judgement for _, judgement in network.told] == [Judgement(WEAK, Reason.DELAY)]


def test_a_figure_on_the_edge_does_not_flap() -> None:
    network = Network()
    network.runs(10)
    network.runs(5, rtt=0.41)
    for _ in range(30):
        network.runs(4, rtt=0.39)
        network.runs(4, rtt=0.41)
    assert [judgement.quality for _, judgement in network.told] == [WEAK]


def test_silence_counts_at_once_and_so_does_its_end() -> None:
    network = Network()
    network.runs(10)
    assert network.runs(1, quiet=2.1) == Judgement(BAD, Reason.SILENT)
    assert network.runs(1, quiet=3.1) == Judgement(BAD, Reason.SILENT)
    assert network.runs(1, rtt=0.5) == Judgement(WEAK, Reason.DELAY)
    assert network.runs(10) == NEW
    assert len(network.told) == 3


def test_another_reason_is_told_when_the_first_has_gone() -> None:
    network = Network()
    network.runs(10, rtt=0.5)
    assert network.runs(3, limit=500_000) == Judgement(WEAK, Reason.DELAY)
    assert network.runs(10, limit=500_000) == Judgement(WEAK, Reason.BANDWIDTH)


def test_few_packets_prove_nothing() -> None:
    judge = Judge()
    for second in range(10):
        tracks = {"microphone": PublishedTrackStatistics(packets=second, repaired=second, bitrate=1000)}
        assert judge.observe(LegStatistics(tracks=tracks), float(second)) is None


def test_counters_that_begin_anew_do_no_harm() -> None:
    network = Network()
    network.runs(10)
    network.received = network.repaired = network.lost = 0
    assert network.runs(10) == NEW
    assert network.told == []


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_whatever_comes_it_changes_seldom_and_remembers_little(rng: random.Random, step: float) -> None:
    """Without silence, no two changes of level upwards and back lie closer than the time a better word needs."""
    network = Network()
    for _ in range(40):
        network.runs(
            rng.choice([step, 5.0]),
            step=step,
            rtt=rng.random(),
            loss=rng.random() / 5,
            limit=rng.randrange(1, 2_000_000),
        )
        assert len(network.judge._opinions) <= BETTER_AFTER_S / 0.1 + 2
        assert len(network.judge._counts) <= 20
    for (_, old), (_, new) in itertools.pairwise(network.told):
        assert new != old
        assert (new.reason is None) == (new.quality is GOOD)
    # A level may get another reason shortly before it ends, so only the beginnings of levels count.
    levels = [(at, list(NetworkQuality).index(told.quality)) for at, told in network.told]
    began = [levels[0], *(new for old, new in itertools.pairwise(levels) if new[1] != old[1])] if levels else []
    for (before, old_level), (at, new_level) in itertools.pairwise(began):
        if new_level < old_level:
            assert at - before >= BETTER_AFTER_S - WORSE_AFTER_S - step
