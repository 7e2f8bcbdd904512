"""`visavis export SESSION DIR`: a session as ordinary files, for those who have no Visavis.

One WebM file per camera or microphone (all on the session's clock, so they play side by side), `cobrowse.jsonl`, the
papers, `journal.jsonl` with every hash of the chain, and `SHA256SUMS` over all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.journal import Entry, Journal
from server.recording.segment import COBROWSE, unpack_lines
from server.recording.webm import init_segment
from server.replay.reader import open_segment
from server.session import events as e

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


async def export_session(session: str, folder: Path, *, journal: Journal, blobs: Blobs, vault: Vault) -> list[Path]:
    """Write the session's files into `folder`, made if needed; return them.

    Raises:
        FileExistsError: the folder is not empty.
        LookupError: there is no such session.
        NoKey, Broken, Missing: the recording cannot be read; run `visavis verify` to learn more.
    """
    entries = await journal.read(session)
    if not entries:
        raise LookupError(f"there is no session {session}")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    events = [e.decode(entry.payload) for entry in entries]
    written = [_write(folder / "journal.jsonl", "".join(_line(entry) for entry in entries).encode())]
    if any(isinstance(event, e.RecordingStarted | e.DocumentStored) for event in events):
        key = await vault.open(session)
        for event in events:
            if isinstance(event, e.TrackStarted):
                written.append(await _export_track(folder, event, events, blobs, key))
            elif isinstance(event, e.DocumentStored):
                written += [path async for path in _export_paper(folder, event, blobs, key)]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in written)
    return [*written, _write(folder / "SHA256SUMS", sums.encode())]


async def _export_track(
    folder: Path, started: e.TrackStarted, events: list[e.Event], blobs: Blobs, key: SessionKey
) -> Path:
    sealed = [event for event in events if isinstance(event, e.SegmentSealed) and event.track == started.track]
    media = started.kind != COBROWSE
    path = folder / f"{started.track}{'.webm' if media else '.jsonl'}"
    with path.open("xb") as file:
        if media:
            file.write(init_segment(started.kind, width=started.width, height=started.height))
        for event in sorted(sealed, key=lambda event: event.start_ms):
            data = await asyncio.to_thread(open_segment, key, event, await blobs.get(event.blob))
            file.write(data if media else b"".join(line + b"\n" for line in unpack_lines(data)))
    return path


async def _export_paper(folder: Path, paper: e.DocumentStored, blobs: Blobs, key: SessionKey) -> AsyncIterator[Path]:
    for name, what in ((paper.original_blob, "original"), (paper.blob, "view")):
        data = await asyncio.to_thread(key.unseal, name.split("/", 2)[2], await blobs.get(name))
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


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
