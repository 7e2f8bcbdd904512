"""`visavis export SESSION DIR`: a session as ordinary files, for those who have no Visavis.

One WebM file per camera or microphone (all on the session's clock, so they play side by side), `cobrowse.jsonl`, the
documents, `journal.jsonl` with every hash of the chain, `texts.jsonl` with what is sealed in it (chat and notes), and
`SHA256SUMS` over all of them. Segments go from the store to the file one by one, and a file has its name once it is
whole: what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import zstandard

from server.blobs.blobs import Blobs, Missing
from server.blobs.container import Broken
from server.blobs.vault import SessionKey, Vault
from server.evidence.output import OutputFolder
from server.evidence.reader import open_segment
from server.evidence.survey import Survey, survey, told
from server.journal import Entry, Journal
from server.recording.segment import AUDIO, COBROWSE, PICTURE_MS, unpack_pieces
from server.recording.webm_file import WebmFile
from server.session import events as e
from server.session.private import FIELDS, unsealed

LEFT_OUT: Final = "LEFT-OUT.txt"
SOUND_MS = 20
UNREADABLE = (Broken, Missing, ValueError, IndexError)
"""The exceptions of damaged or missing blobs and of invalid names."""
_SEALED: Final = ("segment_sealed",)

Progress = Callable[[int, int], None]
"""Hears how many of how many segments and documents are done."""


class Incomplete(Exception):
    """Everything that can be read was written; `left_out` names the rest, one line each, as LEFT-OUT.txt does."""

    def __init__(self, written: list[Path], left_out: list[str]) -> None:
        super().__init__(f"{len(left_out)} pieces cannot be read and are left out")
        self.written = written
        self.left_out = left_out


_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(slots=True)
class _Export:
    """An export that goes on: where from, where to, and what could not be read so far."""

    found: Survey
    output: OutputFolder
    journal: Journal
    blobs: Blobs
    key: SessionKey | None
    progress: Progress | None
    done: int = 0
    left_out: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    def step(self, count: int = 1) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.found.pieces)


async def export_session(
    session: str, folder: Path, *, journal: Journal, blobs: Blobs, vault: Vault, progress: Progress | None = None
) -> list[Path]:
    """Write the session's files into `folder`, made if needed; return them.

    A folder in which an export of this session was interrupted is gone on with: files that are whole are kept.

    Raises:
        FileExistsError: the folder has something else in it.
        LookupError: there is no such session.
        NoKey, Broken: nothing of the recording can be read; run `visavis verify` to learn more.
        NotWritten: the disk is full, or fails; what was written so far is whole.
        NoRoom: it would not fit; nothing was written.
        Incomplete: single pieces cannot be read.
    """
    found = await survey(journal, session)
    key = await vault.open(session) if found.keyed else None
    output = await asyncio.to_thread(OutputFolder, folder, session, found.head)
    export = _Export(found, output, journal, blobs, key, progress)
    await asyncio.to_thread(output.check_room, found.bytes, 0)
    # What was left out before an interruption is left out again, and said again.
    if output.has(LEFT_OUT):
        export.left_out = (folder / LEFT_OUT).read_text(encoding="utf-8").splitlines()
    await _export_journal(export)
    if key is not None:
        for started in found.tracks:
            export.written.append(await _export_track(export, started, key))
        for document in found.documents:
            export.written += [path async for path in _export_document(export, document, key)]
            export.step()
    left_out = list(dict.fromkeys(export.left_out))
    if left_out:
        export.written.append(output.write(LEFT_OUT, _lines(left_out)))
    sums = [f"{await asyncio.to_thread(output.sha256, path.name)}  {path.name}\n" for path in export.written]
    export.written.append(output.write("SHA256SUMS", "".join(sums).encode()))
    output.finish()
    if left_out:
        raise Incomplete(export.written, left_out)
    return export.written


async def _export_journal(export: _Export) -> None:
    """Write the journal, and beside it what is sealed in it."""
    found, output, key = export.found, export.output, export.key
    with output.whole("journal.jsonl") as lines:
        async for entry, _ in told(export.journal, found.session, up_to=found.seq):
            lines.write(journal_line(entry))
    export.written.append(output.path / "journal.jsonl")
    if key is None or not found.texts:
        return
    with output.whole("texts.jsonl") as texts:
        async for entry, event in told(export.journal, found.session, up_to=found.seq):
            texts.write(_text(entry, unsealed(event, key)).encode("utf-8", "surrogatepass"))
    export.written.append(output.path / "texts.jsonl")


async def _export_track(export: _Export, started: e.TrackStarted, key: SessionKey) -> Path:
    sealed = [
        event
        async for _, event in told(export.journal, export.found.session, up_to=export.found.seq, kinds=_SEALED)
        if isinstance(event, e.SegmentSealed) and event.track == started.track
    ]
    media = started.kind != COBROWSE
    name = f"{started.track}{'.webm' if media else '.jsonl'}"
    path = export.output.path / name
    missing: list[str] = []
    if export.output.has(name):
        export.step(len(sealed))
        return path
    with export.output.whole(name) as file:
        webm = webm_file(file, started) if media else None
        for event in sorted(sealed, key=lambda event: event.start_ms):
            try:
                data = await asyncio.to_thread(open_segment, key, event, await export.blobs.get(event.blob))
                await asyncio.to_thread(webm.add if webm else partial(_add_lines, file), data)
            except UNREADABLE as error:
                where = f"{event.track} segment {event.index}, {event.start_ms} to {event.end_ms} ms"
                missing.append(f"{where}: {type(error).__name__}: {error}")
            export.step()
        if webm:
            webm.finish()
        if missing:
            export.left_out += missing
            export.output.write(LEFT_OUT, _lines(export.left_out))
    return path


def webm_file(file: IO[bytes], started: e.TrackStarted) -> WebmFile:
    """Begin the WebM file of a media track."""
    tail_ms = SOUND_MS if started.kind == AUDIO else PICTURE_MS
    return WebmFile(file, started.kind, width=started.width, height=started.height, tail_ms=tail_ms)


def _add_lines(file: IO[bytes], data: bytes) -> None:
    """Write the lines of a segment of the shared screen, in pieces. Raises `Broken`; nothing is written then."""
    begun, last = file.tell(), b"\n"
    try:
        for piece in unpack_pieces(data):
            file.write(piece)
            last = piece[-1:]
    except (Broken, zstandard.ZstdError) as error:
        file.seek(begun)
        file.truncate()
        raise Broken(f"its lines cannot be read: {error}") from error
    file.write(b"" if last == b"\n" else b"\n")


async def _export_document(export: _Export, document: e.DocumentStored, key: SessionKey) -> AsyncIterator[Path]:
    for name, what in ((document.original_blob, "original"), (document.blob, "view")):
        try:
            data = await asyncio.to_thread(key.unseal, name.split("/", 2)[2], await export.blobs.get(name))
        except UNREADABLE as error:
            export.left_out.append(f"document {document.document}, {what}: {type(error).__name__}: {error}")
            continue
        suffix = _SUFFIXES.get(document.media_type, ".bin") if what == "original" else _image_suffix(data)
        yield export.output.write(f"document-{document.document}-{what}{suffix}", data)


def _image_suffix(data: bytes) -> str:
    return ".png" if data.startswith(b"\x89PNG") else ".jpg"


def journal_line(entry: Entry) -> bytes:
    """An entry as a line of JSON, from which its payload is got back byte for byte."""
    payload: dict[str, str] = {}
    try:
        payload["payload"] = entry.payload.decode()
    except UnicodeDecodeError:
        payload["payload_base64"] = base64.b64encode(entry.payload).decode()
    fields = {
        "seq": entry.seq,
        "at_us": entry.at_us,
        "kind": entry.kind,
        **payload,
        "prev": entry.prev.hex(),
        "hash": entry.hash.hex(),
    }
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()


def _text(entry: Entry, event: e.Event) -> str:
    """The decrypted text of this entry with its number in the journal; empty for entries without text."""
    field_name = FIELDS.get(type(event))
    if field_name is None or not getattr(event, field_name):
        return ""
    told_text = {"seq": entry.seq, "kind": entry.kind, field_name: getattr(event, field_name)}
    return json.dumps(told_text, ensure_ascii=False) + "\n"


def _lines(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
