"""The bench itself: that it measures calls that really run, and counts and draws rightly."""

from __future__ import annotations

import itertools
import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from link import compiled
from link.rtc.wire import opus
from tests.bench import janus, relay
from tests.bench.chart import Panel, Series, chart
from tests.bench.clip import RATES, clip
from tests.bench.compile import build
from tests.bench.peer import LIFE, TAIL, Way
from tests.bench.peers import Call
from tests.bench.relay import Method
from tests.bench.sweeps import SWEEPS
from tests.bench.work import Work

BIG = pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="takes half a minute")
ASKED = (
    "cpu_percent_per_call", "packets_per_second", "lost", "latency_p50_ms", "latency_p99_ms", "setup_ms",
    "memory_mb_per_call",
)  # fmt: skip


@pytest.mark.alone
def test_recorded_calls_with_subscribers_are_measured() -> None:
    figures = relay.run_once("visavis", Work(calls=1, rate=0.5, subscribers=3), Method(seconds=1.0))
    assert figures["lost"] == 0
    assert 170 < figures["packets_per_second"] < 260
    # What left just before the end is still under way, or has just come.
    assert abs(figures["delivered_per_second"] - 3 * figures["packets_per_second"]) < 20
    assert 0 < figures["cpu_percent_per_call"] < 60
    assert 0 < figures["latency_p50_ms"] <= figures["latency_p99_ms"]
    assert figures["recorded_mb"] > 0.5
    assert figures["memory_mb_per_call"] > 0


@BIG
@pytest.mark.alone
def test_the_json_has_every_figure_of_every_system(capsys: pytest.CaptureFixture[str]) -> None:
    others = ["compiled", "stock", *(["janus"] if janus.BINARY else [])]
    build()
    arguments = ["--calls", "1", "--seconds", "1", "--rounds", "1", "--against", ",".join(others), "--json"]
    assert relay.main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["systems"]) == {"visavis", *others}
    assert set(result["ratios"]) == {*others, *(f"compiled to {name}" for name in others[1:])}
    for name, figures in result["systems"].items():
        assert set(ASKED) <= set(figures)
        unknown = {key for key in ASKED if figures[key] is None}
        assert unknown == ({"lost", "latency_p50_ms", "latency_p99_ms"} if name == "stock" else set())


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janus, "BINARY", None)
    monkeypatch.setattr(relay, "run_once", lambda *_: {"cpu_percent_per_call": 2.0, "lost": 0})
    result = relay.compare(Method(), ["visavis", "janus"], Work())
    assert "apt-get install janus" in result["missing"]["janus"]
    assert list(result["systems"]) == ["visavis"]
    assert result["ratios"] == {}


def test_what_is_compiled_is_compared_with_everybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    costs = {"visavis": 2.0, "compiled": 1.5, "janus": 1.6}
    monkeypatch.setattr(compiled, "PLACE", tmp_path)
    monkeypatch.setattr(janus, "BINARY", "/usr/bin/janus")
    monkeypatch.setattr(relay, "run_once", lambda name, *_: {"cpu_percent_per_call": costs[name], "lost": 0})
    names = ["visavis", "compiled", "janus"]
    assert "./dev compile" in relay.compare(Method(), names, Work())["missing"]["compiled"]
    compiled.folder().mkdir(parents=True)
    found = relay.compare(Method(), names, Work())
    assert found["ratios"] == {"compiled": 1.3333, "janus": 1.25, "compiled to janus": 0.9375}


def test_what_cannot_be_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janus, "BINARY", "/usr/bin/janus")
    monkeypatch.setattr(relay, "run_once", lambda *_: {"cpu_percent_per_call": 2.0, "lost": 0})
    for subscribers in (1, 2):
        result = relay.compare(Method(rounds=1), ["visavis", "janus", "stock"], Work(subscribers=subscribers))
        assert ("janus" in result["systems"]) == (subscribers == 1)
        assert set(result["missing"]) == (set() if subscribers == 1 else {"janus", "stock"})
    assert "not comparable" in result["missing"]["janus"]


def test_rounds_alternate_and_ratios_are_of_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []
    cost = {"visavis": iter([1.0, 9.0, 2.0]), "stock": iter([50.0, 40.0, 90.0])}

    def run_once(name: str, work: Work, _method: Method) -> dict[str, Any]:
        order.append((name, work.calls))
        return {"cpu_percent_per_call": next(cost[name]), "lost": 2, "latency_p50_ms": None}

    monkeypatch.setattr(relay, "run_once", run_once)
    result = relay.compare(Method(rounds=3), ["visavis", "stock"], Work(calls=4))
    ours, stock = ("visavis", 4), ("stock", relay.STOCK_CALLS)
    assert order == [ours, stock, stock, ours, ours, stock]
    assert result["systems"]["visavis"] == {
        "cpu_percent_per_call": 2.0, "lost": 6, "latency_p50_ms": None, "rounds": 3,
    }  # fmt: skip
    assert result["ratios"] == {"stock": 0.04}


def figures_of(name: str, work: Work, _method: Method) -> dict[str, Any]:
    cost = {"visavis": 2.0, "janus": 1.6}[name] * work.rate * work.subscribers
    figures = dict.fromkeys(relay.COLUMNS, 1.0)
    return {**figures, "cpu_percent_per_call": cost, "lost": 0}


def test_sweeps_vary_one_thing_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "PLACE", tmp_path / "nothing is compiled")
    monkeypatch.setattr(janus, "BINARY", "/usr/bin/janus")
    monkeypatch.setattr(relay, "run_once", figures_of)
    picture = tmp_path / "cost.svg"
    arguments = ["--sweep", str(picture), "--against", "janus", "--rounds", "1", "--calls", "4"]
    assert relay.main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["sweeps"]) == ["calls", "rate", "subscribers"]
    for name, results in result["sweeps"].items():
        assert [found[name] for found in results] == list(SWEEPS[name].values)
        for other in set(SWEEPS) - {name}:
            assert {found[other] for found in results} == {4 if other == "calls" else 1}
    costs = [found["systems"]["visavis"]["cpu_percent_per_call"] for found in result["sweeps"]["rate"]]
    assert costs == [0.5, 1.0, 2.0, 4.0]
    assert {"seconds", "rounds", "awake", "one_core", "cores", "load_before", "at"} <= set(result["run"])

    assert relay.main(arguments) == 0
    text = capsys.readouterr().out
    assert text.startswith("Medians of 1 rounds of 10 s; ")
    assert text.count("| visavis, % | janus, % | ratio |") == 3
    assert "| 3 | 6.00 | not comparable | - |" in text
    assert "janus: not comparable: its videocall plugin joins two parties" in text
    root = ElementTree.fromstring(picture.read_text())
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(circles) == 2 * 5 + 2 * 4 + 4 + 1


def test_several_numbers_of_calls_are_told_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "PLACE", tmp_path / "nothing is compiled")
    monkeypatch.setattr(relay, "run_once", figures_of)
    assert relay.main(["--calls", "4,14", "--rounds", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [found["calls"] for found in result["results"]] == [4, 14]
    assert result["run"]["rounds"] == 1


@pytest.mark.parametrize("rate", RATES)
def test_a_clip_lasts_four_seconds_at_every_rate(rate: float) -> None:
    made = clip(rate)
    assert len(made.video) * made.video_step == 4 * 90_000
    assert len(made.audio) * made.audio_step == 4 * 48_000
    assert {round(opus.duration(packet) * 48_000) for packet in made.audio} == {made.audio_step}
    # The encoder's rate control has fewer frames to aim with at the lowest rate: 0.83 there, the same on every machine.
    assert 0.8 < made.packets_per_second / (clip().packets_per_second * rate) < 1.2


def test_who_watches_has_a_way_of_their_own_from_each_end() -> None:
    call = Call(0, clip(), subscribers=3)
    assert [len(ways) for ways in call.ways] == [3, 3]
    assert (len(call.ends), len(call.watchers), len(call.peers)) == (2, 2, 4)


def test_ends_begin_at_different_places_of_the_clip() -> None:
    begins = sorted(end._frame for index in range(15) for end in Call(index, clip()).ends)
    gaps = [after - before for before, after in itertools.pairwise(begins)]
    assert len(gaps) == 29
    assert min(gaps) >= 2  # of 120 frames: keyframes of no two fall together


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
    root = ElementTree.fromstring(chart("Title", [Panel("calls", series), Panel("rate", series[:1])]))
    assert root.tag.endswith("svg")
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(circles) == 5 + 2
    assert all(0 <= float(c.attrib["cx"]) <= 400 and 0 <= float(c.attrib["cy"]) <= 340 for c in circles)
    assert len({c.attrib["fill"] for c in circles}) == 2


def test_cores_are_kept_awake_by_who_takes_time_from_nobody() -> None:
    with relay.cores_awake() as spinning:
        assert len(spinning) == len(os.sched_getaffinity(0))
        assert {os.sched_getscheduler(pid) for pid in spinning} == {os.SCHED_IDLE}
    assert not [pid for pid in spinning if Path(f"/proc/{pid}").exists()]
