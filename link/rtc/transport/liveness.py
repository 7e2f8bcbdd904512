"""Whether the far end of a leg is still there, and no pause is taken for its end. Sans-IO.

Media comes every 20 ms while anybody is heard, and then nothing: somebody muted or held, a process that stopped for a
moment, or a path that is gone. So a leg on which nothing comes for 0.3 s is asked, ten times a second (STUN checks, RFC
7675), and only if nothing answers for about a second is the path taken for gone. A path that loses every third packet,
or is slow, answers in that time; a far end with nothing to say answers at once.
"""

from __future__ import annotations

from typing import Final

SUSPICION_S: Final = 0.3
"""Without anything for so long the far end is asked for a sign of life. docs/media.md (Silence)."""
DOUBT_S: Final = 0.6
"""And `PATIENCE_TRIPS`: then the first answers are overdue. docs/media.md (Silence)."""
SILENT_AFTER_S: Final = 1.2
"""And `PATIENCE_TRIPS`: then 0.9 s have passed without an answer that was due. docs/media.md (Silence). Whoever says
that nothing is heard says so after this: a leg, the judgement of its network, the kiosk client to its page."""
PATIENCE_TRIPS: Final = 1.5
"""Round trips that an answer may take longer. docs/media.md (Silence)."""
UNKNOWN_RTT_S: Final = 0.5
"""The round trip while it is unknown. chosen: that of a path round the earth by satellite or a bad mobile network."""
MOST_PATIENCE_S: Final = 1.2
"""The most that is added for round trips. chosen: `PATIENCE_TRIPS` of 0.8 s, from which on a network is called bad."""
_ASK_EVERY_S: Final = 0.08
"""Between two checks. chosen: less than a tick, so every tick asks."""
_ASK_THE_SILENT_EVERY_S: Final = 0.18
"""The same while it is silent. chosen: less than two ticks, so every other tick asks."""
_ASK_ANYWAY_S: Final = 3.0
"""The same while it is heard, for the round trip and for NATs. chosen: below the 5 s of RFC 7675 section 5.1."""
_MOST_STEP_S: Final = 0.25
"""One look may add this to the silence: who was away for longer has heard nothing because it did not listen. chosen:
two and a half ticks."""


class Liveness:
    """One leg's, looked at every 100 ms. `quiet` is in seconds; `silent` is never true without `doubtful`."""

    __slots__ = ("_asked", "doubtful", "quiet", "silent")

    def __init__(self) -> None:
        self.quiet = 0.0
        self.doubtful = self.silent = False
        self._asked = float("-inf")

    def look(self, heard: float, rtt: float, now: float) -> int:
        """Something was last heard at `heard`; how often to ask now. `rtt` is 0 while unknown."""
        quiet = self.quiet = max(0.0, min(now - heard, self.quiet + _MOST_STEP_S))
        patience = min(PATIENCE_TRIPS * (rtt or UNKNOWN_RTT_S), MOST_PATIENCE_S)
        self.doubtful = quiet > DOUBT_S + patience
        self.silent = quiet > SILENT_AFTER_S + patience
        pause = _ASK_ANYWAY_S if quiet <= SUSPICION_S else _ASK_THE_SILENT_EVERY_S if self.silent else _ASK_EVERY_S
        if now - self._asked < pause:
            return 0
        self._asked = now
        return 2 if self.doubtful else 1
