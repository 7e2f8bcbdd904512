"""What of a far end's reports is a loss on the way to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.receiver_reports import ReceiverReports
from link.rtc.wire.rtp import ReportBlock

FIRST = 5000


def block(seen: int, lost: int, fraction: float = 0.0) -> ReportBlock:
    return ReportBlock(
        ssrc=1, fraction_lost=int(fraction * 256), lost=lost, highest=FIRST + seen, jitter=0, last_sr=0, delay=0
    )


def test_sums_are_those_since_the_first_report() -> None:
    reports = ReceiverReports()
    reports.take(block(100, 10, 0.25), 100)
    assert (reports.lost, reports.fraction_lost) == (10, 0.25)
    assert (reports.expected, reports.received) == (0, 0), "of what was before it the first one tells no more"
    reports.take(block(300, 30), 300)
    assert (reports.lost, reports.expected, reports.received) == (30, 200, 180)
    assert reports.fraction_lost == 0.1


def test_the_fraction_is_that_of_many_packets() -> None:
    """A browser reports with everything that it asks for: two packets, and one of them lost."""
    reports = ReceiverReports()
    reports.take(block(0, 0), 0)
    for seen in range(2, 150, 2):
        reports.take(block(seen, seen // 2, 0.5), seen)
        assert reports.fraction_lost == 0.0
    reports.take(block(150, 75), 150)
    assert reports.fraction_lost == 0.5


def test_what_was_missing_on_the_way_to_us_is_no_loss() -> None:
    reports = ReceiverReports()
    reports.take(block(0, 0), 0)
    reports.holes = 40
    reports.take(block(200, 40), 160)
    assert (reports.lost, reports.fraction_lost) == (0, 0.0)
    assert (reports.expected, reports.received) == (160, 160)


def test_a_hole_that_is_filled_later_is_no_loss_either() -> None:
    reports = ReceiverReports()
    reports.take(block(0, 0), 0)
    reports.holes = 40
    reports.take(block(200, 40), 160)
    reports.holes = 0  # repaired and sent on; the next report says so, this one not yet
    reports.take(block(200, 40), 200)
    reports.take(block(400, 0), 400)
    assert reports.received >= reports.expected - 40
    assert reports.lost <= 40


def test_highest_numbers_wrap() -> None:
    reports = ReceiverReports()
    reports.take(ReportBlock(1, 0, 0, 0xFFFFFFF0, 0, 0, 0), 0)
    reports.take(ReportBlock(1, 0, 0, 0x10, 0, 0, 0), 32)
    assert reports.expected == 0x20
    reports.take(ReportBlock(1, 0, 0, 0x08, 0, 0, 0), 32)
    assert reports.expected == 0x20, "an older report that was overtaken"


@given(st.lists(st.tuples(st.integers(-50, 500), st.integers(-100, 500), st.integers(-20, 100)), max_size=30))
def test_whatever_is_reported_sums_never_fall(steps: list[tuple[int, int, int]]) -> None:
    reports, seen, lost = ReceiverReports(), 0, 0
    for more, gone, holes in steps:
        seen, lost = seen + more, lost + gone
        reports.holes = max(0, reports.holes + holes)
        before = reports.expected, reports.received, reports.lost
        reports.take(block(max(0, seen), lost), max(0, seen))
        assert (reports.expected, reports.received, reports.lost) >= before
        assert reports.expected >= before[0]
        assert reports.received >= before[1]
        assert reports.lost >= before[2]
        assert 0.0 <= reports.fraction_lost <= 1.0
