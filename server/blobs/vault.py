"""Data keys: one per session, wrapped by the site's key. Destroying a session's key is its legal deletion.

The site's key is a file of 32 random bytes with mode 0600; whoever has it and the database can read every recording. In
its place a key service can wrap the data keys (`server.blobs.transit`); what either has wrapped is opened by that one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from link.private_file import make_new
from server.blobs.container import Broken, ContainerWriter, Contents, open_container, read_container
from server.blobs.suite import DEFAULT, NONCE_BYTES, SUITES, Suite

SITE_KEY_BYTES = 32
WITNESSES = 3
"""Data keys that the site's key is tried on at start."""
INDEX_KEY = "index.key"
REMEMBERED = 256
"""Data keys that are not asked for again at the key service while their rows stay what they are."""


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


class KeyService(Protocol):
    """Wraps data keys with a key that it keeps to itself. Both raise `Unavailable` where it does not do so just now."""

    mark: bytes
    """What everything that it has wrapped begins with."""

    async def wrap(self, bound_to: bytes, secret: bytes) -> bytes:
        """Wrap a data key, so that it is opened with the same `bound_to` only."""

    async def unwrap(self, bound_to: bytes, wrapped: bytes) -> bytes:
        """The data key. Raises `Broken` where it was wrapped by another key, or altered."""


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
        """Overwrite the wrapped key, note when, and take the session's words out of the index. Idempotent.

        Legal holds are checked in its own transaction, and refused.
        """


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

    def __init__(
        self,
        keys: KeyTable,
        site_key: bytes | None,
        suite: str = DEFAULT,
        *,
        service: KeyService | None = None,
        index_secret: bytes | None = None,
    ) -> None:
        """`suite` and `service` are for keys made from now on; old keys keep theirs.

        Without a `site_key`, which then needs a `service`, what it has wrapped is not opened, and the key of the
        library's index follows from `index_secret`.
        """
        if site_key is None and service is None:
            raise SiteKeyError("there is neither a site's key nor a key service")
        if site_key is not None and len(site_key) != SITE_KEY_BYTES:
            raise SiteKeyError(f"the site's key has {len(site_key)} bytes instead of {SITE_KEY_BYTES}")
        self._keys = keys
        self._site_key = site_key
        self._service = service
        self._index_secret = site_key if site_key is not None else index_secret
        self._known: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._suite = SUITES[suite]
        self._creating = asyncio.Lock()

    async def create(self, session: str) -> SessionKey:
        """Return the session's key, made now if it has none. Raises `NoKey` if it was destroyed."""
        row = await self._keys.get(session)
        if row is None:
            async with self._creating:  # a document, the recorder and a line of chat may all want the first one
                if await self._keys.get(session) is None:
                    secret = secrets.token_bytes(self._suite.key_bytes)
                    await self._keys.add(session, self._suite.name, await self._wrap(self._suite, session, secret))
        return await self.open(session)

    async def open(self, session: str) -> SessionKey:
        """Return the session's key. Raises `NoKey`, and `Broken` if it was not wrapped by this site's key.

        Where a key service has wrapped it, raises `Unavailable` if that does not answer.
        """
        row = await self._keys.get(session)
        if row is None:
            raise NoKey(session)
        return await self._opened(session, row)

    async def open_several(self, sessions: Collection[str]) -> dict[str, SessionKey]:
        """The keys of these sessions (at most some hundreds), of those that have one that can be read."""
        found = {}
        for row in await self._keys.several(sessions):
            try:
                found[row.session] = await self._opened(row.session, row)
            except (NoKey, Broken):
                continue
        return found

    async def _opened(self, session: str, row: StoredKey) -> SessionKey:
        if not row.wrapped:
            raise NoKey(session)
        suite = SUITES.get(row.suite)
        if suite is None:
            raise Broken(f"data key of {session}: unknown cipher suite {row.suite}")
        return SessionKey(session, suite, await self._unwrap(suite, session, row.wrapped))

    def index_key(self) -> bytes:
        """The site's key of the library's index (`server.store.postings`), 64 bytes; it opens no recording."""
        if self._index_secret is None:
            raise SiteKeyError("there is no key for the library's index")
        return HKDF(hashes.SHA256(), 64, None, b"visavis library index").derive(self._index_secret)

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
        """Make everything sealed in the session unreadable for ever, without a certificate.

        `server.evidence.deletion` deletes with one; what is destroyed without is found by `visavis verify`.

        Raises:
            server.store.errors.UnderHold: the session is under a legal hold.
        """
        await self._keys.destroy(session, self.index_key())

    def wrapped(self, key: SessionKey) -> bytes:
        """A data key as the table has it where the site's key has wrapped it."""
        return self._wrap_here(key.suite, key.session, key.secret)

    async def _wrap(self, suite: Suite, session: str, secret: bytes) -> bytes:
        if self._service is not None:
            return await self._service.wrap(_bound_to(suite, session), secret)
        return self._wrap_here(suite, session, secret)

    def _wrap_here(self, suite: Suite, session: str, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + suite.aead(self._wrapping_key(suite)).encrypt(nonce, secret, _bound_to(suite, session))

    async def _unwrap(self, suite: Suite, session: str, wrapped: bytes) -> bytes:
        if self._service is not None and isinstance(wrapped, bytes) and wrapped.startswith(self._service.mark):
            return await self._ask(self._service, _bound_to(suite, session), wrapped)
        if self._site_key is None:
            raise Broken(f"data key of {session}: not wrapped by the key service, and there is no site's key")
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return suite.aead(self._wrapping_key(suite)).decrypt(nonce, sealed, _bound_to(suite, session))
        except (InvalidTag, ValueError, TypeError):
            raise Broken(f"data key of {session}: not wrapped by this site's key, or altered") from None

    async def _ask(self, service: KeyService, bound_to: bytes, wrapped: bytes) -> bytes:
        """The data key from the service, or from memory: players and the recorder open the same one again and again.

        The row was read before, so that a key that was destroyed is not remembered.
        """
        known = self._known.get((bound_to, wrapped))
        if known is None:
            known = self._known[bound_to, wrapped] = await service.unwrap(bound_to, wrapped)
        self._known.move_to_end((bound_to, wrapped))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _wrapping_key(self, suite: Suite) -> bytes:
        assert self._site_key is not None
        return suite.derive(self._site_key, b"", b"visavis data key\0" + suite.name.encode())


def _bound_to(suite: Suite, session: str) -> bytes:
    return b"\0".join((b"visavis data key", suite.name.encode(), session.encode()))


async def open_vault(keys: KeyTable, path: Path, suite: str = DEFAULT, *, service: KeyService | None = None) -> Vault:
    """The vault under the site's key in `path`, which is made for a site that has recorded nothing yet.

    With a key `service` the file is only for what was wrapped before, and is not made; a file beside it has then the
    key of the library's index, which opens no recording.

    Raises:
        SiteKeyError: the file cannot be used, is missing though there are recordings, or is not their key.
        Unavailable: the key service does not answer.
    """
    if service is not None:
        there = await asyncio.to_thread(path.exists)
        secret = None if there else await load_site_key(path.with_name(INDEX_KEY))
        site_key = await load_site_key(path) if there else None
        vault = Vault(keys, site_key, suite, service=service, index_secret=secret)
        await vault.check()
        return vault
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
    if not path.exists():
        make_new(path, secrets.token_bytes(SITE_KEY_BYTES))
    return _read_site_key(path)


def _read_site_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SiteKeyError(f"{path}: mode {mode:04o} lets others read the site's key; chmod 600 it")
    key = path.read_bytes()
    if len(key) != SITE_KEY_BYTES:
        raise SiteKeyError(f"{path}: {len(key)} bytes instead of {SITE_KEY_BYTES}")
    return key
