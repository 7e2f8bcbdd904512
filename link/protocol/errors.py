"""One short exception tree for everything a peer can be told about; the codes are stable and documented."""

from __future__ import annotations

from typing import ClassVar


class VisavisError(Exception):
    """Base of every error that may be told to a peer.

    ``code`` is stable (PROTOCOL.md lists it), ``status`` the HTTP status and ``close`` the WebSocket close code (RFC
    6455 §7.4; 4000–4999 are private) it maps to. The message is for developers and holds no secret and no name.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    close: ClassVar[int] = 1011

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.code)
        self.message = message or self.code


class BadMessage(VisavisError):
    """The bytes are not a message of this protocol: bad JSON, a missing, extra or ill-typed field."""

    code, status, close = "bad_message", 400, 4400


class UnknownMessage(BadMessage):
    """The tag names no known message."""

    code = "unknown_message"


class TooLarge(VisavisError):
    """A frame, a body or a file is over its limit."""

    code, status, close = "too_large", 413, 1009


class UnsupportedVersion(VisavisError):
    """The peer speaks a protocol version that this end does not."""

    code, status, close = "unsupported_version", 400, 4426


class NotAuthenticated(VisavisError):
    """No valid login session or device assertion."""

    code, status, close = "not_authenticated", 401, 4401


class ClockOff(NotAuthenticated):
    """A device's assertion is right, but made in another time: ``server_time`` is this one's (unix seconds)."""

    code = "clock_off"

    def __init__(self, message: str = "", server_time: float = 0.0) -> None:
        super().__init__(message)
        self.server_time = server_time


class NotAllowed(VisavisError):
    """The identity is valid but may not do this."""

    code, status, close = "not_allowed", 403, 4403


class NotFound(VisavisError):
    """It does not exist, or this identity may not know that it does."""

    code, status, close = "not_found", 404, 4404


class WrongState(VisavisError):
    """The request is legal, but not in the state the session is in."""

    code, status, close = "wrong_state", 409, 4409


class Unprocessable(VisavisError):
    """A file or description was understood as such and refused: not an image, a hash that differs."""

    code, status, close = "unprocessable", 422, 4422


class InvalidMedia(Unprocessable):
    """A session description or candidate was refused."""

    code = "invalid_media"


class RateLimited(VisavisError):
    """Too many in too short a time; ``retry_after`` is in seconds."""

    code, status, close = "rate_limited", 429, 4429

    def __init__(self, message: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(VisavisError):
    """It cannot be done just now (restart, full disk, locked database); trying again later may help.

    ``retry_after`` (seconds) where this end knows when that is.
    """

    code, status, close = "unavailable", 503, 1013

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CannotRecord(Unavailable):
    """A call could not be recorded just now, and one that is not recorded is not put through."""

    code = "cannot_record"


class SlowConsumer(VisavisError):
    """The peer does not read; what waited for it went over the bound."""

    code, status, close = "slow_consumer", 503, 4408


class Replaced(VisavisError):
    """A newer connection of the same identity took over."""

    code, status, close = "replaced", 409, 4410


class StreamClosed(VisavisError):
    """The stream ended as it should; nothing went wrong."""

    code, status, close = "closed", 409, 1000


def closing_code(error: Exception) -> int:
    """Return the WebSocket close code for ``error``: its own, or 1011 for one that was not foreseen."""
    return error.close if isinstance(error, VisavisError) else VisavisError.close
