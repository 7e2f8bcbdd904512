"""Sequence numbers and acknowledgements of one stream, both directions, sans-IO (PROTOCOL.md, "Streams").

Data frames are numbered from 1. What was sent is kept until the peer says it has it; after a drop the peer says how
far it got and the rest is sent again. The receiver drops what it already has and refuses a hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from link.protocol.errors import BadMessage, SlowConsumer

KEEP_BYTES = 1024 * 1024
KEEP_FRAMES = 8192


class Stream:
    """Sequence numbers and the frames that are not yet acknowledged."""

    def __init__(self, keep_bytes: int = KEEP_BYTES, keep_frames: int = KEEP_FRAMES) -> None:
        self.sent = 0
        self.received = 0
        self.acknowledged = 0
        """Number of the last frame that the peer said it has."""
        self.kept_bytes = 0
        self.on_freed: Callable[[], None] = lambda: None
        """Called when acknowledged frames made room; for senders who can wait."""
        self._kept: deque[tuple[int, bytes]] = deque()
        self._keep_bytes = keep_bytes
        self._keep_frames = keep_frames

    def keep(self, data: bytes) -> None:
        """Keep ``data``, the encoded frame number ``sent + 1``, until it is acknowledged.

        Raises SlowConsumer when what is kept would go over the bound (1 MiB or 8,192 frames).
        """
        if self.kept_bytes + len(data) > self._keep_bytes or len(self._kept) >= self._keep_frames:
            raise SlowConsumer(f"{self.kept_bytes} bytes not acknowledged")
        self.sent += 1
        self._kept.append((self.sent, data))
        self.kept_bytes += len(data)

    def acknowledge(self, received: int) -> None:
        """The peer has every frame up to ``received``. Raises BadMessage if that many were never sent."""
        if received > self.sent:
            raise BadMessage("acknowledges a frame that was never sent")
        self.acknowledged = max(self.acknowledged, received)
        before = len(self._kept)
        while self._kept and self._kept[0][0] <= received:
            self.kept_bytes -= len(self._kept.popleft()[1])
        if len(self._kept) < before:
            self.on_freed()

    def accept(self, seq: int) -> bool:
        """Return whether frame ``seq`` is new; False for one that was already received. Raises BadMessage on a hole."""
        if seq <= self.received:
            return False
        if seq != self.received + 1:
            raise BadMessage(f"frame {seq} after {self.received}")
        self.received = seq
        return True

    def can_resume(self, received: int) -> bool:
        """Whether everything after ``received`` is still kept, and nothing before it was unacknowledged by mistake."""
        return self.acknowledged <= received <= self.sent

    def unacknowledged(self) -> list[bytes]:
        """The kept frames in order, to be sent again."""
        return [data for _, data in self._kept]
