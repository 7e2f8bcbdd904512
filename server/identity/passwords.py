"""Passwords: argon2id (RFC 9106) in threads of its own, taking the same time whether or not a login exists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

SHORTEST = 10
LONGEST = 256


class WeakPassword(Exception):
    """The password is too short or too long; the message says which."""


def check_strength(password: str) -> None:
    """Refuse what is too easily guessed, by length (NIST SP 800-63B §5.1.1.2).

    Raises:
        WeakPassword: the password is not used.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"the password needs at least {SHORTEST} characters")
    if len(password.encode()) > LONGEST:
        raise WeakPassword(f"the password has more than {LONGEST} bytes")


class Passwords:
    """Hashes and checks passwords without blocking the event loop; at most two at a time, 64 MiB each."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        # What an unknown login is checked against: made with the same parameters, so that it takes the same time.
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, with its parameters and salt."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """True when the password is the one hashed; with None, the same work for the answer False."""
        if len(password.encode()) > LONGEST:
            password = ""
        if self._nobody is None:
            self._nobody = await self.hash("nobody's password")
        checked = await self._run(self._check, password_hash or self._nobody, password)
        return checked and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """True when the hash was made with weaker parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    async def _run(self, call: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def _check(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
