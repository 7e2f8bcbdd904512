from __future__ import annotations

import itertools
import random

from server.journal.read_spans import NEAR_MS, SPANS, ReadSpans


def spans(*given: tuple[int, int]) -> ReadSpans:
    made = ReadSpans()
    for span in given:
        made.add(*span)
    return made


def test_spans_that_meet_are_one_in_any_order() -> None:
    pieces = [(0, 2000), (2000, 4000), (4040, 6000), (10_000, 12_000)]
    for _ in range(20):
        random.Random(7).shuffle(pieces)
        made = spans(*pieces)
        assert made.told() == [[0, 6000], [10_000, 12_000]]
        assert not made.joined


def test_one_that_covers_others_takes_them_in() -> None:
    assert spans((1000, 2000), (5000, 6000), (500, 9000)).told() == [[500, 9000]]
    assert spans((500, 9000), (1000, 2000)).told() == [[500, 9000]]
    assert spans((1000, 1000)).told() == [[1000, 1000]]
    assert spans((0, 10), (10 + NEAR_MS, 300)).told() == [[0, 10], [10 + NEAR_MS, 300]]


def test_what_ends_before_it_begins_is_nothing() -> None:
    made = spans((5, 4))
    assert not made
    assert made.told() == []


def test_there_are_few_and_nothing_is_missing() -> None:
    chance = random.Random(3)
    given = [(start, start + 500) for start in (chance.randrange(10_000_000) for _ in range(3000))]
    made = spans(*given)
    told = made.told()
    assert len(told) == SPANS
    assert made.joined
    assert told == sorted(told)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(told))
    assert all(any(low <= start and end <= high for low, high in told) for start, end in given)


def test_the_nearest_two_are_joined() -> None:
    made = spans(*((at * 10_000, at * 10_000 + 100) for at in range(SPANS)), (10_000 + 2000, 10_000 + 2100))
    assert len(made.told()) == SPANS
    assert [10_000, 12_100] in made.told()
