"""RTP and RTCP on the wire: parse and build. Sans-IO, no state.

RFC 3550 (RTP, RTCP), RFC 4585 and 5104 (NACK, PLI, FIR), RFC 4588 (RTX), RFC 8285 (header extensions), and the REMB
message of draft-alvestrand-rmcat-remb. A parser raises `ValueError` for malformed input and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

HEADER = struct.Struct("!BBHII")
HEADER_BYTES: Final = 12
"""The fixed header. RFC 3550 section 5.1."""
SR_TYPE: Final = 200
"""Sender report. RFC 3550 section 12.1."""
RR_TYPE: Final = 201
"""Receiver report. RFC 3550 section 12.1."""
SDES_TYPE: Final = 202
"""Source description. RFC 3550 section 12.1."""
BYE_TYPE: Final = 203
"""Goodbye. RFC 3550 section 12.1."""
RTPFB_TYPE: Final = 205
"""Transport layer feedback. RFC 4585 section 6.1."""
PSFB_TYPE: Final = 206
"""Payload-specific feedback. RFC 4585 section 6.1."""
NACK_FMT: Final = 1
"""Generic NACK. RFC 4585 section 6.2.1."""
PLI_FMT: Final = 1
"""Picture loss indication. RFC 4585 section 6.3.1."""
FIR_FMT: Final = 4
"""Full intra request. RFC 5104 section 4.3.1."""
APP_FMT: Final = 15
"""Application layer feedback, such as REMB. RFC 4585 section 6.4."""
MAX_NACKED_PACKETS: Final = 256
"""Sequence numbers of one RTCP datagram that are looked at. docs/media.md (Limits)."""
MAX_RTCP_PACKETS: Final = 32
"""A compound of more is malformed, and of more entries of a FIR only so many are looked at. docs/media.md (Limits)."""

_WORD = struct.Struct("!I")
_REPORT_BLOCK = struct.Struct("!IIIIII")
_SENDER_INFO = struct.Struct("!IQIII")
_RTCP_HEADER = struct.Struct("!BBH")


class Rtp(NamedTuple):
    """One parsed RTP packet. `payload` is without padding; the extension block is `data[extension:extension_end]`."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    extension: int
    extension_end: int


def is_rtcp(data: bytes) -> bool:
    """Whether a packet of a multiplexed transport is RTCP (RFC 5761 section 4); `data` has at least two bytes."""
    return 192 <= data[1] <= 223


def parse_rtp(data: bytes | memoryview, length: int) -> Rtp:
    """Parse the RTP packet in the first `length` bytes of `data`, a buffer that may go on behind it."""
    if length < HEADER_BYTES:
        raise ValueError("RTP packet is too short")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first & 0xC0 != 0x80:
        raise ValueError("RTP version is not 2")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    extension = extension_end = 0
    if first & 0x10:
        if start + 4 > length:
            raise ValueError("RTP header extension is cut")
        extension = start
        extension_end = start = start + 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    end = length
    if first & 0x20:
        end -= data[length - 1] or length + 1
    if start > end:
        raise ValueError("RTP packet is cut")
    return Rtp(second & 0x7F, second > 127, sequence, timestamp, ssrc, bytes(data[start:end]), extension, extension_end)


def find_extension(data: bytes | memoryview, start: int, end: int, wanted: int) -> bytes | None:
    """The header extension element `wanted` in the extension block `data[start:end]` (RFC 8285), or None."""
    profile = data[start] << 8 | data[start + 1]
    position = start + 4
    if profile == 0xBEDE:
        while position < end:
            first = data[position]
            if first == 0:
                position += 1
                continue
            identifier, size = first >> 4, (first & 0x0F) + 1
            if identifier == 15:
                return None
            position += 1
            if identifier == wanted:
                return bytes(data[position : position + size]) if position + size <= end else None
            position += size
    elif profile & 0xFFF0 == 0x1000:
        while position + 1 < end:
            identifier = data[position]
            if identifier == 0:
                position += 1
                continue
            size = data[position + 1]
            position += 2
            if identifier == wanted:
                return bytes(data[position : position + size]) if position + size <= end else None
            position += size
    return None


# --- RTCP -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """A report block (RFC 3550 section 6.4.1). `fraction_lost` is of 256; `delay` and `last_sr` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_sr: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Nack:
    media: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A PLI, or one entry of a FIR."""

    media: int


@dataclass(frozen=True, slots=True)
class Remb:
    bitrate: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RtcpBye:
    ssrcs: tuple[int, ...]


Rtcp: TypeAlias = SenderReport | ReceiverReport | Nack | KeyframeRequest | Remb | RtcpBye


def parse_rtcp(data: bytes) -> list[Rtcp]:
    """Parse a compound or reduced-size (RFC 5506) RTCP packet; types that this module does not know are skipped.

    What one datagram may ask for is bounded, so that none costs much more than a packet of media.
    """
    items: list[Rtcp] = []
    position = count = 0
    while position < len(data):
        count += 1
        if count > MAX_RTCP_PACKETS:
            raise ValueError("too many RTCP packets")
        if position + 4 > len(data):
            raise ValueError("RTCP header is cut")
        first, kind, words = _RTCP_HEADER.unpack_from(data, position)
        end = position + 4 + 4 * words
        if first & 0xC0 != 0x80 or end > len(data):
            raise ValueError("RTCP packet is malformed")
        body = data[position + 4 : end]
        if first & 0x20 and body:
            padding = body[-1]
            if padding == 0 or padding > len(body):
                raise ValueError("RTCP padding is malformed")
            body = body[:-padding]
        position = end
        _parse_one(kind, first & 0x1F, body, items)
    return items


def _parse_one(kind: int, count: int, body: bytes, items: list[Rtcp]) -> None:
    try:
        if kind == SR_TYPE:
            ssrc, ntp, rtp, packets, octets = _SENDER_INFO.unpack_from(body)
            items.append(SenderReport(ssrc, ntp, rtp, packets, octets, _parse_reports(body, 24, count)))
        elif kind == RR_TYPE:
            items.append(ReceiverReport(_WORD.unpack_from(body)[0], _parse_reports(body, 4, count)))
        elif kind == BYE_TYPE:
            items.append(RtcpBye(struct.unpack_from(f"!{count}I", body)))
        elif kind == RTPFB_TYPE and count == NACK_FMT:
            asked = sum(len(item.sequences) for item in items if isinstance(item, Nack))
            items.append(Nack(_WORD.unpack_from(body, 4)[0], _parse_nack(body, MAX_NACKED_PACKETS - asked)))
        elif kind == PSFB_TYPE and count == PLI_FMT:
            items.append(KeyframeRequest(_WORD.unpack_from(body, 4)[0]))
        elif kind == PSFB_TYPE and count == FIR_FMT:
            ends = min(len(body), 8 + 8 * MAX_RTCP_PACKETS)
            items.extend(KeyframeRequest(_WORD.unpack_from(body, at)[0]) for at in range(8, ends, 8))
        elif kind == PSFB_TYPE and count == APP_FMT and body[8:12] == b"REMB":
            items.append(_parse_remb(body))
    except struct.error:
        raise ValueError("RTCP packet is cut") from None


def _parse_reports(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    reports = []
    for at in range(start, start + 24 * count, 24):
        ssrc, loss, highest, jitter, last_sr, delay = _REPORT_BLOCK.unpack_from(body, at)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 1 << 24
        reports.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(reports)


def _parse_nack(body: bytes, most: int) -> tuple[int, ...]:
    sequences: list[int] = []
    for at in range(8, len(body) - 3 if most else 0, 4):
        first, mask = struct.unpack_from("!HH", body, at)
        sequences.append(first)
        sequences.extend((first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(sequences) >= most:
            break
    return tuple(sequences[:most])


def _parse_remb(body: bytes) -> Remb:
    (word,) = _WORD.unpack_from(body, 12)
    count = word >> 24
    bitrate = (word & 0x3FFFF) << (word >> 18 & 0x3F)
    return Remb(bitrate, struct.unpack_from(f"!{count}I", body, 16))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _RTCP_HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _reports(reports: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _REPORT_BLOCK.pack(
            r.ssrc,
            r.fraction_lost << 24 | (r.lost & 0xFFFFFF),
            r.highest,
            min(r.jitter, 0xFFFFFFFF),
            r.last_sr,
            r.delay,
        )
        for r in reports
    )


def build_sender_report(ssrc: int, ntp: int, rtp: int, packets: int, octets: int) -> bytes:
    """An SR without report blocks; the counters are taken modulo 2**32."""
    return _packet(SR_TYPE, 0, _SENDER_INFO.pack(ssrc, ntp, rtp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF))


def build_receiver_report(ssrc: int, reports: Sequence[ReportBlock]) -> bytes:
    """An RR of at most 31 report blocks."""
    return _packet(RR_TYPE, len(reports), _WORD.pack(ssrc) + _reports(reports))


def build_cname(ssrc: int, cname: str) -> bytes:
    """An SDES packet with one CNAME (RFC 3550 section 6.5)."""
    text = cname.encode()[:255]
    chunk = _WORD.pack(ssrc) + bytes((1, len(text))) + text
    return _packet(SDES_TYPE, 1, chunk + bytes(4 - len(chunk) % 4))


def build_nack(ssrc: int, media: int, sequences: Iterable[int]) -> bytes:
    """A generic NACK (RFC 4585 section 6.2.1) for 16-bit sequence numbers in ascending (wrapping) order."""
    pairs: list[tuple[int, int]] = []
    for sequence in sequences:
        if pairs:
            first, mask = pairs[-1]
            distance = (sequence - first) & 0xFFFF
            if distance == 0:
                continue
            if distance <= 16:
                pairs[-1] = first, mask | 1 << (distance - 1)
                continue
        pairs.append((sequence, 0))
    body = struct.pack("!II", ssrc, media) + b"".join(struct.pack("!HH", first, mask) for first, mask in pairs)
    return _packet(RTPFB_TYPE, NACK_FMT, body)


def build_pli(ssrc: int, media: int) -> bytes:
    """A picture loss indication (RFC 4585 section 6.3.1)."""
    return _packet(PSFB_TYPE, PLI_FMT, struct.pack("!II", ssrc, media))


def build_remb(ssrc: int, bitrate: int, media: Sequence[int]) -> bytes:
    """A REMB for `bitrate` bit/s over the streams `media`."""
    exponent = max(0, bitrate.bit_length() - 18)
    word = len(media) << 24 | exponent << 18 | bitrate >> exponent
    return _packet(PSFB_TYPE, APP_FMT, struct.pack(f"!II4sI{len(media)}I", ssrc, 0, b"REMB", word, *media))
