"""The DTLS handshake on a path that loses packets: each flight is sent again long before OpenSSL would.

OpenSSL waits a second for an answer, and neither it nor its bindings here let that be shortened, as RFC 6347 section
4.2.4.1 allows where latency matters. So the same records go once more. Who has them already drops them as replays
(section 4.1.2.6). As that also keeps a far end from answering a second time, each end repeats its own flight until it
has something new to say, and the last one although the handshake is over: nobody confirms it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

AGAIN_S: Final = (0.1, 0.25, 0.5)
"""After a flight, when it is sent again; after one second OpenSSL makes a new one (RFC 6347 section 4.2.4.1).
docs/media.md (When the network goes away) has what it gave."""
MAX_DATAGRAMS: Final = 8
"""Of one flight. chosen: the longest has five messages (RFC 6347 section 4.2.4), and some may be fragments."""


class DtlsRetransmission:
    """Repeats what is `sent` by `again(datagram)`, until `stop`. Used on the event loop."""

    def __init__(self, again: Callable[[bytes], object]) -> None:
        self._again = again
        self._flight: list[bytes] = []
        self._answered = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self.repeated = 0

    def sent(self, datagram: bytes) -> None:
        """A datagram of the handshake left: with those before it, unless something came since."""
        if self._over:
            return
        if self._answered:
            self._answered = False
            self._flight.clear()
        self._flight.append(datagram)
        del self._flight[:-MAX_DATAGRAMS]
        self._cancel()
        self._wait(0)

    def heard(self) -> None:
        """Something of the far end's handshake came: what we say next is a new flight."""
        self._answered = True

    def finish(self) -> None:
        """The handshake is over; the last flight may still have been lost."""
        self._over = True

    def stop(self) -> None:
        """Repeat nothing any more. Idempotent."""
        self._over = True
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, step: int) -> None:
        pause = AGAIN_S[step] - (AGAIN_S[step - 1] if step else 0.0)
        self._timer = asyncio.get_running_loop().call_later(pause, self._repeat, step)

    def _repeat(self, step: int) -> None:
        self._timer = None
        for datagram in self._flight:
            self.repeated += 1
            self._again(datagram)
        if step + 1 < len(AGAIN_S):
            self._wait(step + 1)
