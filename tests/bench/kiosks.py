"""`./dev bench kiosks`: how soon every kiosk of a bank is back after the server was killed, and what that costs.

Three processes: this one, a real server with TLS over a data directory of its own, and a crowd of kiosks (`crowd.py`),
each with its own Ed25519 key and the product's own client, but without media. All connect; the server is killed with
SIGKILL and started again at once; measured is until the last one has its stream again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from certs.make import make_server_certificate
from server.config import Config
from server.serve import raise_descriptors
from server.store import Store, tables
from server.store.branches import Branch, ServiceRow
from server.store.stamps import now_us
from tests.bench.crowd import key_of

ROOT = Path(__file__).parents[2]
BRANCH_KIOSKS = 4
SPARE = 300
"""Descriptors that each of the two processes needs beside one for each kiosk."""
WITHIN_S = 600.0
SETTLE_S = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


async def seed(config: Config, count: int) -> None:
    """Kiosks that have enrolled with the keys of the crowd, four in a branch."""
    config.data.mkdir(parents=True, exist_ok=True)
    store = await Store.open(config.database_url)
    try:
        for branch in range((count + BRANCH_KIOSKS - 1) // BRANCH_KIOSKS):
            await store.branches.add(Branch(f"b{branch}", f"支行{branch}", f"Branch {branch}"))
        await store.services.add(ServiceRow("wealth", "理财", "Wealth", "coins", "wealth", 1))
        rows = [
            {
                "id": f"k{number}",
                "name": f"k{number}",
                "branch": f"b{number // BRANCH_KIOSKS}",
                "public_key": key_of(number).public_key().public_bytes_raw(),
                "created_us": now_us(),
                "enrolled_us": now_us(),
            }
            for number in range(count)
        ]
        async with store.database.write() as connection:
            await connection.execute(insert(tables.kiosk), rows)
    finally:
        await store.close()


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1024**2


@asynccontextmanager
async def started(*arguments: str, log: Path, pipe: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of ours, which ends with the block."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, cwd=ROOT, stderr=file,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE if pipe else file,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


class Crowd:
    """What the crowd says of itself, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, wanted: int, within_s: float) -> dict[str, Any]:
        """The first line that has so many connected; or the last one after `within_s`."""
        assert self._process.stdout is not None
        told: dict[str, Any] = {"connected": 0}
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            line = await self._process.stdout.readline()
            if not line:
                raise RuntimeError("the crowd ended by itself")
            told = json.loads(line)
            if told["connected"] == wanted:
                break
        return told


def serve(config: Config, certificates: Path, port: int) -> tuple[str, ...]:
    """The arguments of the server."""
    options = {
        "--data": config.data,
        "--port": port,
        "--tls-certificate": certificates / "server.pem",
        "--tls-key": certificates / "server.key",
        "--minimum-free-mb": 0,
        "--log-level": "warning",
    }
    return ("server", "serve", *(str(part) for option in options.items() for part in option))


async def measure(count: int, folder: Path, port: int) -> dict[str, Any]:
    """Connect all, kill the server, wait until all are back."""
    config = Config(data=folder / "data")
    make_server_certificate(folder, ["localhost"])
    await seed(config, count)
    command, log = serve(config, folder, port), folder / "server.log"
    crowd_command = ("tests.bench.crowd", str(count), f"wss://localhost:{port}/ws/kiosk", str(folder / "ca.pem"))
    async with (
        started(*command, log=log) as first,
        started(*crowd_command, log=folder / "crowd.log", pipe=True) as process,
    ):
        crowd = Crowd(process)
        begun = time.monotonic()
        before = await crowd.until(count, WITHIN_S)
        connect_s = time.monotonic() - begun
        if before["connected"] < count:
            raise RuntimeError(f"only {before['connected']} of {count} connected at all; see {log}")
        first.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        await first.wait()
        await crowd.until(0, WITHIN_S)
        async with started(*command, log=log) as second:
            back = await crowd.until(count, WITHIN_S)
            back_s, server_cpu_s = time.monotonic() - killed, cpu_s(second.pid)
            await crowd.until(-1, SETTLE_S)
            after = await crowd.until(count, WITHIN_S)
            result = {
                "kiosks": count,
                "connected": back["connected"],
                "back_s": round(back_s, 1),
                "failed_attempts": back["failed"],
                "server_cpu_s": round(server_cpu_s, 1),
                "rss_mb": round(rss_mb(second.pid), 1),
                "ping_p99_ms": after["ping_p99_ms"],
                "ping_p50_ms": after["ping_p50_ms"],
                "first_connect_s": round(connect_s, 1),
                "postponed": back["postponed"],
                "while_down": back["while_down"],
                "failures": back["failures"],
                "load_average": [round(load, 1) for load in os.getloadavg()],
            }
    return result


def main(arguments: Sequence[str]) -> int:
    """Measure and print; with --json the last line is one object."""
    parser = argparse.ArgumentParser("./dev bench kiosks", description="Kiosks that come back after a kill.")
    parser.add_argument("--count", type=int, default=5000, help="kiosks (default: 5000)")
    parser.add_argument("--port", type=int, default=18443, help="port of the server (default: 18443)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    limit = raise_descriptors()
    if limit < options.count + SPARE:
        print(
            f"{options.count} kiosks need {options.count + SPARE} file descriptors in each process, and this machine "
            f"allows {limit} (ulimit -Hn): choose a --count of {limit - SPARE} at most, or have the limit raised.",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="visavis-kiosks-") as folder:
        result = asyncio.run(measure(options.count, Path(folder), options.port))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<16}{value}")
    return 0 if result["connected"] == options.count else 1
