"""The empty document in which the copy of a customer's page is drawn; its policy allows no requests at all."""

from __future__ import annotations

from typing import Final

from web.security import Policy
from web.stylesheets import read_sheet

__all__ = ["FRAME", "FRAME_POLICY"]

# Its styles are part of it, because it may load nothing. rrweb's own frame inside it inherits the policy.
FRAME: Final = f"<!doctype html><style>{read_sheet('cobrowse.css')}</style><body></body>"
FRAME_POLICY: Final[Policy] = {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",
    "img-src": "data: blob:",
    "font-src": "data:",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    "sandbox": "allow-same-origin",
}
