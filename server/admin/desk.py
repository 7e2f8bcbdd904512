"""What an administrative command works with: the store and the audit log, opened for one command."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from server.config import Config
from server.identity.passwords import Passwords
from server.journal import Audit
from server.journal.signing_key import open_signing_key
from server.store import Store

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class AdminError(Exception):
    """The command cannot be carried out; the message is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Administration:
    """What a command works with. `actor` is how the audit log names who typed it."""

    config: Config
    store: Store
    audit: Audit
    passwords: Passwords
    actor: str

    def changing(self) -> AbstractAsyncContextManager[object]:
        """What changes inside, and the audit entry of it, are durable together or not at all."""
        return self.store.database.write()


@asynccontextmanager
async def open_desk(config: Config) -> AsyncIterator[Administration]:
    """Open the store, and bring its schema up to date, for one command.

    Raises:
        link.protocol.errors.Unavailable: the database cannot be opened.
        server.journal.signing_key.SigningKeyError: the signing key is missing or cannot be used.
    """
    store = await Store.open(config.database_url)
    passwords = Passwords()
    try:
        key = await open_signing_key(config.signing_key_file, store)
        yield Administration(config, store, Audit(store, sign=key.sign), passwords, account())
    finally:
        passwords.close()
        await store.close()


def check_id(value: str) -> str:
    """An id as people choose it: small letters, digits, `-` and `_`.

    Raises:
        AdminError: it is something else.
    """
    if not _ID.fullmatch(value):
        raise AdminError(f"{value!r} is no id: use small letters, digits, - and _, at most 64")
    return value


def check_login(value: str) -> str:
    """A login name: small letters, digits, `.`, `_`, `-` and `@`.

    Raises:
        AdminError: it is something else.
    """
    if not _LOGIN.fullmatch(value):
        raise AdminError(f"{value!r} is no login: use small letters, digits, . _ - and @, at most 64")
    return value


def check_name(value: str) -> str:
    """A name for people to read: printable, not empty, at most 120 characters.

    Raises:
        AdminError: it is something else.
    """
    if not value.strip() or len(value) > 120 or not value.isprintable():
        raise AdminError(f"{value!r} is no name: it must be printable, not empty, and at most 120 characters")
    return value.strip()


def account() -> str:
    """The account that runs this command, as the audit log names it; asked of the kernel, not the environment."""
    number = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(number).pw_name[:48]}"
    except KeyError:
        return f"cli:{number}"
