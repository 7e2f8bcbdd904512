"""Secrets on the disk: whole, durable, of one account, and one for all who come at once."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from link.private_file import make_new


def test_a_file_and_its_folder_are_of_their_own_account(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "site.key"
    make_new(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_new(path, b"first")
    make_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_who_come_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def come(number: int) -> bytes:
        make_new(path, b"%d" % number * 100)
        return path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(come, range(1, 33)))
    assert len(found) == 1
    assert len(found.pop()) in (100, 200)


def test_content_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, order = tmp_path / "key", []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append(("folder" if folder else "file", path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    make_new(path, b"secret")
    assert order == [("file", False), ("folder", True)]


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        make_new(tmp_path / "key", b"secret")
    assert list(tmp_path.iterdir()) == []
