"""A folder as a tar file: what tar reads out of it, and the same bytes from wherever one begins."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from server.evidence.bundle_tar import CHUNK_BYTES, FolderTar

FILES = {
    "SHA256SUMS": b"sums",
    "tracks/kiosk.camera/000000": bytes(range(256)) * 3,
    "tracks/kiosk.camera/000001": b"x" * 512,
    "documents/d1-0000-original": random.Random(3).randbytes(2 * CHUNK_BYTES + 77),
    "empty": b"",
}


@pytest.fixture
def tar(tmp_path: Path) -> FolderTar:
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return FolderTar(tmp_path, "visavis-s1")


def test_tar_reads_it(tar: FolderTar) -> None:
    data = b"".join(tar.read())
    assert len(data) == tar.size
    with tarfile.open(fileobj=io.BytesIO(data)) as read:
        found = {}
        for member in read:
            file = read.extractfile(member)
            assert file is not None
            assert member.mode == 0o600
            found[member.name] = file.read()
    assert found == {f"visavis-s1/{name}": content for name, content in FILES.items()}


def test_any_part_is_that_part(tar: FolderTar) -> None:
    whole = b"".join(tar.read())
    chance = random.Random(5)
    spans = [(0, 0), (0, 1), (511, 513), (tar.size - 1, tar.size), (tar.size - 1025, tar.size), (512, 516)]
    spans += [tuple(sorted((chance.randrange(tar.size), chance.randrange(tar.size)))) for _ in range(200)]  # type: ignore[misc]
    for start, stop in spans:
        assert b"".join(tar.read(start, stop)) == whole[start:stop], (start, stop)
    assert b"".join(tar.read(700)) == whole[700:]


def test_pieces_are_small(tar: FolderTar) -> None:
    assert max(map(len, tar.read())) <= 2 * CHUNK_BYTES + 1024


def test_it_is_named_by_what_is_in_it(tar: FolderTar, tmp_path: Path) -> None:
    assert FolderTar(tmp_path, "visavis-s1").etag == tar.etag
    (tmp_path / "SHA256SUMS").write_bytes(b"summs")
    assert FolderTar(tmp_path, "visavis-s1").etag != tar.etag


def test_a_file_that_became_shorter_is_an_error_and_no_other_file(tar: FolderTar, tmp_path: Path) -> None:
    (tmp_path / "documents/d1-0000-original").write_bytes(b"short")
    with pytest.raises(OSError, match="shorter"):
        b"".join(tar.read())
