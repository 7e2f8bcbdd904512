"""One track that a leg sends: the flow behind it may change, the far end sees one steady stream. Sans-IO."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.tracks.audio_redundancy import SecondCopies
from link.rtc.tracks.capture_clock import ntp_time
from link.rtc.tracks.published_track import CLOCK_RATES_HZ, Packet, PublishedTrack
from link.rtc.wire.rtp import HEADER, ReportBlock, build_sender_report
from link.rtc.wire.vp8 import parse_descriptor, starts_keyframe, with_ids

_HEADER_WITH_TIME = struct.Struct("!BBHIIII")
_NO_SEQUENCE: Final = 1 << 62
"""Nothing belongs to the present source yet. chosen: above any extended sequence number."""
_MAX_RESENT_PACKETS: Final = 512
"""Packets whose last retransmission is remembered. chosen: about a second of `_RESENDS_PER_S`."""
_KEPT_MOVES: Final = 4
"""Moves of the timestamps that are remembered for late packets. chosen: more than fit into the seconds of a repair."""
_RESENDS_PER_S: Final = 600
"""Packets sent again at most. docs/media.md (Limits)."""
_REPORTED_PACKETS: Final = 150
"""The fraction lost is that of at least so many. chosen: about a second of video at 1.5 Mbit/s."""
_LONG_AGO_S: Final = 0.12
"""What comes so far behind the newest packet has been sent again, and is not only overtaken. chosen: above the
`nack.NACK_AFTER_MOST_S` that overtaken packets are waited for."""
_RESEND_QUIET_RATIO: Final = 0.5
"""The share of a round trip for which nothing is sent again twice. chosen: half, as round trips vary; libwebrtc takes a
whole one."""
_RESEND_QUIET_LEAST_S: Final = 0.01
"""And this at least. chosen: the two requests that a long path sends are 20 ms apart (`nack.NACK_TWICE_S`)."""
_SILENT_S: Final = 5.0
"""Without a packet for so long no sender report is sent. The minimum interval of RFC 3550 section 6.2."""


class ForwardedTrack:
    """One outgoing track of a leg, fed by at most one flow at a time.

    Sequence numbers, timestamps and VP8 picture ids go on without a jump when the flow changes; a video begins with a
    keyframe. Retransmissions come from the flow's history.
    """

    patient = False

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.rate = CLOCK_RATES_HZ[kind]
        self.ssrc = secrets.randbits(32)
        self.rtx_ssrc = secrets.randbits(32)
        self.flow: PublishedTrack | None = None
        self.packets = self.bytes = self.retransmitted = self.plis = 0
        self.nacks = 0  # packets that we had sent and that were asked for again
        self.bytes_again = 0  # of what was sent again
        self.lost = 0  # on the way from us, by the far end's reports, without repairs
        self.fraction_lost = 0.0
        self.available = 0  # bit/s, this slot's share of what the leg can carry; 0 while unknown
        self.narrow = False  # so little that nothing is sent twice on suspicion
        self.expected = self.received = 0  # packets, by the far end's reports since the first, without repairs
        self._send: Callable[[bytes, bytes], None] | None = None
        self._send_run: Callable[[list[tuple[bytes, bytes]]], None] | None = None
        self._straight: tuple[Callable[[bytes, bytes], None], Callable[[list[tuple[bytes, bytes]]], None] | None] | None
        self._straight = None
        self._payload_type = 0
        self._rtx_payload_type = -1
        self._time_extension = 0
        # Where the flow's numbers lie in ours. Nothing below `_first` belongs to the present flow.
        self._first = _NO_SEQUENCE
        self._after = -1  # the newest packet when the flow began to feed this slot
        self._shift = self._time_shift = self._picture_shift = self._tl0_shift = 0
        self._moves: list[tuple[int, int]] = []  # from which packets on timestamps moved, and where they were before
        # Below 32768, so that a lost first packet cannot hide a wrap from SRTP (RFC 3711 section 3.3.1).
        self._highest = secrets.randbelow(0x7F00) + 1
        self._timestamp = secrets.randbits(31)
        self._sent_at = float("-inf")
        self._last_payload = b""
        self._rtx_sequence = secrets.randbelow(0x7F00)
        self._long_ago = int(_LONG_AGO_S * self.rate)
        self._resent: dict[int, float] = {}
        self._resends_left = _RESENDS_PER_S
        self._resend_second = 0.0
        self._copies = SecondCopies(self._copy)
        self._counts_late = True
        self._holes = 0  # numbers that nothing was sent for, because it was missing on the way to us
        self._last_report: ReportBlock | None = None
        self._spanned = 0  # numbers that the far end has seen go by since its first report
        self._base = 0  # what had been lost before it
        self._expected_then = self._lost_then = 0  # when the fraction was told last

    # --- negotiation --------------------------------------------------------------------------------------------------

    def open(
        self,
        send: Callable[[bytes, bytes], None],
        payload_type: int,
        rtx_payload_type: int,
        time_extension: int,
        send_run: Callable[[list[tuple[bytes, bytes]]], None] | None = None,
        *,
        counts_late: bool = True,
    ) -> None:
        """The leg is connected: `send(header, payload)` takes packets, `send_run` several at once.

        -1 means no RTX, 0 no abs-send-time. `counts_late`: the far end reports a packet that comes late as received
        (RFC 3550 section 6.4.1), and not as repaired.
        """
        self._counts_late = counts_late
        self._send = send
        self._send_run = send_run
        self._straight = send, send_run
        self._payload_type = payload_type
        self._rtx_payload_type = rtx_payload_type
        self._time_extension = time_extension << 28 | 2 << 24 if time_extension else 0

    def shut(self) -> None:
        """The leg is gone; nothing is sent any more."""
        self._send = self._send_run = self._straight = None
        self.detach()

    def detour(self, send: Callable[[bytes, bytes], None] | None) -> None:
        """Give packets to `send` from now on, that hands them on when it likes; None ends that."""
        if self._straight is not None:
            self._send, self._send_run = (send, None) if send is not None else self._straight

    # --- feeding ------------------------------------------------------------------------------------------------------

    def attach(self, flow: PublishedTrack, now: float) -> None:
        """Feed this slot from `flow`, instead of whatever fed it."""
        self.detach()
        self.flow = flow
        self._after = flow.highest
        flow.add(self)
        flow.follow(self._moved)
        if self._send is not None:  # else one would come before it can be sent on, and the next only 300 ms later
            flow.request_keyframe(now, joiner=True)

    def detach(self) -> None:
        if self.flow is not None:
            self.flow.remove(self)
            self.flow.unfollow(self._moved)
            self.flow = None
            self._copies.stop()
        self._first = _NO_SEQUENCE

    def restarted(self, reason: str) -> None:  # noqa: ARG002 - whatever the reason, the next keyframe is a new beginning
        self._first = _NO_SEQUENCE

    def _moved(self, sequence: int, timestamp: int, ticks: int) -> None:
        """The publisher's source paused and its timestamps did not: ours go on with the time that has passed.

        They go on in any case.
        """
        if self._first <= sequence:
            self._moves = [*self._moves[1 - _KEPT_MOVES :], (sequence, self._time_shift)]
            self._time_shift = max(self._time_shift + ticks, self._timestamp + 1 - timestamp)

    def _time_shift_at(self, sequence: int) -> int:
        """What was added to the timestamp of this packet when it was sent first."""
        return next((shift for since, shift in self._moves if sequence < since), self._time_shift)

    def gave_up(self, sequence: int) -> None:
        """The far end sees the hole itself."""

    def tick(self, now: float) -> None:
        if self._first == _NO_SEQUENCE and self._send is not None and self.flow is not None and self.flow.active(now):
            self.flow.request_keyframe(now, joiner=True)

        if self.kind == "audio" and self._send is not None and self.flow is not None:
            self._copies.observe(self.flow, self.packets, self.nacks, self.fraction_lost, now, full=self.narrow)

    @property
    def loss(self) -> float:
        """The share of sound that the far end misses at first, 0 to 1, as far as it lets us know."""
        return self._copies.loss

    def limit(self) -> int:
        return self.available

    def packet(self, packet: Packet) -> None:
        send = self._send
        if send is None:
            return
        begins = False
        if packet.sequence < self._first:
            if self._first != _NO_SEQUENCE or not self._begin(packet):
                return
            begins = True
        sequence = packet.sequence + self._shift
        payload = packet.payload
        if sequence > self._highest:
            self._holes += sequence - self._highest - 1
            self._highest = sequence
            self._timestamp = packet.timestamp + self._time_shift
            self._sent_at = packet.arrival
            if payload:
                self._last_payload = payload
        elif self._counts_late:
            self._holes -= 1
        if self._picture_shift or self._tl0_shift:
            payload = self._renumber(payload)
        self.packets += 1
        self.bytes += len(payload)
        marked = self._payload_type | 0x80 if packet.marker else self._payload_type
        stamp = packet.timestamp + (self._time_shift_at(packet.sequence) if self._moves else self._time_shift)
        send(self._header(marked, sequence, stamp, self.ssrc, packet.arrival), payload)
        late = self._timestamp - stamp
        if late > self._long_ago and self._rtx_payload_type >= 0 and not self.narrow:
            # Pictures wait for it already: it must not be lost once more on the way.
            self._resend(packet, sequence, packet.arrival, send)
        if begins and self.flow is not None and self.flow.highest > packet.sequence:
            self._catch_up(packet, self.flow)

    def _catch_up(self, first: Packet, flow: PublishedTrack) -> None:
        """Send what came before the first packet although it belongs behind it."""
        for sequence in range(first.sequence + 1, min(flow.highest, first.sequence + _MAX_RESENT_PACKETS) + 1):
            packet = flow.packet(sequence)
            if packet is not None and packet.arrival < first.arrival:
                self.packet(packet)

    def packet_run(self, run: Sequence[Packet]) -> None:
        if self._send_run is None or run[0].sequence < self._first or self._picture_shift or self._tl0_shift:
            for packet in run:
                self.packet(packet)
            return
        last = run[-1]
        shift, time_shift, ssrc = self._shift, self._time_shift, self.ssrc
        plain, marked = self._payload_type, self._payload_type | 0x80
        extension = self._time_extension
        if extension:
            extension |= int(last.arrival * 262144.0) & 0xFFFFFF
        batch = []
        size = 0
        for packet in run:
            kind = marked if packet.marker else plain
            sequence = (packet.sequence + shift) & 0xFFFF
            stamp = (packet.timestamp + time_shift) & 0xFFFFFFFF
            if extension:
                header = _HEADER_WITH_TIME.pack(0x90, kind, sequence, stamp, ssrc, 0xBEDE0001, extension)
            else:
                header = HEADER.pack(0x80, kind, sequence, stamp, ssrc)
            payload = packet.payload
            size += len(payload)
            batch.append((header, payload))
        self._highest = last.sequence + shift
        self._timestamp = last.timestamp + time_shift
        self._sent_at = last.arrival
        if last.payload:
            self._last_payload = last.payload
        self.packets += len(run)
        self.bytes += size
        self._send_run(batch)

    def _header(self, marked: int, sequence: int, timestamp: int, ssrc: int, now: float) -> bytes:
        stamp = timestamp & 0xFFFFFFFF
        extension = self._time_extension
        if extension:
            sent = int(now * 262144.0) & 0xFFFFFF
            return _HEADER_WITH_TIME.pack(0x90, marked, sequence & 0xFFFF, stamp, ssrc, 0xBEDE0001, extension | sent)
        return HEADER.pack(0x80, marked, sequence & 0xFFFF, stamp, ssrc)

    def _begin(self, packet: Packet) -> bool:
        """Join the flow at this packet, if one can: numbers go on from what was sent last.

        Not at one that belongs to the time before, however late it comes: all that followed it would be sent as well,
        and was perhaps said on hold.
        """
        if packet.sequence <= self._after:
            return False
        if self.kind == "video" and not starts_keyframe(packet.payload):
            return False
        self._first = packet.sequence
        self._moves = []
        self._shift = self._highest + 1 - packet.sequence
        elapsed = packet.arrival - self._sent_at if self.packets else 0.0
        self._time_shift = self._timestamp + max(1, round(elapsed * self.rate)) - packet.timestamp
        self._resent.clear()
        if self.kind == "video" and self._last_payload:
            try:
                last, new = parse_descriptor(self._last_payload), parse_descriptor(packet.payload)
            except ValueError:
                return True
            if last.picture >= 0:
                self._picture_shift += last.picture + 1 - new.picture
            if last.tl0 >= 0:
                self._tl0_shift += last.tl0 + 1 - new.tl0
        return True

    def _renumber(self, payload: bytes) -> bytes:
        try:
            return with_ids(payload, parse_descriptor(payload), self._picture_shift, self._tl0_shift)
        except ValueError:
            return payload

    # --- what the far end asks ----------------------------------------------------------------------------------------

    def nack(self, sequences: Sequence[int], now: float, rtt: float) -> None:
        """Send again what the far end misses and we still have; not twice within one round trip.

        What is asked for once more has cost a round trip: then two copies go, unless the path is narrow.
        """
        flow, send = self.flow, self._send
        if flow is None or send is None:
            return
        if now - self._resend_second >= 1.0:
            self._resend_second = now
            self._resends_left = _RESENDS_PER_S
        quiet = max(_RESEND_QUIET_LEAST_S, _RESEND_QUIET_RATIO * rtt)
        for wanted in sequences:
            sequence = self._highest - ((self._highest - wanted) & 0xFFFF)
            original = sequence - self._shift
            packet = flow.packet(original) if original >= self._first else None
            if packet is None:
                continue
            self.nacks += 1
            last = self._resent.get(sequence)
            if last is not None and now - last < quiet:
                continue
            if self._resends_left <= 0:
                return
            again = last is not None and not self.narrow
            self._resends_left -= 2 if again else 1
            if len(self._resent) >= _MAX_RESENT_PACKETS:
                del self._resent[next(iter(self._resent))]
            self._resent[sequence] = now
            self._resend(packet, sequence, now, send)
            if again:
                self._resend(packet, sequence, now, send)

    def _copy(self, packet: Packet, now: float) -> None:
        if self._send is not None and packet.sequence >= self._first:
            self._resend(packet, packet.sequence + self._shift, now, self._send)

    def _resend(self, packet: Packet, sequence: int, now: float, send: Callable[[bytes, bytes], None]) -> None:
        payload = packet.payload
        if self._picture_shift or self._tl0_shift:
            payload = self._renumber(payload)
        marker = 0x80 if packet.marker else 0
        stamp = packet.timestamp + self._time_shift_at(packet.sequence)
        self.retransmitted += 1
        self.bytes_again += len(payload)
        if self._rtx_payload_type < 0:
            send(self._header(self._payload_type | marker, sequence, stamp, self.ssrc, now), payload)
            return
        self._rtx_sequence += 1
        header = self._header(self._rtx_payload_type | marker, self._rtx_sequence, stamp, self.rtx_ssrc, now)
        send(header, (sequence & 0xFFFF).to_bytes(2, "big") + payload)

    def keyframe_requested(self, now: float, rtt: float = 0.0, *, joiner: bool = False) -> None:
        """The far end wants a keyframe; a `joiner` is a relay of ours, that has counted its requests already.

        On a path whose queue is long, a request may have left before the last keyframe could be there. Who still needs
        one then asks again; another one now would only make the queue longer.
        """
        self.plis += 1
        if self.flow is not None and now - self.flow.keyframe_came >= 1.5 * rtt:
            self.flow.request_keyframe(now, joiner=joiner)

    def reported(self, report: ReportBlock) -> None:
        """The far end's report block about this track.

        A receiver reports every number that it misses. Those that were missing on the way to us, and never sent on, are
        no loss of this path: who took them for one would send less, or twice, over a path that is whole. A browser
        reports with everything it asks for, and then its own fraction is that of a few packets: so ours is that of at
        least `_REPORTED_PACKETS` packets.
        """
        last, self._last_report = self._last_report, report
        # A hole is known here before the far end can report it, and filled here before: sums that never fall again keep
        # that from looking like a loss.
        lost = report.lost - self._holes
        self.lost = max(self.lost, lost)
        if last is None:
            self._base = self._lost_then = self.lost
            self._spanned = self._holes
            self.fraction_lost = max(0.0, report.fraction_lost / 256 - self._holes / max(1, self.packets))
            return
        more = (report.highest - last.highest) & 0xFFFFFFFF
        if more < 0x80000000:
            self._spanned += more
        self.expected = max(self.expected, self._spanned - self._holes)
        self.received = max(self.received, self.expected - (self.lost - self._base))
        expected = self.expected - self._expected_then
        if expected >= _REPORTED_PACKETS:
            self.fraction_lost = min(1.0, (self.lost - self._lost_then) / expected)
            self._expected_then, self._lost_then = self.expected, self.lost

    def sender_report(self, now: float) -> bytes | None:
        """An SR (RFC 3550 section 6.4.1) with the present flow's capture time on our clock; None while silent."""
        flow = self.flow
        if flow is None or self._first == _NO_SEQUENCE or now - self._sent_at > _SILENT_S:
            return None
        timestamp = flow.clock.timestamp(now, now) + self._time_shift
        return build_sender_report(self.ssrc, ntp_time(now), timestamp & 0xFFFFFFFF, self.packets, self.bytes)
