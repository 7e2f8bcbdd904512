"""When a publisher is asked for a keyframe: soon for subscribers without a picture, not while one arrives. Sans-IO."""

from __future__ import annotations

from typing import Final

EVERY_S: Final = 0.5
"""Between two requests at least; twice as long each time that none comes. docs/media.md (Limits)."""
EVERY_MOST_S: Final = 2.0
"""The longest of these. docs/media.md (Limits)."""
FOR_JOINER_S: Final = 0.3
"""After one that has come, for who joins. libwebrtc passes over what comes sooner (kMinKeyframeSendIntervalMs)."""
STALLED_S: Final = 0.5
"""Without a packet for so long a keyframe that is not whole counts as stuck. chosen: the time of one more request."""


class KeyframeRequests:
    """What is known of one video's: whether one is `wanted`, and when the last one `came` that was asked for.

    A request is repeated until one comes: after 500 ms, 1 s, and then every 2 s. While one is arriving, and for half
    that time again, no other is requested: on a narrow path each would delay the one before, subscribers would go on
    asking, and no picture would ever be complete. A subscriber that still needs one then asks again.
    """

    __slots__ = ("_asked", "_enough", "_every", "_stamp", "came", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.came = self._asked = self._enough = float("-inf")
        self._every = EVERY_S
        self._stamp: int | None = None  # of one that is still arriving

    @property
    def arriving(self) -> bool:
        """Whether the last one is not whole yet, as far as is known."""
        return self._stamp is not None

    def begins(self, timestamp: int, now: float) -> None:
        """The one that was wanted begins to arrive, with this timestamp (unwrapped)."""
        self.wanted = False
        self.came = self._enough = now
        self._stamp = timestamp
        self._every = EVERY_S

    def follow(self, timestamp: int, marked: bool, arrived: float, now: float) -> None:
        """See whether one that is arriving still does: the newest packet has this timestamp, and came at `arrived`."""
        if timestamp == self._stamp and not marked and now - arrived < STALLED_S:
            self._enough = arrived + (arrived - self.came) / 2
        else:
            self._stamp = None

    def due(self, now: float, *, joiner: bool) -> bool:
        """A subscriber needs one: whether the publisher is to be asked now.

        A `joiner` has nothing to show before it: for it the next one may be asked for 300 ms after one that has come.
        """
        if self._stamp is not None or now < self._enough:
            return False
        self.wanted = True
        every = self._every
        if self.came >= self._asked:
            every = FOR_JOINER_S if joiner else EVERY_S
        return now - self._asked >= every

    def asked(self, now: float) -> None:
        """The publisher has been asked."""
        if self._asked > self.came:
            self._every = min(2 * self._every, EVERY_MOST_S)
        self._asked = now
