"""Evidence bundles over HTTP: a supervisor of the session's branch has one made, says what for, and downloads it.

A bundle has a purpose of its own, so it needs no other to be stated; where the site wants it, a second person's yes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs, web

from link.protocol.errors import BadMessage, NotAuthenticated, NotFound, RateLimited, WrongState
from link.protocol.values import OVER
from server.api.approvals import BUNDLE, spend, told_of
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, BUNDLES, STORE
from server.api.http.body import check_access
from server.api.http.routes import PERSON, Allow, Route
from server.api.viewing import session_row
from server.evidence.bundle_runs import BundleRun
from server.evidence.bundle_runs import told as bundle_told
from server.evidence.bundle_tar import FolderTar
from server.evidence.reader import Deleted
from server.evidence.report_words import PURPOSES
from server.identity import Role
from server.store.sessions import SessionRow

SUPERVISORS: Final = Allow.people(Role.SUPERVISOR)
CHUNK_S: Final = 60.0
"""Seconds within which whoever downloads takes the next quarter of a megabyte."""
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


async def state(request: web.Request) -> web.StreamResponse:
    """The state of the bundle that this person asked for."""
    row = await _row(request)
    await reads(request, row.id, "bundle_state")
    return await _told(request, row, request.app[BUNDLES].known(row.id, request[PERSON].id))


async def make(request: web.Request) -> web.StreamResponse:
    """Have a bundle made for `purpose`, or go on with one that was stopped.

    Raises:
        BadMessage: the purpose is none of those that there are.
        WrongState: the call is not over.
        RateLimited: there are too many bundles.
        ApprovalRequired: somebody else has to approve it first.
    """
    row = await _row(request)
    purpose = request.query.get("purpose", "")
    if purpose not in PURPOSES:
        raise BadMessage(f"purpose is one of {', '.join(PURPOSES)}")
    if row.state not in OVER:
        raise WrongState("the call is not over")
    bundles, person = request.app[BUNDLES], request[PERSON].id
    known = bundles.known(row.id, person)
    if known is not None and (known.busy or known.state == "done"):
        await reads(request, row.id, "bundle_state")
        return await _told(request, row, bundles.want(row.id, person, purpose))
    if known is None and bundles.full():
        bundles.refuse()
    if known is not None and known.approved_by and known.purpose == purpose:
        # It was approved when it was begun, and is gone on with.
        detail = {"bundle": True, "purpose": purpose, "approved_by": known.approved_by}
        await request.app[AUDIT].record(f"person:{person}", "recording.export", f"session:{row.id}", detail)
        return await _told(request, row, bundles.want(row.id, person, purpose))
    approval = await spend(request, row, BUNDLE, purpose)
    try:
        run = bundles.want(row.id, person, purpose)
    except RateLimited:
        if approval is not None:
            await request.app[STORE].approvals.give_back(approval.id)
        raise
    run.approved_by = f"person:{approval.decided_by}" if approval is not None else ""
    return await _told(request, row, run)


async def stop(request: web.Request) -> web.StreamResponse:
    """Stop making it; what is written stays for an hour."""
    row = await _row(request)
    await reads(request, row.id, "bundle_state")
    return await _told(request, row, await request.app[BUNDLES].stop(row.id, request[PERSON].id))


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove it from the server."""
    row = await _row(request)
    await reads(request, row.id, "bundle_state")
    await request.app[BUNDLES].remove(row.id, request[PERSON].id)
    return await _told(request, row, None)


async def download(request: web.Request) -> web.StreamResponse:
    """The bundle as a tar file; a download that broke off goes on by `Range` (RFC 9110 section 14)."""
    row = await _row(request)
    run = request.app[BUNDLES].known(row.id, request[PERSON].id)
    if run is None:
        raise NotFound
    with request.app[BUNDLES].reading(run) as folder:
        await reads(request, row.id, "bundle")
        tar = await asyncio.to_thread(FolderTar, folder, f"visavis-{row.id}")
        etag = f'"{await asyncio.to_thread(lambda: tar.etag)}"'
        return await _send(request, run, tar, etag)


async def _told(request: web.Request, row: SessionRow, run: BundleRun | None) -> web.StreamResponse:
    """The bundle's state and, where there is the two-person rule, that of this person's last request."""
    body: dict[str, object] = {"state": "none"} if run is None else bundle_told(run)
    approval = await told_of(request, row, BUNDLE)
    return web.json_response(body if approval is None else body | {"approval": approval})


async def _send(request: web.Request, run: BundleRun, tar: FolderTar, etag: str) -> web.StreamResponse:
    start, stop, partial = 0, tar.size, False
    asked = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if asked is not None and request.headers.get(hdrs.IF_RANGE, etag) == etag:
        first, last = int(asked[1]), min(int(asked[2] or tar.size), tar.size - 1)
        if first > last:
            return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{tar.size}"})
        start, stop, partial = first, last + 1, True
    headers = {
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="visavis-{run.session}.tar"',
        hdrs.ETAG: etag,
    }
    if partial:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{tar.size}"
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    response.content_type = "application/x-tar"
    response.content_length = stop - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _write(request, response, tar.read(start, stop))
        run.taken = run.taken or stop == tar.size
    return response


async def _write(request: web.Request, response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    """Write a body whose head is sent: whatever fails now can only be told by ending the connection."""
    try:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            check_access(request)
            async with asyncio.timeout(CHUNK_S):
                await response.write(piece)
    except (OSError, TimeoutError, NotAuthenticated) as error:
        raise ConnectionResetError(f"download ended: {type(error).__name__}") from error


async def _row(request: web.Request) -> SessionRow:
    """As `session_row`. Raises `Deleted` as well."""
    row = await session_row(request)
    if await request.app[STORE].retention.deletion(row.id) is not None:
        await request.app[BUNDLES].forget(row.id)  # a command may have deleted it
        raise Deleted("the recording was deleted")
    return row


ROUTES = [
    Route("GET", "/api/sessions/{session}/bundle", state, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/bundle", make, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/bundle/stop", stop, SUPERVISORS),
    Route("DELETE", "/api/sessions/{session}/bundle", remove, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/bundle/file", download, SUPERVISORS),
]
