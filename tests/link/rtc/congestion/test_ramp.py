"""How fast an estimate rises again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.congestion.ramp import FAST_PER_S, FREE_PER_S, SLOW_PER_S, unopposed_growth


def test_it_begins_as_the_draft_has_it() -> None:
    assert unopposed_growth(0.0) == pytest.approx(1.08)
    assert unopposed_growth(-5.0) == SLOW_PER_S, "something spoke against more a moment ago"


def test_it_takes_three_seconds_to_its_steepest() -> None:
    assert unopposed_growth(2.9) < FREE_PER_S
    assert unopposed_growth(3.0) == pytest.approx(FREE_PER_S)
    assert unopposed_growth(60.0) == FREE_PER_S


def test_half_of_what_was_carried_is_found_again_in_three_seconds() -> None:
    assert abs(0.5 * FAST_PER_S**3 - 1.0) < 0.06


@given(st.floats(-100, 100), st.floats(0, 100))
def test_it_never_slows_down_while_nothing_speaks_against_it(seconds: float, more: float) -> None:
    assert SLOW_PER_S <= unopposed_growth(seconds) <= unopposed_growth(seconds + more) <= FREE_PER_S
