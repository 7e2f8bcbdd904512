"""The queue: who is rung, and what customers are told."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol.values import Presence, Service
from server.routing.queue import PRIOR_S, RETRY_S, WRAP_UP_S, Handling, Queue, QueuedCall, QueuePosition, Specialist


def call(
    session: str, skill: str = "wealth", language: str = "zh-CN", *, head: bool = False, at: int = 0
) -> QueuedCall:
    service = Service(skill, skill, skill, "icon")
    return QueuedCall(session, service, skill, language, "b1", "b1", "b1", at or int(session[1:]), head)


def specialist(name: str, *skills: str, idle: float = 0.0, languages: tuple[str, ...] = ("zh-CN",)) -> Specialist:
    known = frozenset(skills or ("wealth",))
    return Specialist(name, name, known, frozenset(languages), connected=True, wants=True, idle_since=idle)


def queue(*parts: QueuedCall | Specialist) -> Queue:
    made = Queue()
    for part in parts:
        if isinstance(part, QueuedCall):
            made.enqueue(part)
        else:
            made.specialists[part.id] = part
    return made


def rung(made: Queue, now: float = 0.0) -> list[tuple[str, str]]:
    return [(waiting.session, one.id) for waiting, one in made.matches(now)]


def test_longest_idle_is_rung_first() -> None:
    made = queue(call("s1"), call("s2"), specialist("ann", idle=5), specialist("bob", idle=3))
    assert rung(made) == [("s1", "bob"), ("s2", "ann")]
    assert made.specialists["bob"].presence is Presence.RINGING
    assert rung(made) == []


def test_no_call_is_rung_twice_at_once() -> None:
    made = queue(call("s1"), specialist("ann", idle=1), specialist("bob", idle=2))
    assert rung(made) == [("s1", "ann")]
    assert rung(made) == []
    made.withdraw("s1", "ann")
    assert rung(made) == [("s1", "ann")]


def test_skill_language_and_branch_must_fit() -> None:
    assert rung(queue(call("s1", "loans"), specialist("ann", "wealth"))) == []
    assert rung(queue(call("s1", language="en"), specialist("ann"))) == []
    elsewhere = specialist("ann")
    elsewhere.branches = frozenset({"b2"})
    assert rung(queue(call("s1"), elsewhere)) == []
    here = specialist("bob")
    here.branches = frozenset({"b1"})
    assert rung(queue(call("s1"), here)) == [("s1", "bob")]


def test_order_is_by_waiting_time_and_requeued_calls_go_first() -> None:
    made = queue(call("s2"), call("s1"), call("s3", head=True), specialist("ann"))
    assert [one.session for one in made.calls()] == ["s3", "s1", "s2"]
    assert rung(made) == [("s3", "ann")]


def test_a_call_that_fits_nobody_does_not_block_the_next() -> None:
    assert rung(queue(call("s1", "loans"), call("s2"), specialist("ann"))) == [("s2", "ann")]


def test_only_the_available_are_rung() -> None:
    for change in ({"wants": False}, {"connected": False}, {"wrap_up": "x"}, {"call": "x"}, {"offer": "x"}):
        one = specialist("ann")
        for name, value in change.items():
            setattr(one, name, value)
        assert rung(queue(call("s1"), one)) == [], change


def test_everyone_declined_starts_over_after_a_pause() -> None:
    made = queue(call("s1"), specialist("ann"), specialist("bob", idle=1))
    for name in ("ann", "bob"):
        assert rung(made) == [("s1", name)]
        made.withdraw("s1", name)
        made.decline("s1", name)
    assert rung(made, 100.0) == []
    assert made.next_retry() == 100.0 + RETRY_S
    assert rung(made, 100.0 + RETRY_S - 1) == []
    assert rung(made, 100.0 + RETRY_S) == [("s1", "ann")]
    assert made.next_retry() is None


def test_declines_survive_waiting_again_until_forgotten() -> None:
    made = queue(call("s1"), specialist("ann"))
    made.decline("s1", "ann")
    made.dequeue("s1")
    made.enqueue(call("s1"))
    assert rung(made) == []
    made.forget("s1")
    assert "s1" not in made
    made.enqueue(call("s1"))
    assert rung(made) == [("s1", "ann")]


def test_a_newcomer_is_rung_at_once_although_others_declined() -> None:
    made = queue(call("s1"), specialist("ann"))
    made.decline("s1", "ann")
    assert rung(made) == []
    made.specialists["bob"] = specialist("bob", idle=9)
    assert rung(made, 1.0) == [("s1", "bob")]


def test_nobody_logged_in_is_said() -> None:
    made = queue(call("s1"), call("s2"))
    assert made.positions(0.0) == {
        "s1": QueuePosition(1, None, staffed=False),
        "s2": QueuePosition(2, None, staffed=False),
    }


def test_away_people_give_no_estimate() -> None:
    away = specialist("ann")
    away.wants = False
    assert queue(call("s1"), away).positions(0.0)["s1"] == QueuePosition(1, None, staffed=True)


def test_position_counts_competitors_only() -> None:
    made = queue(call("s1", "loans"), call("s2"), call("s3"), specialist("ann"), specialist("lee", "loans"))
    assert [made.positions(0.0)[name].position for name in ("s1", "s2", "s3")] == [1, 1, 2]
    made.specialists["max"] = specialist("max", "wealth", "loans")
    assert [made.positions(0.0)[name].position for name in ("s1", "s2", "s3")] == [1, 2, 3]


def test_wait_is_simulated_over_the_people_who_fit() -> None:
    busy = specialist("ann")
    busy.call, busy.since, busy.service = "x", 100.0, "wealth"
    made = queue(call("s1"), call("s2"), busy)
    positions = made.positions(200.0)
    left = PRIOR_S - 100 + WRAP_UP_S
    assert positions["s1"].wait_s == left
    assert positions["s2"].wait_s == left + PRIOR_S + WRAP_UP_S
    made.specialists["bob"] = specialist("bob")
    assert made.positions(200.0)["s1"].wait_s == 0
    assert made.positions(200.0)["s2"].wait_s == left


def test_the_call_that_rings_waits_no_longer_and_the_next_one_for_its_end() -> None:
    made = queue(call("s1"), call("s2"), specialist("ann"))
    assert rung(made) == [("s1", "ann")]
    positions = made.positions(0.0)
    assert positions["s1"].wait_s == 0
    assert positions["s2"].wait_s == PRIOR_S + WRAP_UP_S


def test_who_declined_is_not_counted_on() -> None:
    busy = specialist("bob")
    busy.call, busy.since, busy.service = "x", 0.0, "wealth"
    made = queue(call("s1"), specialist("ann"), busy)
    made.decline("s1", "ann")
    assert made.positions(0.0)["s1"].wait_s == PRIOR_S + WRAP_UP_S
    made.decline("s1", "bob")
    assert rung(made, 0.0) == []
    assert made.positions(0.0)["s1"].wait_s == RETRY_S


def test_a_long_call_is_not_promised_to_end_now() -> None:
    busy = specialist("ann")
    busy.call, busy.service = "x", "wealth"
    assert queue(call("s1"), busy).positions(10000.0)["s1"].wait_s == round(0.2 * PRIOR_S + WRAP_UP_S)


def test_handling_time_moves_towards_what_calls_take() -> None:
    handling = Handling()
    assert handling.mean("wealth") == PRIOR_S
    for _ in range(30):
        handling.add("wealth", 100.0)
    assert 100 <= handling.mean("wealth") < 101
    assert handling.mean("loans") == PRIOR_S


SKILLS = st.sampled_from(["wealth", "loans", "cards"])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(SKILLS, st.booleans(), st.integers(0, 50)), max_size=12),
    st.lists(st.tuples(st.sets(SKILLS), st.booleans(), st.integers(0, 50)), max_size=6),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 5)), max_size=20),
)
def test_matching_is_sound_and_leaves_no_pair_unmatched(
    calls: list[tuple[str, bool, int]], people: list[tuple[set[str], bool, int]], declines: list[tuple[int, int]]
) -> None:
    made = queue(*(call(f"s{n}", skill, head=head, at=at) for n, (skill, head, at) in enumerate(calls)))
    for n, (skills, wants, idle) in enumerate(people):
        one = made.specialists[f"p{n}"] = specialist(f"p{n}", *skills, idle=idle)
        one.skills, one.wants = frozenset(skills), wants
    for session, person in declines:
        made.decline(f"s{session}", f"p{person}")
    pairs = list(made.matches(0.0))
    assert len({waiting.session for waiting, _ in pairs}) == len({one.id for _, one in pairs}) == len(pairs)
    assert all(one.fits(waiting) and one.wants and one.id not in waiting.declined for waiting, one in pairs)
    matched = {waiting.session for waiting, _ in pairs}
    for waiting in made.calls():
        if waiting.session not in matched:
            assert not [
                one
                for one in made.specialists.values()
                if one.presence is Presence.AVAILABLE and one.fits(waiting) and one.id not in waiting.declined
            ]
    positions = made.positions(0.0)
    assert set(positions) == {waiting.session for waiting in made.calls()}
    assert all(1 <= standing.position <= len(calls) for standing in positions.values())
