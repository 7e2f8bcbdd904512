"""A whole WebM file (RFC 9559): what `webm` writes in pieces, with its length and an index for players that seek.

The head has a fixed size and is written again when the rest is known; nothing but the index is kept in memory.
"""

from __future__ import annotations

import struct
from typing import IO

from server.recording.segment import AUDIO, PICTURE_MS
from server.recording.webm import SEGMENT, cluster_spans, element, parts_of_init, read_clusters, unsigned

_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = b"\x11\x4d\x9b\x74", b"\x4d\xbb", b"\x53\xab", b"\x53\xac"
_INFO, _TRACKS, _CUES = b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1c\x53\xbb\x6b"
_DURATION = b"\x44\x89"
_CUE_POINT, _CUE_TIME, _CUE_POSITIONS, _CUE_TRACK, _CUE_CLUSTER = b"\xbb", b"\xb3", b"\xb7", b"\xf7", b"\xf1"
_SIZE = struct.Struct(">Q")
_EIGHT_BYTES = 1 << 56  # an element's size in eight bytes: the marker, and 56 bits of length
CUE_EVERY_MS = 500  # players can start at any Opus packet; an index entry per half second is enough


class WebmFile:
    """Writes one track into `file`, which must be empty and seekable. Blocking: for a worker thread."""

    def __init__(
        self, file: IO[bytes], kind: str, *, width: int = 0, height: int = 0, tail_ms: int = PICTURE_MS
    ) -> None:
        """`tail_ms` is how long the last frame lasts."""
        self._file = file
        self._kind = kind
        self._ebml, self._info, self._tracks = parts_of_init(kind, width=width, height=height)
        self._tail_ms = tail_ms
        self._cues: list[tuple[int, int]] = []
        self._end_ms = 0
        self._written = 0  # of the segment's contents
        self._file.write(self._head(cues_at=0, size=0))
        self._written = self._file.tell() - self._before()

    def add(self, data: bytes) -> None:
        """The clusters of one recorded segment, in order. Raises `BadWebm`; nothing is written then."""
        found = [(at, list(read_clusters(data[at:end]))) for at, end in cluster_spans(data)]
        for at, blocks in found:
            for block in blocks:
                far = not self._cues or block.time_ms - self._cues[-1][0] >= CUE_EVERY_MS
                if block.keyframe and (self._kind != AUDIO or far):
                    self._cues.append((block.time_ms, self._written + at))
                self._end_ms = max(self._end_ms, block.time_ms)
        self._file.write(data)
        self._written += len(data)

    def finish(self) -> None:
        """Write the index, and the head again, which knows now where it is and how long everything lasts."""
        cues_at = self._written
        points = b"".join(
            element(
                _CUE_POINT,
                element(_CUE_TIME, unsigned(time_ms))
                + element(_CUE_POSITIONS, element(_CUE_TRACK, b"\x01") + element(_CUE_CLUSTER, unsigned(position))),
            )
            for time_ms, position in self._cues
        )
        cues = element(_CUES, points) if points else b""
        self._file.write(cues)
        self._file.seek(0)
        self._file.write(self._head(cues_at=cues_at if cues else 0, size=self._written + len(cues)))
        self._file.seek(0, 2)

    def _before(self) -> int:
        """Bytes before the segment's contents, from which positions are counted."""
        return len(self._ebml) + len(SEGMENT) + _SIZE.size

    def _head(self, *, cues_at: int, size: int) -> bytes:
        info = self._info + element(_DURATION, struct.pack(">d", float(self._end_ms + self._tail_ms)))
        seek_size = len(self._seek_head(0, 0, 0))
        info_at = seek_size
        tracks_at = info_at + len(element(_INFO, info))
        parts = self._seek_head(info_at, tracks_at, cues_at) + element(_INFO, info) + element(_TRACKS, self._tracks)
        return self._ebml + SEGMENT + _SIZE.pack(_EIGHT_BYTES | size) + parts

    def _seek_head(self, info_at: int, tracks_at: int, cues_at: int) -> bytes:
        entries = ((_INFO, info_at), (_TRACKS, tracks_at), (_CUES, cues_at))
        return element(
            _SEEK_HEAD,
            b"".join(
                element(_SEEK, element(_SEEK_ID, name) + element(_SEEK_POSITION, _SIZE.pack(position)))
                for name, position in entries
            ),
        )
