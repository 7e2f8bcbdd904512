"""What a minimum over the last seconds remembers, and what it forgets."""

from __future__ import annotations

from link.rtc.congestion.minimum_filter import MinimumFilter


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
