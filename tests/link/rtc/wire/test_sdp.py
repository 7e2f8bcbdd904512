"""Session descriptions: ours read back, Chromium's are understood, everything hostile is one exception."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from aiortc.sdp import SessionDescription as AiortcDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from link.rtc.wire.sdp import (
    KINDS,
    MAX_CANDIDATES,
    MAX_SDP_BYTES,
    Candidate,
    InvalidDescription,
    SessionDescription,
    make_answer_media,
    make_offer_media,
    parse_candidate,
    parse_description,
    write_description,
)
from tests.machine import allow

FINGERPRINT = ":".join(["AB"] * 32)
HOST = Candidate("1", 2130706431, "127.0.0.1", 50000, "host")


def describe(setup: str = "actpass", *, offer: bool = True, candidates: list[Candidate] | None = None) -> str:
    media = make_offer_media()
    if not offer:
        media = make_answer_media(media)
    for index, line in enumerate(media):
        line.ssrcs = [100 + index, 200 + index] if line.kind == "video" else [100 + index]
        if line.kind == "video":
            line.rtx_of = {100 + index: 200 + index}
    description = SessionDescription("user", "p" * 22, FINGERPRINT, setup, media, candidates or [HOST], complete=True)
    return write_description(description, offer=offer, cname="name", session=7)


def chromium_offer() -> str:
    """As Chromium writes it, with everything that a leg does not need."""
    transport = [
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:Ab+/",
        "a=ice-pwd:0123456789abcdefghij+/AB",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2 3 4 5",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
    ]
    for index, kind in enumerate(KINDS):
        direction = "sendrecv" if index < 3 else "recvonly"
        if kind == "audio":
            lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", *transport, f"a=mid:{index}"]
            lines += [f"a={direction}", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"]
            lines += ["a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=rtpmap:111 opus/48000/2"]
            lines += ["a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1"]
            lines += ["a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=rtpmap:0 PCMU/8000"]
        else:
            lines += ["m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 103 104 35", *transport, f"a=mid:{index}"]
            lines += [f"a={direction}", "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset"]
            lines += ["a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"]
            lines += ["a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=rtpmap:98 VP9/90000"]
            lines += ["a=fmtp:98 profile-id=0", "a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=98"]
            lines += ["a=rtpmap:103 H264/90000", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 goog-remb", "a=rtcp-fb:96 nack"]
            lines += ["a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:35 AV1/90000"]
            if index < 3:
                lines += [
                    f"a=ssrc-group:FID 10{index} 20{index}",
                    f"a=ssrc:10{index} cname:x",
                    f"a=ssrc:20{index} cname:x",
                ]
    return "\r\n".join(lines) + "\r\n"


def test_chromiums_offer() -> None:
    parsed = parse_description(chromium_offer(), offer=True)
    assert (parsed.ufrag, parsed.setup, parsed.fingerprint, parsed.ours) == ("Ab+/", "actpass", FINGERPRINT, False)
    assert [m.payload_type for m in parsed.media] == [111, 96, 96, 111, 111, 96]
    assert [m.rtx_payload_type for m in parsed.media] == [-1, 97, 97, -1, -1, 97]
    assert [m.time_extension for m in parsed.media] == [0, 2, 2, 0, 0, 2]
    assert [m.mid_extension for m in parsed.media] == [4] * 6
    assert parsed.media[1].rtx_of == {101: 201}
    assert parsed.media[1].nack
    assert not parsed.media[0].nack
    assert parsed.candidates == []


def test_the_answer_to_it() -> None:
    offer = parse_description(chromium_offer(), offer=True)
    media = make_answer_media(offer.media)
    media[1].ssrcs, media[1].rtx_of = [5, 6], {5: 6}
    text = write_description(
        SessionDescription("user", "p" * 22, FINGERPRINT, "active", media, [HOST], complete=True),
        offer=False,
        cname="name",
        session=1,
    )
    parsed = parse_description(text, offer=False)
    assert [m.direction for m in parsed.media] == ["sendrecv"] * 3 + ["sendonly"] * 3
    assert [m.mid for m in parsed.media] == ["0", "1", "2", "3", "4", "5"]
    assert parsed.media[1].rtx_of == {5: 6}
    assert parsed.media[0].nack, "sound is asked for again as well"
    assert parsed.candidates == [HOST]
    assert parsed.complete
    assert parsed.ours
    assert text.count("x-google-start-bitrate=3000") == 1


def test_aiortc_reads_what_we_write() -> None:
    theirs = AiortcDescription.parse(describe())
    assert [m.kind for m in theirs.media] == list(KINDS)
    assert theirs.media[1].ssrc_group[0].items == [101, 201]
    assert theirs.media[0].ice is not None
    assert theirs.media[0].ice.usernameFragment == "user"
    assert theirs.media[0].ice_candidates[0].port == 50000
    assert [c.mimeType for c in theirs.media[2].rtp.codecs] == ["video/VP8", "video/rtx"]


def test_a_browser_may_send_nothing() -> None:
    text = chromium_offer().replace("a=sendrecv", "a=recvonly")
    media = make_answer_media(parse_description(text, offer=True).media)
    assert {m.direction for m in media} == {"sendonly"}


def without(text: str) -> str:
    return "\r\n".join(line for line in describe().split("\r\n") if not line.startswith(text))


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "v=0",
        "hello",
        "v=0\r\n" + "a=x\r\n" * (MAX_SDP_BYTES // 5),
        "é" * (MAX_SDP_BYTES // 2 + 1),
        describe() + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 3,
        describe() + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
        describe().replace("m=video", "m=audio", 1),
        describe().replace("VP8/90000", "VP9/90000"),
        describe().replace("opus/48000/2", "PCMU/8000"),
        describe().replace("a=mid:1", "a=mid:0"),
        describe().replace("a=mid:1", "a=mid:" + "1" * 17),
        describe().replace("BUNDLE 0 1 2 3 4 5", "BUNDLE 0 1 2"),
        describe().replace("sha-256", "sha-1"),
        describe().replace(FINGERPRINT, FINGERPRINT[:-3]),
        describe().replace("a=setup:actpass", "a=setup:holdconn"),
        describe().replace("a=ice-ufrag:user", "a=ice-ufrag:u"),
        describe().replace("a=ice-pwd:" + "p" * 22, "a=ice-pwd:short"),
        describe().replace("a=rtpmap:96", "a=rtpmap:٩٦"),
        describe().replace("SAVPF 96", "SAVPF ٩٦"),
        describe().replace("a=rtpmap:96", "a=rtpmap:" + "9" * 5000),
        describe().replace("a=ssrc:101", "a=ssrc:4294967296"),
        describe().replace("a=extmap:1", "a=extmap:x"),
        describe().replace("a=ssrc-group:FID 101 201", "a=ssrc-group:FID 101"),
        describe().replace("a=ice-ufrag:user", "a=ice-ufrag:" + "u" * 33),
        without("a=ice-ufrag"),
        without("a=fingerprint"),
        without("a=setup"),
        without("a=rtcp-mux"),
        without("a=mid"),
        without("a=group"),
        without("a=rtpmap"),
    ],
)
def test_hostile_descriptions(sdp: str) -> None:
    with pytest.raises(InvalidDescription):
        parse_description(sdp, offer=True)


@pytest.mark.parametrize(
    "odd",
    [
        "candidate:1 1 udp 2 127.0.0.1 99999 typ host",
        "candidate:1 1 udp 2 127.0.0.1 9 typ evil",
        "candidate:1 1 udp 99999999999 127.0.0.1 9 typ host",
        "candidate:1 1 udp 2 127.0.0.1 9 typ host odd",
        "candidate:" + "x" * 600,
        "candidate:",
        "candidate",
    ],
)
def test_one_odd_candidate_does_not_spoil_the_others(odd: str) -> None:
    for position in (f"a={HOST}", "a=end-of-candidates"):
        parsed = parse_description(describe().replace(position, f"a={odd}\r\n{position}"), offer=True)
        assert parsed.candidates == [HOST]


def test_surplus_candidates_are_passed_over() -> None:
    parsed = parse_description(describe(candidates=[HOST] * (MAX_CANDIDATES + 20)), offer=True)
    assert parsed.candidates == [HOST] * MAX_CANDIDATES


def test_an_answer_decides_the_role() -> None:
    with pytest.raises(InvalidDescription):
        parse_description(describe("actpass", offer=False), offer=False)
    assert parse_description(describe("passive", offer=False), offer=False).setup == "passive"


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_mutants_are_accepted_or_invalid_and_quick(seed: int, changes: int) -> None:
    chance = random.Random(seed)
    lines = chromium_offer().split("\r\n")
    for _ in range(changes):
        at = chance.randrange(len(lines))
        line = lines[at]
        match chance.randrange(6):
            case 0:
                lines.pop(at)
            case 1:
                lines.insert(chance.randrange(len(lines)), line)
            case 2:
                lines[at] = line[: chance.randrange(len(line) + 1)]
            case 3:
                cut = chance.randrange(len(line) + 1)
                lines[at] = line[:cut] + chr(chance.randrange(0x11000)) + line[cut:]
            case 4:
                lines[at] = line.replace("0", "99999999999")
            case _:
                lines[at] = line * chance.randrange(20)
        if not lines:
            break
    begin = time.perf_counter()
    with contextlib.suppress(InvalidDescription):
        parse_description("\r\n".join(lines), offer=True)
    assert time.perf_counter() - begin < allow(0.25)


@pytest.mark.parametrize(
    "line", ["a=rtpmap:", "m=" + "video " * 5000, "a=fmtp:96 " + "apt=" * 9000, "a=candidate:" + "1 " * 9000]
)
def test_the_largest_description_is_quick(line: str) -> None:
    text = (describe() + (line + "\r\n") * (MAX_SDP_BYTES // len(line)))[: MAX_SDP_BYTES - 1]
    begin = time.perf_counter()
    with contextlib.suppress(InvalidDescription):
        parse_description(text, offer=True)
    assert time.perf_counter() - begin < allow(0.25)


class TestCandidates:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host", HOST),
            (
                (
                    "candidate:842163049 1 UDP 1677729535 203.0.113.9 46154 typ srflx raddr 0.0.0.0 rport 0 "
                    "generation 0 ufrag Ab+/ network-cost 999"
                ),
                Candidate("842163049", 1677729535, "203.0.113.9", 46154, "srflx"),
            ),
            (
                "candidate:1 1 udp 2 0b3a8b5c-1d2e-4f60-9a7b-112233445566.local 9 typ host",
                Candidate("1", 2, "0b3a8b5c-1d2e-4f60-9a7b-112233445566.local", 9, "host"),
            ),
            ("candidate:1 1 udp 2 2001:DB8::1 9 typ relay", Candidate("1", 2, "2001:db8::1", 9, "relay")),
            ("candidate:1 1 tcp 2 127.0.0.1 9 typ host tcptype active", None),
            ("candidate:1 2 udp 2 127.0.0.1 9 typ host", None),
            ("candidate:1 1 udp 2 example.org 9 typ host", None),
            ("candidate:1 1 udp 2 127.0.0.1 0 typ host", None),
            ("candidate:1 1 udp 2 127.0.0.1 9 typ prflx", None),
            ("candidate:1 1 udp 2 fe80::1%eth0 9 typ host", None),
            ("candidate:1 1 udp 2 224.0.0.251 5353 typ host", None),
            ("candidate:1 1 udp 2 ff02::fb 5353 typ host", None),
            ("candidate:1 1 udp 2 0.0.0.0 9 typ host", None),
            ("candidate:1 1 udp 2 255.255.255.255 9 typ host", None),
        ],
    )
    def test_read(self, text: str, expected: Candidate | None) -> None:
        assert parse_candidate(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "candidate:",
            "candidate:1 1 udp 2 127.0.0.1 99999 typ host",
            "candidate:1 1 udp 99999999999 127.0.0.1 9 typ host",
            "candidate:1 1 udp 2 127.0.0.1 9 typ evil",
            "candidate:1 1 udp 2 127.0.0.1 ٩ typ host",
            "candidate:1 1 udp 2 127.0.0.1 9 typ host odd",
            "candidate:1 1 udp 2 127.0.0.1 9 typ host\r\na=setup:active",
            "candidate:1 1 udp 2 127.0.0.1 9 typ host" + " a b" * 200,
        ],
    )
    def test_hostile(self, text: str) -> None:
        with pytest.raises(InvalidDescription):
            parse_candidate(text)

    @given(st.text(max_size=60))
    def test_anything_is_read_or_invalid(self, text: str) -> None:
        with contextlib.suppress(InvalidDescription):
            parse_candidate(text)

    def test_written_as_read(self) -> None:
        assert parse_candidate(str(HOST)) == HOST
