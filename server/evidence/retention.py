"""How long a session is kept: rules as data, facts, and what follows from them. Pure functions and values.

A rule applies to sessions of some services, products, outcomes and age groups, and keeps them for a time that counts
from an event. Of all rules that apply the longest wins. What is not known is taken as whatever keeps the session
longer: a rule that might apply does, and an event that has not been recorded has not happened. Without a rule nothing
is ever deleted.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from server.store.retention import RetentionRule
from server.store.sessions import SessionRow

CALL_ENDED: Final = "call_ended"
PRODUCT_ENDED: Final = "product_ended"
DISPUTE_ENDED: Final = "dispute_ended"
EVENTS: Final = (CALL_ENDED, PRODUCT_ENDED, DISPUTE_ENDED)
"""The events that a rule can count from."""

PRODUCT: Final = "product"
AGE_GROUP: Final = "age_group"
DISPUTE: Final = "dispute"
"""The names of recorded facts; `product_ended` is one too, and `dispute` holds OPEN or the day that it ended."""
FACTS: Final = (PRODUCT, AGE_GROUP, PRODUCT_ENDED, DISPUTE)
OPEN: Final = "open"
AGE_GROUPS: Final = ("minor", "adult", "elderly")
"""Under 18; from 18 on; from 60 on (保监发〔2017〕54号 and the law on the protection of the elderly begin there)."""
ABANDONED: Final = "abandoned"
"""The outcome of a call that nobody answered."""

ZONE: Final = timezone(timedelta(hours=8))
"""Days are those of China (UTC+8, without summer time): a period ends with a day."""
_KEEP: Final = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,5})D)?", re.ASCII)
_DAY_US: Final = 86_400_000_000
FAR: Final = date(9000, 1, 1)


class BadRule(ValueError):
    """The rule, or the fact, is none; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Period:
    """A duration by the calendar."""

    years: int = 0
    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The day so much later; a day that a month does not have is its last."""
        month = day.year * 12 + day.month - 1 + self.years * 12 + self.months
        year, month = divmod(month, 12)
        if year >= FAR.year:
            return FAR
        there = date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        return min(FAR, there + timedelta(days=self.days))

    @property
    def least_us(self) -> int:
        """Microseconds that it has at least, whenever it begins."""
        return (self.years * 365 + self.months * 28 + self.days) * _DAY_US


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of a session; None: it is not known. Times are unix microseconds, days are dates of `ZONE`.

    `disputed`: a dispute was recorded; it is open while `dispute_ended` is None.
    """

    session: str
    service: str
    outcome: str | None = None
    product: str | None = None
    age_group: str | None = None
    call_ended_us: int | None = None
    product_ended: date | None = None
    disputed: bool = False
    dispute_ended: date | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that applies, and from when on it lets the session go (unix, µs); None while its event is not known."""

    rule: RetentionRule
    due_us: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """When a session may be deleted, and the rule that says so.

    `due_us` is None while it may not: then `reason` is `running`, `no_rule`, `dispute` (one is open) or the event that
    `rule` waits for. `applied` are all rules that apply, the one that keeps longest first.
    """

    due_us: int | None
    reason: str
    rule: RetentionRule | None = None
    applied: tuple[Applied, ...] = ()

    def lets_go(self, now_us: int) -> bool:
        """Whether the session may be deleted by now."""
        return self.due_us is not None and self.due_us <= now_us


def parse_period(text: str) -> Period:
    """A duration of ISO 8601 in years, months and days: `P6M`, `P1Y6M`, `P0D`. Raises `BadRule`."""
    match = _KEEP.fullmatch(text)
    if match is None or not any(match.groups()):
        raise BadRule(f"{text!r} is no duration such as P5Y, P6M or P180D")
    return Period(*(int(part or 0) for part in match.groups()))


def parse_day(text: str) -> date:
    """A day as YYYY-MM-DD. Raises `BadRule`."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadRule(f"{text!r} is no day such as 2026-09-21") from None


def check_rule(rule: RetentionRule) -> None:
    """Raise `BadRule` unless the rule says something that can be followed."""
    parse_period(rule.keep)
    if rule.counts_from not in EVENTS:
        raise BadRule(f"{rule.counts_from!r} is no event: choose of {', '.join(EVENTS)}")
    if not rule.source.strip():
        raise BadRule("a rule has a source: the text of law, or the decision, that it follows")
    unknown = [group for group in rule.age_groups if group not in AGE_GROUPS]
    if unknown:
        raise BadRule(f"{unknown[0]!r} is no age group: choose of {', '.join(AGE_GROUPS)}")


def check_fact(name: str, value: str) -> None:
    """Raise `BadRule` unless `value` is one that the fact `name` can have."""
    if name == AGE_GROUP and value not in AGE_GROUPS:
        raise BadRule(f"{value!r} is no age group: choose of {', '.join(AGE_GROUPS)}")
    if name == PRODUCT_ENDED or (name == DISPUTE and value != OPEN):
        parse_day(value)
    if name not in FACTS:
        raise BadRule(f"{name!r} is no fact")
    if not value or len(value) > 64 or not value.isprintable():
        raise BadRule(f"{value!r} must be printable, not empty, and at most 64 characters")


def facts_of(row: SessionRow, recorded: Mapping[str, str]) -> SessionFacts:
    """What is known of a session, by its row and what was recorded besides.

    A recorded value that is none, as somebody else may have written it, is not known.
    """
    over = row.state == "closed"
    dispute = recorded.get(DISPUTE)
    group = recorded.get(AGE_GROUP)
    ended = row.ended_us if row.ended_us is not None else row.closed_us
    return SessionFacts(
        session=row.id,
        service=row.service,
        outcome=row.outcome or (ABANDONED if over and row.answered_us is None else None),
        product=recorded.get(PRODUCT),
        age_group=group if group in AGE_GROUPS else None,
        call_ended_us=ended if over else None,
        product_ended=_day(recorded.get(PRODUCT_ENDED)),
        disputed=dispute is not None,
        dispute_ended=_day(dispute),
    )


def decide(facts: SessionFacts, rules: Iterable[RetentionRule]) -> Decision:
    """When the session may be deleted."""
    if facts.call_ended_us is None:
        return Decision(None, "running")
    applied = tuple(
        sorted(
            (Applied(rule, due_us(rule, facts)) for rule in rules if might_apply(rule, facts)),
            key=lambda one: (one.due_us is not None, -(one.due_us or 0), one.rule.id),
        )
    )
    if facts.disputed and facts.dispute_ended is None:  # whatever rules there are: its end is what the record is for
        return Decision(None, DISPUTE, applied=applied)
    if not applied:
        return Decision(None, "no_rule")
    longest = applied[0]
    if longest.due_us is None:
        return Decision(None, longest.rule.counts_from, longest.rule, applied)
    return Decision(longest.due_us, "due", longest.rule, applied)


def might_apply(rule: RetentionRule, facts: SessionFacts) -> bool:
    """Whether the rule applies to the session, or would if what is not known of it were known.

    That no dispute was recorded means that there is none.
    """
    if rule.counts_from == DISPUTE_ENDED and not facts.disputed:
        return False
    conditions: Sequence[tuple[tuple[str, ...], str | None]] = (
        (rule.services, facts.service),
        (rule.products, facts.product),
        (rule.outcomes, facts.outcome),
        (rule.age_groups, facts.age_group),
    )
    return all(not wanted or known is None or known in wanted for wanted, known in conditions)


def due_us(rule: RetentionRule, facts: SessionFacts) -> int | None:
    """The first moment (unix, µs) at which the rule no longer keeps the session; None while that is not known.

    The day of the event does not count, and the last day counts to its end (Civil Code of the PRC, articles 201 to
    203). No rule ends before its period has passed since the call.
    """
    if facts.call_ended_us is None:
        return None
    call = _day_of(facts.call_ended_us)
    event = {CALL_ENDED: call, PRODUCT_ENDED: facts.product_ended, DISPUTE_ENDED: facts.dispute_ended}[rule.counts_from]
    if event is None:
        return None
    last = parse_period(rule.keep).after(max(event, call))
    midnight = datetime(last.year, last.month, last.day, tzinfo=ZONE) + timedelta(days=1)
    return int(midnight.timestamp()) * 1_000_000


def least_us(rules: Iterable[RetentionRule]) -> int | None:
    """Microseconds after a call's end before which no rule lets any session go; None without rules."""
    return min((parse_period(rule.keep).least_us for rule in rules), default=None)


def say_conditions(rule: RetentionRule) -> str:
    """Which sessions a rule applies to, for people: `service=wealth|funds outcome=resolved`, `*` for all."""
    named = {
        "service": rule.services, "product": rule.products, "outcome": rule.outcomes, "age_group": rule.age_groups
    }  # fmt: skip
    return " ".join(f"{name}={'|'.join(values)}" for name, values in named.items() if values) or "*"


def say_day(at_us: int) -> str:
    """The day of a moment (unix, µs) in `ZONE`."""
    return _day_of(at_us).isoformat()


def _day_of(at_us: int) -> date:
    try:
        return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZONE).date()
    except (ValueError, OverflowError, OSError):
        return FAR  # a time that is none keeps whatever it belongs to


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else parse_day(text)
    except BadRule:
        return None
