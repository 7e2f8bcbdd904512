"""What earlier programs journaled and later ones refuse: it happened, and folds as it did."""

from __future__ import annotations

import pytest

from link.protocol import client as m
from link.protocol.values import DocumentState, SessionState
from link.signaling.client import Refused
from server.api.http.app_keys import JOURNAL
from server.session import events as e
from server.session.machine import Machine
from tests.server.calls.bank import Bank, eventually
from tests.server.session.playbook import DOCUMENT, Playbook, talking

ON_HOLD = (e.Held(), e.DocumentRequested("d1", "id_card"))


def test_a_document_that_was_asked_for_on_hold_is_part_of_the_past() -> None:
    book = talking()
    asked = (*ON_HOLD, e.DocumentAnswered("d1", agreed=True), DOCUMENT)
    state = Machine.replay([*book.journal, *((event, 5000) for event in asked)]).state
    assert state.phase is SessionState.HELD
    document = state.document("d1")
    assert document is not None
    assert document.state is DocumentState.STORED


@pytest.mark.parametrize("before", [[], [e.Unheld()], [e.DocumentAnswered("d1", agreed=False)]])
def test_what_follows_the_past_is_asked_as_today(before: list[e.Event]) -> None:
    book = Playbook()
    book.machine = Machine.replay([*talking().journal, *((event, 5000) for event in (*ON_HOLD, *before))])
    if book.state.phase is SessionState.HELD:
        book.refused(e.DocumentRequested("d2", "id_card")).so(e.Unheld())
    book.so(e.DocumentRequested("d2", "id_card"))


async def test_a_session_with_an_old_journal_is_taken_up_and_goes_on(bank: Bank) -> None:
    """Before, the server left out the whole call when it was started again: nobody got it back."""
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await ann.ask(m.Hold(session, True))
    await kiosk.state(SessionState.HELD)
    with pytest.raises(Refused) as refused:
        await ann.ask(m.DocumentRequest(session, "id_card"))
    assert refused.value.code == "wrong_state"
    asked = e.DocumentRequested("d1", "id_card")  # as an earlier program let it be
    await bank.app[JOURNAL].append(session, [(e.kind(asked), e.encode(asked))])
    await bank.restart()
    await eventually(lambda: bank.rooms.get(session) is not None)
    view = await kiosk.session(lambda view: view.kiosk_connected and view.specialist_connected)
    assert (view.id, view.state) == (session, SessionState.HELD)
    assert [document.id for document in view.documents] == ["d1"]
    await kiosk.ask(m.DocumentAnswer(session, "d1", False))
    await ann.ask(m.Hold(session, False))
    await ann.ask(m.DocumentRequest(session, "id_card"))
    await bank.check(session)
