"""The bench itself: that it measures calls that really run, and counts and draws rightly."""

from __future__ import annotations

import argparse
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.bench import janus, relay
from tests.bench.chart import Series, chart
from tests.bench.peer import LIFE, TAIL, Way


@pytest.mark.alone
def test_a_recorded_call_is_measured() -> None:
    figures = relay.run_once("visavis", 1, 1.0, one_core=False)
    assert figures["lost"] == 0
    assert 350 < figures["packets_per_second"] < 520
    assert 0 < figures["cpu_percent_per_call"] < 60
    assert 0 < figures["latency_p50_ms"] <= figures["latency_p99_ms"]
    assert figures["recorded_mb"] > 1
    assert figures["memory_mb_per_call"] > 0


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janus, "BINARY", None)
    round_of = {"cpu_percent_per_call": 2.0, "lost": 0}
    monkeypatch.setattr(relay, "run_once", lambda *_, **__: dict(round_of))
    options = argparse.Namespace(rounds=3, seconds=1.0, one_core=False)
    result = relay.compare(options, ["visavis", "janus"], 4)
    assert "apt-get install janus" in result["missing"]["janus"]
    assert list(result["systems"]) == ["visavis"]
    assert result["ratios"] == {}


def test_rounds_alternate_and_ratios_are_of_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []
    cost = {"visavis": iter([1.0, 9.0, 2.0]), "stock": iter([50.0, 40.0, 90.0])}

    def run_once(name: str, calls: int, seconds: float, **_: Any) -> dict[str, Any]:
        order.append((name, calls))
        return {"cpu_percent_per_call": next(cost[name]), "lost": 2, "latency_p50_ms": None}

    monkeypatch.setattr(relay, "run_once", run_once)
    options = argparse.Namespace(rounds=3, seconds=1.0, one_core=False)
    result = relay.compare(options, ["visavis", "stock"], 4)
    ours, stock = ("visavis", 4), ("stock", relay.STOCK_CALLS)
    assert order == [ours, stock, stock, ours, ours, stock]
    assert result["systems"]["visavis"] == {
        "cpu_percent_per_call": 2.0, "lost": 6, "latency_p50_ms": None, "rounds": 3,
    }  # fmt: skip
    assert result["ratios"] == {"stock": 0.04}


def test_a_way_counts_what_it_measured() -> None:
    way = Way()
    early, first, lost, late, strange = (bytes([n]) * TAIL for n in range(5))
    way.sent(early, 0.9)
    way.measuring = True
    for payload in (first, lost, late):
        way.sent(payload, 1.0)
    way.came(b"longer" + first, 1.25)
    way.came(early, 1.3)
    way.came(strange, 1.3)
    way.came(late, 1.0 + LIFE)
    assert (way.count.sent, way.count.received) == (3, 1)
    assert way.count.delays == [0.25]


def test_the_chart_is_an_image_with_every_point() -> None:
    series = [Series("a <b>", [(1, 2.0), (30, 1.0)]), Series("c", [(1, 4.0), (3, 3.0), (30, 2.5)])]
    root = ElementTree.fromstring(chart("Title", "calls", "cost", series))
    assert root.tag.endswith("svg")
    circles = [element for element in root if element.tag.endswith("circle")]
    assert len(circles) == 5
    assert all(0 <= float(c.attrib["cx"]) <= 640 and 0 <= float(c.attrib["cy"]) <= 360 for c in circles)


def test_cores_are_kept_awake_by_who_takes_time_from_nobody() -> None:
    with relay.cores_awake() as spinning:
        assert len(spinning) == len(os.sched_getaffinity(0))
        assert {os.sched_getscheduler(pid) for pid in spinning} == {os.SCHED_IDLE}
    assert not [pid for pid in spinning if Path(f"/proc/{pid}").exists()]
