from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from pathlib import Path

import pytest

from demo.processes import ROOT, Child, Stack, StackError, free_port, running
from tests.big import big


async def child(tmp_path: Path, source: str) -> Child:
    log = tmp_path / "child.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdout=file, stderr=file)
    made = Child("child", log, process)
    async with asyncio.timeout(30):
        while "up" not in made.last_lines() and made.running:
            await asyncio.sleep(0.02)
    return made


async def test_a_child_is_asked_to_end_and_may_be_asked_twice(tmp_path: Path) -> None:
    on_term = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\n"
    made = await child(tmp_path, on_term + "print('up', flush=True)\ntime.sleep(60)")
    assert made.running
    await made.stop()
    await made.stop()
    assert made.process.returncode == 7


async def test_a_killed_child_is_gone_at_once(tmp_path: Path) -> None:
    made = await child(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(60)")
    await made.kill()
    assert not made.running
    await made.kill()


def test_a_free_port_is_the_wanted_one_if_it_can_be() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port


async def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    stack = Stack(tmp_path, free_port(), free_port(), server_options=["--no-such-option", "1"])
    with pytest.raises(StackError, match="no-such-option"):
        await stack.start_server()
    await stack.stop()


async def test_settings_of_the_caller_do_not_reach_the_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISAVIS_PORT", "1")
    stack = Stack(tmp_path, 1, 2, environment={"VISAVIS_LOG_LEVEL": "debug"})
    environment = stack._environment()
    assert "VISAVIS_PORT" not in environment
    assert environment["VISAVIS_LOG_LEVEL"] == "debug"


@big
async def test_a_kiosk_enrols_once_for_each_address_of_its_server(tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    for port, enrolments in ((first, 1), (first, 1), (second, 2)):
        stack = Stack(tmp_path, port, free_port())
        async with running(stack):
            assert stack.kiosk is not None
            assert stack.kiosk.running
        log = (tmp_path / "logs" / "server.log").read_text()
        assert log.count('"kiosk enrolled"') == enrolments


ORPHANS = """
import asyncio, pathlib, sys
from demo.processes import Stack, free_port

async def main():
    stack = Stack(pathlib.Path(sys.argv[1]), free_port(), free_port())
    child = await stack._spawn("sleeper", "http.server", ["0", "--bind", "127.0.0.1"])
    print(child.process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux's setpriv is not on this machine")
async def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANS, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    orphan = Path("/proc") / (await parent.stdout.readline()).decode().strip()
    assert orphan.exists()
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(30):
        while runs(orphan):
            await asyncio.sleep(0.05)


def runs(process: Path) -> bool:
    try:
        return ") Z " not in process.joinpath("stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
