"""The RTCP of one leg: reports, round-trip time, bandwidth, and what each side asks of the other. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.bandwidth_allocation import STANDING_S, Downstream, Upstream
from link.rtc.congestion.queue_detector import FarEnd, QueueDetector
from link.rtc.pacer import Pacer
from link.rtc.tracks.capture_clock import PeerClock, ntp_time
from link.rtc.tracks.demuxer import Demuxer, ReceivedStream
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.wire.rtp import (
    KeyframeRequest,
    Nack,
    ReceiverReport,
    Remb,
    ReportBlock,
    Rtcp,
    SenderReport,
    build_cname,
    build_nack,
    build_pli,
    build_receiver_report,
)

REPORT_EVERY_S: Final = 1.0
"""Between two reports: the reduced minimum of RFC 3550 section 6.2 for a session of 360 kbit/s."""
MUCH_LOSS_SHARE: Final = 0.1
"""Loss beyond the usual from which a browser's REMB counts. The 10 % of draft-ietf-rmcat-gcc-02 section 6."""
_CHECK_EVERY_S: Final = 0.05
"""Between two checks of a doubtful path, at least: Ta. RFC 8445 section 14.2; docs/media.md (A narrow path)."""
_RTT_KNOWN_S: Final = 0.5
"""For so long a measured round trip is that of the present path. docs/network.md (That depends on what was before)."""
_HELD_RATIO: Final = 0.75
"""The share of what the path carries at which pictures leave while a queue stands. docs/media.md (Pictures wait
here)."""
_LEAST_PACE_BPS: Final = 100_000
"""Pictures leave at this rate at least. chosen: below the lowest REMB, so that the pacer alone never starves a far
end."""
_MAX_RTT_S: Final = 10
"""A longer round trip in a report is another clock's. chosen: ten times that of any path on which people can talk."""


class RtcpSession:
    """Speaks RTCP for the slots and the sources of one leg. `send` takes one plain compound packet."""

    def __init__(self, ssrc: int, cname: str, ingress: Demuxer, send: Callable[[bytes], None]) -> None:
        self._ssrc = ssrc
        self._cname = build_cname(ssrc, cname)
        self._ingress = ingress
        self._send = send
        self._slots: dict[int, ForwardedTrack] = {}
        self._peer = PeerClock()
        self._queue = QueueDetector()
        self._upstream = Upstream(ssrc, ingress)
        self._downstream = Downstream()
        self._trusted = False
        self._reported = float("-inf")
        self._checked = float("-inf")
        self.pace: Pacer | None = None  # where pictures wait that the path does not carry
        self.check: Callable[[float], None] | None = None  # asks the far end for a sign; `measured` when it comes

    def open(self, slots: Sequence[ForwardedTrack], *, trusted: bool) -> None:
        """The leg is connected and sends these slots. `trusted`: the far end's REMB is of our own making."""
        self._trusted = self._upstream.trusted = trusted
        self._slots = {slot.ssrc: slot for slot in slots}
        for source in self._ingress.sources():
            source.track.on_nack = self._nacker(source)
            source.track.on_keyframe = self._keyframe_asker(source)

    def receives(self, track: PublishedTrack) -> None:
        """This track is one of those that come from the far end."""
        track.accompany(self._peer)

    def heard(self, now: float) -> None:
        """Anything at all was last heard at `now`."""
        self._peer.heard(now)

    @property
    def rtt(self) -> float:
        """Seconds there and back, smoothed; 0.0 while unknown."""
        return self._queue.trips.value

    @property
    def available(self) -> int:
        """Bits per second that the far end last said this leg can carry away from us; 0 while unknown."""
        return self._downstream.available

    @property
    def estimate(self) -> int:
        """Bits per second that the far end may send, as far as the path is concerned."""
        return self._upstream.estimate

    @property
    def limit(self) -> int:
        """The same as far as it is believed."""
        return self._downstream.limit

    def _nacker(self, source: ReceivedStream) -> Callable[[list[int]], None]:
        return lambda sequences: self._send(build_nack(self._ssrc, source.ssrc, sequences))

    def _keyframe_asker(self, source: ReceivedStream) -> Callable[[], None]:
        def ask() -> None:
            if source.ssrc >= 0:
                self._send(pli := build_pli(self._ssrc, source.ssrc))
                if source.track.repaired or source.track.lost:
                    # So may this be, and the next one is due half a second later. Two at once count for one.
                    self._send(pli)

        return ask

    # --- from the far end ---------------------------------------------------------------------------------------------

    def handle(self, items: Sequence[Rtcp], now: float) -> None:
        for item in items:
            match item:
                case Nack(media, sequences):
                    if slot := self._slots.get(media):
                        self._queue.nacked(now)
                        slot.nack(sequences, now, self.rtt)
                case KeyframeRequest(media):
                    if slot := self._slots.get(media):
                        slot.keyframe_requested(now, self.rtt, joiner=self._trusted)
                case ReceiverReport(_, reports):
                    self._take_reports(reports, now)
                case SenderReport():
                    self._take_sender_report(item, now)
                case Remb():
                    self._downstream.heard(item, self._slots, now, trusted=self._trusted)
                    self._look(now)
                    if self.pace is not None and self._downstream.doubted:
                        self.pace.hurry()
                case _:
                    pass

    def _take_sender_report(self, item: SenderReport, now: float) -> None:
        self._take_reports(item.reports, now)
        source = self._ingress.by_ssrc(item.ssrc)
        if source is None:
            return
        source.last_sr = item.ntp >> 16 & 0xFFFFFFFF
        source.last_sr_at = now
        if source.track.highest >= 0:
            clock, stamp, ntp_seconds = source.track.clock, source.track.unwrap(item.rtp), item.ntp / 4294967296.0
            self._peer.observe(ntp_seconds, now, clock.beside(stamp, ntp_seconds, self._peer), clock)
            clock.report(stamp, item.ntp, self._peer)

    def _take_reports(self, reports: Sequence[ReportBlock], now: float) -> None:
        for report in reports:
            slot = self._slots.get(report.ssrc)
            if slot is None:
                continue
            slot.reported(report)
            if report.last_sr:
                passed = ((ntp_time(now) >> 16) - report.last_sr - report.delay) & 0xFFFFFFFF
                if passed < _MAX_RTT_S << 16:
                    self._measured(passed / 65536, now)

    def measured(self, rtt: float, now: float) -> None:
        """A check of the path has come back after `rtt` seconds."""
        self._measured(rtt, now, check=True)

    def _measured(self, rtt: float, now: float, *, check: bool = False) -> None:
        self._queue.trips.add(rtt, now, check=check)
        for source in self._ingress.sources():
            source.track.rtt = self.rtt

    # --- to the far end -----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Called every 100 ms: reports once a second, a lower bandwidth at once."""
        self._queue.inbound(self._ingress.estimator.queue)  # which is no reason to send less
        self._divide(now)
        self._look(now)
        if now - self._reported >= REPORT_EVERY_S:
            self._reported = now
            self._report(now)
        elif self._upstream.lowered(now):
            self._send(b"".join(self._upstream.packets(now)))

    def release(self, now: float) -> bool:
        """Let pictures leave that waited. Called every 20 ms while it returns True: some wait, or there is a doubt."""
        pace = self.pace
        if pace is None:
            return False
        if not pace.holding and self._downstream.doubted:
            self._look(now)
            if self._queue.shows(self._far_end(), now):
                self._divide(now)  # not only in the next tick: a queue grows fast
        return pace.release(now) or self._downstream.doubted

    def _divide(self, now: float) -> None:
        """Share out what the path carries among the videos, and pace them while a queue stands."""
        downstream, pace = self._downstream, self.pace
        far_end = self._far_end()
        full = self._queue.stands(far_end, now)
        waiting = pace.waiting if pace is not None else 0.0
        downstream.share(
            self._slots.values(),
            now,
            sign=full or far_end.loses,
            full=full,
            trusted=self._trusted,
            waiting=waiting,
        )
        if pace is None:
            return
        if full and downstream.room:
            pace.hold(max(_LEAST_PACE_BPS, int(_HELD_RATIO * downstream.room)), self._slots.values(), now)
        elif pace.holding:
            if downstream.room and waiting > 0:
                pace.quicken(downstream.room, now)
            else:
                pace.let_go(now)

    def _far_end(self) -> FarEnd:
        downstream = self._downstream
        return FarEnd(downstream.doubted, downstream.halved, self._lossy(), self._ingress.heard)

    def _report(self, now: float) -> None:
        reports = [
            report
            for source in self._ingress.sources()
            if (report := source.report(now, _missed_by_listeners(source), after_repair=not self._trusted)) is not None
        ]
        self._upstream.observe(now, self.rtt)
        if not self._trusted:
            self._downstream.observe(self._slots.values(), now, self.rtt)
        parts = [build_receiver_report(self._ssrc, reports), self._cname]
        for slot in self._slots.values():
            sent = slot.sender_report(now)
            if sent is not None:
                parts.append(sent)
        parts += self._upstream.packets(now)
        self._send(b"".join(parts))

    def _look(self, now: float) -> None:
        """Where the far end wants less than it gets, see whether there is a queue; and how long one is that we see.

        And measure the round trip while something is asked for again: an overestimate makes NACKs too rare, and where
        much is lost, so are the reports that would tell it.
        """
        wanted = self._downstream.doubted or self._ingress.estimator.queue > STANDING_S or self._unsure(now)
        if self.check is not None and wanted and now - self._checked >= _CHECK_EVERY_S:
            self._checked = now
            self._queue.trips.asked(now)
            self.check(now)

    def _unsure(self, now: float) -> bool:
        if now - self._queue.trips.measured < _RTT_KNOWN_S:
            return False
        return any(source.track.missing for source in self._ingress.sources())

    def _lossy(self) -> bool:
        """Whether more is lost than the path always loses: then a browser's REMB counts.

        A browser on a busy machine takes its own hiccups for a full path, and then a sender that sends little for that
        reason is told it may send little. So its REMB counts only together with a sign that we see ourselves.
        """
        limit = MUCH_LOSS_SHARE + self._downstream.usual_loss
        return any(slot.reports.fraction_lost > limit for slot in self._slots.values() if slot.track is not None)


def _missed_by_listeners(source: ReceivedStream) -> float:
    """The highest share of this sound that a listener behind us loses: its encoder's FEC is for them as well."""
    slots = [subscriber for subscriber in source.track.subscribers if isinstance(subscriber, ForwardedTrack)]
    return max((slot.loss for slot in slots), default=0.0) if source.track.kind == "audio" else 0.0
