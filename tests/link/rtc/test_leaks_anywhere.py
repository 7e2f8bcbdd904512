"""Legs that end at any stage of their life, by any cause: no task, thread, socket, timer or memory is left of them."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from link.protocol.values import IceServer
from link.rtc.leg import Leg
from link.rtc.relay import LocalTrack, Relay
from link.rtc.transport.turn_framing import RelayUnavailable
from link.rtc.wire.sdp import InvalidDescription
from link.tasks import spawn
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_close import NoHandshake
from tests.link.rtc.test_leaks import KEYFRAME, Left, held, until
from tests.link.rtc.test_leg import Pair
from tests.machine import allow

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
_FINGERPRINT = re.compile(r"sha-256 [0-9A-F:]{95}")
CLOSED_WITHIN = 2.3


async def ends(*legs: Leg) -> None:
    """Close them all at once, as a room does, and in time."""
    begin = time.monotonic()
    await asyncio.gather(*(leg.close() for leg in legs))
    assert time.monotonic() - begin < allow(CLOSED_WITHIN)
    assert all(leg.closed for leg in legs)


async def before_anything(_: random.Random) -> None:
    await ends(Leg("new", loopback=True))


async def after_its_offer(_: random.Random) -> None:
    leg = Leg("offers", loopback=True)
    await leg.offer()
    await ends(leg)


async def while_it_gathers(chance: random.Random) -> None:
    leg = Leg("gathers", loopback=True)
    offering = spawn(leg.offer(), name="offers")
    for _ in range(chance.randrange(5)):
        await asyncio.sleep(0)
    await ends(leg)
    await asyncio.wait([offering])


async def with_a_silent_peer(chance: random.Random) -> None:
    offerer, answerer = Leg("offers", loopback=True), Leg("answers", loopback=True)
    await answerer.answer(LossyPath.hide(await offerer.offer()))
    await asyncio.sleep(chance.random() * 0.1)
    await ends(*chance.sample([offerer, answerer], 2))


async def with_a_peer_that_answers_nonsense(chance: random.Random) -> None:
    offerer = Leg("offers", loopback=True)
    offer = await offerer.offer()
    for wrong in ("", "v=0", offer, offer[: chance.randrange(len(offer))]):
        try:
            await offerer.accept(wrong)
        except InvalidDescription:
            continue
        raise AssertionError("that was no answer")
    await ends(offerer)


async def with_another_certificate(_: random.Random) -> None:
    pair = Pair()
    answer = await pair.answerer.answer(await pair.offerer.offer())
    await pair.offerer.accept(_FINGERPRINT.sub("sha-256 " + ":".join(["AB"] * 32), answer))
    await until(lambda: pair.offerer.closed)
    await ends(pair.offerer, pair.answerer)


async def within_the_handshake(chance: random.Random) -> None:
    pair, path = Pair(), NoHandshake(chance.randrange(4))
    answer = await pair.answerer.answer(path.hide(await pair.offerer.offer()))
    await pair.offerer.accept(await path.stand_before(answer))
    await until(lambda: path.passes < 0)
    await ends(pair.offerer, pair.answerer)
    path.close()


async def before_the_first_packet(_: random.Random) -> None:
    pair = Pair()
    await pair.connect()
    await ends(pair.answerer)
    await ends(pair.offerer)


async def at_any_moment_of_its_setup(chance: random.Random) -> None:
    pair = Pair()
    connecting = spawn(pair.connect(), name="connects")
    await asyncio.sleep(chance.random() * 0.12)
    await ends(*chance.sample([pair.offerer, pair.answerer], 2))
    connecting.cancel()
    await asyncio.wait([connecting])


async def while_it_is_replaced(chance: random.Random) -> None:
    """The old one is closing while the next is set up, three times in a row, with media on its way."""
    relay, camera = Relay(), LocalTrack("video", "camera")
    closing: list[asyncio.Task[None]] = []
    for step in range(3):
        pair = Pair()
        await pair.connect()
        relay.connect(camera.track, pair.offerer, "camera")
        tap = relay.tap(pair.answerer.tracks["camera"], lambda _: None, lambda _: None)
        camera.push(KEYFRAME, step * 3000, keyframe=True)
        await until(lambda pair=pair: pair.answerer.tracks["camera"].packets > 0)  # type: ignore[misc]
        tap.close()
        either = chance.sample([pair.offerer, pair.answerer], 2)
        closing += [spawn(leg.close(), name="closes") for leg in either]
    begin = time.monotonic()
    await asyncio.wait(closing)
    assert time.monotonic() - begin < allow(CLOSED_WITHIN)


async def with_a_far_end_that_died(_: random.Random) -> None:
    pair, path = Pair(), LossyPath()
    await pair.connect(path)
    path.blocked = True
    await ends(pair.answerer)
    await ends(pair.offerer)
    path.close()


async def without_the_relay_that_it_needs(_: random.Random) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        server = IceServer([f"turn:127.0.0.1:{taken.getsockname()[1]}?transport=tcp"], "1:a", "b")
        leg = Leg("relayed", ice_servers=[server], relay_only=True)
        with pytest.raises(RelayUnavailable):
            await leg.offer()
        await ends(leg)


STAGES: list[Callable[[random.Random], Awaitable[None]]] = [
    before_anything,
    after_its_offer,
    while_it_gathers,
    with_a_silent_peer,
    with_a_peer_that_answers_nonsense,
    with_another_certificate,
    within_the_handshake,
    before_the_first_packet,
    at_any_moment_of_its_setup,
    while_it_is_replaced,
    with_a_far_end_that_died,
    without_the_relay_that_it_needs,
]


async def live(rounds: int, seed: int) -> None:
    """Each stage once in a round, in any order, three at a time."""
    chance = random.Random(seed)
    todo = iter([stage for _ in range(rounds) for stage in chance.sample(STAGES, len(STAGES))])

    async def one_after_another(number: int) -> None:
        for stage in todo:
            await stage(random.Random(f"{seed} {number} {stage.__name__}"))

    await asyncio.gather(*(spawn(one_after_another(n), name=f"lives {n}") for n in range(3)))


async def settled() -> Left:
    """Names are looked up in threads that stay, and a last timer may be under way."""
    await asyncio.sleep(0.7)
    return held()


@pytest.mark.parametrize("stage", STAGES, ids=[stage.__name__ for stage in STAGES])
async def test_an_end_at_this_stage_leaves_nothing(
    stage: Callable[[random.Random], Awaitable[None]], no_task_left: None
) -> None:
    for seed in range(3):
        await stage(random.Random(seed))
    before = held()
    for seed in range(4):
        await stage(random.Random(seed))
    after = held()
    assert (after.tasks, after.descriptors) == (before.tasks, before.descriptors)


@pytest.mark.alone
@pytest.mark.skipif(not BIG, reason="takes minutes: VISAVIS_BIG_TESTS=1")
async def test_a_thousand_ends_leave_nothing(no_task_left: None) -> None:
    await live(15, 1)
    before = await settled()
    for seed in range(2, 7):
        await live(17, seed)
        now = await settled()
        print(f"{(seed - 1) * 17 * len(STAGES)} ends: {now.resident / 1e6:.1f} MB, {now.descriptors} descriptors")
        now.same_as(before)
    assert now.resident - before.resident < 8 << 20
