"""`./dev bench relay`: what whole calls cost a server, ours and others', by the same work in one run.

Each round starts every server anew as a process of its own, sets up N two-way recorded calls from another process, and
measures while they run; rounds alternate between the systems, and the figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench import janus
from tests.bench.chart import Series, chart
from tests.bench.clip import clip

STOCK_CALLS = 1  # more than that do not fit a core
SYSTEMS = ("visavis", "janus", "stock")

Figures = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Run the comparison, or with `--sweep` our own cost against the number of calls."""
    parser = argparse.ArgumentParser("./dev bench relay", description="What recorded calls cost a server.")
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", default="", help="stock, janus or both, with a comma")
    parser.add_argument("--one-core", action="store_true", help="the server on one core, the peers on another")
    parser.add_argument("--awake", action="store_true", help="keep the cores from idling, as on a machine that is used")
    parser.add_argument("--sweep", metavar="FILE.svg", help="1, 3, 10, 20 and 30 calls instead of --calls; draw them")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of tables")
    options = parser.parse_args(arguments)
    against = [name for name in options.against.split(",") if name]
    if unknown := set(against) - set(SYSTEMS[1:]):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    clip()
    with cores_awake() if options.awake else contextlib.nullcontext():
        if options.sweep:
            return sweep(options, against)
        result = compare(options, ["visavis", *against], options.calls)
    if options.json:
        print(json.dumps(result))
    else:
        print_table(result)
    return 0


def compare(options: argparse.Namespace, names: list[str], calls: int) -> Figures:
    """Alternate the systems for some rounds; medians, and ratios to ours."""
    missing = {}
    if "janus" in names and janus.BINARY is None:
        names = [name for name in names if name != "janus"]
        missing["janus"] = "not installed on this machine (apt-get install janus)"
    rounds: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            many = min(calls, STOCK_CALLS) if name == "stock" else calls
            rounds[name].append(run_once(name, many, options.seconds, one_core=options.one_core))
    systems: Figures = {name: {**medians(found), "rounds": len(found)} for name, found in rounds.items()}
    ours = systems["visavis"]["cpu_percent_per_call"]
    ratios = {name: round(ours / systems[name]["cpu_percent_per_call"], 4) for name in names if name != "visavis"}
    return {"calls": calls, "seconds": options.seconds, "systems": systems, "ratios": ratios, "missing": missing}


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds; what is lost is summed."""
    result: Figures = {}
    for name in rounds[0]:
        values = [figures[name] for figures in rounds if figures[name] is not None]
        result[name] = (sum(values) if name == "lost" else round(statistics.median(values), 3)) if values else None
    return result


def run_once(name: str, calls: int, seconds: float, *, one_core: bool) -> Figures:
    """One round of one system. Raises `RuntimeError` when it did not work."""
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as place:
        folder = Path(place)
        with server(name, folder, one_core=one_core) as (pid, address):
            command = [sys.executable, "-m", "tests.bench.peers", name, address, str(folder), str(pid)]
            command += ["--calls", str(calls), "--seconds", str(seconds)]
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                check=False,
                timeout=120 + 3 * seconds,
                preexec_fn=on_core(1) if one_core else None,
            )
        if done.returncode:
            raise RuntimeError(f"the peers of {name} failed")
        figures: Figures = json.loads(done.stdout)
        figures["calls"] = calls
        recorded = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        figures["recorded_mb"] = round(recorded / 1e6, 1)
        if name == "stock":
            # It decodes and encodes again: no packet is the one that was sent.
            figures.update(lost=None, latency_p50_ms=None, latency_p99_ms=None)
        return figures


def on_core(number: int) -> Any:
    """What a child process does first to stay on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cores[number % len(cores)]})


@contextlib.contextmanager
def cores_awake() -> Iterator[list[int]]:
    """Let a process of the lowest class (SCHED_IDLE) spin on each core; it gives way to everything else at once.

    A virtual core that wakes from idling is several times slower for its first instructions, and how much depends on
    what its host does: figures of a machine that mostly sleeps scatter by half. Yields the processes' ids.
    """

    def idly() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    spinning = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"], preexec_fn=idly)
        for _ in os.sched_getaffinity(0)
    ]
    try:
        yield [process.pid for process in spinning]
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@contextlib.contextmanager
def server(name: str, folder: Path, *, one_core: bool) -> Iterator[tuple[int, str]]:
    """Start a system's server; its process id and where it listens."""
    if name == "janus":
        address = str(janus.configure(folder))
        command = [str(janus.BINARY), "-F", str(folder / "etc")]
    else:
        address = str(folder / "socket")
        command = [sys.executable, "-m", "tests.bench.systems", name, address, str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=on_core(0) if one_core else None
        )
        try:
            if name != "janus":
                wait_for(Path(address), process)
            yield process.pid, address
        finally:
            process.kill()
            process.wait()


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server has made its socket."""
    for _ in range(600):
        if path.exists():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


def sweep(options: argparse.Namespace, against: list[str]) -> int:
    """Cost against the number of calls, as a table and as a picture."""
    names = ["visavis", *[name for name in against if name == "janus" and janus.BINARY]]
    results = [compare(options, names, calls) for calls in (1, 3, 10, 20, 30)]
    series = [
        Series(name, [(r["calls"], r["systems"][name]["cpu_percent_per_call"]) for r in results]) for name in names
    ]
    Path(options.sweep).write_text(chart("Recorded calls", "calls", "% of a core per call", series))
    if options.json:
        print(json.dumps(results))
    else:
        for result in results:
            print_table(result)
    return 0


COLUMNS = (
    "cpu_percent_per_call", "us_per_packet", "packets_per_second", "lost", "latency_p50_ms", "latency_p99_ms",
    "setup_ms", "memory_mb_per_call",
)  # fmt: skip


def print_table(result: Figures) -> None:
    """One comparison for the eye."""
    print(f"{result['calls']} calls, {result['seconds']:.0f} s a round")
    for name, reason in result["missing"].items():
        print(f"  {name}: {reason}")
    width = max(map(len, COLUMNS)) + 2
    print(" " * width + "".join(f"{name:>12}" for name in result["systems"]))
    for column in COLUMNS:
        cells = [figures[column] for figures in result["systems"].values()]
        print(f"{column:<{width}}" + "".join(f"{'-' if cell is None else cell:>12}" for cell in cells))
    for name, ratio in result["ratios"].items():
        print(f"visavis costs {ratio:.3f} of {name} per call")
