"""Co-browsing through the rooms: cut, checked, passed on, recorded; and what becomes of holes and floods."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from link.protocol import client as m
from link.protocol.server import CobrowseBatch, CobrowseStale, HighlightNode, PointAt, ServerMessage, TakeSnapshot
from link.protocol.values import SessionState
from link.rate_limit import Bucket
from server.calls.session_cobrowse import MAX_BATCH, UNITS, SessionCobrowse
from server.cobrowse import Sanitiser, sanitise
from server.evidence.integrity_checks import check_accounts
from server.session import events as e
from server.session.media_gate import MediaGate
from tests.server.calls.bank import Bank, Party, eventually
from tests.server.evidence.recorded import customers_page


def moves(count: int = 1) -> str:
    """A batch of pointer moves, which needs no document."""
    positions = [{"x": 1, "y": 2, "id": 3, "timeOffset": 0}] * count
    batch = [{"type": 3, "timestamp": 5, "data": {"source": 1, "positions": positions}}]
    return msgspec.json.encode(batch).decode()


def pieces(text: str, session: str = "s", epoch: str = "e1", batch: int = 0) -> list[m.CobrowsePiece]:
    parts = [text[start : start + UNITS] for start in range(0, len(text), UNITS)]
    return [m.CobrowsePiece(session, epoch, batch, part, len(parts), data) for part, data in enumerate(parts)]


class Screen:
    """A share with ears on every side."""

    def __init__(self) -> None:
        self.told: list[ServerMessage] = []
        self.kept: list[tuple[str, bytes, bool]] = []
        self.holes: list[str] = []
        self.snapshots = 0
        self.left_out: list[dict[str, int]] = []
        self.pauses: list[tuple[float, Callable[[], None]]] = []
        self.time = 1000.0
        self.share = SessionCobrowse(
            "s",
            Sanitiser,
            self.told.append,
            self.keep,
            self.snapshot,
            self.holes.append,
            self.left_out.append,
            later=self.later,
            now=lambda: self.time,
        )
        self.share.obey(MediaGate(recorded=True, screen=True))

    def keep(self, kind: str, data: bytes, *, epoch: str = "", keyframe: bool = False) -> None:
        self.kept.append((kind, data, keyframe))

    def snapshot(self) -> None:
        self.snapshots += 1

    def later(self, pause_s: float, work: Callable[[], None]) -> Screen:
        self.pauses.append((pause_s, work))
        return self

    def cancel(self) -> None:
        self.pauses.append((0.0, lambda: None))

    async def send(self, *parts: m.CobrowsePiece) -> None:
        for part in parts:
            await self.share.accept(part)

    def text(self) -> str:
        return "".join(batch.data for batch in self.told if isinstance(batch, CobrowseBatch))


async def test_a_batch_is_put_together_and_cut_anew() -> None:
    screen = Screen()
    text = moves(2000)
    await screen.send(*pieces(text), *pieces(moves(), batch=1))
    batches = [batch for batch in screen.told if isinstance(batch, CobrowseBatch)]
    assert [(batch.batch, batch.part) for batch in batches][-1] == (1, 0)
    assert {batch.parts for batch in batches[:-1]} == {len(batches) - 1}
    assert all(len(batch.data) <= UNITS for batch in batches)
    assert msgspec.json.decode(screen.text()[: -len(moves())])[0]["data"]["positions"][0]["x"] == 1
    assert [(kind, keyframe) for kind, _, keyframe in screen.kept] == [("rrweb", True), ("rrweb", False)]
    assert screen.snapshots == 0


async def test_replay_can_begin_with_every_full_picture() -> None:
    screen = Screen()
    page = customers_page()
    texts = [page, moves(), page, [page[0]], [page[1], page[0]]]
    for batch, text in enumerate(texts):
        whole = text if isinstance(text, str) else msgspec.json.encode(text).decode()
        await screen.send(*pieces(whole, batch=batch))
    assert [keyframe for _, _, keyframe in screen.kept] == [True, False, True, False, False]
    assert {batch.epoch for batch in screen.told if isinstance(batch, CobrowseBatch)} == {"e1"}


@pytest.mark.parametrize(
    "parts",
    [
        pieces(moves(), batch=1),
        pieces(moves(2000))[1:],
        [*pieces(moves()), *pieces(moves(), batch=2)],
        [*pieces(moves()), *pieces(moves())],
        pieces("[1, 2"),
        pieces('[{"type": 99}]'),
        [m.CobrowsePiece("s", "e1", 0, part, 512, "x" * 20000) for part in range(MAX_BATCH // 20000 + 1)],
    ],
    ids=["late", "tail", "hole", "again", "broken", "unknown", "huge"],
)
async def test_what_cannot_be_shown_costs_the_epoch_and_asks_for_a_picture(parts: list[m.CobrowsePiece]) -> None:
    screen = Screen()
    await screen.send(*parts)
    assert screen.snapshots == 1
    shown = len(screen.told)
    await screen.send(*pieces(moves(), batch=1))
    assert len(screen.told) == shown, "nothing of the lost epoch is shown"
    await screen.send(*pieces(moves(), epoch="e2"))
    assert len(screen.told) == shown + 1


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (pieces(moves(), batch=2)[0], "loss"),
        (pieces(moves(), epoch="e2", batch=3)[0], "loss"),
        (pieces("[1, 2", batch=1)[0], "refused"),
        (m.CobrowsePiece("s", "e1", 1, 0, 2, "x" * (MAX_BATCH + 1)), "overload"),
    ],
)
async def test_what_is_lost_is_a_hole_in_the_record_once(part: m.CobrowsePiece, reason: str) -> None:
    screen = Screen()
    await screen.send(*pieces(moves()))
    screen.share.interrupt("disconnected")
    await screen.send(part, *pieces(moves(), batch=7), *pieces(moves(), batch=8))
    assert screen.holes == ["disconnected", reason]
    screen.share.interrupt("disconnected")
    assert len(screen.holes) == 2, "nothing is shared"


async def test_a_page_that_is_refused_again_and_again_is_asked_ever_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bucket, "take", lambda *_: True)
    screen = Screen()
    for number in range(9):
        await screen.send(*pieces('[{"type": 99}]', epoch=f"e{number}"))
        # What goes on of the lost epoch changes nothing.
        await screen.send(*pieces(moves(), epoch=f"e{number}", batch=1))
        asked = screen.snapshots
        assert sum(isinstance(message, CobrowseStale) for message in screen.told) == number + 1
        if number:
            screen.pauses[-1][1]()
            assert screen.snapshots == asked + 1
    assert [pause for pause, _ in screen.pauses if pause] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert screen.holes == ["refused"] * 9
    assert not screen.kept
    # What comes by itself meanwhile is asked for no more, and after a calm the next loss is the first again.
    await screen.send(*pieces('[{"type": 99}]', epoch="f"))
    await screen.send(*pieces(moves(), epoch="g"))
    assert screen.pauses[-1][0] == 0
    screen.time += 1000
    asked = screen.snapshots
    await screen.send(*pieces("[1, 2", epoch="g", batch=1))
    assert screen.snapshots == asked + 1
    screen.share.obey(MediaGate())
    assert screen.pauses[-1][0] == 0


async def test_what_the_copy_leaves_out_is_told_when_there_is_more_of_it() -> None:
    screen = Screen()

    def omitted(**counts: int) -> str:
        return msgspec.json.encode(
            [{"type": 5, "timestamp": 5, "data": {"tag": "omitted", "payload": counts}}]
        ).decode()

    told = [{}, {"image": 1}, {"image": 1, "nodes": 3}, {"image": 1}, {}, {"nodes": 5}, {"nodes": 6, "secret": 7}]
    for batch, counts in enumerate(told):
        await screen.send(*pieces(omitted(**counts), batch=batch))
    assert screen.left_out == [{"image": 1}, {"image": 1, "nodes": 3}, {"image": 1, "nodes": 6}]


async def test_what_could_not_be_drawn_is_declared_and_asked_for_again() -> None:
    screen = Screen()
    await screen.send(*pieces(moves()))
    assert screen.share.refresh(failed=True)
    assert (screen.holes, screen.snapshots) == (["refused"], 1)
    screen.share.refresh()
    assert not screen.share.refresh(failed=True), "at most once a second"
    assert screen.holes == ["refused"], "a gap that no picture would end is not begun"


async def test_nothing_is_passed_on_while_held() -> None:
    screen = Screen()
    await screen.send(*pieces(moves()))
    screen.share.obey(MediaGate(recorded=True))
    await screen.send(*pieces(moves(), batch=1), *pieces(moves(), epoch="e2"))
    screen.share.refresh()
    assert screen.share.point(0.5, 0.5) is None
    assert screen.share.highlight(3) is None
    assert (len(screen.told), len(screen.kept), screen.snapshots) == (1, 1, 0)
    screen.share.obey(MediaGate(recorded=True, screen=True))
    await screen.send(*pieces(moves(), batch=2))
    assert len(screen.told) == 1, "an epoch with a hole is not taken up again"


async def test_pointer_and_pictures_are_limited() -> None:
    screen = Screen()
    begin = time.monotonic()
    points = [screen.share.point(0.1, 0.2) for _ in range(100)]
    allowed = 30 + 30 * (time.monotonic() - begin) + 1
    assert 30 <= len([point for point in points if point]) <= allowed
    assert points[0] == PointAt("s", 0.1, 0.2)
    for _ in range(10):
        screen.share.refresh()
    assert screen.snapshots == 2
    assert screen.kept[0] == ("point", b'{"x":0.1,"y":0.2}', False)


async def recorded_call(bank: Bank) -> tuple[Party, Party, str]:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.hear(TakeSnapshot)
    return kiosk, ann, session


async def test_over_the_sockets_and_into_the_record(bank: Bank) -> None:
    kiosk, ann, session = await recorded_call(bank)
    for piece in pieces(moves(1500), session):
        kiosk.post(piece)
    first = await ann.hear(CobrowseBatch)
    assert (first.epoch, first.batch, first.parts) == ("e1", 0, 4)
    ann.post(m.Point(session, 0.25, 0.5))
    assert (await kiosk.hear(PointAt)).x == 0.25
    ann.post(m.Point(session))
    assert (await kiosk.hear(PointAt)).x is None
    ann.post(m.Highlight(session, 7))
    assert (await kiosk.hear(HighlightNode)).node == 7
    ann.post(m.CobrowseRefresh(session))
    await kiosk.hear(TakeSnapshot)
    await kiosk.ask(m.CallEnd(session))
    room = bank.rooms.get(session)
    assert room is not None
    await eventually(lambda: room.state.recording == "complete", within=30)
    sealed = [event for event in await bank.journal(session) if isinstance(event, e.SegmentSealed)]
    assert {segment.track for segment in sealed} == {"cobrowse"}
    assert sum(segment.frames for segment in sealed) == 4


async def test_a_picture_of_three_megabytes_reaches_the_console(bank: Bank) -> None:
    kiosk, ann, session = await recorded_call(bank)
    text = moves(90_000)
    assert len(text) > 3_000_000
    for piece in pieces(text, session):
        await kiosk.ask(piece)
    shown: list[CobrowseBatch] = []
    while not shown or shown[-1].part < shown[-1].parts - 1:
        shown.append(await ann.hear(CobrowseBatch))
    assert len("".join(batch.data for batch in shown)) == len(text)
    assert [batch.part for batch in shown] == list(range(shown[0].parts))
    assert (ann.fresh, kiosk.fresh) == (1, 1)


async def test_a_lost_epoch_and_a_lost_kiosk_are_gaps_of_the_track(bank: Bank) -> None:
    kiosk, ann, session = await recorded_call(bank)
    room = bank.rooms.get(session)
    assert room is not None
    for piece in (*pieces(moves(), session), *pieces(moves(), session, batch=5)):
        kiosk.post(piece)
    await ann.hear(CobrowseBatch)
    await asyncio.sleep(0.3)
    kiosk.post(pieces(moves(), session, "e2")[0])
    await ann.hear(CobrowseBatch)
    await kiosk.die()
    await ann.session(lambda view: not view.kiosk_connected)
    ann.post(m.Point(session, 0.25, 0.5))
    await asyncio.sleep(0.3)
    await kiosk.reborn()
    await ann.session(lambda view: view.kiosk_connected)
    kiosk.post(pieces(moves(), session, "e3")[0])
    await ann.hear(CobrowseBatch)
    await kiosk.ask(m.CallEnd(session))
    await eventually(lambda: room.state.recording == "complete", within=30)
    events = await bank.journal(session)
    gaps = [event for event in events if isinstance(event, e.GapDeclared)]
    assert [(gap.track, gap.reason) for gap in gaps] == [("cobrowse", "loss"), ("cobrowse", "disconnected")]
    assert all(gap.end_ms - gap.start_ms >= 250 for gap in gaps)
    sealed = [event for event in events if isinstance(event, e.SegmentSealed)]
    assert sum(segment.frames for segment in sealed) == 3, "the pointer over a lost picture is not recorded"
    assert list(check_accounts(events)) == []


async def test_the_first_picture_is_asked_for_when_it_is_recorded(bank: Bank) -> None:
    kiosk, _, session = await recorded_call(bank)
    assert "recording_started" in await bank.kinds(session)
    kiosk.post(pieces(moves(), session)[0])
    room = bank.rooms.get(session)
    assert room is not None
    await eventually(lambda: any(track.name == "cobrowse" for track in room.state.tracks))


async def test_a_restart_asks_for_a_new_picture(bank: Bank) -> None:
    kiosk, ann, session = await recorded_call(bank)
    kiosk.skip()
    ann.skip()
    await bank.restart()
    await ann.state(SessionState.ACTIVE, within=30)
    await kiosk.hear(TakeSnapshot, within=30)
    # As the kiosk's page does: every picture asked for begins an epoch, until one of them is shown.
    async with asyncio.timeout(30):
        for epoch in range(100):
            for piece in pieces(moves(), session, f"n{epoch}"):
                kiosk.post(piece)
            try:
                await ann.hear(CobrowseBatch, within=0.5)
                break
            except TimeoutError:
                continue


def test_the_sanitiser_takes_what_these_tests_send() -> None:
    clean: list[dict[str, Any]] = msgspec.json.decode(sanitise(moves().encode()))
    assert clean[0]["type"] == 3
