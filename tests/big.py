"""Which tests are only tried before a release, because they take long: `VISAVIS_BIG_TESTS=1` (docs/testing.md)."""

from __future__ import annotations

import os
from typing import Any

import pytest

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
big = pytest.mark.skipif(not BIG, reason="takes longer: VISAVIS_BIG_TESTS=1")


def first_of(*cases: Any) -> list[Any]:
    """For `parametrize`: the first case is tried every time, the others before a release."""
    others = [case if isinstance(case, tuple) else (case,) for case in cases[1:]]
    return [cases[0], *(pytest.param(*case, marks=big) for case in others)]
