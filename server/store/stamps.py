"""Times and identifiers as the database keeps them."""

from __future__ import annotations

import secrets
import time

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def now_us() -> int:
    """Wall-clock time in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def new_id() -> str:
    """A random identifier of 16 letters and digits (80 bits), fit for paths, arguments and reading aloud."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))
