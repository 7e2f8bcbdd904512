"""The audit log, for whoever audits: administrators of every branch, because it tells of every branch.

They cannot change it without breaking its chain, and their reading is in it as well.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from aiohttp import web

from link.protocol.errors import BadMessage
from server.api.http.app_keys import STORE, TALLY, WORDS
from server.api.http.routes import PERSON, Allow, Foreign, Route
from server.api.library import _json as json_response
from server.api.pages import shell
from server.identity import Person, Role
from server.journal import AuditEntry
from server.journal.audit import NOBODY
from server.journal.audit_search import AuditQuery, find
from server.library.query import number
from server.library.sealed_words import SealedWords
from server.store import Store
from web.pages import render

AUDITORS: Final = Allow.people(Role.ADMINISTRATOR)
LONGEST: Final = 128
_PERSON: Final = "person:"
_NOTHING: Final = "person:?"
"""An actor that there is none of."""


async def page(request: web.Request) -> web.StreamResponse:
    """The page of the audit log."""
    _check(request[PERSON])
    return render(request, "audit.html", shell(request))


async def entries(request: web.Request) -> web.StreamResponse:
    """Entries by `actor` (a login, or as the log names it), `action`, `object`, `since` and `until` (milliseconds)."""
    person, store, asked = request[PERSON], request.app[STORE], request.query
    _check(person)
    since, until = number(asked.get("since")), number(asked.get("until"))
    query = AuditQuery(
        actor=await _actor(store, _text(asked.get("actor"))),
        action=_text(asked.get("action")),
        target=_target(_text(asked.get("object"))),
        since_us=None if since is None else since * 1000,
        until_us=None if until is None else until * 1000,
        after=number(asked.get("after")),
        before=number(asked.get("before")),
    )
    await request.app[TALLY].read(f"{_PERSON}{person.id}", "audit", "audit")
    found = await find(store, query)
    names = await store.people.names({one.removeprefix(_PERSON) for entry in found.entries for one in _people(entry)})
    body = {
        "entries": [_told(entry, names, request.app[WORDS]) for entry in found.entries],
        "after": found.after,
        "before": found.before,
    }
    return json_response(msgspec.json.encode(body))


def _check(person: Person) -> None:
    if person.branches(Role.ADMINISTRATOR) is not None:
        raise Foreign("audit")


def _text(value: str | None) -> str | None:
    text = (value or "").strip()
    if len(text) > LONGEST or not text.isprintable():
        raise BadMessage("a filter is a short text")
    return text or None


async def _actor(store: Store, text: str | None) -> str | None:
    if text is None or ":" in text or text == NOBODY:
        return text
    person = await store.people.by_login(text)
    return _NOTHING if person is None else f"{_PERSON}{person.id}"


def _target(text: str | None) -> str | None:
    """An object as the log names it; a bare id is a session's."""
    plain = text is None or ":" in text or " " in text or text in ("sessions", "audit")
    return text if plain else f"session:{text}"


def _people(entry: AuditEntry) -> list[str]:
    return [one for one in (entry.actor, entry.object) if one.startswith(_PERSON)]


def _told(entry: AuditEntry, names: dict[str, str], words: SealedWords) -> dict[str, Any]:
    try:
        detail = msgspec.json.decode(entry.detail)
    except msgspec.MsgspecError:
        detail = {"?": entry.detail}  # somebody altered it; `visavis audit` says so
    return {
        "seq": entry.seq,
        "at_ms": entry.at_us // 1000,
        "actor": entry.actor,
        "actor_name": names.get(entry.actor.removeprefix(_PERSON), ""),
        "action": entry.action,
        "object": entry.object,
        "object_name": names.get(entry.object.removeprefix(_PERSON), ""),
        "detail": _opened(entry.object, detail, words) if isinstance(detail, dict) else {"?": entry.detail},
    }


def _opened(target: str, detail: dict[str, Any], words: SealedWords) -> dict[str, Any]:
    """The detail with what is sealed in it as it was written; "?" for what cannot be read."""
    told = dict(detail)
    if "words" in told:
        told["words"] = words.open(target, told["words"]) or "?"
    if isinstance(told.get("searches"), list):
        found = [words.open(target, one) for one in told["searches"]]
        told["searches"] = ["?" if one is None else unquote_plus(one) for one in found]
    return told


ROUTES = [
    Route("GET", "/audit", page, AUDITORS),
    Route("GET", "/api/audit", entries, AUDITORS),
]
