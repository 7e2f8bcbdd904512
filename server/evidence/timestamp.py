"""Time stamps of checkpoints (RFC 3161): somebody who is not this site says that a checkpoint was there at a time.

The authority gets the hash of a checkpoint and nothing else. Its answer is kept as it came, so that
`openssl ts -verify` reads it as well, and counts only where the certificates that the site names vouch for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final

import aiohttp
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from link.protocol.errors import Unavailable

TIMEOUT_S: Final = 20.0
MOST_BYTES: Final = 64 * 1024
"""Of an answer; with a chain of certificates it is 6 KiB."""
SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


class BadTimeStamp(ValueError):
    """These bytes are no time stamp that counts; the message says why."""


class BadAuthorityCertificate(ValueError):
    """The file of the authority's certificates cannot be used."""


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """What an authority says: this SHA-256 (hexadecimal) was there at this time (unix, µs). `token` is its answer."""

    imprint: str
    at_us: int
    token: bytes


class Trust:
    """The certificates that vouch for an authority: its root, and those in between that its answers lack."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        """Raises `BadAuthorityCertificate` where there is none."""
        if not certificates:
            raise BadAuthorityCertificate("there is no certificate in it")
        self._certificates = list(dict.fromkeys(certificates))

    @classmethod
    def read(cls, path: Path) -> Trust:
        """Those of a PEM file. Blocks. Raises `BadAuthorityCertificate`."""
        try:
            return cls(x509.load_pem_x509_certificates(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise BadAuthorityCertificate(f"{path}: {error}") from error

    def check(self, token: bytes, request: TimeStampRequest | None = None) -> TimeStamp:
        """What the answer says, if they vouch for it; with the `request`, that it answers this very one. Blocks.

        Raises:
            BadTimeStamp: they do not, or it is none.
        """
        try:
            return self._check(token, request)
        except (VerificationError, ValueError, TypeError, OverflowError, x509.InvalidVersion) as error:
            raise BadTimeStamp(str(error) or type(error).__name__) from error
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # of a library in Rust, which derives it from BaseException
                raise BadTimeStamp("it cannot be read") from error
            raise

    def _check(self, token: bytes, request: TimeStampRequest | None) -> TimeStamp:
        if len(token) > MOST_BYTES:
            raise BadTimeStamp(f"more than {MOST_BYTES} bytes")
        response = decode_timestamp_response(token)
        _granted(response)
        imprint = response.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != SHA256_OID:
            raise BadTimeStamp("its hash is not SHA-256")
        builder = VerifierBuilder() if request is None else VerifierBuilder.from_request(request)
        for certificate in self._certificates:
            builder = builder.add_root_certificate(certificate)
        hashed = imprint.message if request is None else request.message_imprint.message
        builder.build().verify(response, hashed)
        at = response.tst_info.gen_time
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return TimeStamp(imprint.message.hex(), round(at.timestamp() * 1_000_000), token)


class TimestampAuthority:
    """An authority at a URL, over HTTP as RFC 3161 section 3.4 has it."""

    def __init__(self, url: str, trust: Trust, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._trust = trust
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def stamp(self, message: bytes) -> TimeStamp:
        """The time stamp of this message's SHA-256.

        Raises:
            Unavailable: it does not answer, or refuses.
            BadTimeStamp: its answer does not count.
        """
        request = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256).build()
        token = await self._post(request.as_bytes())
        return await asyncio.to_thread(self._trust.check, token, request)

    async def _post(self, query: bytes) -> bytes:
        headers = {"Content-Type": QUERY, "Accept": REPLY}
        answer = bytearray()
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout, headers=headers) as http,
                http.post(self._url, data=query, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise Unavailable(f"the timestamp authority refused: status {response.status}")
                if response.content_type != REPLY:
                    raise BadTimeStamp("the answer is not of the type application/timestamp-reply")
                async for piece in response.content.iter_chunked(4096):
                    answer += piece
                    if len(answer) > MOST_BYTES:
                        raise BadTimeStamp(f"the answer has more than {MOST_BYTES} bytes")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the timestamp authority does not answer: {type(error).__name__}") from error
        return bytes(answer)


def _granted(response: TimeStampResponse) -> None:
    if response.status != 0:
        said = " ".join(response.status_string or [])[:200]
        raise BadTimeStamp(f"it was not granted: status {response.status} {said}".rstrip())
