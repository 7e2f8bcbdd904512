"""The session machine: what each event means in each state. Sans-IO; `docs/architecture.md` draws it.

A room asks a `fork` first, journals what that accepted, and then lets the machine `adopt` it: or nothing has happened.
What an event does is in `server.session.rules`, by topic; here are the fold, the fork and what rules share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import structlog

from link.protocol.values import Network
from server.session import commands as c
from server.session import events as e
from server.session import rules as rules
from server.session.errors import IllegalEvent
from server.session.graces import Graces as Graces
from server.session.idempotency import redundant
from server.session.participants import Participant
from server.session.state import State, visible
from server.session.table import TABLE, Step

log = structlog.get_logger()


class Machine:
    """One session. `state` is read freely and changed by `handle` and `adopt` only."""

    def __init__(self, graces: Graces | None = None, state: State | None = None) -> None:
        self.graces = graces or Graces()
        self.state = state or State()
        self.at_ms = 0
        """The time of the event that is being handled."""

    @classmethod
    def replay(cls, events: Iterable[tuple[e.Event, int]], graces: Graces | None = None) -> Machine:
        """The machine after these journaled events and their times; commands are not run again."""
        machine = cls(graces)
        for event, at_ms in events:
            machine.handle(event, at_ms)
        return machine

    def fork(self) -> Machine:
        """A machine in the same state, for trying events out."""
        return Machine(self.graces, self.state)

    def adopt(self, trial: Machine) -> None:
        """Take over the state of a fork whose events are now durable."""
        old, new = self.state.phase, trial.state.phase
        self.state = trial.state
        if old is not new and self.state.request is not None:
            log.info("session state", session=self.state.request.session, old=old, new=new)

    def handle(self, event: e.Event, at_ms: int) -> list[c.Command]:
        """Handle `event` and return commands; `Follow` commands are events to handle right after it.

        Raises `IllegalEvent` and changes nothing where the event may not happen. An event that is legal but says
        nothing new (`redundant`) need not be handled at all.
        """
        legal, rule = TABLE[type(event)]
        before = self.state
        if before.phase not in legal:
            raise IllegalEvent(f"{e.kind(event)} while {before.phase}")
        self.at_ms = at_ms
        try:
            commands = list(rule(self, event))
        except BaseException:
            self.state = before
            raise
        if visible(before) != visible(self.state):
            commands.append(c.PushView())
        return commands

    def redundant(self, event: e.Event) -> bool:
        """Whether the session already is as `event` would make it: acknowledge it, journal nothing."""
        return redundant(self.state, event)

    # For rules: the two setters, and what several of them share.

    def set(self, **changes: Any) -> None:
        """Change the state; a change of phase closes the account of the time spent in the old one."""
        phase = changes.get("phase", self.state.phase)
        if phase is not self.state.phase:
            at = self.at_ms
            changes |= {"waited_ms": self.state.waited(at), "talked_ms": self.state.talked(at), "since_ms": at}
        self.state = replace(self.state, **changes)

    def amend(self, participant: str, **changes: Any) -> None:
        """Change a participant that there is."""
        known = self.state.participants[participant]
        self.set(participants=self.state.participants | {participant: replace(known, **changes)})

    def add(self, participant: Participant) -> None:
        """Let somebody be a participant, instead of one of the same id."""
        self.set(participants=self.state.participants | {participant.id: participant})

    def set_network(self, participant: str, *bad: Network) -> None:
        """What is known of the participant's network; a lost leg's is kept until another one is connected."""
        others = (network for network in self.state.network if network.participant != participant)
        self.set(network=tuple(sorted([*others, *bad], key=lambda network: network.participant)))

    def start(self, timer: str, seconds: float) -> Step:
        """Start a timer of the session, anew if it runs."""
        self.set(timers=self.state.timers | {timer})
        yield c.StartTimer(timer, seconds)

    def cancel(self, *timers: str) -> Step:
        """Cancel those of these timers that run."""
        for timer in sorted(self.state.timers & set(timers)):
            yield c.CancelTimer(timer)
        self.set(timers=self.state.timers - set(timers))

    def enqueue(self) -> Step:
        """Wait in the queue, unless there is no consent yet or nobody at the kiosk to be answered."""
        if self.state.consent is not None and self.state.customer not in self.state.lost:
            yield c.Enqueue(head=self.state.requeued)

    def drop_leg(self, participant: str) -> Step:
        """Close the participant's peer connection if it has one."""
        leg = self.state.legs.get(participant)
        if leg is not None:
            self.amend(participant, leg=None)
            yield c.CloseLeg(participant, leg.leg)

    def close_if_finished(self) -> Step:
        """Close the session when nothing is left to wait for."""
        if self.state.finished:
            yield c.Follow(e.Closed())
