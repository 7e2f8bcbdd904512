"""Bookmarks and reviewers' notes over HTTP: supervisors of the session's branch read all, and change their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, LIBRARY, STORE
from server.api.http.body import read_body
from server.api.http.routes import PERSON, Route
from server.api.library import SUPERVISORS
from server.api.library import _json as json_response
from server.api.viewing import opened
from server.library.bookmarks import Bookmark

BODY_BYTES: Final = 16 * 1024
_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


async def bookmarks(request: web.Request) -> web.StreamResponse:
    """The session's bookmarks, everybody's, in the order of their time in the session."""
    row = await opened(request)
    await reads(request, row.id, "bookmarks")
    found = await request.app[LIBRARY].notes.of(row.id)
    return json_response(_encode({"bookmarks": [_told(one, request[PERSON].id) for one in found]}))


async def add(request: web.Request) -> web.StreamResponse:
    """Make a bookmark: `{at_ms, text}` gives it back with its `id`."""
    row, person = await opened(request), request[PERSON]
    body = await read_body(request, BODY_BYTES)
    async with request.app[STORE].database.write():
        made = await request.app[LIBRARY].notes.add(row.id, person.id, person.name, body)
        await _audited(request, "bookmark.add", row.id, made.id, at_ms=made.at_ms)
    return web.json_response(_told(made, person.id), status=201)


async def change(request: web.Request) -> web.StreamResponse:
    """Change what one's own bookmark says: `{text}`."""
    row, person, bookmark = await opened(request), request[PERSON], request.match_info["bookmark"]
    body = await read_body(request, BODY_BYTES)
    async with request.app[STORE].database.write():
        await request.app[LIBRARY].notes.change(row.id, bookmark, person.id, person.name, body)
        await _audited(request, "bookmark.change", row.id, bookmark)
    return web.Response(status=204)


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove one's own bookmark."""
    row, bookmark = await opened(request), request.match_info["bookmark"]
    async with request.app[STORE].database.write():
        await request.app[LIBRARY].notes.remove(row.id, bookmark, request[PERSON].id)
        await _audited(request, "bookmark.remove", row.id, bookmark)
    return web.Response(status=204)


async def _audited(request: web.Request, action: str, session: str, bookmark: str, **more: int) -> None:
    """What a note says is not for the log, which is kept when the recording is deleted."""
    detail = {"bookmark": bookmark, **more}
    await request.app[AUDIT].record(f"person:{request[PERSON].id}", action, f"session:{session}", detail)


def _told(bookmark: Bookmark, person: str) -> dict[str, object]:
    return {
        "id": bookmark.id,
        "at_ms": bookmark.at_ms,
        "text": bookmark.text,
        "name": bookmark.name,
        "own": bookmark.person == person,
        "changed_ms": bookmark.changed_us // 1000,
    }


ROUTES = [
    Route("GET", "/api/sessions/{session}/bookmarks", bookmarks, SUPERVISORS),
    Route("POST", "/api/sessions/{session}/bookmarks", add, SUPERVISORS),
    Route("PUT", "/api/sessions/{session}/bookmarks/{bookmark}", change, SUPERVISORS),
    Route("DELETE", "/api/sessions/{session}/bookmarks/{bookmark}", remove, SUPERVISORS),
]
