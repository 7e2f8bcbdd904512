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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from link import compiled
from tests.bench import janus, sweeps
from tests.bench.clip import RATES, clip
from tests.bench.work import Figures, Work

STOCK_CALLS = 1  # more than that do not fit a core
SYSTEMS = ("visavis", "compiled", "janus", "stock")


@dataclass(frozen=True, slots=True)
class Method:
    """How it is measured; `seconds` are those of each round."""

    seconds: float = 10.0
    rounds: int = 3
    one_core: bool = False
    awake: bool = False

    def told(self) -> Figures:
        """Everything that figures depend on besides the work, for whoever reads them."""
        return {
            "seconds": self.seconds,
            "rounds": self.rounds,
            "one_core": self.one_core,
            "awake": self.awake,
            "cores": len(os.sched_getaffinity(0)),
            "load_before": round(os.getloadavg()[0], 2),
            "at": datetime.now(UTC).isoformat(timespec="minutes"),
        }


def main(arguments: Sequence[str]) -> int:
    """Run the comparison, or with `--sweep` the cost against calls, packet rate and subscribers."""
    parser = argparse.ArgumentParser("./dev bench relay", description="What recorded calls cost a server.")
    parser.add_argument("--calls", default="4", help="one number, or several with commas (default 4)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1.0, choices=RATES, help="times the standard packet rate")
    parser.add_argument("--subscribers", type=int, default=1, choices=range(1, 6), help="who receive each track")
    parser.add_argument("--against", default="", help="janus, stock, with commas")
    parser.add_argument("--one-core", action="store_true", help="the server on one core, the peers on another")
    parser.add_argument("--awake", action="store_true", help="keep the cores from idling, as on a machine that is used")
    parser.add_argument("--sweep", metavar="FILE.svg", help="draw the cost by calls, packet rate and subscribers")
    parser.add_argument("--of", default=",".join(sweeps.SWEEPS), help="which of them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of tables")
    options = parser.parse_args(arguments)
    against = [name for name in options.against.split(",") if name]
    if unknown := {*against, *options.of.split(",")} - {*SYSTEMS[1:], *sweeps.SWEEPS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    method = Method(options.seconds, options.rounds, options.one_core, options.awake)
    works = [Work(int(calls), options.rate, options.subscribers) for calls in options.calls.split(",")]
    run = method.told()
    names = list(dict.fromkeys(("visavis", *(["compiled"] if compiled.folder().is_dir() else []), *against)))
    with cores_awake() if options.awake else contextlib.nullcontext():
        if options.sweep:
            found = sweeps.sweep(options.of.split(","), lambda work: compare(method, names, work), works[0])
            Path(options.sweep).write_text(sweeps.picture(found))
            result: Figures = {"run": run, "sweeps": found}
            text = sweeps.tables(found)
        else:
            results = [compare(method, names, work) for work in works]
            result = {"run": run, **results[0]} if len(results) == 1 else {"run": run, "results": results}
            text = "\n\n".join(map(table, results))
    print(json.dumps(result) if options.json else f"{heading(run)}\n\n{text}")
    return 0


def compare(method: Method, names: Sequence[str], work: Work) -> Figures:
    """Alternate the systems for some rounds; medians, and ratios to ours. `missing` says what was left out and why."""
    missing = {name: reason for name in names if (reason := why_not(name, work))}
    names = [name for name in names if name not in missing]
    rounds: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(method.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            asked = replace(work, calls=min(work.calls, STOCK_CALLS)) if name == "stock" else work
            rounds[name].append(run_once(name, asked, method))
    systems: Figures = {name: {**medians(found), "rounds": len(found)} for name, found in rounds.items()}
    ours = systems["visavis"]["cpu_percent_per_call"]
    ratios = {name: round(ours / systems[name]["cpu_percent_per_call"], 4) for name in names if name != "visavis"}
    if "compiled" in systems:
        ours = systems["compiled"]["cpu_percent_per_call"]
        others = [name for name in names if name not in ("visavis", "compiled")]
        ratios |= {f"compiled to {name}": round(ours / systems[name]["cpu_percent_per_call"], 4) for name in others}
    return {**asdict(work), "systems": systems, "ratios": ratios, "missing": missing}


def why_not(name: str, work: Work) -> str:
    """Why a system cannot do this work; "" if it can."""
    if name == "compiled" and not compiled.folder().is_dir():
        return "nothing is compiled of these sources (./dev compile)"
    if name == "janus" and janus.BINARY is None:
        return "not installed on this machine (apt-get install janus)"
    if name == "janus" and work.subscribers > 1:
        return "not comparable: its videocall plugin joins two parties, and nobody else can receive them"
    if name == "stock" and work.subscribers > 1:
        return "not measured: one call with one subscriber takes more than a core"
    return ""


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds; what is lost is summed."""
    result: Figures = {}
    for name in rounds[0]:
        values = [figures[name] for figures in rounds if figures[name] is not None]
        result[name] = (sum(values) if name == "lost" else round(statistics.median(values), 3)) if values else None
    return result


def run_once(name: str, work: Work, method: Method) -> Figures:
    """One round of one system. Raises `RuntimeError` when it did not work."""
    clip(work.rate)  # encoding it is not to disturb
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as place:
        folder = Path(place)
        with server(name, folder, one_core=method.one_core) as (pid, address):
            command = [sys.executable, "-m", "tests.bench.peers", name, address, str(folder), str(pid)]
            command += ["--calls", str(work.calls), "--seconds", str(method.seconds)]
            command += ["--rate", str(work.rate), "--subscribers", str(work.subscribers)]
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                check=False,
                timeout=120 + 3 * method.seconds,
                preexec_fn=on_core(1) if method.one_core else None,
            )
        if done.returncode:
            raise RuntimeError(f"the peers of {name} failed")
        figures: Figures = json.loads(done.stdout)
        figures["calls"] = work.calls
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
    environment = {**os.environ, compiled.SWITCH: str(int(name == "compiled"))}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=on_core(0) if one_core else None,
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


COLUMNS = (
    "cpu_percent_per_call", "us_per_packet", "us_per_delivery", "packets_per_second", "delivered_per_second", "lost",
    "latency_p50_ms", "latency_p99_ms", "setup_ms", "memory_mb_per_call",
)  # fmt: skip


def heading(run: Figures) -> str:
    """How it was run, in one line over the tables."""
    awake = "kept awake" if run["awake"] else "left to idle"
    place = ", the server on one and the peers on another" if run["one_core"] else ""
    return (
        f"Medians of {run['rounds']} rounds of {run['seconds']:g} s; {run['cores']} cores, {awake}{place}; "
        f"load {run['load_before']} before it began, {run['at']}"
    )


def table(result: Figures) -> str:
    """One comparison for the eye."""
    work = f"{result['calls']} calls, {result['rate']:g} times the packet rate, {result['subscribers']} per track"
    lines = [work, *(f"  {name}: {reason}" for name, reason in result["missing"].items())]
    width = max(map(len, COLUMNS)) + 2
    lines.append(" " * width + "".join(f"{name:>12}" for name in result["systems"]))
    for column in COLUMNS:
        cells = [figures[column] for figures in result["systems"].values()]
        lines.append(f"{column:<{width}}" + "".join(f"{'-' if cell is None else cell:>12}" for cell in cells))
    for name, ratio in result["ratios"].items():
        who, _, whom = name.rpartition(" to ")
        lines.append(f"{who or 'visavis'} costs {ratio:.3f} of {whom} per call")
    return "\n".join(lines)
