"""A bad network between two ends of a leg: a UDP relay on loopback that drops, delays and reorders by a seed."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any, cast

_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (127\.0\.0\.1) (\d+) typ host[^\r\n]*\r\n")
_ANY_CANDIDATE = re.compile(r"a=(?:candidate:[^\r\n]*|end-of-candidates)\r\n")


class _Side(asyncio.DatagramProtocol):
    def __init__(self, path: LossyPath, towards: str) -> None:
        self.path = path
        self.towards = towards
        self.transport: asyncio.DatagramTransport | None = None
        self.peer: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        if self.towards == "answerer":
            self.peer = address[:2]  # the offerer shows where it is; the answerer's address is in its SDP
        self.path.carry(data, self.towards)


class LossyPath:
    """Stands between an offerer and an answerer, who must gather 127.0.0.1.

    The offerer's candidates are hidden from the answerer (`hide`), and the answerer's only one becomes this relay
    (`stand_before`), so every datagram goes through here. `loss` (0 to 1) may be set at any time, for both directions;
    `blocked` drops everything. `delay` and `jitter` are seconds one way; jitter reorders.
    """

    def __init__(self, *, loss: float = 0.0, delay: float = 0.0, jitter: float = 0.0, seed: int = 1) -> None:
        self.loss = loss
        self.delay = delay
        self.jitter = jitter
        self.blocked = False
        self.carried = self.dropped = 0
        self._random = random.Random(seed)
        self._sides = {"answerer": _Side(self, "answerer"), "offerer": _Side(self, "offerer")}

    @staticmethod
    def hide(offer: str) -> str:
        """The offer without the offerer's candidates."""
        return _ANY_CANDIDATE.sub("", offer)

    async def stand_before(self, answer: str) -> str:
        """Open the sockets; the answer with this relay as its only candidate."""
        found = _CANDIDATE.search(answer)
        assert found is not None, "the answerer has no loopback candidate"
        loop = asyncio.get_running_loop()
        for side in self._sides.values():
            await loop.create_datagram_endpoint(lambda side=side: side, local_addr=("127.0.0.1", 0))  # type: ignore[misc]
        self._sides["offerer"].peer = (found[1], int(found[2]))
        front = self._sides["answerer"].transport
        assert front is not None
        port = front.get_extra_info("sockname")[1]
        line = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\na=end-of-candidates\r\n"
        head, tail = _ANY_CANDIDATE.sub("", answer[: found.start()]), answer[found.start() :]
        return head + line + _ANY_CANDIDATE.sub("", tail)

    def carry(self, data: bytes, towards: str) -> None:
        self.carried += 1
        if self.blocked or self._random.random() < self.loss:
            self.dropped += 1
            return
        wait = self.delay + self._random.random() * self.jitter
        if wait:
            asyncio.get_running_loop().call_later(wait, self._deliver, data, towards)
        else:
            self._deliver(data, towards)

    def _deliver(self, data: bytes, towards: str) -> None:
        # What comes in on one socket leaves by the other, so that each end sees one steady address.
        out = self._sides["offerer"] if towards == "answerer" else self._sides["answerer"]
        if out.peer is not None and out.transport is not None and not out.transport.is_closing():
            out.transport.sendto(data, out.peer)

    def close(self) -> None:
        for side in self._sides.values():
            if side.transport is not None:
                side.transport.close()
