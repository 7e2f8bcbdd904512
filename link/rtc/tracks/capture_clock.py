"""From RTP timestamps to moments on this process's monotonic clock, and back. Sans-IO.

A publisher's tracks share one `PeerClock`, so that what was captured together comes out with the same time (RFC 3550
section 6.4.1). A line through the last sender reports of a track ties it to its peer's clock; until there is one,
arrival times serve. Every change of what is known is slewed, but for pauses, which are followed at once
(`link.rtc.tracks.arrival`), and nothing a peer reports can put a capture further from its arrival than `MAX_AGE_S`.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final, NamedTuple

from link.rtc.congestion.minimum_filter import MinimumFilter
from link.rtc.tracks.arrival import Arrival

NTP_UNIX_S: Final = 2_208_988_800
"""From NTP's epoch, 1900, to Unix's. RFC 868."""
MAX_AGE_S: Final = 2.0
"""A report may say that something was captured this long before the fastest arrival. docs/media.md (Clocks)."""
MAX_AHEAD_S: Final = 0.5
"""And this long after its arrival: a path that has just become shorter is believed slowly. docs/media.md (Clocks)."""
ALIVE_S: Final = 2.5
"""Without anything for so long a peer is no longer taken to be there. docs/media.md (Few pictures)."""
_WALL_AT_START_S: Final = time.time() - time.monotonic()
"""Ties our monotonic clock to NTP. chosen: read once, so that a wall clock that is set moves nothing."""
_SLEW_RATIO: Final = 0.02
"""The share of elapsed time by which a time is corrected. docs/media.md (Clocks)."""
_FAST_SLEW_RATIO: Final = 0.1
"""The same while more than `_NEAR_S` are missing. docs/media.md (Clocks)."""
_NEAR_S: Final = 0.04
"""A larger correction can be seen. docs/media.md (Clocks)."""
_JUMP_S: Final = 2.0
"""A larger correction is made at once. chosen: as far as a capture may lie from its arrival, `MAX_AGE_S`."""
_LEAST_STEP_S: Final = 0.05
"""A sender's clock that is set by less is slewed like anything else. docs/media.md (Clocks)."""
_BURST_S: Final = 3.5
"""The first reports, like the first packets, may have waited this long for a leg. docs/media.md (Clocks)."""
_CLOSE_S: Final = 1e-5
"""Differences below this are none. chosen: below what any clock here can tell."""
_ALIKE_S: Final = 0.02
"""Two tracks that move by so nearly the same move together. chosen: a packet of sound."""
_WORD_S: Final = 12.0
"""Within this there is word of every track that is sent. docs/media.md (Clocks); browsers report sound every 5 s."""
_MAX_TRACKS: Final = 4
"""Tracks whose last report is remembered. chosen: the three that a leg sends, and one that took the place of
another."""
_MAX_BESIDE_TRACKS: Final = 8
"""Tracks of a leg that are compared. chosen: the six of a leg, and two that took the place of others."""
_TOO_NEW_S: Final = 0.3
"""A report may be this far ahead of what it is about. chosen: more than sound waits in a browser's encoder and ours."""
_MAX_REPORTS: Final = 128
"""Reports that a line is fitted to. docs/media.md (Clocks)."""
_WINDOW_S: Final = 120.0
"""And the time that they span. docs/media.md (Clocks)."""
_MIN_SPAN_S: Final = 10.0
"""From this span on a drift can be told from jitter. chosen: 10 ms of jitter are 1000 ppm of it, twice the bound
below."""
_MAX_DRIFT_RATIO: Final = 500e-6
"""No crystal drifts by more. chosen: five times the 100 ppm of common ones."""
_TRUST_RATIO: Final = 5.0
"""A drift is trusted beyond the last report for so many times its span. docs/media.md (Clocks)."""
_AGREEING_REPORTS: Final = 3
"""Reports far from the line that agree with each other are a new beginning. docs/media.md (Clocks)."""
_TOLERANCE_LEAST_S: Final = 0.03
"""A report within this of the line counts. chosen: above the jitter of a quiet path."""
_TOLERANCE_MOST_S: Final = 0.1
"""And beyond this never. chosen: what is further off is no jitter of a usual path."""
_TOLERANCE_SIGMAS: Final = 4
"""Mean deviations that are added to the least tolerance. chosen: four, as reports are few and a good one is missed."""


def ntp_time(monotonic: float) -> int:
    """The 64-bit NTP timestamp of a monotonic time; it never jumps, whatever happens to the wall clock."""
    return int((monotonic + _WALL_AT_START_S + NTP_UNIX_S) * 4294967296.0)


class _Slewed:
    """A value that follows its target at 2 % of elapsed time, 10 % while it is far away, and jumps over 2 s."""

    __slots__ = ("_at", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self._at = 0.0

    def follow(self, target: float, now: float) -> float:
        value = self.value
        if value is None or abs(target - value) > _JUMP_S:
            value = target
        elif target != value:
            difference = target - value
            rate = _FAST_SLEW_RATIO if abs(difference) > _NEAR_S else _SLEW_RATIO
            step = max(0.0, now - self._at) * rate
            value += min(step, max(-step, difference))
        self.value = value
        self._at = max(self._at, now)
        return value

    def set(self, value: float, now: float) -> None:
        """Be at this value."""
        self.value = value
        self._at = max(self._at, now)


class PeerClock:
    """The offset between one peer's NTP clock and our monotonic clock, by the fastest of its sender reports.

    A peer that sets its clock changes nothing: the step shows in its next report, and is taken out of all that follow.
    It shows twice: against our clock, and against the media that the report is about. A report that is only late is as
    far as ever from its media, and a track that begins anew moves against its media alone. Where the way here varies by
    more than the step, two tracks tell: both move against the clock, by as much and at the same time.
    """

    __slots__ = ("_heard", "_moved", "_offset", "_said", "_since", "_slewed", "_step", "now", "tracks", "used")

    def __init__(self) -> None:
        self.tracks: list[Arrival] = []
        """How those of its tracks arrive that are received beside each other."""
        self._offset = MinimumFilter()
        self._slewed = _Slewed()
        self._step = 0.0
        self.used = False  # whether anybody has asked for `offset`
        self.now = 0.0  # when the last report came
        self._heard = self._since = float("-inf")
        self._said: dict[CaptureClock, float] = {}  # when a track was last reported on
        self._moved: dict[CaptureClock, tuple[float, float]] = {}  # by how much beside its media, and since when

    def observe(
        self, ntp_seconds: float, now: float, beside: float | None = None, track: CaptureClock | None = None
    ) -> None:
        """A sender report about `track`, written at `ntp_seconds` of the peer's clock, arrived at `now`.

        `beside` is what `CaptureClock.beside` says of the report, before the track has it.
        """
        self.now = now
        offset = now - self.steady(ntp_seconds)
        if self.used and self._slewed.value is not None and not (track is not None and track.unproved):
            step = _step_of(offset - self._offset.value, beside)
            if track is not None and beside is not None:
                step = self._agreed(track, beside, step, now)
            self._step += step
            offset -= step
        self._offset.add(offset, now)
        if not self.used:
            self._slewed.value = None  # the first reports may have waited on the way, like the first packets
        self._slewed.follow(self._offset.value, now)

    def _agreed(self, track: CaptureClock, beside: float, step: float, now: float) -> float:
        """The `step` that this report shows by itself, or together with another track's."""
        if track not in self._said and len(self._said) >= _MAX_TRACKS:
            gone = min(self._said, key=self._said.__getitem__)
            del self._said[gone]
            self._moved.pop(gone, None)
        self._said[track] = now
        if step:
            self._moved.clear()
            return step
        if abs(beside) <= _LEAST_STEP_S:
            self._moved.pop(track, None)
            return 0.0
        for other, (moved, _) in self._moved.items():
            if other is not track and abs(moved - beside) <= _ALIKE_S:
                self._moved.clear()
                return -beside
        self._moved[track] = (beside, self._moved.get(track, (0.0, now))[1])
        return 0.0

    def doubts(self, track: CaptureClock) -> bool:
        """Whether a track that moves may not be the one: there is another, of which nothing was said since."""
        if track not in self._moved:
            return False
        since = self._moved[track][1]
        if self.now - since > _WORD_S:
            return False
        return any(other is not track and since - _WORD_S < said < since for other, said in self._said.items())

    def add(self, arrival: Arrival) -> None:
        """Another track of this peer is received. One that is stopped is told by what goes on beside it."""
        arrival.leg = self.tracks
        self.tracks.append(arrival)
        del self.tracks[:-_MAX_BESIDE_TRACKS]

    def remove(self, arrival: Arrival) -> None:
        """It has ended, or begun anew."""
        if arrival in self.tracks:
            self.tracks.remove(arrival)

    def heard(self, now: float) -> None:
        """Anything at all came from the peer at `now`, that it cannot have sent long before."""
        if now - self._heard > ALIVE_S:
            self._since = now
        self._heard = max(now, self._heard)

    def last_heard(self, now: float) -> float:
        """When that was, or `now`."""
        return min(now, self._heard)

    def alive(self, since: float, now: float) -> bool:
        """Whether something was always heard between the two moments, by what is known at the later one."""
        return self._since <= since and now - self._heard <= ALIVE_S

    def steady(self, ntp_seconds: float) -> float:
        """The peer's time without the steps that its clock has made."""
        return ntp_seconds + self._step

    def offset(self, now: float) -> float:
        """Seconds from the peer's steady time to ours, at the smallest transit time seen; a report has come."""
        self.used = True
        return self._slewed.follow(self._offset.value, now)

    @property
    def target(self) -> float:
        """What `offset` is on its way to."""
        return self._offset.value

    def correct(self, excess: float, now: float) -> None:
        """Media came `excess` seconds before `target` says that it was captured: the path is faster than thought."""
        self._offset.add(self._offset.value - excess, now)
        if not self.used:
            self._slewed.value = None


def _step_of(wrong: float, beside: float | None) -> float:
    """What to add to a peer's clock for a report that is `wrong` against ours; the way here adds to that, mostly."""
    if beside is None:  # without earlier reports of its track there is nothing else to tell by
        return wrong if abs(wrong) > _JUMP_S else 0.0
    stepped = abs(beside) > _LEAST_STEP_S and abs(wrong + beside) < abs(beside) / 2
    return -beside if stepped else 0.0


class _Point(NamedTuple):
    media: float  # seconds of the track's own clock
    offset: float  # from there to the peer's steady clock


class _Line:
    """The offset of a track's clock to its peer's, by least squares over the sender reports of the last two minutes."""

    __slots__ = ("_centre", "_doubted", "_drift", "_noise", "_offset", "_points", "_trusted", "stale")

    def __init__(self, first: _Point) -> None:
        self._points: deque[_Point] = deque([first], maxlen=_MAX_REPORTS)
        self._doubted: list[_Point] = []
        self.stale = False
        """Whether a report came since the last `fit`: a flood of reports must not cost a fit each."""
        self.fit()

    def add(self, point: _Point, *, doubtful: bool = False) -> None:
        """Take a report; several that lie elsewhere, but agree, are a new beginning, unless that is `doubtful`."""
        tolerance = min(_TOLERANCE_MOST_S, _TOLERANCE_LEAST_S + _TOLERANCE_SIGMAS * self._noise)
        if abs(point.offset - self.at(point.media)) <= tolerance:
            self._doubted.clear()
        else:
            self._doubted = [p for p in self._doubted if abs(p.offset - point.offset) <= tolerance]
            self._doubted.append(point)
            del self._doubted[:-_MAX_REPORTS]
            if doubtful or len(self._doubted) < _AGREEING_REPORTS:
                return
            self._points.clear()
            self._points.extend(self._doubted)
            self._doubted.clear()
            self.fit()
            return
        points = self._points
        points.append(point)
        while abs(point.media - points[0].media) > _WINDOW_S:
            points.popleft()
        self.stale = True

    def at(self, media: float) -> float:
        """The offset at `media`. Without news the drift is trusted for ten minutes, or less where it is a new one."""
        media = min(media, self._points[-1].media + self._trusted)
        return self._offset + self._drift * (media - self._centre)

    def fit(self) -> None:
        """Draw the line anew."""
        self.stale = False
        points = self._points
        count = len(points)
        self._centre = centre = sum(p.media for p in points) / count
        self._offset = offset = sum(p.offset for p in points) / count
        self._drift = 0.0
        span = points[-1].media - points[0].media
        self._trusted = _TRUST_RATIO * max(0.0, span)
        if count > 3 and span >= _MIN_SPAN_S:
            square = sum((p.media - centre) ** 2 for p in points)
            slope = sum((p.media - centre) * (p.offset - offset) for p in points) / square
            self._drift = min(_MAX_DRIFT_RATIO, max(-_MAX_DRIFT_RATIO, slope))
        self._noise = sum(abs(p.offset - self.at(p.media)) for p in points) / count


class CaptureClock:
    """Capture times of one track. Timestamps are unwrapped; `rate` is in Hz."""

    __slots__ = ("_arrival", "_line", "_offset", "_peer", "_settled", "_whole", "leg", "rate")

    def __init__(self, rate: int, leg: PeerClock | None = None, *, anew: bool = False) -> None:
        """`leg` is the clock of the peer that sends the track, with its other tracks. `anew`: there was one before."""
        self.rate = rate
        self.leg = leg
        self._arrival = Arrival(rate, anew=anew)
        self._peer: PeerClock | None = None
        self._line: _Line | None = None
        self._offset = _Slewed()  # from the track's clock to its peer's, and to ours while there is no peer
        self._whole = _Slewed()  # from the track's clock to ours
        self._settled = False
        if leg is not None:
            leg.add(self._arrival)

    def close(self) -> None:
        """The track has ended; those beside it go on without it."""
        if self.leg is not None:
            self.leg.remove(self._arrival)

    def observe(self, timestamp: int, now: float, *, adjacent: bool = True) -> None:
        """A packet stamped `timestamp` arrived at `now`, in order and not as a repair; `adjacent` to the one before."""
        self._arrival.observe(timestamp, now, adjacent=adjacent)

    @property
    def in_doubt(self) -> bool:
        """Whether `doubts` is worth asking."""
        return self._arrival.begins or self._arrival.resumes

    @property
    def unproved(self) -> bool:
        """Whether the timeline has paused, or may have, and no report has told how long."""
        return self._arrival.unproved or self._arrival.resumes

    def doubts(self, now: float) -> bool:
        """Whether what has come is better asked the `time` of a little later: it is not known yet what a pause was."""
        return self._arrival.doubts(now)

    def settle(self) -> None:
        """Its readers cannot wait any longer: decide by what is known."""
        self._arrival.settle()

    @property
    def has_moved(self) -> bool:
        """Whether `moved` has something to tell."""
        return self._arrival.moved != 0.0

    def moved(self) -> int:
        """By how much timestamps fell behind since this was asked last, because their source paused or leapt."""
        moved, self._arrival.moved = self._arrival.moved, 0.0
        return round(moved * self.rate)

    @property
    def shift(self) -> float:
        """Seconds of all pauses, and leaps, so far."""
        return self._arrival.shift

    def alive(self, since: float, now: float) -> bool:
        """Whether its sender was there all the time between; it is taken to be where nothing else can tell."""
        return self.leg is None or self.leg.alive(since, now)

    def heard(self, now: float) -> float:
        """Until when its sender is known to have been there, as far as that is known at `now`."""
        return now if self.leg is None else self.leg.last_heard(now)

    def media(self, timestamp: int) -> float:
        """Seconds on the track's own clock, with its pauses counted."""
        return self._arrival.media(timestamp)

    def beside(self, timestamp: int, ntp_seconds: float, peer: PeerClock) -> float | None:
        """Seconds by which a sender report lies beside those before it; None for the first of its `peer`.

        Nor is it known where the timeline has just been moved, and no report has told how far.
        """
        if self._line is None or self._peer is not peer or self.unproved:
            return None
        media = self._arrival.media(timestamp)
        return peer.steady(ntp_seconds) - media - self._line.at(media)

    def report(self, timestamp: int, ntp: int, peer: PeerClock) -> None:
        """A sender report of this track ties `timestamp` to the 64-bit `ntp` time of `peer`, which has observed it."""
        arrival = self._arrival
        if arrival.resumes:
            return
        media = arrival.media(timestamp)
        point = _Point(media, peer.steady(ntp / 4294967296.0) - media)
        if self._line is not None and self._peer is peer:
            if arrival.unproved:
                if not self._prove(self._line, timestamp, point, peer.now):
                    return
                media = arrival.media(timestamp)
                point = _Point(media, peer.steady(ntp / 4294967296.0) - media)
            self._line.add(point, doubtful=peer.doubts(self))
            return
        self._line = _Line(point)
        if self._offset.value is not None:
            self._offset.value += (self._peer.offset(0.0) if self._peer else 0.0) - peer.offset(0.0)
        self._peer = peer

    def _prove(self, line: _Line, timestamp: int, point: _Point, now: float) -> bool:
        """Take from the first report after a pause how long it was; False for one that was written before its end.

        A source that pauses has its reports run on, as if it sent: they are about timestamps that have not come.
        """
        arrival = self._arrival
        ahead = (timestamp - arrival.newest) / self.rate - max(0.0, now - arrival.at)
        if timestamp < arrival.turned or ahead > _TOO_NEW_S:
            return False
        by = point.offset - line.at(point.media)
        if abs(by) > abs(arrival.turn) + _TOO_NEW_S:
            by = 0.0  # a clock that was set
        arrival.prove(by)
        if abs(by) <= _NEAR_S and self._offset.value is not None:
            self._offset.value -= by
        return True

    def time(self, timestamp: int, now: float) -> float:
        """When what is stamped `timestamp` and came at `now` was captured; at least one packet has been observed."""
        media = self._arrival.media(timestamp)
        return min(now + MAX_AHEAD_S, media + self._current(media, now))

    def timestamp(self, moment: float, now: float) -> int:
        """The RTP timestamp that belongs to the monotonic `moment`; at least one packet has been observed."""
        media = moment - self._current(moment - self._arrival.fastest, now)
        return round((media - self._arrival.shift) * self.rate)

    def _current(self, media: float, now: float) -> float:
        """The offset in use at `media` seconds of the track's own clock."""
        arrival, peer, line = self._arrival.fastest, self._peer, self._line
        if peer is None or line is None:
            if not self._settled and not self._arrival.begins:
                self._settled = True
                self._offset.value = None  # only now is it known how old the first packets were
            whole = self._offset.follow(arrival, now)
            self._whole.set(whole, now)
            return whole
        if line.stale:
            line.fit()
        offset = line.at(media)
        excess = peer.target + offset - arrival
        if not -MAX_AGE_S <= excess <= (MAX_AHEAD_S if peer.used else _BURST_S):
            # Nonsense: stay within what can be.
            whole = self._whole.follow(arrival - (MAX_AGE_S if excess < 0.0 else 0.0), now)
            self._offset.set(whole - peer.offset(now), now)
            return whole
        if excess > _CLOSE_S:
            peer.correct(excess, now)
        whole = peer.offset(now) + self._offset.follow(offset, now)
        self._whole.set(whole, now)
        return whole
