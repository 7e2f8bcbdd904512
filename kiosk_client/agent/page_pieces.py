"""Back-pressure for co-browsing from the page: pieces wait here until the server has acknowledged earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from link.protocol.client import ClientMessage, CobrowsePiece
from link.signaling.stream import Stream

WINDOW_BYTES: Final = 512 * 1024
"""Pieces wait while this much of the stream is not acknowledged; the rest is left for other messages."""
MAX_PENDING: Final = 4 * 1024 * 1024


class PagePieces:
    """Posts pieces in their order; at most `MAX_PENDING` UTF-16 units wait.

    Over that the rest of the epoch is dropped, and `take` says so once: a new picture is due. A new epoch takes the
    place of an older one that still waits.
    """

    def __init__(self, stream: Callable[[], Stream], post: Callable[[ClientMessage], None]) -> None:
        self._stream = stream
        self._post = post
        self._pending: deque[CobrowsePiece] = deque()
        self._units = 0
        self._dropped = ""

    def take(self, piece: CobrowsePiece) -> bool:
        """Post the piece now, or queue it; False when the epoch is dropped because of it."""
        if piece.epoch == self._dropped:
            if self._stream().kept_bytes >= WINDOW_BYTES:
                return True
            self._dropped = ""  # the server finds the hole, and asks for a new picture
        if self._pending and self._pending[-1].epoch != piece.epoch:
            self.clear()
        self._pending.append(piece)
        self._units += len(piece.data)
        self._flow()
        if self._units <= MAX_PENDING:
            return True
        self._dropped = piece.epoch
        self.clear()
        return False

    def clear(self) -> None:
        """Forget what waits: the call is over, or the server does not know the epoch."""
        self._pending.clear()
        self._units = 0

    def _flow(self) -> None:
        stream = self._stream()
        stream.on_freed = self._flow
        while self._pending and stream.kept_bytes < WINDOW_BYTES:
            piece = self._pending.popleft()
            self._units -= len(piece.data)
            self._post(piece)
