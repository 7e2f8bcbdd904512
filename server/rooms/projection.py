"""What a session's row in the database takes over from its events, written in the same transaction as they are."""

from __future__ import annotations

from collections.abc import Iterable

from server.session import events as e
from server.session.state import State
from server.store.sessions import Projection


def project(before: State, after: State, events: Iterable[e.Event], at_us: int) -> Projection:
    """The columns that `events`, which lead from `before` to `after` at `at_us`, change."""
    columns = Projection()
    if after.phase is not None and after.phase is not before.phase:
        columns["state"] = str(after.phase)
    for event in events:
        match event:
            case e.SessionRequested():
                columns |= Projection(
                    kiosk=event.kiosk,
                    kiosk_name=event.kiosk_name,
                    branch=event.branch,
                    branch_zh=event.branch_zh,
                    branch_en=event.branch_en,
                    service=event.service,
                    service_zh=event.service_zh,
                    service_en=event.service_en,
                    language=event.language,
                    requested_us=at_us,
                )
            case e.Answered():
                columns["specialist"], columns["specialist_name"] = event.specialist, event.name
                if not before.answered:
                    columns["answered_us"] = at_us
            case e.Ended():
                columns["ended_us"], columns["end_reason"] = at_us, event.reason
            case e.Rated():
                columns["rating"] = event.stars
            case e.Disposed():
                columns["outcome"] = event.outcome
            case e.Closed():
                columns["closed_us"] = at_us
            case _:
                pass
    return columns
