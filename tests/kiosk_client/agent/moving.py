"""A kiosk whose address changes in a call: a program of its own, for network namespaces.

    unshare --net -- python -m tests.kiosk_client.agent.moving [--gap SECONDS] [--quiet]

The head office is in the namespace that the program was started in, the kiosk on a thread with another one; a cable
(veth) lies between them. Prints, as JSON, the seconds from the moment that the kiosk has its new address until the
office has a picture again. `--gap`: so long there is no address at all. `--quiet`: the kernel does not tell the kiosk.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable

import structlog
from aiohttp.test_utils import TestServer

from kiosk_client.agent.addresses import AddressWatch
from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.config import Config
from kiosk_client.devices.loops import make_loop
from link.protocol import client as c
from link.protocol.values import Consent, Language
from link.rtc.leg import LegState
from link.tasks import cancel, spawn
from tests.kiosk_client.head_office import HeadOffice, enrolled

CLONE_NEWNET = 0x40000000
OFFICE, BEFORE, AFTER = "10.99.0.1", "10.99.0.2", "10.99.0.3"
REQUEST = c.CallRequest("r1", "wealth", Language.ZH, Consent("2026-1", Language.ZH))


def ip(command: str) -> None:
    """Run `ip`, in the namespace of the calling thread."""
    subprocess.run(["ip", *command.split()], check=True)


class Kiosk(threading.Thread):
    """A headless kiosk in a namespace of its own."""

    def __init__(self) -> None:
        super().__init__(name="kiosk")
        self.tid = 0
        self.moved = 0.0
        self.cabled, self.ready = threading.Event(), threading.Event()
        self._office: tuple[HeadOffice, str] | None = None
        self._loop = asyncio.new_event_loop()
        self._leaving = asyncio.Event()

    def run(self) -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self.tid = threading.get_native_id()
        self.ready.set()
        self.cabled.wait(10)
        ip("link set lo up")
        ip(f"address add {BEFORE}/24 dev kiosk")
        ip("link set kiosk up")
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        assert self._office is not None
        office, address = self._office
        equipment = Equipment(loop=make_loop("synthetic", width=320, height=180, fps=20))
        agent = Agent(Config(), enrolled(office, address), equipment)
        task = spawn(agent.run(), name="agent")
        async with asyncio.timeout(30):
            while not agent.client.connected:
                await asyncio.sleep(0.02)
        await agent.ask(REQUEST)
        await self._leaving.wait()
        agent.stop()
        await asyncio.wait([task], timeout=8)
        await cancel(task)

    def call(self, office: HeadOffice, address: str) -> None:
        self._office = office, address
        self.cabled.set()

    def move(self, gap: float) -> None:
        """Take another address, after `gap` seconds without one."""

        async def change() -> None:
            ip(f"address delete {BEFORE}/24 dev kiosk")
            if gap:
                await asyncio.sleep(gap)
            ip(f"address add {AFTER}/24 dev kiosk")
            self.moved = time.monotonic()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(10 + gap)

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self._leaving.set)
        self.join(15)


def pictures(office: HeadOffice) -> tuple[int, float]:
    """Of the live leg: its identity, and when its last picture came."""
    leg = office.live_leg
    if leg is None or leg.state is not LegState.CONNECTED:
        return 0, 0.0
    return id(leg), leg.tracks["camera"].last_arrival


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def measure(gap: float) -> dict[str, float]:
    ip("link set lo up")
    kiosk, office = Kiosk(), HeadOffice()
    kiosk.start()
    await asyncio.to_thread(kiosk.ready.wait, 10)
    ip(f"link add office type veth peer name kiosk netns {kiosk.tid}")
    ip(f"address add {OFFICE}/24 dev office")
    ip("link set office up")
    async with TestServer(office.app(), host=OFFICE) as server:
        kiosk.call(office, str(server.make_url("")).rstrip("/"))
        await office.heard(c.CallRequest)
        office.answer()
        await until(lambda: time.monotonic() - pictures(office)[1] < 0.2)
        await asyncio.sleep(2)
        old, _ = pictures(office)
        await asyncio.to_thread(kiosk.move, gap)
        await until(lambda: pictures(office)[0] not in (0, old) and pictures(office)[1] > kiosk.moved)
        back = pictures(office)[1] - kiosk.moved
        legs = [type(body) for body in office.said].count(c.LegOffer)
        await asyncio.to_thread(kiosk.leave)
        await office.close()
    return {"back_s": round(back, 3), "legs": legs}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gap", type=float, default=0.0)
    arguments.add_argument("--quiet", action="store_true")
    chosen = arguments.parse_args()
    if not os.environ.get("VISAVIS_LOG"):
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if chosen.quiet:
        AddressWatch.open = lambda self: False  # type: ignore[method-assign]
    print(json.dumps(asyncio.run(measure(chosen.gap))))


if __name__ == "__main__":
    main()
