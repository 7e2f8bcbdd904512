"""How many papers may be on their way at once: for one paper, from one kiosk, and to this server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from link.protocol.errors import RateLimited

PER_PAPER: Final = 3
"""A kiosk client delivers one at a time; what a broken connection left behind may still be there beside it."""
PER_KIOSK: Final = 4
IN_ALL: Final = 32
BYTES: Final = 512 * 1024 * 1024
"""What all of them together may take of the disk; one that does not say how long it is counts as the longest."""
RETRY_S: Final = 5.0


class Allowance:
    """Counts uploads from their first to their last byte, and while they are made ready."""

    def __init__(
        self, *, per_paper: int = PER_PAPER, per_kiosk: int = PER_KIOSK, in_all: int = IN_ALL, size: int = BYTES
    ) -> None:
        self._per_paper = per_paper
        self._per_kiosk = per_kiosk
        self._in_all = in_all
        self._size = size
        self._kiosks: Counter[str] = Counter()
        self._papers: Counter[tuple[str, str]] = Counter()
        self._bytes = 0

    @contextmanager
    def upload(self, kiosk: str, session: str, document: str, size: int) -> Iterator[None]:
        """Hold a place for an upload of `size` bytes.

        Raises:
            RateLimited: there is none; come back after `retry_after` seconds.
        """
        paper = (session, document)
        full = (
            self._papers[paper] >= self._per_paper
            or self._kiosks[kiosk] >= self._per_kiosk
            or self._kiosks.total() >= self._in_all
            or self._bytes + size > self._size
        )
        if full:
            self._forget(kiosk, paper)
            raise RateLimited("too many papers on their way", retry_after=RETRY_S)
        self._papers[paper] += 1
        self._kiosks[kiosk] += 1
        self._bytes += size
        try:
            yield
        finally:
            self._papers[paper] -= 1
            self._kiosks[kiosk] -= 1
            self._bytes -= size
            self._forget(kiosk, paper)

    def _forget(self, kiosk: str, paper: tuple[str, str]) -> None:
        if not self._papers[paper]:
            del self._papers[paper]
        if not self._kiosks[kiosk]:
            del self._kiosks[kiosk]
