"""Everything in the corpora, and thousands of mutants of it, is taken or refused, in time and within bounds."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from link.rtc.leg import Leg
from link.rtc.wire.sdp import InvalidDescription
from tests.link.rtc.fuzz.receiver import Receiver
from tests.link.rtc.fuzz.targets import CORPUS, TARGETS, Authentic, RtcpPacket, RtpPacket, Sdp, Target, pack, unpack

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
CASES = {"sdp": 4_000, "rtp": 20_000, "rtcp": 20_000, "turn": 10_000, "authentic": 500}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_corpus_is_replayed(target: Target) -> None:
    assert len(target.seeds) >= 2
    for seed in target.seeds:
        target.check(seed)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutants(target: Target) -> None:
    for case in islice(target.mutants(seed=1), CASES[target.name] * (20 if BIG else 1)):
        target.check(case)


def test_mutants_are_the_same_for_the_same_seed() -> None:
    for target in TARGETS:
        assert list(islice(target.mutants(7), 20)) == list(islice(target.mutants(7), 20))
        assert list(islice(target.mutants(7), 20)) != list(islice(target.mutants(8), 20))


def test_the_good_of_the_corpus_is_understood() -> None:
    """Mutants of what is refused at the door would try nothing."""
    for target in (RtpPacket(), RtcpPacket()):
        for seed in target.seeds:
            target.run(seed)
    receiver = Receiver()
    for index, packet in enumerate(unpack((CORPUS / "authentic" / "streams.bin").read_bytes())):
        receiver.take([packet], 100 + index / 30)
    assert receiver.ingress.refused == receiver.refused_by_srtp == 0
    assert len(receiver.recorded[0]) == len(receiver.recorded[1]) == 12
    assert receiver.slot.packets == 12
    assert receiver.slot.rtx.packets > 0


def test_most_mutants_reach_the_parsers() -> None:
    taken = refused = 0
    for case in islice(Authentic().mutants(2), 50):
        receiver = Receiver()
        for index, packet in enumerate(unpack(case)):
            receiver.take([packet], 100 + index / 20)
        taken += receiver.taken
        refused += receiver.refused_by_srtp
    assert refused < taken / 2


def test_packing_is_undone() -> None:
    assert unpack(pack([b"", b"abc", bytes(1400)])) == [b"", b"abc", bytes(1400)]
    assert unpack(b"\0\5ab") == [b"ab"]


async def test_a_leg_answers_mutants_or_says_no(no_task_left: None) -> None:
    """What the reader lets through must not harm what comes behind it."""
    answered = 0
    for case in islice(Sdp().mutants(seed=3), 60):
        leg = Leg("fuzzed", loopback=True)
        try:
            answer = await leg.answer(case.decode(errors="surrogateescape"))
        except InvalidDescription:
            continue
        finally:
            await leg.close()
        answered += 1
        assert answer.startswith("v=0\r\n")
    assert answered > 5
