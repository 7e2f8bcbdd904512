"""What the network loses of a kiosk's media comes afterwards: real legs, a real kiosk client, a bad line, real HTTP.

A partition of 5 s and 10 % loss in everyday runs, 20 s with `VISAVIS_BIG_TESTS=1`. And what no kiosk may deliver.
"""

from __future__ import annotations

import asyncio
import io
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from kiosk_client.config import Config
from kiosk_client.devices.loops import MediaLoop, make_loop
from link.protocol import client as m
from link.protocol.late_media import CONTENT_TYPE, MAX_BYTES, LateFrame, pack
from link.protocol.server import MediaComplete, MediaWanted, SessionUpdate
from link.tasks import cancel, spawn
from server.api.http.app_keys import BLOBS, JOURNAL, VAULT
from server.api.late_media import INTAKE
from server.calls import late_media as module
from server.evidence.reader import open_segment
from server.evidence.verify import VerifyReport, verify_session
from server.recording.webm import Block, read_clusters
from server.session import events as e
from tests.big import BIG, first_of
from tests.end_to_end.wire import Wire
from tests.server.calls.bank import Bank, Party, call_request, enrol, eventually
from tests.server.calls.conftest import OpenBank
from tests.server.calls.media import OPUS, Media

FPS = 10
TRACKS = ("customer-1.microphone", "customer-1.camera")


@pytest.fixture(scope="module")
def loop() -> MediaLoop:
    return make_loop("synthetic", width=320, height=180, fps=FPS)


@asynccontextmanager
async def kiosk_client(bank: Bank, wire: Wire, loop: MediaLoop, data: Path) -> AsyncIterator[Agent]:
    """A headless kiosk behind the wire."""
    identity = await enrol(bank.store, "k1")
    behind = DeviceIdentity(Enrolment(wire.url, "k1", "K1"), identity.key)
    agent = Agent(replace(Config(), data=data), behind, Equipment(loop=loop, loopback=True))
    running = spawn(agent.run(), name="agent")
    try:
        await eventually(lambda: agent.client.connected)
        yield agent
    finally:
        agent.stop()
        await asyncio.wait([running], timeout=8)
        await cancel(running)


async def completed(bank: Bank, session: str, within_s: float = 60.0) -> list[e.Event]:
    """The journal, once the recording is complete."""
    async with asyncio.timeout(within_s):
        while True:
            events = await bank.journal(session)
            if any(isinstance(event, e.RecordingCompleted) for event in events):
                return events
            await asyncio.sleep(0.2)


async def verified(bank: Bank, session: str) -> VerifyReport:
    return await verify_session(session, journal=bank.app[JOURNAL], blobs=bank.app[BLOBS], vault=bank.app[VAULT])


def gaps(events: list[e.Event]) -> list[tuple[str, int, int, str]]:
    return [
        (event.track, event.start_ms, event.end_ms, event.reason)
        for event in events
        if isinstance(event, e.GapDeclared) and event.track in TRACKS
    ]


def ends(events: list[e.Event]) -> dict[str, int]:
    """Up to when each track is accounted for."""
    pieces = [event for event in events if isinstance(event, e.SegmentSealed | e.GapDeclared)]
    return {track: max(event.end_ms for event in pieces if event.track == track) for track in TRACKS}


def late(events: list[e.Event], track: str) -> int:
    """Milliseconds of a track that came afterwards."""
    pieces = [event for event in events if isinstance(event, e.SegmentSealed) and event.track == track]
    return sum(event.end_ms - event.start_ms for event in pieces if event.arrived_ms)


async def blocks(bank: Bank, session: str, events: list[e.Event], track: str) -> list[Block]:
    """Everything that is recorded of a track, in the order of time."""
    key = await bank.app[VAULT].open(session)
    pieces = [event for event in events if isinstance(event, e.SegmentSealed) and event.track == track]
    found: list[Block] = []
    for event in sorted(pieces, key=lambda event: event.start_ms):
        found += read_clusters(open_segment(key, event, await bank.app[BLOBS].get(event.blob)))
    return found


def in_order(recorded: list[Block], played: tuple[bytes, ...]) -> bool:
    """Whether what is recorded is a stretch of what was played in a circle: all of it, each once."""
    count = len(played)
    starts = [n for n in range(count) if played[n] == recorded[0].data]
    return any(all(block.data == played[(start + n) % count] for n, block in enumerate(recorded)) for start in starts)


def astray(recorded: list[Block], step_ms: float) -> list[float]:
    """How far each frame lies from where a steady source has it, in milliseconds."""
    off = [block.time_ms - n * step_ms for n, block in enumerate(recorded)]
    middle = statistics.median(off)
    return [abs(one - middle) for one in off]


@pytest.mark.alone
@pytest.mark.parametrize("partition_s", first_of(5.0, 20.0))
async def test_a_record_is_complete_although_the_call_was_not(
    partition_s: float, bank: Bank, loop: MediaLoop, tmp_path: Path
) -> None:
    ann = await bank.specialist("ann")
    async with Wire(f"http://127.0.0.1:{bank.port}") as wire:
        wire.loss = 0.1
        async with kiosk_client(bank, wire, loop, tmp_path / "kiosk") as agent:
            reply = await agent.ask(call_request())
            assert isinstance(reply, SessionUpdate)
            session = reply.session.id
            await ann.answer()
            specialist = Media(ann, session)
            specialist.start()
            try:
                await specialist.arrives(video=30, audio=100)
                wire.part()
                await asyncio.sleep(partition_s)
                wire.heal()
                await specialist.arrives(video=30, audio=100, within=40)
                if BIG:
                    await asyncio.sleep(20)
                await ann.ask(m.HangUp(session))
            finally:
                await specialist.stop()
            events = await completed(bank, session)
            await eventually(lambda: not agent._late._sessions)
            assert list((tmp_path / "kiosk" / "kept").iterdir()) == []
    # A source that is starved for a moment makes nothing, and then nothing is lost.
    # And what is under way in the last moment of a call is not asked for again.
    between = [gap for gap in gaps(events) if gap[2] < ends(events)[gap[0]] or gap[2] - gap[1] > 500]
    assert [gap for gap in between if gap[3] != "no_media" or gap[2] - gap[1] > 1000] == []
    report = await verified(bank, session)
    assert (report.exit_code, report.findings) == (0, [])
    for track in TRACKS:
        assert late(events, track) >= partition_s * 1000 - 100
    sound = await blocks(bank, session, events, "customer-1.microphone")
    assert in_order(sound, loop.sounds)
    worst = sorted(astray(sound, 20.0))
    print(f"sound: {len(sound)} packets, {worst[len(worst) // 2]:.0f} ms astray, worst {worst[-1]:.0f} ms")
    pictures = await blocks(bank, session, events, "customer-1.camera")
    steps = [after.time_ms - before.time_ms for before, after in pairwise(pictures)]
    print(f"pictures: {len(pictures)}, {max(steps)} ms between two at most")
    assert max(steps) < 4 * 1000 / FPS
    assert worst[int(len(worst) * 0.9)] <= 40.0


# --- what is not taken ------------------------------------------------------------------------------------------------


class Deliveries:
    """A kiosk that says that it keeps what it sends, and delivers by hand."""

    def __init__(self, bank: Bank, kiosk: Party, identity: DeviceIdentity) -> None:
        self.bank, self.kiosk, self.identity = bank, kiosk, identity

    async def put(
        self,
        wanted: MediaWanted,
        body: bytes,
        *,
        name: str = "",
        identity: DeviceIdentity | None = None,
        anonymous: bool = False,
        content_type: str = CONTENT_TYPE,
    ) -> int:
        headers = {} if anonymous else (identity or self.identity).headers()
        url = f"http://127.0.0.1:{self.bank.port}/api/kiosk/sessions/{wanted.session}/media/{name or wanted.wanted}"
        async with (
            aiohttp.ClientSession() as http,
            http.put(url, data=io.BytesIO(body), headers={**headers, "Content-Type": content_type}) as response,
        ):
            await response.read()
            return response.status


def sound(wanted: MediaWanted) -> bytes:
    return pack(LateFrame(at_ms, OPUS) for at_ms in range(wanted.start_ms, wanted.end_ms, 20))


async def test_only_what_is_asked_for_is_taken_and_only_once(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_MS", 1000)
    monkeypatch.setattr(module, "AGAIN_S", 0.2)
    identity, other = await enrol(bank.store, "k1"), await enrol(bank.store, "k2")
    kiosk, ann = bank._party("/ws/kiosk", identity.headers), await bank.specialist("ann")
    hands = Deliveries(bank, kiosk, identity)
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    customer.keeps = True
    customer.filming = False
    customer.start()
    specialist.start()
    try:
        await specialist.arrives(video=0, audio=100)
        await customer.vanish()
        await ann.session(lambda view: any(network.reason == "silent" for network in view.network))
        customer.start()
        await specialist.arrives(video=0, audio=100)

        first = await kiosk.hear(MediaWanted)
        assert (first.session, first.track, first.follows) == (session, "microphone", True)
        assert first.after is not None
        assert first.before is not None
        assert first.after.leg != first.before.leg
        good = sound(first)
        assert await hands.put(first, good, identity=other) == 404, "another kiosk's"
        assert await hands.put(first, good, anonymous=True) == 401
        assert await hands.put(first, good, name="another") == 404
        assert await hands.put(first, good, name="%C3%A9%00") == 404
        assert await hands.put(first, good, content_type="text/plain") == 400
        assert await hands.put(first, bytes(MAX_BYTES + 1)) == 413
        monkeypatch.setattr(bank.app[INTAKE], "_left", 0)
        assert await hands.put(first, good) == 429
        monkeypatch.setattr(bank.app[INTAKE], "_left", 2)
        assert await hands.put(first, good) == 204, "after all that it is still asked for"
        assert await hands.put(first, good) == 404, "once"

        taken = [(first.start_ms, first.end_ms)]
        refused: list[tuple[int, int]] = []
        bad = [
            b"nonsense",
            pack([LateFrame(0, OPUS)]),
            pack([LateFrame(1 << 31, OPUS)]),
            pack([LateFrame(first.start_ms, OPUS)]),
        ]
        while True:
            wanted = await kiosk.hear(MediaWanted, lambda message: message.start_ms >= taken[-1][1])
            if refused and refused[-1] == (wanted.start_ms, wanted.end_ms):
                continue
            if not bad:
                break
            assert await hands.put(wanted, bad.pop(0)) == 400
            assert await hands.put(wanted, sound(wanted)) == 404, "a piece that was not fit is not asked for again"
            refused.append((wanted.start_ms, wanted.end_ms))
            if wanted.end_ms - wanted.start_ms < 1000:
                break
        await kiosk.ask(m.CallEnd(session))
        while True:
            # What is left of it; and then the kiosk may forget.
            message = await kiosk.hear(MediaWanted | MediaComplete)  # type: ignore[arg-type]
            if isinstance(message, MediaComplete):
                break
            if await hands.put(message, sound(message)) == 204:
                taken.append((message.start_ms, message.end_ms))
    finally:
        await customer.stop()
        await specialist.stop()
    events = await completed(bank, session)
    report = await verified(bank, session)
    assert (report.exit_code, report.findings) == (0, [])
    lost = [(start, end) for track, start, end, _ in gaps(events) if track == "customer-1.microphone"]
    assert refused
    for start, end in refused:
        assert any(begun <= start + 20 and end - 20 <= ended for begun, ended in joined(lost)), (start, end, lost)
    for start, end in taken:
        assert not any(begun < end - 20 and start + 20 < ended for begun, ended in lost), (start, end, lost)
    assert await hands.put(first, good) == 404, "the session is complete"


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


async def test_of_a_kiosk_that_keeps_nothing_nothing_is_asked(bank: Bank) -> None:
    await one_loss(bank, keeps=False)


async def test_where_nothing_is_to_be_fetched_nothing_is_asked(open_bank: OpenBank) -> None:
    await one_loss(await open_bank(late_media_s=0), keeps=True)


async def one_loss(bank: Bank, *, keeps: bool) -> None:
    """A connection is lost in a call: a gap at once, and nobody waits."""
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    customer.keeps = keeps
    customer.start()
    specialist.start()
    try:
        await specialist.arrives(audio=60)
        await customer.vanish()
        await ann.session(lambda view: any(network.reason == "silent" for network in view.network))
        customer.start()
        await specialist.arrives(audio=60)
        await ann.ask(m.HangUp(session))
        events = await completed(bank, session)
    finally:
        await customer.stop()
        await specialist.stop()
    assert any(end - start > 1000 for track, start, end, _ in gaps(events) if track == "customer-1.microphone")
    assert not any(isinstance(event, e.MediaAwaited) for event in events)
    assert not any(isinstance(message, MediaWanted | MediaComplete) for message in kiosk.messages)


async def test_a_kiosk_that_does_not_answer_is_waited_for_so_long_and_no_longer(open_bank: OpenBank) -> None:
    bank = await open_bank(late_media_s=2)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    customer.keeps = True
    customer.start()
    specialist.start()
    try:
        await specialist.arrives(audio=60)
        await customer.vanish()
        await ann.session(lambda view: any(network.reason == "silent" for network in view.network))
        await ann.ask(m.HangUp(session))
        ended = await ann.session(lambda view: not view.kiosk_connected or view.ended_by is not None)
        assert ended.ended_by is not None, "people are done with it at once"
        events = await completed(bank, session)
    finally:
        await customer.stop()
        await specialist.stop()
    kinds = [e.kind(event) for event in events]
    assert kinds.index("ended") < kinds.index("recording_completed")
    assert {reason for track, _, _, reason in gaps(events) if track == "customer-1.microphone"} <= {
        "no_media", "disconnected",
    }  # fmt: skip
    report = await verified(bank, session)
    assert (report.exit_code, report.findings) == (0, [])
