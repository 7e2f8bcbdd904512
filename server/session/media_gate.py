"""Which media may flow between the participants of a session just now, and which of it is recorded. Pure.

Media, co-browsing and the recorder obey one gate, which follows from the session's state and from whether a recorder
is there. Nothing flows that is not recorded: without a recorder the gate is shut. Where a service wants it so, nothing
flows either while something that has to be recorded is not; the recorder goes on trying, for that is how it ends.

One exception is declared here: while somebody pauses the recording for what no record may hold (`sensitive`), sound and
pictures go on and are not recorded. A customer who says a password to the wrong person, or to nobody, is helped by no
silence; that it is nowhere afterwards is the point. Both sides are told all the while, and the gap is in the record.
The customer's page is not passed on while the customer types a secret: stars that come one by one would tell of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from link.protocol.values import ParticipantMode, ParticipantRole, SessionState
from server.session.rules.rights import Right, may
from server.session.state import TALKING, State

Medium = Literal["microphone", "camera", "auxiliary"]
_RANKS: Final = tuple(ParticipantRole)
"""In this order participants get slots where not all can be heard and seen (`link.rtc.forwarding_policy`)."""
_RECEIVED_BY: Final[dict[Medium, Right]] = {
    "microphone": Right.HEAR,
    "camera": Right.SEE,
    "auxiliary": Right.SEE_DOCUMENTS,
}
"""By which right somebody gets this medium of the others."""


@dataclass(frozen=True, slots=True)
class Seat:
    """How one participant takes part in the media.

    `to` is whom a whisper reaches, `receives` what of the others it may get at all, by the rule book.
    """

    role: ParticipantRole
    mode: ParticipantMode
    to: str = ""
    receives: frozenset[Medium] = frozenset()


@dataclass(frozen=True, slots=True)
class MediaGate:
    """One answer for everybody: what may flow now, and is it recorded?

    `seats` are those who take part, the highest rank first. `held` is why customer, customer's screen and whoever is
    heard by nobody are not recorded (`hold`), and empty while they are. `stopped`: nothing flows, and all is recorded
    that comes. `sensitive`: nothing at all is recorded, and flows as it did. `tray`: the document camera passes.
    `screen`: the customer's page passes, to `viewers`.
    """

    recorded: bool = False
    stopped: bool = False
    customer: str = ""
    lead: str = ""
    seats: dict[str, Seat] = field(default_factory=dict)
    held: str = ""
    sensitive: str = ""
    tray: bool = False
    screen: bool = False
    viewers: tuple[str, ...] = ()

    @classmethod
    def of(cls, state: State, *, recorded: bool) -> MediaGate:
        """The gate in this state, where a recorder is there or not."""
        ranked = sorted(state.joined, key=lambda one: _RANKS.index(one.role))
        seats = {one.id: Seat(one.role, one.mode, one.to, _received(state, one.id)) for one in ranked}
        talking = state.phase in TALKING
        if state.customer in seats and state.phase is not SessionState.ACTIVE:
            seats[state.customer] = Seat(ParticipantRole.CUSTOMER, ParticipantMode.HOLD)
        if not talking:
            seats = {name: Seat(seat.role, ParticipantMode.HOLD) for name, seat in seats.items()}
        typing = any(pause.automatic for pause in state.pauses.values())
        screen = recorded and state.phase is SessionState.ACTIVE and not typing
        shown = talking and not state.stopped
        watching = tuple(name for name in seats if may(state, name, Right.WATCH_SCREEN)) if shown else ()
        return cls(
            recorded=recorded,
            stopped=state.stopped,
            customer=state.customer,
            lead=state.lead or "",
            seats=seats,
            held="hold" if state.phase is SessionState.HELD else "",
            sensitive="sensitive" if state.pauses else "",
            tray=state.tray_seen,
            screen=screen,
            viewers=watching,
        )

    @property
    def open(self) -> bool:
        """Whether anything flows at all."""
        return self.recorded and not self.stopped

    def may_flow(self, participant: str, medium: Medium, to: str) -> bool:
        """Whether this medium of one participant may reach another now."""
        source, sink = self.seats.get(participant), self.seats.get(to)
        if not self.open or source is None or sink is None or participant == to:
            return False
        if sink.mode is ParticipantMode.HOLD or medium not in sink.receives:
            return False
        if medium == "auxiliary" and not self.tray:
            return False
        match source.mode:
            case ParticipantMode.TALK | ParticipantMode.BARGE:
                return True
            case ParticipantMode.WHISPER:
                return medium == "microphone" and to == source.to
            case _:
                return False

    def unrecorded(self, participant: str, medium: Medium) -> str:
        """Why nothing is recorded of this medium though it may come; empty if what comes is recorded.

        `left`: whose it was is not in the call any more, which goes on.
        """
        if self.held and not any(self.may_flow(participant, medium, to) for to in self.seats):
            return self.held
        if participant == self.customer and medium == "auxiliary" and not self.tray:
            return "tray_closed"
        if participant in self.seats:
            return self.sensitive
        return "left" if self.seats else "disconnected"

    @property
    def screen_unrecorded(self) -> str:
        """Why nothing is recorded of the customer's page though it may come; empty if what comes is recorded."""
        return self.held or self.sensitive


def _received(state: State, participant: str) -> frozenset[Medium]:
    return frozenset(medium for medium, right in _RECEIVED_BY.items() if may(state, participant, right))
