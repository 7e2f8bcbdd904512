"""Security headers for every response, with a content security policy that allows nothing inline.

The one inline script of a page is its import map, allowed by its hash. A response that needs another policy asks for it
by `use_policy`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import hdrs, web

Policy = Mapping[str, str]

_DIRECTIVES = ("class-map", "guard", "if-defined", "keyed", "live", "ref", "repeat", "style-map", "when")

# Bare module names in our own scripts and what they mean; every Lit directive is in the one Lit bundle.
IMPORT_MAP: Mapping[str, str] = MappingProxyType(
    {
        "lit": "/static/vendor/lit.js",
        **{f"lit/directives/{name}.js": "/static/vendor/lit.js" for name in _DIRECTIVES},
        "webawesome": "/static/vendor/webawesome.js",
        "@rrweb/record": "/static/vendor/rrweb-record.js",
        "@rrweb/replay": "/static/vendor/rrweb-replay.js",
    }
)
IMPORT_MAP_JSON = json.dumps({"imports": dict(IMPORT_MAP)}, separators=(",", ":"))
_IMPORT_MAP_HASH = base64.b64encode(hashlib.sha256(IMPORT_MAP_JSON.encode()).digest()).decode()

# `'self'` in connect-src covers WebSockets of the page's own origin (CSP level 3); `data:` is how widgets load icons.
PAGE_POLICY: Policy = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": f"'self' 'sha256-{_IMPORT_MAP_HASH}'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "font-src": "'self'",
        "connect-src": "'self' data:",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
)

_POLICY = web.RequestKey("policy", Mapping[str, str])

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=()",
}


def policy_header(policy: Policy) -> str:
    """Return `policy` as the value of a Content-Security-Policy header."""
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def use_policy(request: web.Request, policy: Policy) -> None:
    """Make the response to `request` carry `policy` instead of PAGE_POLICY."""
    request[_POLICY] = policy


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Complete any response; a signal of the application, so errors and redirects are covered too."""
    policy: Policy = request.get(_POLICY, PAGE_POLICY)
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy_header(policy))
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("X-Frame-Options", "SAMEORIGIN" if policy["frame-ancestors"] == "'self'" else "DENY")
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if request.secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
