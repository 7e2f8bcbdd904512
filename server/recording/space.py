"""The least free disk space: below it new recordings are refused, so that running ones can be finished."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from link.protocol.errors import CannotRecord

FLOOR_PART = 0.05


@dataclass(frozen=True, slots=True)
class DiskFloor:
    """Room that must stay free where `path` lies: the smaller of `bytes` and 5 % of the disk."""

    path: Path
    bytes: int

    async def check(self) -> None:
        """Raise `CannotRecord` when there is too little room for a new recording."""
        free, total = await asyncio.to_thread(self._room)
        if free < min(self.bytes, total * FLOOR_PART):
            raise CannotRecord("too little free disk space to record a new call")

    def _room(self) -> tuple[int, int]:
        path = self.path
        while not path.exists():
            path = path.parent
        room = os.statvfs(path)
        return room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
