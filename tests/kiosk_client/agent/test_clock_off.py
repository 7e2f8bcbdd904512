"""A kiosk whose clock is off learns by how much, says so on its page, and comes back when the clock is set."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest

from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from kiosk_client.config import Config
from link.protocol.errors import ClockOff
from link.protocol.server import PageStatus, ServerMessage
from link.tasks import cancel, spawn
from tests.server.calls.bank import Bank, enrol, eventually
from tests.server.calls.conftest import open_bank

__all__ = ["open_bank"]


class Skewed(DeviceIdentity):
    """A device on a machine whose clock is off."""

    off_s = 0

    def assertion(self) -> str:
        now = time.time() + Skewed.off_s
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time", lambda: now)
            return super().assertion()


@pytest.mark.parametrize("off_s", [-3600, 500])
async def test_it_is_told_by_how_much(open_bank: object, off_s: int) -> None:
    bank: Bank = await open_bank()  # type: ignore[operator]
    device = await enrol(bank.store, "k1")
    skewed = Skewed(Enrolment(f"http://127.0.0.1:{bank.port}", "k1"), device.key)
    agent = Agent(Config(), skewed, Equipment(open_camera=None, loop=None, loopback=True))
    told: list[PageStatus] = []

    def listen(message: ServerMessage) -> None:
        if isinstance(message, PageStatus):
            told.append(message)

    agent.attach(listen)
    Skewed.off_s = off_s
    running = spawn(agent.run(), name="agent")
    await eventually(lambda: told[-1].clock_off_s != 0 or isinstance(agent.client.refusal, ClockOff), within=20)
    refusal = agent.client.refusal
    assert isinstance(refusal, ClockOff)
    assert abs(time.time() - refusal.server_time) < 60, "both ends have this machine's clock; the assertion had not"
    claims = json.loads(base64.urlsafe_b64decode(skewed.assertion().split(".")[1] + "=="))
    assert abs(claims["iat"] - refusal.server_time - off_s) < 60
    Skewed.off_s = 0
    agent.client.hurry()
    await eventually(lambda: told[-1].online, within=20)
    assert told[-1].clock_off_s == 0
    agent.stop()
    await asyncio.wait([running], timeout=20)
    await cancel(running)


def test_the_page_is_told_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    device = DeviceIdentity(Enrolment("http://127.0.0.1:1", "k1"), None)  # type: ignore[arg-type]
    agent = Agent(Config(), device, Equipment(open_camera=None, loop=None, loopback=True))
    told: list[ServerMessage] = []
    agent.listeners.add(told.append)
    monkeypatch.setattr(time, "time", lambda: 1_790_000_312.0)
    for _ in range(3):
        agent._on_refusal(ClockOff(server_time=1_790_000_000.0))
    assert told == [PageStatus(online=False, clock_off_s=312)]
