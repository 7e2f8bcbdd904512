"""WebM (a profile of Matroska, RFC 9559, in EBML, RFC 8794): one track of VP8 or Opus, as MSE byte streams want it.

A track is one initialisation segment followed by clusters. Every cluster has a known size, so the file is well formed
after each one and a cluster can be appended to any player by itself. All times are milliseconds on the session's
timeline. Pure functions: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import msgspec

EBML = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"
CLUSTER = b"\x1f\x43\xb6\x75"
TIMESTAMP = b"\xe7"
SIMPLE_BLOCK = b"\xa3"

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
TRACK_NUMBER = 1
MAX_BLOCK_OFFSET = 32767  # a block's time is a signed 16-bit offset from its cluster's
_KEYFRAME = 0x80
_BLOCK_HEAD = struct.Struct(">BhB")

SAMPLE_RATE = 48000
SEEK_PRE_ROLL_NS = 80_000_000  # RFC 7845 §4.6: what an Opus decoder needs to converge


class BadWebm(ValueError):
    """The bytes are not clusters as this module writes them; the message says at which byte."""


class CutOff(BadWebm):
    """The bytes end inside a cluster."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """One encoded frame at its time."""

    time_ms: int
    keyframe: bool
    data: bytes


def element(identifier: bytes, data: bytes) -> bytes:
    """Return one EBML element with an eight-byte-or-shorter size."""
    return identifier + _size(len(data)) + data


def init_segment(kind: str, *, width: int = 0, height: int = 0) -> bytes:
    """Return the initialisation segment of a `video` (VP8, of this size) or `audio` (Opus, stereo, 48 kHz) track."""
    header, info, tracks = parts_of_init(kind, width=width, height=height)
    return header + SEGMENT + UNKNOWN_SIZE + element(b"\x15\x49\xa9\x66", info) + element(b"\x16\x54\xae\x6b", tracks)


def parts_of_init(kind: str, *, width: int = 0, height: int = 0) -> tuple[bytes, bytes, bytes]:
    """Return the EBML header, and what Info and Tracks hold, for who puts them together in another way."""
    if kind not in ("audio", "video"):
        raise ValueError(f"no media track: {kind}")
    header = element(
        EBML,
        element(b"\x42\x86", b"\x01")  # EBMLVersion
        + element(b"\x42\xf7", b"\x01")  # EBMLReadVersion
        + element(b"\x42\xf2", b"\x04")  # EBMLMaxIDLength
        + element(b"\x42\xf3", b"\x08")  # EBMLMaxSizeLength
        + element(b"\x42\x82", b"webm")  # DocType
        + element(b"\x42\x87", b"\x04")  # DocTypeVersion
        + element(b"\x42\x85", b"\x02"),  # DocTypeReadVersion
    )
    info = (
        element(b"\x2a\xd7\xb1", unsigned(1_000_000))  # TimestampScale: one millisecond
        + element(b"\x4d\x80", b"visavis")  # MuxingApp
        + element(b"\x57\x41", b"visavis")  # WritingApp
    )
    entry = _video_entry(width or 640, height or 480) if kind == "video" else _audio_entry()
    return header, info, element(b"\xae", entry)


def clusters(blocks: Sequence[Block]) -> bytes:
    """Return the blocks as clusters, as few as the 16-bit offsets allow; their times must not go back."""
    out: list[bytes] = []
    group: list[Block] = []
    for block in blocks:
        if group and not 0 <= block.time_ms - group[0].time_ms <= MAX_BLOCK_OFFSET:
            out += _cluster(group)
            group = []
        group.append(block)
    if group:
        out += _cluster(group)
    return b"".join(out)


def read_clusters(data: bytes) -> Iterator[Block]:
    """Yield the blocks of clusters that `clusters` wrote. Raises `BadWebm`."""
    for at, end in _contents(data):
        if end > len(data):
            raise CutOff(f"the cluster's content at byte {at} is cut off")
        yield from _blocks(data, at, end)


def whole_blocks(data: bytes) -> Iterator[Block]:
    """As `read_clusters`, of data that may end anywhere: up to the last block that is whole. Raises `BadWebm`."""
    try:
        for at, end in _contents(data):
            yield from _blocks(data, at, end)
    except CutOff:
        return


def _contents(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the content of each cluster begins, and where it ends by its own account."""
    at = 0
    while at < len(data):
        head = data[at : at + 4]
        if head != CLUSTER:
            raise (CutOff if CLUSTER.startswith(head) else BadWebm)(f"no cluster at byte {at}")
        start, at = _span(data, at + 4)
        yield start, at


def _blocks(data: bytes, at: int, end: int) -> Iterator[Block]:
    base = None
    while at < end:
        identifier = data[at : at + 1]
        at, stop = _span(data, at + 1)
        if stop > end:
            raise BadWebm(f"element longer than its cluster at byte {at}")
        if stop > len(data):
            raise CutOff(f"element at byte {at} is cut off")
        if identifier == TIMESTAMP:
            base = int.from_bytes(data[at:stop], "big")
        elif identifier == SIMPLE_BLOCK:
            yield _block(data, at, stop, base)
        else:
            raise BadWebm(f"unknown element {identifier.hex()} at byte {at}")
        at = stop


def cluster_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each cluster begins and ends. Raises `BadWebm`."""
    at = 0
    while at < len(data):
        if data[at : at + 4] != CLUSTER:
            raise BadWebm(f"no cluster at byte {at}")
        _, end = _span(data, at + 4)
        if end > len(data):
            raise CutOff(f"the cluster at byte {at} is cut off")
        yield at, end
        at = end


def _block(data: bytes, at: int, stop: int, base: int | None) -> Block:
    if base is None or stop - at < 4 or data[at] != 0x80 | TRACK_NUMBER:
        raise BadWebm(f"bad block at byte {at}")
    (offset,) = struct.unpack_from(">h", data, at + 1)
    return Block(base + offset, bool(data[at + 3] & _KEYFRAME), data[at + 4 : stop])


def _cluster(blocks: Sequence[Block]) -> list[bytes]:
    """The cluster in parts: frames are large, and each copy of them costs."""
    base = blocks[0].time_ms
    parts = [b"", element(TIMESTAMP, unsigned(base))]
    for block in blocks:
        data = block.data
        head = _BLOCK_HEAD.pack(0x80 | TRACK_NUMBER, block.time_ms - base, _KEYFRAME if block.keyframe else 0)
        parts.append(SIMPLE_BLOCK + _size(4 + len(data)) + head)
        parts.append(data)
    parts[0] = CLUSTER + _size(sum(map(len, parts)))
    return parts


def _video_entry(width: int, height: int) -> bytes:
    return (
        _entry_head(1, b"V_VP8")
        + element(b"\xe0", element(b"\xb0", unsigned(width)) + element(b"\xba", unsigned(height)))  # Video
    )


def _audio_entry() -> bytes:
    # The recording begins in the middle of an Opus stream: there are no priming samples to drop, so pre-skip and
    # CodecDelay are 0 and a block's time is exactly when its sound was captured.
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, SAMPLE_RATE, 0, 0)
    return (
        _entry_head(2, b"A_OPUS")
        + element(b"\x63\xa2", head)  # CodecPrivate
        + element(b"\x56\xaa", unsigned(0))  # CodecDelay
        + element(b"\x56\xbb", unsigned(SEEK_PRE_ROLL_NS))
        + element(b"\xe1", element(b"\xb5", struct.pack(">d", SAMPLE_RATE)) + element(b"\x9f", unsigned(2)))  # Audio
    )


def _entry_head(track_type: int, codec: bytes) -> bytes:
    return (
        element(b"\xd7", unsigned(TRACK_NUMBER))
        + element(b"\x73\xc5", unsigned(TRACK_NUMBER))  # TrackUID
        + element(b"\x83", unsigned(track_type))
        + element(b"\x9c", unsigned(0))  # FlagLacing
        + element(b"\x22\xb5\x9c", b"und")  # Language
        + element(b"\x86", codec)
    )


def unsigned(value: int) -> bytes:
    """Return an unsigned integer in as few bytes as it takes (RFC 8794 section 7.2)."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _size(length: int) -> bytes:
    for width in range(1, 9):
        if length < (1 << 7 * width) - 1:  # all ones means "unknown"
            return (length | 1 << 7 * width).to_bytes(width, "big")
    raise ValueError("element too long")


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content of an element whose size is at `at` begins and, by the size, ends."""
    if at < len(data) and not data[at]:
        raise BadWebm(f"no size at byte {at}")
    width = 9 - data[at].bit_length() if at < len(data) else 1
    start = at + width
    if start > len(data):
        raise CutOff(f"the size at byte {at} is cut off")
    return start, start + (int.from_bytes(data[at:start], "big") & (1 << 7 * width) - 1)
