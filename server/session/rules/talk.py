"""What is done in the call: hold, chat, notes, steps of the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import Chat, SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.state import OPEN, TALKING
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine

MAX_CHAT = 1000


@on(e.Held, SessionState.ACTIVE)
def held(m: Machine, _event: e.Held) -> Step:
    m.set(phase=SessionState.HELD)
    yield from ()


@on(e.Unheld, SessionState.HELD)
def unheld(m: Machine, _event: e.Unheld) -> Step:
    m.set(phase=SessionState.ACTIVE)
    yield c.TakeSnapshot()


@on(e.ChatSent, TALKING)
def chat_sent(m: Machine, event: e.ChatSent) -> Step:
    if len(m.state.chat) >= MAX_CHAT:
        raise IllegalEvent("the chat is full")
    chat = Chat(event.id, event.sender, event.text, m.at_ms)
    m.set(chat=(*m.state.chat, chat))
    yield c.TellChat(chat)


@on(e.NoteSaved, TALKING, SessionState.ENDED)
def note_saved(m: Machine, event: e.NoteSaved) -> Step:
    m.set(note=event.text)
    yield from ()


@on(e.StepChanged, OPEN)
def step_changed(m: Machine, event: e.StepChanged) -> Step:
    m.set(step=event.step)
    yield from ()
