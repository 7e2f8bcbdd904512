"""How soon the specialist sees what the customer does. `./dev bench cobrowse` measures the same on a quiet machine."""

from __future__ import annotations

from tests.bench.cobrowse import Delays, measure
from tests.end_to_end.conftest import Faces

MOST_P95_MS = 150
CHANGES, ATTEMPTS = 40, 4  # a machine that others use holds things up now and then, and code that is slow always does


async def test_what_the_customer_does_shows_at_once(call: Faces) -> None:
    seen: list[Delays] = []
    while not seen or (seen[-1].p95_ms >= MOST_P95_MS and len(seen) < ATTEMPTS):
        seen.append(await measure(call.kiosk.page, call.console.page, CHANGES))
        assert seen[-1].missed <= CHANGES // 4
    assert seen[-1].p95_ms < MOST_P95_MS, seen
    print(seen)
