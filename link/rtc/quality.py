"""How good the network of one leg is, in one of three words, and why. Sans-IO.

The figures are those before repair: a call with 5 % loss looks and sounds well, and is weak all the same, because the
next 5 % will show.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from link.protocol.values import NetworkQuality
from link.rtc.statistics import LegStatistics, PublishedTrackStatistics
from link.rtc.transport.liveness import SILENT_AFTER_S

WORSE_AFTER_S: Final = 1.5
"""The network must be worse for so long before it is called so. docs/network.md (What a leg is called)."""
BETTER_AFTER_S: Final = 6.0
"""And better for so long. docs/network.md (What a leg is called)."""
WINDOW_S: Final = 4.0
"""Loss is counted over this. docs/media.md (Whether the network is good)."""

# What is weak, and what is bad.
LOSS_SHARES: Final = (0.04, 0.12)
"""Packets that did not come at first. docs/network.md (What a leg is called)."""
GONE_SHARES: Final = (0.005, 0.03)
"""Packets that did not come at all. docs/network.md (What a leg is called)."""
RTT_S: Final = (0.4, 0.8)
"""Bad is twice the 400 ms one way that ITU-T G.114 sets as the limit of planning, weak is half of that."""
JITTER_S: Final = (0.06, 0.15)
"""Of sound. docs/network.md (What a leg is called)."""
BANDWIDTH_BPS: Final = (700_000, 250_000)
"""For each video. docs/network.md (What a leg is called)."""
USED_SHARE: Final = 0.7
"""From this share of what a path is thought to carry on, the path is what limits: a sender that sends little does not
show what it could carry. chosen: what is asked for while a queue stands (`bandwidth_allocation.DRAIN_RATIO`)."""
LEAVE_RATIO: Final = 0.8
"""A figure must fall below this share of its limit to be called better. docs/network.md (What a leg is called)."""
_MIN_PACKETS: Final = 20
"""Fewer tell no loss. chosen: one lost packet of them is 5 %, just weak."""
_EVERY_S: Final = 0.25
"""How often figures are kept. chosen: a sixth of `WORSE_AFTER_S`; the deques stay short."""


class Reason(StrEnum):
    """The worst of what is wrong."""

    LOSS = "loss"
    DELAY = "delay"
    BANDWIDTH = "bandwidth"
    SILENT = "silent"  # nothing at all is heard


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` is None exactly when the quality is good."""

    quality: NetworkQuality = NetworkQuality.GOOD
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class _Counts:
    at: float
    received: int  # inward, and by the far end's reports outward
    missed: int  # inward, at first
    gone: int  # inward, after repair


_LEVELS = (NetworkQuality.GOOD, NetworkQuality.WEAK, NetworkQuality.BAD)
_Opinion = tuple[int, Reason | None]


class Judge:
    """The judgement of one leg over its life. A new leg needs a new judge."""

    def __init__(self) -> None:
        self.judgement = Judgement()
        self._level = 0
        self._counts: deque[_Counts] = deque()
        self._opinions: deque[tuple[float, _Opinion]] = deque()

    def observe(self, statistics: LegStatistics, now: float) -> Judgement | None:
        """Take a snapshot of the leg, once a second or so; the new judgement if it is another one.

        Silence, and its end, count at once. Anything else must have lasted: 1.5 s to be called worse, 6 s to be called
        better.
        """
        silent = statistics.quiet > SILENT_AFTER_S
        if silent:
            self._counts.clear()
            self._opinions.clear()
            return self._decide(2, Reason.SILENT)
        opinion = self._opinion(statistics, now)
        if self.judgement.reason is Reason.SILENT:
            return self._decide(*opinion)
        opinions = self._opinions
        if opinions and now - opinions[-1][0] < _EVERY_S and opinions[-1][1] == opinion:
            return None
        opinions.append((now, opinion))
        # The oldest one that is kept covers the begin of the stretch.
        while len(opinions) > 1 and opinions[1][0] <= now - BETTER_AFTER_S:
            opinions.popleft()
        return self._weigh(now)

    def _weigh(self, now: float) -> Judgement | None:
        opinions = self._opinions
        covered = now - opinions[0][0]
        if covered >= WORSE_AFTER_S:
            before = [opinion for at, opinion in opinions if at <= now - WORSE_AFTER_S][-1:]
            recent = [opinion for at, opinion in opinions if at > now - WORSE_AFTER_S]
            least = min(before + recent, key=lambda opinion: opinion[0])
            if least[0] > self._level:
                return self._decide(*least)
        if covered < BETTER_AFTER_S:
            return None
        worst = max((opinion for _, opinion in opinions), key=lambda opinion: opinion[0])
        if worst[0] < self._level:
            return self._decide(*worst)
        if worst[0] == self._level and self.judgement.reason not in {opinion[1] for _, opinion in opinions}:
            return self._decide(*worst)
        return None

    def _decide(self, level: int, reason: Reason | None) -> Judgement | None:
        self._level = level
        judgement = Judgement(_LEVELS[level], reason)
        if judgement == self.judgement:
            return None
        self.judgement = judgement
        return judgement

    # --- what this moment looks like ----------------------------------------------------------------------------------

    def _opinion(self, statistics: LegStatistics, now: float) -> _Opinion:
        """The worst level and its reason, by this snapshot and the loss of the last seconds."""
        worst, why = 0, None
        for level, reason in (
            (self._loss(statistics, now), Reason.LOSS),
            (self._bandwidth(statistics), Reason.BANDWIDTH),
            (max(self._above(statistics.rtt, RTT_S), self._above(_jitter(statistics), JITTER_S)), Reason.DELAY),
        ):
            if level > worst:
                worst, why = level, reason
        return worst, why

    def _above(self, value: float, limits: tuple[float, float]) -> int:
        for level in (2, 1):
            if value > limits[level - 1] * (LEAVE_RATIO if self._level >= level else 1.0):
                return level
        return 0

    def _loss(self, statistics: LegStatistics, now: float) -> int:
        tracks = statistics.tracks.values()
        counts = _Counts(
            now,
            sum(track.packets for track in tracks),
            sum(track.repaired + track.lost for track in tracks),
            sum(track.lost for track in tracks),
        )
        kept = self._counts
        if kept and counts.received < kept[-1].received:
            kept.clear()
        if not kept or now - kept[-1].at >= _EVERY_S:
            kept.append(counts)
        while len(kept) > 1 and kept[1].at <= now - WINDOW_S:
            kept.popleft()
        first = kept[0]
        expected = counts.received - first.received + counts.gone - first.gone
        inward = gone = 0
        if expected >= _MIN_PACKETS:
            inward = self._above((counts.missed - first.missed) / expected, LOSS_SHARES)
            gone = self._above((counts.gone - first.gone) / expected, GONE_SHARES)
        sent = [slot for slot in statistics.slots.values() if slot.bitrate]
        total = sum(slot.bitrate for slot in sent)
        outward = sum(slot.fraction_lost * slot.bitrate for slot in sent) / total if total else 0.0
        return max(inward, gone, self._above(outward, LOSS_SHARES))

    def _bandwidth(self, statistics: LegStatistics) -> int:
        level = 0
        for carried, tracks in ((statistics.estimate, statistics.tracks), (statistics.limit, statistics.slots)):
            videos = sum(1 for name, track in tracks.items() if track.bitrate and _is_video(name))
            if videos and carried and sum(track.bitrate for track in tracks.values()) > USED_SHARE * carried:
                level = max(level, self._below(carried / videos, BANDWIDTH_BPS))
        return level

    def _below(self, value: float, limits: tuple[float, float]) -> int:
        for level in (2, 1):
            if value < limits[level - 1] / (LEAVE_RATIO if self._level >= level else 1.0):
                return level
        return 0


def _is_video(name: str) -> bool:
    return not name.startswith(("microphone", "audio"))


def _jitter(statistics: LegStatistics) -> float:
    """Of sound only: the packets of a picture have one timestamp and come one after the other."""
    sounds: list[PublishedTrackStatistics] = [
        track for name, track in statistics.tracks.items() if track.bitrate and not _is_video(name)
    ]
    return max((track.jitter for track in sounds), default=0.0)
