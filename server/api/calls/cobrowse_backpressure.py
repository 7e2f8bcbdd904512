"""Back-pressure for co-browsing: sends a copy of the page no faster than the console acknowledges it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from link.protocol.server import CobrowseBatch, ServerMessage, SessionGone, SessionUpdate
from link.protocol.values import SessionState
from link.signaling.channel import Channel
from server.calls.session_cobrowse import MAX_BATCH

log = structlog.get_logger()

WINDOW_BYTES: Final = 512 * 1024
"""Pieces wait while this much of the stream is not acknowledged; half of its bound is left for other messages."""
MAX_PENDING: Final = 2 * MAX_BATCH


class CobrowseBackpressure:
    """Posts what it takes to the channel at once, except pieces of the shared page, which wait for acknowledgements.

    At most `MAX_PENDING` UTF-16 units wait. Over that, or when the call is held or over, the rest of the epoch is
    dropped; `refresh()` asks for a new picture and says whether it was asked. A new epoch takes the place of an older
    one that still waits.
    """

    def __init__(self, channel: Channel, refresh: Callable[[], bool]) -> None:
        self._channel = channel
        self._refresh = refresh
        self._pending: deque[CobrowseBatch] = deque()
        self._units = 0
        self._dropped = ""
        self._asked = False
        channel.stream.on_freed = self._flow

    def take(self, message: ServerMessage) -> None:
        """Post `message` now, or queue it behind earlier pieces."""
        if isinstance(message, CobrowseBatch):
            self._queue(message)
            return
        over = isinstance(message, SessionUpdate) and message.session.state is not SessionState.ACTIVE
        if self._pending and (over or isinstance(message, SessionGone)):
            self._drop()
        self._channel.post(message)

    def _queue(self, piece: CobrowseBatch) -> None:
        if piece.epoch == self._dropped:
            self._ask()
            return
        if self._pending and self._pending[-1].epoch != piece.epoch:
            self._clear()
        self._pending.append(piece)
        self._units += len(piece.data)
        self._flow()
        if self._units > MAX_PENDING:
            log.info("co-browsing dropped for a slow console", key=self._channel.key)
            self._drop()
            self._ask()

    def _flow(self) -> None:
        while self._pending and self._channel.stream.kept_bytes < WINDOW_BYTES and not self._channel.closed.is_set():
            piece = self._pending.popleft()
            self._units -= len(piece.data)
            self._channel.post(piece)

    def _drop(self) -> None:
        self._dropped, self._asked = self._pending[-1].epoch, False
        self._clear()

    def _clear(self) -> None:
        self._pending.clear()
        self._units = 0

    def _ask(self) -> None:
        self._asked = self._asked or self._refresh()
