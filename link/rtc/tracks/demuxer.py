"""Datagrams of one leg into its tracks: unprotect, find out whose they are, unwrap retransmissions. Sans-IO."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from link.rtc.congestion.delay_based import DelayBasedEstimator
from link.rtc.tracks.published_track import Arrival, PublishedTrack
from link.rtc.tracks.stray_ssrcs import MAX_STREAMS, RETURNS_S, StraySsrcs
from link.rtc.transport.srtp import Replayed, SrtpBuffer, SrtpError
from link.rtc.transport.udp_batch import Inbox
from link.rtc.wire.rtp import (
    HEADER,
    HEADER_BYTES,
    ReportBlock,
    Rtcp,
    Rtp,
    find_extension,
    is_rtcp,
    parse_rtcp,
    parse_rtp,
)
from link.rtc.wire.sdp import Media

__all__ = ["MAX_EARLY_PACKETS", "MAX_STREAMS", "Demuxer", "ReceivedStream"]

MAX_EARLY_PACKETS: Final = 64
"""Packets kept that arrive before our side of the DTLS handshake is done. docs/media.md (Limits)."""
MAX_RTX_STREAMS: Final = 2
"""Retransmission streams of one m-line. chosen: the present one, and the one before it."""


class ReceivedStream:
    """One received m-line: its track and the SSRCs that feed it."""

    def __init__(self, media: Media, track: PublishedTrack) -> None:
        self.track = track
        self.mid = media.mid.encode()
        self.payload_type = media.payload_type
        self.rtx_payload_type = media.rtx_payload_type
        self.mid_extension = media.mid_extension
        self.time_extension = media.time_extension
        self.time_mark = media.time_extension << 4 | 2  # the element's first byte (RFC 8285 section 4.2)
        self.ssrc = -1
        self.last_sr = 0
        self.last_sr_at = 0.0
        self._expected_before = self._received_before = 0
        self._first = -1
        self._repaired_before = 0

    def counts(self) -> tuple[int, int]:
        """Packets of the present stream: how many there have been, and how many came at first."""
        track = self.track
        if track.highest < 0:
            return 0, 0
        return track.highest - track.first + 1, track.packets - track.repaired - track.before

    def report(self, now: float, missed_later: float = 0.0, *, after_repair: bool = False) -> ReportBlock | None:
        """The report block about this source since the last one (RFC 3550 appendix A.3).

        In the fraction a packet that was sent again counts as lost, so that the encoder knows what the path does.
        `missed_later` is the share that is lost behind us; it enters the fraction, and not the number of packets. That
        number is of what was given up with `after_repair`, else of what did not come at first. A browser takes each
        step of the number for what was lost since the last report: what is being asked for still would make it halve
        its rate in one second and be no loss in the next.
        """
        track = self.track
        if self.ssrc < 0 or track.highest < 0:
            return None
        expected, received = self.counts()
        if track.first > self._first + 0xFFFF:
            self._repaired_before = track.repaired if self._first >= 0 else 0  # the stream began anew
        self._first = track.first
        gone = max(0, (expected - self._expected_before) - (received - self._received_before))
        interval = expected - self._expected_before
        if interval < 0:  # the stream began anew
            interval = gone = 0
        self._expected_before, self._received_before = expected, received
        again = track.repaired - self._repaired_before + track.missing if after_repair else 0
        fraction = gone / interval if interval else 0.0
        fraction = 1.0 - (1.0 - min(1.0, fraction)) * (1.0 - missed_later)
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, int(fraction * 256)),
            lost=min(0x7FFFFF, max(0, expected - received - again)),
            highest=track.highest & 0xFFFFFFFF,
            jitter=int(track.jitter),
            last_sr=self.last_sr,
            delay=int((now - self.last_sr_at) * 65536) & 0xFFFFFFFF if self.last_sr else 0,
        )


class Demuxer:
    """Everything a leg receives. Nothing that arrives makes it raise; what it cannot use is counted.

    `repeated`: packets that had come before, like second copies of sound that were not needed. `refused`: all else.
    """

    def __init__(self, on_rtcp: Callable[[list[Rtcp], float], None], *, estimating: bool = True) -> None:
        """Without `estimating` the path is taken to carry whatever comes."""
        self._on_rtcp = on_rtcp
        self._estimating = estimating
        self._rx: SrtpBuffer | None = None
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_PACKETS)
        self._sources: list[ReceivedStream] = []
        self._media: dict[int, ReceivedStream] = {}
        self._rtx: dict[int, ReceivedStream] = {}
        self._strays = StraySsrcs()
        self._closed = False
        self.estimator = DelayBasedEstimator()
        self.heard = 0.0
        self.packets = self.bytes = self.refused = self.repeated = 0

    def add(self, media: Media, track: PublishedTrack) -> None:
        """`media` is the far end's m-line that feeds `track`."""
        source = ReceivedStream(media, track)
        if not self._estimating:
            source.time_extension = source.time_mark = 0
        self._sources.append(source)
        track.rtx = media.rtx_payload_type >= 0
        rtx = set(media.rtx_of.values())
        for ssrc in media.ssrcs:
            if ssrc not in rtx and source.ssrc < 0:
                source.ssrc = ssrc
                self._media[ssrc] = source
                if ssrc in media.rtx_of:
                    self._rtx[media.rtx_of[ssrc]] = source

    def sources(self) -> Iterable[ReceivedStream]:
        return self._sources

    def counts(self) -> tuple[int, int]:
        """Packets that there have been in all present streams, and how many of them came at first."""
        every = [source.counts() for source in self._sources]
        return sum(expected for expected, _ in every), sum(received for _, received in every)

    def by_ssrc(self, ssrc: int) -> ReceivedStream | None:
        return self._media.get(ssrc)

    def open(self, rx: SrtpBuffer) -> None:
        """The keys are there: take what came early, and everything from now on."""
        self._rx = rx
        self._strays.forget = rx.forget
        early = list(self._early)
        self._early.clear()
        for data in early:
            self.datagram(data, self.heard)

    def close(self) -> None:
        self._rx = None
        self._closed = True
        self._early.clear()

    def burst(self, inbox: Inbox, count: int, now: float) -> list[int]:
        """Take what arrived together at `now`, worked on where it lies; which of it is no media (RFC 7983)."""
        others: list[int] = []
        run: list[Arrival] = []
        behind: ReceivedStream | None = None
        stamp, size_of_run = -1, 0
        views, pointers, media, rx = inbox.views, inbox.pointers, self._media, self._rx
        for index in range(count):
            view = views[index]
            size = inbox.length(index)
            first = view[0] if size else 0
            if not 127 < first < 192:
                others.append(index)
                continue
            # The common case in line: an announced stream, its payload type, no padding, no CSRC.
            source = None
            if rx is not None and size >= HEADER_BYTES and first & 0xEF == 0x80:
                _, second, sequence, timestamp, ssrc = HEADER.unpack_from(view)
                source = media.get(ssrc)
            if source is None or second & 0x7F != source.payload_type or 191 < second < 224 or rx is None:
                self._hand_on(behind, run, stamp, size_of_run, now)
                run, stamp, size_of_run = [], -1, 0
                self.datagram(bytes(view[:size]), now)
                rx = self._rx
                continue
            length = rx.unprotect_at(pointers[index], size)
            start = HEADER_BYTES
            if first & 0x10:
                start += 4 + 4 * (view[14] << 8 | view[15])
            if start > length:
                if length or not rx.replayed:
                    self.refused += 1
                else:
                    self.repeated += 1
                continue
            if source is not behind:
                self._hand_on(behind, run, stamp, size_of_run, now)
                run, stamp, size_of_run, behind = [], -1, 0, source
            if start > HEADER_BYTES + 4 and source.time_extension:
                if view[16] == source.time_mark and view[12] == 0xBE and view[13] == 0xDE:
                    stamp = view[17] << 16 | view[18] << 8 | view[19]
                else:
                    sent = find_extension(view, HEADER_BYTES, start, source.time_extension)
                    stamp = int.from_bytes(sent, "big") if sent is not None and len(sent) == 3 else stamp
            size_of_run += size
            run.append((sequence, timestamp, second > 127, bytes(view[start:length])))
        self._hand_on(behind, run, stamp, size_of_run, now)
        return others

    def _hand_on(self, source: ReceivedStream | None, run: list[Arrival], stamp: int, size: int, now: float) -> None:
        if source is None or not run:
            return
        self.heard = now
        self.packets += len(run)
        self.bytes += size
        if stamp >= 0:
            self.estimator.add(stamp, now, size)
        source.track.receive_run(run, now)

    def datagram(self, data: bytes, now: float) -> None:
        """An SRTP or SRTCP datagram that arrived at `now`."""
        rx = self._rx
        if rx is None:
            if not self._closed:
                self.heard = now
                self._early.append(data)
            return
        try:
            if len(data) < 12:
                raise ValueError("too short")
            if is_rtcp(data):
                items = parse_rtcp(rx.unprotect_rtcp(data))
                self.heard = now
                self._on_rtcp(items, now)
                return
            ssrc = int.from_bytes(data[8:12], "big")
            source = self._media.get(ssrc)
            if source is None:
                self._other(rx, data, ssrc, now)
                return
            packet = parse_rtp(rx.data, rx.unprotect(data))
        except Replayed:
            self.repeated += 1
            return
        except (SrtpError, ValueError):
            self.refused += 1
            return
        self.heard = now
        self.packets += 1
        self.bytes += len(data)
        if packet.payload_type != source.payload_type:
            self.refused += 1
            return
        if source.time_extension and packet.extension:
            self._estimate(rx, packet, source, now, len(data))
        source.track.receive(packet.sequence, packet.timestamp, packet.marker, packet.payload, now)

    def _estimate(self, rx: SrtpBuffer, packet: Rtp, source: ReceivedStream, now: float, size: int) -> None:
        sent = find_extension(rx.data, packet.extension, packet.extension_end, source.time_extension)
        if sent is not None and len(sent) == 3:
            self.estimator.add(int.from_bytes(sent, "big"), now, size)

    def _other(self, rx: SrtpBuffer, data: bytes, ssrc: int, now: float) -> None:
        """A retransmission, or a stream that the description did not announce."""
        source, strays = self._rtx.get(ssrc), self._strays
        if source is None and not strays.admits(ssrc, now):
            raise ValueError("too many streams")
        packet = parse_rtp(rx.data, rx.unprotect(data))
        self.heard = now
        self.packets += 1
        self.bytes += len(data)
        if source is None:
            replaced = strays.met(ssrc)  # only what is authentic: libsrtp keeps nothing of a forgery
            source = self._bind(rx, packet, now, replaced=replaced)
            if source is None:
                strays.keep(ssrc, replaced=replaced)
                return
            strays.take(ssrc)
        if source.time_extension and packet.extension:
            self._estimate(rx, packet, source, now, len(data))
        payload = packet.payload
        if packet.payload_type == source.rtx_payload_type:
            if len(payload) > 2:  # else it is padding that probes the path
                original = payload[0] << 8 | payload[1]
                source.track.receive(original, packet.timestamp, packet.marker, payload[2:], now, repaired=True)
        elif packet.payload_type == source.payload_type and ssrc == source.ssrc:
            source.track.receive(packet.sequence, packet.timestamp, packet.marker, payload, now)

    def _bind(self, rx: SrtpBuffer, packet: Rtp, now: float, *, replaced: bool) -> ReceivedStream | None:
        """Whose stream this is: by its MID (RFC 8843 section 9.2), else by a payload type that only one m-line has.

        A packet of a stream that was `replaced` is late, and changes nothing, as long as the present one goes on.
        """
        found = None
        for source in self._sources:
            if packet.extension and source.mid_extension:
                mid = find_extension(rx.data, packet.extension, packet.extension_end, source.mid_extension)
                if mid == source.mid:
                    found = source
                    break
        else:
            types = [s for s in self._sources if packet.payload_type in (s.payload_type, s.rtx_payload_type)]
            if len(types) == 1:
                found = types[0]
        if found is None:
            return None
        if replaced and now - found.track.last_arrival < RETURNS_S:
            return None
        if packet.payload_type == found.rtx_payload_type:
            others = [ssrc for ssrc, source in self._rtx.items() if source is found]
            if len(others) >= MAX_RTX_STREAMS:
                del self._rtx[others[0]]
                self._strays.keep(others[0], replaced=True)
            self._rtx[packet.ssrc] = found
        elif packet.payload_type == found.payload_type:
            if found.ssrc >= 0:
                self._media.pop(found.ssrc, None)
                self._strays.keep(found.ssrc, replaced=True)
            found.ssrc = packet.ssrc
            found.last_sr = 0
            self._media[packet.ssrc] = found
            found.track.restart()
        else:
            return None
        return found
