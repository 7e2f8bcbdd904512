"""How fast an estimate of a path's capacity rises again: one ramp for delay, for loss and for REMBs. Sans-IO.

Factors are per second: a rate grows by `factor ** elapsed`. draft-ietf-rmcat-gcc-02 stops at the slowest of them. A
sender that was told far too little for no good reason then takes half a minute to return, so the ramp steepens while
nothing speaks against it.
"""

from __future__ import annotations

from typing import Final

SLOW_PER_S: Final = 1.08
"""eta, the multiplicative increase. draft-ietf-rmcat-gcc-02 section 5.5."""
FAST_PER_S: Final = 1.28
"""Up to about what has been carried before. chosen: from half of it to all of it in three seconds."""
FREE_PER_S: Final = 1.5
"""The steepest. chosen: too much is seen after two seconds, and is then less than 2.3 times what the path carries."""
_STEEPENS_PER_S: Final = 0.14
"""Added to the factor in each second that goes unopposed. chosen: from the slowest to the steepest in three seconds."""


def unopposed_growth(seconds: float) -> float:
    """The factor per second after `seconds` in which nothing spoke against more; not positive for the slowest."""
    return min(FREE_PER_S, SLOW_PER_S + _STEEPENS_PER_S * seconds) if seconds > 0 else SLOW_PER_S
