"""What a far end with the keys can cost: no packet of its own makes much more work, or more bytes, than good media.

Each kind of packet is made here, encrypted, and taken by a whole leg without its socket, which relays the camera to a
slot and records it. CPU is that of this thread, and compared with good packets of the same run.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable

import pytest

from link.rtc.tracks.capture_clock import ntp_time
from link.rtc.tracks.demuxer import MAX_STREAMS
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import HISTORY_PACKETS, MAX_MISSING_PACKETS, MISSED_PACKETS_PER_S, PublishedTrack
from link.rtc.wire.rtp import (
    MAX_NACKED_PACKETS,
    MAX_RTCP_PACKETS,
    KeyframeRequest,
    Nack,
    Remb,
    ReportBlock,
    build_nack,
    build_pli,
    build_receiver_report,
    build_remb,
    build_sender_report,
    parse_rtcp,
)
from link.rtc.wire.vp8 import descriptor_size, parse_descriptor, starts_keyframe
from tests.link.rtc.fuzz.receiver import SSRC, Receiver
from tests.link.rtc.tracks.test_published_track import Reader

CAMERA, SHOWN = SSRC["camera"], SSRC["shown"]
DELTA, KEY = b"\x90\x80\x01\x11\x00\x00", b"\x90\x80\x01\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"
Make = Callable[[int], bytes]


def rtp(
    sequence: int,
    timestamp: int = 0,
    *,
    ssrc: int = CAMERA,
    kind: int = 96,
    first: int = 0x80,
    behind: bytes = b"",
    payload: bytes = DELTA + bytes(1100),
) -> bytes:
    """`behind` is what stands between the fixed header and the payload: CSRCs and extensions."""
    return struct.pack("!BBHII", first, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + behind + payload


def rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def nacks(entries: int, packets: int) -> bytes:
    one = struct.pack("!II", 1, SHOWN) + b"".join(struct.pack("!HH", 100 + 17 * n, 0xFFFF) for n in range(entries))
    return rtcp(205, 1, one) * packets


def report(index: int, wild: random.Random) -> bytes:
    moment = 100.06 + index * 0.0005
    return build_sender_report(CAMERA, ntp_time(moment + wild.random() * 0.01), round(90_000 * (moment - 100)), 1, 1)


CHANCE = random.Random(3)
ONE_BYTE = struct.pack("!HH", 0xBEDE, 60) + b"\x10\x00" * 120
TWO_BYTES = struct.pack("!HH", 0x1000, 60) + b"\x09\x00" * 120
HOSTILE: dict[str, Make] = {
    "padding": lambda i: rtp(2000 + i, first=0xA0, payload=DELTA + bytes(1000) + b"\x04"),
    "nothing but padding": lambda i: rtp(2000 + i, first=0xA0, payload=bytes(254) + b"\xff"),
    "more padding than packet": lambda i: rtp(2000 + i, first=0xA0, payload=bytes(20) + b"\xff"),
    "15 CSRCs": lambda i: rtp(2000 + i, first=0x8F, behind=bytes(60)),
    "CSRCs that are not there": lambda i: rtp(2000 + i, first=0x8F, payload=bytes(20)),
    "all at once": lambda i: rtp(
        2000 + i, first=0xBF, behind=bytes(60) + ONE_BYTE, payload=DELTA + bytes(40) + b"\x02"
    ),
    "one-byte extensions": lambda i: rtp(2000 + i, first=0x90, behind=ONE_BYTE),
    "two-byte extensions": lambda i: rtp(2000 + i, first=0x90, behind=TWO_BYTES),
    "an extension of 1,020 bytes": lambda i: rtp(2000 + i, first=0x90, behind=b"\xbe\xde\x00\xff"),
    "an extension longer than the packet": lambda i: rtp(2000 + i, first=0x90, behind=b"\xbe\xde\x04\x00"),
    "an element longer than its block": lambda i: rtp(2000 + i, first=0x90, behind=b"\xbe\xde\x00\x01\x2f\x00\x00\x00"),
    "leaps of 200": lambda i: rtp(2000 + 200 * i, 3000 * i),
    "leaps of 20,000": lambda i: rtp(2000 + 20_000 * i, 3000 * i),
    "to and fro": lambda i: rtp(2000 + i + i % 2 * 250, 3000 * i),
    "wild timestamps": lambda i: rtp(2000 + i, CHANCE.getrandbits(32)),
    "two streams under one SSRC": lambda i: rtp(2000 + i // 2 % 2 * 40_000 + i, 3000 * i),
    "64 SSRCs": lambda i: rtp(2000 + i, ssrc=0x5000 + i % 64),
    "RTX of an unknown stream": lambda i: rtp(i, ssrc=0x777, kind=97, payload=b"\x03\xe8" + bytes(1000)),
    "RTX of packets long gone": lambda i: rtp(
        i, ssrc=SSRC["camera again"], kind=97, payload=struct.pack("!H", i * 300 & 0xFFFF) + bytes(900)
    ),
    "cut descriptors": lambda i: rtp(2000 + i, payload=b"\x90\xf0\x80\x01\x01"[: i % 6]),
    "nothing but keyframes": lambda i: rtp(2000 + i, 3000 * i, payload=KEY),
    "sender reports, 47 in one": lambda i: b"".join(report(i, CHANCE) for _ in range(47)),
    "sender reports, 30 in one": lambda i: b"".join(report(i, CHANCE) for _ in range(30)),
    "85 NACKs in one": lambda i: nacks(1, 85),
    "30 NACKs in one": lambda i: nacks(8, 30),
    "a NACK for everything": lambda i: nacks(330, 1),
    "a FIR of 165 entries": lambda i: rtcp(206, 4, struct.pack("!II", 1, 0) + struct.pack("!II", SHOWN, 0) * 165),
    "115 PLIs in one": lambda i: build_pli(1, SHOWN) * 115,
    "a REMB of 2**81 for 255 streams": lambda i: rtcp(
        206, 15, struct.pack("!II4sI", 1, 0, b"REMB", 0xFFFFFFFF) + struct.pack("!I", SHOWN) * 255
    ),
    "30 REMBs of nothing": lambda i: build_remb(1, 0, [SHOWN]) * 30,
    "31 reports of nonsense": lambda i: build_receiver_report(
        1, [ReportBlock(SHOWN, 255, -1 << 23, CHANCE.getrandbits(32), 1 << 31, 1, 0xFFFFFFFF)] * 31
    ),
    "345 unknown packets": lambda i: rtcp(210, 0, b"") * 345,
    "a BYE for everybody": lambda i: rtcp(203, 30, struct.pack("!30I", *[CAMERA, SHOWN, SSRC["microphone"]] * 10)),
    "a compound that lies about its length": lambda i: build_pli(1, SHOWN) + b"\x80\xc8\xff\xff" + bytes(40),
    "forgeries": lambda i: b"\x80\x60" + CHANCE.randbytes(1000),
}
MOST = 30
"""Times the CPU of a good packet; measured are 17 at most. A leap of 200 was 29, many NACKs in one 60, reports 200."""


class Attacked:
    """A leg in the middle of a picture, and what it spends on what comes next."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.now = 100.0
        self.receiver.take([rtp(1000, payload=KEY + bytes(900))], self.now)
        self.cpu([rtp(1001 + index, 3000 * index) for index in range(999)])

    def cpu(self, packets: list[bytes]) -> float:
        """Seconds of CPU for each; bursts of eight, 4 ms apart, with the timers that go on beside."""
        receiver, spent = self.receiver, 0.0
        inbox = receiver._inbox
        for start in range(0, len(packets), 8):
            self.now += 0.004
            burst = [receiver._encrypt(packet) for packet in packets[start : start + 8]]
            receiver.taken += len(burst)
            for index, data in enumerate(burst):
                inbox.views[index][: len(data)] = data
                inbox._lengths[index] = len(data)
            receiver.now = self.now
            begin = time.thread_time()
            receiver.ingress.burst(inbox, len(burst), self.now)
            if start % 200 == 0:
                for source in receiver.ingress.sources():
                    source.track.repair(self.now)
                    source.track.tick(self.now)
                receiver.control.tick(self.now)
            spent += time.thread_time() - begin
        return spent / len(packets)


@pytest.mark.alone
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_packet_costs_much_more_than_a_good_one(kind: str) -> None:
    attacked, make = Attacked(), HOSTILE[kind]
    good = min(Attacked().cpu([rtp(2000 + index, 3000 * index) for index in range(800)]) for _ in range(3))
    before = sum(map(len, attacked.receiver.sent))
    packets = [make(index) for index in range(1600)]
    each = attacked.cpu(packets)
    sent = sum(map(len, attacked.receiver.sent)) - before
    ratio = sent / sum(map(len, packets))
    print(f"{kind}: {each * 1e6:.1f} µs, a good one {good * 1e6:.1f} µs; {ratio:.2f} bytes out for one in")
    assert each < MOST * good
    attacked.receiver.check()


def test_what_may_be_asked_for_again_is_bounded_in_bytes() -> None:
    """A NACK of 16 bytes asks for 17 packets of 1,100; what goes out is bounded by the second, whatever comes in."""
    attacked = Attacked()
    before = sum(map(len, attacked.receiver.sent))
    attacked.cpu([nacks(1 + index % 200, 1) for index in range(8000)])  # four seconds at 2,000 a second
    assert sum(map(len, attacked.receiver.sent)) - before < 5 * 600 * 1_150


def test_the_other_tracks_go_on_meanwhile() -> None:
    """Everything at once against the camera; the microphone on the same leg loses nothing."""
    attacked = Attacked()
    sound = attacked.receiver.tracks["microphone"]
    for index in range(800):
        good = rtp(500 + index, 960 * index, ssrc=SSRC["microphone"], kind=111, payload=b"\x78" + bytes(60))
        attacked.cpu([*(make(index) for make in HOSTILE.values()), good])
    assert sound.packets == 800
    assert sound.lost == 0
    attacked.receiver.check()


@pytest.mark.parametrize("liar", [False, True], ids=["a browser", "one that says it is ours"])
def test_a_hostile_viewer_does_not_starve_the_others(liar: bool) -> None:
    """It wants a keyframe and everything again each millisecond, and can take nothing: ten seconds of that."""
    track, sent = PublishedTrack("video"), {"hostile": 0, "good": 0}
    slots = {name: ForwardedTrack("video", name) for name in sent}
    asked: list[float] = []
    now, number, wanted = 100.0, 0, True

    def ask() -> None:
        nonlocal wanted
        wanted = True
        asked.append(now)

    track.on_keyframe = ask
    for name, slot in slots.items():

        def take(header: bytes, payload: bytes, name: str = name) -> None:
            sent[name] += 1

        slot.open(take, 96, 97, 0)
        slot.attach(track, now)
    for millisecond in range(10_000):
        now = 100.0 + millisecond / 1000
        if millisecond % 40 == 0:
            payload, wanted = (KEY if wanted else DELTA) + bytes(900), False
            track.receive(number & 0xFFFF, number * 3600, True, payload, now)
            number += 1
        slots["hostile"].keyframe_requested(now, 0.0, joiner=liar)
        slots["hostile"].nack([(slots["hostile"]._splice.highest - back) & 0xFFFF for back in range(256)], now, 0.0)
        slots["hostile"].available = 1
        if millisecond % 100 == 0:
            track.tick(now)
    assert sent["good"] == number, "each once"
    assert sent["hostile"] < number + 11 * 600
    assert len(asked) < (36 if liar else 23), "two or three keyframes a second at most"


# --- each bound by itself ---------------------------------------------------------------------------------------------


def test_one_datagram_asks_for_256_packets_however_it_says_so() -> None:
    for entries, packets in ((330, 1), (8, 30), (1, 32), (16, 17)):
        asked = [item for item in parse_rtcp(nacks(entries, packets)) if isinstance(item, Nack)]
        assert 0 < sum(len(item.sequences) for item in asked) <= MAX_NACKED_PACKETS
    whole = build_nack(1, SHOWN, range(0, 2 * MAX_NACKED_PACKETS, 2))
    assert parse_rtcp(whole) == [Nack(SHOWN, tuple(range(0, 2 * MAX_NACKED_PACKETS, 2)))], (
        "as many as we ask for ourselves"
    )


def test_a_compound_of_very_many_is_no_compound() -> None:
    assert len(parse_rtcp(build_pli(1, 2) * MAX_RTCP_PACKETS)) == MAX_RTCP_PACKETS
    with pytest.raises(ValueError, match="too many"):
        parse_rtcp(build_pli(1, 2) * (MAX_RTCP_PACKETS + 1))
    fir = rtcp(206, 4, struct.pack("!II", 1, 0) + struct.pack("!II", SHOWN, 0) * 165)
    assert parse_rtcp(fir) == [KeyframeRequest(SHOWN)] * MAX_RTCP_PACKETS


@pytest.mark.parametrize("bitrate", [0, 1, 2**17, 2**18 - 1, 2**31, 2**64, 2**81 - 2**63])
def test_any_remb_is_a_number(bitrate: int) -> None:
    [found] = parse_rtcp(build_remb(1, bitrate, [SHOWN]))
    assert isinstance(found, Remb)
    assert bitrate * 0.99 <= found.bitrate <= bitrate


def test_numbers_that_leap_are_repaired_only_as_far_as_a_network_loses() -> None:
    """Beyond 2,048 in a second nothing is asked for, and the stream begins anew, which costs next to nothing."""
    track, reader = PublishedTrack("video"), Reader()
    asked: list[int] = []
    track.on_nack = asked.extend
    track.add(reader)
    now = 100.0
    for index in range(400):
        now += 0.002
        track.receive(index * 200 & 0xFFFF, 3000 * index, False, DELTA, now)
        track.repair(now)
    assert len(asked) <= MISSED_PACKETS_PER_S + MAX_MISSING_PACKETS
    assert len(track._missing) <= MAX_MISSING_PACKETS
    assert len(track._history) == HISTORY_PACKETS["video"]


def test_what_a_long_outage_misses_does_not_count_against_what_comes_after() -> None:
    """Ten seconds are gone at once and cannot be repaired; the next packet that is lost can."""
    track, reader = PublishedTrack("video"), Reader()
    asked: list[int] = []
    track.on_nack = asked.extend
    track.add(reader)
    for sequence in (1, 2, 8000, 8001, 8003):
        track.receive(sequence, 3000 * sequence, False, DELTA, 100.0 + sequence / 1e6)
    track.repair(100.2)
    assert asked == [8002]


def test_streams_that_nobody_announced_are_bounded_by_what_is_authentic() -> None:
    """Forgeries cost no place: those are for the far end, whose retransmissions may come unannounced."""
    receiver = Receiver()
    receiver.take([rtp(1, payload=KEY)], 100.0)
    inbox = receiver._inbox
    for ssrc in range(4 * MAX_STREAMS):
        forged = rtp(7, ssrc=0x9000 + ssrc) + bytes(16)
        inbox.views[0][: len(forged)] = forged
        inbox._lengths[0] = len(forged)
        receiver.ingress.burst(inbox, 1, 100.1)
    assert receiver.ingress.refused == 4 * MAX_STREAMS
    announced = b"\xbe\xde\x00\x01\x40\x31\x00\x00"  # mid 1, as the corpus numbers it
    receiver.take([rtp(2, 3000, ssrc=0xABCD, first=0x90, behind=announced, payload=KEY)], 100.2)
    assert receiver.tracks["camera"].packets == 2, "a new SSRC of the camera was understood"


@pytest.mark.parametrize("cut", range(7))
def test_a_descriptor_that_is_cut_at_any_byte(cut: int) -> None:
    """RFC 7741 section 4.2, everything in it: whoever reads it says so, and says the same."""
    whole = b"\x90\xf0\x81\x23\x45\xe6\x10"
    assert parse_descriptor(whole).size == descriptor_size(whole) == 6
    payload = whole[:cut]
    if cut < 6:
        for read in (parse_descriptor, descriptor_size):
            with pytest.raises(ValueError, match="cut"):
                read(payload)
    assert starts_keyframe(payload) is False
    receiver = Receiver()
    receiver.take([rtp(1, payload=KEY), rtp(2, 3000, payload=payload), rtp(3, 6000, payload=KEY)], 100.0)
    receiver.check()
    assert receiver.tracks["camera"].packets == 3
