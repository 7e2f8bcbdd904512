"""How slow this machine is while a test runs, so that a bound on time is one in units of the machine.

One small process beside all tests of a run looks at the machine forty times a second: how long a fixed piece of work
takes (a slower core), how many threads want a core at that moment (a crowd), and how late it was woken itself (a group
held to a part of the cores, or a machine that was stopped). `allow(0.5)` is half a second of a quiet machine of the
kind that the bounds were measured on, in what it took on this one since the test began.

Bounds that say nothing but "it must come" need none of this: they are generous waits.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

VARIABLE = "VISAVIS_TEST_MACHINE"
EVERY_S = 0.025
KEPT = 1 << 14  # samples: the last seven minutes
# What the work takes on a quiet machine with two cores of 2.6 GHz, where the tests' bounds were measured.
WORK_S = 0.00016
# Waking up this late is usual.
PUNCTUAL_S = 0.002
_SAMPLE = struct.Struct("<ddd d")
_HEADER = struct.Struct("<Q")


class Sample(NamedTuple):
    """One look: when (monotonic clock), how late, seconds of the work, threads that ran or wanted to."""

    at: float
    late_s: float
    work_s: float
    running: float


class Load(NamedTuple):
    """What a stretch of time was like: `slower` times slower than usual, and stopped for `stall_s` at the worst."""

    slower: float
    stall_s: float

    def allow(self, seconds: float) -> float:
        """What takes `seconds` on a quiet machine may take this long."""
        return seconds * self.slower + self.stall_s


def load_of(samples: list[Sample], cores: int) -> Load:
    """Sum up; a machine that is faster than usual counts as usual, so that bounds are never tighter than written."""
    if not samples:
        return Load(1.0, 0.0)
    # The quickest is the core itself, without what was taken from it.
    core = max(1.0, min(sample.work_s for sample in samples) / WORK_S)
    crowd = max(1.0, sum(sample.running for sample in samples) / len(samples) / cores)
    lost = sum(max(0.0, sample.late_s - PUNCTUAL_S) for sample in samples)
    span = samples[-1].at - samples[0].at + EVERY_S
    awake = max(0.1, 1 - lost / span)
    return Load(core * crowd / awake, max(sample.late_s + sample.work_s for sample in samples))


class Machine:
    """The samples of the process beside the tests, read by any process of the run."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), _HEADER.size + KEPT * _SAMPLE.size, access=mmap.ACCESS_READ)
        self.begun = time.monotonic()

    def since(self, moment: float) -> Load:
        """The load since a moment of the monotonic clock."""
        return load_of(self.samples(moment), os.cpu_count() or 1)

    def samples(self, moment: float = 0.0) -> list[Sample]:
        """What was seen since a moment of the monotonic clock, as far as it is kept."""
        (count,) = _HEADER.unpack_from(self._memory)
        found: list[Sample] = []
        for index in range(count - 1, max(-1, count - KEPT), -1):
            sample = Sample(*_SAMPLE.unpack_from(self._memory, _HEADER.size + index % KEPT * _SAMPLE.size))
            if sample.at < moment:
                break
            found.append(sample)
        return found[::-1]


def told(samples: list[Sample], cores: int) -> str:
    """For whoever compares times: what the machine was like, in one line."""
    if not samples:
        return "machine: not looked at"
    core, load = WORK_S / min(sample.work_s for sample in samples), load_of(samples, cores)
    return (
        f"machine: {cores} cores, each {core:.2f} as fast as where bounds were measured; with all that wanted them "
        f"{load.slower:.1f} times slower, and stopped for {load.stall_s:.2f} s at most"
    )


_machine: Machine | None = None


def begin_test() -> None:
    """A test begins: what `allow` says is about the time from now on."""
    global _machine
    if _machine is None and VARIABLE in os.environ:
        _machine = Machine(Path(os.environ[VARIABLE]))
    if _machine is not None:
        _machine.begun = time.monotonic()


def allow(seconds: float) -> float:
    """What takes `seconds` on a quiet machine may take this long in this test so far."""
    return seconds if _machine is None else _machine.since(_machine.begun).allow(seconds)


def slower() -> float:
    """How many times slower than a quiet machine this one was in this test so far; for times of the processor's."""
    return 1.0 if _machine is None else _machine.since(_machine.begun).slower


def throttled() -> int:
    """How often the quota of this process's control group has stopped all its threads, up to a tenth of a second."""
    for row in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, name = row.split(":", 2)
        if controllers == "" or "cpu" in controllers.split(","):
            folder = Path("/sys/fs/cgroup") / ("cpu" if controllers else "") / name.lstrip("/")
            with contextlib.suppress(OSError):
                figures = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
                return int(figures.get("nr_throttled", 0))
    return 0


def start() -> tuple[subprocess.Popen[bytes], Path]:
    """Start the process that looks; it ends with the process that started it."""
    descriptor, name = tempfile.mkstemp(prefix="visavis-machine-")
    os.ftruncate(descriptor, _HEADER.size + KEPT * _SAMPLE.size)
    os.close(descriptor)
    os.environ[VARIABLE] = name
    return subprocess.Popen([sys.executable, __file__, name, str(os.getpid())]), Path(name)


def stop(process: subprocess.Popen[bytes], path: Path) -> None:
    """End it."""
    process.kill()
    process.wait()
    path.unlink(missing_ok=True)
    os.environ.pop(VARIABLE, None)


def work() -> int:
    """The fixed piece: what an interpreter does all day, nothing that a library does better on one machine."""
    table: dict[int, int] = {}
    total = 0
    for number in range(1500):
        table[number & 255] = total
        total = (total * 31 + number) & 0xFFFF
        total ^= table.get(total & 255, 0)
    return total


def look(path: Path, parent: int) -> None:
    """Look at the machine until the parent is gone."""
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    count, planned = 0, time.monotonic()
    loads = os.open("/proc/loadavg", os.O_RDONLY) if Path("/proc/loadavg").exists() else -1
    while os.getppid() == parent:
        planned = max(planned + EVERY_S, time.monotonic() - EVERY_S)
        time.sleep(max(0.0, planned - time.monotonic()))
        woken = time.monotonic()
        # proc(5), loadavg: the fourth field is the number of runnable threads, this one among them, over all threads.
        running = int(os.pread(loads, 100, 0).split()[3].split(b"/")[0]) - 1 if loads >= 0 else 0
        begun = time.monotonic()
        work()
        done = time.monotonic()
        _SAMPLE.pack_into(
            memory, _HEADER.size + count % KEPT * _SAMPLE.size, woken, woken - planned, done - begun, running
        )
        count += 1
        _HEADER.pack_into(memory, 0, count)


if __name__ == "__main__":
    look(Path(sys.argv[1]), int(sys.argv[2]))
