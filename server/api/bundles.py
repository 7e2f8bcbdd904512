"""Evidence bundles over HTTP: a supervisor of the session's branch has one made, says what for, and downloads it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs, web

from link.protocol.errors import BadMessage, NotAuthenticated, NotFound, WrongState
from link.protocol.values import OVER
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, BUNDLES, STORE
from server.api.http.body import check_access
from server.api.http.routes import PERSON, Allow, Foreign, Route
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
    run = request.app[BUNDLES].known(row.id, request[PERSON].id)
    return web.json_response({"state": "none"} if run is None else bundle_told(run))


async def make(request: web.Request) -> web.StreamResponse:
    """Have a bundle made for `purpose`, or go on with one that was stopped.

    Raises:
        BadMessage: the purpose is none of those that there are.
        WrongState: the call is not over.
        RateLimited: there are too many bundles.
    """
    row = await _row(request)
    purpose = request.query.get("purpose", "")
    if purpose not in PURPOSES:
        raise BadMessage(f"purpose is one of {', '.join(PURPOSES)}")
    if row.state not in OVER:
        raise WrongState("the call is not over")
    bundles, person = request.app[BUNDLES], request[PERSON].id
    known = bundles.known(row.id, person)
    if known is None or not (known.busy or known.state == "done"):
        detail = {"bundle": True, "purpose": purpose}
        await request.app[AUDIT].record(f"person:{person}", "recording.export", f"session:{row.id}", detail)
    else:
        await reads(request, row.id, "bundle_state")
    return web.json_response(bundle_told(bundles.want(row.id, person, purpose)))


async def stop(request: web.Request) -> web.StreamResponse:
    """Stop making it; what is written stays for an hour."""
    row = await _row(request)
    await reads(request, row.id, "bundle_state")
    return web.json_response(bundle_told(await request.app[BUNDLES].stop(row.id, request[PERSON].id)))


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove it from the server."""
    row = await _row(request)
    await reads(request, row.id, "bundle_state")
    await request.app[BUNDLES].remove(row.id, request[PERSON].id)
    return web.json_response({"state": "none"})


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
    """The session of the request, if this supervisor may see it. Raises `NotFound`, audited, and `Deleted`."""
    session = request.match_info["session"]
    row = await request.app[STORE].sessions.get(session)
    if row is None:
        raise NotFound
    if not request[PERSON].may(Role.SUPERVISOR, row.branch):
        raise Foreign(f"session:{session}")
    if await request.app[STORE].retention.deletion(session) is not None:
        await request.app[BUNDLES].forget(session)  # a command may have deleted it
        raise Deleted("the recording was deleted")
    return row


ROUTES = [
    Route("GET", "/api/sessions/{session}/bundle", state, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/bundle", make, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/bundle/stop", stop, SUPERVISORS),
    Route("DELETE", "/api/sessions/{session}/bundle", remove, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/bundle/file", download, SUPERVISORS),
]
