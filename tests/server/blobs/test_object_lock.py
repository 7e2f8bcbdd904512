"""S3 Object Lock: requests signed as documented, and locks that can be made longer and neither shortened nor passed.

The stand-in does what S3's documentation says of COMPLIANCE. moto does the rest of S3, and is asked before a release:
it lets COMPLIANCE be shortened, which S3 does not, so that shortening is proven against the stand-in only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from obstore.store import MemoryStore

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs, Missing
from server.blobs.object_lock import BucketAddress, Credentials, Locked, ObjectLock, Stored, sign
from server.evidence.object_locks import ObjectLocks
from server.journal import Journal
from server.session import events as e
from server.store import Store
from server.store.retention import KeptLock, RetentionRule
from server.store.stamps import now_us
from tests.big import BIG
from tests.server.evidence.recorded import SESSION, STARTED_US, requested

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EMPTY = hashlib.sha256(b"").hexdigest()
HOST = {"host": "examplebucket.s3.amazonaws.com"}
DAY_US = 86_400_000_000


@pytest.mark.parametrize(
    ("method", "path", "query", "more", "payload", "signature"),
    [
        ("GET", "/test.txt", {}, {"range": "bytes=0-9"}, EMPTY,
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("PUT", "/test%24file.text", {},
         {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
         hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        ("GET", "/", {"lifecycle": ""}, {}, EMPTY,
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/", {"max-keys": "2", "prefix": "J"}, {}, EMPTY,
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_a_request_is_signed_as_in_the_documentation(
    method: str, path: str, query: dict[str, str], more: dict[str, str], payload: str, signature: str
) -> None:
    """The four examples of "Signature Calculations for the Authorization Header" of the Amazon S3 API Reference."""
    at = datetime(2013, 5, 24, tzinfo=UTC)
    signed = sign(EXAMPLE, "us-east-1", at, method, path, query, {**HOST, **more}, payload)
    assert signed["authorization"].endswith(f"Signature={signature}")
    assert signed["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
    )


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, None),
        ({"AWS_ACCESS_KEY_ID": "a"}, None),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, "https://b.s3.us-east-1.amazonaws.com"),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "cn-north-1", "AWS_ENDPOINT": "http://h:1/"},
            "http://h:1/b",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "https://b.h",
             "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"},
            "https://b.h",
        ),
    ],
)  # fmt: skip
def test_where_a_bucket_is_follows_from_the_variables(environment: dict[str, str], url: str | None) -> None:
    lock = ObjectLock.of("b", "p", environment)
    assert (None if lock is None else lock._bucket.url) == url


@dataclass
class Version:
    name: str
    number: str
    data: bytes = b""
    marker: bool = False
    until: datetime | None = None
    held: bool = False


@dataclass
class StandIn:
    """A bucket with Object Lock, as far as it is asked here."""

    versions: list[Version] = field(default_factory=list)
    enabled: bool = True
    broken: bool = False
    page: int = 1000
    asked: list[str] = field(default_factory=list)

    def find(self, name: str, number: str | None) -> Version:
        for version in reversed(self.versions):
            if version.name == name and number in (None, version.number):
                return version
        raise web.HTTPNotFound(text="<Error><Code>NoSuchKey</Code></Error>")

    def ends(self) -> set[datetime]:
        """Until when the versions are locked, of those that are."""
        return {version.until for version in self.versions if version.until is not None}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.broken:
            return web.Response(status=503)
        body, query = await request.read(), request.query
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        headers = {name: request.headers[name] for name in names.split(";")}
        at = datetime.strptime(headers.pop("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        signed = sign(
            EXAMPLE, "us-east-1", at, request.method, request.rel_url.raw_path, dict(query), headers,
            headers.pop("x-amz-content-sha256"),
        )  # fmt: skip
        if signed["authorization"] != request.headers["authorization"]:
            return web.Response(status=403, text="<Code>SignatureDoesNotMatch</Code>")
        if request.method == "PUT":
            assert request.headers["content-md5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        name = request.match_info.get("name", "")
        return self.bucket(query) if not name else self.object(request, name, body)

    def bucket(self, query: object) -> web.Response:
        if "object-lock" in query:  # type: ignore[operator]
            if not self.enabled:
                return web.Response(status=404, text="<Code>ObjectLockConfigurationNotFoundError</Code>")
            return web.Response(text="<ObjectLockEnabled>Enabled</ObjectLockEnabled>")
        prefix, after = query["prefix"], query.get("version-id-marker", "")  # type: ignore[index,attr-defined]
        found = sorted((one for one in self.versions if one.name.startswith(prefix)), key=lambda one: int(one.number))
        found = [one for one in found if int(one.number) > int(after or -1)]
        told, more = found[: self.page], len(found) > self.page
        text = "".join(
            f"<{kind}><Key>{one.name}</Key><VersionId>{one.number}</VersionId></{kind}>"
            for one in told
            for kind in ("DeleteMarker" if one.marker else "Version",)
        )
        if more:
            text += f"<NextKeyMarker>{told[-1].name}</NextKeyMarker>"
            text += f"<NextVersionIdMarker>{told[-1].number}</NextVersionIdMarker>"
        return web.Response(text=f"<IsTruncated>{str(more).lower()}</IsTruncated>{text}")

    def object(self, request: web.Request, name: str, body: bytes) -> web.Response:
        query, text = request.query, body.decode("utf-8", "replace")
        now, refused = datetime.now(UTC), web.Response(status=403, text="<Code>AccessDenied</Code>")
        if "retention" in query:
            version = self.find(name, query.get("versionId"))
            if request.method == "GET":
                if version.until is None:
                    return web.Response(status=404)
                return web.Response(
                    text=f"<Mode>COMPLIANCE</Mode><RetainUntilDate>{version.until.isoformat()}</RetainUntilDate>"
                )
            until = datetime.fromisoformat(re.search("<RetainUntilDate>(.*)</RetainUntilDate>", text)[1])  # type: ignore[index]
            if version.until is not None and version.until > now and until < version.until:
                return refused  # COMPLIANCE: "its retention mode can't be changed, and its period can't be shortened"
            version.until = until
            return web.Response()
        if "legal-hold" in query:
            self.find(name, query.get("versionId")).held = "<Status>ON</Status>" in text
            return web.Response()
        if request.method == "PUT":
            wanted = request.headers.get("x-amz-object-lock-retain-until-date")
            assert (wanted is None) == ("x-amz-object-lock-mode" not in request.headers)
            moment = None if wanted is None else datetime.fromisoformat(wanted)
            self.versions.append(Version(name, str(len(self.versions)), body, until=moment))
            return web.Response()
        if request.method == "DELETE":
            version = self.find(name, query.get("versionId"))
            if version.held or (version.until is not None and version.until > now):
                return refused
            self.versions.remove(version)
            return web.Response(status=204)
        return web.Response(body=self.find(name, None).data)


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest_asyncio.fixture
async def server(stand_in: StandIn) -> AsyncIterator[str]:
    app = web.Application()
    for path in ("/bucket/", "/bucket/{name:.+}"):
        app.router.add_route("*", path, stand_in.answer)
    async with TestServer(app) as running:
        yield str(running.make_url("/bucket"))


@pytest.fixture
def lock(server: str) -> ObjectLock:
    return ObjectLock(BucketAddress(server, "us-east-1", "site"), EXAMPLE)


def later(days: float) -> int:
    """In so many days, in whole seconds as S3 has them."""
    return int(time.time() + days * 86_400) * 1_000_000


async def only(lock: ObjectLock, prefix: str = "sessions/s1") -> Stored:
    (found,) = await lock.versions(prefix)
    return found


async def test_whether_the_bucket_locks_is_asked(lock: ObjectLock, stand_in: StandIn) -> None:
    assert await lock.enabled()
    stand_in.enabled = False
    assert not await lock.enabled()
    stand_in.broken = True
    with pytest.raises(Unavailable):
        await lock.enabled()


async def test_a_locked_object_is_neither_removed_nor_its_lock_shortened(lock: ObjectLock) -> None:
    until = later(2)
    await lock.put("sessions/s1/track/0", b"sealed", until)
    stored = await only(lock)
    assert (stored.name, stored.marker) == ("sessions/s1/track/0", False)
    assert await lock.retention(stored) == ("COMPLIANCE", until)
    with pytest.raises(Locked):
        await lock.delete(stored)
    with pytest.raises(Locked):
        await lock.retain(stored, later(1))
    assert await lock.retention(stored) == ("COMPLIANCE", until)
    await lock.retain(stored, later(30))
    assert await lock.retention(stored) == ("COMPLIANCE", later(30))


async def test_a_hold_keeps_an_object_whose_lock_is_over(lock: ObjectLock) -> None:
    await lock.put("sessions/s1/a", b"x", None)
    stored = await only(lock)
    assert await lock.retention(stored) is None
    await lock.retain(stored, later(-1))
    await lock.hold(stored, True)
    with pytest.raises(Locked):
        await lock.delete(stored)
    await lock.hold(stored, False)
    await lock.delete(stored)
    assert await lock.versions("sessions/s1") == []
    await lock.delete(stored)  # again is no error


async def test_versions_are_listed_to_the_last_page(lock: ObjectLock, stand_in: StandIn) -> None:
    stand_in.page = 3
    for number in range(8):
        await lock.put(f"sessions/s1/{number % 4}", b"x", None)
    await lock.put("sessions/s10/0", b"x", None)
    assert len(await lock.versions("sessions/s1")) == 8


async def test_another_key_is_refused(server: str) -> None:
    other = ObjectLock(BucketAddress(server, "us-east-1"), Credentials("AKIAIOSFODNN7EXAMPLE", "another"))
    with pytest.raises(Unavailable, match="status 403"):
        await other.put("a", b"x", None)


async def test_a_bucket_that_does_not_answer_is_unavailable() -> None:
    gone = ObjectLock(BucketAddress("http://127.0.0.1:9/bucket", "us-east-1"), EXAMPLE)
    with pytest.raises(Unavailable):
        await gone.enabled()


async def test_blobs_are_stored_with_a_lock_and_removed_in_all_versions(lock: ObjectLock, stand_in: StandIn) -> None:
    blobs = Blobs(MemoryStore())
    blobs.lock_with(lock, lambda: later(1))
    await blobs.put("sessions/s1/a", b"first")
    await blobs.put("sessions/s1/a", b"second")
    assert [version.until is not None for version in stand_in.versions] == [True, True]
    with pytest.raises(Unavailable, match="2 objects below sessions/s1 are still locked"):
        await blobs.remove_all("sessions/s1")
    for version in stand_in.versions:
        version.until = datetime.now(UTC)
    assert await blobs.remove_all("sessions/s1") == 2
    assert stand_in.versions == []


# What a site locks, and for how long.


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'store.sqlite3'}")
    event, row = requested(SESSION)
    closed = {**row, "state": "closed", "ended_us": now_us(), "closed_us": now_us(), "outcome": "solved"}
    await Journal(store).append(SESSION, [(e.kind(event), e.encode(event))], at_us=STARTED_US, projection=closed)  # type: ignore[arg-type]
    await store.data_keys.add(SESSION, "aes-256-gcm", b"wrapped")
    yield store
    await store.close()


async def test_a_site_locks_until_the_day_that_the_rules_say_and_longer_when_they_do(
    lock: ObjectLock, stand_in: StandIn, store: Store
) -> None:
    blobs = Blobs(MemoryStore())
    locks = ObjectLocks(store, blobs, lock)
    await locks.start()
    await blobs.put(f"sessions/{SESSION}/a", b"x")
    assert stand_in.versions[0].until is None, "there is no rule yet"
    await store.retention.add_rule(RetentionRule("short", "call_ended", "P10D", "x"))
    await locks.start()
    await blobs.put(f"sessions/{SESSION}/b", b"x")
    sealed = stand_in.versions[1].until
    assert sealed is not None
    assert 9.9 < (sealed - datetime.now(UTC)).total_seconds() / 86_400 < 10.1
    assert await locks.once() == 1
    first = stand_in.ends()
    assert len(first) == 1
    assert await locks.once() == 0, "again changes nothing"
    asked = len(stand_in.asked)
    await locks.once()
    assert len(stand_in.asked) == asked, "and asks the bucket nothing"
    await store.retention.add_rule(RetentionRule("long", "call_ended", "P5Y", "x"))
    assert await locks.once() == 1
    longer = stand_in.ends()
    assert max(longer) > max(first)
    await store.retention.remove_rule("long")
    assert await locks.once() == 0, "nobody shortens a lock"
    hold = await store.holds.place(SESSION, reason="Case 7", by="cli:a")
    assert await locks.once() == 1
    assert all(version.held for version in stand_in.versions)
    await store.holds.lift(hold.id, reason="over", by="cli:b")
    assert await locks.once() == 1
    assert not any(version.held for version in stand_in.versions)
    assert (await store.retention.locks([SESSION]))[SESSION] == KeptLock(
        int(max(longer).timestamp()) * 1_000_000,
        False,
    )


async def test_a_bucket_that_fails_halfway_is_locked_the_next_time(
    lock: ObjectLock, stand_in: StandIn, store: Store
) -> None:
    await store.retention.add_rule(RetentionRule("short", "call_ended", "P10D", "x"))
    blobs = Blobs(MemoryStore())
    locks = ObjectLocks(store, blobs, lock)
    await lock.put(f"sessions/{SESSION}/a", b"x", None)
    stand_in.broken = True
    with pytest.raises(Unavailable):
        await locks.once()
    assert await store.retention.locks([SESSION]) == {}
    stand_in.broken = False
    assert await locks.once() == 1


# moto, before a release: VISAVIS_BIG_TESTS=1 and `-W ignore`, with `uv pip install --target DIR "moto[server]" boto3`
# and DIR on PYTHONPATH. It is not among the development dependencies: it brings sixty packages, for one test.


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    if not BIG:
        pytest.skip("takes longer: VISAVIS_BIG_TESTS=1")
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    port = 5600 + os.getpid() % 300
    process = subprocess.Popen(
        [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urlopen(f"{url}/moto-api/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)  # another program's start: nothing tells of it
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=EXAMPLE.access_key,
                          aws_secret_access_key=EXAMPLE.secret_key)  # fmt: skip
        s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        s3.create_bucket(Bucket="plain")
        yield url
    finally:
        process.kill()
        process.wait()


async def test_moto_locks_as_s3_but_lets_a_lock_be_shortened(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", EXAMPLE.access_key), ("SECRET_ACCESS_KEY", EXAMPLE.secret_key),
                        ("ENDPOINT_URL", moto), ("REGION", "us-east-1"), ("ALLOW_HTTP", "true")):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    assert await Blobs.at("s3://plain/site").find_lock() is None
    blobs = Blobs.at("s3://locked/site")
    lock = await blobs.find_lock()
    assert lock is not None
    blobs.lock_with(lock, lambda: later(2))
    await blobs.put("sessions/s1/track/000001", b"sealed")
    assert await blobs.get("sessions/s1/track/000001") == b"sealed"
    assert await blobs.names("sessions/s1") == ["sessions/s1/track/000001"]
    (stored,) = await lock.versions("sessions/s1")
    with pytest.raises(Unavailable, match="does not say"):  # moto answers with the object itself
        await lock.retention(stored)
    with pytest.raises(Locked):
        await lock.delete(stored)
    with pytest.raises(Unavailable, match="still locked"):
        await blobs.remove_all("sessions/s1")
    # Without a version S3 only puts a marker on top: the object is hidden, and still there.
    await blobs.delete("sessions/s1/track/000001")
    with pytest.raises(Missing):
        await blobs.get("sessions/s1/track/000001")
    assert sorted(one.marker for one in await lock.versions("sessions/s1")) == [False, True]
    await lock.hold(stored, True)
    # moto lets COMPLIANCE be shortened, against S3's rules: here that only serves to end the lock.
    await lock.retain(stored, later(-1))
    with pytest.raises(Locked):
        await lock.delete(stored)
    await lock.hold(stored, False)
    assert await blobs.remove_all("sessions/s1") == 1
    assert await lock.versions("sessions/s1") == []
