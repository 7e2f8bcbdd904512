"""`visavis export --viewing-copy SESSION FILE.mp4`: one film to look at, and no evidence.

Pictures side by side, all voices, the events as text, the time, and over everything who it was made for and when. It is
decoded and encoded by a process of its own (`viewing_child.py`), which gets frames in the order of time and has no key.
The shared screen is drawn by a browser (`screen_pictures.py`); where there is none the film says so in its place. What
is redacted (`redaction.py`) is covered by that process before it is encoded, and named in a statement beside the film.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import os
import struct
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from link.tasks import spawn
from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.evidence import report_words as words
from server.evidence.export import UNREADABLE, Progress
from server.evidence.output import PART, sha256_of
from server.evidence.reader import open_segment
from server.evidence.redaction import COVERED, MUTED, STATEMENT_FORMAT, Interval, Redaction, Region, check_redaction
from server.evidence.redaction import words as redacted
from server.evidence.report_words import EN, ZH, Words
from server.evidence.screen_browser import ScreenBrowser, find_chromium
from server.evidence.screen_pictures import ScreenPictures
from server.evidence.survey import Survey, survey, told
from server.journal import Journal
from server.recording.segment import AUDIO, COBROWSE
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
NOTES: Final[Words] = ("仅供查看，不作为证据。", "For looking only, not evidence.")
NO_BROWSER: Final[Words] = (
    "客户屏幕不在本副本中：本机没有 Chromium。",
    "The customer's screen is not in this copy: there is no Chromium on this machine.",
)
NOT_WANTED: Final[Words] = (
    "按要求，客户屏幕不在本副本中。",
    "The customer's screen was left out of this copy on request.",
)
NOT_DRAWN: Final[Words] = ("客户屏幕此处未能绘制", "The customer's screen could not be drawn here")
SCREEN_SIZE: Final = (860, 550)
"""Pixels of the window that the shared screen is drawn in: what it has in the film beside a camera."""
STATEMENT: Final = ".redactions.json"
"""What the name of a redacted film's statement ends with."""
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
    """A finished copy: its length in milliseconds, and how many segments could not be read.

    `screen` says why the shared screen, or a part of it, is not in it; "" where it is, or nobody shared one. Of a
    redacted copy `redactions` is how many there are, `redacted` the SHA-256 of their list, `statement` its file.
    """

    file: Path
    length_ms: int
    bytes: int
    left_out: int
    screen: str = ""
    redactions: int = 0
    redacted: str = ""
    statement: Path | None = None


@dataclass(slots=True)
class _Film:
    """What is being filmed."""

    found: Survey
    journal: Journal
    blobs: Blobs
    key: SessionKey
    tracks: list[e.TrackStarted]
    language: int
    redaction: Redaction | None = None
    browser: Path | None = None
    screen: str = ""
    length_ms: int = 0
    left_out: int = 0
    gaps: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    chat: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)


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
    redaction: Redaction | None = None,
    made_by: str = "",
    screen: bool = True,
    browser: Path | None = None,
    progress: Progress | None = None,
) -> ViewingCopy:
    """Write the film of a session for `viewer`, whose name is all over it. `progress` hears seconds done, and all.

    Without `screen` the shared screen is left out; `browser` is the Chromium that draws it, if not the machine's.
    With a `redaction` a statement of it, by `made_by`, is written beside the film.

    Raises:
        FileExistsError: the file is there, or its statement.
        LookupError: there is no such session.
        NoKey, Broken: nothing of it can be read.
        NothingToSee: it has no sound and no picture.
        BadRedaction: the redaction names what the session does not have.
        NotFilmed: the process that makes it failed, or the disk did.
    """
    statement = path.with_name(path.name + STATEMENT)
    for wanted in (path, statement) if redaction is not None else (path,):
        if wanted.exists():
            raise FileExistsError(f"{wanted} exists")
    found = await survey(journal, session)
    tracks = list({track.track: track for track in found.tracks}.values())
    if all(track.kind == COBROWSE for track in tracks):
        raise NothingToSee(f"session {session} has no sound and no picture")
    film = _Film(found, journal, blobs, await vault.open(session), tracks, ZH if language.startswith("zh") else EN)
    film.redaction, film.browser = redaction, browser or find_chromium()
    description = await _describe(film, viewer, font, zone, wanted=screen)
    part, statement_part = path.with_name(path.name + PART), statement.with_name(statement.name + PART)
    try:
        with part.open("w+b") as file:
            await _film(film, description, file.fileno(), progress)
        if redaction is not None:
            stated = await _state(film, redaction, path, part, viewer, made_by)
            await asyncio.to_thread(_write, statement_part, stated)
            statement_part.replace(statement)
        part.replace(path)
    except BaseException as error:
        if redaction is not None and not path.exists():
            statement.unlink(missing_ok=True)  # there is no statement without its film
        if isinstance(error, OSError):
            raise NotFilmed(f"{path} cannot be made: {error}") from error
        raise
    finally:
        part.unlink(missing_ok=True)
        statement_part.unlink(missing_ok=True)
    made = ViewingCopy(path, film.length_ms, path.stat().st_size, film.left_out, film.screen)
    if redaction is None:
        return made
    return replace(made, redactions=redaction.count, redacted=redaction.sha256, statement=statement)


async def _state(film: _Film, redaction: Redaction, path: Path, part: Path, viewer: str, made_by: str) -> bytes:
    """What the copy does not show and why, and of which journal and which film this is said."""
    told: dict[str, object] = {
        "format": STATEMENT_FORMAT,
        "session": film.found.session,
        "journal": {"seq": film.found.seq, "hash": film.found.head},
        "film": {"name": path.name, "sha256": await asyncio.to_thread(sha256_of, part)},
        "viewer": viewer,
        "made_by": made_by,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sha256": redaction.sha256,
        "redaction": redaction.listed(),
    }
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def chinese_font() -> Path | None:
    """A font of this machine with Chinese characters."""
    return next((path for path in map(Path, FONTS) if path.is_file()), None)


async def _describe(
    film: _Film, viewer: str, font: Path | None, zone: tzinfo | None, *, wanted: bool
) -> dict[str, Any]:
    """What the child is told before the first frame; finds out how long the film is."""
    begun, events, language = 0, [], film.language
    async for entry, event in told(film.journal, film.found.session, up_to=film.found.seq):
        begun = begun or entry.at_us
        at_ms = max(0, (entry.at_us - begun) // 1000)
        match event:
            case e.SegmentSealed():
                film.length_ms = max(film.length_ms, event.end_ms)
            case e.GapDeclared():
                why = words.word(words.GAPS, event.reason, language)
                film.gaps.setdefault(event.track, []).append((event.start_ms, event.end_ms, why))
            case _ if entry.kind not in words.SILENT:
                events.append((at_ms, _line(at_ms, _told(film, entry.kind, event))))
            case _:
                pass
    redactions = _check(film)
    notes = [NOTES[language], *([film.redaction.note(language)] if film.redaction is not None else [])]
    if any(track.kind == COBROWSE for track in film.tracks) and not (wanted and film.browser is not None):
        absence = NOT_WANTED if not wanted else NO_BROWSER
        film.screen, film.tracks = absence[EN], [track for track in film.tracks if track.kind != COBROWSE]
        notes.append(absence[language])
    began = datetime.fromtimestamp(begun / 1e6, UTC).astimezone(zone)
    today = datetime.now(UTC).astimezone(zone).strftime("%Y-%m-%d")
    return {
        "length_ms": film.length_ms,
        "tracks": [_track(film, track) for track in film.tracks],
        "events": sorted([*events, *redactions], key=lambda event: event[0]),
        "clock": began.hour * 3600 + began.minute * 60 + began.second,
        "day": began.strftime("%Y-%m-%d"),
        "watermark": f"{viewer}  {today}",
        "note": "  ".join(notes),
        "no_picture": NO_PICTURE[language],
        "font": str(font or chinese_font() or ""),
    }


def _track(film: _Film, track: e.TrackStarted) -> dict[str, Any]:
    redaction, language = film.redaction, film.language
    intervals = [] if redaction is None else [one for one in redaction.intervals if one.track == track.track]
    regions = [] if redaction is None else [one for one in redaction.regions if one.track == track.track]
    return {
        "kind": "screen" if track.kind == COBROWSE else track.kind,
        "label": words.track(track.track, language),
        "gaps": film.gaps.get(track.track, []),
        "redacted": [(one.from_ms, one.to_ms, redacted(one.reason, COVERED, language)) for one in intervals],
        "regions": [(one.from_ms, one.to_ms, one.x, one.y, one.w, one.h) for one in regions],
    }


def _told(film: _Film, kind: str, event: e.Event) -> str:
    """The words of an event, or that they are redacted."""
    if isinstance(event, e.ChatSent):
        film.chat.add(event.id)
    if isinstance(event, e.DocumentRequested):
        film.documents.add(event.document)
    if film.redaction is not None:
        chat = {one.id: one.reason for one in film.redaction.chat}
        documents = {one.id: one.reason for one in film.redaction.documents}
        why = chat.get(event.id) if isinstance(event, e.ChatSent) else documents.get(getattr(event, "document", ""))
        if why is not None:
            return redacted(why, COVERED, film.language)
    return words.moment(kind, msgspec.to_builtins(unsealed(event, film.key)), film.language)


def _check(film: _Film) -> list[tuple[int, str]]:
    """What is said at the bottom of the film when a redaction begins. Raises `BadRedaction`."""
    redaction, language = film.redaction, film.language
    if redaction is None:
        return []
    kinds = {track.track: track.kind for track in film.tracks}
    check_redaction(
        redaction,
        film.found.session,
        tracks=kinds,
        length_ms=film.length_ms,
        chat=film.chat,
        documents=film.documents,
    )
    said = []
    spans: list[Interval | Region] = [*redaction.intervals, *redaction.regions]
    for one in spans:
        what = MUTED if kinds[one.track] == AUDIO and isinstance(one, Interval) else COVERED
        label = words.track(one.track, language)
        between, mark = f"{one.from_ms / 1000:g}–{one.to_ms / 1000:g}", redacted(one.reason, what, language)
        text = f"{label}{mark}（{between} 秒）" if language == ZH else f"{label}: {mark} ({between} s)"
        said.append((one.from_ms, _line(one.from_ms, text)))
    return said


def _line(at_ms: int, text: str) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 60}:{seconds % 60:02}  {text}"


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
            async with aclosing(_in_order(film)) as frames:
                async for index, block in frames:
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


async def _in_order(film: _Film) -> AsyncGenerator[tuple[int, Block], None]:
    """The frames of all tracks by their time, of each track one segment at a time in memory."""
    async with AsyncExitStack() as open_ones:
        sources = []
        for track in film.tracks:
            source = _screen(film, track) if track.kind == COBROWSE else _blocks(film, track)
            sources.append(await open_ones.enter_async_context(aclosing(source)))
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


async def _blocks(film: _Film, track: e.TrackStarted) -> AsyncGenerator[Block, None]:
    last = 0
    async for _, data in _segments(film, track):
        try:
            blocks = [] if data is None else list(read_clusters(data))
        except UNREADABLE:
            film.left_out += 1
            continue
        for block in blocks:
            last = max(last, block.time_ms)
            yield msgspec.structs.replace(block, time_ms=last)


async def _screen(film: _Film, track: e.TrackStarted) -> AsyncGenerator[Block, None]:
    """The shared screen as it was drawn."""
    width, height = SCREEN_SIZE
    language = "zh-CN" if film.language == ZH else "en"
    pictures = ScreenPictures(
        lambda: ScreenBrowser.started(width, height, executable=film.browser, language=language),
        gaps=sorted((start, end) for start, end, _ in film.gaps.get(track.track, [])),
        lost=NOT_DRAWN[film.language],
    )
    async with aclosing(pictures.blocks(_segments(film, track))) as blocks:
        async for block in blocks:
            film.screen = pictures.missing
            yield block
    film.screen = pictures.missing


async def _segments(film: _Film, track: e.TrackStarted) -> AsyncIterator[tuple[int, bytes | None]]:
    """When each segment of a track begins, and its contents; None, and counted, where it cannot be read."""
    sealed: Sequence[e.SegmentSealed] = [
        event
        async for _, event in told(film.journal, film.found.session, up_to=film.found.seq, kinds=_SEALED)
        if isinstance(event, e.SegmentSealed) and event.track == track.track
    ]
    for event in sorted(sealed, key=lambda event: event.start_ms):
        try:
            data = await asyncio.to_thread(open_segment, film.key, event, await film.blobs.get(event.blob))
        except UNREADABLE:
            film.left_out += 1
            yield event.start_ms, None
            continue
        yield event.start_ms, data
