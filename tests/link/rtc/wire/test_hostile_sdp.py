"""Session descriptions made to hurt: each is taken or is one clean error, within milliseconds, and a leg goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from link.rtc.leg import Leg, LegState
from link.rtc.wire.sdp import MAX_SDP_BYTES, MID, InvalidDescription, parse_description
from tests.link.rtc.test_leg import Pair, until
from tests.link.rtc.wire.test_sdp import describe
from tests.machine import slower

BOUND = 0.05
"""Seconds of CPU; the test plan has 0.25."""
DIGITS = "9" * 400


def put(*lines: str) -> Callable[[str], str]:
    """These lines in the first m-section."""

    def change(sdp: str) -> str:
        head, mark, tail = sdp.partition("a=rtcp-mux\r\n")
        return head + mark + "".join(f"{line}\r\n" for line in lines) + tail

    return change


def swap(old: str, new: str, count: int = -1) -> Callable[[str], str]:
    return lambda sdp: sdp.replace(old, new, count)


def fill(text: str) -> Callable[[str], str]:
    """As much of this as fits."""
    return lambda sdp: put(*[text] * ((MAX_SDP_BYTES - len(sdp)) // (len(text) + 2)))(sdp)


REFUSED: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "10,000 m-lines": lambda sdp: sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 10_000,
    "10,000 short m-lines": lambda _: "v=0\r\n" + "m=\r\n" * 10_000,
    "line feeds": lambda _: "\n" * MAX_SDP_BYTES,
    "carriage returns alone": swap("\r\n", "\r"),
    "line feed, then carriage return": swap("\r\n", "\n\r"),
    "next line": swap("\r\n", "\x85"),
    "line separators": swap("\r\n", "\u2028"),
    "a mark of byte order": lambda sdp: "\ufeff" + sdp,
    "one byte too many": lambda sdp: sdp + "a" * (MAX_SDP_BYTES + 1 - len(sdp)),
    "too long in bytes": lambda sdp: sdp + "é" * ((MAX_SDP_BYTES - len(sdp)) // 2 + 1),
    "too long with surrogates": lambda sdp: sdp + "\ud800" * MAX_SDP_BYTES,
    "NUL in a mid": swap("a=mid:0", "a=mid:0\0"),
    "a surrogate in a mid": swap("a=mid:0", "a=mid:\ud800"),
    "two mids alike": swap("a=mid:1", "a=mid:0"),
    "an SSRC of 400 digits": put(f"a=ssrc:{DIGITS} cname:x"),
    "a payload type of 400 digits": put(f"a=rtpmap:{DIGITS} opus/48000/2"),
    "an apt of 400 digits": put(f"a=fmtp:97 apt={DIGITS}"),
    "an extension of 400 digits": put(f"a=extmap:{DIGITS} {MID}"),
    "a port of 400 digits": swap("m=audio 9 ", f"m=audio {DIGITS} ", 1),
    "digits of another script": put("a=ssrc:٣ cname:x"),
    "a superscript digit": put("a=ssrc:² cname:x"),
    "minus one": put("a=ssrc:-1 cname:x"),
    "plus one": put("a=ssrc:+1 cname:x"),
    "digits with a line under": put("a=ssrc:1_0 cname:x"),
    "129 formats": swap("SAVPF 111", "SAVPF" + " 111" * 129, 1),
    "a fingerprint of 60 KB": put("a=fingerprint:sha-256 " + "AB:" * 20_000),
    "a bundle of 20,000": swap("a=group:BUNDLE", "a=group:BUNDLE" + " 0" * 20_000),
    "a group of nobody": put("a=ssrc-group:FID "),
}
TAKEN: dict[str, Callable[[str], str]] = {
    "line feeds alone": swap("\r\n", "\n"),
    "an empty line": swap("a=mid:0\r\n", "a=mid:0\n\r\n", 1),
    "a value of 60 KB": put("a=x:" + "y" * 60_000),
    "NUL in what nobody reads": put("a=x:\0\0\0"),
    "a surrogate in what nobody reads": put("a=x:\ud800\udfff"),
    "an SSRC that repairs itself": put("a=ssrc-group:FID 5 5", "a=ssrc:5 x"),
    "SSRCs that repair each other": put("a=ssrc-group:FID 5 6", "a=ssrc-group:FID 6 5", "a=ssrc:5 x", "a=ssrc:6 x"),
    "a group of thousands": put("a=ssrc-group:FID " + " ".join(map(str, range(9000)))),
    "hundreds of groups": put(*[f"a=ssrc-group:FID {n} {n + 1}" for n in range(1000)]),
    "hundreds of SSRCs": put(*[f"a=ssrc:{n} x" for n in range(1000)]),
    "one SSRC for all": lambda sdp: sdp.replace("a=ssrc:101", "a=ssrc:100").replace("a=ssrc:102", "a=ssrc:100"),
    "thousands of feedbacks": fill("a=rtcp-fb:* nack"),
    "thousands of maps": fill("a=rtpmap:100 opus/48000/2"),
    "thousands of extensions": fill(f"a=extmap:1/{'x' * 30} {MID}"),
    "a priority of 400 digits": put(f"a=candidate:1 1 udp {DIGITS} 127.0.0.1 9 typ host"),
    "a wide address": put("a=candidate:1 1 udp 1 １２７.0.0.1 9 typ host"),
    "a candidate without an end": put("a=candidate:1 1 udp 1 127.0.0.1 9 typ host" + " a" * 229),
    "51 candidates": put(*["a=candidate:1 1 udp 1 127.0.0.1 9 typ host"] * 51),
    "a colon address": put("a=candidate:1 1 udp 1 " + ":" * 80 + " 9 typ host"),
    "a zone": put("a=candidate:1 1 udp 1 fe80::1%lo 9 typ host"),
    "every candidate somewhere else": put(*[f"a=candidate:1 1 udp 1 192.0.2.{n} 9 typ host" for n in range(40)]),
}


def cpu(sdp: str) -> tuple[bool, float]:
    """Whether it is taken, and the seconds of CPU that this takes."""
    begin = time.thread_time()
    said = ""
    try:
        parse_description(sdp, offer=True)
    except InvalidDescription as error:
        said = str(error)
    assert len(said) < 60, "the error does not repeat what it refuses"
    return not said, time.thread_time() - begin


@pytest.mark.parametrize("kind", [*REFUSED, *TAKEN])
def test_it_is_taken_or_refused_within_its_time(kind: str) -> None:
    sdp = {**REFUSED, **TAKEN}[kind](describe())
    taken, seconds = min(cpu(sdp) for _ in range(2))
    assert taken is (kind in TAKEN)
    assert seconds < BOUND * slower()


@pytest.mark.parametrize("kind", ["10,000 m-lines", "a surrogate in a mid", "an SSRC of 400 digits"])
async def test_a_leg_that_refused_one_offer_takes_the_next(kind: str, no_task_left: None) -> None:
    pair = Pair()
    offer = await pair.offerer.offer()
    with capture_logs() as logs, pytest.raises(InvalidDescription):
        await pair.answerer.answer(REFUSED[kind](offer))
    assert pair.offerer._transport.password not in str(logs)
    await pair.offerer.accept(await pair.answerer.answer(offer))
    await until(lambda: pair.offerer.state is pair.answerer.state is LegState.CONNECTED)
    await pair.close()


@pytest.mark.parametrize("kind", [kind for kind in TAKEN if kind != "one SSRC for all"])
async def test_a_leg_that_took_it_still_connects(kind: str, no_task_left: None) -> None:
    offerer, answerer = Leg("offerer", loopback=True), Leg("answerer", loopback=True)
    with capture_logs() as logs:
        answer = await answerer.answer(TAKEN[kind](await offerer.offer()))
        await offerer.accept(answer)
        await until(lambda: offerer.state is answerer.state is LegState.CONNECTED)
        await offerer.close()
        await answerer.close()
    said = str(logs)
    for secret in (offerer._transport.password, answerer._transport.password, "127.0.0.1", "a=fingerprint"):
        assert secret not in said
