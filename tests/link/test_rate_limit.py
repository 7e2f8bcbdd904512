"""Token buckets, against a clock that is moved by hand."""

from __future__ import annotations

import pytest

from link import rate_limit
from link.protocol.errors import RateLimited
from link.rate_limit import Bucket, Rates


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    bucket = Bucket(2, 3, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s == 0.5
    clock.now += 0.5
    assert [bucket.take(), bucket.take()] == [True, False]
    clock.now += 100.0
    assert not bucket.take(4)
    assert bucket.take(3)


def test_the_wait_is_told_and_is_long_enough() -> None:
    clock = Clock()
    made = Rates(clock)
    for _ in range(2):
        made.take("calls", "k1", 0.25, 2)
    made.take("calls", "k2", 0.25, 2)
    made.take("legs", "k1", 0.25, 2)
    with pytest.raises(RateLimited) as caught:
        made.take("calls", "k1", 0.25, 2)
    assert 3.9 < caught.value.retry_after < 4.2
    clock.now += caught.value.retry_after
    made.take("calls", "k1", 0.25, 2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "KEYS", 50)
    made = Rates(Clock())
    for number in range(200):
        made.take("calls", str(number), 1, 1)
    assert len(made._buckets) == 50
    with pytest.raises(RateLimited):
        made.take("calls", "199", 1, 1)
