"""Placing and lifting legal holds, each with its audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from server.journal import Audit
from server.store import Store
from server.store.errors import Conflict
from server.store.holds import REASON, LegalHold

AT_ONCE: Final = 200
"""Sessions of one request."""


class BadReason(ValueError):
    """The reason of a hold is empty, too long or cannot be shown."""


def check_reason(text: str) -> str:
    """A reason as it is kept: a case number and a few words. Raises `BadReason`."""
    reason = text.strip()
    if not reason or len(reason) > REASON or not reason.isprintable():
        raise BadReason(f"a reason is needed: printable, on one line, at most {REASON} characters")
    return reason


async def place_hold(store: Store, audit: Audit, session: str, *, reason: str, by: str) -> LegalHold:
    """Place a hold on a session, which is not deleted from then on; `by` is the actor.

    Raises:
        BadReason: the reason is none.
        Conflict: there is no such session, it was deleted already, or it has too many holds.
    """
    reason = check_reason(reason)
    async with store.database.write():
        hold = await store.holds.place(session, reason=reason, by=by)
        await audit.record(by, "hold.place", f"hold:{hold.id}", {"session": session})
    return hold


async def place_holds(
    store: Store, audit: Audit, sessions: Sequence[str], *, reason: str, by: str
) -> list[tuple[str, LegalHold | str]]:
    """Place a hold on each; return for each session the hold, or why there is none. Raises `BadReason`."""
    check_reason(reason)
    done: list[tuple[str, LegalHold | str]] = []
    for session in dict.fromkeys(sessions):
        try:
            done.append((session, await place_hold(store, audit, session, reason=reason, by=by)))
        except Conflict as error:
            done.append((session, str(error)))
    return done


async def lift_hold(store: Store, audit: Audit, hold: str, *, reason: str, by: str) -> LegalHold:
    """Lift a hold. Other holds of the session stay in force.

    Raises:
        BadReason: the reason is none.
        Conflict: there is no such hold in force.
    """
    reason = check_reason(reason)
    async with store.database.write():
        lifted = await store.holds.lift(hold, reason=reason, by=by)
        await audit.record(by, "hold.lift", f"hold:{hold}", {"session": lifted.session})
    return lifted
