"""`visavis export SESSION DIR`: a session as ordinary files, for those who have no Visavis.

One WebM file per camera or microphone (all on the session's clock, so they play side by side), `cobrowse.jsonl`, the
documents, `journal.jsonl` with every hash of the chain, `texts.jsonl` with what is sealed in it (chat and notes), and
`SHA256SUMS` over all of them. Segments go from the store to the file one by one, and a file has its name once it is
whole: what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from server.blobs.blobs import Blobs, Missing
from server.blobs.container import Broken
from server.blobs.vault import SessionKey, Vault
from server.evidence.reader import open_segment
from server.journal import Entry, Journal
from server.recording.segment import AUDIO, COBROWSE, PICTURE_MS, unpack_lines
from server.recording.webm_file import WebmFile
from server.session import events as e
from server.session.private import FIELDS, is_sealed, unsealed

LEFT_OUT = "LEFT-OUT.txt"
UNFINISHED = ".unfinished"
"""Names the session and its journal's last entry during an export, so that an interrupted one can be continued."""
PART = ".part"
READ_BYTES = 1 << 20
SOUND_MS = 20
UNREADABLE = (Broken, Missing, ValueError, IndexError)
"""The exceptions of damaged or missing blobs and of invalid names."""


class Incomplete(Exception):
    """Everything that can be read was written; `left_out` names the rest, one line each, as LEFT-OUT.txt does."""

    def __init__(self, written: list[Path], left_out: list[str]) -> None:
        super().__init__(f"{len(left_out)} pieces cannot be read and are left out")
        self.written = written
        self.left_out = left_out


_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


async def export_session(session: str, folder: Path, *, journal: Journal, blobs: Blobs, vault: Vault) -> list[Path]:
    """Write the session's files into `folder`, made if needed; return them.

    A folder in which an export of this session was interrupted is gone on with: files that are whole are kept.

    Raises:
        FileExistsError: the folder has something else in it.
        LookupError: there is no such session.
        NoKey, Broken: nothing of the recording can be read; run `visavis verify` to learn more.
        Incomplete: single pieces cannot be read.
    """
    entries = await journal.read(session)
    if not entries:
        raise LookupError(f"there is no session {session}")
    events = [e.decode(entry.payload) for entry in entries]
    recorded = any(isinstance(event, e.RecordingStarted | e.DocumentStored) or is_sealed(event) for event in events)
    key = await vault.open(session) if recorded else None
    folder.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(_take_over, folder, f"{session} {entries[-1].hash.hex()}\n")
    # What was left out before an interruption is left out again, and said again.
    told = folder / LEFT_OUT
    left_out = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    written = [_write(folder / "journal.jsonl", "".join(_line(entry) for entry in entries).encode())]
    if key is not None and any(map(is_sealed, events)):
        texts = "".join(_text(entry, unsealed(e.decode(entry.payload), key)) for entry in entries)
        written.append(_write(folder / "texts.jsonl", texts.encode("utf-8", "surrogatepass")))
    for event in events:
        if key is None:
            break
        if isinstance(event, e.TrackStarted):
            written.append(await _export_track(folder, event, events, blobs, key, left_out))
        elif isinstance(event, e.DocumentStored):
            written += [path async for path in _export_document(folder, event, blobs, key, left_out)]
    left_out = list(dict.fromkeys(left_out))
    if left_out:
        written.append(_write(folder / LEFT_OUT, "".join(f"{line}\n" for line in left_out).encode()))
    sums = [f"{await asyncio.to_thread(_sha256, path)}  {path.name}\n" for path in written]
    written.append(_write(folder / "SHA256SUMS", "".join(sums).encode()))
    (folder / UNFINISHED).unlink()
    if left_out:
        raise Incomplete(written, left_out)
    return written


def _take_over(folder: Path, what: str) -> None:
    """Begin in an empty folder, or go on in one where the same export was interrupted."""
    mark = folder / UNFINISHED
    if any(folder.iterdir()):
        if not mark.exists():
            raise FileExistsError(f"{folder} is not empty")
        begun = mark.read_text(encoding="utf-8")
        if begun.split()[:1] != what.split()[:1]:
            raise FileExistsError(f"{folder} has an unfinished export of another session")
        # Of a session that has gone on meanwhile nothing can be kept: its files are longer now.
        for path in folder.iterdir():
            if path.is_file() and path != mark and (path.name.endswith(PART) or begun != what):
                path.unlink()
    mark.write_text(what, encoding="utf-8")


async def _export_track(
    folder: Path, started: e.TrackStarted, events: list[e.Event], blobs: Blobs, key: SessionKey, left_out: list[str]
) -> Path:
    sealed = [event for event in events if isinstance(event, e.SegmentSealed) and event.track == started.track]
    media = started.kind != COBROWSE
    path = folder / f"{started.track}{'.webm' if media else '.jsonl'}"
    missing: list[str] = []
    if path.exists():
        return path
    with _whole(path) as file:
        webm = _webm(file, started) if media else None
        for event in sorted(sealed, key=lambda event: event.start_ms):
            try:
                data = await asyncio.to_thread(open_segment, key, event, await blobs.get(event.blob))
                await asyncio.to_thread(webm.add if webm else partial(_add_lines, file), data)
            except UNREADABLE as error:
                where = f"{event.track} segment {event.index}, {event.start_ms} to {event.end_ms} ms"
                missing.append(f"{where}: {type(error).__name__}: {error}")
        if webm:
            webm.finish()
        if missing:
            left_out += missing
            _write(folder / LEFT_OUT, "".join(f"{line}\n" for line in left_out).encode())
    return path


def _webm(file: IO[bytes], started: e.TrackStarted) -> WebmFile:
    tail_ms = SOUND_MS if started.kind == AUDIO else PICTURE_MS
    return WebmFile(file, started.kind, width=started.width, height=started.height, tail_ms=tail_ms)


def _add_lines(file: IO[bytes], data: bytes) -> None:
    file.write(b"".join(line + b"\n" for line in unpack_lines(data)))


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that has its name once it is written and on the disk."""
    part = path.with_name(path.name + PART)
    with part.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


async def _export_document(
    folder: Path, document: e.DocumentStored, blobs: Blobs, key: SessionKey, left_out: list[str]
) -> AsyncIterator[Path]:
    for name, what in ((document.original_blob, "original"), (document.blob, "view")):
        try:
            data = await asyncio.to_thread(key.unseal, name.split("/", 2)[2], await blobs.get(name))
        except UNREADABLE as error:
            left_out.append(f"document {document.document}, {what}: {type(error).__name__}: {error}")
            continue
        suffix = _SUFFIXES.get(document.media_type, ".bin") if what == "original" else _image_suffix(data)
        yield _write(folder / f"document-{document.document}-{what}{suffix}", data)


def _image_suffix(data: bytes) -> str:
    return ".png" if data.startswith(b"\x89PNG") else ".jpg"


def _line(entry: Entry) -> str:
    fields = {
        "seq": entry.seq,
        "at_us": entry.at_us,
        "kind": entry.kind,
        "payload": entry.payload.decode(),
        "prev": entry.prev.hex(),
        "hash": entry.hash.hex(),
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _text(entry: Entry, event: e.Event) -> str:
    """The decrypted text of this entry with its number in the journal; empty for entries without text."""
    field = FIELDS.get(type(event))
    if field is None or not getattr(event, field):
        return ""
    return json.dumps({"seq": entry.seq, "kind": entry.kind, field: getattr(event, field)}, ensure_ascii=False) + "\n"


def _write(path: Path, data: bytes) -> Path:
    with _whole(path) as file:
        file.write(data)
    return path
