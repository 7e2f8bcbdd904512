"""Media that is delivered afterwards, as bytes: whole frames of one track with their times (PROTOCOL.md).

Pure functions. What comes from outside is read into frames that lie where they may, or is one error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "application/octet-stream"
MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one delivery: ten seconds of a picture at 13 Mbit/s."""
MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
"""A longer frame is refused, as in time (`link.rtc.tracks.depacketizer`)."""
LEAST_STEP_MS: Final = 3
"""Between two frames. No source of ours sends faster: Opus packets have 10 ms and more, pictures 16 ms."""
_MAGIC: Final = b"VSLM\x01"
_HEAD: Final = struct.Struct(">II")


class LateFrame(NamedTuple):
    """One VP8 picture or Opus packet, captured `at_ms` of the session."""

    at_ms: int
    data: bytes


def pack(frames: Iterable[LateFrame]) -> bytes:
    """The bytes of a delivery. Frames that do not fit any more are left out, with all behind them."""
    parts, size = [_MAGIC], len(_MAGIC)
    for frame in frames:
        size += _HEAD.size + len(frame.data)
        if size > MAX_BYTES:
            break
        parts += (_HEAD.pack(frame.at_ms, len(frame.data)), frame.data)
    return b"".join(parts)


def unpack(body: bytes, *, start_ms: int, end_ms: int) -> list[LateFrame]:
    """Read a delivery of this span. Raises `ValueError` for anything but frames in order, all of them within it."""
    if body[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it does not begin as a delivery does")
    frames: list[LateFrame] = []
    place, least_ms = len(_MAGIC), start_ms
    while place < len(body):
        if len(body) - place < _HEAD.size:
            raise ValueError(f"byte {place}: a frame's head is cut off")
        at_ms, length = _HEAD.unpack_from(body, place)
        place += _HEAD.size
        if not 0 < length <= min(MAX_FRAME_BYTES, len(body) - place):
            raise ValueError(f"byte {place}: a frame cannot have {length} bytes")
        if not least_ms <= at_ms < end_ms:
            raise ValueError(f"byte {place}: a frame at {at_ms} ms is not where it may be")
        frames.append(LateFrame(at_ms, body[place : place + length]))
        place, least_ms = place + length, at_ms + LEAST_STEP_MS
    return frames
