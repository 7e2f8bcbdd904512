"""The SSRCs of one leg that are not those of its present streams: how many, and what comes of them. Sans-IO.

libsrtp keeps state for each SSRC that it has met, so that nothing can be played to it twice. A far end begins streams
anew now and then, for as long as a leg lasts: what was met long ago is forgotten there, and never taken again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MAX_STREAMS: Final = 16
"""SSRCs that are kept beyond those in use, and as many new ones may come at once. docs/media.md (Limits)."""
NEW_EVERY_S: Final = 1.0
"""Until one more may come. docs/media.md (Limits)."""
MAX_GONE_SSRCS: Final = 4096
"""Forgotten ones; after as many the leg takes no new ones, or an old packet could be played to it again. chosen: over
an hour of a new one each second."""
RETURNS_S: Final = 1.0
"""After this silence of the present stream an earlier one has come back, and is not only late. chosen: beyond what a
missing packet is waited for (`published_track.GIVE_UP_S`)."""


class StraySsrcs:
    """SSRCs that nothing is done with: of streams that were replaced, and of no m-line at all."""

    def __init__(self) -> None:
        self._left = float(MAX_STREAMS)
        self._at = 0.0
        self._kept: dict[int, bool] = {}  # the oldest first; whether it was a stream of ours
        self._gone: set[int] = set()
        self.forget: Callable[[int], None] | None = None
        """Called with an SSRC that is never to be taken again."""

    def __len__(self) -> int:
        return len(self._kept)

    def admits(self, ssrc: int, now: float) -> bool:
        """Whether this SSRC, that is none of a present stream, may be looked at."""
        if ssrc in self._kept:
            return True
        self._left = min(MAX_STREAMS, self._left + max(0.0, now - self._at) / NEW_EVERY_S) if self._at else self._left
        self._at = max(self._at, now)
        return ssrc not in self._gone and self._left >= 1.0 and len(self._gone) < MAX_GONE_SSRCS

    def met(self, ssrc: int) -> bool:
        """It is authentic; whether it was a stream of ours before, which must not become one again by being late."""
        if ssrc not in self._kept:
            self._left -= 1.0
        return self._kept.get(ssrc, False)

    def keep(self, ssrc: int, *, replaced: bool = False) -> None:
        """It is of no stream now."""
        self._kept.pop(ssrc, None)
        self._kept[ssrc] = replaced
        if len(self._kept) > MAX_STREAMS:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._gone.add(oldest)
            if self.forget is not None:
                self.forget(oldest)

    def take(self, ssrc: int) -> None:
        """It is a present stream again, or now."""
        self._kept.pop(ssrc, None)
