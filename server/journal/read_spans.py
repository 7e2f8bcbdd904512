"""Which spans of a recording somebody read: joined where they meet, and few, however they were asked for."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

SPANS: Final = 40
"""Most spans that are kept apart."""
NEAR_MS: Final = 250
"""Spans that are nearer than this are one: segments of a track begin and end at its frames."""


class ReadSpans:
    """A union of spans in milliseconds of a session.

    Beyond `SPANS` the two that are nearest are joined, with what lies between: nothing read is ever missing. `joined`
    says that it happened.
    """

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []
        self.joined = False

    def add(self, start_ms: int, end_ms: int) -> None:
        """Add a span; one that ends before it begins is nothing."""
        if end_ms < start_ms:
            return
        at = bisect_left(self._spans, (start_ms, end_ms))
        if at and start_ms - self._spans[at - 1][1] < NEAR_MS:
            at -= 1
            start_ms, end_ms = self._spans[at][0], max(end_ms, self._spans[at][1])
            del self._spans[at]
        while at < len(self._spans) and self._spans[at][0] - end_ms < NEAR_MS:
            end_ms = max(end_ms, self._spans[at][1])
            del self._spans[at]
        self._spans.insert(at, (start_ms, end_ms))
        if len(self._spans) > SPANS:
            self._join_nearest()

    def __bool__(self) -> bool:
        return bool(self._spans)

    def told(self) -> list[list[int]]:
        """The spans in order, as `[[from, to], …]`."""
        return [list(span) for span in self._spans]

    def _join_nearest(self) -> None:
        self.joined = True
        pairs = zip(self._spans, self._spans[1:], strict=False)
        at = min(enumerate(pairs), key=lambda pair: pair[1][1][0] - pair[1][0][1])[0]
        self._spans[at : at + 2] = [(self._spans[at][0], self._spans[at + 1][1])]
