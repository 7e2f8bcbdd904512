"""What is tested here makes and migrates its databases itself."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _copy_migrated() -> None:
    """Copy none."""
