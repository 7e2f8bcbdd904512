"""The mirror: what a page that comes late is told, and what nobody is told any more."""

from __future__ import annotations

from kiosk_client.agent.state_cache import StateCache
from link.protocol.server import (
    AssistanceState,
    ChatMessage,
    KioskConfig,
    PageStatus,
    ServerMessage,
    SessionGone,
    SessionUpdate,
)
from link.protocol.values import Chat, Language, Session, SessionState
from tests.kiosk_client.head_office import NOTICE, WEALTH


def session(name: str = "s1", state: SessionState = SessionState.ACTIVE) -> Session:
    return Session(name, state, "k", "", "b", "", "", WEALTH, Language.ZH)


CONFIG = KioskConfig("k", "K", "支行", "Branch", [WEALTH], NOTICE)


def line(number: int, name: str = "s1") -> ChatMessage:
    return ChatMessage(name, Chat(f"c{number}", "specialist", "hello", number))


def test_a_page_before_any_connection_is_told_that_there_is_none() -> None:
    assert StateCache(document_camera=True).greeting() == [
        PageStatus(online=False, document_camera=True),
        AssistanceState(asked=False),
        SessionGone(),
    ]


def test_a_late_page_is_told_of_a_silence() -> None:
    mirror = StateCache(document_camera=True)
    mirror.set_online(True)
    mirror.set_silent(True)
    assert mirror.greeting()[0] == PageStatus(online=True, document_camera=True, silent=True)
    assert mirror.set_online(False) == PageStatus(online=False, document_camera=True, silent=True)


def test_a_late_page_gets_the_whole_call() -> None:
    mirror = StateCache(document_camera=False)
    mirror.set_online(True)
    told: list[ServerMessage] = [
        CONFIG,
        SessionUpdate(session()),
        AssistanceState(asked=True),
        line(1),
        line(2),
        line(1),
    ]
    assert all(mirror.take(message) for message in told)
    assert mirror.greeting() == [
        PageStatus(online=True),
        CONFIG,
        AssistanceState(asked=True),
        SessionUpdate(session()),
        line(1),
        line(2),
    ]


def test_nothing_of_a_customer_stays() -> None:
    mirror = StateCache(document_camera=False)
    told: list[ServerMessage] = [CONFIG, SessionUpdate(session()), line(1), AssistanceState(asked=True), SessionGone()]
    for message in told:
        mirror.take(message)
    assert mirror.session is None
    assert mirror.greeting() == [PageStatus(online=False), CONFIG, AssistanceState(asked=True), SessionGone()]


def test_a_session_that_was_left_is_not_heard_of_again() -> None:
    mirror = StateCache(document_camera=False)
    mirror.take(SessionUpdate(session()))
    mirror.forget()
    assert not mirror.take(SessionUpdate(session(state=SessionState.ENDED)))
    assert not mirror.leave("s1")
    assert mirror.session is None


def test_a_new_session_replaces_the_old_one_with_its_chat() -> None:
    mirror = StateCache(document_camera=False)
    told: list[ServerMessage] = [
        SessionUpdate(session()),
        line(1),
        SessionUpdate(session("s2", SessionState.WAITING)),
    ]
    for message in told:
        mirror.take(message)
    assert mirror.session is not None
    assert mirror.session.id == "s2"
    assert not [message for message in mirror.greeting() if isinstance(message, ChatMessage)]


def test_an_older_session_does_not_replace_the_live_one() -> None:
    mirror = StateCache(document_camera=False)
    mirror.take(SessionUpdate(session("s2")))
    assert not mirror.take(SessionUpdate(session("s1", SessionState.CLOSED)))
    assert not mirror.take(line(1, "s1"))
    assert mirror.session is not None
    assert mirror.session.id == "s2"
