"""How much a path can carry, from when packets were sent and when they came. Sans-IO.

The delay-gradient estimator of draft-ietf-rmcat-gcc-02 in its later form (a trend line over the delay of packet
groups), fed by abs-send-time. It starts at the maximum and only comes down for a reason: a sender that is told less
than it could send takes long to find its way back up.
"""

from __future__ import annotations

from collections import deque

MAXIMUM = 4_000_000
MINIMUM = 150_000
_GROUP = 0.005  # packets sent within this belong together
_WINDOW = 20  # groups
_WRAP = 64.0  # seconds: abs-send-time is 6.18 fixed point
_STALL = 0.1
"""Seconds between two packets beyond those between their departures. A full path of 100 kbit/s lets one through in that
time: something on the way stood still, a process that got no processor or a radio that changed its cell."""
_STALLED_FOR = 1.0
_GENTLE = 0.7
_QUEUE = 0.05
"""Seconds of smoothed delay that mere hiccups do not reach."""
_RECENT = 0.4
_STANDS_FOR = 4  # groups
_STANDS_LEAST = 0.08  # seconds
_STANDS_RECENT = 0.2
"""Seconds in which what arrives is what the path carries, once every packet of some groups in a row has waited."""
_LEAST = 0.01
"""Seconds that all of the last packets have waited where a queue begins."""
_REMEMBERED = 5.0
"""Seconds, once or twice as long, for which the shortest delay is that of an empty queue: clocks and paths change."""
_SETTLES = 1.0
"""Seconds until less shows that was asked for because a queue stands; if it never shows, that is no queue of ours."""
_FUTILE = 3  # times
_OVERTAKEN = 0.01
_OVERTAKEN_MOST = 2.0
_FREE_AFTER = 3.0
"""Seconds without any sign of a full path until there is faster more room than by 8 % in a second."""
_GROWTH, _GROWTH_MOST, _FASTER = 1.08, 1.5, 0.14


class DelayBasedEstimator:
    """The estimate of one path. `estimate` is in bit/s."""

    def __init__(self) -> None:
        self.estimate = MAXIMUM
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
        self._last: deque[tuple[float, float]] = deque(maxlen=_STANDS_FOR)  # arrivals and delays
        self._standing = 0.0  # the same where that is no chance
        self._waited_then = 0.0  # when it fell
        self._futile = 0
        self._trend: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._groups = 0
        self._threshold = 0.0125
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
        ahead = (sent - self._first_sent) % _WRAP
        if ahead > _WRAP / 2:  # older than the group: no queue lets anybody overtake, so this is what jitter does
            if self._overtaken < (behind := _WRAP - ahead) < _OVERTAKEN_MOST and behind > _OVERTAKEN:
                self._overtaken = behind
            return
        if self._groups and now - self._last_arrival - (sent - self._last_sent) % _WRAP > _STALL:
            self._stalled = now
        burst = now - self._last_arrival < _GROUP and self._groups > 0
        if ahead <= _GROUP or (burst and (now - self._last_arrival) < (sent - self._last_sent) % _WRAP):
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
        if samples and now - samples[-1][0] < 0.02:
            at, before = samples[-1]
            samples[-1] = (at, before + size)
        else:
            samples.append((now, size))
            # Every 20 ms: up within half a second, down within four.
            self._usual += (0.05 if self.incoming > self._usual else 0.005) * (self.incoming - self._usual)
        self._window_bytes += size
        while now - samples[0][0] > 1.0:
            self._window_bytes -= samples.popleft()[1]
        span = max(0.2, min(1.0, now - samples[0][0]))
        self.incoming = int(self._window_bytes * 8 / span)

    def _close_group(self, now: float) -> None:
        previous = self._previous
        self._previous = (self._last_sent, self._last_arrival)
        if previous is None:
            return
        sent_delta = (self._last_sent - previous[0]) % _WRAP
        arrival_delta = self._last_arrival - previous[1]
        if sent_delta > 2.0 or arrival_delta > 3.0:
            self._trend.clear()  # a pause: nothing to compare
            self._delay = self._smoothed = self._floor = self._floor_before = self._standing = self._waited = 0.0
            self._last.clear()
            self._groups = 0
            return
        self._groups += 1
        self._delay += arrival_delta - sent_delta
        self._smoothed = 0.9 * self._smoothed + 0.1 * self._delay
        self._overtaken *= 0.995
        self._stand(self._last_arrival)
        self._trend.append((self._last_arrival, self._smoothed))
        if self._standing and now - self._stalled >= _STALLED_FOR and now - self._fell >= _SETTLES:
            self._drain(now)
        if len(self._trend) == _WINDOW:
            self._judge(now)

    def _stand(self, arrival: float) -> None:
        """See whether a queue stands: the trend of what is smoothed takes half a second to show it.

        Even the fastest of some packets in a row has then waited, for longer than jitter makes them.
        """
        delay = self._delay
        if arrival - self._floor_at > _REMEMBERED:
            self._floor_before, self._floor, self._floor_at = self._floor, delay, arrival
        self._floor = min(delay, self._floor)
        self._weight = max(0.005, self._weight / (1 + self._weight))  # slower than a queue grows
        self._spread += self._weight * (abs(delay - self._smoothed) - self._spread)
        last = self._last
        last.append((arrival, delay))
        self._waited = waited = min(delay for _, delay in last) - min(self._floor, self._floor_before)
        stands = len(last) == _STANDS_FOR and arrival - last[0][0] >= _STANDS_LEAST
        self._standing = waited if stands and waited > _QUEUE + 3 * self._spread + self._overtaken else 0.0

    def _drain(self, now: float) -> None:
        """A queue stands: come down; or it has stood as high in spite of that, and is the path's own delay."""
        waited = self._waited
        self._futile = self._futile + 1 if 0.8 * self._waited_then < waited < 1.2 * self._waited_then else 0
        if self._futile < _FUTILE:
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
        trend = min(self._groups, 60) * slope * 4 / 1000
        if trend > self._threshold:
            if self._over_since is None:
                self._over_since = now
            elif now - self._over_since > 0.03 and slope >= self._slope and self._waited > _LEAST + self._overtaken:
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
        elapsed = min(0.02, now - self._threshold_at)
        self._threshold_at = now
        if magnitude > self._threshold + 0.015:
            return
        gain = 39.0 if magnitude < self._threshold else 8.7
        self._threshold += gain * (magnitude - self._threshold) * elapsed
        self._threshold = min(0.6, max(0.006, self._threshold))

    def _decrease(self, now: float) -> None:
        """Come down below what arrives.

        Right after a stall what arrives says little of the path, and a browser that was told far too little takes half
        a minute to find its way up again. So then it comes down by less, and once a second.
        """
        self._over_since = None
        self._changed = now
        queueing = self.queue > _QUEUE
        recent = self._recent(now, _STANDS_RECENT if self._standing else _RECENT)
        target = int(0.85 * (min(self.incoming, recent) if queueing else self.incoming))
        if now - self._stalled < _STALLED_FOR:
            if now - self._fell < _STALLED_FOR:
                return
            target = max(target, int(_GENTLE * min(self.estimate, self._usual)))
        target = max(MINIMUM, target)
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
        ceiling = max(self.estimate, int(1.5 * self.incoming) + 10_000)
        free = now - self._fell - _FREE_AFTER
        growth = min(_GROWTH_MOST, _GROWTH + _FASTER * free) if free > 0 else _GROWTH
        self.estimate = min(MAXIMUM, ceiling, int(self.estimate * growth**elapsed) + int(2_000 * elapsed))
