"""Times and identifiers as the database keeps them."""

from __future__ import annotations

import secrets
import time

_AT_START_US = (time.time_ns() - time.monotonic_ns()) // 1000
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def now_us() -> int:
    """Wall-clock time in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def steady_us() -> int:
    """As `now_us` was when this process began, and monotonic from there.

    For what has to last a while: it ends neither sooner nor later when the wall clock is set.
    """
    return _AT_START_US + time.monotonic_ns() // 1000


def new_id() -> str:
    """A random identifier of 16 letters and digits (80 bits), fit for paths, arguments and reading aloud."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))
