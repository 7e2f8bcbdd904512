"""How much a path can carry, from when packets were sent and when they came. Sans-IO.

The delay-gradient estimator of draft-ietf-rmcat-gcc-02 ("gcc-02" below) in its later form, libwebrtc's trend line over
the delay of packet groups, fed by abs-send-time. It starts at the maximum and only comes down for a reason: a sender
that is told less than it could send takes long to find its way back up.
"""

from __future__ import annotations

from collections import deque
from typing import Final

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


class DelayBasedEstimator:
    """The estimate of one path. `estimate` is in bit/s."""

    def __init__(self) -> None:
        self.estimate = MAX_ESTIMATE_BPS
        self.incoming = 0  # bit/s that arrived over the last second
        self._usual = 0.0  # the same, over the last seconds
        self._bytes: deque[tuple[float, int]] = deque()
        self._window_bytes = 0
        self._first_sent = self._last_sent = self._last_arrival = 0.0  # of the present group
        self._previous: tuple[float, float] | None = None  # send and arrival time of the group before
        self._delay = self._smoothed = 0.0
        self._floor = self._spread = 0.0  # of the delays of single groups
        self._floor_before = 0.0
        self._floor_at = float("-inf")
        self._waited = 0.0  # seconds that even the fastest of the last groups took longer than the floor
        self._overtaken = 0.0  # seconds by which packets overtook others, lately
        self._weight = 1.0
        self._last: deque[tuple[float, float]] = deque(maxlen=_STANDING_GROUPS)  # arrivals and delays
        self._standing = 0.0  # the same where that is no chance
        self._waited_then = 0.0  # when it fell
        self._futile = 0
        self._trend: deque[tuple[float, float]] = deque(maxlen=_TREND_GROUPS)
        self._groups = 0
        self._threshold = _THRESHOLD_START_S
        self._threshold_at = 0.0
        self._over_since: float | None = None
        self._slope = 0.0
        self._changed = 0.0
        self._stalled = self._fell = float("-inf")

    def add(self, abs_send_time: int, now: float, size: int) -> None:
        """A packet of `size` bytes stamped `abs_send_time` (24 bits) arrived at `now`."""
        sent = abs_send_time / 262144.0
        if self._groups == 0 and self._previous is None and not self._bytes:
            self._first_sent = self._last_sent = sent
            self._changed = now
        self._count(now, size)
        ahead = (sent - self._first_sent) % _WRAP_S
        if ahead > _WRAP_S / 2:  # older than the group: no queue lets anybody overtake, so this is what jitter does
            if self._overtaken < (behind := _WRAP_S - ahead) < _OVERTAKEN_MOST_S and behind > _OVERTAKEN_LEAST_S:
                self._overtaken = behind
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

    @property
    def queue(self) -> float:
        """Seconds that all packets wait on the path, as far as the shortest delay of late was that of no queue.

        A queue delays everything, jitter lets one packet through soon and the next one late.
        """
        return max(0.0, self._waited - self._overtaken)

    def _count(self, now: float, size: int) -> None:
        samples = self._bytes
        if samples and now - samples[-1][0] < _SAMPLE_S:
            at, before = samples[-1]
            samples[-1] = (at, before + size)
        else:
            samples.append((now, size))
            weight = _USUAL_RISE_RATIO if self.incoming > self._usual else _USUAL_FALL_RATIO
            self._usual += weight * (self.incoming - self._usual)
        self._window_bytes += size
        while now - samples[0][0] > _INCOMING_S:
            self._window_bytes -= samples.popleft()[1]
        span = max(_INCOMING_LEAST_S, min(_INCOMING_S, now - samples[0][0]))
        self.incoming = int(self._window_bytes * 8 / span)

    def _close_group(self, now: float) -> None:
        previous = self._previous
        self._previous = (self._last_sent, self._last_arrival)
        if previous is None:
            return
        sent_delta = (self._last_sent - previous[0]) % _WRAP_S
        arrival_delta = self._last_arrival - previous[1]
        if sent_delta > _PAUSE_SENT_S or arrival_delta > _PAUSE_ARRIVAL_S:
            self._trend.clear()  # a pause: nothing to compare
            self._delay = self._smoothed = self._floor = self._floor_before = self._standing = self._waited = 0.0
            self._last.clear()
            self._groups = 0
            return
        self._groups += 1
        self._delay += arrival_delta - sent_delta
        self._smoothed = _SMOOTHING_RATIO * self._smoothed + (1.0 - _SMOOTHING_RATIO) * self._delay
        self._overtaken *= _OVERTAKEN_KEEPS_RATIO
        self._stand(self._last_arrival)
        self._trend.append((self._last_arrival, self._smoothed))
        if self._standing and now - self._stalled >= _STALLED_FOR_S and now - self._fell >= _SETTLES_S:
            self._drain(now)
        if len(self._trend) == _TREND_GROUPS:
            self._judge(now)

    def _stand(self, arrival: float) -> None:
        """See whether a queue stands: the trend of what is smoothed takes half a second to show it.

        Even the fastest of some packets in a row has then waited, for longer than jitter makes them.
        """
        delay = self._delay
        if arrival - self._floor_at > _BASE_REMEMBERED_S:
            self._floor_before, self._floor, self._floor_at = self._floor, delay, arrival
        self._floor = min(delay, self._floor)
        self._weight = max(_SPREAD_LEAST_RATIO, self._weight / (1 + self._weight))
        self._spread += self._weight * (abs(delay - self._smoothed) - self._spread)
        last = self._last
        last.append((arrival, delay))
        self._waited = waited = min(delay for _, delay in last) - min(self._floor, self._floor_before)
        stands = len(last) == _STANDING_GROUPS and arrival - last[0][0] >= _STANDING_LEAST_S
        self._standing = (
            waited if stands and waited > _QUEUE_S + _SPREAD_SIGMAS * self._spread + self._overtaken else 0.0
        )

    def _drain(self, now: float) -> None:
        """A queue stands: come down; or it has stood as high in spite of that, and is the path's own delay."""
        waited = self._waited
        same = abs(waited - self._waited_then) < _SAME_QUEUE_RATIO * self._waited_then
        self._futile = self._futile + 1 if same else 0
        if self._futile < _FUTILE_TIMES:
            self._decrease(now)
            self._waited_then = waited
            return
        self._floor = self._floor_before = min(delay for _, delay in self._last)
        self._futile = 0
        self._waited = self._standing = self._waited_then = 0.0

    def _judge(self, now: float) -> None:
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
        trend = min(self._groups, _MAX_DELTA_GROUPS) * slope * _THRESHOLD_GAIN_RATIO / 1000  # libwebrtc has ms
        if trend > self._threshold:
            if self._over_since is None:
                self._over_since = now
            elif (
                now - self._over_since > _OVERUSE_S
                and slope >= self._slope
                and self._waited > _QUEUE_BEGINS_S + self._overtaken
            ):
                self._decrease(now)
        else:
            self._over_since = None
            if trend > -self._threshold:
                self._increase(now)
            else:
                self._changed = now  # the queue drains: hold
        self._slope = slope
        self._adapt_threshold(abs(trend), now)

    def _adapt_threshold(self, magnitude: float, now: float) -> None:
        elapsed = min(_ADAPT_STEP_S, now - self._threshold_at)
        self._threshold_at = now
        if magnitude > self._threshold + _ADAPT_OFFSET_S:
            return
        gain = _ADAPT_DOWN_PER_S if magnitude < self._threshold else _ADAPT_UP_PER_S
        self._threshold += gain * (magnitude - self._threshold) * elapsed
        self._threshold = min(_THRESHOLD_MOST_S, max(_THRESHOLD_LEAST_S, self._threshold))

    def _decrease(self, now: float) -> None:
        """Come down below what arrives.

        Right after a stall what arrives says little of the path, and a browser that was told far too little takes half
        a minute to find its way up again. So then it comes down by less, and once a second.
        """
        self._over_since = None
        self._changed = now
        queueing = self.queue > _QUEUE_S
        recent = self._recent(now, _STANDING_RECENT_S if self._standing else _RECENT_S)
        target = int(_BETA_RATIO * (min(self.incoming, recent) if queueing else self.incoming))
        if now - self._stalled < _STALLED_FOR_S:
            if now - self._fell < _STALLED_FOR_S:
                return
            target = max(target, int(_STALL_DECREASE_RATIO * min(self.estimate, self._usual)))
        target = max(MIN_ESTIMATE_BPS, target)
        if target < self.estimate:
            self.estimate = target
            self._fell = now

    def _recent(self, now: float, seconds: float) -> float:
        """Bits per second that arrived in the last moments: a second ago the path may have been wide."""
        size = 0
        for at, some in reversed(self._bytes):
            if now - at > seconds:
                break
            size += some
        return size * 8 / seconds

    def _increase(self, now: float) -> None:
        elapsed = min(1.0, now - self._changed)
        self._changed = now
        # Not beyond what the sender shows it can use, but never down because it sends little.
        ceiling = max(self.estimate, int(_DIVERGES_RATIO * self.incoming) + _DIVERGES_BPS)
        growth = unopposed_growth(now - self._fell - _UNOPPOSED_AFTER_S)
        more = int(self.estimate * growth**elapsed) + int(_ADDS_BPS_PER_S * elapsed)
        self.estimate = min(MAX_ESTIMATE_BPS, ceiling, more)
