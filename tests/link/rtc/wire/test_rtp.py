"""RTP and RTCP on the wire: what is built parses back, and nothing hostile raises anything but ValueError."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from aiortc.rtp import RtpPacket as AiortcPacket
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.wire.rtp import (
    MAX_NACKED_PACKETS,
    KeyframeRequest,
    Nack,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpBye,
    SenderReport,
    build_cname,
    build_nack,
    build_pli,
    build_receiver_report,
    build_remb,
    build_sender_report,
    find_extension,
    is_rtcp,
    parse_rtcp,
    parse_rtp,
)

U32 = st.integers(0, 0xFFFFFFFF)


def packet(*, first: int = 0x80, second: int = 96, body: bytes = b"media") -> bytes:
    return struct.pack("!BBHII", first, second, 7, 8, 9) + body


class TestRtp:
    def test_plain_packet(self) -> None:
        parsed = parse_rtp(packet(second=0x80 | 111), 17)
        assert parsed == (111, True, 7, 8, 9, b"media", 0, 0)

    def test_the_buffer_may_go_on_behind_the_packet(self) -> None:
        assert parse_rtp(memoryview(packet() + b"leftover"), 17).payload == b"media"

    def test_contributing_sources_extension_and_padding_are_not_payload(self) -> None:
        extension = struct.pack("!HH", 0xBEDE, 1) + bytes((0x22, 1, 2, 3))
        data = packet(first=0x80 | 0x20 | 0x10 | 2, body=bytes(8) + extension + b"media" + b"\0\0\3")
        parsed = parse_rtp(data, len(data))
        assert parsed.payload == b"media"
        assert find_extension(data, parsed.extension, parsed.extension_end, 2) == b"\1\2\3"
        assert find_extension(data, parsed.extension, parsed.extension_end, 3) is None

    def test_padding_only(self) -> None:
        data = packet(first=0xA0, body=bytes(9) + b"\x0a")
        assert parse_rtp(data, len(data)).payload == b""

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            packet()[:11],
            packet(first=0x40),
            packet(first=0x8F, body=bytes(20)),  # fifteen contributing sources that are not there
            packet(first=0x90, body=b"\xbe\xde"),
            packet(first=0x90, body=struct.pack("!HH", 0xBEDE, 9)),
            packet(first=0xA0, body=b"\x00"),
            packet(first=0xA0, body=b"\x09"),
        ],
    )
    def test_malformed(self, data: bytes) -> None:
        with pytest.raises(ValueError):
            parse_rtp(data, len(data))

    def test_two_byte_extension_headers(self) -> None:
        block = struct.pack("!HH", 0x1000, 2) + bytes((0, 3, 2, 5, 6, 4, 0, 0))
        assert find_extension(block, 0, len(block), 3) == b"\5\6"
        assert find_extension(block, 0, len(block), 4) == b""
        assert find_extension(block, 0, len(block), 5) is None

    def test_padding_and_the_stop_mark_between_one_byte_headers(self) -> None:
        block = struct.pack("!HH", 0xBEDE, 2) + bytes((0, 0x10, 7, 0, 0xF0, 0x20, 1, 0))
        assert find_extension(block, 0, len(block), 1) == b"\7"
        assert find_extension(block, 0, len(block), 2) is None

    def test_an_element_that_runs_past_the_block(self) -> None:
        block = struct.pack("!HH", 0xBEDE, 1) + bytes((0x1F, 1, 2, 3))
        assert find_extension(block, 0, len(block), 1) is None

    @given(st.binary(max_size=80))
    def test_anything_parses_or_is_a_value_error(self, data: bytes) -> None:
        try:
            parsed = parse_rtp(data, len(data))
        except ValueError:
            return
        if parsed.extension:
            for wanted in range(16):
                find_extension(data, parsed.extension, parsed.extension_end, wanted)

    @given(
        st.integers(0, 127), st.booleans(), st.integers(0, 0xFFFF), U32, U32, st.binary(max_size=50), st.integers(0, 9)
    )
    def test_reads_what_aiortc_writes(
        self, kind: int, marker: bool, sequence: int, stamp: int, ssrc: int, payload: bytes, padding: int
    ) -> None:
        theirs = AiortcPacket(
            payload_type=kind, marker=int(marker), sequence_number=sequence, timestamp=stamp, ssrc=ssrc, payload=payload
        )
        theirs.padding_size = padding
        data = theirs.serialize()
        assert parse_rtp(data, len(data)) == (kind, marker, sequence, stamp, ssrc, payload, 0, 0)


class TestRtcp:
    def test_multiplexing(self) -> None:
        assert is_rtcp(build_pli(1, 2))
        assert not is_rtcp(packet())
        assert not is_rtcp(packet(second=0x80 | 127))

    def test_sender_report(self) -> None:
        data = build_sender_report(1, 2 << 40, 3, 4 + (1 << 32), 5)
        assert parse_rtcp(data) == [SenderReport(1, 2 << 40, 3, 4, 5)]
        [theirs] = RtcpPacket.parse(data)
        assert isinstance(theirs, RtcpSrPacket)
        assert theirs.sender_info.packet_count == 4

    @pytest.mark.parametrize("lost", [0, 5, -3, 0x7FFFFF, -0x800000])
    def test_receiver_report(self, lost: int) -> None:
        report = ReportBlock(9, 255, lost, 70000, 12, 13, 14)
        data = build_receiver_report(1, [report, report])
        assert parse_rtcp(data) == [ReceiverReport(1, (report, report))]
        [theirs] = RtcpPacket.parse(data)
        assert isinstance(theirs, RtcpRrPacket)
        assert theirs.reports[1].packets_lost == lost

    @given(st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=60))
    def test_nack(self, lost: set[int]) -> None:
        data = build_nack(1, 2, sorted(lost))
        [parsed] = parse_rtcp(data)
        assert isinstance(parsed, Nack)
        assert parsed.media == 2
        assert set(parsed.sequences) == lost
        [theirs] = RtcpPacket.parse(data)
        assert isinstance(theirs, RtcpRtpfbPacket)
        assert set(theirs.lost) == lost

    def test_nack_across_the_wrap_is_one_pair(self) -> None:
        data = build_nack(1, 2, [65534, 65535, 0, 1])
        assert len(data) == 16
        assert parse_rtcp(data) == [Nack(2, (65534, 65535, 0, 1))]

    def test_a_nack_storm_is_cut(self) -> None:
        body = struct.pack("!II", 1, 2) + struct.pack("!HH", 0, 0xFFFF) * 300
        data = struct.pack("!BBH", 0x81, 205, len(body) // 4) + body
        [parsed] = parse_rtcp(data)
        assert isinstance(parsed, Nack)
        assert len(parsed.sequences) == MAX_NACKED_PACKETS

    def test_keyframe_requests(self) -> None:
        assert parse_rtcp(build_pli(1, 2)) == [KeyframeRequest(2)]
        fir = struct.pack("!BBHIIIIII", 0x84, 206, 6, 1, 0, 5, 0, 6, 0)
        assert parse_rtcp(fir) == [KeyframeRequest(5), KeyframeRequest(6)]

    @given(st.integers(0, 2**40))
    def test_remb(self, bitrate: int) -> None:
        data = build_remb(1, bitrate, [3, 4])
        [parsed] = parse_rtcp(data)
        assert isinstance(parsed, Remb)
        assert parsed.ssrcs == (3, 4)
        assert parsed.bitrate <= bitrate
        assert parsed.bitrate >= bitrate * (1 - 1 / (1 << 17))
        [theirs] = RtcpPacket.parse(data)
        assert isinstance(theirs, RtcpPsfbPacket)
        assert unpack_remb_fci(theirs.fci) == (parsed.bitrate, [3, 4])

    @given(st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text))
    def test_cname(self, name: str) -> None:
        [theirs] = RtcpPacket.parse(build_cname(1, name))
        assert isinstance(theirs, RtcpSdesPacket)
        assert theirs.chunks[0].items == [(1, name.encode()[:255])]

    def test_compound(self) -> None:
        bye = struct.pack("!BBHII", 0x82, 203, 2, 1, 2)
        data = build_receiver_report(1, []) + build_cname(1, "x") + bye + build_pli(1, 9)
        assert parse_rtcp(data) == [ReceiverReport(1), RtcpBye((1, 2)), KeyframeRequest(9)]

    @pytest.mark.parametrize(
        "data",
        [
            b"\x80\xc8",
            b"\x40\xc8\0\0",
            b"\x80\xc8\0\x09",
            b"\x80\xc8\0\0",  # an SR without a body
            b"\x81\xc9\0\1\0\0\0\1",  # an RR that says it has a block
            b"\xa0\xc9\0\1\0\0\0\0",  # padding of length 0
            b"\xa0\xc9\0\1\0\0\0\x09",
            b"\x8f\xce\0\3" + bytes(8) + b"REMB",
        ],
    )
    def test_malformed(self, data: bytes) -> None:
        with pytest.raises(ValueError):
            parse_rtcp(data)

    @given(st.binary(max_size=120))
    def test_anything_parses_or_is_a_value_error(self, data: bytes) -> None:
        with contextlib.suppress(ValueError):
            parse_rtcp(data)

    @given(st.integers(200, 207), st.integers(0, 31), st.binary(max_size=60))
    def test_anything_with_a_good_header_parses_or_is_a_value_error(self, kind: int, count: int, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        with contextlib.suppress(ValueError):
            parse_rtcp(struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body)
