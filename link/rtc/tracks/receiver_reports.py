"""What the far end reports of one track that we send (RFC 3550 section 6.4.1). Sans-IO."""

from __future__ import annotations

from typing import Final

from link.rtc.wire.rtp import ReportBlock

_REPORTED_PACKETS: Final = 150
"""The fraction lost is that of at least so many. chosen: about a second of video at 1.5 Mbit/s."""


class ReceiverReports:
    """The loss on the way from us. `expected` and `received` are packets since the first report, without repairs.

    A receiver reports every number that it misses. Those that were missing on the way to us, and never sent on, are no
    loss of this path: counting them would send less, or everything twice, over a path without loss. They are `holes`.
    """

    __slots__ = (
        "_base", "_expected_then", "_last", "_lost_then", "_spanned", "expected", "fraction_lost", "holes", "lost",
        "received",
    )  # fmt: skip

    def __init__(self) -> None:
        self.lost = 0  # all packets, without repairs
        self.fraction_lost = 0.0
        self.expected = self.received = 0
        self.holes = 0
        self._last: ReportBlock | None = None
        self._spanned = 0  # numbers that the far end has seen go by since its first report
        self._base = 0  # what had been lost before it
        self._expected_then = self._lost_then = 0  # when the fraction was told last

    def take(self, report: ReportBlock, packets: int) -> None:
        """A report block about this track, of which so many packets were sent.

        A browser reports with everything it asks for, and then its own fraction is that of a few packets: so ours is
        that of at least `_REPORTED_PACKETS` packets.
        """
        last, self._last = self._last, report
        # A hole is known here before the far end can report it, and filled here before: sums that never fall keep that
        # from looking like a loss.
        self.lost = max(self.lost, report.lost - self.holes)
        if last is None:
            self._base = self._lost_then = self.lost
            self._spanned = self.holes
            self.fraction_lost = max(0.0, report.fraction_lost / 256 - self.holes / max(1, packets))
            return
        more = (report.highest - last.highest) & 0xFFFFFFFF
        if more < 0x80000000:
            self._spanned += more
        self.expected = max(self.expected, self._spanned - self.holes)
        self.received = max(self.received, self.expected - (self.lost - self._base))
        expected = self.expected - self._expected_then
        if expected >= _REPORTED_PACKETS:
            self.fraction_lost = min(1.0, (self.lost - self._lost_then) / expected)
            self._expected_then, self._lost_then = self.expected, self.lost
