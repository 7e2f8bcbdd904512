"""Revocation that takes effect at once: live connections watch for it, and revocations of any process reach them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from weakref import WeakSet

import structlog

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.store.logins import Logins

log = structlog.get_logger()

POLL_S = 0.25
FOLLOWED_S = 3.0


class Access:
    """Who watches which subject (a person's, a login's or a kiosk's id).

    Revocations in this process are seen at once, those of another (the command line) after a quarter of a second.
    """

    def __init__(
        self, logins: Logins, *, poll_s: float = POLL_S, on_change: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_change` is told every subject whose access changed, before those who watch it."""
        self._logins = logins
        self._poll_s = poll_s
        self._on_change = on_change
        self._followed_at = -FOLLOWED_S
        self._watchers: dict[str, WeakSet[asyncio.Event]] = {}
        self._told: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow the revocations of other processes."""
        self._followed_at = time.monotonic()
        self._task = spawn(self._follow(await self._logins.last_change()), name="access changes")

    async def close(self) -> None:
        """Stop following."""
        await cancel(self._task)

    @property
    def followed(self) -> bool:
        """Whether revocations of other processes are known here, up to a few seconds ago."""
        return time.monotonic() - self._followed_at < FOLLOWED_S

    def watch(self, *subjects: str) -> asyncio.Event:
        """An event that is set when the access of one of `subjects` ends or changes. Keep it as long as it matters."""
        event = asyncio.Event()
        for subject in subjects:
            self._watchers.setdefault(subject, WeakSet()).add(event)
        return event

    def changed(self, subject: str) -> None:
        """Wake everybody who watches `subject`."""
        self._on_change(subject)
        for event in self._watchers.pop(subject, ()):
            event.set()

    async def announce(self, subject: str) -> None:
        """Wake everybody who watches `subject` now, in every process. A watcher that is added afterwards is not woken.

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
                begun = time.monotonic()
                changes = await self._logins.changes(seen)
                self._followed_at = begun
                for seq, subject in changes:
                    seen = seq
                    if seq not in self._told:
                        self.changed(subject)
                self._told = {seq for seq in self._told if seq > seen}
            except Unavailable:
                log.warning("access changes cannot be read, trying again")

    def _forget(self) -> None:
        for subject in [subject for subject, events in self._watchers.items() if not events]:
            del self._watchers[subject]
