"""A session as a script: this event in, these commands out; a deviation shows as a diff."""

from __future__ import annotations

import difflib

import pytest
from msgspec.structs import replace as amend

from link.protocol.errors import NotAllowed
from server.session import admission
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.machine import Graces, Machine
from server.session.state import State

REQUEST = e.SessionRequested(
    session="s1",
    kiosk="k1",
    kiosk_name="Hall",
    branch="b1",
    branch_zh="总行",
    branch_en="Main",
    service="wealth",
    service_zh="理财",
    service_en="Wealth",
    icon="coins",
    skill="wealth",
    language="zh-CN",
    request="r1",
)
CONSENT = e.ConsentGiven("1", "zh-CN", "00")
DOCUMENT = e.DocumentStored("d1", "aa", 10, "image/jpeg", 3, 2, "view", "original", "bb")


class Playbook:
    """Feeds a machine and its journal; `said` and `refused` are the two kinds of lines of a script."""

    def __init__(self) -> None:
        self.machine = Machine(Graces())
        self.journal: list[tuple[e.Event, int]] = []
        self.at_ms = 0

    @property
    def state(self) -> State:
        return self.machine.state

    def said(self, event: e.Event, *expected: c.Command, after_ms: int = 0) -> Playbook:
        """`event`, and what follows from it, leads to exactly these commands (views aside) in this order."""
        self.at_ms += after_ms
        got = [repr(command) for command in self.post(event) if not isinstance(command, c.PushView)]
        wanted = [repr(command) for command in expected]
        if got != wanted:
            pytest.fail("\n".join([f"after {event!r}:", *difflib.ndiff(wanted, got)]))
        return self

    def so(self, *events: e.Event, after_ms: int = 0) -> Playbook:
        """These events happen, whatever they lead to."""
        self.at_ms += after_ms
        for event in events:
            self.post(event)
        return self

    def refused(self, event: e.Event, error: type[IllegalEvent] | None = None) -> Playbook:
        """`event` is illegal now, or not for its participant to do, and changes nothing."""
        before = self.state
        with pytest.raises(error or (IllegalEvent, NotAllowed)):
            admission.ask(self.state, event)
            self.machine.handle(event, self.at_ms)
        assert self.state == before
        return self

    def post(self, event: e.Event) -> list[c.Command]:
        """Handle `event` and all that follows from it, as a room does; the follow-ups' commands come after."""
        pending, out = [event], list[c.Command]()
        while pending:
            current = pending.pop(0)
            admission.ask(self.state, current)
            commands = self.machine.handle(current, self.at_ms)
            self.journal.append((e.decode(e.encode(current)), self.at_ms))
            out += [command for command in commands if not isinstance(command, c.Follow)]
            pending += [command.event for command in commands if isinstance(command, c.Follow)]
        return out

    def folds(self) -> None:
        """The journal folds to the live state."""
        assert Machine.replay(self.journal).state == self.state


def waiting(*, when_unrecorded: str = "warn") -> Playbook:
    return Playbook().so(amend(REQUEST, when_unrecorded=when_unrecorded), CONSENT)


def ringing(*, when_unrecorded: str = "warn") -> Playbook:
    return waiting(when_unrecorded=when_unrecorded).so(e.Offered("ann", "Ann"), after_ms=1000)


def talking(*, when_unrecorded: str = "warn") -> Playbook:
    """In the call for no time at all, after three seconds of waiting; recording, both legs connected."""
    return ringing(when_unrecorded=when_unrecorded).so(
        e.Answered("ann", "Ann"),
        e.RecordingStarted("aes-256-gcm", "key"),
        e.LegOpened("kiosk", "lk"),
        e.LegConnected("kiosk", "lk"),
        e.LegOpened("specialist", "ls"),
        e.LegConnected("specialist", "ls"),
        after_ms=2000,
    )


def ended() -> Playbook:
    return talking().so(e.Ended("kiosk", "customer"), after_ms=5000)
