from __future__ import annotations

import pytest

from link.protocol.errors import RateLimited
from server.identity.attempts import KEYS, QUIET_S, Attempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait(attempts: Attempts, key: str = "li") -> float:
    """Seconds until the next attempt is taken; 0 when it was taken now."""
    try:
        attempts.begin(key)
    except RateLimited as error:
        return error.retry_after
    return 0.0


def test_a_few_are_free_and_then_each_costs_twice() -> None:
    clock = Clock()
    attempts = Attempts(free=5, longest_s=60, clock=clock)
    assert [wait(attempts) for _ in range(5)] == [0.0] * 5
    waits = []
    for _ in range(8):
        waits.append(wait(attempts))
        clock.now += waits[-1]
        assert wait(attempts) == 0.0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_many_at_once_are_no_way_around() -> None:
    attempts = Attempts(free=5, clock=Clock())
    assert sum(wait(attempts) == 0 for _ in range(100)) == 5


def test_refused_attempts_do_not_count() -> None:
    clock = Clock()
    attempts = Attempts(free=1, clock=clock)
    wait(attempts)
    for _ in range(50):
        assert wait(attempts) == 1
    clock.now += 1
    assert wait(attempts) == 0


def test_checking_says_the_same_and_counts_nothing() -> None:
    attempts = Attempts(free=1, clock=Clock())
    for _ in range(10):
        attempts.check("li")
    assert wait(attempts) == 0
    with pytest.raises(RateLimited):
        attempts.check("li")


def test_quiet_starts_afresh_and_keys_are_apart() -> None:
    clock = Clock()
    attempts = Attempts(free=2, clock=clock)
    assert [wait(attempts) > 0 for _ in range(3)] == [False, False, True]
    assert wait(attempts, "wang") == 0
    clock.now += QUIET_S + 1
    assert [wait(attempts) > 0 for _ in range(3)] == [False, False, True]


def test_what_is_forgiven_was_not_tried_and_nothing_else_is() -> None:
    """A right password takes its own attempt back: not those of the wrong ones before it."""
    clock = Clock()
    attempts = Attempts(free=5, clock=clock)
    for _ in range(30):
        assert wait(attempts) == 0
        attempts.forgive("li")
    assert not attempts._counts
    tried = 0
    for _ in range(58):
        tried += wait(attempts) == 0
        if wait(attempts, "own") == 0:  # a login of the attacker's own, at the same moment, changes nothing
            attempts.forgive("own")
    assert tried == 5
    clock.now += 1
    assert wait(attempts) == 0, "the right one, when its turn comes"
    attempts.forgive("li")
    assert wait(attempts) > 0, "and then the five wrong ones are counted as before"
    attempts.forgive("nobody")


def test_memory_is_bounded() -> None:
    attempts = Attempts(clock=Clock())
    for number in range(KEYS + 100):
        attempts.begin(str(number))
    assert len(attempts._counts) == KEYS


def test_the_error_says_when() -> None:
    attempts = Attempts(free=1, clock=Clock())
    attempts.begin("li")
    with pytest.raises(RateLimited) as caught:
        attempts.begin("li")
    assert caught.value.retry_after == 1.0
