"""A timestamp authority (RFC 3161) of the tests' own: certificates, tokens as CMS has them, and a server of them.

The DER is written here, so that a test chooses every part of a token; what reads it is the library that we use.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.evidence.timestamp import Trust

BEGIN: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
END: Final = dt.datetime(2060, 1, 1, tzinfo=dt.UTC)
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _DIGEST, _CERTIFICATE = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47"
_SHA256, _ECDSA, _POLICY = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2", "1.3.6.1.4.1.99999.1"


def der(tag: int, *parts: bytes) -> bytes:
    """One element of DER."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def number(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray([first * 40 + second])
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return der(0x06, bytes(content))


def hash_of(query: bytes) -> bytes:
    """The hash that a query asks to have stamped: in a SHA-256 imprint, after its tag and length."""
    at = query.index(oid(_SHA256))
    at = query.index(b"\x04\x20", at)
    return query[at + 2 : at + 34]


def nonce_of(query: bytes) -> bytes:
    """The nonce of a query, as an element."""
    at = query.index(hash_of(query)) + 32
    return query[at : at + 2 + query[at + 1]]


class Authority:
    """A root, a certificate of it for time stamps, and what that signs."""

    def __init__(self, *, purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING) -> None:
        self._root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root of the tests")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Time of the tests")])
        self.root = (
            self._builder(root, root, self._root_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )
        self.certificate = (
            self._builder(name, root, self._key)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )

    @staticmethod
    def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        return builder.not_valid_before(BEGIN).not_valid_after(END)

    @cached_property
    def trust(self) -> Trust:
        return Trust([self.root])

    @property
    def pem(self) -> bytes:
        """The root, for `timestamp_certificate`."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def token(self, digest: bytes, at: dt.datetime | None = None, *, nonce: bytes = b"", status: int = 0) -> bytes:
        """The answer for a SHA-256 that was there at a time (now)."""
        info = self._info(digest, at or dt.datetime.now(dt.UTC), nonce)
        encoding = serialization.Encoding.DER
        algorithm, certificate = sequence(oid(_SHA256)), self.certificate.public_bytes(encoding)
        by = sequence(self.certificate.issuer.public_bytes(), number(self.certificate.serial_number))
        identified = sequence(sequence(sequence(der(0x04, hashlib.sha256(certificate).digest()))))
        attributes = sorted(
            [
                sequence(oid(_CONTENT_TYPE), der(0x31, oid(_TST_INFO))),
                sequence(oid(_DIGEST), der(0x31, der(0x04, hashlib.sha256(info).digest()))),
                sequence(oid(_CERTIFICATE), der(0x31, identified)),
            ]
        )
        signature = self._key.sign(der(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
        signer = sequence(
            *(number(1), by, algorithm, der(0xA0, *attributes), sequence(oid(_ECDSA)), der(0x04, signature)),
        )
        content = sequence(oid(_TST_INFO), der(0xA0, der(0x04, info)))
        signed = sequence(number(3), der(0x31, algorithm), content, der(0xA0, certificate), der(0x31, signer))
        return sequence(sequence(number(status)), sequence(oid(_SIGNED_DATA), der(0xA0, signed)))

    def answer(self, query: bytes) -> bytes:
        """The answer to a query."""
        return self.token(hash_of(query), nonce=nonce_of(query))

    @staticmethod
    def _info(digest: bytes, at: dt.datetime, nonce: bytes) -> bytes:
        imprint = sequence(sequence(oid(_SHA256)), der(0x04, digest))
        when = der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())
        serial = number(int.from_bytes(digest[:7], "big") + 1)
        return sequence(number(1), oid(_POLICY), imprint, serial, when, nonce)


class AuthorityServer:
    """It over HTTP. `answers` may be exchanged by a test; `asked` counts."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.asked = 0
        self.url = ""
        self.answers: Any = authority.answer
        self.status = 200
        self.content_type = "application/timestamp-reply"

    async def _post(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.content_type == "application/timestamp-query"
        body = self.answers(await request.read())
        return web.Response(body=body, status=self.status, content_type=self.content_type)

    @classmethod
    @asynccontextmanager
    async def started(cls, authority: Authority) -> AsyncIterator[AuthorityServer]:
        """The server, on a port of its own."""
        made = cls(authority)
        app = web.Application()
        app.router.add_post("/tsa", made._post)
        async with TestServer(app) as server:
            made.url = str(server.make_url("/tsa"))
            yield made
