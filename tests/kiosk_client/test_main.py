"""The command as a person starts it: a process of its own, with its exit codes and what it prints."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from kiosk_client.__main__ import FAILED, OK, USAGE, main
from link.protocol import client as c
from tests.kiosk_client.head_office import HeadOffice, opened

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kiosk_client",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def finished(process: asyncio.subprocess.Process, timeout: float = PATIENCE_S) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), timeout)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def enrolled(office: HeadOffice, address: str, data: str) -> str:
    """Enrol a kiosk in `data`; returns what was printed."""
    async with started("enrol", "--server", address, "--code", office.code, "--data", data) as enrolling:
        code, out, err = await finished(enrolling)
    assert code == OK, err
    return out


async def test_enrol_then_call_without_a_page(tmp_path: Path) -> None:
    office = HeadOffice()
    data = str(tmp_path / "kiosk")
    options = ("--headless", "--data", data, "--picture", "320x180", "--call", "wealth", "--talk", "0.5")
    async with opened(office) as address:
        assert "滨江 1 号机" in await enrolled(office, address, data)
        async with started("run", *options) as calling:
            await office.heard(c.CallRequest, timeout=PATIENCE_S)
            office.answer()
            await office.until(lambda: office.live_leg)
            code, _, err = await finished(calling)
    assert code == OK, err
    assert [type(message) for message in office.said if isinstance(message, c.CallEnd | c.Rate)] == [c.CallEnd, c.Rate]


async def test_run_serves_the_page_until_told_to_stop(tmp_path: Path) -> None:
    office = HeadOffice()
    data = str(tmp_path / "kiosk")
    async with opened(office) as address:
        await enrolled(office, address, data)
        async with started("run", "--data", data, "--page-port", "0") as running:
            assert running.stdout is not None
            line = (await asyncio.wait_for(running.stdout.readline(), PATIENCE_S)).decode()
            assert line.startswith("Kiosk page: http://127.0.0.1:")
            link = line.split()[-1]
            async with aiohttp.ClientSession() as http:
                async with http.get(link) as response:
                    assert response.status == 200
                async with http.get(link.partition("?")[0]) as response:
                    assert response.status == 403, "any program of this machine could be the page"
            async with started("url", "--data", data, "--page-port", "8700") as asking:
                assert asking.stdout is not None
                printed = (await asyncio.wait_for(asking.stdout.readline(), PATIENCE_S)).decode().strip()
                await asking.wait()
            assert printed == "http://127.0.0.1:8700/?" + link.partition("?")[2]
            assert (tmp_path / "kiosk" / "page.key").stat().st_mode & 0o777 == 0o600
            running.send_signal(signal.SIGTERM)
            code, _, err = await finished(running)
    assert code == OK, err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["run", "--data", "{data}"], FAILED, "not enrolled"),
        (["run", "--data", "{data}", "--page-port", "x"], USAGE, "page_port"),
        (["enrol", "--server", "http://bank.example", "--code", "1", "--data", "{data}"], USAGE, "use https"),
        (["enrol", "--server", "http://127.0.0.1:9", "--code", "1", "--data", "{data}"], FAILED, "cannot be reached"),
        (
            ["enrol", "--server", "http://127.0.0.1:9", "--code", "1", "--data", "/dev/null"],
            FAILED,
            "nothing can be kept",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.replace("{data}", str(tmp_path)) for argument in arguments]
    assert main(given) == code
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--headless", "--talk", "-5"], ["--headless", "--talk", "nan"], ["--talk", "5"], ["--call", "wealth"]],
)
def test_wrong_usage_is_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", *options])
    assert ended.value.code == USAGE


async def test_a_taken_port_and_a_refusal_are_said_without_a_trace(tmp_path: Path) -> None:
    office = HeadOffice()
    data = str(tmp_path / "kiosk")
    async with opened(office) as address:
        await enrolled(office, address, data)
        port = address.rpartition(":")[2]
        async with started("run", "--data", data, "--page-port", port) as running:
            code, _, err = await finished(running)
    assert (code, "Traceback" in err) == (FAILED, False)
    assert "address already in use" in err
