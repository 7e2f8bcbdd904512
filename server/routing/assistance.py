"""The state of a branch's kiosks for its lobby staff: sessions, and customers' requests for a person.

Nothing here is journaled: a request for a person lives as long as the process, and a kiosk's page that still wants
somebody asks again when its stream starts afresh.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from link.protocol.errors import NotFound
from link.protocol.server import AssistanceState, BranchState, ServerMessage
from link.protocol.values import KioskStatus, SessionState
from server.bus import Bus, kiosk_topic
from server.store import Store
from server.store.kiosks import Kiosk

COALESCE_S = 0.1


@dataclass(slots=True)
class _Kiosk:
    id: str
    name: str
    branch: str
    online: bool = False
    reason: str | None = None
    since: float = 0.0
    guide: str = ""
    guide_name: str = ""


@dataclass(slots=True, eq=False)
class _Watcher:
    branches: frozenset[str] | None
    post: Callable[[ServerMessage], None]

    def sees(self, kiosk: _Kiosk) -> bool:
        return self.branches is None or kiosk.branch in self.branches


class Assistance:
    """Every kiosk of the server and the guides who watch them."""

    def __init__(self, store: Store, bus: Bus, session_state: Callable[[str], SessionState | None]) -> None:
        """`session_state` gives the state of the session that a kiosk is concerned with."""
        self._store = store
        self._bus = bus
        self._session_state = session_state
        self._kiosks: dict[str, _Kiosk] = {}
        self._watchers: set[_Watcher] = set()
        self._due: asyncio.TimerHandle | None = None
        self._stale: set[str] = set()

    async def watch(self, branches: frozenset[str] | None, post: Callable[[ServerMessage], None]) -> Callable[[], None]:
        """Tell `post` the state of the branches' kiosks, now and after every change; the result ends it."""
        for kiosk in await self._store.kiosks.of_branches(branches):
            if not kiosk.revoked:
                self._known(kiosk)
        watcher = _Watcher(branches, post)
        self._watchers.add(watcher)
        self._tell(watcher)
        return lambda: self._watchers.discard(watcher)

    def kiosk_connected(self, kiosk: Kiosk, connected: bool) -> None:
        """The kiosk's connection came or went."""
        self._known(kiosk).online = connected
        self.changed(kiosk.id)

    def assistance(self, kiosk: str) -> AssistanceState:
        """What the kiosk's page shows."""
        known = self._kiosks.get(kiosk)
        return AssistanceState(known is not None and known.reason is not None, known.guide_name if known else "")

    def request(self, kiosk: Kiosk, reason: str) -> None:
        """The customer asks for a person; asking again changes nothing."""
        known = self._known(kiosk)
        if known.reason is None:
            known.reason, known.since = reason, time.monotonic()
            self._assistance_changed(known)

    def withdraw(self, kiosk: Kiosk) -> None:
        """The customer is gone, or needs nobody any more."""
        known = self._known(kiosk)
        if known.reason is not None:
            self._settle(known)

    def take(self, branches: frozenset[str] | None, guide: str, name: str, kiosk: str, *, done: bool) -> None:
        """A guide goes there, or is done there. Raises `NotFound` for a kiosk of another branch."""
        known = self._kiosks.get(kiosk)
        if known is None or not _Watcher(branches, lambda _: None).sees(known):
            raise NotFound("no such kiosk")
        if done:
            self._settle(known)
            return
        if known.reason is not None:
            known.guide, known.guide_name = guide, name
        self._assistance_changed(known)

    def changed(self, kiosk: str) -> None:
        """Something about the kiosk changed: tell who watches it, coalesced."""
        self._stale.add(kiosk)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(COALESCE_S, self._tell_stale)

    def close(self) -> None:
        """Tell nobody any more."""
        if self._due is not None:
            self._due.cancel()
        self._watchers.clear()

    def _settle(self, known: _Kiosk) -> None:
        known.reason, known.guide, known.guide_name = None, "", ""
        self._assistance_changed(known)

    def _assistance_changed(self, known: _Kiosk) -> None:
        self._bus.publish(kiosk_topic(known.id), self.assistance(known.id))
        self.changed(known.id)

    def _known(self, kiosk: Kiosk) -> _Kiosk:
        known = self._kiosks.setdefault(kiosk.id, _Kiosk(kiosk.id, kiosk.name, kiosk.branch))
        known.name, known.branch = kiosk.name, kiosk.branch
        return known

    def _tell_stale(self) -> None:
        stale, self._stale, self._due = self._stale, set(), None
        kiosks = [self._kiosks[kiosk] for kiosk in stale if kiosk in self._kiosks]
        for watcher in list(self._watchers):
            if any(watcher.sees(kiosk) for kiosk in kiosks):
                self._tell(watcher)

    def _tell(self, watcher: _Watcher) -> None:
        seen = sorted((kiosk for kiosk in self._kiosks.values() if watcher.sees(kiosk)), key=lambda kiosk: kiosk.name)
        watcher.post(BranchState([self._status(kiosk) for kiosk in seen]))

    def _status(self, kiosk: _Kiosk) -> KioskStatus:
        asked_s = int(time.monotonic() - kiosk.since) if kiosk.reason is not None else 0
        state = self._session_state(kiosk.id)
        return KioskStatus(kiosk.id, kiosk.name, kiosk.online, state, kiosk.reason, asked_s, kiosk.guide_name)
