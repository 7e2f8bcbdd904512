"""A bad network between a kiosk and the server is seen, said to both faces, journaled, and over when it is over."""

from __future__ import annotations

import asyncio
import time

import pytest

from link.protocol import client as m
from link.protocol.values import NetworkQuality, Session
from link.rtc.leg import Leg
from link.rtc.quality import Judgement, Reason
from link.rtc.statistics import LegStatistics
from server.calls.quality_monitor import QualityMonitor
from server.session import events as e
from tests.big import big
from tests.server.calls.bank import Bank
from tests.server.calls.media import Media

# On a quiet machine 12 and 20 s: the judge takes 1.5 s and 6 s, and what was lost is forgotten after 4 s more.
WEAK_S, GOOD_S = 60.0, 60.0


def of_kiosk(view: Session) -> tuple[NetworkQuality, str] | None:
    return next(((n.quality, n.reason) for n in view.network if n.participant == "customer-1"), None)


def lossy(view: Session) -> bool:
    return of_kiosk(view) in ((NetworkQuality.WEAK, "loss"), (NetworkQuality.BAD, "loss"))


@big
@pytest.mark.alone
async def test_loss_and_silence_of_a_kiosk_are_told_to_both_faces(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    customer.conditions = {}
    customer.start()
    specialist.start()
    try:
        await customer.arrives()
        await specialist.arrives()
        path = customer.path
        assert path is not None
        begin = time.monotonic()
        path.set(loss=0.08)
        for face in (kiosk, ann):
            view = await face.session(lossy, within=WEAK_S)
            assert [network.participant for network in view.network] == ["customer-1"], "the specialist's is good"
        noticed = time.monotonic() - begin
        # Who comes late, or again, is told with everything else.
        await ann.die()
        await ann.reborn()
        await ann.session(lossy, within=WEAK_S)
        path.set(loss=0.0)
        begin = time.monotonic()
        for face in (kiosk, ann):
            await face.session(lambda view: of_kiosk(view) is None, within=GOOD_S)
        good = time.monotonic() - begin
        begin = time.monotonic()
        await customer.vanish()
        await ann.session(lambda view: of_kiosk(view) == (NetworkQuality.BAD, "silent"), within=30)
        silent = time.monotonic() - begin
        customer.start()
        await ann.session(lambda view: of_kiosk(view) is None, within=30)
        await specialist.arrives()
        print(f"weak after {noticed:.1f} s, good after {good:.1f} s, silent after {silent:.1f} s")
        await ann.ask(m.HangUp(session))
    finally:
        await customer.stop()
        await specialist.stop()
    told = [event for event in await bank.journal(session) if isinstance(event, e.QualityChanged)]
    of_customer = [(event.quality, event.reason) for event in told if event.participant == "customer-1"]
    assert of_customer[0] in (("weak", "loss"), ("bad", "loss"))
    assert ("good", "") in of_customer
    assert ("bad", "silent") in of_customer
    await bank.check(session)


async def test_a_watch_judges_legs_while_there_are_any(monkeypatch: pytest.MonkeyPatch, no_task_left: None) -> None:
    monkeypatch.setattr("server.calls.quality_monitor.EVERY_S", 0.01)
    told: list[tuple[str, str, Judgement]] = []
    changed = asyncio.Event()

    def on_quality(participant: str, leg: str, judgement: Judgement) -> None:
        told.append((participant, leg, judgement))
        changed.set()

    watch, leg, other = QualityMonitor(on_quality), Leg("judged", loopback=True), Leg("other", loopback=True)
    monkeypatch.setattr(leg, "statistics", lambda: LegStatistics(quiet=3.0))
    try:
        watch.add("kiosk", "l1", leg)
        await asyncio.sleep(0.05)
        assert told == [], "what was never connected is not silent"
        await other.accept(await leg.answer(await other.offer()))
        async with asyncio.timeout(30):
            await changed.wait()
        assert told == [("kiosk", "l1", Judgement(NetworkQuality.BAD, Reason.SILENT))], "once, and not again"
        watch.remove("kiosk", "another")
        changed.clear()
        watch.add("kiosk", "l2", leg)
        async with asyncio.timeout(30):
            await changed.wait()
        assert told[1][1] == "l2", "a new leg is judged anew"
        watch.remove("kiosk", "l2")
        assert watch._timer is None
    finally:
        await leg.close()
        await other.close()
