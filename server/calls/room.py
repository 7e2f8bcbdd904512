"""A room runs one session: one task, one bounded inbox, and nothing happens that is not in the journal first.

What comes from outside goes through the inbox (`submit`, `post`), but for media and the shared screen, which are too
much for a journal and are on no account to wait for it. Those are the by-passes, `BY_PASSES`; each says what holds
although it goes past the inbox. All else of a room is private, and `tests/server/calls/test_one_way_in.py` sees to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from link.protocol.client import CobrowsePiece
from link.protocol.errors import NotFound, Unavailable, VisavisError
from link.protocol.server import (
    ChatMessage,
    Invitation,
    InvitationOver,
    LegLost,
    Ring,
    RingStop,
    ServerMessage,
    SessionUpdate,
    TakeSnapshot,
)
from link.protocol.values import NetworkQuality, Session
from link.rtc.quality import Judgement
from link.tasks import cancel, spawn
from server.bus import Bus, kiosk_topic, person_topic
from server.calls.late_media import Asked, LateMedia
from server.calls.projection import project
from server.calls.recorder_factory import RecorderFactory
from server.calls.recording_monitor import RecordingMonitor
from server.calls.session_clock import Clock
from server.calls.session_cobrowse import Sanitise, SessionCobrowse
from server.calls.session_media import NewLeg, SessionMedia
from server.calls.session_recording import SessionRecording
from server.calls.statement import final
from server.journal import Journal
from server.recording.recorder import Recorder
from server.routing.dispatcher import Dispatcher
from server.routing.queue import QueuedCall
from server.session import admission, private
from server.session import commands as c
from server.session import events as e
from server.session.machine import Machine
from server.session.media_gate import MediaGate
from server.session.participants import Participant
from server.session.rules.rights import Right, may, require
from server.session.state import State, service, view

log = structlog.get_logger()

REQUESTS: Final = 512
OWED: Final = 4096
BATCH: Final = 64
RETRY_S: Final = 0.25
FLUSH_S: Final = 5.0
BY_PASSES: Final = (
    *("open_leg", "add_candidate", "late_delivery", "take_screen", "refresh_screen", "point", "highlight"),
)
"""The methods by which something reaches a room past its inbox."""
Make = Callable[[State], Iterable[e.Event]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What rooms share."""

    journal: Journal
    bus: Bus
    dispatch: Dispatcher
    recordings: RecorderFactory
    sanitise: Callable[[], Sanitise]
    new_leg: NewLeg
    current: Callable[[str], str | None]
    """The session that a kiosk is concerned with: views of an earlier one are not for it."""
    on_change: Callable[[str], None]
    """Told the session whenever its view changed."""
    on_retire: Callable[[str], None]
    late_s: float = 0.0
    """How long after a call is waited for what a kiosk's network lost; 0: nothing is asked for."""


@dataclass(slots=True)
class _Item:
    """Something for the inbox: events to make when its turn comes, and who waits for the outcome, if anybody."""

    make: Make
    waiter: asyncio.Future[State] | None = None

    def refuse(self, error: VisavisError) -> None:
        """Tell whoever waits."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(error)

    def accept(self, state: State) -> None:
        """Tell whoever waits."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(state)


class Room:
    """One session. `state` may be read by anybody; only the room's task changes it."""

    def __init__(self, session: str, machine: Machine, clock: Clock, parts: Parts) -> None:
        self.session = session
        self._machine = machine
        self.clock = clock
        self.closed = asyncio.Event()
        self._parts = parts
        self._inbox: deque[_Item] = deque()
        self._wake = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._task: asyncio.Task[None] | None = None
        self._box: private.Box | None = None
        self._view_due = False
        self._singly = 0
        self._recorded = False
        self._gate = MediaGate()
        self._media = SessionMedia(session, parts.new_leg, self._on_leg, self._on_quality, clock.now_ms)
        self._late = LateMedia(session, self._tell_kiosk_of_late, self._late_may_come, within_s=parts.late_s)
        self._recording = SessionRecording(self, parts.recordings, self._recorder_changed, self._late)
        self._monitor = RecordingMonitor(self, self._recording, self._media.required, self._tell_staff)
        self._cobrowse = SessionCobrowse(
            session,
            parts.sanitise,
            self._tell_viewers,
            self._recording.cobrowse,
            self._request_snapshot,
            self._recording.interrupt,
            lambda left_out: self.post(e.CopyIncomplete(left_out)),
        )

    @property
    def state(self) -> State:
        """The session as it durably is."""
        return self._machine.state

    def start(self) -> None:
        """Run the room until it is retired or stopped."""
        self._task = spawn(self._run(), name=f"room {self.session}")

    async def stop(self) -> None:
        """Stop without ending the session: another process, or this one later, takes it up from the journal."""
        self._monitor.stop()
        await self._recording.stop()
        await self._flush()
        await cancel(self._task)
        for timer in self._timers.values():
            timer.cancel()
        await self._media.stop()
        self._refuse_all(Unavailable("restarting"))

    async def _flush(self) -> None:
        """Wait until what came so far is journaled, if the journal is there."""
        if not self._inbox:
            return
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.submit()
        except (TimeoutError, VisavisError):
            log.error("stopped before everything was journaled", session=self.session)

    async def submit(self, *events: e.Event, make: Make | None = None) -> State:
        """Let this happen: `events`, or what `make` gives for the state at that moment; return the state after it.

        Events that say nothing new are acknowledged without effect. When this returns, the events are durable and
        their commands were run. Raises what the machine or `make` refuses with, `NotFound` once the session is closed,
        and `Unavailable` if the journal cannot be written or the room is busy; nothing has then happened.
        """
        if self.closed.is_set():
            raise NotFound("the session is closed")
        if self._task is None or self._task.done() or len(self._inbox) >= REQUESTS:
            raise Unavailable("the session takes no requests now")
        waiter: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._put(_Item(make or (lambda _: events), waiter))
        return await waiter

    def post(self, *events: e.Event, make: Make | None = None) -> None:
        """As `submit`, for what happened and cannot be refused: kept and tried again while the journal is not there."""
        if len(self._inbox) >= OWED or self.closed.is_set():
            log.error("event dropped", session=self.session, events=[e.kind(event) for event in events])
            return
        self._put(_Item(make or (lambda _: events)))

    def view(self, *, notes: bool = False) -> Session:
        """The session as a face draws it now; `notes` for the specialist."""
        standing = self._parts.dispatch.standing(self.session)
        return view(
            self.state,
            self.clock.now_ms(),
            position=standing.position,
            wait_s=standing.wait_s,
            staffed=standing.staffed,
            notes=notes,
            graces=self._machine.graces,
        )

    def push_view(self) -> None:
        """Send the session to whoever it concerns now."""
        request = self.state.request
        if request is None:
            return
        if self._parts.current(request.kiosk) == self.session:
            self._tell_kiosk(SessionUpdate(self.view()))
        notes: SessionUpdate | None = None
        for one in self._staff():
            if self._parts.dispatch.session_of(one.person) == self.session:
                notes = notes or SessionUpdate(self.view(notes=True))
                self._tell_person(one.person, notes)
        self._parts.on_change(self.session)

    def replay_to(self, post: Callable[[ServerMessage], None], *, notes: bool = False) -> None:
        """Tell somebody who starts afresh everything again: the view and the chat."""
        post(SessionUpdate(self.view(notes=notes)))
        for chat in self.state.chat:
            post(ChatMessage(self.session, chat))
        if notes and self.state.summaries:
            post(final(self.state))

    # The by-passes.

    async def open_leg(
        self, participant: str, leg: str, sdp: str, revoked: asyncio.Event, *, keeps: bool = False
    ) -> str:
        """Answer the offer of a leg whose `LegOpened` is durable; the answer.

        The leg is the participant's, whom the gate knows since then: nothing flows to or from it that the state does
        not allow. It is gone with `revoked`, and if another one was opened meanwhile. `keeps`: the kiosk says that it
        keeps what it sends; of nobody else is that believed.

        Raises what `SessionMedia.open` raises, and `NotFound` if the leg was closed meanwhile.
        """
        keeps = keeps and participant == self.state.customer and self._late.within_s > 0
        self._late.kept = self._late.kept or keeps
        answer = await self._media.open(participant, leg, sdp, revoked, keeps=keeps)
        current = self.state.legs.get(participant)
        if current is None or current.leg != leg:
            self._media.close(participant, leg)
            raise NotFound("the leg was closed meanwhile")
        return answer

    async def add_candidate(self, participant: str, leg: str, candidate: str, mid: str) -> None:
        """Add a trickled candidate to a leg that is open: only its own path may come of it.

        Raises `NotFound` for a leg that is not there and `InvalidMedia` for nonsense.
        """
        await self._media.candidate(participant, leg, candidate, mid)

    def late_delivery(self, wanted: str) -> AbstractAsyncContextManager[Asked]:
        """Let the kiosk deliver what it is asked for by this name: only a hole in its tracks that a recorder has found.

        What comes changes nothing but the recording, which journals it. Raises `NotFound` for anything else.
        """
        return self._late.delivery(wanted)

    async def take_screen(self, piece: CobrowsePiece) -> None:
        """Take a piece of the customer's page: recorded and passed on while the gate lets it, else dropped."""
        await self._cobrowse.accept(piece)

    def refresh_screen(self, *, failed: bool = False) -> bool:
        """Ask the kiosk's page for the whole picture, at most once a second; whether it was asked."""
        return self._cobrowse.refresh(failed=failed)

    def point(self, participant: str, x: float | None, y: float | None) -> None:
        """Show this participant's pointer on the kiosk's page: recorded before it is shown. Raises `NotAllowed`."""
        require(self.state, participant, Right.POINT)
        self._tell_kiosk_if(self._cobrowse.point(x, y))

    def highlight(self, participant: str, node: int | None) -> None:
        """Outline an element of the kiosk's page: recorded before it is shown. Raises `NotAllowed`."""
        require(self.state, participant, Right.POINT)
        self._tell_kiosk_if(self._cobrowse.highlight(node))

    # The task.

    def _put(self, item: _Item) -> None:
        self._inbox.append(item)
        self._wake.set()

    async def _run(self) -> None:
        with structlog.contextvars.bound_contextvars(session=self.session):
            while not self.closed.is_set():
                await self._wake.wait()
                self._wake.clear()
                while self._inbox and not self.closed.is_set():
                    most = 1 if self._singly else BATCH
                    self._singly = max(0, self._singly - 1)
                    await self._process_safely([self._inbox.popleft() for _ in range(min(most, len(self._inbox)))])
        await self._retire()

    async def _process_safely(self, batch: list[_Item]) -> None:
        try:
            accepted, commands = await self._process(batch)
        except Exception:
            # Nothing of the batch was adopted; one event that we do not master must not end the call, nor take with
            # it what happened to come together with it: they are tried again one by one.
            log.exception("batch failed", session=self.session, items=len(batch))
            if len(batch) == 1:
                batch[0].refuse(VisavisError("internal"))
            else:
                self._inbox.extendleft(reversed(batch))
                self._singly = len(batch)
            return
        for command in commands:
            await self._carry_out(command)
        if self._view_due:
            self._view_due = False
            self._show()
        for item in accepted:
            item.accept(self.state)

    async def _process(self, batch: list[_Item]) -> tuple[list[_Item], list[c.Command]]:
        """One transaction: what the machine accepts of `batch` becomes durable, then true, then is to be carried out.

        Returns the accepted items and their commands. If it raises, nothing has happened.
        """
        trial = self._machine.fork()
        at_us = self.clock.begin() if self.state.phase is None else self.clock.now_us()
        events: list[e.Event] = []
        commands: list[c.Command] = []
        accepted = [item for item in batch if self._try(item, trial, self.clock.at_ms(at_us), events, commands)]
        if events:
            columns = project(self.state, trial.state, events, at_us)
            try:
                records = await self._records(events)
                await self._parts.journal.append(self.session, records, at_us=at_us, projection=columns)
            except VisavisError as error:
                await self._postpone(accepted, error)
                return [], []
        self._machine.adopt(trial)
        self._obey()
        return accepted, commands

    def _obey(self) -> None:
        """Let media, recorder and shared screen be as the state says, in the moment in which it is so."""
        gate = MediaGate.of(self.state, recorded=self._recorded)
        if gate != self._gate:
            self._gate = gate
            self._media.obey(gate)
            self._recording.obey(gate)
            self._monitor.obey(gate)
            self._cobrowse.obey(gate)

    def _recorder_changed(self, recorder: Recorder | None) -> None:
        """Another recorder takes everything from now on, or none does and then nothing flows."""
        self._recorded = recorder is not None
        self._media.record(recorder)
        self._obey()
        if recorder is not None:
            self._cobrowse.follow(recorder)

    async def _records(self, events: list[e.Event]) -> list[tuple[str, bytes]]:
        """The events as they are journaled: what people wrote is sealed under the session's key."""
        if any(map(private.has_text, events)):
            if self._box is None:
                self._box = await self._parts.recordings.box(self.session)
            events = [private.sealed(event, self._box) for event in events]
        return [(e.kind(event), e.encode(event)) for event in events]

    def _try(self, item: _Item, trial: Machine, at_ms: int, events: list[e.Event], commands: list[c.Command]) -> bool:
        """Add the item's events and commands, follow-ups included, or refuse it as a whole and say why."""
        before = trial.fork()
        new_events: list[e.Event] = []
        new_commands: list[c.Command] = []
        try:
            pending = deque(event for event in item.make(trial.state))
            while pending:
                event = pending.popleft()
                if trial.redundant(event):
                    continue
                admission.ask(trial.state, event)
                for command in trial.handle(event, at_ms):
                    if isinstance(command, c.Follow):
                        pending.append(command.event)
                    else:
                        new_commands.append(command)
                new_events.append(event)
        except VisavisError as error:
            trial.state = before.state
            if item.waiter is None:
                log.info("event refused", session=self.session, reason=error.message)
            item.refuse(error)
            return False
        events += new_events
        commands += new_commands
        return True

    async def _postpone(self, batch: list[_Item], error: VisavisError) -> None:
        """The journal is not there: requests are refused, what happened is kept for the next try."""
        log.error("journal unavailable", session=self.session, waiting=len(self._inbox))
        for item in batch:
            item.refuse(error)
        owed = [item for item in batch if item.waiter is None]
        self._inbox.extendleft(reversed(owed))
        if owed:
            await asyncio.sleep(RETRY_S)

    async def _carry_out(self, command: c.Command) -> None:
        try:
            result = _RUN[type(command)](self, command)
            if result is not None:
                await result
        except Exception:
            # The journal has the event: whatever fails here is repaired by the next view, leg or restart.
            log.exception("command failed", session=self.session, command=type(command).__name__)

    def _show(self) -> None:
        try:
            self.push_view()
        except Exception:
            log.exception("view failed", session=self.session)

    async def _retire(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._refuse_all(NotFound("the session is closed"))
        self._monitor.stop()
        await self._media.stop()
        self._parts.on_retire(self.session)

    def _refuse_all(self, error: VisavisError) -> None:
        for item in self._inbox:
            item.refuse(error)
        self._inbox.clear()

    # What its parts tell it.

    def _on_leg(self, participant: str, leg: str, what: str) -> None:
        if what == "connected":
            self.post(e.LegConnected(participant, leg))
        else:
            self.post(e.LegClosed(participant, leg, what))

    def _on_quality(self, participant: str, leg: str, judgement: Judgement) -> None:
        self.post(e.QualityChanged(participant, leg, judgement.quality, judgement.reason or ""))

    def _tell_kiosk_if(self, message: ServerMessage | None) -> None:
        if message is not None and self.state.request is not None:
            self._tell_kiosk(message)

    def _late_may_come(self) -> bool:
        """Whether the kiosk's network has room for what was lost before: in the call its media comes first."""
        state = self.state
        bad = any(n.participant == state.customer and n.quality is NetworkQuality.BAD for n in state.network)
        return not state.open or (self._media.reached(state.customer) and not bad)

    def _tell_kiosk_of_late(self, message: ServerMessage) -> None:
        if self.state.request is not None:
            self._tell_kiosk(message)

    def _tell_kiosk(self, message: ServerMessage) -> None:
        assert self.state.request is not None
        self._parts.bus.publish(kiosk_topic(self.state.request.kiosk), message)

    def _tell_person(self, person: str, message: ServerMessage) -> None:
        self._parts.bus.publish(person_topic(person), message)

    def _staff(self) -> list[Participant]:
        """Whose pages show the session: those who take part, and after the end who led it."""
        lead = self.state.lead
        ended = [] if self.state.open or lead is None else [self.state.participants[lead]]
        return [one for one in self.state.joined if one.id != self.state.customer] + ended

    def _tell_viewers(self, message: ServerMessage) -> None:
        for one in self._staff():
            if one.id in self._gate.viewers:
                self._tell_person(one.person, message)

    def _tell_staff(self, message: ServerMessage) -> None:
        for one in self._staff():
            self._tell_person(one.person, message)

    def _tell(self, participant: str, message: ServerMessage) -> None:
        if participant == self.state.customer:
            self._tell_kiosk(message)
        elif participant in self.state.participants:
            self._tell_person(self.state.participants[participant].person, message)

    def _request_snapshot(self) -> None:
        self._tell_kiosk(TakeSnapshot(self.session))

    # Commands.

    def _start_timer(self, command: c.StartTimer) -> None:
        self._cancel_timer(c.CancelTimer(command.timer))
        loop = asyncio.get_running_loop()
        self._timers[command.timer] = loop.call_later(command.seconds, self.post, e.TimerFired(command.timer))

    def _cancel_timer(self, command: c.CancelTimer) -> None:
        timer = self._timers.pop(command.timer, None)
        if timer is not None:
            timer.cancel()

    def _enqueue(self, command: c.Enqueue) -> None:
        request = self.state.request
        assert request is not None
        self._parts.dispatch.enqueue(
            QueuedCall(
                self.session,
                service(request),
                request.skill,
                request.language,
                request.branch,
                request.branch_zh,
                request.branch_en,
                self.clock.started_us,
                command.head,
            )
        )

    def _dequeue(self, _command: c.Dequeue) -> None:
        self._parts.dispatch.dequeue(self.session)

    def _ring_start(self, command: c.RingStart) -> None:
        ring = Ring(self.view(notes=True), round(self._machine.graces.ring))
        self._parts.bus.publish(person_topic(command.specialist), ring)

    def _ring_end(self, command: c.RingEnd) -> None:
        self._parts.bus.publish(person_topic(command.specialist), RingStop(self.session, command.reason))
        self._parts.dispatch.ring_ended(self.session, command.specialist, command.reason)

    def _invitation_start(self, command: c.InvitationStart) -> None:
        invitation = Invitation(self.view(notes=True), command.participant, round(self._machine.graces.ring))
        self._parts.dispatch.invite(command.person, self.session)
        self._tell_person(command.person, invitation)

    def _invitation_stop(self, command: c.InvitationStop) -> None:
        self._tell_person(command.person, InvitationOver(self.session, command.reason))
        self._parts.dispatch.uninvite(command.person, self.session)

    def _occupy(self, command: c.Occupy) -> None:
        assert self.state.request is not None
        self._parts.dispatch.occupy(command.specialist, self.session, self.state.request.service)

    def _release(self, command: c.Release) -> None:
        self._parts.dispatch.release(command.specialist, self.session, wrap_up=command.wrap_up, reason=command.reason)

    def _free_wrap_up(self, command: c.FreeWrapUp) -> None:
        self.push_view()
        self._parts.dispatch.free(
            command.specialist, self.session, overdue=self.state.overdue or self.state.outcome is None
        )

    def _close_leg(self, command: c.CloseLeg) -> None:
        self._media.close(command.participant, command.leg)

    def _tell_leg_lost(self, command: c.TellLegLost) -> None:
        self._tell(command.participant, LegLost(command.leg))

    def _interrupt_cobrowse(self, command: c.InterruptCobrowse) -> None:
        self._cobrowse.interrupt(command.reason)

    def _start_recording(self, _command: c.StartRecording) -> None:
        self._recording.start()
        self._monitor.start()

    def _finish_recording(self, _command: c.FinishRecording) -> None:
        self._monitor.stop()
        self._recording.finish()

    def _tell_chat(self, command: c.TellChat) -> None:
        message = ChatMessage(self.session, command.chat)
        self._tell_kiosk(message)
        for one in self.state.joined:
            if one.id != self.state.customer and may(self.state, one.id, Right.HEAR):
                self._tell_person(one.person, message)

    def _take_snapshot(self, _command: c.TakeSnapshot) -> None:
        self._request_snapshot()

    def _push_view(self, _command: c.PushView) -> None:
        self._view_due = True

    def _tell_statement(self, _command: c.TellStatement) -> None:
        self._tell_staff(final(self.state))

    def _raise_alarm(self, command: c.RaiseAlarm) -> None:
        log.warning("alarm", session=self.session, what=command.what)

    def _end(self, _command: c.Retire) -> None:
        self._parts.dispatch.forget(self.session)
        self.closed.set()


_Run = Callable[[Room, Any], Awaitable[None] | None]
_RUN: Final[dict[type, _Run]] = {
    c.StartTimer: Room._start_timer,
    c.CancelTimer: Room._cancel_timer,
    c.Enqueue: Room._enqueue,
    c.Dequeue: Room._dequeue,
    c.RingStart: Room._ring_start,
    c.RingEnd: Room._ring_end,
    c.InvitationStart: Room._invitation_start,
    c.InvitationStop: Room._invitation_stop,
    c.Occupy: Room._occupy,
    c.Release: Room._release,
    c.FreeWrapUp: Room._free_wrap_up,
    c.CloseLeg: Room._close_leg,
    c.TellLegLost: Room._tell_leg_lost,
    c.InterruptCobrowse: Room._interrupt_cobrowse,
    c.StartRecording: Room._start_recording,
    c.FinishRecording: Room._finish_recording,
    c.TellChat: Room._tell_chat,
    c.TakeSnapshot: Room._take_snapshot,
    c.PushView: Room._push_view,
    c.TellStatement: Room._tell_statement,
    c.RaiseAlarm: Room._raise_alarm,
    c.Retire: Room._end,
}
