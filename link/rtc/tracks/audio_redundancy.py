"""Second copies of sound, for a far end that loses some of it. Sans-IO.

To ask again for a lost packet of sound takes a round trip, for which a browser would have to play everything later. On
a path that loses, each packet is therefore sent once more, together with the second packet after it: 40 ms later, which
is about what browsers hold back anyway, and beyond most bursts. A far end that has it already drops the copy. This
costs 60 kbit/s, so it is done only while the far end loses sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.tracks.published_track import Packet, PublishedTrack

BEHIND_PACKETS: Final = 2
"""Between the first copy and the second, 40 ms. docs/network.md (What is done about it)."""
LOSES_SHARE: Final = 0.01
"""Copies are sent from this share of packets asked for again, or reported lost, on. docs/network.md (What is done about
it)."""
HOLD_S: Final = 10.0
"""Copies go on for so long after the last loss; twice as long each time they turn out to be needed again.
docs/network.md (Second copies)."""
HOLD_MOST_S: Final = 120.0
"""The longest of these. docs/network.md (Second copies)."""
_EVERY_S: Final = 0.5
"""How often loss is counted. chosen: 25 packets of sound."""
_MIN_PACKETS: Final = 10
"""Fewer tell nothing. chosen: at a loss of 10 % one of them."""
_WEIGHT_RATIO: Final = 0.25
"""The weight of one count in the smoothed loss. chosen: about two seconds."""


class SecondCopies:
    """Reads the track of one slot, while it has to, and gives each packet to `again` a second time."""

    patient = False

    def __init__(self, again: Callable[[Packet, float], None]) -> None:
        self._again = again
        self._behind: deque[Packet] = deque(maxlen=BEHIND_PACKETS + 1)
        self._track: PublishedTrack | None = None
        self.loss = 0.0  # share of packets, smoothed over some seconds
        self._hold = HOLD_S
        self._until = float("-inf")
        self._measured = float("-inf")
        self._packets = self._nacks = 0

    @property
    def active(self) -> bool:
        return self._track is not None

    def observe(
        self, track: PublishedTrack, packets: int, nacks: int, fraction_lost: float, now: float, *, full: bool = False
    ) -> None:
        """What the slot that `track` feeds has sent and was asked for so far, and what its far end last reported.

        Where the path is `full` a second copy takes the place of another packet's first.
        """
        if now - self._measured < _EVERY_S:
            return
        sent, asked = packets - self._packets, nacks - self._nacks
        self._measured, self._packets, self._nacks = now, packets, nacks
        if sent >= _MIN_PACKETS:
            share = min(1.0, max(fraction_lost, asked / sent))
            self.loss += _WEIGHT_RATIO * (share - self.loss)
            if share > LOSES_SHARE:
                if self._track is None and now - self._until < self._hold:
                    self._hold = min(HOLD_MOST_S, 2 * self._hold)
                self._until = now + self._hold
        wanted = now < self._until and not full
        if not wanted or self._track is not track:
            self.stop()
        if wanted and self._track is None:
            self._track = track
            track.add(self)

    def stop(self) -> None:
        if self._track is not None:
            self._track.remove(self)
            self._track = None
        self._behind.clear()

    # --- as a subscriber ----------------------------------------------------------------------------------------------

    def packet(self, packet: Packet) -> None:
        behind = self._behind
        if behind and packet.sequence <= behind[-1].sequence:
            return  # late, or a repair: it has been under way for long enough
        behind.append(packet)
        if len(behind) > BEHIND_PACKETS:
            self._again(behind[0], packet.arrival)

    def packet_run(self, run: Sequence[Packet]) -> None:
        for packet in run:
            self.packet(packet)

    def gave_up(self, sequence: int) -> None:
        """It had no copy to send."""

    def restarted(self, reason: str) -> None:  # noqa: ARG002 - whatever the reason, what was before is over
        self._behind.clear()

    def tick(self, now: float) -> None:
        """The slot observes."""

    def limit(self) -> int:
        return 0
