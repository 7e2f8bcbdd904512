"""The smallest of what came lately: the fastest arrival, the shortest round trip. Sans-IO."""

from __future__ import annotations

from typing import Final

_WINDOW_S: Final = 10.0
"""A value is remembered for this long at least, and twice as long at most (two windows alternate). chosen: clocks drift
by 1 ms in it at 100 ppm; docs/media.md (Clocks)."""


class MinimumFilter:
    """The smallest value of the last 10 to 20 s."""

    __slots__ = ("_current", "_previous", "_until", "value")

    def __init__(self) -> None:
        self.value = float("inf")
        self._current = self._previous = float("inf")
        self._until = 0.0

    def add(self, value: float, now: float) -> None:
        if now >= self._until:
            self._previous = self._current if self._until else value
            self._current = value
            self._until = now + _WINDOW_S
            self.value = min(value, self._previous)
        elif value < self._current:
            self._current = value
            if value < self.value:
                self.value = value
