"""Documents over HTTP: kiosks upload them; the session's specialist and the branch's supervisors read them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import structlog
from aiohttp import hdrs, web

from link.protocol.errors import BadMessage, NotFound, TooLarge, VisavisError, WrongState
from link.protocol.values import DocumentState, SessionState
from server.api.http.app_keys import AUDIT, DOCUMENTS, JOURNAL, ROOMS, STORE
from server.api.http.body import check_access, hand_on
from server.api.http.routes import KIOSK, PERSON, Allow, Foreign, Route
from server.api.viewing import stated
from server.blobs.blobs import Missing
from server.blobs.container import Broken
from server.blobs.vault import NoKey
from server.calls.registry import Registry
from server.documents import MAX_BYTES, check_digest
from server.documents.digest import read_digest
from server.identity import Person, Role
from server.session import events as e
from server.session.rules.rights import Right, may

log = structlog.get_logger()

DOCUMENT_S: Final = 90.0  # a kiosk gives up after 60
TYPES: Final = frozenset({"image/jpeg", "image/png"})
STORED: Final = "document_stored"


async def deliver(request: web.Request) -> web.StreamResponse:
    """Upload a document: 201 when it is stored and journaled, 200 when the same document had been stored before.

    Raises:
        TooLarge: over 20 MiB.
        RateLimited: too many are on their way, for this document, from this kiosk or to this server.
        Unprocessable: the bytes have another digest than the header says, or are no image that is taken.
        WrongState: nobody agreed to it, or another document was delivered for it.
        NotAuthenticated: the kiosk was revoked meanwhile.
    """
    kiosk, rooms = request[KIOSK].id, request.app[ROOMS]
    session, document = request.match_info["session"], request.match_info["document"]
    expected = read_digest(request.headers.get("Content-Digest", ""))
    if request.content_type not in TYPES:
        raise BadMessage("a JPEG or PNG image is expected")
    state = rooms.kiosks_room(kiosk, session).state
    known, asked = state.stored.get(document), state.document(document)
    # A document that was rejected and agreed to again is taken anew; until then what was delivered stands.
    if known is not None and asked is not None and asked.state != DocumentState.AGREED:
        if known.sha256 != expected.hex():
            raise WrongState("another document was delivered before")
        return _receipt(known, status=200)
    rooms.document(kiosk, session, document)
    documents, length = request.app[DOCUMENTS], request.content_length
    if (length or 0) > MAX_BYTES:
        raise TooLarge("the document is too large")
    with documents.allowance.upload(kiosk, session, document, MAX_BYTES if length is None else length):
        async with documents.receive(session, document) as delivery:
            await hand_on(request, MAX_BYTES, delivery.incoming.take, within_s=DOCUMENT_S)
            check_digest(expected, await delivery.incoming.finish())
            stored = await documents.keep(delivery, expected.hex())
    event = e.DocumentStored(document=document, **asdict(stored))
    try:
        check_access(request)
        await rooms.document_stored(kiosk, session, event)
    except BaseException:
        await documents.discard(stored)
        raise
    taken = rooms.kiosks_room(kiosk, session).state.stored[document]
    if taken != event:
        await documents.discard(stored)  # the same document, delivered twice at once
    log.info("document stored", session=session, document=document, size=taken.size)
    return _receipt(taken, status=201 if taken == event else 200)


async def look(request: web.Request) -> web.StreamResponse:
    """A document's re-encoded picture, or with `?original=1` the bytes as uploaded; every access is audited.

    Who takes part in the call sees it for the call, and its specialist until the call is closed. Everybody else says
    first what for. Raises `PurposeRequired`.
    """
    session, document = request.match_info["session"], request.match_info["document"]
    original = request.query.get("original") == "1"
    stored = await _find(request, session, document)
    detail = {"original": original}
    await request.app[AUDIT].record(
        f"person:{request[PERSON].id}", "document.view", f"session:{session}/{document}", detail
    )
    try:
        content = await request.app[DOCUMENTS].read(session, stored.original_blob if original else stored.blob)
    except NoKey as error:
        raise NotFound from error
    except (Missing, Broken) as error:
        log.error("document cannot be read", session=session, document=document, error=type(error).__name__)
        raise VisavisError("the stored document is damaged") from error
    suffix = stored.media_type.rpartition("/")[2]
    disposition = f'{"attachment" if original else "inline"}; filename="{document}.{suffix}"'
    return web.Response(body=content, content_type=stored.media_type, headers={hdrs.CONTENT_DISPOSITION: disposition})


async def _find(request: web.Request, session: str, document: str) -> e.DocumentStored:
    row = await request.app[STORE].sessions.get(session)
    if row is None:
        raise NotFound
    person = request[PERSON]
    if not _takes_part(request.app[ROOMS], person, session):
        if not may_look(person, row.branch, row.specialist):
            raise Foreign(f"session:{session}/{document}")
        if person.id != row.specialist or row.state == SessionState.CLOSED:
            await stated(request, session)
    events = [e.decode(entry.payload) for entry in await request.app[JOURNAL].read(session, kinds={STORED})]
    deliveries = [event for event in events if isinstance(event, e.DocumentStored) and event.document == document]
    if not deliveries:
        raise NotFound
    return deliveries[-1]  # the one before was rejected


def may_look(person: Person, branch: str, specialist: str | None) -> bool:
    """True for the session's own specialist and for supervisors of its branch."""
    return person.may(Role.SUPERVISOR, branch) or (person.id == specialist and person.may(Role.SPECIALIST, branch))


def _takes_part(rooms: Registry, person: Person, session: str) -> bool:
    """Whether this person is in the call now, and may see what the customer shows."""
    room = rooms.get(session)
    me = None if room is None else room.state.as_whom(person.id)
    return room is not None and me is not None and may(room.state, me, Right.SEE_DOCUMENTS)


def _receipt(stored: e.DocumentStored, *, status: int) -> web.Response:
    body = {"document": stored.document, "sha256": stored.sha256, "width": stored.width, "height": stored.height}
    return web.json_response(body, status=status)


ROUTES = [
    Route("PUT", "/api/kiosk/sessions/{session}/documents/{document}", deliver, Allow.device()),
    Route(
        "GET",
        "/api/sessions/{session}/documents/{document}",
        look,
        Allow.people(Role.SPECIALIST, Role.SUPERVISOR),
    ),
]
