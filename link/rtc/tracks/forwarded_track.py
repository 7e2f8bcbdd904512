"""One track that a leg sends: the published track behind it may change, the far end sees one steady stream. Sans-IO."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.tracks.audio_redundancy import SecondCopies
from link.rtc.tracks.capture_clock import ntp_time
from link.rtc.tracks.published_track import CLOCK_RATES_HZ, Packet, PublishedTrack
from link.rtc.tracks.receiver_reports import ReceiverReports
from link.rtc.tracks.retransmissions import Retransmissions
from link.rtc.wire.rtp import HEADER, ReportBlock, build_sender_report
from link.rtc.wire.vp8 import parse_descriptor, starts_keyframe, with_ids

_HEADER_WITH_TIME = struct.Struct("!BBHIIII")
_NO_SEQUENCE: Final = 1 << 62
"""Nothing belongs to the present source yet. chosen: above any extended sequence number."""
_MAX_CAUGHT_UP_PACKETS: Final = 512
"""Packets that overtook the first one of a source and are sent after it. chosen: half of what a history holds."""
_KEPT_MOVES: Final = 4
"""Moves of the timestamps that are remembered for late packets. chosen: more than fit into the seconds of a repair."""
_LONG_AGO_S: Final = 0.12
"""What comes so far behind the newest packet has been sent again, and is not only overtaken. chosen: above the
`nack.NACK_AFTER_MOST_S` that overtaken packets are waited for."""
_KEYFRAME_QUIET_TRIPS: Final = 1.5
"""For so many round trips after a keyframe that had been asked for, no further request counts. docs/media.md
(Limits)."""
_SILENT_S: Final = 5.0
"""Without a packet for so long no sender report is sent. The minimum interval of RFC 3550 section 6.2."""


class Splice:
    """Where the numbers of the present source lie in those that we send, so that ours go on without a jump.

    `ForwardedTrack` reads it for every packet.
    """

    __slots__ = (
        "_kind", "_rate", "after", "first", "highest", "last_payload", "moves", "picture_shift", "sent_at", "shift",
        "time_shift", "timestamp", "tl0_shift",
    )  # fmt: skip

    def __init__(self, kind: str, rate: int) -> None:
        self._kind = kind
        self._rate = rate
        self.first = _NO_SEQUENCE  # nothing below belongs to the present source
        self.after = -1  # the newest packet when the source began to feed this track
        self.shift = self.time_shift = self.picture_shift = self.tl0_shift = 0
        self.moves: list[tuple[int, int]] = []  # from which packets on timestamps moved, and where they were before
        # Below 32768, so that a lost first packet cannot hide a wrap from SRTP (RFC 3711 section 3.3.1).
        self.highest = secrets.randbelow(0x7F00) + 1
        self.timestamp = secrets.randbits(31)
        self.sent_at = float("-inf")
        self.last_payload = b""

    @property
    def renumbers(self) -> bool:
        """Whether VP8's ids differ from those of the source."""
        return self.picture_shift != 0 or self.tl0_shift != 0

    def leave(self) -> None:
        """What comes next does not continue what came before."""
        self.first = _NO_SEQUENCE

    def begin(self, packet: Packet) -> bool:
        """Join the source at this packet, if one can: numbers go on from what was sent last.

        Not at one that belongs to the time before, however late it comes: all that followed it would be sent as well,
        and was perhaps said on hold.
        """
        if packet.sequence <= self.after:
            return False
        if self._kind == "video" and not starts_keyframe(packet.payload):
            return False
        self.first = packet.sequence
        self.moves = []
        self.shift = self.highest + 1 - packet.sequence
        elapsed = max(0.0, packet.arrival - self.sent_at) if self.sent_at > float("-inf") else 0.0
        self.time_shift = self.timestamp + max(1, round(elapsed * self._rate)) - packet.timestamp
        if self._kind == "video" and self.last_payload:
            try:
                last, new = parse_descriptor(self.last_payload), parse_descriptor(packet.payload)
            except ValueError:
                return True
            if last.picture >= 0:
                self.picture_shift += last.picture + 1 - new.picture
            if last.tl0 >= 0:
                self.tl0_shift += last.tl0 + 1 - new.tl0
        return True

    def move(self, sequence: int, timestamp: int, ticks: int) -> None:
        """From this packet on timestamps of the source mean `ticks` more; ours go on in any case."""
        if self.first <= sequence:
            self.moves = [*self.moves[1 - _KEPT_MOVES :], (sequence, self.time_shift)]
            self.time_shift = max(self.time_shift + ticks, self.timestamp + 1 - timestamp)

    def time_shift_at(self, sequence: int) -> int:
        """What was added to the timestamp of this packet of the source when it was sent first."""
        return next((shift for since, shift in self.moves if sequence < since), self.time_shift)

    def renumber(self, payload: bytes) -> bytes:
        """The payload with ids that go on."""
        try:
            return with_ids(payload, parse_descriptor(payload), self.picture_shift, self.tl0_shift)
        except ValueError:
            return payload


class ForwardedTrack:
    """One outgoing track of a leg, fed by at most one published track at a time.

    Sequence numbers, timestamps and VP8 picture ids go on without a jump when the track changes; a video begins with a
    keyframe. Retransmissions come from the track's history.
    """

    patient = False

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.rate = CLOCK_RATES_HZ[kind]
        self.ssrc = secrets.randbits(32)
        self.track: PublishedTrack | None = None
        self.packets = self.bytes = self.plis = 0
        self.rtx = Retransmissions()
        self.reports = ReceiverReports()
        self.available = 0  # bit/s, this slot's share of what the leg can carry; 0 while unknown
        self.narrow = False  # so little that nothing is sent twice on suspicion
        self._send: Callable[[bytes, bytes], None] | None = None
        self._send_run: Callable[[list[tuple[bytes, bytes]]], None] | None = None
        self._straight: tuple[Callable[[bytes, bytes], None], Callable[[list[tuple[bytes, bytes]]], None] | None] | None
        self._straight = None
        self._payload_type = 0
        self._time_extension = 0
        self._counts_late = True
        self._long_ago = int(_LONG_AGO_S * self.rate)
        self._splice = Splice(kind, self.rate)
        self._copies = SecondCopies(self._copy)

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
        self.rtx.payload_type = rtx_payload_type
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

    def attach(self, track: PublishedTrack, now: float) -> None:
        """Feed this slot from `track`, instead of whatever fed it."""
        self.detach()
        self.track = track
        self._splice.after = track.highest
        track.add(self)
        track.follow(self._moved)
        if self._send is not None:  # else one would come before it can be sent on, and the next only 300 ms later
            track.request_keyframe(now, joiner=True)

    def detach(self) -> None:
        if self.track is not None:
            self.track.remove(self)
            self.track.unfollow(self._moved)
            self.track = None
            self._copies.stop()
        self._splice.leave()

    def restarted(self, reason: str) -> None:  # noqa: ARG002 - whatever the reason, the next keyframe is a new beginning
        self._splice.leave()

    def _moved(self, sequence: int, timestamp: int, ticks: int) -> None:
        """The publisher's source paused and its timestamps did not: ours go on with the time that has passed."""
        self._splice.move(sequence, timestamp, ticks)

    def gave_up(self, sequence: int) -> None:
        """The far end sees the hole itself."""

    def tick(self, now: float) -> None:
        track = self.track
        if self._send is None or track is None:
            return
        if self._splice.first == _NO_SEQUENCE and track.active(now):
            track.request_keyframe(now, joiner=True)
        if self.kind == "audio":
            self._copies.observe(track, self.packets, self.rtx.nacks, self.reports.fraction_lost, now, full=self.narrow)

    @property
    def loss(self) -> float:
        """The share of sound that the far end misses at first, 0 to 1, as far as it lets us know."""
        return self._copies.loss

    def stamp(self, timestamp: int) -> int | None:
        """The RTP timestamp with which a packet of the present track leaves; None while nothing of it is sent."""
        splice = self._splice
        return (timestamp + splice.time_shift) & 0xFFFFFFFF if splice.first != _NO_SEQUENCE else None

    def limit(self) -> int:
        return self.available

    def packet(self, packet: Packet) -> None:
        send = self._send
        if send is None:
            return
        splice = self._splice
        begins = False
        if packet.sequence < splice.first:
            if splice.first != _NO_SEQUENCE or not splice.begin(packet):
                return
            self.rtx.forget()
            begins = True
        sequence = packet.sequence + splice.shift
        payload = packet.payload
        missed = sequence - splice.highest - 1
        if missed >= 0:
            if missed:
                self.reports.holes += missed
            splice.highest = sequence
            splice.timestamp = packet.timestamp + splice.time_shift
            splice.sent_at = packet.arrival
            if payload:
                splice.last_payload = payload
        elif self._counts_late:
            self.reports.holes -= 1
        if splice.picture_shift or splice.tl0_shift:
            payload = splice.renumber(payload)
        self.packets += 1
        self.bytes += len(payload)
        marked = self._payload_type | 0x80 if packet.marker else self._payload_type
        stamp = packet.timestamp + (splice.time_shift_at(packet.sequence) if splice.moves else splice.time_shift)
        send(self._header(marked, sequence, stamp, self.ssrc, packet.arrival), payload)
        late = splice.timestamp - stamp
        if late > self._long_ago and self.rtx.payload_type >= 0 and not self.narrow:
            # Pictures wait for it already: it must not be lost once more on the way.
            self._resend(packet, sequence, packet.arrival, send)
        if begins and self.track is not None and self.track.highest > packet.sequence:
            self._catch_up(packet, self.track)

    def _catch_up(self, first: Packet, track: PublishedTrack) -> None:
        """Send what came before the first packet although it belongs behind it."""
        for sequence in range(first.sequence + 1, min(track.highest, first.sequence + _MAX_CAUGHT_UP_PACKETS) + 1):
            packet = track.packet(sequence)
            if packet is not None and packet.arrival < first.arrival:
                self.packet(packet)

    def packet_run(self, run: Sequence[Packet]) -> None:
        splice = self._splice
        if self._send_run is None or run[0].sequence < splice.first or splice.picture_shift or splice.tl0_shift:
            for packet in run:
                self.packet(packet)
            return
        last = run[-1]
        shift, time_shift, ssrc = splice.shift, splice.time_shift, self.ssrc
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
        splice.highest = last.sequence + shift
        splice.timestamp = last.timestamp + time_shift
        splice.sent_at = last.arrival
        if last.payload:
            splice.last_payload = last.payload
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

    # --- what the far end asks ----------------------------------------------------------------------------------------

    def nack(self, sequences: Sequence[int], now: float, rtt: float) -> None:
        """Send again what the far end misses and we still have, as `Retransmissions` allows."""
        track, send = self.track, self._send
        if track is None or send is None:
            return
        splice, rtx = self._splice, self.rtx
        rtx.renew(now)
        for wanted in sequences:
            sequence = splice.highest - ((splice.highest - wanted) & 0xFFFF)
            original = sequence - splice.shift
            packet = track.packet(original) if original >= splice.first else None
            if packet is None:
                continue
            copies = rtx.copies(sequence, now, rtt, narrow=self.narrow)
            if copies < 0:
                return
            for _ in range(copies):
                self._resend(packet, sequence, now, send)

    def _copy(self, packet: Packet, now: float) -> None:
        if self._send is not None and packet.sequence >= self._splice.first:
            self._resend(packet, packet.sequence + self._splice.shift, now, self._send)

    def _resend(self, packet: Packet, sequence: int, now: float, send: Callable[[bytes, bytes], None]) -> None:
        splice, rtx = self._splice, self.rtx
        payload = splice.renumber(packet.payload) if splice.renumbers else packet.payload
        marker = 0x80 if packet.marker else 0
        stamp = packet.timestamp + splice.time_shift_at(packet.sequence)
        rtx.packets += 1
        rtx.bytes += len(payload)
        if rtx.payload_type < 0:
            send(self._header(self._payload_type | marker, sequence, stamp, self.ssrc, now), payload)
            return
        header = self._header(rtx.payload_type | marker, rtx.next_sequence(), stamp, rtx.ssrc, now)
        send(header, (sequence & 0xFFFF).to_bytes(2, "big") + payload)

    def keyframe_requested(self, now: float, rtt: float = 0.0, *, joiner: bool = False) -> None:
        """The far end wants a keyframe; a `joiner` is a relay of ours, that has counted its requests already.

        On a path with a long queue, a request may have left before the last keyframe could arrive. A far end that
        still needs one asks again; another one now would only make the queue longer.
        """
        self.plis += 1
        if self.track is not None and now - self.track.keyframe_came >= _KEYFRAME_QUIET_TRIPS * rtt:
            self.track.request_keyframe(now, joiner=joiner)

    def reported(self, report: ReportBlock) -> None:
        """The far end's report block about this track."""
        self.reports.take(report, self.packets)

    def sender_report(self, now: float) -> bytes | None:
        """An SR (RFC 3550 section 6.4.1) with the present track's capture time on our clock; None while silent."""
        track = self.track
        if track is None or self._splice.first == _NO_SEQUENCE or now - self._splice.sent_at > _SILENT_S:
            return None
        timestamp = track.clock.timestamp(now, now) + self._splice.time_shift
        return build_sender_report(self.ssrc, ntp_time(now), timestamp & 0xFFFFFFFF, self.packets, self.bytes)
