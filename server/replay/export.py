"""`visavis export SESSION DIR`: a session as ordinary files, for those who have no Visavis.

One WebM file per camera or microphone (all on the session's clock, so they play side by side), `cobrowse.jsonl`, the
papers, `journal.jsonl` with every hash of the chain, `texts.jsonl` with what is sealed in it (chat and notes), and
`SHA256SUMS` over all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from server.blobs.blobs import Blobs, Missing
from server.blobs.container import Broken
from server.blobs.vault import SessionKey, Vault
from server.journal import Entry, Journal
from server.recording.segment import COBROWSE, unpack_lines
from server.recording.webm import init_segment
from server.replay.reader import open_segment
from server.session import events as e
from server.session.private import FIELDS, is_sealed, unsealed

LEFT_OUT = "LEFT-OUT.txt"
UNREADABLE = (Broken, Missing, ValueError, IndexError)
"""What a damaged or missing blob, or a name that is none, is told by."""


class Incomplete(Exception):
    """Everything that can be read was written; `left_out` names the rest, one line each, as LEFT-OUT.txt does."""

    def __init__(self, written: list[Path], left_out: list[str]) -> None:
        super().__init__(f"{len(left_out)} pieces cannot be read and are left out")
        self.written = written
        self.left_out = left_out


_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


async def export_session(session: str, folder: Path, *, journal: Journal, blobs: Blobs, vault: Vault) -> list[Path]:
    """Write the session's files into `folder`, made if needed; return them.

    Raises:
        FileExistsError: the folder is not empty.
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
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    left_out: list[str] = []
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
            written += [path async for path in _export_paper(folder, event, blobs, key, left_out)]
    if left_out:
        written.append(_write(folder / LEFT_OUT, "".join(f"{line}\n" for line in left_out).encode()))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in written)
    written.append(_write(folder / "SHA256SUMS", sums.encode()))
    if left_out:
        raise Incomplete(written, left_out)
    return written


async def _export_track(
    folder: Path, started: e.TrackStarted, events: list[e.Event], blobs: Blobs, key: SessionKey, left_out: list[str]
) -> Path:
    sealed = [event for event in events if isinstance(event, e.SegmentSealed) and event.track == started.track]
    media = started.kind != COBROWSE
    path = folder / f"{started.track}{'.webm' if media else '.jsonl'}"
    with path.open("xb") as file:
        if media:
            file.write(init_segment(started.kind, width=started.width, height=started.height))
        for event in sorted(sealed, key=lambda event: event.start_ms):
            try:
                data = await asyncio.to_thread(open_segment, key, event, await blobs.get(event.blob))
            except UNREADABLE as error:
                where = f"{event.track} segment {event.index}, {event.start_ms} to {event.end_ms} ms"
                left_out.append(f"{where}: {type(error).__name__}: {error}")
                continue
            file.write(data if media else b"".join(line + b"\n" for line in unpack_lines(data)))
    return path


async def _export_paper(
    folder: Path, paper: e.DocumentStored, blobs: Blobs, key: SessionKey, left_out: list[str]
) -> AsyncIterator[Path]:
    for name, what in ((paper.original_blob, "original"), (paper.blob, "view")):
        try:
            data = await asyncio.to_thread(key.unseal, name.split("/", 2)[2], await blobs.get(name))
        except UNREADABLE as error:
            left_out.append(f"document {paper.document}, {what}: {type(error).__name__}: {error}")
            continue
        suffix = _SUFFIXES.get(paper.media_type, ".bin") if what == "original" else _image_suffix(data)
        yield _write(folder / f"document-{paper.document}-{what}{suffix}", data)


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
    """What somebody wrote in this entry, by its number in the journal; empty for the other entries."""
    field = FIELDS.get(type(event))
    if field is None or not getattr(event, field):
        return ""
    return json.dumps({"seq": entry.seq, "kind": entry.kind, field: getattr(event, field)}, ensure_ascii=False) + "\n"


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
