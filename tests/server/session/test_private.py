from __future__ import annotations

import pytest

from server.blobs.container import Broken
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.session import events as e
from server.session.private import FIELDS, has_text, is_sealed, opened, sealed, unsealed

KEY = SessionKey("s", SUITES["aes-256-gcm"], bytes(32))
WRITTEN: list[e.Event] = [
    e.ChatSent("c1", e.KIOSK, "我的卡号是 6222 0000"),
    e.NoteSaved("a remark \N{PILE OF POO} of several words"),
    e.DocumentRequested("d1", "other", "the letter from your employer"),
    e.DocumentDecided("d1", False, "the name cannot be read"),
    e.Disposed("resolved", "calls again on Monday", "p1"),
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("event", WRITTEN, ids=e.kind)
def test_what_was_written_is_sealed_in_the_entry_and_read_back(event: e.Event, suite: str) -> None:
    key = SessionKey("s", SUITES[suite], bytes(range(SUITES[suite].key_bytes)))
    text = getattr(event, FIELDS[type(event)])
    assert has_text(event)
    payload = e.encode(sealed(event, key))
    assert text.encode() not in payload
    assert not any(word.encode() in payload for word in text.split() if len(word) > 3)
    read = e.decode(payload)
    assert is_sealed(read)
    assert not has_text(read)
    assert unsealed(read, key) == event
    assert e.encode(sealed(event, key)) != payload, "the same words twice do not look the same"


@pytest.mark.parametrize("event", WRITTEN, ids=e.kind)
def test_without_its_key_it_is_gone_and_the_rest_is_there(event: e.Event) -> None:
    kept = sealed(event, KEY)
    other_session = SessionKey("t", KEY.suite, KEY.secret)
    other_key = SessionKey("s", KEY.suite, bytes(31) + b"1")
    for box in (None, other_session, other_key):
        read = unsealed(kept, box)
        assert getattr(read, FIELDS[type(event)]) == ""
        assert not is_sealed(read)
    with pytest.raises(Broken):
        opened(kept, other_session)


def test_a_text_of_one_kind_is_none_of_another() -> None:
    chat, note = sealed(WRITTEN[0], KEY), sealed(WRITTEN[1], KEY)
    assert isinstance(chat, e.ChatSent)
    assert isinstance(note, e.NoteSaved)
    assert unsealed(e.NoteSaved("", chat.sealed), KEY) == e.NoteSaved("")
    assert unsealed(e.NoteSaved("", "no base64!"), KEY) == e.NoteSaved("")


def test_events_without_words_and_old_entries_stay_as_they_are() -> None:
    for event in (e.Held(), e.DocumentDecided("d1", True), e.Disposed("resolved", "", "p1"), e.NoteSaved("")):
        assert sealed(event, KEY) is event
        assert unsealed(event, None) is event
    old = e.decode(b'{"event":"chat_sent","id":"c1","sender":"kiosk","text":"in clear"}')
    assert unsealed(old, KEY) == unsealed(old, None) == e.ChatSent("c1", "kiosk", "in clear")


def test_every_text_that_a_person_writes_is_on_the_list() -> None:
    """Whoever adds an event with a text has to say whether somebody wrote it."""
    words = {"text", "note", "reason", "message", "comment"}
    ours = {e.OfferEnded, e.LegClosed, e.QualityChanged, e.GapDeclared, e.MediaAwaited}
    ours |= {e.DocumentFailed, e.Ended, e.Requeued}
    ours |= {e.InvitationEnded, e.ParticipantLeft, e.RecordingStalled, e.SensitivePaused}
    for event in e.Event.__args__:
        if words & set(event.__struct_fields__):
            assert event in FIELDS or event in ours, event
            assert (event in FIELDS) == ("sealed" in event.__struct_fields__), event
