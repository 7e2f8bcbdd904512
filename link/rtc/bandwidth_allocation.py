"""How much each end of a leg may send: the REMBs it sends, and what follows from those it receives. Sans-IO.

A browser has one congestion controller for all it sends, so it is told one sum. Between two ends of ours each video is
told for itself: a REMB with exactly one media SSRC is about that stream, any other about the whole leg.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from link.rtc.congestion.delay_based import MIN_ESTIMATE_BPS
from link.rtc.congestion.loss_based import FREE_BPS, LossBasedEstimator
from link.rtc.congestion.ramp import SLOW_PER_S, unopposed_growth
from link.rtc.tracks.demuxer import Demuxer, ReceivedStream
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.wire.rtp import Remb, build_remb

REMB_LIFE_S: Final = 10.0
"""For how long a REMB counts. chosen: a far end of ours repeats it every second (`rtcp_session.REPORT_EVERY_S`), so ten
in a row must have been lost."""
MIN_REMB_BPS: Final = MIN_ESTIMATE_BPS
_LOWERED_RATIO: Final = 0.97
"""A REMB below this share of the last one is sent at once. libwebrtc's `kSendThresholdPercent` (97)."""
DRAIN_RATIO: Final = 0.7
"""The share of a path's capacity that is asked for while a queue stands. docs/media.md (A narrow path); what is left
drains in one second the third of a second that a narrow link fills: docs/network.md (What people see and hear)."""
STANDING_S: Final = 0.1
"""A queue of this delay stands. chosen: twice what `delay_based` asks for before it comes down for a queue."""
AMPLE_VIDEO_BPS: Final = 1_500_000
"""From this on one video has room for packets that may not be needed: 720p30 in docs/performance.md (Measuring)."""
BELIEVED_FOR_S: Final = 3.0
"""How long a browser's REMB counts after the last sign that confirms it; twice as long each time that the next sign
comes while the limit rises again. docs/media.md (A narrow path)."""
BELIEVED_MOST_S: Final = 24.0
"""The longest of these. docs/media.md (A narrow path)."""
_HALVED_RATIO: Final = 0.65
"""A REMB below this share of what is sent says that half of it arrives. chosen: half and a third of that, as both
figures are averages over about a second."""
_USED_RATIO: Final = 1.5
"""A limit of less than this many times the sent bitrate is in use. draft-ietf-rmcat-gcc-02 section 5.5."""
_MEASURE_EVERY_S: Final = 1.0
"""How often the sent bitrate is measured. The window T of draft-ietf-rmcat-gcc-02 section 5.6, at its longest."""
_MEASURE_LEAST_S: Final = 0.05
"""The shortest time that a bitrate is taken of. chosen: half a tick; a burst of one frame must not count as a rate."""
_MEASURE_MOST_S: Final = 2.0
"""And the longest, so that a leg that stood still does not look idle. chosen: twice `_MEASURE_EVERY_S`."""
_DIVIDE_EVERY_S: Final = 0.5
"""How often shares are computed anew when only the senders, and not the limit, have changed. docs/performance.md (What
was tried): a leg's tick 10 to 7 us."""
DRAINED_S: Final = 0.2
"""Pictures may wait so long in the pacer before less is asked for. chosen: two ticks, beyond a keyframe's burst."""


def divide(total: int, limits: Sequence[int]) -> list[int]:
    """Shares of `total` for streams that take at most `limits`, in bit/s; 0 is no limit, in either.

    No share is over its limit and their sum is not over the total. What limited streams leave, the others share alike.
    """
    if not total:
        return list(limits)
    shares = [0] * len(limits)
    rest = total
    narrowest_first = sorted(range(len(limits)), key=lambda index: limits[index] or total)
    for place, index in enumerate(narrowest_first):
        fair = rest // (len(limits) - place)
        shares[index] = min(limits[index] or fair, fair)
        rest -= shares[index]
    return shares


class Upstream:
    """What the far end is told that it may send: our estimate of the path, or less if those who watch take less."""

    def __init__(self, ssrc: int, ingress: Demuxer) -> None:
        self._ssrc = ssrc
        self._ingress = ingress
        self._told: dict[int, int] = {}  # by media SSRC; -1 for the whole leg
        self._excess = LossBasedEstimator()
        self.trusted = False

    @property
    def estimate(self) -> int:
        """Bits per second that the path carries, as far as its delay and its loss tell."""
        return min(self._ingress.estimator.estimate, self._excess.ceiling)

    def observe(self, now: float, rtt: float) -> None:
        """Once a second: look at what was lost."""
        ingress = self._ingress
        self._excess.observe(*ingress.counts(), ingress.estimator.incoming, now, rtt)

    def lowered(self, now: float) -> bool:
        """Whether the far end has to hear at once."""
        return any(bitrate < _LOWERED_RATIO * self._told.get(key, 0) for key, bitrate in self._limits(now).items())

    def packets(self, now: float) -> list[bytes]:
        """The REMBs to send now; none while no video comes. The one for the whole leg is the last."""
        self._told = limits = self._limits(now)
        every = [source.ssrc for source in self._videos() if source.ssrc >= 0]
        if self.trusted and len(every) == 1:
            every = []
        return [build_remb(self._ssrc, bitrate, [ssrc] if ssrc >= 0 else every) for ssrc, bitrate in limits.items()]

    def _videos(self) -> Iterable[ReceivedStream]:
        return (source for source in self._ingress.sources() if source.track.kind == "video")

    def _limits(self, now: float) -> dict[int, int]:
        active = [source for source in self._videos() if source.track.active(now)]
        if not active:
            return {}
        estimate = self.estimate
        if self._ingress.estimator.queue > STANDING_S:
            estimate = int(DRAIN_RATIO * estimate)
        watched = [min(estimate, source.track.limit() or estimate) for source in active]
        limits = {}
        if self.trusted:
            limits = {source.ssrc: each for source, each in zip(active, watched, strict=True) if source.ssrc >= 0}
        limits[-1] = max(MIN_REMB_BPS, min(estimate, sum(watched)))
        return limits


class Downstream:
    """What the videos that we send may take: of the whole leg's figure a share each, and no more than its own."""

    def __init__(self) -> None:
        self.available = 0  # bit/s of the whole leg as the far end last said, 0 while unknown
        self.limit = 0  # the same as far as it is believed
        self.room = 0  # bit/s for pictures and what is sent of them again, 0 while there is no limit
        self.sending = 0.0  # bit/s of media, at present
        self._available_at = float("-inf")
        self._own: dict[int, tuple[int, float]] = {}
        self._excess = LossBasedEstimator()
        self._believed_until = float("-inf")
        self._believed_for = BELIEVED_FOR_S
        self._following = False
        self._measured = float("-inf")
        self._divided = 0, False  # what the shares are of
        self._divided_at = float("-inf")
        self._shared = float("-inf")
        self._sent: dict[int, int] = {}  # bytes, by SSRC
        self._rates: dict[int, float] = {}
        self._before = 0, 0, 0  # packets expected and received, and bytes sent again, a second ago
        self._observed = float("-inf")

    @property
    def usual_loss(self) -> float:
        """The share of packets that the path loses whatever is sent, as far as that is known."""
        return self._excess.usual

    @property
    def doubted(self) -> bool:
        """Whether the far end reports, or just reported, less capacity than we use: then the path is to be checked."""
        return 0 < self.available < self.sending or self._following

    @property
    def halved(self) -> bool:
        """Whether the far end says that it can take little more than half of what we send."""
        return 0 < self.available < _HALVED_RATIO * self.sending

    def heard(self, remb: Remb, slots: dict[int, ForwardedTrack], now: float, *, trusted: bool) -> None:
        """The far end says what it can take."""
        self._divided_at = float("-inf")
        if trusted and len(remb.ssrcs) == 1:
            if remb.ssrcs[0] in slots:
                self._own[remb.ssrcs[0]] = remb.bitrate, now
            return
        self.available = remb.bitrate
        self._available_at = now
        self._measure(slots.values(), now)

    def observe(self, slots: Iterable[ForwardedTrack], now: float, rtt: float) -> None:
        """Once a second: look at what a browser reports lost of pictures.

        Not of sound: browsers report it seldom, in lumps, and what of it was sent again is not lost in them. Among
        video that is lost all the time, the end of such a lump looked as if sending less had helped.
        """
        slots = [slot for slot in slots if slot.kind == "video"]
        expected = sum(slot.reports.expected for slot in slots)
        received = sum(slot.reports.received for slot in slots)
        again = sum(slot.rtx.bytes for slot in slots)
        more, came = expected - self._before[0], received - self._before[1]
        repairs = (again - self._before[2]) * 8 / max(_MEASURE_LEAST_S, min(_MEASURE_MOST_S, now - self._observed))
        self._before, self._observed = (expected, received, again), now
        carried = (self.sending + repairs) * (min(1.0, max(0, came) / more) if more > 0 else 1.0)
        self._excess.observe(expected, received, int(carried), now, rtt)

    def share(
        self,
        slots: Iterable[ForwardedTrack],
        now: float,
        *,
        sign: bool,
        full: bool = False,
        trusted: bool = False,
        waiting: float = 0.0,
    ) -> None:
        """Tell each video that is fed how much it may take.

        `sign`: something else shows that the path carries less, so a browser's REMB counts (that of a `trusted` far end
        always does). `full`: a queue stands before the path. `waiting`: seconds of pictures that
        wait on our side.
        """
        slots = list(slots)
        elapsed = min(1.0, now - self._shared)
        self._shared = now
        if full or now - self._measured >= _MEASURE_EVERY_S:
            self._measure(slots, now)
        if now - self._available_at > REMB_LIFE_S:
            self.available = 0
        self._believe(now, elapsed, sign=sign, trusted=trusted)
        limit = min(self.limit or FREE_BPS, FREE_BPS if trusted else self._excess.ceiling)
        limit = limit if limit < FREE_BPS else 0
        self.room = limit
        if (full or waiting > DRAINED_S) and not trusted:
            limit = int(DRAIN_RATIO * limit)
        same = limit, full
        if same == self._divided and now - self._divided_at < _DIVIDE_EVERY_S:
            return  # this runs ten times a second for every leg
        self._divided, self._divided_at = same, now
        videos = [s for s in slots if s.kind == "video" and s.track is not None and s.track.active(now)]
        for slot in slots:
            if slot.kind == "audio":
                slot.narrow = full  # what is lost of sound now, a second copy would only push out of the queue as well
        own = [self._of(slot, now) if trusted else 0 for slot in videos]
        for slot, share in zip(videos, divide(limit, own), strict=True):
            slot.available = share
            # Ends of ours name a figure always, a browser is believed only where there is a reason.
            slot.narrow = 0 < share < (AMPLE_VIDEO_BPS if trusted else FREE_BPS)

    def _measure(self, slots: Iterable[ForwardedTrack], now: float) -> None:
        elapsed = min(_MEASURE_MOST_S, now - self._measured)
        if elapsed < _MEASURE_LEAST_S:
            return
        self._measured = now
        for slot in slots:
            sent = slot.bytes - self._sent.get(slot.ssrc, slot.bytes)
            self._sent[slot.ssrc] = slot.bytes
            before = self._rates.get(slot.ssrc, 0.0)
            self._rates[slot.ssrc] = before + min(1.0, 2 * elapsed) * (sent * 8 / elapsed - before)
        self.sending = sum(self._rates.values())

    def _believe(self, now: float, elapsed: float, *, sign: bool, trusted: bool) -> None:
        """How far the far end's REMB counts: while there is a sign, and for some time after it.

        Then the limit rises, the faster the longer nothing speaks against it, until there is another sign or room
        enough. A browser that is sent little reports little capacity for a long time.
        """
        if sign:
            if self.limit and now >= self._believed_until:
                self._believed_for = min(BELIEVED_MOST_S, 2 * self._believed_for)
            self._believed_until = now + self._believed_for
        self._following = not trusted and (sign or self.limit > 0)
        if trusted or now < self._believed_until:
            self.limit = self.available
        elif self.limit:
            growth = SLOW_PER_S
            if self.limit < _USED_RATIO * self.sending:  # else nothing speaks against it because nothing tries it
                growth = unopposed_growth(now - self._believed_until)
            self.limit = max(self.available, int(self.limit * growth**elapsed))
            if self.limit > 2 * AMPLE_VIDEO_BPS:
                self.limit = 0
                self._believed_for = BELIEVED_FOR_S

    def _of(self, slot: ForwardedTrack, now: float) -> int:
        bitrate, at = self._own.get(slot.ssrc, (0, 0.0))
        return bitrate if now - at <= REMB_LIFE_S else 0
