"""How much a path can carry, from when packets were sent and when they came. Sans-IO.

The delay-gradient estimator of draft-ietf-rmcat-gcc-02 ("gcc-02" below) in its later form, libwebrtc's trend line over
the delay of packet groups, fed by abs-send-time. It starts at the maximum and only comes down for a reason: a sender
that is told less than it could send takes long to find its way back up.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, TypeAlias

from link.rtc.congestion.ramp import unopposed_growth

MAX_ESTIMATE_BPS: Final = 4_000_000
"""Where the estimate begins. chosen: above the 3.2 Mbit/s that a direction is planned for, docs/media.md (Network)."""
MIN_ESTIMATE_BPS: Final = 150_000
"""Nobody is asked to send less. chosen: speech, its repairs and a few pictures; docs/network.md (What people see and
hear) has what is left of it at 300 kbit/s, and docs/media.md (A stall) how long browsers take to return from it."""

# Packets to groups, and their delays to a trend.
_WRAP_S: Final = 64.0
"""abs-send-time is a 6.18 fixed-point number of seconds, as libwebrtc defines it (`wire.sdp.ABS_SEND_TIME`)."""
_BURST_S: Final = 0.005
"""Packets sent within this form a group: burst_time. gcc-02 section 5.6."""
_SMOOTHING_RATIO: Final = 0.9
"""The weight of the past in the smoothed delay. libwebrtc's trend line (kDefaultTrendlineSmoothingCoeff)."""
_TREND_GROUPS: Final = 20
"""The groups that a trend is fitted to. libwebrtc's trend line (kDefaultTrendlineWindowSize)."""
_PAUSE_SENT_S: Final = 2.0
"""After a pause of the sender this long there is nothing to compare. chosen: no camera that is on sends so seldom."""
_PAUSE_ARRIVAL_S: Final = 3.0
"""The same by arrival. chosen: a second more, as what comes after a pause may have waited."""

# The over-use detector.
_THRESHOLD_GAIN_RATIO: Final = 4.0
"""Scales a slope to a threshold. libwebrtc's trend line (kDefaultTrendlineThresholdGain)."""
_MAX_DELTA_GROUPS: Final = 60
"""The trend is multiplied by the number of groups so far, up to this. libwebrtc's trend line (kMinNumDeltas)."""
_OVERUSE_S: Final = 0.03
"""A trend over the threshold for so long is over-use. chosen: three times the overuse_time_th of gcc-02 section 5.6, as
the interpreter's and the kernel's pauses of 10 ms are common here: docs/performance.md (What the slow packets waited
for)."""
_THRESHOLD_START_S: Final = 0.0125
"""del_var_th(0). gcc-02 section 5.6."""
_THRESHOLD_LEAST_S: Final = 0.006
"""gcc-02 section 5.4: clamped to [6, 600] ms."""
_THRESHOLD_MOST_S: Final = 0.6
"""gcc-02 section 5.4: clamped to [6, 600] ms."""
_ADAPT_OFFSET_S: Final = 0.015
"""The threshold does not follow what is further above it. gcc-02 section 5.4."""
_ADAPT_UP_PER_S: Final = 8.7
"""K_u: how fast the threshold rises. libwebrtc (k_up 0.0087 per ms; gcc-02 section 5.6 has 0.01)."""
_ADAPT_DOWN_PER_S: Final = 39.0
"""K_d: how fast it falls. libwebrtc (k_down 0.039 per ms; gcc-02 section 5.6 has 0.00018)."""
_ADAPT_STEP_S: Final = 0.02
"""The longest time that one step of the threshold stands for. chosen: a frame at 50 fps; libwebrtc has 100 ms."""

# Rate control.
_BETA_RATIO: Final = 0.85
"""beta: the share of the incoming bitrate that is asked for after over-use. gcc-02 section 5.6."""
_DIVERGES_RATIO: Final = 1.5
"""The estimate stays below this many times the incoming bitrate. gcc-02 section 5.5."""
_DIVERGES_BPS: Final = 10_000
"""And this. chosen: libwebrtc's AIMD adds 10 kbit/s, so that an estimate can leave zero."""
_ADDS_BPS_PER_S: Final = 2_000
"""Added besides the multiplicative increase. chosen: a low estimate must rise by more than rounding."""
_INCOMING_S: Final = 1.0
"""The window of the incoming bitrate: T. gcc-02 section 5.6."""
_INCOMING_LEAST_S: Final = 0.2
"""It counts as at least this long. chosen: a first burst is no bitrate."""
_SAMPLE_S: Final = 0.02
"""Packets of this time are counted together. chosen: one of sound; fifty samples a second bound the window."""
_USUAL_RISE_RATIO: Final = 0.05
"""The weight of one sample in the usual bitrate while that rises. chosen: half a second."""
_USUAL_FALL_RATIO: Final = 0.005
"""The same while it falls. chosen: four seconds, longer than any stall."""
_RECENT_S: Final = 0.4
"""The window of the bitrate where a queue shows. chosen: shorter than T, as a second ago the path may have been
wide."""
_UNOPPOSED_AFTER_S: Final = 3.0
"""Seconds without over-use until the increase steepens (`ramp`). chosen: as long as a REMB is believed; docs/media.md
(A narrow path)."""

# Stalls: something on the way stood still, a process that got no processor or a radio that changed its cell.
_STALL_S: Final = 0.1
"""A packet so much later than its sender's pace was stalled: even 100 kbit/s lets one through in that time.
docs/media.md (A stall)."""
_STALLED_FOR_S: Final = 1.0
"""For so long after it the estimate falls gently, and once only. docs/media.md (A stall)."""
_STALL_DECREASE_RATIO: Final = 0.7
"""The least share of itself that the estimate falls to then. docs/media.md (A stall)."""

# Queues: delay that all packets have, while jitter lets one through soon and the next one late.
_QUEUE_S: Final = 0.05
"""Delay that mere hiccups do not reach. chosen: five times the pauses of a busy machine, docs/performance.md (What the
slow packets waited for)."""
_QUEUE_BEGINS_S: Final = 0.01
"""A trend counts where even the fastest of the last groups waited this long. chosen: the overuse_time_th of gcc-02
section 5.6."""
_SPREAD_SIGMAS: Final = 3.0
"""Mean deviations of the delay that a standing queue exceeds. chosen: three, as usual for outliers."""
_SPREAD_LEAST_RATIO: Final = 0.005
"""The least weight of one group in the mean deviation. chosen: slower than a queue grows."""
_STANDING_GROUPS: Final = 4
"""So many groups in a row have waited where a queue stands. chosen: the fewest that span `_STANDING_LEAST_S` of
video."""
_STANDING_LEAST_S: Final = 0.08
"""And for so long. chosen: two frames at 25 fps, so that the packets of one late frame are not enough."""
_STANDING_RECENT_S: Final = 0.2
"""The window of the bitrate then: what arrives from a standing queue is what the path carries. chosen: half
`_RECENT_S`."""
_BASE_REMEMBERED_S: Final = 5.0
"""For once or twice this long the shortest delay is that of an empty queue. chosen: clocks drift by 1 ms in it at 200
ppm."""
_SETTLES_S: Final = 1.0
"""Until less shows that was asked for because a queue stands. chosen: one report to say so, and time to see it."""
_FUTILE_TIMES: Final = 3
"""A queue as high as before after less was asked for so often is the path's own delay. docs/media.md (Jitter is no
queue)."""
_SAME_QUEUE_RATIO: Final = 0.2
"""As high as before: within this share. chosen: the spread of what waits behind one keyframe."""
_OVERTAKEN_LEAST_S: Final = 0.01
"""Overtaking by less is no jitter. chosen: two groups."""
_OVERTAKEN_MOST_S: Final = 2.0
"""Overtaking by more is another stream's. chosen: twice what is waited for a missing packet."""
_OVERTAKEN_KEEPS_RATIO: Final = 0.995
"""What is left after each group of what is known about overtaking. chosen: half is forgotten in 140 groups, 4 s."""


Usage: TypeAlias = Literal["under", "normal", "rising", "over"]
"""What the trend of the delay says of the path (gcc-02 section 5.4). `under`: a queue drains; `rising`: it is over the
threshold, but has not been so for long. Strings, as the members of an enumeration take longer to look up."""


class IncomingRate:
    """R_hat, the bitrate that arrives. `bps` is that of the last second, `usual` that of the last seconds."""

    __slots__ = ("_bytes", "_samples", "bps", "usual")

    def __init__(self) -> None:
        self.bps = 0
        self.usual = 0.0
        self._samples: deque[tuple[float, int]] = deque()
        self._bytes = 0

    @property
    def begun(self) -> bool:
        """Whether anything has arrived."""
        return bool(self._samples)

    def count(self, now: float, size: int) -> None:
        """So many bytes arrived."""
        samples = self._samples
        if samples and now - samples[-1][0] < _SAMPLE_S:
            at, before = samples[-1]
            samples[-1] = (at, before + size)
        else:
            samples.append((now, size))
            weight = _USUAL_RISE_RATIO if self.bps > self.usual else _USUAL_FALL_RATIO
            self.usual += weight * (self.bps - self.usual)
        self._bytes += size
        while now - samples[0][0] > _INCOMING_S:
            self._bytes -= samples.popleft()[1]
        span = max(_INCOMING_LEAST_S, min(_INCOMING_S, now - samples[0][0]))
        self.bps = int(self._bytes * 8 / span)

    def recent(self, now: float, seconds: float) -> float:
        """Bits per second that arrived in the last moments: a second ago the path may have been wide."""
        size = 0
        for at, some in reversed(self._samples):
            if now - at > seconds:
                break
            size += some
        return size * 8 / seconds


class OveruseDetector:
    """The trend of the smoothed delay against a threshold that adapts (gcc-02 section 5.4)."""

    __slots__ = ("_over_since", "_slope", "_threshold", "_threshold_at", "_trend")

    def __init__(self) -> None:
        self._trend: deque[tuple[float, float]] = deque(maxlen=_TREND_GROUPS)
        self._threshold = _THRESHOLD_START_S
        self._threshold_at = 0.0
        self._over_since: float | None = None
        self._slope = 0.0

    def add(self, arrival: float, smoothed: float) -> bool:
        """Another group; whether there are enough of them to judge."""
        self._trend.append((arrival, smoothed))
        return len(self._trend) == _TREND_GROUPS

    def pause(self) -> None:
        """What comes next is not to be compared with what came before."""
        self._trend.clear()

    def answered(self) -> None:
        """Less was asked for: over-use begins to count anew."""
        self._over_since = None

    def judge(self, groups: int, now: float, *, waits: bool) -> Usage:
        """What the trend says after so many groups. It is no over-use unless even the fastest ones `waits`."""
        # Least squares by sums: this runs for every group, and means of generators took a fifth of a packet's cost.
        count = len(self._trend)
        origin = self._trend[0][0]
        sum_x = sum_y = sum_xx = sum_xy = 0.0
        for x, y in self._trend:
            x -= origin
            sum_x += x
            sum_y += y
            sum_xx += x * x
            sum_xy += x * y
        square = count * sum_xx - sum_x * sum_x
        slope = (count * sum_xy - sum_x * sum_y) / square if square > 0 else 0.0
        trend = min(groups, _MAX_DELTA_GROUPS) * slope * _THRESHOLD_GAIN_RATIO / 1000  # libwebrtc has ms
        if trend > self._threshold:
            usage: Usage = "rising"
            if self._over_since is None:
                self._over_since = now
            elif now - self._over_since > _OVERUSE_S and slope >= self._slope and waits:
                usage = "over"
        else:
            usage = "normal" if trend > -self._threshold else "under"
            self._over_since = None
        self._slope = slope
        self._adapt(abs(trend), now)
        return usage

    def _adapt(self, magnitude: float, now: float) -> None:
        elapsed = min(_ADAPT_STEP_S, now - self._threshold_at)
        self._threshold_at = now
        if magnitude > self._threshold + _ADAPT_OFFSET_S:
            return
        gain = _ADAPT_DOWN_PER_S if magnitude < self._threshold else _ADAPT_UP_PER_S
        self._threshold += gain * (magnitude - self._threshold) * elapsed
        self._threshold = min(_THRESHOLD_MOST_S, max(_THRESHOLD_LEAST_S, self._threshold))


class StandingQueue:
    """Whether a queue stands: the trend of what is smoothed takes half a second to show it.

    Even the fastest of some packets in a row has then waited, for longer than jitter makes them. `waited` is how long,
    beyond the shortest delay of late; `overtaken` is by how much packets overtook others, lately; both in seconds.
    """

    __slots__ = (
        "_base", "_base_at", "_base_before", "_futile", "_last", "_spread", "_waited_then", "_weight",
        "overtaken", "stands", "waited",
    )  # fmt: skip

    def __init__(self) -> None:
        self.waited = 0.0
        self.overtaken = 0.0
        self.stands = False
        self._base = self._base_before = 0.0  # the shortest delay: of the present span, and of the one before
        self._base_at = float("-inf")
        self._spread = 0.0  # mean deviation of single groups
        self._weight = 1.0
        self._last: deque[tuple[float, float]] = deque(maxlen=_STANDING_GROUPS)  # arrivals and delays
        self._waited_then = 0.0  # when less was asked for
        self._futile = 0

    @property
    def delay(self) -> float:
        """Seconds that all packets wait, as far as the shortest delay of late was that of no queue."""
        return max(0.0, self.waited - self.overtaken)

    def overtake(self, behind: float) -> None:
        """A packet came so many seconds late: no queue lets anybody overtake, so this is what jitter does."""
        if self.overtaken < behind < _OVERTAKEN_MOST_S and behind > _OVERTAKEN_LEAST_S:
            self.overtaken = behind

    def observe(self, arrival: float, delay: float, smoothed: float) -> None:
        """Another group."""
        self.overtaken *= _OVERTAKEN_KEEPS_RATIO
        if arrival - self._base_at > _BASE_REMEMBERED_S:
            self._base_before, self._base, self._base_at = self._base, delay, arrival
        self._base = min(delay, self._base)
        self._weight = max(_SPREAD_LEAST_RATIO, self._weight / (1 + self._weight))
        self._spread += self._weight * (abs(delay - smoothed) - self._spread)
        last = self._last
        last.append((arrival, delay))
        self.waited = waited = min(delay for _, delay in last) - min(self._base, self._base_before)
        long = len(last) == _STANDING_GROUPS and arrival - last[0][0] >= _STANDING_LEAST_S
        self.stands = long and waited > _QUEUE_S + _SPREAD_SIGMAS * self._spread + self.overtaken

    def pause(self) -> None:
        """What comes next is not to be compared with what came before."""
        self._base = self._base_before = self.waited = 0.0
        self.stands = False
        self._last.clear()

    def is_the_path(self) -> bool:
        """It stands, and less is to be asked for. Or it has stood as high after that, and is the path's own delay."""
        same = abs(self.waited - self._waited_then) < _SAME_QUEUE_RATIO * self._waited_then
        self._futile = self._futile + 1 if same else 0
        if self._futile < _FUTILE_TIMES:
            self._waited_then = self.waited
            return False
        self._base = self._base_before = min(delay for _, delay in self._last)
        self._futile = 0
        self.waited = self._waited_then = 0.0
        self.stands = False
        return True


class DelayBasedEstimator:
    """The estimate of one path. `estimate` is in bit/s."""

    __slots__ = (
        "_changed", "_delay", "_detector", "_fell", "_first_sent", "_groups", "_last_arrival", "_last_sent",
        "_previous", "_queue", "_rate", "_smoothed", "_stalled", "estimate",
    )  # fmt: skip

    def __init__(self) -> None:
        self.estimate = MAX_ESTIMATE_BPS
        self._rate = IncomingRate()
        self._detector = OveruseDetector()
        self._queue = StandingQueue()
        self._first_sent = self._last_sent = self._last_arrival = 0.0  # of the present group
        self._previous: tuple[float, float] | None = None  # send and arrival time of the group before
        self._groups = 0  # since the last pause
        self._delay = self._smoothed = 0.0  # of the last group, against the first one
        self._changed = 0.0  # when the estimate did, or might have
        self._stalled = self._fell = float("-inf")

    @property
    def incoming(self) -> int:
        """Bits per second that arrived over the last second."""
        return self._rate.bps

    @property
    def queue(self) -> float:
        """Seconds that all packets wait on the path, as far as the shortest delay of late was that of no queue."""
        return self._queue.delay

    def add(self, abs_send_time: int, now: float, size: int) -> None:
        """A packet of `size` bytes stamped `abs_send_time` (24 bits) arrived at `now`."""
        sent = abs_send_time / 262144.0
        if self._previous is None and not self._rate.begun:
            self._first_sent = self._last_sent = sent
            self._changed = now
        self._rate.count(now, size)
        ahead = (sent - self._first_sent) % _WRAP_S
        if ahead > _WRAP_S / 2:  # older than the group
            self._queue.overtake(_WRAP_S - ahead)
            return
        if self._groups and now - self._last_arrival - (sent - self._last_sent) % _WRAP_S > _STALL_S:
            self._stalled = now
        burst = now - self._last_arrival < _BURST_S and self._groups > 0
        if ahead <= _BURST_S or (burst and (now - self._last_arrival) < (sent - self._last_sent) % _WRAP_S):
            self._last_sent = sent
            self._last_arrival = now
            return
        self._close_group(now)
        self._first_sent = self._last_sent = sent
        self._last_arrival = now

    def _close_group(self, now: float) -> None:
        previous = self._previous
        arrival = self._last_arrival
        self._previous = (self._last_sent, arrival)
        if previous is None:
            return
        sent_delta = (self._last_sent - previous[0]) % _WRAP_S
        arrival_delta = arrival - previous[1]
        detector, queue = self._detector, self._queue
        if sent_delta > _PAUSE_SENT_S or arrival_delta > _PAUSE_ARRIVAL_S:
            detector.pause()
            queue.pause()
            self._delay = self._smoothed = 0.0
            self._groups = 0
            return
        self._groups += 1
        self._delay += arrival_delta - sent_delta
        self._smoothed = _SMOOTHING_RATIO * self._smoothed + (1.0 - _SMOOTHING_RATIO) * self._delay
        queue.observe(arrival, self._delay, self._smoothed)
        enough = detector.add(arrival, self._smoothed)
        settled = now - self._stalled >= _STALLED_FOR_S and now - self._fell >= _SETTLES_S
        if queue.stands and settled and not queue.is_the_path():
            self._decrease(now)
        if not enough:
            return
        usage = detector.judge(self._groups, now, waits=queue.waited > _QUEUE_BEGINS_S + queue.overtaken)
        if usage == "normal":
            self._increase(now)
        elif usage == "over":
            self._decrease(now)
        elif usage == "under":
            self._changed = now  # hold

    def _decrease(self, now: float) -> None:
        """Come down below what arrives.

        Right after a stall what arrives says little of the path, and a browser that was told far too little takes half
        a minute to find its way up again. So then it comes down by less, and once a second.
        """
        rate = self._rate
        self._detector.answered()
        self._changed = now
        arriving = float(rate.bps)
        if self._queue.delay > _QUEUE_S:
            arriving = min(arriving, rate.recent(now, _STANDING_RECENT_S if self._queue.stands else _RECENT_S))
        target = int(_BETA_RATIO * arriving)
        if now - self._stalled < _STALLED_FOR_S:
            if now - self._fell < _STALLED_FOR_S:
                return
            target = max(target, int(_STALL_DECREASE_RATIO * min(self.estimate, rate.usual)))
        target = max(MIN_ESTIMATE_BPS, target)
        if target < self.estimate:
            self.estimate = target
            self._fell = now

    def _increase(self, now: float) -> None:
        elapsed = min(1.0, now - self._changed)
        self._changed = now
        # Not beyond what the sender shows it can use, but never down because it sends little.
        ceiling = max(self.estimate, int(_DIVERGES_RATIO * self._rate.bps) + _DIVERGES_BPS)
        growth = unopposed_growth(now - self._fell - _UNOPPOSED_AFTER_S)
        more = int(self.estimate * growth**elapsed) + int(_ADDS_BPS_PER_S * elapsed)
        self.estimate = min(MAX_ESTIMATE_BPS, ceiling, more)
