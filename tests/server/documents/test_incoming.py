from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from link.protocol.errors import Unavailable
from server.blobs.container import CHUNK_BYTES, Broken
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.documents.incoming import IncomingDocument, incoming

KEY = SessionKey("s", SUITES["aes-256-gcm"], bytes(32))
NAME = "documents/d1-original"


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 77])
async def test_what_comes_in_pieces_is_one_sealed_container(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    async with incoming(tmp_path / "uploads", KEY, NAME) as coming:
        for at in range(0, size, 65_537):
            await coming.take(content[at : at + 65_537])
            assert len(coming._buffer) < CHUNK_BYTES
        assert await coming.finish() == hashlib.sha256(content).digest()
        assert coming.size == size
        assert coming.content() == content
        sealed = coming.sealed()
    assert KEY.unseal(NAME, sealed) == content
    with pytest.raises(Broken):
        KEY.unseal("documents/another", sealed)


async def test_nothing_of_it_can_be_found_on_the_disk(tmp_path: Path) -> None:
    content = b"the text of a document " * 200_000
    async with incoming(tmp_path / "uploads", KEY, NAME) as coming:
        await coming.take(content)
        assert list(tmp_path.rglob("*")) == [tmp_path / "uploads"], "the file has no name"
        coming._file.flush()
        assert b"text of a document" not in coming.sealed()
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700


async def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with incoming(tmp_path, KEY, NAME) as coming:
        monkeypatch.setattr(IncomingDocument, "_put", full)
        with pytest.raises(Unavailable, match="No space left"):
            await coming.take(bytes(2 * CHUNK_BYTES))
