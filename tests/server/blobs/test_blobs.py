"""Blobs in a local directory: durable, listable, and nothing outside the root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs, Missing


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs.at(str(tmp_path / "blobs"))


async def test_put_get_list_delete(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.put("sessions/s1/kiosk.camera/000001", b"one")
    await blobs.put("sessions/s1/kiosk.camera/000000", b"zero")
    await blobs.put("sessions/s2/kiosk.camera/000000", b"other")
    assert await blobs.get("sessions/s1/kiosk.camera/000001") == b"one"
    assert await blobs.names("sessions/s1") == ["sessions/s1/kiosk.camera/000000", "sessions/s1/kiosk.camera/000001"]
    assert (tmp_path / "blobs/sessions/s1/kiosk.camera/000000").read_bytes() == b"zero"
    await blobs.delete("sessions/s1/kiosk.camera/000001")
    await blobs.delete("sessions/s1/kiosk.camera/000001")
    with pytest.raises(Missing):
        await blobs.get("sessions/s1/kiosk.camera/000001")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_only_files_are_blobs(blobs: Blobs, tmp_path: Path, make: Callable[[Path], None]) -> None:
    await blobs.put("a/b", b"1")
    (tmp_path / "blobs/a/b").unlink()
    make(tmp_path / "blobs/a/b")
    with pytest.raises(Missing):
        await asyncio.wait_for(blobs.get("a/b"), 30)


async def test_put_again_replaces(blobs: Blobs) -> None:
    await blobs.put("a/b", b"1")
    await blobs.put("a/b", b"2")
    assert await blobs.get("a/b") == b"2"


async def test_an_empty_folder_lists_nothing(blobs: Blobs) -> None:
    assert await blobs.names("sessions/none") == []


@pytest.mark.parametrize(
    "name",
    ["", "/", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a b", "ä", "a\0b",
     "%2e%2e/x", "a/b/c/d/e/f/g/h/i", "x" * 101],
)  # fmt: skip
async def test_names_are_safe_words(blobs: Blobs, name: str) -> None:
    for call in (blobs.get(name), blobs.put(name, b""), blobs.delete(name), blobs.names(name)):
        with pytest.raises(ValueError, match="not a blob name"):
            await call


async def test_a_failing_store_is_unavailable(tmp_path: Path) -> None:
    blobs = Blobs.at(str(tmp_path / "blobs"))
    (tmp_path / "blobs" / "a").write_bytes(b"a file where a folder should be")
    with pytest.raises(Unavailable):
        await blobs.put("a/b", b"1")


def spooled(folder: Path, data: bytes) -> Path:
    path = folder / "spooled"
    path.write_bytes(data)
    return path


async def test_a_file_is_taken_in(blobs: Blobs, tmp_path: Path) -> None:
    path = spooled(tmp_path, b"begun, and half of some")
    assert blobs.take_in("a/b/c", path, b"begun, and finished", 11)
    assert await blobs.get("a/b/c") == b"begun, and finished"
    assert not path.exists()
    assert (tmp_path / "blobs/a").stat().st_mode & 0o777 == 0o700


async def test_a_file_that_cannot_be_taken_in_stays(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "blobs/a").write_bytes(b"a file where a folder should be")
    path = spooled(tmp_path, b"begun")
    assert not blobs.take_in("a/b", path, b"begun and finished", 5)
    assert path.read_bytes() == b"begun and finished"
    assert blobs.take_in("c/b", path, b"begun and finished", 5), "after an attempt that came half the way"
    assert await blobs.get("c/b") == b"begun and finished"
    assert not blobs.take_in("c/d", path, b"", 0), "there is no such file any more"


async def test_a_far_store_takes_no_files(tmp_path: Path) -> None:
    path = spooled(tmp_path, b"1")
    assert not Blobs(MemoryStore()).take_in("a/b", path, b"1", 1)
    assert path.exists()


def test_only_safe_names_take_files(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a blob name"):
        blobs.take_in("../x", spooled(tmp_path, b"1"), b"1", 1)


@pytest.mark.parametrize("by", ["put", "take_in"])
async def test_new_folders_are_durable(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """A file whose folder is lost with the power is lost as well: each folder's own entry is synced."""
    synced: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if by == "put":
        await blobs.put("a/b/c", b"1")
    else:
        assert blobs.take_in("a/b/c", spooled(tmp_path, b"1"), b"1", 1)
    root = (tmp_path / "blobs").resolve()
    assert {root, root / "a", root / "a/b"} <= set(synced)
    assert synced.index(root) < len(synced) - 1
    assert synced[-1] == root / "a/b", "the file's own entry comes last"
