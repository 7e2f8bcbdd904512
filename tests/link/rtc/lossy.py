"""A bad network between two ends of a leg: a UDP relay on loopback, each way as `network.Direction` has it."""

from __future__ import annotations

import asyncio
import heapq
import re
from typing import Any, cast

from tests.link.rtc.network import Conditions, Direction

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
    (`stand_before`), so every datagram goes through here. `to_answerer` and `to_offerer` say what happens on the way;
    `set` changes both. `loss` and `blocked` are those of both directions.
    """

    def __init__(self, *, loss: float = 0.0, delay: float = 0.0, jitter: float = 0.0, seed: int = 1) -> None:
        self._directions = {
            "answerer": Direction(Conditions(loss=loss, delay=delay, jitter=jitter), 2 * seed),
            "offerer": Direction(Conditions(loss=loss, delay=delay, jitter=jitter), 2 * seed + 1),
        }
        self._sides = {"answerer": _Side(self, "answerer"), "offerer": _Side(self, "offerer")}
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def to_answerer(self) -> Conditions:
        return self._directions["answerer"].conditions

    @property
    def to_offerer(self) -> Conditions:
        return self._directions["offerer"].conditions

    def set(self, **changes: Any) -> None:
        """Change fields of `Conditions` in both directions."""
        for direction in self._directions.values():
            for name, value in changes.items():
                setattr(direction.conditions, name, value)

    @property
    def loss(self) -> float:
        return self.to_answerer.loss

    @loss.setter
    def loss(self, loss: float) -> None:
        self.set(loss=loss)

    @property
    def blocked(self) -> bool:
        return self.to_answerer.blocked

    @blocked.setter
    def blocked(self, blocked: bool) -> None:
        self.set(blocked=blocked)

    @property
    def carried(self) -> int:
        return sum(direction.carried for direction in self._directions.values())

    @property
    def dropped(self) -> int:
        return sum(direction.lost + direction.overflowed for direction in self._directions.values())

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

    async def rebind(self) -> None:
        """Be a NAT that forgets: the offerer's packets come from another port; what is sent to the old one is lost."""
        side = self._sides["offerer"]
        old = side.transport
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: side, local_addr=("127.0.0.1", 0))
        if old is not None:
            old.close()

    def carry(self, data: bytes, towards: str) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for out in self._directions[towards].carry(len(data), now):
            if out <= now and not self._waiting:
                self._deliver(data, towards)
                continue
            # A heap of our own: the loop's timers do not keep the order of what is due at once.
            self._count += 1
            heapq.heappush(self._waiting, (out, self._count, towards, data))
            if self._timer is None or out < self._timer.when():
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = loop.call_at(out, self._run)

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        waiting = self._waiting
        while waiting and waiting[0][0] <= loop.time():
            _, _, towards, data = heapq.heappop(waiting)
            self._deliver(data, towards)
        self._timer = loop.call_at(waiting[0][0], self._run) if waiting and not self._closed else None

    def _deliver(self, data: bytes, towards: str) -> None:
        # What comes in on one socket leaves by the other, so that each end sees one steady address.
        out = self._sides["offerer"] if towards == "answerer" else self._sides["answerer"]
        if out.peer is not None and out.transport is not None and not out.transport.is_closing():
            out.transport.sendto(data, out.peer)

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        for side in self._sides.values():
            if side.transport is not None:
                side.transport.close()
