"""Named bytes, written once: in a local directory or in S3, through one interface (obstore).

A name is a path of safe words, such as `sessions/4f2a/kiosk.camera/000003`. What `put` returned from is durable.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from link.protocol.errors import Unavailable
from server.blobs.object_lock import Locked, ObjectLock

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,7}")

REMOVED_AT_ONCE = 1000
"""Objects of a bucket that one request removes (S3, DeleteObjects)."""


class Missing(Exception):
    """There is no blob of this name."""


class Blobs:
    """A store of blobs. Failures of the store itself are raised as `Unavailable`."""

    def __init__(self, store: ObjectStore, root: Path | None = None) -> None:
        """`root` is the directory of a local store, whose files are synced to disk here."""
        self._store = store
        self._root = root
        self._lock: ObjectLock | None = None
        self._until: Callable[[], int | None] = lambda: None

    @classmethod
    def at(cls, location: str) -> Blobs:
        """Open the store at a directory, made if needed, or at `s3://bucket/prefix` (settings from AWS_… variables)."""
        if "://" in location:
            return cls(S3Store.from_url(location))
        root = Path(location)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(prefix=root), root)

    async def find_lock(self) -> ObjectLock | None:
        """The locks of the bucket's objects, where it has them and its access key is known. Raises `Unavailable`."""
        if not isinstance(self._store, S3Store):
            return None
        lock = ObjectLock.of(str(self._store.config["bucket"]), self._store.prefix, os.environ)
        return lock if lock is not None and await lock.enabled() else None

    def lock_with(self, lock: ObjectLock | None, until: Callable[[], int | None] = lambda: None) -> None:
        """Store objects with a lock until what `until` says then (unix, µs), and remove each of their versions."""
        self._lock, self._until = lock, until

    async def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`, durably; putting the same again is no error."""
        check_name(name)
        if self._lock is not None:
            await self._lock.put(name, data, self._until())
            return
        try:
            if self._root is None:
                await obstore.put_async(self._store, name, data)
                return
            path = self._root / name
            await asyncio.to_thread(_make_folder, self._root, path.parent)
            await obstore.put_async(self._store, name, data)
            await asyncio.to_thread(_sync, path, path.parent)
        except (BaseError, OSError) as error:
            raise Unavailable(f"blob {name} cannot be stored: {type(error).__name__}") from error

    def take_in(self, name: str, path: Path, data: bytes, kept: int) -> bool:
        """Store `data` under `name` out of the file `path`, which begins with `kept` bytes of it; whether it is done.

        A local store on the same filesystem only adds the rest and moves the file, which costs a third of a `put`.
        Where that cannot be, `put` does it or says why not, and the file stays. Blocking: for a worker thread.
        """
        check_name(name)
        if self._root is None:
            return False
        try:
            _finish(path, data, kept)
            target = self._root / name
            _make_folder(self._root, target.parent)
            path.replace(target)
            _sync(target.parent)
        except OSError:
            return False
        return True

    async def get(self, name: str) -> bytes:
        """Return the blob. Raises `Missing`, also where something else than a file has its name."""
        check_name(name)
        try:
            # Opening a named pipe would block until somebody writes to it.
            if self._root is not None and not stat.S_ISREG((self._root / name).stat().st_mode):
                raise Missing(name)
            result = await obstore.get_async(self._store, name)
            return bytes(await result.bytes_async())
        except (FileNotFoundError, NotADirectoryError):
            raise Missing(name) from None
        except (BaseError, OSError) as error:
            raise Unavailable(f"blob {name} cannot be read: {type(error).__name__}") from error

    async def names(self, prefix: str) -> list[str]:
        """Return the names of all blobs below the folder `prefix`, sorted."""
        check_name(prefix)
        found: list[str] = []
        try:
            async for page in obstore.list(self._store, prefix):
                found.extend(meta["path"] for meta in page)
        except (BaseError, OSError) as error:
            raise Unavailable(f"blobs below {prefix} cannot be listed: {type(error).__name__}") from error
        return sorted(found)

    async def any(self, prefix: str) -> bool:
        """Whether there is a blob below the folder `prefix`. Raises `Unavailable`."""
        check_name(prefix)
        try:
            async for page in obstore.list(self._store, prefix, chunk_size=1):
                return bool(page)
        except (BaseError, OSError) as error:
            raise Unavailable(f"blobs below {prefix} cannot be listed: {type(error).__name__}") from error
        return False

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below the folder `prefix`, sorted. Raises `Unavailable`."""
        check_name(prefix)
        try:
            found = await obstore.list_with_delimiter_async(self._store, prefix)
        except (BaseError, OSError) as error:
            raise Unavailable(f"blobs below {prefix} cannot be listed: {type(error).__name__}") from error
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])

    async def delete(self, name: str) -> None:
        """Remove the blob; no error if it is not there."""
        check_name(name)
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise Unavailable(f"blob {name} cannot be deleted: {type(error).__name__}") from error

    async def remove_all(self, prefix: str) -> int:
        """Remove all blobs below the folder `prefix`, and the folder; return how many. Again is no error.

        Only for what a deletion has a certificate of (`server.evidence.deletion`). Raises `Unavailable` if any may be
        left.
        """
        if self._lock is not None:
            return await self._remove_versions(self._lock, prefix)
        names = await self.names(prefix)
        try:
            if self._root is not None:
                await asyncio.to_thread(_remove_folder, self._root / prefix)
                return len(names)
            for start in range(0, len(names), REMOVED_AT_ONCE):
                await obstore.delete_async(self._store, names[start : start + REMOVED_AT_ONCE])
        except FileNotFoundError:
            raise Unavailable(f"blobs below {prefix} were removed by somebody else meanwhile") from None
        except (BaseError, OSError) as error:
            raise Unavailable(f"blobs below {prefix} cannot be removed: {type(error).__name__}") from error
        return len(names)

    async def _remove_versions(self, lock: ObjectLock, prefix: str) -> int:
        check_name(prefix)
        found, locked = await lock.versions(prefix), 0
        for stored in found:
            try:
                await lock.delete(stored)
            except Locked:
                locked += 1
        if locked:
            raise Unavailable(f"{locked} objects below {prefix} are still locked")
        return sum(not stored.marker for stored in found)


def check_name(name: str) -> None:
    """Raise `ValueError` unless `name` is a path of at most eight safe words."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a blob name: {name!r}")


def _finish(path: Path, data: bytes, kept: int) -> None:
    """Make `data` of the file that begins with `kept` bytes of it, durably."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        if os.fstat(descriptor).st_size != kept:
            os.ftruncate(descriptor, kept)  # what a crash or a full disk left of a chunk
        rest = memoryview(data)[kept:]
        while rest:
            rest = rest[os.pwrite(descriptor, rest, len(data) - len(rest)) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(root: Path, folder: Path) -> None:
    """Make the folder and those above it up to `root`, so that they outlast a loss of power."""
    missing = list(itertools.takewhile(lambda at: at != root and not at.is_dir(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        _sync(path.parent)


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
        _sync(folder.parent)


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
