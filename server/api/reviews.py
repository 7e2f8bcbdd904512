"""Assigning sessions to whoever reviews them, many at once, and saying that a review is done."""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from link.protocol.errors import BadMessage, NotFound
from server.api.http.access_audit import refuses
from server.api.http.app_keys import AUDIT, STORE
from server.api.http.body import read_struct
from server.api.http.routes import PERSON, Allow, Foreign, Route
from server.api.viewing import session_row
from server.identity import Person, Role

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
BODY_BYTES: Final = 16 * 1024
MOST: Final = 100
"""Sessions of one request."""

_Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Assignment(Struct, frozen=True, forbid_unknown_fields=True):
    """These sessions are reviewed by `reviewer` (a person's id) from now on, or by nobody."""

    sessions: Annotated[list[_Id], Meta(min_length=1, max_length=MOST)]
    reviewer: _Id | None


class Progress(Struct, frozen=True, forbid_unknown_fields=True):
    """A review is done, or is open again."""

    done: bool


async def assign(request: web.Request) -> web.StreamResponse:
    """Assign sessions; the answer has a result for each: `assigned`, `withdrawn`, `not_found`, `reviewer_may_not`.

    Raises:
        BadMessage: there is no such reviewer.
    """
    body = await read_struct(request, BODY_BYTES, Assignment)
    reviewer = None
    if body.reviewer is not None:
        reviewer = await request.app[STORE].people.get(body.reviewer)
        if reviewer is None or not reviewer.active or Role.SUPERVISOR not in reviewer.roles:
            raise BadMessage("a reviewer is a supervisor who may log in")
    results = [
        {"session": session, "result": await _assign(request, session, reviewer)}
        for session in dict.fromkeys(body.sessions)
    ]
    return web.json_response({"results": results})


async def _assign(request: web.Request, session: str, reviewer: Person | None) -> str:
    store, person = request.app[STORE], request[PERSON]
    row = await store.sessions.get(session)
    if row is None or not person.may(Role.SUPERVISOR, row.branch):
        await refuses(request, Foreign(f"session:{session}"), "")
        return "not_found"
    if reviewer is not None and not reviewer.may(Role.SUPERVISOR, row.branch):
        return "reviewer_may_not"
    detail = {"reviewer": None if reviewer is None else f"person:{reviewer.id}"}
    async with store.database.write():
        if reviewer is not None:
            await store.reviews.assign(session, reviewer.id, person.id)
        elif not await store.reviews.withdraw(session):
            return "withdrawn"  # nobody was to review it
        await request.app[AUDIT].record(f"person:{person.id}", "review.assign", f"session:{session}", detail)
    return "withdrawn" if reviewer is None else "assigned"


async def finish(request: web.Request) -> web.StreamResponse:
    """Say that this session's review is done, or open again. Raises `NotFound` where nobody reviews it."""
    row = await session_row(request)
    body = await read_struct(request, BODY_BYTES, Progress)
    action = "review.done" if body.done else "review.open"
    async with request.app[STORE].database.write():
        if not await request.app[STORE].reviews.finish(row.id, done=body.done):
            raise NotFound
        await request.app[AUDIT].record(f"person:{request[PERSON].id}", action, f"session:{row.id}")
    return web.json_response({"done": body.done})


ROUTES = [
    Route("POST", "/api/reviews", assign, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/review", finish, SUPERVISORS),
]
