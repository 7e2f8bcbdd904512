"""The kiosk's own addresses: what is ours, what the kernel tells, and a call whose kiosk gets a new one."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk_client.agent.addresses import AddressWatch, is_ours
from tests.machine import allow

ROOT = Path(__file__).parents[3]
BACK_S = 2.0


def may_part_networks() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


namespaces = pytest.mark.skipif(not may_part_networks(), reason="needs network namespaces: root, iproute2, util-linux")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_an_address_of_this_machine(address: str) -> None:
    assert is_ours(address)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7", "no address"])
def test_an_address_that_it_has_not(address: str) -> None:
    assert not is_ours(address)


async def test_a_kernel_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    watch = AddressWatch(lambda: None)
    assert not watch.open()
    watch.close()


async def test_a_watch_opens_once_and_leaves_nothing() -> None:
    watch = AddressWatch(lambda: None)
    assert watch.open()
    assert watch.open()
    opened = watch._socket
    assert opened is not None
    watch.close()
    watch.close()
    assert opened.fileno() == -1


_CHANGES = """
import asyncio, subprocess, time
from kiosk_client.agent.addresses import SETTLES_S, AddressWatch, is_ours

async def main():
    told = []
    watch = AddressWatch(lambda: told.append(is_ours("192.0.2.9")))
    assert watch.open()
    for change, ours in (("link set lo up", False), ("address add 192.0.2.9/32 dev lo", True),
                         ("address delete 192.0.2.9/32 dev lo", False)):
        before = len(told)
        subprocess.run(["ip", *change.split()], check=True)
        async with asyncio.timeout(2):
            while len(told) == before:
                await asyncio.sleep(0.01)
        assert told[-1] is ours, change
    await asyncio.sleep(3 * SETTLES_S)
    assert len(told) == 3, "what comes together is told once"
    watch.close()

asyncio.run(main())
"""


def parted(*arguments: str) -> str:
    """What Python with these arguments prints in a network namespace of its own."""
    run = subprocess.run(
        ["unshare", "--net", "--", sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@namespaces
def test_the_kernel_tells_of_every_change() -> None:
    parted("-c", _CHANGES)


def moved(*options: str) -> float:
    """Seconds from the kiosk's new address to the office's first picture after it."""
    figures = json.loads(parted("-m", "tests.kiosk_client.agent.moving", *options))
    print(options, figures)
    assert figures["legs"] == 2, "one for each address"
    return float(figures["back_s"])


@namespaces
@pytest.mark.alone
@pytest.mark.parametrize("gap", ["0", "1.5"], ids=["at once", "after a gap"])
def test_media_is_back_soon_after_a_new_address(gap: str) -> None:
    assert moved("--gap", gap) <= allow(BACK_S)


@namespaces
@pytest.mark.alone
def test_without_the_kernels_word_silence_tells() -> None:
    """1.2 s of silence, and 0.1 s more on a quiet machine, because the connection is made anew meanwhile."""
    assert moved("--quiet") <= allow(BACK_S)
