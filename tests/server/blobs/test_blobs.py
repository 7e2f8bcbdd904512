"""Blobs in a local directory: durable, listable, and nothing outside the root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from link.messages.errors import Unavailable
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
        await asyncio.wait_for(blobs.get("a/b"), 2)


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
