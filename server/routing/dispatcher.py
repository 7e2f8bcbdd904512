"""Rings specialists for waiting calls, and keeps both sides informed of queue and presence. One per process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from link.protocol.errors import VisavisError
from link.protocol.server import PresenceState, QueueState, SessionGone
from link.protocol.values import Language, Presence, WaitingCall
from link.tasks import cancel, spawn
from server.bus import Bus, person_topic
from server.routing.queue import Queue, QueuedCall, QueuePosition, Specialist
from server.store.stamps import now_us

log = structlog.get_logger()

ROWS: Final = 50
EVERY_S: Final = 5.0
COALESCE_S: Final = 0.1
NOTICEABLE_S: Final = 5
Offer = Callable[[str, str, str], Awaitable[None]]


class Dispatcher:
    """All methods are called on the event loop and change the queue at once; two tasks ring and tell."""

    def __init__(self, bus: Bus, now: Callable[[], float] = time.monotonic) -> None:
        self.queue = Queue()
        self._bus = bus
        self._now = now
        self._offer: Offer | None = None
        self._on_standing: Callable[[str], None] = lambda _session: None
        self._work = asyncio.Event()
        self._news = asyncio.Event()
        self._told: dict[str, QueuePosition] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, offer: Offer, on_standing: Callable[[str], None]) -> None:
        """Begin to ring. `offer(session, specialist, name)` makes the session ring or raises VisavisError.

        `on_standing(session)` is called when what a waiting customer was told is no longer true.
        """
        self._offer, self._on_standing = offer, on_standing
        self._tasks = [spawn(self._ring_all(), name="dispatch"), spawn(self._tell_all(), name="queue news")]

    async def stop(self) -> None:
        """Stop ringing."""
        for task in self._tasks:
            await cancel(task)

    # Specialists.

    def arrive(
        self,
        person: str,
        *,
        name: str,
        skills: Iterable[str],
        languages: Iterable[str],
        branches: frozenset[str] | None,
    ) -> None:
        """A specialist's page starts afresh: away, unless in a call or wrap-up, where the earlier choice holds."""
        one = self._specialist(person)
        one.name, one.skills, one.languages = name, frozenset(skills), frozenset(languages)
        one.branches = branches
        if one.wants and not (one.call or one.wrap_up):
            one.pause("new")
        self.connected(person, True)

    def connected(self, person: str, connected: bool) -> None:
        """The page's connection came or went; a page that is not there is not rung."""
        one = self._specialist(person)
        one.connected = connected
        self._changed(one)
        if not connected and one.session is None and not one.wants and one.lost is None:
            self.queue.specialists.pop(person, None)

    def leave(self, person: str) -> None:
        """The page is gone for good; the specialist's choice to take calls went with it."""
        one = self.queue.specialists.get(person)
        if one is not None:
            if one.wants:
                one.pause("new")
            self.connected(person, False)

    def set_presence(self, person: str, available: bool) -> Presence:
        """The specialist's own choice; during a call or its wrap-up it is what follows afterwards."""
        one = self._specialist(person)
        if available and not one.wants:
            one.idle_since = self._now()
        one.wants, one.paused, one.lost = available, "own", None
        self._changed(one)
        return one.presence

    def standing_of(self, person: str) -> PresenceState:
        """The presence message for the specialist's page."""
        one = self.queue.specialists.get(person)
        return PresenceState(Presence.OFFLINE, reason="new") if one is None else one.told

    def lost_by(self, person: str) -> SessionGone:
        """What became of the call that the specialist had last, for a page that starts without one."""
        one = self.queue.specialists.get(person)
        return SessionGone() if one is None or one.lost is None else one.lost

    def serves(self, person: str, branch: str) -> bool:
        """Whether the specialist may take calls of this branch, as of when their page came."""
        one = self.queue.specialists.get(person)
        return one is not None and one.serves(branch)

    def free_for(self, person: str, branch: str) -> bool:
        """Whether the person's page is there, may serve this branch, and neither rings nor is in a call."""
        one = self.queue.specialists.get(person)
        return one is not None and one.connected and one.session is None and one.serves(branch)

    def presence_of(self, person: str) -> Presence:
        """The specialist's presence."""
        one = self.queue.specialists.get(person)
        return Presence.OFFLINE if one is None else one.presence

    def session_of(self, person: str) -> str | None:
        """The session that rings at the specialist, is talked or is being wrapped up."""
        one = self.queue.specialists.get(person)
        return None if one is None else one.session

    # Sessions, as rooms carry out commands.

    def enqueue(self, call: QueuedCall) -> None:
        """The session waits."""
        self.queue.enqueue(call)
        self._wake()

    def dequeue(self, session: str) -> None:
        """The session waits no more."""
        self.queue.dequeue(session)
        self._told.pop(session, None)
        self._wake()

    def forget(self, session: str) -> None:
        """The session is over."""
        self.queue.forget(session)
        self._told.pop(session, None)
        self._wake()

    def ring_ended(self, session: str, specialist: str, reason: str) -> None:
        """The ring is over. A specialist who declined is not rung again for this call until everyone else has been.

        One who let it ring out is taken to be absent, and gets no calls until they say that they are back.
        """
        if reason == "declined":
            self.queue.decline(session, specialist)
        self.queue.withdraw(session, specialist)
        one = self.queue.specialists.get(specialist)
        if one is not None:
            if reason == "timeout":
                one.pause("missed")
            one.idle_since = self._now()
            self._changed(one)

    def invite(self, person: str, session: str) -> None:
        """The person is asked to join this call: nothing else rings there meanwhile."""
        one = self._specialist(person)
        one.offer = session
        self._changed(one)

    def uninvite(self, person: str, session: str) -> None:
        """The invitation is over."""
        one = self.queue.specialists.get(person)
        if one is not None and one.offer == session:
            one.offer = None
            one.idle_since = self._now()
            self._changed(one)

    def occupy(self, specialist: str, session: str, service: str) -> None:
        """The specialist is in this call."""
        one = self._specialist(specialist)
        one.offer, one.call, one.wrap_up, one.lost = None, session, None, None
        one.service, one.since = service, self._now()
        self.queue.forget(session)
        self._changed(one)

    def release(self, specialist: str, session: str, *, wrap_up: bool, reason: str = "requeued") -> None:
        """The specialist has left this call, for this reason unless its wrap-up follows.

        If the connection was lost, they get no calls until they say so.
        """
        one = self._specialist(specialist)
        if wrap_up and one.call == session:
            self.queue.handling.add(one.service, self._now() - one.since)
        one.call = None if one.call == session else one.call
        one.wrap_up = session if wrap_up else one.wrap_up
        if one.wants and not (wrap_up or one.connected):
            one.pause("new" if reason == "not_allowed" else "lost")
        one.since = one.idle_since = self._now()
        if not wrap_up:
            one.lost = SessionGone(reason, session)
            self._bus.publish(person_topic(specialist), one.lost)
        self._changed(one)

    def free(self, specialist: str, session: str, *, overdue: bool = False) -> None:
        """The wrap-up is over; `overdue`: by timeout, so the specialist is taken to be absent and gets no calls."""
        one = self.queue.specialists.get(specialist)
        if one is None or one.wrap_up != session:
            return
        one.wrap_up = None
        one.idle_since = self._now()
        gone = SessionGone("overdue", session) if overdue else SessionGone()
        if overdue:
            one.lost = gone
            one.pause("overdue")
        self._bus.publish(person_topic(specialist), gone)
        self._changed(one)

    def standing(self, session: str) -> QueuePosition:
        """The waiting customer's position and estimated wait."""
        if session not in self.queue:
            return QueuePosition()
        told = self._told.get(session)
        if told is None:
            told = self._told[session] = self.queue.positions(self._now())[session]
        return told

    def queue_for(self, person: str) -> QueueState:
        """The queue of this specialist's branches, as the page shows it."""
        one = self.queue.specialists.get(person)
        if one is None:
            return QueueState(0, [], 0)
        calls = [call for call in self.queue.calls() if one.serves(call.branch)]
        at_us = now_us()
        rows = [
            WaitingCall(
                call.session,
                call.service,
                call.branch_zh,
                call.branch_en,
                Language(call.language),
                max(0, at_us - call.since_us) // 1_000_000,
                one.fits(call),
            )
            for call in calls[:ROWS]
        ]
        available = sum(
            each.presence is Presence.AVAILABLE and each.shares_branch(one) for each in self.queue.specialists.values()
        )
        return QueueState(len(calls), rows, available)

    # Inside.

    def _specialist(self, person: str) -> Specialist:
        one = self.queue.specialists.get(person)
        if one is None:
            one = self.queue.specialists[person] = Specialist(person, "", frozenset(), frozenset(), frozenset())
        return one

    def _changed(self, one: Specialist) -> None:
        self._bus.publish(person_topic(one.id), one.told)
        self._wake()

    def _wake(self) -> None:
        self._work.set()
        self._news.set()

    async def _ring_all(self) -> None:
        while True:
            await self._wait_for_work()
            self._work.clear()
            for call, one in list(self.queue.matches(self._now())):
                self._changed(one)
                await self._ring(call.session, one)

    async def _wait_for_work(self) -> None:
        retry = self.queue.next_retry()
        try:
            async with asyncio.timeout(None if retry is None else max(0.05, retry - self._now())):
                await self._work.wait()
        except TimeoutError:
            return

    async def _ring(self, session: str, one: Specialist) -> None:
        assert self._offer is not None
        if not one.connected or one.offer != session:
            self.queue.withdraw(session, one.id)
            return
        try:
            await self._offer(session, one.id, one.name)
        except VisavisError as error:
            log.info("ring did not start", session=session, person=one.id, reason=error.code)
            self.queue.withdraw(session, one.id)
            self._changed(one)
            if error.code == "unavailable":
                await asyncio.sleep(COALESCE_S)

    async def _tell_all(self) -> None:
        """Coalesced: at most ten times a second, and every 5 s while somebody waits, because waiting times grow."""
        while True:
            try:
                async with asyncio.timeout(EVERY_S if self.queue.calls() else None):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            self._tell()
            await asyncio.sleep(COALESCE_S)

    def _tell(self) -> None:
        for one in list(self.queue.specialists.values()):
            if one.connected:
                self._bus.publish(person_topic(one.id), self.queue_for(one.id))
        for session, standing in self.queue.positions(self._now()).items():
            told = self._told.get(session)
            if told is None or _noticeable(told, standing):
                self._told[session] = standing
                self._on_standing(session)


def _noticeable(told: QueuePosition, standing: QueuePosition) -> bool:
    if (told.position, told.staffed, told.wait_s is None) != (
        standing.position,
        standing.staffed,
        standing.wait_s is None,
    ):
        return True
    return abs((told.wait_s or 0) - (standing.wait_s or 0)) >= NOTICEABLE_S
