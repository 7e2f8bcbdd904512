"""Chat, notes and words about documents: not on the disk in clear, there after a restart, gone with the data key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from link.protocol import client as m
from link.protocol.server import ChatMessage
from link.protocol.values import SessionState
from server.api.http.app_keys import BLOBS, JOURNAL, READER, STORE, VAULT
from server.evidence.export import export_session
from server.evidence.manifest import tell
from server.evidence.verify import Verdict, verify_session
from server.session import events as e
from tests.server.calls.bank import Bank, Party, eventually, locked

WORDS = {
    "chat": "Zebra-7731 is what I call my account",
    "answer": "Thank you, Quagga-4452 is noted",
    "note": "Okapi-1180 wants to move the money",
    "request": "the paper with Tapir-9034 on it",
    "reject": "Gnu-5529 cannot be read",
    "outcome": "Ibex-6617 calls again on Monday",
}


async def call_with_words(bank: Bank) -> tuple[str, Party, Party]:
    """A call in which everything is written that can be, up to the disposition."""
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", WORDS["chat"]))
    await ann.ask(m.ChatSend(session, "c2", WORDS["answer"]))
    await ann.ask(m.NoteSave(session, WORDS["note"]))
    await ann.ask(m.DocumentRequest(session, "other", WORDS["request"]))
    room = bank.rooms.get(session)
    assert room is not None
    document = room.state.documents[0].id
    stored = e.DocumentStored(document, "0" * 64, 1, "image/jpeg", 1, 1, "b", "o", "0" * 64)
    await room.submit(e.DocumentAnswered(document, True), stored)
    await ann.ask(m.DocumentDecide(session, document, False, WORDS["reject"]))
    return session, kiosk, ann


async def finish(bank: Bank, session: str, kiosk: Party, ann: Party) -> None:
    await kiosk.ask(m.CallEnd(session))
    await ann.ask(m.Dispose(session, "resolved", WORDS["outcome"]))
    await kiosk.ask(m.Rate(session, 5))
    await eventually(lambda: bank.rooms.get(session) is None, within=30)


def in_clear(folder: Path) -> list[str]:
    """Words that can be found in any file below `folder`."""
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return [word for word in WORDS.values() if word.encode() in content]


async def moments(bank: Bank, session: str) -> str:
    """What a player is told."""
    entries = await bank.app[JOURNAL].read(session)
    box = await bank.app[READER].box(session)
    told = tell(session, entries, started_us=entries[0].at_us, live=False, box=box)
    return json.dumps([moment.data for moment in told.moments], ensure_ascii=False)


async def test_nothing_that_was_written_lies_on_the_disk(bank: Bank) -> None:
    session, kiosk, ann = await call_with_words(bank)
    assert in_clear(bank.config.data) == []
    await finish(bank, session, kiosk, ann)
    assert in_clear(bank.config.data) == []
    told = await moments(bank, session)
    assert all(word in told for word in WORDS.values())
    assert "sealed" not in told


async def test_a_restarted_server_knows_it_all_and_so_do_both_ends(bank: Bank) -> None:
    session, kiosk, ann = await call_with_words(bank)
    before = bank.rooms.get(session)
    assert before is not None
    state = before.state
    for party in (kiosk, ann):
        party.skip()
    await bank.restart()
    room = bank.rooms.get(session)
    assert room is not None
    assert (room.state.chat, room.state.note, room.state.documents) == (state.chat, state.note, state.documents)
    assert [line.text for line in room.state.chat] == [WORDS["chat"], WORDS["answer"]]
    for party in (kiosk, ann):
        lines = [(await party.hear(ChatMessage, within=20)).chat.text for _ in range(2)]
        assert lines == [WORDS["chat"], WORDS["answer"]]
    await kiosk.ask(m.ChatSend(session, "c1", WORDS["chat"]))
    assert len(room.state.chat) == 2, "what was said before is not said again"
    await ann.session(lambda view: view.state is SessionState.ACTIVE, within=20)
    await bank.check(session)


async def test_with_the_key_it_is_gone_for_good(bank: Bank, tmp_path: Path) -> None:
    session, kiosk, ann = await call_with_words(bank)
    await finish(bank, session, kiosk, ann)
    app = bank.app
    exported = tmp_path / "before"
    with pytest.raises(Exception, match="left out"):  # the made-up document
        await export_session(session, exported, journal=app[JOURNAL], blobs=app[BLOBS], vault=app[VAULT])
    texts = (exported / "texts.jsonl").read_text("utf-8")
    assert all(word in texts for word in WORDS.values())
    assert not any(word in (exported / "journal.jsonl").read_text("utf-8") for word in WORDS.values())
    await app[VAULT].destroy(session)
    told = await moments(bank, session)
    assert not any(word in told for word in WORDS.values())
    assert in_clear(bank.config.data) == []
    report = await verify_session(session, journal=app[JOURNAL], blobs=app[BLOBS], vault=app[VAULT])
    assert report.verdict is Verdict.UNUSABLE
    assert [finding.where for finding in report.findings] == ["data key"], "and the chain still verifies"


async def test_a_call_without_recording_that_has_words_verifies_and_an_altered_one_does_not(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", WORDS["chat"]))
    app = bank.app
    report = await verify_session(session, journal=app[JOURNAL], blobs=app[BLOBS], vault=app[VAULT])
    assert report.verdict is Verdict.SOUND, report.as_text()
    other = await locked(bank.config.data / "visavis.sqlite3", "IMMEDIATE")
    where = "WHERE session = ? AND kind = 'chat_sent'"
    [(payload,)] = other.execute(f"SELECT payload FROM journal {where}", [session]).fetchall()
    altered = payload.replace(b'"sealed":"', b'"sealed":"AAAA')
    other.execute(f"UPDATE journal SET payload = ? {where}", [altered, session])
    other.execute("COMMIT")
    other.close()
    report = await verify_session(session, journal=app[JOURNAL], blobs=app[BLOBS], vault=app[VAULT])
    assert report.verdict is Verdict.BROKEN
    assert {finding.where.rpartition(" ")[0] for finding in report.findings} == {"journal seq", "journal"}


async def test_an_old_journal_with_words_in_clear_still_folds(bank: Bank) -> None:
    session, _, _ = await call_with_words(bank)
    old = e.ChatSent("c9", "customer-1", "as an earlier program wrote it")
    await bank.app[JOURNAL].append(session, [(e.kind(old), e.encode(old))])
    await bank.restart()
    room = bank.rooms.get(session)
    assert room is not None
    assert [line.text for line in room.state.chat] == [WORDS["chat"], WORDS["answer"], old.text]
    assert await bank.app[STORE].data_keys.get(session) is not None
