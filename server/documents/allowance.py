"""Limits on concurrent uploads: for one document, from one kiosk, and in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from link.protocol.errors import RateLimited

PER_DOCUMENT: Final = 3
"""A kiosk client uploads one at a time; earlier attempts over broken connections may still be open."""
PER_KIOSK: Final = 4
IN_ALL: Final = 32
BYTES: Final = 512 * 1024 * 1024
"""Bytes of disk that all uploads together may take; one without a Content-Length counts as the largest allowed."""
RETRY_S: Final = 5.0


class Allowance:
    """Counts uploads while they are received and processed."""

    def __init__(
        self, *, per_document: int = PER_DOCUMENT, per_kiosk: int = PER_KIOSK, in_all: int = IN_ALL, size: int = BYTES
    ) -> None:
        self._per_document = per_document
        self._per_kiosk = per_kiosk
        self._in_all = in_all
        self._size = size
        self._kiosks: Counter[str] = Counter()
        self._documents: Counter[tuple[str, str]] = Counter()
        self._bytes = 0

    @contextmanager
    def upload(self, kiosk: str, session: str, document: str, size: int) -> Iterator[None]:
        """Hold a place for an upload of `size` bytes.

        Raises:
            RateLimited: there is none; come back after `retry_after` seconds.
        """
        which = (session, document)
        full = (
            self._documents[which] >= self._per_document
            or self._kiosks[kiosk] >= self._per_kiosk
            or self._kiosks.total() >= self._in_all
            or self._bytes + size > self._size
        )
        if full:
            self._forget(kiosk, which)
            raise RateLimited("too many documents on their way", retry_after=RETRY_S)
        self._documents[which] += 1
        self._kiosks[kiosk] += 1
        self._bytes += size
        try:
            yield
        finally:
            self._documents[which] -= 1
            self._kiosks[kiosk] -= 1
            self._bytes -= size
            self._forget(kiosk, which)

    def _forget(self, kiosk: str, which: tuple[str, str]) -> None:
        if not self._documents[which]:
            del self._documents[which]
        if not self._kiosks[kiosk]:
            del self._kiosks[kiosk]
