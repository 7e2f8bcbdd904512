"""What the customer does shows in the specialist's copy. How soon is measured by `./dev bench cobrowse`."""

from __future__ import annotations

from tests.bench.cobrowse import measure
from tests.end_to_end.conftest import Faces
from tests.machine import slower

CHANGES = 40


async def test_what_the_customer_does_shows_as_it_is_done(call: Faces) -> None:
    """Each change has time to show before the next: where one is overtaken now and then, batches do not pile up."""
    seen = await measure(call.kiosk.page, call.console.page, CHANGES)
    print(seen)
    assert seen.changes == CHANGES
    assert seen.missed <= min(CHANGES - 1, CHANGES // 2 * slower())
