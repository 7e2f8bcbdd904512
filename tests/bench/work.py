"""What is asked of a server in one measurement of `./dev bench relay`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """Recorded calls, their packet rate, and how many receive each track."""

    calls: int = 4
    rate: float = 1.0  # times 30 pictures and 50 sounds a second
    subscribers: int = 1
