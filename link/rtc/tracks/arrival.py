"""How the packets of one track arrive beside their own timestamps, and what a stretch without any was. Sans-IO.

A source that is unplugged, suspended or stalled sends nothing for seconds, and its timestamps go on as if no time had
passed. On a path that stood still the same is seen at first: a packet that is seconds late. What tells them apart is
the rest of the leg, which went on beside a source that paused, and what comes next: after a path stood still everything
comes at once, after a pause it comes at its own pace. Until that is seen (a tenth of a second, mostly less) the track
is in `doubt`, and readers that need exact times wait. Then the timeline follows in one step: what came after a pause
lies behind it. Timestamps that go back, or leap where no packet is missing, are no matter of the path either.
"""

from __future__ import annotations

from typing import Final

from link.rtc.congestion.minimum_filter import MinimumFilter

PAUSE_S: Final = 0.15
"""Without a packet for so long it may have been a pause. chosen: seven packets of sound, and two ticks of a late
timer."""
_SETTLE_S: Final = 0.1
"""A delay that did not fall for so long stays where it is. docs/media.md (Pauses)."""
_PACE_S: Final = 0.03
"""Or so long while packets come at their own pace. chosen: a picture at 30 fps, and more than one packet of sound."""
_FALLS_RATIO: Final = 0.25
"""A delay that falls by this share of elapsed time is still falling. chosen: a queue that drains at 4/3 of its pace."""
_FELL_S: Final = 0.005
"""A fall by less is noise. chosen: a burst, `delay_based._BURST_S`."""
_MOST_HOLD_S: Final = 0.5
"""Nobody is kept waiting for longer; a narrow path may need more to clear its queue. docs/media.md (Pauses)."""
_LEAST_S: Final = 0.1
"""Delay that stays counts from here where the rest of the leg came at once. chosen: above the jitter of a machine;
docs/media.md (Clocks) has what is left, 40 ms."""
_LEAST_ALONE_S: Final = 0.42
"""And from here where nothing else tells. chosen: a path may be longer after it stood still, and in the test of
docs/media.md (Clocks) is so by 140 ms."""
_LEAP_S: Final = 0.12
"""Timestamps of adjacent packets leap when they run ahead of the packets by this. chosen: the longest Opus packet, RFC
6716 section 3.2.5."""
_STEP_MOST_S: Final = 10.0
"""The longest step between two packets that counts in their mean. chosen: as long as a picture may stand."""
_SLOW_SOURCE_S: Final = 0.4
"""A source with longer steps than this is expected no later. chosen: two and a half pictures a second, as of a shared
screen."""
_KEPT_TURNS: Final = 8
"""Shifts that are remembered for packets that come late. chosen: more than fit into the seconds of a repair."""
_FAR_TICKS: Final = 1 << 62
"""A timestamp before any. chosen: beyond what unwrapping reaches."""


class _Turn:
    """From the timestamp `since` on, `shift` seconds are added to what timestamps say."""

    __slots__ = ("shift", "since")

    def __init__(self, since: int, shift: float) -> None:
        self.since = since
        self.shift = shift


class _Doubt:
    """A packet came late after a while without any, or is the very first."""

    __slots__ = ("at", "began", "behind", "believed", "lowest", "mark", "marked_at", "since")

    def __init__(self, since: int, behind: float, delay: float, now: float, *, began: bool) -> None:
        self.since = since
        self.at = self.marked_at = now
        self.behind = behind  # when the packet before came
        self.lowest = self.mark = delay  # since; and where it stood when it last fell
        self.began = began
        self.believed = False  # that it was a pause


class Arrival:
    """One track's. Timestamps are unwrapped, `rate` is in Hz; a delay is arrival minus media time, in seconds."""

    __slots__ = (
        "_anew",
        "_doubt",
        "_fastest",
        "_media",
        "_step",
        "_turns",
        "_usual",
        "at",
        "late",
        "leg",
        "moved",
        "newest",
        "rate",
        "shift",
        "unproved",
    )

    def __init__(self, rate: int, *, anew: bool = False) -> None:
        """`anew`: it takes the place of one that has ended. Then nothing has waited for the leg to be set up."""
        self.rate = rate
        self._anew = anew
        self.leg: list[Arrival] = []
        """All tracks of the same leg."""
        self.at = float("-inf")  # the last packet
        self.newest = 0  # its timestamp
        self.late = 0.0  # and how much later it came than the fastest
        self.shift = 0.0
        self.moved = 0.0
        """Seconds by which the timeline was moved since whoever follows timestamps set this back to 0."""
        self.unproved = False  # moved, and no sender report has told since how far
        self._fastest = MinimumFilter()
        self._turns: list[_Turn] = []  # the last one holds now
        self._doubt: _Doubt | None = None
        self._media = self._step = self._usual = 0.0

    @property
    def fastest(self) -> float:
        """The smallest delay of the last 10 to 20 s."""
        return self._fastest.value

    @property
    def begins(self) -> bool:
        """Whether it is in doubt how old the first packets were."""
        return self._doubt is not None and self._doubt.began

    @property
    def resumes(self) -> bool:
        """Whether it is in doubt how long a pause was."""
        return self._doubt is not None and not self._doubt.began

    def media(self, timestamp: int) -> float:
        """Seconds on the track's own clock with its pauses counted and its leaps taken out."""
        turns = self._turns
        if not turns or timestamp >= turns[-1].since:
            return timestamp / self.rate + self.shift
        before = next((turn.shift for turn in reversed(turns) if timestamp >= turn.since), turns[0].shift)
        return timestamp / self.rate + before

    @property
    def turned(self) -> int:
        """The timestamp from which on the present shift holds."""
        return self._turns[-1].since if self._turns else -_FAR_TICKS

    @property
    def turn(self) -> float:
        """Seconds by which it was moved last."""
        return self.shift - self._turns[-2].shift if len(self._turns) > 1 else self.shift

    def prove(self, by: float) -> None:
        """A sender report says that the timeline is to be moved so many seconds further since it was moved last."""
        self.unproved = False
        self.shift += by
        self._turns[-1].shift = self.shift
        self._media += by
        self.late -= by

    # --- packets ------------------------------------------------------------------------------------------------------

    def observe(self, timestamp: int, now: float, *, adjacent: bool = True) -> None:
        """A packet arrived, later in its stream than all before; `adjacent` if it is the very next one."""
        if self.at == float("-inf"):
            delay = now - timestamp / self.rate
            self._doubt = _Doubt(timestamp, now, delay, now, began=True)
            self._fastest.add(delay, now)
            self._note(timestamp, now)
            return
        step, gap = timestamp / self.rate + self.shift - self._media, now - self.at
        slower = gap - step  # so much later than the one before
        delay = now - timestamp / self.rate - self.shift
        if step < 0.0 or (adjacent and slower < -_LEAP_S and self._leaps(gap, step, delay)):
            self._turn(timestamp, slower)
        elif gap >= PAUSE_S and slower > _LEAST_S and self._doubt is None and delay - self.fastest > self._least():
            self._begin_doubt(timestamp, delay, now)
        self._follow(now - timestamp / self.rate - self.shift, now)
        if step > 0.0:
            self._step += (min(step, _STEP_MOST_S) - self._step) / 8 if self._step else step
        self._note(timestamp, now)

    def _note(self, timestamp: int, now: float) -> None:
        self.newest, self.at = timestamp, now
        self._media = timestamp / self.rate + self.shift
        self.late = now - self._media - self.fastest
        if self._doubt is None:
            self._usual += (min(self.late, 1.0) - self._usual) / 16

    def _leaps(self, gap: float, step: float, delay: float) -> bool:
        """Whether timestamps are ahead of their packets by more than what had to wait on the way can make up for.

        In doubt that is one whose sender has found the same pause, a little later; it comes at its own pace.
        """
        if self.begins or step <= _LEAP_S + self._step:
            return False
        return delay < self.fastest - _LEAP_S or (self.resumes and gap >= 0.5 * min(self._step, _PACE_S))

    def _least(self) -> float:
        """A delay that is no jitter: neither that of the path nor that of a slow source."""
        return _LEAST_S + min(_SLOW_SOURCE_S, self._step) + 2 * self._usual

    def _turn(self, timestamp: int, by: float) -> None:
        """From this packet on timestamps mean `by` seconds later than before."""
        if not self._turns:
            self._turns.append(_Turn(-_FAR_TICKS, self.shift))
        self.shift += by
        self.moved += by
        self.unproved = True
        self._turns = [turn for turn in self._turns[-_KEPT_TURNS:] if turn.since < timestamp]
        self._turns.append(_Turn(timestamp, self.shift))
        if self._doubt is not None:
            # What lies behind a leap back cannot be told any more from what comes now.
            self._doubt.since = min(self._doubt.since, timestamp)

    # --- doubt --------------------------------------------------------------------------------------------------------

    def _begin_doubt(self, timestamp: int, delay: float, now: float) -> None:
        late = delay - self.fastest
        believed = self._another(self.at, late)
        if not believed and late < _LEAST_ALONE_S:
            return
        doubt = self._doubt = _Doubt(timestamp, self.at, delay, now, began=False)
        if believed:
            doubt.believed = True
            self._turn(timestamp, late - self._usual)
            doubt.lowest = doubt.mark = self.fastest + self._usual

    def _another(self, since: float, late: float) -> bool:
        """Whether another track of the leg came in time where the path would still have stood: then it did not."""
        return any(
            other.at > since + late / 2 and not other.resumes and other.late < max(_LEAST_S, late / 3)
            for other in self.leg
            if other is not self
        )

    def _follow(self, delay: float, now: float) -> None:
        doubt = self._doubt
        if doubt is None:
            if self.unproved and delay < self.fastest:
                self.shift += delay - self.fastest  # it was less than the first packets seemed to say
                self._turns[-1].shift = self.shift
            else:
                self._fastest.add(delay, now)
            return
        if doubt.began:
            self._fastest.add(delay, now)
        doubt.lowest = min(doubt.lowest, delay)
        fell, passed = doubt.mark - delay, now - doubt.marked_at
        if fell > _FALLS_RATIO * passed:
            if fell > _FELL_S:
                doubt.mark, doubt.marked_at = delay, now
        elif passed >= _PACE_S:
            self.settle()

    def doubts(self, now: float) -> bool:
        """Whether exact times are still to be waited for at `now`."""
        doubt = self._doubt
        if doubt is None:
            return False
        if now - doubt.marked_at >= _SETTLE_S:
            self.settle()
            return False
        return now - doubt.at < _MOST_HOLD_S and not (self._anew and doubt.began)

    def settle(self) -> None:
        """Go by what is known; nothing is in doubt after this."""
        doubt, self._doubt = self._doubt, None
        if doubt is None or doubt.began:
            return
        stays = doubt.lowest - self.fastest
        if doubt.believed:
            if stays < 0.0 or stays > self._least():
                self._amend(doubt, stays)
            return
        least = self._least()
        if not self._another(doubt.behind, doubt.mark - self.fastest):
            least = max(least, _LEAST_ALONE_S)
        if stays > least:
            self._amend(doubt, stays)

    def _amend(self, doubt: _Doubt, by: float) -> None:
        """Move everything since the doubt began, with the turns that came since."""
        if not self._turns:
            self._turns.append(_Turn(-_FAR_TICKS, self.shift))
        if not any(turn.since == doubt.since for turn in self._turns):
            before = [turn for turn in self._turns if turn.since < doubt.since]
            after = [turn for turn in self._turns if turn.since > doubt.since]
            shift = before[-1].shift if before else self.shift
            self._turns = [*before, _Turn(doubt.since, shift), *after]
        for turn in self._turns:
            if turn.since >= doubt.since:
                turn.shift += by
        self.shift = self._turns[-1].shift
        self.late -= by
        self._media += by
        self.moved += max(by, 0.0)
        self.unproved = True
