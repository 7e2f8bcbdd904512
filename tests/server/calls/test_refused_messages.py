"""Every message that a face may not send, or that names what is somebody else's, leaves a row in the audit log."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from link.protocol import client as m
from link.protocol.errors import Unavailable, VisavisError
from link.protocol.values import Consent, Face, Language
from link.signaling.client import Refused
from server.api.http.app_keys import AUDIT, TALLY
from server.journal.audit import AuditEntry
from server.journal.tally import ROWS_EACH
from tests.server.calls.bank import NOTICE_VERSION, Bank, Party

FOREIGN: Mapping[str, object] = {
    "session": "foreign",
    "leg": "l1",
    "sdp": "v=0",
    "candidate": "",
    "mid": "0",
    "id": "c1",
    "text": "x",
    "held": True,
    "paused": True,
    "focused": True,
    "outcome": "resolved",
    "note": "",
    "label": "other",
    "document": "d1",
    "accepted": True,
    "agreed": True,
    "reason": "left",
    "stars": 5,
    "step": "start",
    "x": 0.5,
    "y": 0.5,
    "node": 1,
    "available": True,
    "kiosk": "k9",
    "person": "p9",
    "role": "specialist",
    "joins": True,
    "participant": "customer-1",
    "mode": "hold",
    "done": False,
    "epoch": "e",
    "batch": 0,
    "part": 0,
    "parts": 1,
    "data": "[]",
    "request": "r",
    "service": "wealth",
    "language": "zh-CN",
    "consent": msgspec.to_builtins(Consent(NOTICE_VERSION, Language.ZH)),
}


def every_message() -> list[m.ClientBase]:
    """One of each kind that names a session, a leg or a kiosk which is not the sender's."""
    made = []
    for kind in m.ClientMessage.__args__:
        fields = {name: FOREIGN[name] for name in kind.__struct_fields__ if name in FOREIGN}
        made.append(msgspec.convert(fields | {"type": kind.__struct_config__.tag}, kind))
    return made


def on_a_face(message: m.ClientBase, face: Face) -> bool:
    return face in message.faces


async def code(party: Party, message: m.ClientBase) -> str:
    try:
        await party.client.request(message, timeout=20)  # type: ignore[arg-type]
    except Refused as error:
        return error.code
    except (VisavisError, Unavailable) as error:
        return error.code
    return "taken"


async def rows(bank: Bank) -> list[AuditEntry]:
    await bank.app[TALLY].sweep()
    return [entry for entry in await bank.app[AUDIT].read(limit=10_000) if entry.action.startswith("refused")]


@pytest.mark.parametrize("face", [Face.KIOSK, Face.CONSOLE])
async def test_every_foreign_message_leaves_a_row(bank: Bank, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.tally.ROWS_EACH", 100)  # there are more kinds than rows for one source
    party = await bank.kiosk("k1") if face is Face.KIOSK else await bank.specialist("ann")
    expected = 0
    for message in every_message():
        before = len(await rows(bank))
        outcome = await code(party, message)
        if outcome not in ("not_allowed", "not_found"):
            assert on_a_face(message, face), message
            continue
        expected += 1
        after = await rows(bank)
        assert len(after) == before + 1, message
        assert after[-1].action == f"refused.{outcome}"
        assert after[-1].object == f"{face} {message.__struct_config__.tag}"
        assert after[-1].actor.startswith("kiosk:k1" if face is Face.KIOSK else "person:")
    assert expected >= 18


async def test_notifications_too_and_a_flood_is_a_sum(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    for number in range(200):
        kiosk.post(m.FormStep("foreign", f"s{number}"))
    await code(kiosk, m.LegPrepare("foreign"))
    found = await rows(bank)
    assert len(found) == ROWS_EACH
    await bank.app[TALLY].sweep(everything=True)
    *_, summed = await rows(bank)
    assert msgspec.json.decode(summed.detail) == {"more": 201 - ROWS_EACH, "source": "kiosk:k1"}


async def test_an_honest_call_is_refused_nothing(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", "hello"))
    await ann.ask(m.NoteSave(session, "a note"))
    await kiosk.ask(m.CallEnd(session))
    await ann.ask(m.Dispose(session, "resolved", ""))
    assert await rows(bank) == []
