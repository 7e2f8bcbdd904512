from __future__ import annotations

import base64
import hashlib

import pytest

from link.protocol.errors import BadMessage, Unprocessable
from server.documents import check_digest
from server.documents.digest import read_digest

CONTENT = b"document"
DIGEST = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()


@pytest.mark.parametrize(
    "header",
    [
        f"sha-256=:{DIGEST}:",
        f"sha-512=:AAAA:, sha-256=:{DIGEST}:",
        f"sha-256=:{DIGEST}:,md5=:AAAA:",
        f"sha-256 = :{DIGEST}: , id-sha-256=:AAAA:",
    ],
)
def test_the_right_digest_is_found(header: str) -> None:
    found = hashlib.sha256(CONTENT).digest()
    assert read_digest(header) == found
    check_digest(read_digest(header), found)


def test_other_content_is_unprocessable() -> None:
    with pytest.raises(Unprocessable):
        check_digest(read_digest(f"sha-256=:{DIGEST}:"), hashlib.sha256(CONTENT + b".").digest())


@pytest.mark.parametrize(
    "header",
    ["", "sha-256", "sha-256=", f"sha-256={DIGEST}", "sha-256=::", "sha-256=:AAAA:", "sha-256=:A:", f"md5=:{DIGEST}:",
     f"xsha-256=:{DIGEST}:", "sha-256=:" + "A" * 100_000],
)  # fmt: skip
def test_no_usable_digest_is_a_bad_message(header: str) -> None:
    with pytest.raises(BadMessage):
        read_digest(header)
