"""Finding sessions in the library: the search, its result as a table to take away, and searches that people keep."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from link.protocol.errors import NotFound, Unavailable
from server.api.http.access_audit import reads
from server.api.http.app_keys import AUDIT, LIBRARY, STORE, WORDS
from server.api.http.body import read_body
from server.api.http.routes import PERSON, Foreign, Route
from server.api.library import SUPERVISORS, reviews_told
from server.api.library import _brief as brief
from server.api.library import _json as json_response
from server.identity import Role
from server.library.query import FIELDS, LibraryQuery, parse
from server.library.search import PAGE
from server.store.sessions import ROWS, SessionRow
from web.catalogs import load_catalog, msg
from web.pages import language_of

EXPORTED: Final = 5_000
"""Most sessions of one table: what a person still reads in a spreadsheet."""
EXPORT_S: Final = 60.0
BODY_BYTES: Final = 8 * 1024
SEARCHED: Final = frozenset(
    (*FIELDS, *("text", "status", "language", "rating", "flag", "abandoned", "review", "since", "until"))
)
LONGEST: Final = 1000
"""Most characters of a search that are kept in the audit log."""
_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With what a spreadsheet begins to compute (OWASP, CSV Injection)."""
_COLUMNS: Final = (
    msg("Number"),
    msg("Time"),
    msg("Branch"),
    msg("Kiosk"),
    msg("Service"),
    msg("Specialist"),
    msg("Language"),
    msg("Length (s)"),
    msg("Outcome"),
    msg("Stars"),
    msg("Status"),
)


async def search(request: web.Request) -> web.StreamResponse:
    """A page of the sessions that `server.library.query.parse` describes, of the requester's branches."""
    query = await _asked(request)
    searched = _searched(request)
    await reads(request, "", "search", noted=(searched, request.app[WORDS].seal("sessions", searched)))
    found = await request.app[LIBRARY].search.find(query)
    names, store = [row.id for row in found.rows], request.app[STORE]
    held, deleted = await store.holds.held(names), await store.retention.deleted(names)
    reviews = await reviews_told(request, found.rows)
    body = {
        "sessions": [
            brief(row) | {"review": reviews.get(row.id), "held": row.id in held, "deleted": row.id in deleted}
            for row in found.rows
        ],
        "total": found.total,
        "exact": found.exact,
        "first": found.first,
        "page": PAGE,
        "after": None if found.after is None else str(found.after),
        "before": None if found.before is None else str(found.before),
        "partial": found.partial,
        "pending": found.pending,
    }
    return json_response(_encode(body))


async def table(request: web.Request) -> web.StreamResponse:
    """The same search as a CSV file (RFC 4180, UTF-8), whole, up to `EXPORTED` sessions."""
    person = request[PERSON]
    query = replace(await _asked(request), after=None, before=None)
    detail = {"most": EXPORTED, "searches": [request.app[WORDS].seal("sessions", _searched(request))]}
    await request.app[AUDIT].record(f"person:{person.id}", "sessions.export", "sessions", detail)
    rows: list[SessionRow] = []
    ends = time.monotonic() + EXPORT_S
    while True:
        found = await request.app[LIBRARY].search.find(query, limit=min(ROWS, EXPORTED - len(rows)))
        rows += found.rows
        if found.after is None or len(rows) >= EXPORTED:
            break
        if time.monotonic() > ends:
            raise Unavailable("this takes too long: search for less")
        query = replace(query, after=found.after)
    catalog = load_catalog(language_of(request))
    text = await asyncio.to_thread(_csv, [catalog.text(column) for column in _COLUMNS], rows, catalog.language == "en")
    response = web.Response(body=text, content_type="text/csv", charset="utf-8")
    response.headers[hdrs.CONTENT_DISPOSITION] = 'attachment; filename="sessions.csv"'
    response.enable_compression()
    return response


async def kiosks(request: web.Request) -> web.StreamResponse:
    """The kiosks of `branch`, to choose one."""
    branch = request.query.get("branch", "")[:64]
    if not request[PERSON].may(Role.SUPERVISOR, branch):
        raise Foreign(f"branch:{branch}")
    found = await request.app[STORE].kiosks.of_branches(frozenset((branch,)))
    return json_response(_encode({"kiosks": [{"id": kiosk.id, "name": kiosk.name} for kiosk in found]}))


async def kept(request: web.Request) -> web.StreamResponse:
    """The searches that this person keeps."""
    found = await request.app[LIBRARY].kept.of(request[PERSON].id)
    return json_response(
        _encode({"searches": [{"id": key, "name": one.name, "query": one.query} for key, one in found]})
    )


async def keep(request: web.Request) -> web.StreamResponse:
    """Keep a search: `{name, query}` gives `{id}`."""
    body = await read_body(request, BODY_BYTES)
    made = await request.app[LIBRARY].kept.keep(request[PERSON].id, body)
    return web.json_response({"id": made}, status=201)


async def forget(request: web.Request) -> web.StreamResponse:
    """Forget one of this person's searches."""
    if not await request.app[LIBRARY].kept.forget(request[PERSON].id, request.match_info["search"]):
        raise NotFound
    return web.Response(status=204)


async def _asked(request: web.Request) -> LibraryQuery:
    """The search of the request, of whoever asks. Raises `BadMessage`."""
    person = request[PERSON]
    query = parse(request.query, person.branches(Role.SUPERVISOR))
    if not query.review:
        return query
    return replace(query, places=await request.app[STORE].reviews.places(query.review, person.id))


def _searched(request: web.Request) -> str:
    """What is searched for, as the audit log keeps it: the filters of the page's address."""
    return urlencode([(name, value) for name, value in request.query.items() if name in SEARCHED and value])[:LONGEST]


def _csv(columns: Iterable[str], rows: Iterable[SessionRow], english: bool) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in _line(row, english)] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")  # spreadsheets take it for UTF-8 by this


def _line(row: SessionRow, english: bool) -> list[object]:
    length = None if row.answered_us is None or row.ended_us is None else (row.ended_us - row.answered_us) // 1_000_000
    return [
        row.id,
        datetime.fromtimestamp(row.requested_us // 1_000_000, UTC).isoformat(),
        row.branch_en if english else row.branch_zh,
        row.kiosk_name,
        row.service_en if english else row.service_zh,
        row.specialist_name,
        row.language,
        length,
        row.outcome,
        row.rating,
        row.state,
    ]


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


ROUTES = [
    Route("GET", "/api/sessions", search, SUPERVISORS),
    Route("GET", "/api/sessions.csv", table, SUPERVISORS),
    Route("GET", "/api/library/kiosks", kiosks, SUPERVISORS),
    Route("GET", "/api/library/searches", kept, SUPERVISORS),
    Route("POST", "/api/library/searches", keep, SUPERVISORS),
    Route("DELETE", "/api/library/searches/{search}", forget, SUPERVISORS),
]
