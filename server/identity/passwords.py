"""Passwords: argon2id (RFC 9106) in threads of its own, taking the same time whether or not a login exists."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.identity.turns import AT_ONCE, Turns

SHORTEST = 10
LONGEST = 256


class WeakPassword(Exception):
    """The password is too short or too long; the message says which."""


def check_strength(password: str) -> None:
    """Refuse passwords that are too short or too long (NIST SP 800-63B §5.1.1.2).

    Raises:
        WeakPassword: the password is not used.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"the password needs at least {SHORTEST} characters")
    if len(password.encode()) > LONGEST:
        raise WeakPassword(f"the password has more than {LONGEST} bytes")


class Passwords:
    """Hashes and checks passwords without blocking the event loop; at most two at a time, 64 MiB each.

    Checks wait in a bounded, fair queue (`Turns`), so a flood of wrong passwords does not starve other logins.
    """

    def __init__(self, hasher: PasswordHasher | None = None, turns: Turns | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._turns = turns or Turns(AT_ONCE)
        # What an unknown login is checked against: made with the same parameters, so that it takes the same time.
        self._nobody: str | None = None
        self._lock = threading.Lock()

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, with its parameters and salt."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(
        self,
        password_hash: str | None,
        password: str,
        *,
        source: str = "",
        known: bool = False,
        gone: Callable[[], bool] = lambda: False,
    ) -> bool:
        """True when the password is the one hashed; with None, the same work for the answer False.

        `source`, `known` and `gone` are as `Turns.take` has them, whose errors are raised too.
        """
        if len(password.encode()) > LONGEST:
            password = ""
        release = await self._turns.take(source, known=known, gone=gone)
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._check, password_hash, password)
        # The turn is over when the thread is done, also where nobody waits for it any more.
        running.add_done_callback(lambda _: release())
        return await asyncio.shield(running)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    def _check(self, password_hash: str | None, password: str) -> bool:
        try:
            right = self._hasher.verify(password_hash or self._nobodys(), password)
        except (VerificationError, InvalidHashError):
            return False
        return right and password_hash is not None

    def _nobodys(self) -> str:
        with self._lock:
            if self._nobody is None:
                self._nobody = self._hasher.hash("nobody's password")
            return self._nobody
