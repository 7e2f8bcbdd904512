from __future__ import annotations

from contextlib import ExitStack

import pytest

from link.protocol.errors import RateLimited
from server.documents.allowance import Allowance


def fits(allowance: Allowance, stack: ExitStack, kiosk: str, document: str, size: int = 1, count: int = 100) -> int:
    """How many of `count` uploads are let in and stay."""
    taken = 0
    for _ in range(count):
        try:
            stack.enter_context(allowance.upload(kiosk, "s", document, size))
        except RateLimited:
            continue
        taken += 1
    return taken


def test_each_bound_holds_by_itself() -> None:
    for kiosks, documents, size, bound in ((1, 1, 1, 3), (1, 50, 1, 5), (50, 1, 1, 11), (50, 1, 40, 2)):
        allowance = Allowance(per_document=3, per_kiosk=5, in_all=11, size=100)
        with ExitStack() as stack:
            taken = sum(
                fits(allowance, stack, f"k{kiosk}", f"d{kiosk}.{document}", size, 7)
                for kiosk in range(kiosks)
                for document in range(documents)
            )
            assert taken == bound, (kiosks, documents, size)


def test_a_place_is_free_again_however_the_upload_ended() -> None:
    allowance = Allowance(per_document=1)
    for _ in range(3):
        with pytest.raises(KeyError), allowance.upload("k", "s", "d", 5):
            raise KeyError
    with allowance.upload("k", "s", "d", 5):
        with pytest.raises(RateLimited) as refused, allowance.upload("k", "s", "d", 5):
            pass
        assert refused.value.retry_after >= 1
    assert not allowance._kiosks
    assert not allowance._documents
    assert allowance._bytes == 0
