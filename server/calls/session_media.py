"""The media of one session: its legs, what is forwarded between them, and what the recorder taps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog

from link.protocol.errors import InvalidMedia, NotAuthenticated, NotFound, Unavailable, WrongState
from link.protocol.values import ParticipantMode, ParticipantRole
from link.rtc.conference import Conference
from link.rtc.forwarding_policy import HOLD, MONITOR, TALK, Setting, whisper
from link.rtc.leg import AUXILIARY, CAMERA, MICROPHONE, Leg, LegState
from link.rtc.relay import FrameReader, Relay
from link.rtc.transport.turn_framing import RelayUnavailable
from link.rtc.wire.sdp import InvalidDescription
from link.tasks import cancel, spawn
from server.calls.quality_monitor import OnQuality, QualityMonitor
from server.recording.recorder import Recorder
from server.recording.track import TrackWriter
from server.session.media_gate import MediaGate, Seat

log = structlog.get_logger()

LOST_S: Final = 2.4  # without hearing anything: more than a leg takes to call itself silent, and most hiccups
_AT_LEAST_S: Final = 0.2
CONNECT_S: Final = 15.0
_BOTH: Final = (MICROPHONE, CAMERA)
EXPECTED: Final = {ParticipantRole.CUSTOMER: _BOTH, ParticipantRole.SPECIALIST: _BOTH}
"""What somebody of this role is to be heard and seen by: others may come without camera or microphone."""
PUBLISHED: Final = dict.fromkeys(ParticipantRole, _BOTH) | {ParticipantRole.CUSTOMER: (*_BOTH, AUXILIARY)}


def _setting(seat: Seat) -> Setting:
    setting = _of_mode(seat)
    return replace(setting, receives=setting.receives & seat.receives)


def _of_mode(seat: Seat) -> Setting:
    match seat.mode:
        case ParticipantMode.TALK | ParticipantMode.BARGE:
            return TALK
        case ParticipantMode.MONITOR:
            return MONITOR
        case ParticipantMode.WHISPER:
            return whisper(seat.to)
        case _:
            return HOLD


class NewLeg(Protocol):
    """Makes a leg as answerer."""

    def __call__(self, name: str, on_state: Callable[[LegState], None]) -> Leg: ...


class OnLeg(Protocol):
    """Is told that a leg is `connected`, or that it has to go: `silent`, `failed`, `far_end`, `revoked`."""

    def __call__(self, participant: str, leg: str, what: str) -> None: ...


@dataclass(slots=True)
class _Seat:
    """A participant's leg and everything that hangs on it: its place at the table."""

    participant: str
    role: ParticipantRole
    id: str
    leg: Leg
    keeps: bool = False
    taps: list[FrameReader] = field(default_factory=list)
    deadline: asyncio.TimerHandle | None = None
    connected: bool = False
    guard: asyncio.Task[None] | None = None

    def stop_guard(self) -> None:
        if self.guard is not None:
            self.guard.cancel()

    def stop_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


class SessionMedia:
    """Owned by a room; all methods are called on the event loop and only `open` and `stop` wait."""

    def __init__(
        self, session: str, new_leg: NewLeg, on_leg: OnLeg, on_quality: OnQuality, now_ms: Callable[[], int]
    ) -> None:
        self._session = session
        self._new_leg = new_leg
        self._on_leg = on_leg
        self._now_ms = now_ms
        self._relay = Relay()
        self._conference = Conference({}, self._relay)
        self._gate = MediaGate()
        self._watch = QualityMonitor(on_quality)
        self._seats: dict[str, _Seat] = {}
        self._writers: dict[tuple[str, str], TrackWriter] = {}  # by participant and track
        self._stopped: dict[tuple[str, str], str] = {}  # why nothing is recorded of it
        self._recorder: Recorder | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def open(
        self, participant: str, leg: str, sdp: str, revoked: asyncio.Event | None = None, *, keeps: bool = False
    ) -> str:
        """Make a leg, answer its offer and put it to use instead of the participant's earlier one.

        `keeps`: its far end keeps what it sends, so that what is lost on the way can be delivered afterwards.

        The leg lives no longer than the access that it was opened with: it is closed as soon as `revoked` is set,
        whatever became of the connection by which it was asked for.

        Raises `InvalidMedia` for an offer that cannot be answered, `Unavailable` if only a TURN server may be used and
        none helps, `WrongState` if the leg was closed meanwhile, `NotFound` for who does not take part.
        """
        if participant not in self._gate.seats:
            raise NotFound("no such participant")
        role = self._gate.seats[participant].role
        made = self._new_leg(f"{self._session} {participant}", lambda state: self._state(seat, state))
        seat = _Seat(participant, role, leg, made, keeps)
        old = self._seats.get(participant)
        if old is not None:
            self._remove(old)
        self._seats[participant] = seat
        try:
            answer = await seat.leg.answer(sdp)
        except InvalidDescription as error:
            self._remove(seat)
            raise InvalidMedia("the offer cannot be answered") from error
        except RelayUnavailable as error:
            self._remove(seat)
            raise Unavailable("the server has no way to relay media") from error
        except BaseException:
            self._remove(seat)
            raise
        if self._seats.get(participant) is not seat:
            raise WrongState("the leg was replaced or closed")
        if revoked is not None:
            if revoked.is_set():
                self._remove(seat)
                raise NotAuthenticated("access ended")
            seat.guard = spawn(self._end_when(revoked, seat), name=f"access of leg {self._session} {participant}")
        if not seat.connected:
            self._expect(seat, CONNECT_S, "failed")
        self._conference.join(participant, seat.leg)
        self._watch.add(participant, leg, seat.leg)
        self._tap(seat)
        return answer

    async def _end_when(self, revoked: asyncio.Event, seat: _Seat) -> None:
        await revoked.wait()
        seat.guard = None
        if self._seats.get(seat.participant) is seat:
            log.info("leg ends with its access", session=self._session, participant=seat.participant, leg=seat.id)
            # At once, and not when the journal gets to it: nobody is heard or seen any more.
            self._remove(seat)
            self._on_leg(seat.participant, seat.id, "revoked")

    async def candidate(self, participant: str, leg: str, candidate: str, mid: str) -> None:
        """Add a trickled candidate. Raises `NotFound` for a leg that is not there and `InvalidMedia` for nonsense."""
        seat = self._seats.get(participant)
        if seat is None or seat.id != leg:
            raise NotFound("no such leg")
        try:
            await seat.leg.add_candidate(candidate, mid)
        except InvalidDescription as error:
            raise InvalidMedia("the candidate cannot be used") from error

    def close(self, participant: str, leg: str) -> None:
        """Close this leg if it is there; what it published is a gap from now on."""
        seat = self._seats.get(participant)
        if seat is not None and seat.id == leg:
            self._remove(seat)

    def _remove(self, seat: _Seat) -> None:
        # Another one may have taken its place, even with the same id: a request that was made twice.
        if self._seats.get(seat.participant) is not seat:
            return
        del self._seats[seat.participant]
        seat.stop_deadline()
        seat.stop_guard()
        for tap in seat.taps:
            tap.close()
        self._conference.leave(seat.participant)
        self._watch.remove(seat.participant, seat.id)
        self._settle()
        task = spawn(self._close(seat), name=f"close leg {self._session} {seat.participant}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def obey(self, gate: MediaGate) -> None:
        """Let flow, and record, what this gate says. What begins is recorded before it flows, what stops until then."""
        before, self._gate = self._gate, gate
        self._settle(resume_only=True)
        if (before.seats, before.lead, before.customer) != (gate.seats, gate.lead, gate.customer):
            tracks = {name: PUBLISHED[seat.role] for name, seat in gate.seats.items()}
            self._conference.arrange(tracks, {gate.customer: gate.lead} if gate.lead in tracks else {})
            for name, seat in gate.seats.items():
                self._conference.set(name, _setting(seat))
        if gate.customer:
            # A kiosk keeps its tray closed by itself; one that is old, broken or hostile does not.
            self._conference.admit(gate.customer, AUXILIARY, on=gate.tray)
        self._conference.forward(gate.open and self._recorder is not None)
        self._settle()

    def record(self, recorder: Recorder | None) -> None:
        """Tap every track for this recorder from now on; None: for none, and then nobody hears or sees anybody.

        Nothing flows before a gate says that it is recorded.
        """
        self._recorder = recorder
        self._conference.forward(recorder is not None and self._gate.open)
        self._writers.clear()
        self._stopped.clear()
        for seat in self._seats.values():
            for tap in seat.taps:
                tap.close()
            seat.taps.clear()
            self._tap(seat)

    def _settle(self, *, resume_only: bool = False) -> None:
        """Bring the recorder in step with the gate and with who has a leg."""
        for key, writer in self._writers.items():
            reason = self._unrecorded(*key)
            if reason == self._stopped.get(key, "") or (reason and resume_only):
                continue
            self._stopped[key] = reason
            if reason:
                # Of who has no leg just now something would be recorded, and is asked for when there is another.
                owed = not self._gate.unrecorded(*key)  # type: ignore[arg-type]
                writer.pause(reason, self._now_ms(), owed=owed)
            else:
                writer.resume(self._now_ms())

    def _unrecorded(self, participant: str, track: str) -> str:
        """Why nothing is recorded of this track now; empty if something is."""
        reason = self._gate.unrecorded(participant, track)  # type: ignore[arg-type]
        return reason or ("" if participant in self._seats else "disconnected")

    def reached(self, participant: str) -> bool:
        """Whether media of this participant arrives now."""
        seat = self._seats.get(participant)
        return seat is not None and seat.leg.state is LegState.CONNECTED

    def required(self) -> dict[str, str]:
        """The tracks of customer and lead that have to be recorded now, and why one rightly is not, or nothing.

        `disconnected`: nothing is heard of whose it is, and another leg takes the place of this one.
        """
        tracks: dict[str, str] = {}
        for who in (self._gate.customer, self._gate.lead):
            seat = self._seats.get(who)
            if who not in self._gate.seats or (seat is None and (who, MICROPHONE) not in self._writers):
                continue  # has not come yet, or is gone: nobody waits for media
            heard = seat is not None and seat.connected and seat.leg.state is LegState.CONNECTED
            for name in EXPECTED.get(self._gate.seats[who].role, ()):
                reason = self._gate.unrecorded(who, name)  # type: ignore[arg-type]
                tracks[f"{who}.{name}"] = reason or ("" if heard else "disconnected")
        return tracks

    async def stop(self) -> None:
        """Close everything. Idempotent."""
        for seat in list(self._seats.values()):
            self._remove(seat)
        self._conference.close()
        for task in list(self._closing):
            await asyncio.wait([task], timeout=3)
            await cancel(task)

    async def _close(self, seat: _Seat) -> None:
        try:
            async with asyncio.timeout(3):
                await seat.leg.close()
        except TimeoutError:
            log.warning("leg does not close", session=self._session, participant=seat.participant)

    def _tap(self, seat: _Seat) -> None:
        # Tapped before where the recorder came while the seat's offer was being answered.
        if self._recorder is None or seat.taps:
            return
        for name in PUBLISHED[seat.role]:
            track = seat.leg.tracks[name]
            writer = self._writers.get((seat.participant, name))
            if writer is None:
                writer = self._recorder.track(f"{seat.participant}.{name}", track.kind)
                self._writers[seat.participant, name] = writer
            writer.source(seat.id if seat.keeps else "")
            tap = self._relay.tap(track, writer.frame, writer.gap, on_standing=writer.standing)
            writer.request_keyframe = tap.request_keyframe
            seat.taps.append(tap)
        self._settle()
        if seat.connected:
            self._expect_media(seat)

    def _expect_media(self, seat: _Seat) -> None:
        """From the connection on, a participant is to be heard and seen: what does not come is a gap."""
        for name in EXPECTED.get(seat.role, ()):
            writer = self._writers.get((seat.participant, name))
            if writer is not None:
                writer.expect(self._now_ms())

    def _state(self, seat: _Seat, state: LegState) -> None:
        if self._seats.get(seat.participant) is not seat:
            return
        log.info("leg state", session=self._session, participant=seat.participant, leg=seat.id, state=state)
        if state is LegState.CONNECTED:
            seat.stop_deadline()
            if not seat.connected:
                seat.connected = True
                self._expect_media(seat)
                self._on_leg(seat.participant, seat.id, "connected")
        elif state is LegState.SILENT:
            self._watch.look(seat.participant)
            self._expect(seat, max(LOST_S - seat.leg.quiet, _AT_LEAST_S), "silent")
        elif state is LegState.CLOSED:
            self._on_leg(seat.participant, seat.id, "far_end" if seat.connected else "failed")

    def _expect(self, seat: _Seat, seconds: float, reason: str) -> None:
        """Unless the leg gets connected within `seconds`, it has to go."""
        seat.stop_deadline()
        loop = asyncio.get_running_loop()
        seat.deadline = loop.call_later(seconds, self._on_leg, seat.participant, seat.id, reason)
