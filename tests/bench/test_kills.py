"""The bench of kills: that it counts rightly, and that it really kills and checks."""

from __future__ import annotations

import json

import pytest

from tests.bench import kills
from tests.bench.kills import Outcome
from tests.big import big


def test_an_outcome_is_good_while_nothing_is_lost_and_nothing_broken() -> None:
    outcome = Outcome(kills=3)
    outcome.lost(1999, "kill 1")
    assert (outcome.good, outcome.max_lost_ms, outcome.problems) == (True, 1999, [])
    outcome.lost(2001, "kill 2")
    assert (outcome.good, outcome.lost_over_2s, outcome.problems) == (False, 1, ["kill 2: 2001 ms lost"])
    assert not Outcome(verify_broken=1).good
    assert not Outcome(calls_lost=1).good


def test_outcomes_of_several_servers_are_added() -> None:
    outcome, other = Outcome(kills=3, max_lost_ms=900, acknowledged=4), Outcome(kills=2, max_lost_ms=1200, calls_lost=1)
    other.problems.append("s1 is taken up, and no media flow")
    outcome.add(other, "server 2")
    assert (outcome.kills, outcome.max_lost_ms, outcome.acknowledged, outcome.calls_lost) == (5, 1200, 4, 1)
    assert outcome.problems == ["server 2: s1 is taken up, and no media flow"]
    assert not outcome.good


def test_where_nothing_can_be_traced_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert kills.strace_missing() == "strace is not installed"


@big
def test_a_killed_server_loses_little_and_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert kills.main(["--count", "4", "--side-by-side", "2", "--faults", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["kills"] >= 4
    assert told["lost_over_2s"] == told["verify_broken"] == told["calls_lost"] == 0
    assert 0 < told["max_lost_ms"] <= 2000
    assert told["acknowledged"] > 0
