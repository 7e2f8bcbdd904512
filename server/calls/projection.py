"""The projection of a session's events into its database row, written in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from server.session import events as e
from server.session.columns import columns_of
from server.session.state import State
from server.store.sessions import Projection


def project(before: State, after: State, events: Iterable[e.Event], at_us: int) -> Projection:
    """The columns that `events`, which lead from `before` to `after` at `at_us`, change."""
    columns = Projection()
    if after.phase is not None and after.phase is not before.phase:
        columns["state"] = str(after.phase)
    changed: dict[str, object] = dict(columns)
    for event in events:
        changed |= columns_of(event, at_us, answered=before.answered)
    return cast("Projection", changed)
