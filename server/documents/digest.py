"""The `Content-Digest` of an upload (RFC 9530): checks that what arrived is what was sent."""

from __future__ import annotations

import base64
import binascii
import hmac
import re

from link.protocol.errors import BadMessage, Unprocessable

# A dictionary of RFC 8941 with byte sequences; other algorithms than SHA-256 are left unread.
_SHA_256 = re.compile(r"(?:^|,)[ \t]*sha-256[ \t]*=[ \t]*:([A-Za-z0-9+/]*={0,2}):[ \t]*(?=,|$)")


def check_digest(expected: bytes, found: bytes) -> None:
    """Compare the digest that the header named with that of what came.

    Raises:
        Unprocessable: it is another one.
    """
    if not hmac.compare_digest(found, expected):
        raise Unprocessable("the content does not have the digest it was sent with")


def read_digest(header: str) -> bytes:
    """The 32 bytes of the header's SHA-256. Raises BadMessage."""
    matches = _SHA_256.findall(header)
    try:
        digest = base64.b64decode(matches[-1], validate=True) if matches else b""
    except binascii.Error as error:
        raise BadMessage("the Content-Digest is not base64") from error
    if len(digest) != 32:
        raise BadMessage("a Content-Digest with sha-256 is needed")
    return digest
