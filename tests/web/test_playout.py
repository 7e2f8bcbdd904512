"""How long a page holds pictures back: only on a long path that loses, and for a while after."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[2] / "web/src/media/playout.js"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

_SCRIPT = """
const { Playout } = await import(process.argv[1]);
const receiver = {jitterBufferTarget: null};
const playout = new Playout([receiver]);
const told = [];
let packets = 0, asked = 0;
JSON.parse(process.argv[2]).forEach(([rtt, share], second) => {
  packets += 50;
  asked += 50 * share;
  playout.see([{type: "candidate-pair", currentRoundTripTime: rtt},
               {type: "inbound-rtp", packetsReceived: packets, nackCount: asked}, {type: "codec"}], second * 1000);
  told.push(receiver.jitterBufferTarget);
});
console.log(JSON.stringify(told));
"""


def held_back(*seconds: tuple[float, float]) -> list[int | None]:
    """What receivers are told, second by second, for these round-trip times (s) and shares asked for again."""
    command = ["node", "--input-type=module", "-e", _SCRIPT, MODULE.as_uri(), json.dumps(seconds)]
    found: list[int | None] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)
    return found


def test_nothing_is_held_back_without_need() -> None:
    assert set(held_back(*[(0.3, 0.0)] * 5, *[(0.05, 0.2)] * 5)) == {None}


def test_two_round_trips_where_packets_are_lost() -> None:
    assert held_back((0.2, 0.0), (0.2, 0.1), (0.25, 0.1), (0.15, 0.1)) == [None, 400, 500, 500]
    assert held_back((2.0, 0.5))[-1] == 600


def test_it_ends_half_a_minute_after_the_last_loss() -> None:
    told = held_back((0.2, 0.1), *[(0.2, 0.0)] * 40)
    assert told[:30] == [400] * 30
    assert told[-1] is None
