"""What people wrote, in the journal under the session's data key: it goes with the key, and the chain still verifies.

A journal is kept for decades and may not be altered; what a customer or a specialist wrote must be erasable. So an
entry holds such a text sealed, as a container of docs/evidence.md in base64, and its hash is that of the sealed form.
Entries from before, which hold it in clear, are read as they are.
"""

from __future__ import annotations

import base64
from typing import Final, Protocol

from msgspec.structs import replace as amend

from server.session import events as e

FIELDS: Final[dict[type, str]] = {
    e.ChatSent: "text",
    e.NoteSaved: "text",
    e.DocumentRequested: "note",
    e.DocumentDecided: "reason",
    e.Disposed: "note",
}
"""The events that hold what somebody wrote, and where."""


class Box(Protocol):
    """A session's data key, as far as it is needed here."""

    def seal(self, name: str, data: bytes) -> bytes:
        """`data` as a container called `name`."""

    def unseal(self, name: str, blob: bytes) -> bytes:
        """What the container called `name` holds; raises when it is none of this key."""


def has_text(event: e.Event) -> bool:
    """Whether somebody wrote something in this event that is not sealed yet."""
    field = FIELDS.get(type(event))
    return field is not None and bool(getattr(event, field))


def is_sealed(event: e.Event) -> bool:
    """Whether `unsealed` has anything to do."""
    return bool(getattr(event, "sealed", ""))


def sealed(event: e.Event, box: Box) -> e.Event:
    """The event as it is journaled."""
    if not has_text(event):
        return event
    field = FIELDS[type(event)]
    blob = box.seal(_name(event), getattr(event, field).encode("utf-8", "surrogatepass"))
    return amend(event, **{field: "", "sealed": base64.b64encode(blob).decode()})


def unsealed(event: e.Event, box: Box | None) -> e.Event:
    """The event as it happened; without the key, or with one that does not fit, what was written in it is empty."""
    text = ""
    if not is_sealed(event):
        return event
    if box is not None:
        try:
            text = opened(event, box)
        except Exception:  # noqa: BLE001 - whatever a damaged entry or another key makes of it: it cannot be read
            text = ""
    return amend(event, **{FIELDS[type(event)]: text, "sealed": ""})


def opened(event: e.Event, box: Box) -> str:
    """What was written in a sealed event. Raises what `box` raises, and ValueError for what is no base64 or no text."""
    blob = base64.b64decode(event.sealed, validate=True)  # type: ignore[union-attr]
    return box.unseal(_name(event), blob).decode("utf-8", "surrogatepass")


def _name(event: e.Event) -> str:
    return f"journal/{e.kind(event)}"
