"""S3 Object Lock: objects that nobody can remove or change before a day, not even who owns the bucket.

`obstore`, which everything else of a bucket goes through, has no headers for it, so these few requests are made here:
signed by AWS Signature Version 4 (the four examples of its documentation are tests), over aiohttp. A bucket with Object
Lock is versioned: removing an object means removing each of its versions by name.

Retention is of mode COMPLIANCE: by S3's rules it can be extended and neither shortened nor lifted before its end. A
legal hold is a flag beside it, without an end, which can be cleared.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp

from link.protocol.errors import Unavailable

TIMEOUT_S: Final = 30.0
MOST_BYTES: Final = 4 * 1024 * 1024
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_VERSION: Final = re.compile(r"<(Version|DeleteMarker)>(.*?)</\1>", re.DOTALL)
_FIELD: Final = "<{0}>([^<]*)</{0}>"
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


class Locked(Exception):
    """The object is locked: it cannot be removed, or its lock not be shortened, yet."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key of S3; `token` is that of a session, where there is one."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object by its name below the prefix; a `marker` only says that the object was deleted."""

    name: str
    version: str
    marker: bool


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket is: the URL in front of the objects' names, without a slash at its end, and its region."""

    url: str
    region: str
    prefix: str = ""


class ObjectLock:
    """The locks of a bucket's objects. Names are as of `Blobs`; times are unix microseconds."""

    def __init__(self, bucket: BucketAddress, credentials: Credentials, *, timeout_s: float = TIMEOUT_S) -> None:
        self._bucket = bucket
        self._credentials = credentials
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    @classmethod
    def of(cls, bucket: str, prefix: str | None, environment: Mapping[str, str]) -> ObjectLock | None:
        """The locks of a bucket by the AWS_… variables that `obstore` reads; None where they hold no access key.

        Credentials that it would get from elsewhere, such as an instance's role, are not known here.
        """

        def told(*names: str) -> str:
            return next((environment[f"AWS_{name}"] for name in names if environment.get(f"AWS_{name}")), "")

        access, secret = told("ACCESS_KEY_ID"), told("SECRET_ACCESS_KEY")
        if not access or not secret:
            return None
        region = told("REGION", "DEFAULT_REGION") or "us-east-1"
        endpoint = told("ENDPOINT_URL_S3", "ENDPOINT_URL", "ENDPOINT").rstrip("/")
        if not endpoint:
            url = f"https://{bucket}.s3.{region}.amazonaws.com"
        elif told("VIRTUAL_HOSTED_STYLE_REQUEST").lower() == "true":
            url = endpoint
        else:
            url = f"{endpoint}/{bucket}"
        return cls(BucketAddress(url, region, prefix or ""), Credentials(access, secret, told("SESSION_TOKEN")))

    async def enabled(self) -> bool:
        """Whether the bucket has Object Lock. Raises `Unavailable`."""
        status, body = await self._ask("GET", "", {"object-lock": ""})
        if status == 200:
            return "<ObjectLockEnabled>Enabled</ObjectLockEnabled>" in body
        if status == 404 and "ObjectLockConfigurationNotFoundError" in body:
            return False
        raise _refused("asked whether it locks objects", status)

    async def put(self, name: str, data: bytes, until_us: int | None) -> None:
        """Store an object, locked until then. Raises `Unavailable`."""
        headers = {}
        if until_us is not None:
            headers = {
                "x-amz-object-lock-mode": "COMPLIANCE",
                "x-amz-object-lock-retain-until-date": _instant(until_us),
            }
        status, _ = await self._ask("PUT", name, {}, data, headers)
        if status != 200:
            raise _refused(f"asked to store {name}", status)

    async def retain(self, stored: Stored, until_us: int) -> None:
        """Lock a version until then. Raises `Locked` where it is locked for longer, and `Unavailable`."""
        body = f"<Mode>COMPLIANCE</Mode><RetainUntilDate>{_instant(until_us)}</RetainUntilDate>"
        await self._set(stored, "retention", f'<Retention xmlns="{_NAMESPACE}">{body}</Retention>')

    async def hold(self, stored: Stored, on: bool) -> None:
        """Set or clear the legal hold of a version. Raises `Unavailable`."""
        status = f"<Status>{'ON' if on else 'OFF'}</Status>"
        await self._set(stored, "legal-hold", f'<LegalHold xmlns="{_NAMESPACE}">{status}</LegalHold>')

    async def retention(self, stored: Stored) -> tuple[str, int] | None:
        """Mode and end of a version's lock; None where it has none. Raises `Unavailable`."""
        status, body = await self._ask("GET", stored.name, {"retention": "", "versionId": stored.version})
        if status == 404:
            return None
        if status != 200:
            raise _refused(f"asked for the lock of {stored.name}", status)
        try:
            until = datetime.fromisoformat(_field("RetainUntilDate", body))
        except ValueError:
            raise Unavailable(f"the bucket does not say until when {stored.name} is locked") from None
        return _field("Mode", body), int(until.timestamp()) * 1_000_000

    async def versions(self, prefix: str) -> list[Stored]:
        """Every version of every object below the folder `prefix`. Raises `Unavailable`."""
        found: list[Stored] = []
        more = {"prefix": f"{self._path(prefix)}/", "versions": ""}
        after: Mapping[str, str] = {}
        while True:
            status, body = await self._ask("GET", "", {**more, **after})
            if status != 200:
                raise _refused(f"asked what is below {prefix}", status)
            found += [self._stored(kind, part) for kind, part in _VERSION.findall(body)]
            if _field("IsTruncated", body) != "true":
                return found
            after = {
                "key-marker": _field("NextKeyMarker", body),
                "version-id-marker": _field("NextVersionIdMarker", body),
            }

    async def delete(self, stored: Stored) -> None:
        """Remove a version for good; no error if it is not there. Raises `Locked` and `Unavailable`."""
        status, _ = await self._ask("DELETE", stored.name, {"versionId": stored.version})
        if status == 403:
            raise Locked(stored.name)
        if status not in (200, 204, 404):
            raise _refused(f"asked to remove {stored.name}", status)

    def _stored(self, kind: str, part: str) -> Stored:
        name = _field("Key", part)
        return Stored(name.removeprefix(f"{self._bucket.prefix}/"), _field("VersionId", part), kind == "DeleteMarker")

    async def _set(self, stored: Stored, what: str, body: str) -> None:
        query = {what: "", "versionId": stored.version}
        status, _ = await self._ask("PUT", stored.name, query, body.encode())
        if status == 403:
            raise Locked(stored.name)
        if status != 200:
            raise _refused(f"asked to lock {stored.name}", status)

    def _path(self, name: str) -> str:
        return f"{self._bucket.prefix}/{name}" if self._bucket.prefix and name else name

    async def _ask(
        self, method: str, name: str, query: Mapping[str, str], data: bytes = b"", more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        asked = canonical_query(query)
        url = f"{self._bucket.url}/{quote(self._path(name))}"
        where = urlsplit(url)
        headers = {"host": where.netloc, **(more or {})}
        if method == "PUT":  # S3 demands it of what has to do with locks
            headers["content-md5"] = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        signed = sign(
            self._credentials, self._bucket.region, datetime.now(UTC), method, where.path, query, headers,
            hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as http,
                http.request(
                    method, f"{url}?{asked}" if asked else url, data=data or None, headers=signed, allow_redirects=False
                ) as response,
            ):
                return response.status, (await response.content.read(MOST_BYTES)).decode("utf-8", "replace")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the bucket does not answer: {type(error).__name__}") from error


def sign(
    credentials: Credentials,
    region: str,
    at: datetime,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    payload_sha256: str,
) -> dict[str, str]:
    """These headers and those that sign the request (AWS Signature Version 4, "Authenticating Requests").

    `path` is percent-encoded, `headers` have small names and include `host`.
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    if credentials.token:
        sent["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name].strip()}\n" for name in sorted(sent))
    request = "\n".join((method, path, canonical_query(query), lines, names, payload_sha256))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    told = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, told.encode(), "sha256").hexdigest()
    credential = f"Credential={credentials.access_key}/{scope}"
    return {**sent, "authorization": f"{_ALGORITHM} {credential},SignedHeaders={names},Signature={signature}"}


def canonical_query(query: Mapping[str, str]) -> str:
    """The query as it is signed, and sent: sorted, percent-encoded, each name with `=`."""
    return "&".join(f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query))


def _instant(at_us: int) -> str:
    """The first whole second at or after a time, as S3 writes it."""
    return datetime.fromtimestamp(-(-at_us // 1_000_000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _field(name: str, body: str) -> str:
    found = re.search(_FIELD.format(name), body)
    return "" if found is None else found[1]


def _refused(what: str, status: int) -> Unavailable:
    return Unavailable(f"the bucket, {what}, answered with status {status}")
