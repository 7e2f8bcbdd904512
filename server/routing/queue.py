"""The queue: waiting calls, available specialists, who is rung next, and the estimate for the customer. Sans-IO.

Times are seconds of one monotonic clock (`now`), except `QueuedCall.since_us`, the unix time that orders calls across
restarts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from link.protocol.server import PresenceState, SessionGone
from link.protocol.values import Presence, Service

PRIOR_S: Final = 300.0
WRAP_UP_S: Final = 30.0
RETRY_S: Final = 10.0
_WEIGHT: Final = 0.2
_LEAST_LEFT: Final = 0.2
_Need = tuple[str, str, str]


@dataclass(slots=True)
class Specialist:
    """Somebody who can answer. `wants` is the specialist's own choice to take calls.

    `branches` None means every branch. `offer`, `call` and `wrap_up` name the session that rings, is talked or is
    being wrapped up; at most one of them is set. `paused` says why no calls are wanted (`PresenceState.reason`), and
    `lost` what became of a call that ended without the specialist, until the page has been told.
    """

    id: str
    name: str
    skills: frozenset[str]
    languages: frozenset[str]
    branches: frozenset[str] | None = None
    connected: bool = False
    wants: bool = False
    paused: str = "new"
    lost: SessionGone | None = None
    offer: str | None = None
    call: str | None = None
    wrap_up: str | None = None
    idle_since: float = 0.0
    since: float = 0.0
    service: str = ""

    @property
    def presence(self) -> Presence:
        """The specialist's presence, as the protocol names it."""
        if self.call is not None:
            return Presence.BUSY
        if not self.connected:
            return Presence.OFFLINE
        if self.wrap_up is not None:
            return Presence.WRAP_UP
        if self.offer is not None:
            return Presence.RINGING
        if self.wants:
            return Presence.AVAILABLE
        return Presence.NOT_RESPONDING if self.paused == "missed" else Presence.AWAY

    @property
    def told(self) -> PresenceState:
        """The presence message for the specialist's page."""
        return PresenceState(self.presence, self.wants, None if self.wants else self.paused)

    def pause(self, reason: str) -> None:
        """Take no calls until the specialist chooses to again."""
        self.wants, self.paused = False, reason

    @property
    def session(self) -> str | None:
        """The session the specialist is concerned with."""
        return self.call or self.wrap_up or self.offer

    def fits(self, call: QueuedCall) -> bool:
        """Whether the specialist knows the service, speaks the language and may serve the branch."""
        return self.serves(call.branch) and call.skill in self.skills and call.language in self.languages

    def serves(self, branch: str) -> bool:
        """Whether the specialist works for this branch, and so may know who waits there."""
        return self.branches is None or branch in self.branches

    def shares_branch(self, other: Specialist) -> bool:
        """Whether both work for some branch."""
        if self.branches is None or other.branches is None:
            return frozenset() not in (self.branches, other.branches)
        return not self.branches.isdisjoint(other.branches)


@dataclass(slots=True)
class QueuedCall:
    """A session that waits. `head` calls were answered before and lost their specialist: they go first."""

    session: str
    service: Service
    skill: str
    language: str
    branch: str
    branch_zh: str
    branch_en: str
    since_us: int
    head: bool = False
    declined: set[str] = field(default_factory=set)
    retry_at: float = 0.0
    offered: bool = False

    @property
    def order(self) -> tuple[bool, int, str]:
        """Requeued calls first, then who asked first."""
        return (not self.head, self.since_us, self.session)


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A waiting customer's position among the calls that compete for the same specialists, and the expected seconds."""

    position: int = 0
    wait_s: int | None = None
    staffed: bool = True


class Handling:
    """How long calls of a service take: a moving average over closed calls that starts at 300 s."""

    def __init__(self) -> None:
        self._mean: dict[str, float] = {}

    def add(self, service: str, seconds: float) -> None:
        """A call of `service` took this long."""
        mean = self._mean.get(service, PRIOR_S)
        self._mean[service] = mean + _WEIGHT * (max(0.0, seconds) - mean)

    def mean(self, service: str) -> float:
        """Seconds that a call of `service` is expected to take."""
        return self._mean.get(service, PRIOR_S)


class Queue:
    """The waiting calls and the specialists of this process."""

    def __init__(self) -> None:
        self.handling = Handling()
        self.specialists: dict[str, Specialist] = {}
        self._calls: dict[str, QueuedCall] = {}
        self._declined: dict[str, set[str]] = {}

    def calls(self) -> list[QueuedCall]:
        """The waiting calls in the order in which they are served."""
        return sorted(self._calls.values(), key=lambda call: call.order)

    def __contains__(self, session: str) -> bool:
        return session in self._calls

    def enqueue(self, call: QueuedCall) -> None:
        """Let a call wait. Who declined it before is still known, until `forget`."""
        call.declined = self._declined.setdefault(call.session, call.declined)
        self._calls[call.session] = call

    def dequeue(self, session: str) -> None:
        """The call waits no more; harmless if it did not."""
        self._calls.pop(session, None)

    def forget(self, session: str) -> None:
        """The call will not come back: drop what is known about who declined it."""
        self.dequeue(session)
        self._declined.pop(session, None)

    def decline(self, session: str, specialist: str) -> None:
        """Do not ring this specialist again for this call until everyone else has been."""
        self._declined.setdefault(session, set()).add(specialist)

    def matches(self, now: float) -> Iterator[tuple[QueuedCall, Specialist]]:
        """Pairs to ring now, the specialists reserved: calls in order, each with its longest-idle fitting specialist.

        A call that everyone available has declined pauses for 10 s and then starts over; meanwhile those behind it
        go on. A ring that cannot start is taken back by `withdraw`.
        """
        free = {one.id: one for one in self.specialists.values() if one.presence is Presence.AVAILABLE}
        for call in self.calls():
            if not free:
                return
            if call.offered:
                continue
            fitting = [one for one in free.values() if one.fits(call)]
            if call.retry_at and now >= call.retry_at:
                call.declined.clear()
                call.retry_at = 0.0
            candidates = [one for one in fitting if one.id not in call.declined]
            if candidates:
                chosen = min(candidates, key=lambda one: (one.idle_since, one.id))
                chosen.offer, call.offered = call.session, True
                chosen.service = call.service.id
                del free[chosen.id]
                call.retry_at = 0.0
                yield call, chosen
            elif fitting and not call.retry_at:
                call.retry_at = now + RETRY_S

    def withdraw(self, session: str, specialist: str) -> None:
        """The ring that `matches` reserved this specialist for did not start, or is over."""
        one = self.specialists.get(specialist)
        if one is not None and one.offer == session:
            one.offer = None
        if session in self._calls:
            self._calls[session].offered = False

    def next_retry(self) -> float | None:
        """When the next paused call starts over."""
        return min((call.retry_at for call in self._calls.values() if call.retry_at), default=None)

    def positions(self, now: float) -> dict[str, QueuePosition]:
        """Position and expected wait of each waiting customer, by session.

        Service is simulated: calls in order, each by the fitting specialist who is free first. The position counts only
        the calls ahead that compete for the same specialists.
        """
        known = [one for one in self.specialists.values() if one.presence is not Presence.OFFLINE]
        free_at = {one.id: self._busy_s(one, now) for one in known if one.wants or one.call is not None}
        rung = {one.offer for one in known}
        fitting: dict[_Need, frozenset[str]] = {}
        ahead: Counter[_Need] = Counter()
        positions = {}
        for call in self.calls():
            need = (call.skill, call.language, call.branch)
            if need not in fitting:
                fitting[need] = frozenset(one.id for one in known if one.fits(call))
            rivals = sum(count for other, count in ahead.items() if _compete(other, need, fitting))
            ahead[need] += 1
            able = fitting[need].intersection(free_at)
            willing = able - call.declined or able
            first = min(((free_at[one], one) for one in willing), default=None)
            wait_s = None
            if call.session in rung:
                wait_s = 0
            elif first is not None:
                start = max(first[0], call.retry_at - now) if call.retry_at else first[0]
                free_at[first[1]] = start + self.handling.mean(call.service.id) + WRAP_UP_S
                wait_s = round(start)
            positions[call.session] = QueuePosition(1 + rivals, wait_s, bool(fitting[need]))
        return positions

    def _busy_s(self, one: Specialist, now: float) -> float:
        """Seconds until this specialist is free, as expected; long calls are never expected to end at once."""
        mean = self.handling.mean(one.service)
        match one.presence:
            case Presence.BUSY:
                return max(mean - (now - one.since), _LEAST_LEFT * mean) + WRAP_UP_S
            case Presence.RINGING:
                return mean + WRAP_UP_S
            case Presence.WRAP_UP:
                return max(WRAP_UP_S - (now - one.since), _LEAST_LEFT * WRAP_UP_S)
            case _:
                return 0.0


def _compete(other: _Need, need: _Need, fitting: dict[_Need, frozenset[str]]) -> bool:
    if not fitting[need]:
        return other[:2] == need[:2]
    return not fitting[other].isdisjoint(fitting[need])
