"""The supervisor's library: find a session and replay it, finished or running. Every access is audited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from aiohttp import ETag, hdrs, web

from link.protocol.errors import NotFound, RateLimited
from server.api.approvals import required as approval_required
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, JOURNAL, PROOFS, PURPOSES, READER, STORE
from server.api.http.body import check_access
from server.api.http.routes import PERMISSIONS, PERSON, Allow, Route
from server.api.pages import shell
from server.api.viewing import opened, session_row, stated
from server.api.viewing import told as purpose_told
from server.evidence.manifest import tell
from server.evidence.verify_runs import told as proof_told
from server.identity import Person, Role
from server.journal import Entry, Journal
from server.library.query import number as _number
from server.session.events import SegmentSealed
from server.session.private import Box
from server.store.people import EVERY_BRANCH
from server.store.sessions import SessionRow
from server.store.stamps import now_us
from web.pages import render

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
PAGES: Final = Allow.people(Role.SUPERVISOR, Role.ADMINISTRATOR)
MEDIA_TYPES: Final = {"audio": "audio/webm", "video": "video/webm"}
MOST_ENTRIES: Final = 4000
"""Journal entries of one answer: a long call is told in several, and the first picture does not wait for the last."""
NEWS_S: Final = 2.0
"""How long an answer waits for something new of a running call."""
TOGETHER_S: Final = 0.1
"""The tracks' segments end together, and are sealed within this one after the other. chosen: half of it was too short
for five tracks of a loaded server."""
_RECORDING: Final = frozenset(("recording_started", "recording_completed"))
_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


async def library(request: web.Request) -> web.StreamResponse:
    """The list of sessions."""
    person, store = request[PERSON], request.app[STORE]
    mine = person.branches(Role.SUPERVISOR)
    everybody = await store.people.all()
    choices: dict[str, object] = {
        "approval": approval_required(request.app),
        "holds": request.app[PERMISSIONS].of("POST", "/api/holds") is not None,
        "auditor": person.branches(Role.ADMINISTRATOR) is None,
        "branches": [
            {"id": branch.id, "zh": branch.name_zh, "en": branch.name_en}
            for branch in await store.branches.all()
            if mine is None or branch.id in mine
        ],
        "services": [
            {"id": service.id, "zh": service.name_zh, "en": service.name_en} for service in await store.services.all()
        ],
        "specialists": _colleagues(everybody, Role.SPECIALIST, mine),
        "reviewers": _colleagues([one for one in everybody if one.active], Role.SUPERVISOR, mine),
    }
    return render(request, "library.html", shell(request, **choices))


async def player(request: web.Request) -> web.StreamResponse:
    """The player of one session, which asks what it is opened for and shows nothing of the recording before."""
    row = await session_row(request)
    await reads(request, row.id, "page")
    known = await request.app[STORE].viewing.stated(request[PERSON].id, row.id)
    data: dict[str, object] = {
        "session": {**_brief(row), **(await marks(request, row))},
        "approval": approval_required(request.app),
        "purpose": purpose_told(known),
        "purposes": [msgspec.to_builtins(one) for one in request.app[PURPOSES].listed.values()],
        "review": (await reviews_told(request, [row])).get(row.id),
    }
    return render(request, "library_session.html", shell(request, **data))


async def manifest(request: web.Request) -> web.StreamResponse:
    """The manifest for the player.

    With `after` only what was journaled after that number; with `most` no more than so many entries at once. With
    `wait` the answer comes when there is something new of a running call, at most two seconds later.
    """
    row = await session_row(request)
    purpose = await stated(request, row.id)
    after, most = _number(request.query.get("after")) or 0, _number(request.query.get("most"))
    if not after:
        actor, detail = f"person:{request[PERSON].id}", {"purpose": purpose.purpose}
        await request.app[AUDIT].record(actor, "recording.view", f"session:{row.id}", detail)
    else:
        await reads(request, row.id, "manifest")
    journal, reader = request.app[JOURNAL], request.app[READER]
    if request.query.get("wait") == "1" and row.state != "closed":
        await journal.changed(row.id, after, NEWS_S)
        await asyncio.sleep(TOGETHER_S)
        check_access(request)
        row = await opened(request)
    live = await _live(journal, row)  # checked before reading, so that what is read afterwards is complete
    limit = None if most is None else max(1, min(most, MOST_ENTRIES))
    entries = await journal.read(row.id, after, most=None if limit is None else limit + 1)
    more = limit is not None and len(entries) > limit
    if more:
        entries.pop()
    box, index = await reader.box(row.id), reader.index(row.id)
    brief = {**_brief(row), **(await marks(request, row))}

    def told() -> bytes:
        index.learn(entries, after)
        return _told(row, brief, entries, after, live, box, more=more)

    return _json(await asyncio.to_thread(told))


async def init(request: web.Request) -> web.StreamResponse:
    """The initialisation segment of a track, for Media Source Extensions."""
    row = await opened(request)
    track = request.match_info["track"]
    data = await request.app[READER].init(row.id, track)
    await reads(request, row.id, "media", track)
    return web.Response(body=data, content_type="application/octet-stream")


async def segment(request: web.Request) -> web.StreamResponse:
    """A segment's clusters, checked against the hash in the journal."""
    row = await opened(request)
    event, data = await request.app[READER].segment(row.id, request.match_info["track"], _index(request))
    await reads(request, row.id, "media", event.track, span=(event.start_ms, event.end_ms))
    return _evidence(request, event, data, "application/octet-stream")


async def lines(request: web.Request) -> web.StreamResponse:
    """A segment of the co-browse track, as JSON lines."""
    row = await opened(request)
    event, data = await request.app[READER].lines(row.id, _index(request))
    await reads(request, row.id, "cobrowse", event.track, span=(event.start_ms, event.end_ms))
    return _evidence(request, event, data, "application/x-ndjson")


async def proof(request: web.Request) -> web.StreamResponse:
    """State of the recording's verification by `visavis verify`: its progress or its result."""
    row = await opened(request)
    await reads(request, row.id, "proof")
    known = request.app[PROOFS].known(row.id, await request.app[JOURNAL].head(row.id))
    return _json(_encode({"state": "none"} if known is None else proof_told(known)))


async def prove(request: web.Request) -> web.StreamResponse:
    """Verify the recording, unless that was done since it last changed; with `again=1` in any case."""
    row = await opened(request)
    proofs, head = request.app[PROOFS], await request.app[JOURNAL].head(row.id)
    known = proofs.known(row.id, head)
    if known is not None and (known.state in ("waiting", "running") or request.query.get("again") != "1"):
        await reads(request, row.id, "proof")
        return _json(_encode(proof_told(known)))
    if proofs.full():
        raise RateLimited("too many recordings wait to be checked", retry_after=30)
    await request.app[AUDIT].record(f"person:{request[PERSON].id}", "recording.verify", f"session:{row.id}")
    return _json(_encode(proof_told(proofs.want(row.id, head))))


async def marks(request: web.Request, row: SessionRow) -> dict[str, bool]:
    """Whether the session is under a legal hold, and whether it was deleted."""
    store = request.app[STORE]
    return {"held": bool(await store.holds.held((row.id,))), "deleted": bool(await store.retention.deleted((row.id,)))}


def _told(
    row: SessionRow,
    brief: dict[str, Any],
    entries: list[Entry],
    after: int,
    live: bool,
    box: Box | None,
    *,
    more: bool,
) -> bytes:
    """The manifest with the session's row; of a long call that is a megabyte."""
    told = tell(row.id, entries, started_us=row.requested_us, after=after, ended_us=row.ended_us, live=live, box=box)
    told.more, told.now_ms = more, (now_us() - row.requested_us) // 1000 if live else None
    if more and row.ended_us is not None:
        told.length_ms = max(told.length_ms, (row.ended_us - row.requested_us) // 1000)
    return _encode({**msgspec.structs.asdict(told), "session": brief})


async def _live(journal: Journal, row: SessionRow) -> bool:
    """Whether more may be recorded: until the call is over, and the last pieces that it left are sealed."""
    if row.state != "ended":
        return row.state != "closed"
    return {entry.kind for entry in await journal.read(row.id, kinds=_RECORDING)} == {"recording_started"}


def _colleagues(people: Iterable[Person], role: Role, mine: frozenset[str] | None) -> list[dict[str, Any]]:
    """People with a role in one of the branches `mine` (None: any), to choose from."""
    return [_colleague(one, role, mine) for one in people if _is_colleague(one, role, mine)]


def _is_colleague(person: Person, role: Role, mine: frozenset[str] | None) -> bool:
    grants = [grant for grant in person.grants if grant.role is role]
    return any(mine is None or grant.branch == EVERY_BRANCH or grant.branch in mine for grant in grants)


def _colleague(person: Person, role: Role, mine: frozenset[str] | None) -> dict[str, Any]:
    """Somebody to choose: equal names are told apart by login and branches, of which only `mine` are named."""
    theirs = person.branches(role)
    branches = None if theirs is None else sorted(theirs if mine is None else theirs & mine)
    return {"id": person.id, "name": person.name, "login": person.login, "branches": branches}


async def reviews_told(request: web.Request, rows: Iterable[SessionRow]) -> dict[str, dict[str, Any]]:
    """Who reviews which of these sessions, by session, for the list and the player."""
    found = await request.app[STORE].reviews.of([row.id for row in rows])
    names = await request.app[STORE].people.names({one.reviewer for one in found.values()})
    return {
        session: {"reviewer": one.reviewer, "name": names.get(one.reviewer, ""), "done": one.done}
        for session, one in found.items()
    }


def _brief(row: SessionRow) -> dict[str, Any]:
    """A session for the list, times in unix milliseconds."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    for name in ("requested", "answered", "ended", "closed"):
        value = fields.pop(f"{name}_us")
        fields[f"{name}_ms"] = None if value is None else value // 1000
    return fields


def _evidence(request: web.Request, event: SegmentSealed, data: bytes, content_type: str) -> web.Response:
    headers = {hdrs.ETAG: f'"{event.sha256[:32]}"', hdrs.CACHE_CONTROL: "no-store"}
    known = request.if_none_match or ()
    if any(isinstance(tag, ETag) and tag.value == event.sha256[:32] for tag in known):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=data, content_type=content_type, headers=headers)
    if content_type != "application/octet-stream":
        response.enable_compression()
    return response


def _index(request: web.Request) -> int:
    text = request.match_info["index"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise NotFound
    return int(text)


def _json(body: bytes) -> web.Response:
    """An answer of JSON, smaller where the browser takes it so."""
    response = web.Response(body=body, content_type="application/json")
    response.enable_compression()
    return response


ROUTES = [
    Route("GET", "/library", library, PAGES),
    Route("GET", "/library/{session}", player, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/manifest", manifest, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/proof", proof, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/proof", prove, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/tracks/{track}/init", init, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/tracks/{track}/segments/{index}", segment, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/cobrowse/{index}", lines, SUPERVISORS),
]
