"""Documents that the specialist asks for and the customer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace as amend

from link.protocol.values import Document, DocumentState, SessionState
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.state import OPEN, TALKING
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine

MAX_DOCUMENTS = 100


@on(e.DocumentRequested, TALKING)
def requested(m: Machine, event: e.DocumentRequested) -> Step:
    if m.state.document(event.document) is not None or len(m.state.documents) >= MAX_DOCUMENTS:
        raise IllegalEvent("asked for before, or too many documents")
    asked = Document(event.document, event.label, DocumentState.REQUESTED, event.note)
    m.set(documents=(*m.state.documents, asked))
    yield from ()


@on(e.DocumentAnswered, OPEN)
def answered(m: Machine, event: e.DocumentAnswered) -> Step:
    askable = (DocumentState.REQUESTED, DocumentState.REJECTED, DocumentState.FAILED)
    document = _known(m, event.document, *askable, *(() if event.agreed else (DocumentState.AGREED,)))
    _change(m, amend(document, state=DocumentState.AGREED if event.agreed else DocumentState.DECLINED))
    yield from ()


@on(e.DocumentFailed, OPEN)
def failed(m: Machine, event: e.DocumentFailed) -> Step:
    document = _known(m, event.document, DocumentState.REQUESTED, DocumentState.AGREED)
    _change(m, amend(document, state=DocumentState.FAILED, reason=event.reason))
    yield from ()


@on(e.DocumentStored, OPEN)
def stored(m: Machine, event: e.DocumentStored) -> Step:
    document = _known(m, event.document, DocumentState.AGREED)
    m.set(stored=m.state.stored | {event.document: event})
    size = {"media_type": event.media_type, "size": event.size, "width": event.width, "height": event.height}
    _change(m, amend(document, state=DocumentState.STORED, reason="", incomplete=event.incomplete, **size))
    yield from ()


@on(e.DocumentDecided, TALKING, SessionState.ENDED)
def decided(m: Machine, event: e.DocumentDecided) -> Step:
    document = _known(m, event.document, DocumentState.STORED)
    state = DocumentState.ACCEPTED if event.accepted else DocumentState.REJECTED
    _change(m, amend(document, state=state, reason=event.reason))
    yield from ()


def _change(m: Machine, document: Document) -> None:
    m.set(documents=tuple(document if known.id == document.id else known for known in m.state.documents))


def _known(m: Machine, document: str, *states: DocumentState) -> Document:
    known = m.state.document(document)
    if known is None:
        raise IllegalEvent("no such document")
    if known.state not in states:
        raise IllegalEvent(f"the document is {known.state}")
    return known
