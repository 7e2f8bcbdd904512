"""Opening a recording: what for, said before anything of it is shown, and which parts of it were played.

Every route that gives something of a session's recording asks `opened` for its row.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from aiohttp import web
from msgspec import Meta, Struct

from link.protocol.errors import BadMessage, NotFound
from link.protocol.values import OVER
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, CONFIG, PURPOSES, STORE, WORDS
from server.api.http.body import read_struct
from server.api.http.routes import PERSON, Allow, Foreign, Route
from server.evidence.purposes import WORDS as LONGEST
from server.evidence.purposes import PurposeRequired
from server.identity import Role
from server.store.sessions import SessionRow
from server.store.stamps import now_us, steady_us
from server.store.viewing import StatedPurpose

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
VIEWERS: Final = Allow.people(Role.SUPERVISOR, Role.SPECIALIST)
BODY_BYTES: Final = 16 * 1024
RANGES: Final = 100
"""Most ranges of one report."""
TIMELINE: Final = "timeline"
SLACK_MS: Final = 3_600_000
"""How far beyond its end a session's timeline may go: what is journaled after a call is on it too."""
_DAY_MS: Final = 86_400_000


class PurposeStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody opens a recording for."""

    purpose: Annotated[str, Meta(max_length=32)]
    words: Annotated[str, Meta(max_length=LONGEST)] = ""


Moment = Annotated[int, Meta(ge=0, le=_DAY_MS)]


class Played(Struct, frozen=True, forbid_unknown_fields=True):
    """The ranges that a player has played, in milliseconds of the session."""

    ranges: Annotated[list[tuple[Moment, Moment]], Meta(min_length=1, max_length=RANGES)]


async def session_row(request: web.Request) -> SessionRow:
    """The session of the request, if this supervisor may see it. Raises `NotFound` otherwise, audited."""
    return await row_for(request, request.match_info["session"], Role.SUPERVISOR)


async def row_for(request: web.Request, session: str, role: Role) -> SessionRow:
    """A session, if this person has the role in its branch. Raises `NotFound` otherwise, audited."""
    row = await request.app[STORE].sessions.get(session)
    if row is None:
        raise NotFound
    if not request[PERSON].may(role, row.branch):
        raise Foreign(f"session:{session}")
    return row


async def opened(request: web.Request) -> SessionRow:
    """As `session_row`, for what shows something of the recording.

    Raises:
        PurposeRequired: this person has not said what for, or that has run out.
    """
    row = await session_row(request)
    await stated(request, row.id)
    return row


async def stated(request: web.Request, session: str) -> StatedPurpose:
    """What this person opens the session for. Raises `PurposeRequired`."""
    purpose = await request.app[STORE].viewing.stated(request[PERSON].id, session)
    if purpose is None:
        raise PurposeRequired(f"session:{session}")
    return purpose


async def state(request: web.Request) -> web.StreamResponse:
    """Say what this session is opened for: audited, and then true for `purpose_minutes`.

    A specialist may for sessions of their own, whose papers they see without during the call.

    Raises:
        BadMessage: it is none of the site's purposes, or lacks the words that it needs.
    """
    session, person = request.match_info["session"], request[PERSON]
    row = await request.app[STORE].sessions.get(session)
    if row is None:
        raise NotFound
    own = person.id == row.specialist and person.may(Role.SPECIALIST, row.branch)
    if not (own or person.may(Role.SUPERVISOR, row.branch)):
        raise Foreign(f"session:{session}")
    body = await read_struct(request, BODY_BYTES, PurposeStatement)
    words = body.words.strip()
    if not request.app[PURPOSES].fits(body.purpose, words):
        raise BadMessage("a purpose of the site's list is expected, and words where it needs them")
    minutes, target = request.app[CONFIG].purpose_minutes, f"session:{session}"
    detail: dict[str, object] = {"purpose": body.purpose, "minutes": minutes}
    if words:
        detail["words"] = request.app[WORDS].seal(target, words)
    if row.state not in OVER:
        detail["running"] = True
    async with request.app[STORE].database.write():
        await request.app[AUDIT].record(f"person:{person.id}", "recording.purpose", target, detail)
        purpose = await request.app[STORE].viewing.state(person.id, session, body.purpose, minutes=minutes)
    return web.json_response(told(purpose))


async def played(request: web.Request) -> web.StreamResponse:
    """The page tells which ranges it has played; the audit log has them beside what was fetched of each track."""
    row = await opened(request)
    report = await read_struct(request, BODY_BYTES, Played)
    length_ms = (row.ended_us or now_us()) // 1000 - row.requested_us // 1000 + SLACK_MS
    if any(not start_ms <= end_ms or start_ms > length_ms for start_ms, end_ms in report.ranges):
        raise BadMessage("a range ends after it begins, and begins within the session")
    for start_ms, end_ms in report.ranges:
        await reads(request, row.id, "played", TIMELINE, span=(start_ms, min(end_ms, length_ms)))
    return web.Response(status=204)


def told(purpose: StatedPurpose | None) -> dict[str, Any] | None:
    """A stated purpose for the page."""
    if purpose is None:
        return None
    return {"purpose": purpose.purpose, "left_s": max(0, (purpose.expires_us - steady_us()) // 1_000_000)}


ROUTES = [
    Route("POST", "/api/sessions/{session}/purpose", state, VIEWERS),
    Route("POST", "/api/sessions/{session}/played", played, SUPERVISORS),
]
