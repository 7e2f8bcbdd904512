"""The end of an access, at once and everywhere: live connections watch, revocations of any process reach them."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

import structlog

from link.messages.errors import Unavailable
from link.tasks import cancel, spawn
from server.store.logins import Logins

log = structlog.get_logger()

POLL_S = 0.25


class Access:
    """Who watches which subject (a person's, a login's or a kiosk's id).

    Revocations in this process are seen at once, those of another (the command line) after a quarter of a second.
    """

    def __init__(self, logins: Logins, *, poll_s: float = POLL_S) -> None:
        self._logins = logins
        self._poll_s = poll_s
        self._watchers: dict[str, WeakSet[asyncio.Event]] = {}
        self._told: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow the revocations of other processes."""
        self._task = spawn(self._follow(await self._logins.last_change()), name="access changes")

    async def close(self) -> None:
        """Stop following."""
        await cancel(self._task)

    def watch(self, *subjects: str) -> asyncio.Event:
        """An event that is set when the access of one of `subjects` ends or changes. Keep it as long as it matters."""
        event = asyncio.Event()
        for subject in subjects:
            self._watchers.setdefault(subject, WeakSet()).add(event)
        return event

    def changed(self, subject: str) -> None:
        """Wake everybody who watches `subject`."""
        for event in self._watchers.pop(subject, ()):
            event.set()

    async def announce(self, subject: str) -> None:
        """Wake everybody who watches `subject` now, in every process. Who begins to watch after this is not woken.

        Raises:
            Unavailable: nobody was told.
        """
        # Not in one expression: `_follow` may put another set in the place of `_told` meanwhile.
        number = await self._logins.announce(subject)
        self._told.add(number)
        self.changed(subject)

    async def _follow(self, seen: int) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            self._forget()
            try:
                for seq, subject in await self._logins.changes(seen):
                    seen = seq
                    if seq not in self._told:
                        self.changed(subject)
                self._told = {seq for seq in self._told if seq > seen}
            except Unavailable:
                log.warning("access changes cannot be read, trying again")

    def _forget(self) -> None:
        for subject in [subject for subject, events in self._watchers.items() if not events]:
            del self._watchers[subject]
