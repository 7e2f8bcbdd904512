"""Pauses of the recording for what no record may hold. Whoever hears and sees goes on to; the record has a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.rules.timers import SENSITIVE
from server.session.state import OPEN, RecordingPause
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.SensitivePaused, OPEN)
def paused(m: Machine, event: e.SensitivePaused) -> Step:
    if not m.state.answered or event.by not in (m.state.customer, m.state.lead):
        raise IllegalEvent("nothing is recorded, or not of this participant's doing")
    known = m.state.pauses.get(event.by)
    since_ms = m.at_ms if known is None else known.since_ms
    if not m.state.pauses:
        yield from m.start(SENSITIVE, m.graces.sensitive)
    m.set(pauses=m.state.pauses | {event.by: RecordingPause(event.reason, since_ms, event.automatic)})


@on(e.SensitiveResumed, OPEN)
def resumed(m: Machine, event: e.SensitiveResumed) -> Step:
    if event.by not in m.state.pauses:
        raise IllegalEvent("not paused by this participant")
    yield from end(m, event.by)


def end(m: Machine, *participants: str) -> Step:
    """End these participants' pauses, if there are any."""
    left = {who: pause for who, pause in m.state.pauses.items() if who not in participants}
    if left == m.state.pauses:
        return
    m.set(pauses=left)
    if not left:
        m.set(pause_overdue=False)
        yield from m.cancel(SENSITIVE)
    if m.state.phase is SessionState.ACTIVE:
        # What has changed on the customer's page meanwhile is in no record, and not with who did not see it.
        yield c.TakeSnapshot()
