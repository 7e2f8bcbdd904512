"""A segment: about two seconds of one track in one container. Its names, its contents, and how it is completed."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zstandard

from link.rtc.wire import opus
from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.recording.webm import BadWebm, CutOff, clusters, read_clusters, whole_blocks

SEGMENT_MS = 2000
AUDIO, VIDEO, COBROWSE = "audio", "video", "cobrowse"
CODECS = {AUDIO: "opus", VIDEO: "vp8", COBROWSE: "rrweb"}
PICTURE_MS = 40  # how long the last picture of a segment is taken to be seen
CROWDED_MS = 2
OPEN_SUFFIX = ".open"
MAX_LINES_BYTES = 256 << 20
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SegmentName:
    """Which segment: the `index`-th of a track of a session, counted from 0."""

    session: str
    track: str
    index: int

    @property
    def container(self) -> str:
        """The name that the container's encryption is bound to."""
        return f"segment/{self.track}/{self.index}"

    @property
    def blob(self) -> str:
        """The name of the sealed segment's blob."""
        return f"{track_folder(self.session, self.track)}/{self.index:06d}"

    def spool(self, spool: Path) -> Path:
        """The file of the segment while it is open."""
        return spool / self.session / self.track / f"{self.index:06d}{OPEN_SUFFIX}"


def track_folder(session: str, track: str) -> str:
    """Return the folder of a track's blobs."""
    return f"sessions/{session}/tracks/{track}"


def kind_of(track: str) -> str:
    """Return the kind of a track by its name, for what a crash left before the track was journaled."""
    source = track.rpartition(".")[2]
    return {"microphone": AUDIO, "cobrowse": COBROWSE}.get(source, VIDEO)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a segment's contents: first and last moment in session milliseconds, and the number of frames.

    `crowded` of the frames begin within 2 ms of the one before: no source sends so fast, but the same source taken
    twice looks like that.
    """

    start_ms: int
    end_ms: int
    frames: int
    keyframe: bool
    crowded: int = 0

    @property
    def doubled(self) -> bool:
        """Whether the media are there twice. A few crowded frames are only a clock set right."""
        return self.frames >= 10 and self.crowded * 3 >= self.frames


class _Line(msgspec.Struct):
    at: int
    kind: str
    keyframe: bool = False


def facts(kind: str, data: bytes) -> Facts | None:
    """Read the facts of a segment's contents; None when there is not one frame. Raises `Broken`."""
    try:
        return _line_facts(data) if kind == COBROWSE else _media_facts(kind, data)
    except (BadWebm, msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise Broken(f"contents are no {kind} segment: {error}") from error


def _media_facts(kind: str, data: bytes) -> Facts | None:
    blocks = list(read_clusters(data))
    if not blocks:
        return None
    last = blocks[-1]
    length = round(opus.duration(last.data) * 1000) if kind == AUDIO else PICTURE_MS
    crowded = sum(after.time_ms - before.time_ms <= CROWDED_MS for before, after in itertools.pairwise(blocks))
    keyframe = any(block.keyframe for block in blocks)
    return Facts(blocks[0].time_ms, last.time_ms + length, len(blocks), keyframe, crowded)


def _line_facts(data: bytes) -> Facts | None:
    decoder = msgspec.json.Decoder(_Line)
    lines = [decoder.decode(line) for line in unpack_lines(data)]
    if not lines:
        return None
    return Facts(lines[0].at, lines[-1].at + 1, len(lines), any(line.keyframe for line in lines))


def pack_lines(lines: Iterable[bytes]) -> bytes:
    """Return JSON lines as one zstd frame (RFC 8878); frames may follow one another."""
    return zstandard.ZstdCompressor(level=3).compress(b"".join(line + b"\n" for line in lines))


def unpack_lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines of any number of zstd frames. Raises `zstandard.ZstdError` or `Broken`."""
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        text = reader.read(MAX_LINES_BYTES + 1)
    if len(text) > MAX_LINES_BYTES:
        raise Broken("co-browse segment is too large")
    yield from text.splitlines()


def unpack_pieces(data: bytes) -> Iterator[bytes]:
    """Yield the text of any number of zstd frames in pieces of a mebibyte. Raises as `unpack_lines`."""
    size = 0
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        while piece := reader.read(PIECE_BYTES):
            size += len(piece)
            if size > MAX_LINES_BYTES:
                raise Broken("co-browse segment is too large")
            yield piece


@dataclass(frozen=True, slots=True)
class Complete:
    """A finished segment: the container's bytes, what it holds, and the digests that the journal keeps.

    The first `kept` of the bytes are what was read.
    """

    blob: bytes
    kept: int
    data: bytes
    sha256: str
    digest: str


def complete(key: SessionKey, name: SegmentName, blob: bytes) -> Complete:
    """Close an open container where its last whole chunk ends, or take a closed one. Raises `Broken`.

    Reading it back checks what the disk returned before the segment is called sealed.
    """
    contents = key.read(name.container, blob)
    if not contents.closed:
        writer = key.resume(name.container, blob, contents.chunks)
        blob = blob[: contents.length] + writer.chunk(b"", final=True)
    return Complete(blob, contents.length, contents.data, hashlib.sha256(blob).hexdigest(), suite_digest(key, blob))


def mended(key: SessionKey, name: SegmentName, kind: str, blob: bytes) -> bytes:
    """Return an open container without a partly written end: one write may be several chunks.

    Where the last whole chunk ends inside a frame or a line, a container of the whole ones takes its place. A finished
    one is returned as it is, and so is one in which something else is wrong. Raises `Broken`.
    """
    contents = key.read(name.container, blob)
    if contents.closed:
        return blob
    whole = _whole_lines(contents.data) if kind == COBROWSE else _whole_blocks(contents.data)
    return blob if whole is None else key.seal(name.container, whole)


def _whole_blocks(data: bytes) -> bytes | None:
    """The contents before a truncated block; None if no block is truncated."""
    try:
        for _ in read_clusters(data):
            pass
    except CutOff:
        return clusters(list(whole_blocks(data)))
    except BadWebm:
        pass
    return None


def _whole_lines(data: bytes) -> bytes | None:
    """The contents before a truncated line; None if no line is truncated."""
    text = b""
    try:
        while data:
            frame = zstandard.ZstdDecompressor().decompressobj()
            text += frame.decompress(data)
            if not frame.eof:
                return pack_lines(text[: text.rfind(b"\n") + 1].splitlines())
            data = frame.unused_data
    except zstandard.ZstdError:
        pass
    return None


def suite_digest(key: SessionKey, blob: bytes) -> str:
    """Return the suite's own digest with its name, or "" where the suite's digest is SHA-256."""
    hash_name = key.suite.hash().name
    return "" if hash_name == "sha256" else f"{hash_name}:{key.suite.digest(blob)}"
