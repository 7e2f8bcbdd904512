"""Session time against clocks that are moved by hand."""

from __future__ import annotations

from server.calls.session_clock import Clock


class Hands:
    """A wall clock and a monotonic clock."""

    def __init__(self) -> None:
        self.wall = 1_000_000_000
        self.monotonic = 50.0

    def clock(self, started_us: int | None = None, last_us: int = 0) -> Clock:
        return Clock(started_us, last_us, wall_us=lambda: self.wall, monotonic=lambda: self.monotonic)


def test_the_timeline_ignores_jumps_of_the_wall_clock() -> None:
    hands = Hands()
    clock = hands.clock()
    assert clock.begin() == hands.wall
    hands.monotonic += 2.5
    hands.wall += 3_600_000_000
    assert clock.now_ms() == 2500
    hands.wall -= 9_000_000_000
    assert clock.now_us() == 1_000_000_000 + 2_500_000


def test_after_a_restart_time_goes_on_and_never_back() -> None:
    hands = Hands()
    assert hands.clock(hands.wall - 5_000_000, hands.wall - 1_000_000).now_ms() == 5000
    behind = hands.clock(hands.wall - 5_000_000, hands.wall + 7_000_000)
    assert behind.now_us() == hands.wall + 7_000_000
    assert behind.at_ms(0) == 0
