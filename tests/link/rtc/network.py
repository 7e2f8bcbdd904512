"""One direction of a bad network: loss, bursts, delay, jitter, a narrow link, duplicates, by a seed. Sans-IO."""

from __future__ import annotations

import random
from dataclasses import dataclass

HEADERS = 28
"""Bytes of IPv4 and UDP that a narrow link carries with each datagram."""


@dataclass(slots=True)
class Conditions:
    """What a direction does to a datagram; every field may be changed at any time.

    Delays are in seconds: each datagram takes `delay` plus up to `jitter`. With `reorder` each one on its own, so that
    they overtake one another; without, none leaves before the one ahead of it. `loss` is a share of all datagrams;
    with `burst` above 1 it comes in runs of that mean length (a Gilbert model). `rate` is in bit/s (0: no limit), with
    headers, behind a queue of `queue` bytes that drops what does not fit.
    """

    loss: float = 0.0
    burst: float = 1.0
    delay: float = 0.0
    jitter: float = 0.0
    reorder: bool = True
    rate: float = 0.0
    queue: int = 32_000
    duplicate: float = 0.0
    blocked: bool = False
    largest: int = 0
    """Bytes, with `HEADERS`, above which a datagram vanishes without a word (0: none)."""


class Direction:
    """When each datagram leaves the network at the other side."""

    def __init__(self, conditions: Conditions | None = None, seed: int = 1) -> None:
        self.conditions = conditions or Conditions()
        self.carried = self.lost = self.overflowed = self.duplicated = 0
        self._random = random.Random(seed)
        self._in_burst = False
        self._backlog = 0.0  # bytes that wait for the narrow link
        self._backlog_at = 0.0
        self._last = 0.0

    def carry(self, size: int, now: float) -> tuple[float, ...]:
        """The times at which a datagram of `size` bytes comes out that goes in at `now`; none if it is lost."""
        conditions = self.conditions
        self.carried += 1
        if conditions.blocked or 0 < conditions.largest < size + HEADERS or self._loses():
            self.lost += 1
            return ()
        wait = 0.0
        if conditions.rate:
            self._backlog = max(0.0, self._backlog - (now - self._backlog_at) * conditions.rate / 8)
            self._backlog_at = now
            if self._backlog + size + HEADERS > conditions.queue:
                self.overflowed += 1
                return ()
            self._backlog += size + HEADERS
            wait = self._backlog * 8 / conditions.rate
        out = now + wait + conditions.delay + self._random.random() * conditions.jitter
        if not conditions.reorder:
            out = max(out, self._last)
        self._last = max(out, self._last)
        if conditions.duplicate and self._random.random() < conditions.duplicate:
            self.duplicated += 1
            return (out, out)
        return (out,)

    def _loses(self) -> bool:
        """The Gilbert model: every datagram of a bad stretch is lost, and stretches have a geometric length."""
        conditions = self.conditions
        if not conditions.loss:
            self._in_burst = False
            return False
        if conditions.burst <= 1.0 or conditions.loss >= 1.0:
            return self._random.random() < conditions.loss
        if self._in_burst:
            self._in_burst = self._random.random() >= 1 / conditions.burst
        else:
            begin = conditions.loss / (conditions.burst * (1 - conditions.loss))
            self._in_burst = self._random.random() < begin
        return self._in_burst
