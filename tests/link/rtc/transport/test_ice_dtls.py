"""A path that comes back is found soon, however long it was away while a leg was looking for it."""

from __future__ import annotations

import asyncio
import time

import pytest

from link.rtc.leg import Leg, LegState
from link.rtc.transport.connectivity_checks import CHECK_EVERY_S
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import until
from tests.machine import allow


@pytest.mark.alone
async def test_checks_do_not_slow_down(no_task_left: None) -> None:
    """With pauses that double, as the library makes them, the next check would come 3.5 s after the first ones."""
    offerer, answerer = Leg("offerer", loopback=True), Leg("answerer", loopback=True)
    path = LossyPath()
    path.blocked = True
    try:
        answer = await answerer.answer(path.hide(await offerer.offer()))
        await offerer.accept(await path.stand_before(answer))
        await asyncio.sleep(1.6)
        assert LegState.CONNECTED not in (offerer.state, answerer.state)
        path.blocked = False
        begun = time.monotonic()
        await until(lambda: offerer.state == answerer.state == LegState.CONNECTED)
        assert time.monotonic() - begun < allow(CHECK_EVERY_S + 0.7)
    finally:
        await offerer.close()
        await answerer.close()
        path.close()
