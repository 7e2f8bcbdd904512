"""Data keys: one per session, wrapped by the site's key. Destroying a session's key is its legal deletion.

The site's key is a file of 32 random bytes with mode 0600; whoever has it and the database can read every recording.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.blobs.container import Broken, ContainerWriter, Contents, open_container, read_container
from server.blobs.suite import DEFAULT, NONCE_BYTES, SUITES, Suite

SITE_KEY_BYTES = 32
WITNESSES = 3
"""Data keys that the site's key is tried on at start."""


class NoKey(Exception):
    """The session has no data key, or it was destroyed: what was sealed under it is gone for good."""


class SiteKeyError(Exception):
    """The site's key file is missing, readable by others or not 32 bytes; the message says which."""


class StoredKey(Protocol):
    """A row of the table of data keys; `wrapped` is empty once the key is destroyed."""

    @property
    def session(self) -> str: ...

    @property
    def suite(self) -> str: ...

    @property
    def wrapped(self) -> bytes: ...


class KeyTable(Protocol):
    """The table of data keys, as the store keeps it."""

    async def get(self, session: str) -> StoredKey | None: ...

    async def add(self, session: str, suite: str, wrapped: bytes) -> object:
        """Keep the wrapped key of a session that has none."""

    async def newest(self, count: int) -> Sequence[StoredKey]:
        """The keys made last that are not destroyed."""

    async def several(self, sessions: Collection[str]) -> Sequence[StoredKey]:
        """The keys of these sessions."""

    async def destroy(self, session: str, index_key: bytes) -> None:
        """Overwrite the wrapped key, note when, and take the session's words out of the index. Idempotent."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """One session's data key. All methods are CPU-bound: about 1 ms per 2 MiB with AES, ten times that with SM4."""

    session: str
    suite: Suite
    secret: bytes = field(repr=False)

    def writer(self, name: str) -> ContainerWriter:
        """Begin a container called `name` (unique in the session, such as `segment/kiosk.camera/3`)."""
        return ContainerWriter(self.suite, self.secret, self.session, name)

    def resume(self, name: str, header: bytes, chunks: int) -> ContainerWriter:
        """Go on writing a container that a crash cut off after `chunks` whole chunks."""
        return ContainerWriter.resume(self.suite, self.secret, self.session, name, header, chunks)

    def seal(self, name: str, data: bytes | bytearray | memoryview) -> bytes:
        """Return `data` as a finished container called `name`."""
        writer = self.writer(name)
        return writer.header + writer.chunk(data, final=True)

    def unseal(self, name: str, blob: bytes) -> bytes:
        """Return what the container called `name` holds. Raises `Broken`."""
        return open_container(self.secret, self.session, name, blob)

    def read(self, name: str, blob: bytes) -> Contents:
        """Read a container that may be unfinished. Raises `Broken`."""
        return read_container(self.secret, self.session, name, blob)


class Vault:
    """Makes, opens and destroys the data keys of sessions."""

    def __init__(self, keys: KeyTable, site_key: bytes, suite: str = DEFAULT) -> None:
        """`suite` is for keys made from now on; old keys keep the suite they were made for."""
        if len(site_key) != SITE_KEY_BYTES:
            raise SiteKeyError(f"the site's key has {len(site_key)} bytes instead of {SITE_KEY_BYTES}")
        self._keys = keys
        self._site_key = site_key
        self._suite = SUITES[suite]
        self._creating = asyncio.Lock()

    async def create(self, session: str) -> SessionKey:
        """Return the session's key, made now if it has none. Raises `NoKey` if it was destroyed."""
        row = await self._keys.get(session)
        if row is None:
            async with self._creating:  # a document, the recorder and a line of chat may all want the first one
                if await self._keys.get(session) is None:
                    secret = secrets.token_bytes(self._suite.key_bytes)
                    await self._keys.add(session, self._suite.name, self._wrap(self._suite, session, secret))
        return await self.open(session)

    async def open(self, session: str) -> SessionKey:
        """Return the session's key. Raises `NoKey`, and `Broken` if it was not wrapped by this site's key."""
        row = await self._keys.get(session)
        if row is None:
            raise NoKey(session)
        return self._opened(session, row)

    async def open_several(self, sessions: Collection[str]) -> dict[str, SessionKey]:
        """The keys of these sessions (at most some hundreds), of those that have one that can be read."""
        found = {}
        for row in await self._keys.several(sessions):
            try:
                found[row.session] = self._opened(row.session, row)
            except (NoKey, Broken):
                continue
        return found

    def _opened(self, session: str, row: StoredKey) -> SessionKey:
        if not row.wrapped:
            raise NoKey(session)
        suite = SUITES.get(row.suite)
        if suite is None:
            raise Broken(f"data key of {session}: unknown cipher suite {row.suite}")
        return SessionKey(session, suite, self._unwrap(suite, session, row.wrapped))

    def index_key(self) -> bytes:
        """The site's key of the library's index (`server.store.postings`), 64 bytes; it opens no recording."""
        return HKDF(hashes.SHA256(), 64, None, b"visavis library index").derive(self._site_key)

    async def check(self) -> None:
        """Raise `SiteKeyError` unless the site's key opens what was wrapped last; one damaged row does not count.

        Going on with another key would leave recordings that no single key can read.
        """
        rows = await self._keys.newest(WITNESSES)
        for row in rows:
            try:
                await self.open(row.session)
            except Broken:
                continue
            return
        if rows:
            raise SiteKeyError("the site's key is not the one that the recordings were made with")

    async def destroy(self, session: str) -> None:
        """Make everything sealed in the session unreadable for ever. The caller has checked legal holds."""
        await self._keys.destroy(session, self.index_key())

    def wrapped(self, key: SessionKey) -> bytes:
        """A data key as the table has it."""
        return self._wrap(key.suite, key.session, key.secret)

    def _wrap(self, suite: Suite, session: str, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + suite.aead(self._wrapping_key(suite)).encrypt(nonce, secret, _bound_to(suite, session))

    def _unwrap(self, suite: Suite, session: str, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return suite.aead(self._wrapping_key(suite)).decrypt(nonce, sealed, _bound_to(suite, session))
        except (InvalidTag, ValueError, TypeError):
            raise Broken(f"data key of {session}: not wrapped by this site's key, or altered") from None

    def _wrapping_key(self, suite: Suite) -> bytes:
        return suite.derive(self._site_key, b"", b"visavis data key\0" + suite.name.encode())


def _bound_to(suite: Suite, session: str) -> bytes:
    return b"\0".join((b"visavis data key", suite.name.encode(), session.encode()))


async def open_vault(keys: KeyTable, path: Path, suite: str = DEFAULT) -> Vault:
    """The vault under the site's key in `path`, which is made for a site that has recorded nothing yet.

    Raises:
        SiteKeyError: the file cannot be used, is missing though there are recordings, or is not their key.
    """
    if not await asyncio.to_thread(path.exists) and await keys.newest(1):
        raise SiteKeyError(f"{path} is missing, and nothing else opens the recordings: put its copy there")
    vault = Vault(keys, await load_site_key(path), suite)
    await vault.check()
    return vault


async def load_site_key(path: Path) -> bytes:
    """Return the site's key, made with mode 0600 if there is no file. Raises `SiteKeyError`."""
    return await asyncio.to_thread(read_or_make_site_key, path)


def read_or_make_site_key(path: Path) -> bytes:
    """Blocking form of `load_site_key`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_site_key(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SITE_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return _read_site_key(path)


def _read_site_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SiteKeyError(f"{path}: mode {mode:04o} lets others read the site's key; chmod 600 it")
    key = path.read_bytes()
    if len(key) != SITE_KEY_BYTES:
        raise SiteKeyError(f"{path}: {len(key)} bytes instead of {SITE_KEY_BYTES}")
    return key
