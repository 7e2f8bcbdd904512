from __future__ import annotations

from server.session import events as e
from server.session.columns import columns_of, row_of

REQUEST = e.SessionRequested(
    *("s1", "k1", "Lobby 1", "b1", "城中支行", "Downtown", "wealth", "理财咨询", "Wealth"),
    *("coins", "wealth", "zh-CN", "r1"),
)


def test_a_request_fills_the_row() -> None:
    columns = columns_of(REQUEST, 7, answered=False)
    assert (columns["branch"], columns["kiosk"], columns["service"], columns["requested_us"]) == (
        "b1",
        "k1",
        "wealth",
        7,
    )
    assert "specialist" not in columns


def test_the_last_to_answer_is_in_the_row_and_the_first_time_counts() -> None:
    columns, specialists = row_of(
        [(REQUEST, 1), (e.Answered("p1", "Ann"), 5), (e.Answered("p2", "Bob"), 9), (e.Answered("p1", "Anna"), 12)]
    )
    assert (columns["specialist"], columns["specialist_name"], columns["answered_us"]) == ("p1", "Anna", 5)
    assert specialists == {"p1": ["Ann", "Anna"], "p2": ["Bob"]}


def test_the_end_and_what_is_said_of_it() -> None:
    columns, _ = row_of(
        [
            (REQUEST, 1), (e.Ended("kiosk", "customer"), 20), (e.Rated(4), 21), (e.Disposed("solved", "", "p1"), 22),
            (e.Closed(), 23), (e.ConsentGiven("2026-01", "zh-CN", "00"), 24),
        ]
    )  # fmt: skip
    wanted = {"ended_us": 20, "end_reason": "customer", "rating": 4, "outcome": "solved", "closed_us": 23}
    assert wanted.items() <= columns.items()
