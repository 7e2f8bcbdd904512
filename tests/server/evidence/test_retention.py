"""How long a session is kept: pure decisions, and what holds for all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from server.evidence.retention import (
    ABANDONED,
    AGE_GROUPS,
    CALL_ENDED,
    DISPUTE_ENDED,
    EVENTS,
    PRODUCT_ENDED,
    ZONE,
    BadRule,
    Decision,
    Period,
    SessionFacts,
    check_fact,
    check_rule,
    decide,
    due_us,
    facts_of,
    least_us,
    might_apply,
    parse_day,
    parse_period,
    say_conditions,
    say_day,
)
from server.store.retention import RetentionRule
from server.store.sessions import SessionRow


def at(text: str) -> int:
    """A time of China as unix microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000_000)


ENDED = at("2026-01-31T10:30:00")
FACTS = SessionFacts("s1", "wealth", outcome="resolved", product="steady-90", age_group="adult", call_ended_us=ENDED)
SALES = RetentionRule("sales", PRODUCT_ENDED, "P6M", "银监办发〔2017〕110号")
CLAIMS = RetentionRule("claims", CALL_ENDED, "P3Y", "民法典 188")
DISPUTES = RetentionRule("disputes", DISPUTE_ENDED, "P2Y", "保监发〔2017〕54号")


def row(**changed: object) -> SessionRow:
    fields = dict.fromkeys(SessionRow.__slots__) | {
        "id": "s1", "state": "closed", "service": "wealth", "requested_us": 1, "answered_us": 2, "ended_us": ENDED,
        "outcome": "resolved",
    }  # fmt: skip
    return SessionRow(**{**fields, **changed})  # type: ignore[arg-type]


# Durations and days.


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P6M", Period(months=6)),
        ("P5Y", Period(years=5)),
        ("P1Y6M10D", Period(1, 6, 10)),
        ("P180D", Period(days=180)),
        ("P0D", Period()),
    ],
)
def test_a_duration_is_read(text: str, period: Period) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["", "P", "5Y", "P5", "P-5Y", "P5Y ", "PT5H", "P1W", "P1000Y", "P٣Y", "P1M1Y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadRule):
        parse_period(text)


@pytest.mark.parametrize(
    ("day", "keep", "then"),
    [
        ("2026-01-31", "P1M", "2026-02-28"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2024-02-29", "P4Y", "2028-02-29"),
        ("2026-08-31", "P6M", "2027-02-28"),
        ("2026-12-31", "P1D", "2027-01-01"),
        ("2026-03-15", "P0D", "2026-03-15"),
    ],
)
def test_a_period_ends_by_the_calendar(day: str, keep: str, then: str) -> None:
    assert parse_period(keep).after(date.fromisoformat(day)) == date.fromisoformat(then)


def test_a_period_never_ends_sooner_than_it_says_at_least() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        day = date(1990, 1, 1) + timedelta(days=chance.randrange(80_000))
        period = Period(chance.randrange(1000), chance.randrange(1000), chance.randrange(100_000))
        then = period.after(day)
        assert then == date(9000, 1, 1) or (then - day) >= timedelta(microseconds=period.least_us)
        assert then >= day


@pytest.mark.parametrize("text", ["2026-02-30", "20260221", "2026-2-1", "", "open", "2026-02-01T00:00"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadRule):
        parse_day(text)


# Single decisions.


def test_the_last_day_is_kept_to_its_end_in_china() -> None:
    decision = decide(FACTS, [CLAIMS])
    assert decision.due_us == at("2029-02-01T00:00:00")
    assert say_day(decision.due_us - 1) == "2029-01-31"
    assert not decision.lets_go(decision.due_us - 1)
    assert decision.lets_go(decision.due_us)
    # Half past five in the afternoon of London's 31st is the next day here.
    late = replace(FACTS, call_ended_us=at("2026-02-01T01:30:00"))
    assert decide(late, [CLAIMS]).due_us == at("2029-02-02T00:00:00")


def test_without_a_rule_nothing_is_ever_deleted() -> None:
    assert decide(FACTS, []) == Decision(None, "no_rule")
    other = replace(CLAIMS, services=("loans",))
    assert decide(FACTS, [other]).due_us is None
    assert not decide(FACTS, [other]).lets_go(1 << 62)


def test_a_call_that_is_not_over_is_kept() -> None:
    assert decide(replace(FACTS, call_ended_us=None), [CLAIMS]).reason == "running"


def test_the_longest_of_the_rules_that_apply_wins() -> None:
    short, long = replace(CLAIMS, id="short", keep="P1Y"), replace(CLAIMS, id="long", keep="P10Y")
    decision = decide(FACTS, [short, long, CLAIMS])
    assert decision.rule == long
    assert [one.rule.id for one in decision.applied] == ["long", "claims", "short"]


def test_an_event_that_is_not_known_keeps_without_limit() -> None:
    decision = decide(FACTS, [CLAIMS, SALES])
    assert (decision.due_us, decision.reason, decision.rule) == (None, PRODUCT_ENDED, SALES)
    ended = replace(FACTS, product_ended=date(2031, 5, 20))
    assert decide(ended, [CLAIMS, SALES]).due_us == at("2031-11-21T00:00:00")


def test_an_event_before_the_call_counts_from_the_call() -> None:
    odd = replace(FACTS, product_ended=date(1999, 1, 1))
    assert decide(odd, [SALES]).due_us == at("2026-08-01T00:00:00")


def test_a_fact_that_is_not_known_takes_the_longest_that_might_apply() -> None:
    elderly = replace(CLAIMS, id="elderly", keep="P20Y", age_groups=("elderly",))
    adult = replace(CLAIMS, id="adult", keep="P5Y", age_groups=("adult", "minor"))
    assert decide(FACTS, [elderly, adult]).rule == adult
    assert decide(replace(FACTS, age_group=None), [elderly, adult]).rule == elderly
    assert decide(replace(FACTS, age_group="elderly"), [elderly, adult]).rule == elderly


def test_a_dispute_keeps_until_it_is_over_whatever_rules_there_are() -> None:
    open_ = replace(FACTS, disputed=True)
    assert decide(open_, []).reason == "dispute"
    assert decide(open_, [CLAIMS]).due_us is None
    assert decide(open_, [CLAIMS, DISPUTES]).due_us is None
    over = replace(open_, dispute_ended=date(2035, 6, 1))
    assert decide(over, [CLAIMS]).due_us == at("2029-02-01T00:00:00")
    assert decide(over, [CLAIMS, DISPUTES]).due_us == at("2037-06-02T00:00:00")
    # That none was recorded means that there is none: nobody would ever record that.
    assert decide(FACTS, [CLAIMS, DISPUTES]).rule == CLAIMS


# What is read of a session's row and facts.


def test_facts_come_from_the_row_and_from_what_was_recorded() -> None:
    facts = facts_of(row(), {"product": "p", "age_group": "elderly", "product_ended": "2030-01-02", "dispute": "open"})
    assert (facts.service, facts.outcome, facts.product, facts.age_group) == ("wealth", "resolved", "p", "elderly")
    assert (facts.call_ended_us, facts.product_ended) == (ENDED, date(2030, 1, 2))
    assert facts.disputed
    assert facts.dispute_ended is None
    assert facts_of(row(), {"dispute": "2031-01-02"}).dispute_ended == date(2031, 1, 2)


def test_what_others_wrote_into_a_fact_is_not_known_and_so_keeps() -> None:
    facts = facts_of(row(), {"age_group": "old", "product_ended": "soon", "dispute": "settled"})
    assert (facts.age_group, facts.product_ended, facts.disputed, facts.dispute_ended) == (None, None, True, None)
    assert decide(facts, [SALES, CLAIMS]).due_us is None


def test_a_call_that_nobody_answered_is_abandoned_and_one_without_an_outcome_unknown() -> None:
    assert facts_of(row(answered_us=None, outcome=None), {}).outcome == ABANDONED
    assert facts_of(row(outcome=None), {}).outcome is None
    assert facts_of(row(state="ended"), {}).call_ended_us is None
    assert facts_of(row(ended_us=None, closed_us=7), {}).call_ended_us == 7


def test_a_rule_says_something_that_can_be_followed() -> None:
    check_rule(SALES)
    for wrong in (
        replace(SALES, keep="for ever"),
        replace(SALES, counts_from="birthday"),
        replace(SALES, source="  "),
        replace(SALES, age_groups=("old",)),
    ):
        with pytest.raises(BadRule):
            check_rule(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("age_group", "old"), ("product_ended", "2026"), ("dispute", "closed"), ("colour", "red"), ("product", "")],
)
def test_a_fact_is_one_that_a_rule_understands(name: str, value: str) -> None:
    with pytest.raises(BadRule):
        check_fact(name, value)


def test_conditions_are_said() -> None:
    rule = replace(SALES, services=("wealth", "funds"), outcomes=("resolved",))
    assert say_conditions(rule) == "service=wealth|funds outcome=resolved"
    assert say_conditions(SALES) == "*"


# What holds for all of them: tried on some thousand made-up sessions and sets of rules, the same ones each time.

NAMES = ("a", "b", "c")
FORGETTABLE = ("outcome", "product", "age_group", "product_ended", "dispute_ended")
NEVER = 1 << 80
CASES = 2000


def some_rule(chance: random.Random) -> RetentionRule:
    def few(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(chance.sample(values, chance.choice((0, 0, 0, 1, 2))))

    keep = f"P{chance.randrange(30)}Y{chance.randrange(20)}M{chance.randrange(90)}D"
    return RetentionRule(
        f"r{chance.randrange(9)}", chance.choice(EVENTS), keep, "law",
        services=few(NAMES), products=few(NAMES), outcomes=few(NAMES), age_groups=few(AGE_GROUPS),
    )  # fmt: skip


def some_session(chance: random.Random) -> SessionFacts:
    def day() -> date:
        return date(2020, 1, 1) + timedelta(days=chance.randrange(15_000))

    begin, end = at("2020-01-01T00:00:00"), at("2040-01-01T00:00:00")
    return SessionFacts(
        "s", chance.choice(NAMES), chance.choice(NAMES), chance.choice(NAMES), chance.choice(AGE_GROUPS),
        chance.randrange(begin, end), day(), chance.random() < 0.5, day(),
    )  # fmt: skip


def cases() -> Iterator[tuple[SessionFacts, list[RetentionRule], random.Random]]:
    for number in range(CASES):
        chance = random.Random(number)
        yield some_session(chance), [some_rule(chance) for _ in range(chance.randrange(7))], chance


def until(facts: SessionFacts, rules: list[RetentionRule]) -> int:
    """Until when a session is kept; NEVER ends it."""
    due = decide(facts, rules).due_us
    return NEVER if due is None else due


def test_to_know_less_never_keeps_shorter() -> None:
    tried = 0
    for facts, rules, chance in cases():
        if any(might_apply(rule, facts) for rule in rules):  # a rule that comes to apply may end what none ended
            forgotten: dict[str, Any] = dict.fromkeys(chance.sample(FORGETTABLE, chance.randrange(6)))
            assert until(replace(facts, **forgotten), rules) >= until(facts, rules), (facts, rules, forgotten)
            tried += 1
    assert tried > CASES / 4


def test_a_further_rule_never_keeps_shorter() -> None:
    for facts, rules, chance in cases():
        if any(might_apply(rule, facts) for rule in rules):
            more = some_rule(chance)
            assert until(facts, [*rules, more]) >= until(facts, rules), (facts, rules, more)


def test_the_order_of_the_rules_does_not_matter() -> None:
    for facts, rules, chance in cases():
        assert until(facts, chance.sample(rules, len(rules))) == until(facts, rules)


def test_what_is_let_go_no_rule_keeps() -> None:
    tried = 0
    for facts, rules, _ in cases():
        decision = decide(facts, rules)
        if decision.due_us is None:
            continue
        tried += 1
        assert decision.rule is not None
        for rule in rules:
            if might_apply(rule, facts):
                due = due_us(rule, facts)
                assert due is not None
                assert due <= decision.due_us
        least = least_us(rules)
        assert least is not None
        assert facts.call_ended_us is not None
        assert decision.due_us > facts.call_ended_us + least
    assert tried > CASES / 4
