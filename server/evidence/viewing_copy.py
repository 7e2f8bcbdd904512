"""`visavis export --viewing-copy SESSION FILE.mp4`: one film to look at, and no evidence.

Pictures side by side, all voices, the events as text, the time, and over everything who it was made for and when. It is
decoded and encoded by a process of its own (`viewing_child.py`), which gets frames in the order of time and has no key.
The shared screen is not in it: drawing that needs a browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from link.tasks import spawn
from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.evidence import report_words as words
from server.evidence.export import UNREADABLE, Progress
from server.evidence.output import PART
from server.evidence.reader import open_segment
from server.evidence.report_words import EN, ZH
from server.evidence.survey import Survey, survey, told
from server.journal import Journal
from server.recording.segment import COBROWSE
from server.recording.webm import Block, read_clusters
from server.session import events as e
from server.session.private import unsealed

CHILD: Final = Path(__file__).with_name("viewing_child.py")
FONTS: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
)
"""Where Chinese fonts lie on Debian, Arch, Fedora and openEuler."""
NOTES: Final = (
    "仅供查看，不作为证据；客户屏幕不在本副本中，请在录音录像库或导出文件中查看。",
    "For looking only, not evidence. The customer's screen is not in this copy: see the library or an export.",
)
NO_PICTURE: Final = ("此时没有画面", "No picture at this time")
HEAD: Final = struct.Struct(">BBQI")
"""Before each frame, as `viewing_child.py` has it: importing that would load the decoders here."""
_SEALED: Final = ("segment_sealed",)
_STDERR: Final = 4096


class NotFilmed(OSError):
    """The film could not be made, and there is none; the message says why."""


class NothingToSee(Exception):
    """The session has no sound and no picture."""


@dataclass(frozen=True, slots=True)
class ViewingCopy:
    """A finished copy: its length in milliseconds, and how many segments could not be read."""

    file: Path
    length_ms: int
    bytes: int
    left_out: int


@dataclass(slots=True)
class _Film:
    """What is being filmed."""

    found: Survey
    journal: Journal
    blobs: Blobs
    key: SessionKey
    tracks: list[e.TrackStarted]
    length_ms: int = 0
    left_out: int = 0


async def write_viewing_copy(
    session: str,
    path: Path,
    *,
    journal: Journal,
    blobs: Blobs,
    vault: Vault,
    viewer: str,
    language: str = "zh-CN",
    font: Path | None = None,
    zone: tzinfo | None = None,
    progress: Progress | None = None,
) -> ViewingCopy:
    """Write the film of a session for `viewer`, whose name is all over it. `progress` hears seconds done, and all.

    Raises:
        FileExistsError: the file is there.
        LookupError: there is no such session.
        NoKey, Broken: nothing of it can be read.
        NothingToSee: it has no sound and no picture.
        NotFilmed: the process that makes it failed, or the disk did.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists")
    found = await survey(journal, session)
    tracks = list({track.track: track for track in found.tracks if track.kind != COBROWSE}.values())
    if not tracks:
        raise NothingToSee(f"session {session} has no sound and no picture")
    film = _Film(found, journal, blobs, await vault.open(session), tracks)
    description = await _describe(film, viewer, ZH if language.startswith("zh") else EN, font, zone)
    part = path.with_name(path.name + PART)
    try:
        with part.open("w+b") as file:
            await _film(film, description, file.fileno(), progress)
        part.replace(path)
    except OSError as error:
        raise NotFilmed(f"{path} cannot be made: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return ViewingCopy(path, film.length_ms, path.stat().st_size, film.left_out)


def chinese_font() -> Path | None:
    """A font of this machine with Chinese characters."""
    return next((path for path in map(Path, FONTS) if path.is_file()), None)


async def _describe(film: _Film, viewer: str, language: int, font: Path | None, zone: tzinfo | None) -> dict[str, Any]:
    """What the child is told before the first frame; finds out how long the film is."""
    begun, events = 0, []
    gaps: dict[str, list[tuple[int, int, str]]] = {}
    async for entry, event in told(film.journal, film.found.session, up_to=film.found.seq):
        begun = begun or entry.at_us
        at_ms = max(0, (entry.at_us - begun) // 1000)
        match event:
            case e.SegmentSealed():
                film.length_ms = max(film.length_ms, event.end_ms)
            case e.GapDeclared():
                why = words.word(words.GAPS, event.reason, language)
                gaps.setdefault(event.track, []).append((event.start_ms, event.end_ms, why))
            case _ if entry.kind not in words.SILENT:
                fields = msgspec.to_builtins(unsealed(event, film.key))
                seconds = at_ms // 1000
                text = words.moment(entry.kind, fields, language)
                events.append((at_ms, f"{seconds // 60}:{seconds % 60:02}  {text}"))
            case _:
                pass
    began = datetime.fromtimestamp(begun / 1e6, UTC).astimezone(zone)
    today = datetime.now(UTC).astimezone(zone).strftime("%Y-%m-%d")
    return {
        "length_ms": film.length_ms,
        "tracks": [
            {"kind": track.kind, "label": words.track(track.track, language), "gaps": gaps.get(track.track, [])}
            for track in film.tracks
        ],
        "events": events,
        "clock": began.hour * 3600 + began.minute * 60 + began.second,
        "day": began.strftime("%Y-%m-%d"),
        "watermark": f"{viewer}  {today}",
        "note": NOTES[language],
        "no_picture": NO_PICTURE[language],
        "font": str(font or chinese_font() or ""),
    }


async def _film(film: _Film, description: dict[str, Any], output: int, progress: Progress | None) -> None:
    """Run the child and feed it. Raises `OSError` when it fails."""
    # Descriptor 3 of the child is the file, whatever its number is here.
    begin = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable, '-I', sys.argv[2]])"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", begin, str(output), str(CHILD)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(output,),
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        cwd="/",
    )
    assert process.stdin is not None
    assert process.stderr is not None
    said = spawn(process.stderr.read(), name="what the viewing copy's process says")
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            text = json.dumps(description).encode()
            process.stdin.write(len(text).to_bytes(4, "big") + text)
            async for index, block in _in_order(film):
                process.stdin.write(HEAD.pack(index, block.keyframe, block.time_ms, len(block.data)) + block.data)
                await process.stdin.drain()
                if progress is not None:
                    progress(block.time_ms // 1000, film.length_ms // 1000)
            process.stdin.close()
        code = await process.wait()
        if code:
            last = (await said)[-_STDERR:].decode("utf-8", "replace").strip().splitlines()[-1:]
            raise OSError(f"the process that makes it ended with {code} ({' '.join(last)})")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await said


async def _in_order(film: _Film) -> AsyncIterator[tuple[int, Block]]:
    """The frames of all tracks by their time, of each track one segment at a time in memory."""
    sources = [_blocks(film, track) for track in film.tracks]
    waiting: list[tuple[int, int, Block]] = []
    for index, source in enumerate(sources):
        if (block := await anext(source, None)) is not None:
            heapq.heappush(waiting, (block.time_ms, index, block))
    while waiting:
        _, index, block = heapq.heappop(waiting)
        yield index, block
        following = await anext(sources[index], None)
        if following is not None:
            heapq.heappush(waiting, (following.time_ms, index, following))


async def _blocks(film: _Film, track: e.TrackStarted) -> AsyncIterator[Block]:
    sealed: Sequence[e.SegmentSealed] = [
        event
        async for _, event in told(film.journal, film.found.session, up_to=film.found.seq, kinds=_SEALED)
        if isinstance(event, e.SegmentSealed) and event.track == track.track
    ]
    last = 0
    for event in sorted(sealed, key=lambda event: event.start_ms):
        try:
            data = await asyncio.to_thread(open_segment, film.key, event, await film.blobs.get(event.blob))
            blocks = list(read_clusters(data))
        except UNREADABLE:
            film.left_out += 1
            continue
        for block in blocks:
            last = max(last, block.time_ms)
            yield msgspec.structs.replace(block, time_ms=last)
