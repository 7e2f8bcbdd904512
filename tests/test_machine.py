from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import machine
from tests.machine import EVERY_S, PUNCTUAL_S, WORK_S, Load, Machine, Sample, load_of

ROOT = Path(__file__).parent.parent


def samples(count: int = 100, *, late: float = 0.0, work: float = WORK_S, running: float = 1.0) -> list[Sample]:
    return [Sample(100 + EVERY_S * number, late, work, running) for number in range(count)]


def test_a_quiet_machine_allows_what_is_written() -> None:
    load = load_of(samples(), 2)
    assert load.slower == pytest.approx(1)
    assert load.allow(0.5) == pytest.approx(0.5 + WORK_S)
    assert load_of([], 2).allow(0.5) == 0.5


def test_a_fast_machine_is_not_held_to_more() -> None:
    assert load_of(samples(work=WORK_S / 4, running=0), 2).slower == pytest.approx(1)


def test_slower_cores_a_crowd_and_lost_time_each_allow_more() -> None:
    assert load_of(samples(work=2 * WORK_S), 2).slower == pytest.approx(2)
    assert load_of(samples(running=6), 2).slower == pytest.approx(3)
    assert load_of(samples(late=EVERY_S / 2 + PUNCTUAL_S), 2).slower == pytest.approx(2)
    together = load_of(samples(work=2 * WORK_S, running=6, late=EVERY_S / 2 + PUNCTUAL_S), 2)
    assert together.slower == pytest.approx(12)


def test_a_piece_of_work_that_was_interrupted_is_not_a_slower_core() -> None:
    found = samples()
    found[50] = found[50]._replace(work_s=0.08)
    load = load_of(found, 2)
    assert load.slower == pytest.approx(1)
    assert load.stall_s == 0.08


def test_one_stop_of_the_machine_is_allowed_once() -> None:
    found = samples()
    found[50] = found[50]._replace(late_s=0.3)
    load = load_of(found, 2)
    assert load.stall_s == pytest.approx(0.3 + WORK_S)
    assert load.allow(0.1) == pytest.approx(0.1 * load.slower + load.stall_s)
    assert load.slower < 1.2


def test_what_a_run_says_of_its_machine() -> None:
    found = samples(work=2 * WORK_S, running=6)
    found[3] = found[3]._replace(late_s=0.3)
    line = machine.told(found, 2)
    assert line.startswith("machine: 2 cores, each 0.50 as fast ")
    assert re.search(r"(\d+\.\d) times slower", line)[1] == f"{load_of(found, 2).slower:.1f}"  # type: ignore[index]
    assert line.endswith("stopped for 0.30 s at most")
    assert "not looked at" in machine.told([], 2)


def test_time_is_never_lost_altogether() -> None:
    assert load_of(samples(late=10.0), 2).slower == pytest.approx(10)


def test_the_process_beside_the_tests_looks_and_ends_with_them() -> None:
    before = os.environ.get(machine.VARIABLE)
    process, path = machine.start()
    try:
        seen = Machine(path)
        end = time.monotonic() + 30
        while seen.since(0) == Load(1.0, 0.0) and time.monotonic() < end:
            time.sleep(EVERY_S)
        load = seen.since(seen.begun - 60)
        assert load.slower >= 1
        assert load.stall_s > 0
        assert seen.since(time.monotonic() + 60) == Load(1.0, 0.0), "nothing is known of the future"
    finally:
        machine.stop(process, path)
        if before is not None:
            os.environ[machine.VARIABLE] = before
    assert process.returncode is not None
    assert not path.exists()


def test_it_ends_when_its_parent_is_killed() -> None:
    code = "from tests import machine\nprint(machine.start()[0].pid, flush=True)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    beside, end = Path("/proc") / done.stdout.strip(), time.monotonic() + 30
    while beside.exists() and time.monotonic() < end:
        time.sleep(EVERY_S)
    assert not beside.exists()


def test_every_test_may_ask() -> None:
    assert machine.VARIABLE in os.environ, "the configuration of the tests starts it"
    assert machine.allow(1.0) >= 1.0
