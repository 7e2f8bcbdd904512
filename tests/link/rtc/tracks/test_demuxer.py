"""Datagrams into tracks: whose they are, what is unwrapped, and that nothing hostile gets through or raises."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from link.rtc.congestion.delay_based import MAX_ESTIMATE_BPS
from link.rtc.tracks.demuxer import MAX_EARLY_PACKETS, MAX_STREAMS, Demuxer
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.transport.srtp import MAX_PACKET_BYTES, SrtpBuffer, SrtpError
from link.rtc.transport.udp_batch import Inbox
from link.rtc.wire.rtp import Nack, Rtcp, build_nack
from link.rtc.wire.sdp import Media

KEY = bytes(range(30))


class Sender:
    """A far end with the right key."""

    def __init__(self) -> None:
        self.srtp = SrtpBuffer(Session(self._policy()))

    @staticmethod
    def _policy() -> Policy:
        policy = Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_OUTBOUND)
        policy.allow_repeat_tx = True
        return policy

    def rtp(
        self, ssrc: int, kind: int, sequence: int, payload: bytes = b"media", *, mid: bytes = b"", sent: int = -1
    ) -> bytes:
        elements = b""
        if mid:
            elements += bytes((4 << 4 | len(mid) - 1,)) + mid
        if sent >= 0:
            elements += b"\x22" + sent.to_bytes(3, "big")
        elements += bytes(-len(elements) % 4)
        first = 0x80
        extension = b""
        if elements:
            first |= 0x10
            extension = struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
        head = struct.pack("!BBHII", first, kind, sequence, sequence * 3000, ssrc) + extension
        return self.srtp.protect(head, payload)


class Receiver:
    """Microphone (PT 111, SSRC 1), camera (96/97, SSRC 2/20), auxiliary (96/97, not announced)."""

    def __init__(self, *, opened: bool = True, estimating: bool = True) -> None:
        self.rtcp: list[Rtcp] = []
        self.ingress = Demuxer(lambda items, now: self.rtcp.extend(items), estimating=estimating)
        self.microphone, self.camera, self.auxiliary = (
            PublishedTrack("audio"),
            PublishedTrack("video"),
            PublishedTrack("video"),
        )
        self.ingress.add(Media("audio", "0", payload_type=111, mid_extension=4, ssrcs=[1]), self.microphone)
        video = {"payload_type": 96, "rtx_payload_type": 97, "mid_extension": 4, "time_extension": 2}
        self.ingress.add(Media("video", "1", ssrcs=[2, 20], rtx_of={2: 20}, **video), self.camera)  # type: ignore[arg-type]
        self.ingress.add(Media("video", "2", **video), self.auxiliary)  # type: ignore[arg-type]
        self.rx = SrtpBuffer(Session(Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_INBOUND)))
        if opened:
            self.ingress.open(self.rx)

    def take(self, *datagrams: bytes, now: float = 1.0) -> None:
        for datagram in datagrams:
            self.ingress.datagram(datagram, now)


def test_announced_streams() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(1, 111, 5), s.rtp(2, 96, 9), s.rtp(2, 96, 10))
    assert (r.microphone.packets, r.camera.packets, r.auxiliary.packets) == (1, 2, 0)
    assert r.ingress.heard == 1.0
    packet = r.microphone.packet(r.microphone.first)
    assert packet is not None
    assert packet.payload == b"media"


def test_retransmissions_are_unwrapped_and_padding_is_not_one() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(2, 96, 9), s.rtp(2, 96, 11), s.rtp(20, 97, 500, struct.pack("!H", 10) + b"late"))
    r.take(s.rtp(20, 97, 501, b""), s.rtp(20, 97, 502, b"\x00\x05"))
    assert r.camera.repaired == 1
    packet = r.camera.packet(r.camera.first + 1)
    assert packet is not None
    assert packet.payload == b"late"


def test_streams_that_were_not_announced_are_known_by_their_mid() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(77, 96, 1, mid=b"2"), s.rtp(77, 96, 3))
    r.take(s.rtp(78, 97, 9, struct.pack("!H", 2) + b"late", mid=b"2"), s.rtp(78, 97, 10, struct.pack("!H", 2) + b"x"))
    assert (r.auxiliary.packets, r.auxiliary.repaired, r.camera.packets) == (3, 1, 0)


def test_or_by_a_payload_type_that_only_one_line_has() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(55, 111, 1), s.rtp(56, 96, 1))
    assert r.microphone.packets == 1
    assert r.camera.packets == r.auxiliary.packets == 0


def test_a_new_ssrc_restarts_the_flow() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(2, 96, 100), s.rtp(2, 96, 101), s.rtp(90, 96, 5, mid=b"1"), s.rtp(2, 96, 102))
    assert r.camera.packets == 3
    assert r.camera.highest & 0xFFFF == 5


def test_a_flood_of_streams_is_bounded_before_decryption() -> None:
    s, r = Sender(), Receiver()
    for ssrc in range(1000, 1000 + 10 * MAX_STREAMS):
        r.take(s.rtp(ssrc, 96, 1))
    assert len(r.ingress._strays) == MAX_STREAMS
    assert r.ingress.refused == 9 * MAX_STREAMS
    r.take(s.rtp(2, 96, 1))
    assert r.camera.packets == 1


def test_a_line_that_changes_its_stream_for_ever_is_stopped() -> None:
    s, r = Sender(), Receiver()
    for ssrc in range(1000, 1000 + 2 * MAX_STREAMS):
        r.take(s.rtp(ssrc, 96, 1, mid=b"1"))
    assert r.camera.packets == MAX_STREAMS
    assert r.ingress.refused == MAX_STREAMS


def test_late_packets_of_the_stream_before_change_nothing() -> None:
    """By MID or by payload type; each would have ended the present stream, until there were too many changes."""
    s, r = Sender(), Receiver()
    now = 1.0
    for sequence in range(50):
        r.take(s.rtp(1, 111, sequence), now=(now := now + 0.02))
    for sequence in range(100):
        r.take(s.rtp(91, 111, sequence, mid=b"0" if sequence < 5 else b""), now=(now := now + 0.02))
        if sequence < 20:
            r.take(s.rtp(1, 111, 50 + sequence, mid=b"0" if sequence % 2 else b""), now=now)
    assert r.microphone.packets == 150
    assert r.microphone.highest & 0xFFFF == 99
    assert r.ingress.refused == 0


def test_a_stream_that_was_replaced_may_come_back() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(1, 111, 1), now=1.0)
    r.take(s.rtp(91, 111, 1), now=1.1)
    r.take(s.rtp(1, 111, 2), now=3.0)
    r.take(s.rtp(91, 111, 2), now=3.1)
    assert r.microphone.packets == 3
    r.take(s.rtp(1, 111, 3), now=3.2)
    assert r.microphone.packets == 4, "it is the present one again, and the other one was late"


def test_a_leg_may_change_its_streams_for_as_long_as_it_lasts() -> None:
    s, r = Sender(), Receiver()
    now = 1.0
    for number in range(20 * MAX_STREAMS):
        for sequence in range(3):
            r.take(s.rtp(1000 + number, 96, sequence, mid=b"1"), now=(now := now + 1.0))
            rtx = struct.pack("!H", sequence) + b"again"
            r.take(s.rtp(50_000 + number, 97, sequence, rtx, mid=b"1"), now=now)
    assert r.camera.packets == 60 * MAX_STREAMS
    assert r.ingress.refused == 0
    assert len(r.ingress._strays) <= MAX_STREAMS
    assert len(r.ingress._rtx) <= 4


def test_what_was_forgotten_is_not_played_again() -> None:
    """libsrtp keeps nothing of it any more, so nothing of it may come near."""
    s, r = Sender(), Receiver()
    first = s.rtp(1000, 96, 1, mid=b"1")
    r.take(first, now=1.0)
    for number in range(1, 2 * MAX_STREAMS):
        r.take(s.rtp(1000 + number, 96, 1, mid=b"1"), now=1.0 + 2 * number)
    before = r.camera.packets
    r.take(first, now=100.0)
    assert (r.camera.packets, r.ingress.refused) == (before, 1)


def test_the_state_of_a_stream_can_be_given_up() -> None:
    """It shows by what is no replay any more: the byte order of this call is easily got wrong."""
    s, r = Sender(), Receiver()
    packet = s.rtp(0x01020304, 96, 1)
    assert r.rx.unprotect(packet)
    with pytest.raises(SrtpError):
        r.rx.unprotect(packet)
    r.rx.forget(0x01020304)
    assert r.rx.unprotect(packet)


def test_wrong_payload_types_and_wrong_keys_are_refused() -> None:
    s, r = Sender(), Receiver()
    r.take(s.rtp(2, 100, 1))
    forged = bytearray(s.rtp(2, 96, 2))
    forged[-1] ^= 1
    r.take(bytes(forged))
    assert r.ingress.refused == 2
    assert r.camera.packets == 0


def test_what_came_before_is_dropped_and_counted_apart() -> None:
    """A second copy that was not needed is no attack; whatever its stream, and by either way in."""
    s, r = Sender(), Receiver()
    first, second = s.rtp(2, 96, 1), s.rtp(2, 96, 2)
    r.take(first, first)
    burst(r, second, first, second)
    assert (r.camera.packets, r.ingress.packets) == (2, 2)
    assert (r.ingress.repeated, r.ingress.refused) == (3, 0)
    for number in range(3, 2003):
        r.take(s.rtp(2, 96, number))
    burst(r, first, b"")
    assert (r.ingress.repeated, r.ingress.refused) == (4, 0), "too old to tell"
    damaged = bytearray(s.rtp(2, 96, 2003))
    damaged[-1] ^= 1
    burst(r, first, bytes(damaged))
    r.take(bytes(damaged))
    assert (r.ingress.repeated, r.ingress.refused) == (5, 2)


def test_what_comes_before_the_keys_waits_and_is_bounded() -> None:
    s, r = Sender(), Receiver(opened=False)
    r.take(*(s.rtp(1, 111, sequence) for sequence in range(2 * MAX_EARLY_PACKETS)))
    assert r.microphone.packets == 0
    r.ingress.open(r.rx)
    assert r.microphone.packets == MAX_EARLY_PACKETS
    r.ingress.close()
    r.take(s.rtp(1, 111, 999))
    assert r.microphone.packets == MAX_EARLY_PACKETS


def test_rtcp() -> None:
    s, r = Sender(), Receiver()
    r.take(s.srtp.protect_rtcp(build_nack(9, 8, [7])), s.srtp.protect_rtcp(b"\x80\xc8\x00\x07" + bytes(8)))
    assert r.rtcp == [Nack(8, (7,))]
    assert r.ingress.refused == 1


def test_bandwidth_is_estimated_from_what_says_when_it_was_sent() -> None:
    s, r = Sender(), Receiver()
    for index in range(40):
        r.take(s.rtp(2, 96, index, bytes(1000), sent=index * 262144 // 40), now=10 + index / 40)
    assert r.ingress.estimator.incoming > 200_000


def test_a_path_inside_one_machine_is_never_full() -> None:
    r, s = Receiver(estimating=False), Sender()
    for step in range(600):  # what was sent every 10 ms is read every 20 ms: a queue that grows, or a busy processor
        r.take(s.rtp(2, 96, step + 1, bytes(1000), sent=(step * 2621) & 0xFFFFFF), now=1.0 + step * 0.02)
    assert r.ingress.estimator.estimate == MAX_ESTIMATE_BPS
    assert r.camera.packets == 600
    other = Receiver()
    for step in range(600):
        other.take(s.rtp(2, 96, step + 601, bytes(1000), sent=(step * 2621) & 0xFFFFFF), now=1.0 + step * 0.02)
    assert other.ingress.estimator.estimate < MAX_ESTIMATE_BPS / 2, (
        "from another machine it is taken for what it looks like"
    )


@settings(max_examples=40)
@given(st.binary(max_size=1600))
def test_no_datagram_raises(data: bytes) -> None:
    r = Receiver()
    r.take(b"\x80" + data, b"\x80\xc8" + data, data)
    assert r.ingress.refused == 3


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.binary(max_size=200))
def test_no_authentic_datagram_raises(seed: int, body: bytes) -> None:
    """A far end with the keys may still write nonsense."""
    chance = random.Random(seed)
    s, r = Sender(), Receiver()
    for index in range(10):
        head = struct.pack(
            "!BBHII", 0x80, chance.choice([96, 97, 111, 0, 224]), index * 3, chance.getrandbits(32),
            chance.choice([1, 2, 20, 99]),
        )  # fmt: skip
        r.take(s.srtp.protect(head, body))
        r.take(s.srtp.protect_rtcp(struct.pack("!BBHI", 0x80 | chance.randrange(64), 200 + chance.randrange(9), 1, 5)))


class TestReports:
    def test_loss_jitter_and_delay(self) -> None:
        s, r = Sender(), Receiver()
        source = r.ingress.by_ssrc(2)
        assert source is not None
        assert source.report(1.0) is None
        r.take(*(s.rtp(2, 96, sequence) for sequence in range(100, 200) if sequence % 4))
        source.last_sr, source.last_sr_at = 0xABCD, 0.5
        report = source.report(2.0)
        assert report is not None
        # 100 itself is lost before the stream is known, and 196 after 195 is the last that shows.
        assert report.fraction_lost == 24 * 256 // 99
        assert (report.ssrc, report.lost, report.last_sr, report.delay) == (2, 24, 0xABCD, int(1.5 * 65536))
        assert report.highest & 0xFFFF == 199
        r.take(*(s.rtp(2, 96, sequence) for sequence in range(200, 210)))
        again = source.report(3.0)
        assert again is not None
        assert (again.fraction_lost, again.lost) == (0, 24)

    def test_repairs_do_not_hide_the_loss(self) -> None:
        s, r = Sender(), Receiver()
        source = r.ingress.by_ssrc(2)
        assert source is not None
        r.take(s.rtp(2, 96, 1), s.rtp(2, 96, 3), s.rtp(20, 97, 1, struct.pack("!H", 2) + b"late"))
        report = source.report(2.0)
        assert report is not None
        assert report.lost == 1

    def test_a_browser_is_told_of_packets_that_never_came(self) -> None:
        """By their number it decides how much it sends; by the fraction, how well it protects sound."""
        s, r = Sender(), Receiver()
        source = r.ingress.by_ssrc(2)
        assert source is not None
        r.take(*(s.rtp(2, 96, sequence) for sequence in range(10, 31) if sequence not in (12, 14, 29)))
        r.take(*(s.rtp(20, 97, count, struct.pack("!H", lost) + b"late") for count, lost in ((1, 12), (2, 14))))
        report = source.report(2.0, after_repair=True)
        assert report is not None
        assert (report.lost, report.fraction_lost) == (0, 3 * 256 // 21), "one is still asked for"
        r.take(s.rtp(20, 97, 3, struct.pack("!H", 29) + b"late"))
        r.take(s.rtp(90, 96, 9000, mid=b"1"), s.rtp(90, 96, 9002), s.rtp(90, 96, 9003))
        begun_anew = source.report(3.0, after_repair=True)
        assert begun_anew is not None
        assert (begun_anew.ssrc, begun_anew.lost) == (90, 0)
        source.track.repair(30.0)
        given_up = source.report(31.0, after_repair=True)
        assert given_up is not None
        assert given_up.lost == 1
        assert r.ingress.counts() == (4, 3)

    def test_after_a_restart(self) -> None:
        s, r = Sender(), Receiver()
        source = r.ingress.by_ssrc(2)
        assert source is not None
        r.take(*(s.rtp(2, 96, sequence) for sequence in range(50)))
        source.report(2.0)
        r.take(s.rtp(90, 96, 9000, mid=b"1"), s.rtp(90, 96, 9001))
        report = source.report(3.0)
        assert report is not None
        assert (report.ssrc, report.fraction_lost, report.lost) == (90, 0, 0)


def test_srtp_refuses_what_is_too_long() -> None:
    s = Sender()
    for call in (
        lambda: s.srtp.protect(bytes(12), bytes(MAX_PACKET_BYTES)),
        lambda: s.srtp.protect_rtcp(bytes(MAX_PACKET_BYTES + 1)),
        lambda: s.srtp.unprotect(bytes(MAX_PACKET_BYTES + 1)),
        lambda: s.srtp.unprotect_rtcp(bytes(MAX_PACKET_BYTES + 1)),
        lambda: s.srtp.protect(b"", b"x"),
        lambda: s.srtp.protect_rtcp(b"x"),
    ):
        with pytest.raises(SrtpError):
            call()


def burst(r: Receiver, *datagrams: bytes, now: float = 1.0) -> list[int]:
    """Give datagrams to the ingress as a socket does."""
    inbox = Inbox()
    inbox._libc = None  # lengths are kept in a list then
    for index, data in enumerate(datagrams):
        inbox.views[index][: len(data)] = data
        inbox._lengths[index] = len(data)
    return r.ingress.burst(inbox, len(datagrams), now)


def test_a_burst_is_sorted_out() -> None:
    s, r = Sender(), Receiver()
    stun, dtls = b"\x00\x01" + bytes(18), b"\x16" + bytes(20)
    others = burst(
        r, s.rtp(2, 96, 1), stun, s.rtp(2, 96, 2), s.rtp(1, 111, 7), dtls, s.rtp(2, 96, 3, mid=b"1", sent=77), b""
    )
    assert others == [1, 4, 6]
    assert (r.microphone.packets, r.camera.packets) == (1, 3)
    assert (r.ingress.packets, r.ingress.refused, r.ingress.heard) == (4, 0, 1.0)
    assert [r.camera.packet(r.camera.first + i).payload for i in range(3)] == [b"media"] * 3  # type: ignore[union-attr]


def test_a_burst_may_hold_anything() -> None:
    """Retransmissions, reports, strangers and damage go the long way, in their order."""
    s, r = Sender(), Receiver()
    good = s.rtp(2, 96, 4)
    damaged = bytearray(s.rtp(2, 96, 5))
    damaged[-1] ^= 1
    repaired = s.rtp(20, 97, 1, (5).to_bytes(2, "big") + b"again")
    report = s.srtp.protect_rtcp(build_nack(9, 8, [3]))
    odd = s.rtp(2, 95, 7)
    assert burst(r, good, bytes(damaged), s.rtp(2, 96, 6), repaired, report, odd, b"\x80\x60") == []
    assert r.rtcp == [Nack(8, (3,))]
    assert r.camera.packets == 3
    assert r.camera.repaired == 1
    assert r.ingress.refused == 3


@pytest.mark.parametrize("sent", [-1, 500])
def test_a_burst_says_when_it_was_sent(sent: int) -> None:
    s, r = Sender(), Receiver()
    estimator = r.ingress.estimator
    datagrams = [s.rtp(2, 96, index, sent=sent + index if sent >= 0 else -1) for index in range(3)]
    burst(r, *datagrams, now=4.0)
    assert estimator.incoming == (sum(map(len, datagrams)) * 8 / 0.2 if sent >= 0 else 0)
    assert estimator._last_sent == (502 / 262144 if sent >= 0 else 0)


def test_an_early_burst_waits_for_the_keys() -> None:
    s, r = Sender(), Receiver(opened=False)
    burst(r, s.rtp(2, 96, 1), s.rtp(2, 96, 2))
    assert r.camera.packets == 0
    r.ingress.open(r.rx)
    assert r.camera.packets == 2


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_burst_raises(datagrams: list[bytes]) -> None:
    r = Receiver()
    others = burst(r, *datagrams)
    assert others == [i for i, data in enumerate(datagrams) if not data or not 127 < data[0] < 192]
