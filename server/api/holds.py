"""Legal holds and retention over HTTP: a supervisor of the session's branch places holds, an administrator lifts them.

Who placed a hold does not lift it: what keeps a recording from being deleted takes two people to remove.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from link.protocol.errors import BadMessage, NotAllowed, NotFound, WrongState
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, RETENTION, STORE
from server.api.http.body import read_body
from server.api.http.routes import PERSON, Allow, Route
from server.api.viewing import row_for
from server.evidence.certificate import summary, write_file
from server.evidence.deletion import decided_on
from server.evidence.holds import AT_ONCE, BadReason, check_reason, lift_hold, place_hold
from server.evidence.retention import say_day
from server.identity import Person, Role
from server.store import Store
from server.store.errors import Conflict
from server.store.holds import LegalHold

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
ADMINISTRATORS: Final = Allow.people(Role.ADMINISTRATOR)
BODY_BYTES: Final = 32 * 1024
_DAY_US: Final = 86_400_000_000


class Placing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request for holds, all for one reason."""

    sessions: list[str]
    reason: str


class Lifting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to lift one."""

    reason: str


Asked = TypeVar("Asked", Placing, Lifting)


async def retention(request: web.Request) -> web.StreamResponse:
    """What keeps the session, until when, every hold that it had, and the certificate if it was deleted."""
    row = await row_for(request, request.match_info["session"], Role.SUPERVISOR)
    await reads(request, row.id, "retention")
    store, person = request.app[STORE], request[PERSON]
    decision = (await decided_on(store, row.id)).decision
    deletion = await store.retention.deletion(row.id)
    holds = await store.holds.of(row.id)
    lifts = person.may(Role.ADMINISTRATOR, row.branch)
    told = {
        "keeps": {
            "reason": decision.reason,
            # The last day that the session is kept: it may go when that is over.
            "until": None if decision.due_us is None else say_day(decision.due_us - _DAY_US),
            "rule": None if decision.rule is None else decision.rule.id,
            "source": None if decision.rule is None else decision.rule.source,
        },
        "holds": [await _told(store, hold, lifts and hold.placed_by != _actor(person)) for hold in holds],
        "deletion": None if deletion is None else {**summary(deletion), "at_ms": deletion.at_us // 1000},
    }
    return web.json_response(told)


async def certificate(request: web.Request) -> web.StreamResponse:
    """The certificate of the session's deletion, as a file."""
    row = await row_for(request, request.match_info["session"], Role.SUPERVISOR)
    found = await request.app[STORE].retention.deletion(row.id)
    if found is None:
        raise NotFound
    await reads(request, row.id, "certificate")
    response = web.Response(body=write_file(found), content_type="application/json")
    response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="visavis-deletion-{row.id}.json"'
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


async def place(request: web.Request) -> web.StreamResponse:
    """Place a hold on each of `sessions` for `reason`; what became of each is in `results`, in their order.

    `problem` is empty, `not_found` (there is none, or it is not theirs) or `wrong_state` (deleted already, or it has
    too many). Raises `BadMessage`.
    """
    asked = await _body(request, Placing)
    sessions = list(dict.fromkeys(asked.sessions))
    if not 1 <= len(sessions) <= AT_ONCE:
        raise BadMessage(f"sessions are 1 to {AT_ONCE}")
    results = [await _place(request, session, asked.reason) for session in sessions]
    request.app[RETENTION].holds_changed()
    return web.json_response({"results": results})


async def lift(request: web.Request) -> web.StreamResponse:
    """Lift a hold for `reason`.

    Raises:
        NotAllowed: whoever placed it wants to lift it.
        WrongState: it was lifted already.
    """
    asked = await _body(request, Lifting)
    store, person = request.app[STORE], request[PERSON]
    hold = await store.holds.get(request.match_info["hold"])
    if hold is None:
        raise NotFound
    await row_for(request, hold.session, Role.ADMINISTRATOR)
    if hold.placed_by == _actor(person):
        raise NotAllowed("who placed a hold does not lift it")
    try:
        lifted = await lift_hold(store, request.app[AUDIT], hold.id, reason=asked.reason, by=_actor(person))
    except Conflict as error:
        raise WrongState(str(error)) from error
    request.app[RETENTION].holds_changed()
    return web.json_response(await _told(store, lifted, False))


async def _place(request: web.Request, session: str, reason: str) -> dict[str, object]:
    store, person = request.app[STORE], request[PERSON]
    row = await store.sessions.get(session)
    if row is None or not person.may(Role.SUPERVISOR, row.branch):
        return {"session": session, "hold": None, "problem": "not_found"}
    try:
        hold = await place_hold(store, request.app[AUDIT], session, reason=reason, by=_actor(person))
    except Conflict:
        return {"session": session, "hold": None, "problem": "wrong_state"}
    return {"session": session, "hold": hold.id, "problem": ""}


async def _body(request: web.Request, kind: type[Asked]) -> Asked:
    """The body of a request. Raises `BadMessage`, also where its reason is none."""
    try:
        asked = msgspec.json.decode(await read_body(request, BODY_BYTES), type=kind)
        check_reason(asked.reason)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage("the body cannot be read") from error
    except BadReason as error:
        raise BadMessage(str(error)) from error
    return asked


async def _told(store: Store, hold: LegalHold, may_lift: bool) -> dict[str, object]:
    return {
        "id": hold.id,
        "reason": hold.reason,
        "placed_ms": hold.placed_us // 1000,
        "placed_by": await _name(store, hold.placed_by),
        "lifted_ms": None if hold.lifted_us is None else hold.lifted_us // 1000,
        "lifted_by": None if hold.lifted_by is None else await _name(store, hold.lifted_by),
        "lifted_reason": hold.lifted_reason,
        "may_lift": may_lift and hold.active,
    }


def _actor(person: Person) -> str:
    return f"person:{person.id}"


async def _name(store: Store, actor: str) -> str:
    """An actor's name; of one who is no person here, what the audit log calls them."""
    kind, _, name = actor.partition(":")
    person = await store.people.get(name) if kind == "person" else None
    return actor if person is None else person.name


ROUTES = [
    Route("GET", "/api/sessions/{session}/retention", retention, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/certificate", certificate, SUPERVISORS),
    Route("POST", "/api/holds", place, SUPERVISORS),
    Route("POST", "/api/holds/{hold}/lift", lift, ADMINISTRATORS),
]
