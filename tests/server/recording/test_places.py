"""Whether something can be written is found out by writing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from server.recording.places import WritablePlaces


def test_a_disk_that_takes_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read-only after an error, a used-up quota, a disk that is full below any floor: all show as a failing write."""
    database = tmp_path / "visavis.sqlite3"
    database.touch()
    folders = [tmp_path / "spool", tmp_path / "blobs"]
    for folder in folders:
        folder.mkdir()
    places = WritablePlaces(database, folders)
    assert places.failing() == frozenset()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["blobs", "spool", "visavis.sqlite3"], "nothing is left"
    for code in (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO):
        with monkeypatch.context() as failing:
            failing.setattr(os, "fsync", lambda _, code=code: (_ for _ in ()).throw(OSError(code, os.strerror(code))))
            assert places.failing() == {"database", "storage"}
    assert places.failing() == frozenset()
    database.rename(tmp_path / "old")
    database.touch()
    assert places.failing() == {"database"}
    assert WritablePlaces(None, folders).failing() == frozenset()
