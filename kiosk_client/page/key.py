"""The secret key in the link that opens the kiosk's page; other programs of this machine do not have it.

The port on 127.0.0.1 is open to every account of the machine, and a program that impersonates the page gets the call.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from link.private_file import make_new

log = structlog.get_logger()

FILE: Final = "page.key"
COOKIE: Final = "visavis-page"
PARAMETER: Final = "key"
KEY_BYTES: Final = 24
KEY_CHARACTERS: Final = 32
"""Of that many bytes in base64url. RFC 4648 section 5."""
YEAR_S: Final = 365 * 86_400


def read_or_make_key(data: Path) -> str:
    """The key of this kiosk, made with mode 0600 at first use; it stays, so that a page that is open comes back.

    Raises:
        OSError: it can be neither read nor made.
    """
    file = data / FILE
    if file.exists() and len(file.read_bytes()) < KEY_CHARACTERS:
        log.warning("the page's key was cut off and is made anew", file=str(file))
        file.unlink()  # an empty key would let in every program of this machine
    if not file.exists():
        make_new(file, secrets.token_urlsafe(KEY_BYTES).encode())
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return file.read_text("ascii").strip()


def link(address: str, key: str) -> str:
    """The address that the kiosk's browser has to open."""
    return f"{address}/?{PARAMETER}={key}" if key else f"{address}/"


def has_key(request: web.Request, key: str) -> bool:
    """Whether this comes from the kiosk's own browser: by the link, or by the cookie that the link left there."""
    given = (request.cookies.get(COOKIE, ""), request.query.get(PARAMETER, "") if request.path == "/" else "")
    return not key or any(hmac.compare_digest(one.encode(), key.encode()) for one in given)


def remember(response: web.StreamResponse, key: str) -> None:
    """Leave the cookie in the browser."""
    if key:
        response.set_cookie(COOKIE, key, max_age=YEAR_S, path="/", httponly=True, samesite="Strict")
