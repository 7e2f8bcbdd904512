"""Whether the far end of a leg is still there, and no pause is taken for its end. Sans-IO.

Media comes every 20 ms while anybody is heard, and then nothing: somebody muted or held, a process that stopped for a
moment, or a path that is gone. So a leg on which nothing comes for 0.3 s is asked, ten times a second (STUN checks, RFC
7675), and only if nothing answers for about a second is the path taken for gone. A path that loses every third packet,
or is slow, answers in that time; a far end with nothing to say answers at once.
"""

from __future__ import annotations

SUSPICION = 0.3
"""Seconds without anything after which the far end is asked for a sign of life."""
DOUBT = 0.6
"""Seconds, and one and a half round trips: then the first answers are overdue."""
SILENCE = 1.2
"""Seconds, and one and a half round trips: then 0.9 s have passed without an answer that was due."""
UNKNOWN_RTT = 0.5
MOST_PATIENCE = 1.2
_ASK_EVERY = 0.08  # each tick
_ASK_THE_SILENT_EVERY = 0.18
_ASK_ANYWAY = 3.0
_MOST_STEP = 0.25
"""Seconds that one look may add to the silence: who was away for longer has heard nothing because it did not listen."""


class Liveness:
    """One leg's, looked at every 100 ms. `quiet` is in seconds; `silent` is never true without `doubtful`."""

    __slots__ = ("_asked", "doubtful", "quiet", "silent")

    def __init__(self) -> None:
        self.quiet = 0.0
        self.doubtful = self.silent = False
        self._asked = float("-inf")

    def look(self, heard: float, rtt: float, now: float) -> int:
        """Something was last heard at `heard`; how often to ask now. `rtt` is 0 while unknown."""
        quiet = self.quiet = max(0.0, min(now - heard, self.quiet + _MOST_STEP))
        patience = min(1.5 * (rtt or UNKNOWN_RTT), MOST_PATIENCE)
        self.doubtful = quiet > DOUBT + patience
        self.silent = quiet > SILENCE + patience
        pause = _ASK_ANYWAY if quiet <= SUSPICION else _ASK_THE_SILENT_EVERY if self.silent else _ASK_EVERY
        if now - self._asked < pause:
            return 0
        self._asked = now
        return 2 if self.doubtful else 1
