"""One object for each event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from link.per_loop import PerLoop
from link.rtc.transport.ticker import running_ticker
from link.rtc.transport.turn_framing import running_outbox
from link.rtc.transport.udp_socket import running_poller
from server.recording.worker import running_worker


class Thing:
    """Something that is shared."""


def in_a_loop(work: Callable[[], object]) -> tuple[asyncio.AbstractEventLoop, object]:
    """Run `work` in an event loop of its own; both are returned, so that they outlive each other's test."""

    async def run() -> tuple[asyncio.AbstractEventLoop, object]:
        return asyncio.get_running_loop(), work()

    return asyncio.run(run())


def test_a_loop_has_one_and_another_loop_another() -> None:
    shared = PerLoop(Thing)
    one, first = in_a_loop(lambda: (shared(), shared()))
    two, second = in_a_loop(lambda: (shared(), shared()))
    assert one is not two
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert first[0] is first[1]
    assert second[0] is second[1]
    assert first[0] is not second[0]


def test_it_goes_with_its_loop() -> None:
    shared = PerLoop(Thing)
    loop, thing = in_a_loop(shared)
    seen = weakref.ref(thing)
    del thing
    gc.collect()
    assert seen() is not None, "its loop is there"
    del loop
    gc.collect()
    assert seen() is None


def test_nothing_is_shared_where_no_loop_runs() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        PerLoop(Thing)()


@pytest.mark.parametrize("running", [running_ticker, running_poller, running_outbox, running_worker])
def test_what_the_product_shares_does_not_keep_its_loop_alive(running: PerLoop[object]) -> None:
    loop, first = in_a_loop(lambda: (running(), running()))
    assert isinstance(first, tuple)
    assert first[0] is first[1]
    seen = weakref.ref(loop)
    del loop, first
    gc.collect()
    assert seen() is None
