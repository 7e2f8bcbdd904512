"""The RTCP of one leg: reports, round-trip time, bandwidth, and what each side asks of the other. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from link.media.clock import MinimumFilter, PeerClock, ntp_time
from link.media.ingress import Ingress, Source
from link.media.rtp import (
    KeyframeRequest,
    Nack,
    ReceiverReport,
    Remb,
    Report,
    Rtcp,
    SenderReport,
    build_cname,
    build_nack,
    build_pli,
    build_receiver_report,
    build_remb,
)
from link.media.slot import Slot

REPORT_EVERY = 1.0
REMB_LIFE = 10.0
LIMITED_FOR = 30.0
MUCH_LOSS = 0.1
MUCH_DELAY = 0.15  # 0.1 is common on a leg whose ends share two busy cores
MIN_REMB = 150_000
_RTT_WEIGHT = 0.25


class Control:
    """Speaks RTCP for the slots and the sources of one leg. `send` takes one plain compound packet."""

    def __init__(self, ssrc: int, cname: str, ingress: Ingress, send: Callable[[bytes], None]) -> None:
        self._ssrc = ssrc
        self._cname = build_cname(ssrc, cname)
        self._ingress = ingress
        self._send = send
        self._slots: dict[int, Slot] = {}
        self._peer = PeerClock()
        self.rtt = 0.0
        self._fastest = MinimumFilter()
        self.available = self.limit = 0
        self._trusted = False
        self._limited_until = float("-inf")
        self._available_at = float("-inf")
        self._told = 0
        self._reported = float("-inf")
        self._told_at = float("-inf")

    def open(self, slots: Sequence[Slot], *, trusted: bool) -> None:
        """The leg is connected and sends these slots. `trusted`: the far end's REMB is of our own making."""
        self._trusted = trusted
        self._slots = {slot.ssrc: slot for slot in slots}
        for source in self._ingress.sources():
            source.flow.on_nack = self._nacker(source)
            source.flow.on_keyframe = self._keyframe_asker(source)

    def _nacker(self, source: Source) -> Callable[[list[int]], None]:
        return lambda sequences: self._send(build_nack(self._ssrc, source.ssrc, sequences))

    def _keyframe_asker(self, source: Source) -> Callable[[], None]:
        def ask() -> None:
            if source.ssrc >= 0:
                self._send(build_pli(self._ssrc, source.ssrc))

        return ask

    # --- from the far end ---------------------------------------------------------------------------------------------

    def handle(self, items: Sequence[Rtcp], now: float) -> None:
        for item in items:
            match item:
                case Nack(media, sequences):
                    if slot := self._slots.get(media):
                        slot.nack(sequences, now, self.rtt)
                case KeyframeRequest(media):
                    if slot := self._slots.get(media):
                        slot.keyframe_requested(now, joiner=self._trusted)
                case ReceiverReport(_, reports):
                    self._take_reports(reports, now)
                case SenderReport():
                    self._take_sender_report(item, now)
                case Remb(bitrate, _):
                    self.available = bitrate
                    self._available_at = now
                case _:
                    pass

    def _take_sender_report(self, item: SenderReport, now: float) -> None:
        self._take_reports(item.reports, now)
        source = self._ingress.by_ssrc(item.ssrc)
        if source is None:
            return
        source.last_sr = item.ntp >> 16 & 0xFFFFFFFF
        source.last_sr_at = now
        if source.flow.highest >= 0:
            self._peer.observe(item.ntp / 4294967296.0, now)
            source.flow.clock.report(source.flow.unwrap(item.rtp), item.ntp, self._peer)

    def _take_reports(self, reports: Sequence[Report], now: float) -> None:
        for report in reports:
            slot = self._slots.get(report.ssrc)
            if slot is None:
                continue
            slot.reported(report)
            if report.last_sr:
                passed = ((ntp_time(now) >> 16) - report.last_sr - report.delay) & 0xFFFFFFFF
                if passed < 10 << 16:
                    self.measured(passed / 65536, now)

    def measured(self, rtt: float, now: float) -> None:
        """A round-trip time was measured."""
        rtt = max(0.001, rtt)
        self._fastest.add(rtt, now)
        self.rtt = rtt if not self.rtt else self.rtt + _RTT_WEIGHT * (rtt - self.rtt)
        for source in self._ingress.sources():
            source.flow.rtt = self.rtt

    # --- to the far end -----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Called every 100 ms: reports once a second, a lower bandwidth at once."""
        self._share(now)
        limit = self._limit(now)
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report(limit, now)
        elif limit and limit < 0.97 * self._told:
            self._send(self._remb(limit, now))

    def _report(self, limit: int, now: float) -> None:
        reports = [
            report
            for source in self._ingress.sources()
            if (report := source.report(now, _missed_by_listeners(source))) is not None
        ]
        parts = [build_receiver_report(self._ssrc, reports), self._cname]
        for slot in self._slots.values():
            sent = slot.sender_report(now)
            if sent is not None:
                parts.append(sent)
        if limit:
            parts.append(self._remb(limit, now))
        self._send(b"".join(parts))

    def _remb(self, limit: int, now: float) -> bytes:
        self._told = limit
        self._told_at = now
        media = [s.ssrc for s in self._ingress.sources() if s.flow.kind == "video" and s.ssrc >= 0]
        return build_remb(self._ssrc, limit, media)

    def _limit(self, now: float) -> int:
        """What the far end may send: our estimate of the path, and what those who watch can take. 0: say nothing."""
        active = [
            source.flow for source in self._ingress.sources() if source.flow.kind == "video" and source.flow.active(now)
        ]
        if not active:
            return 0
        limits = [flow.limit() for flow in active]
        watched = sum(limits) if all(limits) else 0
        estimate = self._ingress.estimator.estimate
        return max(MIN_REMB, min(estimate, watched) if watched else estimate)

    def _share(self, now: float) -> None:
        """Divide what the far end can take among the videos we send it."""
        if now - self._available_at > REMB_LIFE:
            self.available = 0
        self.limit = limit = self.available if self._trusted or self._congested(now) else 0
        videos = [s for s in self._slots.values() if s.kind == "video" and s.flow is not None and s.flow.active(now)]
        for slot in videos:
            slot.available = limit // len(videos)

    def _congested(self, now: float) -> bool:
        """Whether loss or delay bear out what a browser says with REMB.

        A browser on a busy machine takes its own hiccups for a full path, and then a sender that sends little for that
        reason is told it may send little. So its word counts only together with a sign that we see ourselves.
        """
        lossy = any(slot.fraction_lost > MUCH_LOSS for slot in self._slots.values() if slot.flow is not None)
        if lossy or self.rtt > 1.5 * self._fastest.value + MUCH_DELAY:
            self._limited_until = now + LIMITED_FOR
        return now < self._limited_until


def _missed_by_listeners(source: Source) -> float:
    """The share of this sound that those lose who hear it through us: its encoder's FEC is for them as well."""
    slots = [subscriber for subscriber in source.flow.subscribers if isinstance(subscriber, Slot)]
    return max((slot.loss for slot in slots), default=0.0) if source.flow.kind == "audio" else 0.0
