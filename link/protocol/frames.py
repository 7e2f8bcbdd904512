"""The envelope: what travels in one WebSocket text message (PROTOCOL.md, "Frames").

Control frames (hello, welcome, ping, pong, ack, bye) have no sequence number. Data frames are numbered from 1 in each
direction of a stream, which outlives its WebSocket: after a drop both ends say what they had received, and send again
what came after it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from link.protocol.client import ClientMessage
from link.protocol.server import ServerMessage
from link.protocol.values import Code, Count, Face

VERSION = 2
FRAME_BYTES = 64 * 1024
SUBPROTOCOL = "visavis.v2"
TIME_HEADER = "Visavis-Time"
"""With an answer 401 to a device: the server's time (unix seconds), by which its assertion was not made just now."""


class Frame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="frame"):
    """Base of frames."""


class Hello(Frame, tag="hello"):
    """First frame of a client on every WebSocket. ``resume`` and ``received`` continue an earlier stream."""

    version: Count
    resume: Annotated[str, Meta(max_length=64)] | None = None
    received: Count = 0


class Welcome(Frame, tag="welcome"):
    """First frame of the server. ``resumed`` false: the stream is new, both ends count from 1, state is sent afresh."""

    version: Count
    face: Face
    resume: str
    resumed: bool
    received: Count
    heartbeat_s: float


class Ping(Frame, tag="ping"):
    """Either end, when it sent nothing for ``heartbeat_s``; answered by ``pong`` at once."""

    n: Count


class Pong(Frame, tag="pong"):
    """Answer to ``ping``."""

    n: Count


class Ack(Frame, tag="ack"):
    """All data frames up to ``received`` arrived; sent after 16 frames or 0.5 s when no data frame carries it."""

    received: Count


class Bye(Frame, tag="bye"):
    """Last frame before a close: why, with a stable code, and when to come back (seconds; null: not by itself)."""

    code: Code
    message: Annotated[str, Meta(max_length=200)] = ""
    retry_after: float | None = None


class Say(Frame, tag="say"):
    """A client's data frame; with ``id`` a request, without one a notification."""

    seq: Count
    ack: Count
    body: ClientMessage
    id: Count | None = None


class Tell(Frame, tag="tell"):
    """A server's data frame; with ``id`` the reply to that request."""

    seq: Count
    ack: Count
    body: ServerMessage
    id: Count | None = None


class Failure(Frame, tag="failure"):
    """A server's data frame: the request ``id`` was refused. ``retry_after`` in seconds where trying again helps."""

    seq: Count
    ack: Count
    id: Count
    code: Code
    message: Annotated[str, Meta(max_length=200)] = ""
    retry_after: float | None = None


ClientFrame = Hello | Ping | Pong | Ack | Bye | Say
ServerFrame = Welcome | Ping | Pong | Ack | Bye | Tell | Failure
