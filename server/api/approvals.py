"""The two-person rule: where the site wants it, what leaves of a recording needs a second supervisor's yes.

One asks, another one with the same right decides, and what was approved is used once, for what it was asked for.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from aiohttp import web
from msgspec import Meta, Struct

from link.protocol.errors import BadMessage, NotAllowed, NotFound, RateLimited, WrongState
from server.api.http.app_keys import AUDIT, CONFIG, STORE
from server.api.http.body import read_struct
from server.api.http.routes import PERSON, Allow, Route
from server.api.viewing import session_row
from server.evidence.report_words import PURPOSES
from server.identity import Role
from server.store.approvals import Approval
from server.store.errors import Conflict
from server.store.sessions import SessionRow
from server.store.stamps import steady_us

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
BODY_BYTES: Final = 1024
BUNDLE: Final = "bundle"
VIEWING_COPY: Final = "viewing_copy"
RETRY_S: Final = 3600.0


class ApprovalRequired(WrongState):
    """The site wants a second person's yes to this export, and there is none that is unused."""

    code = "approval_required"


class ExportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for an export."""

    kind: Literal["bundle", "viewing_copy"]
    purpose: Annotated[str, Meta(max_length=32)]


class ApprovalDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """A yes or a no to such a request."""

    approve: bool


def required(app: web.Application) -> bool:
    """Whether the two-person rule is on."""
    return app[CONFIG].export_approval == "required"


async def spend(request: web.Request, row: SessionRow, kind: str, purpose: str) -> Approval | None:
    """Write into the audit log that this person has this exported, and use the approval up where the rule wants one.

    Call it when everything else that could refuse the export has been asked.

    Raises:
        ApprovalRequired: there is none.
        Unavailable: it was not recorded, and nothing was used up.
    """
    app, person = request.app, request[PERSON].id
    detail: dict[str, object] = {kind: True, "purpose": purpose}
    async with app[STORE].database.write():
        approval = None
        if required(app):
            approval = await app[STORE].approvals.use(row.id, person, kind, purpose)
            if approval is None:
                raise ApprovalRequired("somebody else has to approve this export first")
            detail |= {"approval": approval.id, "approved_by": f"person:{approval.decided_by}"}
        await app[AUDIT].record(f"person:{person}", "recording.export", f"session:{row.id}", detail)
    return approval


async def told_of(request: web.Request, row: SessionRow, kind: str) -> dict[str, object] | None:
    """For the page: what became of this person's last request for this export; None where there is no such rule."""
    if not required(request.app):
        return None
    last = await request.app[STORE].approvals.latest(row.id, request[PERSON].id, kind)
    if last is None:
        return {"state": "none"}
    people = [last.decided_by] if last.decided_by else []
    names = await request.app[STORE].people.names(people)
    return _told(last) | {"decided_by": names.get(last.decided_by or "", "")}


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask for an export: 201, or 200 where the same was asked for already and is not decided or not used.

    Raises:
        BadMessage: the purpose is none of those that there are.
        WrongState: there is no such rule here.
        RateLimited: too many of this person's requests wait for a decision.
    """
    row = await session_row(request)
    body = await read_struct(request, BODY_BYTES, ExportRequest)
    if body.purpose not in PURPOSES:
        raise BadMessage(f"purpose is one of {', '.join(PURPOSES)}")
    if not required(request.app):
        raise WrongState("exports need no approval here")
    store, person = request.app[STORE], request[PERSON].id
    try:
        async with store.database.write():
            approval, new = await store.approvals.ask(
                session=row.id,
                branch=row.branch,
                kind=body.kind,
                purpose=body.purpose,
                asked_by=person,
                hours=request.app[CONFIG].approval_hours,
            )
            if new:
                detail = {"approval": approval.id, "kind": body.kind, "purpose": body.purpose}
                await request.app[AUDIT].record(f"person:{person}", "export.ask", f"session:{row.id}", detail)
    except Conflict as error:
        raise RateLimited(str(error), retry_after=RETRY_S) from error
    return web.json_response(_told(approval), status=201 if new else 200)


async def decide(request: web.Request) -> web.StreamResponse:
    """Approve or refuse what somebody else asked for.

    Raises:
        NotAllowed: it is one's own request.
        WrongState: it is decided already, or has expired.
    """
    row = await session_row(request)
    body = await read_struct(request, BODY_BYTES, ApprovalDecision)
    store, person = request.app[STORE], request[PERSON].id
    known = await store.approvals.get(request.match_info["approval"])
    if known is None or known.session != row.id:
        raise NotFound
    if known.asked_by == person:
        raise NotAllowed("nobody decides about their own request")
    hours, action = request.app[CONFIG].approval_hours, "export.approve" if body.approve else "export.refuse"
    detail = {
        "approval": known.id,
        "kind": known.kind,
        "purpose": known.purpose,
        "asked_by": f"person:{known.asked_by}",
    }
    try:
        async with store.database.write():
            decided = await store.approvals.decide(known.id, person, approved=body.approve, hours=hours)
            await request.app[AUDIT].record(f"person:{person}", action, f"session:{row.id}", detail)
    except Conflict as error:
        raise WrongState(str(error)) from error
    return web.json_response(_told(decided))


async def listed(request: web.Request) -> web.StreamResponse:
    """The requests that this person may decide, and their own that are not used, refused or expired."""
    person, store = request[PERSON], request.app[STORE]
    if not required(request.app):
        return web.json_response({"required": False, "to_decide": [], "mine": []})
    to_decide = await store.approvals.to_decide(person.id, person.branches(Role.SUPERVISOR))
    mine = await store.approvals.open_of(person.id)
    names = await store.people.names({one.asked_by for one in to_decide} | {one.decided_by or "" for one in mine})
    rows = {row.id: row for row in await store.sessions.several({one.session for one in (*to_decide, *mine)})}

    def full(one: Approval) -> dict[str, Any]:
        row = rows.get(one.session)
        about = {} if row is None else {
            "requested_ms": row.requested_us // 1000, "branch_zh": row.branch_zh, "branch_en": row.branch_en,
            "service_zh": row.service_zh, "service_en": row.service_en,
        }  # fmt: skip
        return (
            _told(one)
            | about
            | {"asked_by": names.get(one.asked_by, ""), "decided_by": names.get(one.decided_by or "", "")}
        )

    return web.json_response(
        {"required": True, "to_decide": [full(one) for one in to_decide], "mine": [full(one) for one in mine]}
    )


def _told(approval: Approval) -> dict[str, Any]:
    now = steady_us()
    return {
        "id": approval.id,
        "session": approval.session,
        "kind": approval.kind,
        "purpose": approval.purpose,
        "state": approval.state(now),
        "asked_ms": approval.asked_us // 1000,
        "left_s": max(0, (approval.expires_us - now) // 1_000_000),
    }


ROUTES = [
    Route("GET", "/api/approvals", listed, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/approvals", ask, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/approvals/{approval}", decide, SUPERVISORS),
]
