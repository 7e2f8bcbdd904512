"""What a player fetches in one request where it needs much at once: several segments of a track after a seek."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web

from link.protocol.errors import BadMessage
from server.api.http.access_audit import reads
from server.api.http.app_keys import READER
from server.api.http.routes import Route
from server.api.library import SUPERVISORS
from server.api.viewing import opened
from server.evidence.reader import as_lines
from server.recording.segment import COBROWSE

MOST: Final = 64
"""Segments of one request: two minutes, which is how far apart full pictures of the customer's page are."""
MOST_BYTES: Final = 32 << 20


async def segments(request: web.Request) -> web.StreamResponse:
    """The clusters of several segments (`index=3,4,5`), one after the other: a byte stream for Media Source Extensions.

    Raises:
        BadMessage: these are no numbers, or over `MOST`.
        TooLarge: they have over `MOST_BYTES`; ask for fewer.
        Damaged: one of them is; asked for one by one, the others are told.
    """
    row = await opened(request)
    found = await request.app[READER].segments(row.id, request.match_info["track"], _indexes(request), MOST_BYTES)
    for event, _ in found:
        await reads(request, row.id, "media", event.track, span=(event.start_ms, event.end_ms))
    body = b"".join(data for _, data in found)
    return web.Response(body=body, content_type="application/octet-stream", headers={hdrs.CACHE_CONTROL: "no-store"})


async def lines(request: web.Request) -> web.StreamResponse:
    """Several segments of the co-browse track as JSON lines, an empty line between segments. Raises as `segments`."""
    row = await opened(request)
    found = await request.app[READER].segments(row.id, COBROWSE, _indexes(request), MOST_BYTES)
    for event, _ in found:
        await reads(request, row.id, "cobrowse", event.track, span=(event.start_ms, event.end_ms))
    body = await asyncio.to_thread(lambda: b"\n".join(as_lines(data) for _, data in found))
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    response = web.Response(body=body, content_type="application/x-ndjson", headers=headers)
    response.enable_compression()
    return response


def _indexes(request: web.Request) -> list[int]:
    words = request.query.get("index", "").split(",", MOST)
    if len(words) > MOST or not all(word.isascii() and word.isdecimal() and len(word) <= 9 for word in words):
        raise BadMessage(f"up to {MOST} numbers of segments are expected")
    return [int(word) for word in words]


ROUTES = [
    Route("GET", "/api/sessions/{session}/tracks/{track}/segments", segments, SUPERVISORS),
    Route("GET", "/api/sessions/{session}/cobrowse", lines, SUPERVISORS),
]
