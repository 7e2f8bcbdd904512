"""A customer who gives no stars does not keep the session open."""

from __future__ import annotations

from link.protocol import client as m
from link.protocol.server import Ring
from link.protocol.values import SessionState
from tests.server.calls.bank import Bank, eventually


async def test_a_session_closes_once_the_customer_is_gone_and_the_disposition_there(bank: Bank) -> None:
    ann = await bank.specialist("ann")
    kiosk = await bank.kiosk("k1")
    await kiosk.call()
    active = await ann.answer_ring(await ann.hear(Ring))
    await kiosk.ask(m.CallEnd(active.id))
    await ann.state(SessionState.ENDED)
    await kiosk.ask(m.Rate(active.id, None))
    await kiosk.ask(m.Rate(active.id, None))
    await ann.ask(m.Dispose(active.id, "resolved", "all well"))
    await kiosk.state(SessionState.CLOSED)
    await eventually(lambda: bank.rooms.get(active.id) is None)
    assert (await bank.kinds(active.id)).count("rating_skipped") == 1
