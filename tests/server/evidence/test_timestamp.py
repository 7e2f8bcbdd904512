"""Time stamps count where the site's certificates vouch for them and they are of what was asked for, and else not."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from link.protocol.errors import Unavailable
from server.evidence.timestamp import MOST_BYTES, BadAuthorityCertificate, BadTimeStamp, TimestampAuthority, Trust
from tests.server.evidence.authority import Authority, AuthorityServer

MESSAGE = b"a checkpoint"
DIGEST = hashlib.sha256(MESSAGE).digest()
AT = dt.datetime(2026, 9, 21, 14, 13, 20, tzinfo=dt.UTC)
OURS = Authority()


def test_a_token_says_what_was_there_and_when() -> None:
    token = OURS.token(DIGEST, AT)
    stamp = OURS.trust.check(token)
    assert (stamp.imprint, stamp.at_us, stamp.token) == (DIGEST.hex(), 1_790_000_000_000_000, token)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="another reader of such tokens: openssl")
def test_openssl_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "root.pem").write_bytes(OURS.pem)
    for name, token, sound in (("good", OURS.token(DIGEST, AT), True), ("other", OURS.token(bytes(32), AT), False)):
        (tmp_path / name).write_bytes(token)
        command = ["openssl", "ts", "-verify", "-in", name, "-data", "message", "-CAfile", "root.pem"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is sound, done.stderr


def test_what_nobody_vouches_for_does_not_count() -> None:
    theirs = Authority()
    with pytest.raises(BadTimeStamp):
        OURS.trust.check(theirs.token(DIGEST))
    wrong = Authority(purpose=ExtendedKeyUsageOID.CODE_SIGNING)
    with pytest.raises(BadTimeStamp):
        wrong.trust.check(wrong.token(DIGEST))
    with pytest.raises(BadTimeStamp, match="not granted: status 2"):
        OURS.trust.check(OURS.token(DIGEST, status=2))
    # The certificate was not there yet.
    with pytest.raises(BadTimeStamp):
        OURS.trust.check(OURS.token(DIGEST, dt.datetime(2019, 1, 1, tzinfo=dt.UTC)))


def test_a_changed_byte_does_not_count_or_changes_nothing_that_is_said() -> None:
    token, chance = OURS.token(DIGEST, AT), random.Random(5)
    stamp, refused = OURS.trust.check(token), 0
    for _ in range(150):
        changed = bytearray(token)
        changed[chance.randrange(len(token))] ^= chance.randrange(1, 256)
        try:
            found = OURS.trust.check(bytes(changed))
        except BadTimeStamp:
            refused += 1
        else:
            assert (found.imprint, found.at_us) == (stamp.imprint, stamp.at_us)
    assert refused > 120
    for data in (b"", b"0", token[:-1], token + b"x", b"\x30\x80" * 1000, b"x" * (MOST_BYTES + 1)):
        with pytest.raises(BadTimeStamp):
            OURS.trust.check(data)


def test_it_has_to_be_of_what_was_asked_for() -> None:
    request = TimestampRequestBuilder(data=MESSAGE, hash_algorithm=HashAlgorithm.SHA256).build()
    OURS.trust.check(OURS.answer(request.as_bytes()), request)
    # Another message's, an older answer, and one without the nonce.
    again = TimestampRequestBuilder(data=MESSAGE, hash_algorithm=HashAlgorithm.SHA256).build()
    other = TimestampRequestBuilder(data=b"other", hash_algorithm=HashAlgorithm.SHA256).build()
    for answer in (OURS.answer(other.as_bytes()), OURS.answer(again.as_bytes()), OURS.token(DIGEST)):
        with pytest.raises(BadTimeStamp):
            OURS.trust.check(answer, request)


def test_certificates_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(OURS.pem + OURS.certificate.public_bytes(serialization.Encoding.PEM) + OURS.pem)
    assert Trust.read(path).check(OURS.token(DIGEST)).imprint == DIGEST.hex()
    for content in (b"", b"no certificate"):
        path.write_bytes(content)
        with pytest.raises(BadAuthorityCertificate, match=r"authority\.pem"):
            Trust.read(path)
    with pytest.raises(BadAuthorityCertificate):
        Trust.read(tmp_path / "nowhere.pem")


async def test_an_authority_is_asked_over_http() -> None:
    async with AuthorityServer.started(OURS) as server:
        asking = TimestampAuthority(server.url, OURS.trust)
        assert (await asking.stamp(MESSAGE)).imprint == DIGEST.hex()
        server.answers = lambda _query: b"x" * (MOST_BYTES + 1)
        with pytest.raises(BadTimeStamp, match="more than 65536 bytes"):
            await asking.stamp(MESSAGE)
        server.answers = lambda _query: OURS.token(DIGEST)
        with pytest.raises(BadTimeStamp):
            await asking.stamp(MESSAGE)
        server.answers, server.content_type = OURS.answer, "text/html"
        with pytest.raises(BadTimeStamp, match="timestamp-reply"):
            await asking.stamp(MESSAGE)
        server.content_type, server.status = "application/timestamp-reply", 302
        with pytest.raises(Unavailable, match="status 302"):
            await asking.stamp(MESSAGE)
    with pytest.raises(Unavailable, match="does not answer"):
        await asking.stamp(MESSAGE)


async def test_one_that_does_not_answer_is_waited_for_no_longer_than_that() -> None:
    held = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(Unavailable, match="TimeoutError"):
            await TimestampAuthority(url, OURS.trust, timeout_s=0.2).stamp(MESSAGE)
        held.set()
