"""A recording is refused while there is still room to finish the running ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from link.protocol.errors import CannotRecord
from server.recording.space import DiskFloor


async def test_floor_is_the_smaller_of_bytes_and_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs_result((4096, 4096, 1000, 40, 40, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    await DiskFloor(tmp_path, 40 * 4096).check()
    await DiskFloor(tmp_path / "not" / "there" / "yet", 40 * 4096).check()
    with pytest.raises(CannotRecord, match="disk space"):
        await DiskFloor(tmp_path, 41 * 4096).check()
