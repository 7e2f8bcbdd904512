"""How soon the specialist sees what the customer does. `./dev bench cobrowse` measures the same on a quiet machine."""

from __future__ import annotations

from tests.bench.cobrowse import measure
from tests.end_to_end.conftest import Faces

# On a quiet machine it is under 150 ms; tests share theirs with two browsers' encoders and whatever else runs.
MOST_P95_MS = 600


async def test_what_the_customer_does_shows_at_once(call: Faces) -> None:
    delays = await measure(call.kiosk.page, call.console.page)
    assert delays.missed <= delays.changes // 4
    assert delays.p95_ms < MOST_P95_MS, delays
