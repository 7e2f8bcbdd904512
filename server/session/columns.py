"""What a session's row in the database takes over from each of its events.

The room writes these columns in the transaction that journals the event, and `visavis verify` compares them with the
journal afterwards: who may see a recording depends on the row.
"""

from __future__ import annotations

from collections.abc import Iterable

from server.session import events as e

ColumnValue = str | int | None


def columns_of(event: e.Event, at_us: int, *, answered: bool) -> dict[str, ColumnValue]:
    """The columns that `event`, journaled at `at_us` (unix, microseconds), changes. `answered`: somebody has before."""
    match event:
        case e.SessionRequested():
            return {
                "kiosk": event.kiosk,
                "kiosk_name": event.kiosk_name,
                "branch": event.branch,
                "branch_zh": event.branch_zh,
                "branch_en": event.branch_en,
                "service": event.service,
                "service_zh": event.service_zh,
                "service_en": event.service_en,
                "language": event.language,
                "requested_us": at_us,
            }
        case e.Answered():
            now: dict[str, ColumnValue] = {"specialist": event.specialist, "specialist_name": event.name}
            return now if answered else {**now, "answered_us": at_us}
        case e.Ended():
            return {"ended_us": at_us, "end_reason": event.reason}
        case e.Rated():
            return {"rating": event.stars}
        case e.Disposed():
            return {"outcome": event.outcome}
        case e.Closed():
            return {"closed_us": at_us}
        case _:
            return {}


def row_of(events: Iterable[tuple[e.Event, int]]) -> tuple[dict[str, ColumnValue], dict[str, list[str]]]:
    """The columns after all of `events`, each with its time, and the names of everybody who answered, by their id.

    Of somebody who answered twice under different names the database has one: the first, or the last where the call is
    older than the table of those who answered.
    """
    columns: dict[str, ColumnValue] = {}
    specialists: dict[str, list[str]] = {}
    for event, at_us in events:
        columns |= columns_of(event, at_us, answered=bool(specialists))
        if isinstance(event, e.Answered):
            specialists.setdefault(event.specialist, []).append(event.name)
    return columns, specialists
