"""A viewing copy of a really recorded session: one film, decoded again and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from link.tasks import spawn
from server.blobs.blobs import Blobs
from server.evidence import viewing_child, viewing_copy
from server.evidence.viewing_copy import NotFilmed, NothingToSee, write_viewing_copy
from tests.server.evidence.recorded import SESSION, Archive, record, requested


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened, seconds=4)
        yield opened


async def filmed(archive: Archive, path: Path, **more: Any) -> viewing_copy.ViewingCopy:
    """A film without the shared screen, which `test_screen_film.py` looks at."""
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault, "zone": UTC}
    parts["screen"] = False
    return await write_viewing_copy(SESSION, path, **parts, viewer="Li Zhu", **more)


def pictures(path: Path) -> list[tuple[float, Any]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def tone(path: Path, begin_s: float, end_s: float) -> set[int]:
    """The loudest pitches (Hz, to the nearest ten) in a part of the sound."""
    with av.open(str(path)) as container:
        heard = [frame for frame in container.decode(audio=0) if begin_s <= float(frame.time or 0) < end_s]
    parts = [frame.to_ndarray()[0] for frame in heard]
    samples = np.concatenate(parts).astype(np.float64)
    strength = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loud = np.flatnonzero(strength > strength.max() / 3)
    return {round(at * 48000 / len(samples) / 10) * 10 for at in loud}


def green(picture: Any, where: tuple[slice, slice]) -> int:
    """How many pixels are of the test picture's colour."""
    return int((picture[where][:, :, 1] > 100).sum())


async def test_it_shows_and_sounds_everybody_for_as_long_as_the_call(archive: Archive, tmp_path: Path) -> None:
    path, heard = tmp_path / "look.mp4", []
    made = await filmed(archive, path, progress=lambda done, total: heard.append((done, total)))
    assert (made.file, made.left_out) == (path, 0)
    assert 4900 <= made.length_ms <= 5100
    assert heard[-1][1] == made.length_ms // 1000
    shown = pictures(path)
    assert len(shown) == -(-made.length_ms // 100)
    assert shown[0][1].shape == (720, 1280, 3)
    # Both voices, 440 and 330 Hz, and none before they spoke.
    assert tone(path, 2.0, 4.0) == {330, 440}
    with av.open(str(path)) as container:
        quiet = [frame.to_ndarray() for frame in container.decode(audio=0) if float(frame.time or 0) < 0.8]
        assert container.streams.video[0].codec_context.name in ("h264", "mpeg4")
    assert max(float(np.abs(part).max()) for part in quiet) < 0.01
    at = {round(time * 10): picture for time, picture in shown}
    left, right = (slice(60, 560), slice(0, 640)), (slice(60, 560), slice(640, 1280))
    assert green(at[5], left) < green(at[20], left) / 4, "nobody was seen before the call"
    assert green(at[20], right) > 50_000
    # From 2.6 to 4 s the customer's camera is a gap, and says so in the middle of the picture.
    assert green(at[35], left) < green(at[20], left) / 4
    assert at[35][290:330, 10:400].max() > 150
    assert green(at[45], left) > 50_000
    # The clock moves on, and the events come.
    assert not np.array_equal(at[20][8:36, 0:200], at[31][8:36, 0:200])
    assert np.abs(at[15][620:692].astype(int) - at[30][620:692].astype(int)).max() > 60
    with pytest.raises(FileExistsError):
        await filmed(archive, path)


async def test_the_name_is_over_the_pictures(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filmed(archive, tmp_path / "one.mp4", language="en")
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault, "zone": UTC}
    parts["screen"] = False
    await write_viewing_copy(SESSION, tmp_path / "two.mp4", **parts, viewer="Somebody Else", language="en")
    one, two = pictures(tmp_path / "one.mp4")[20][1], pictures(tmp_path / "two.mp4")[20][1]
    middle = (slice(100, 550), slice(0, 1280))
    assert (np.abs(one[middle].astype(int) - two[middle].astype(int)) > 30).sum() > 1000


async def test_what_cannot_be_read_is_left_out(archive: Archive, tmp_path: Path) -> None:
    root = archive.folder / "blobs" / "sessions" / SESSION / "tracks"
    (root / "specialist.camera" / "000000").unlink()
    damaged = root / "kiosk.microphone" / "000001"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert (await filmed(archive, tmp_path / "look.mp4")).left_out == 2
    assert len(pictures(tmp_path / "look.mp4")) > 40


async def test_a_process_that_dies_leaves_no_film(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text("import sys; sys.stdin.buffer.read(100); sys.exit('no decoder')")
    monkeypatch.setattr(viewing_copy, "CHILD", child)
    with pytest.raises(NotFilmed, match="no decoder"):
        await filmed(archive, tmp_path / "look.mp4")
    assert not list(tmp_path.glob("look.mp4*"))


async def test_a_film_that_is_given_up_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    begun = asyncio.Event()
    task = spawn(filmed(archive, tmp_path / "look.mp4", progress=lambda *_: begun.set()), name="film")
    async with asyncio.timeout(30):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.glob("look.mp4*"))


async def test_a_call_without_sound_and_picture_has_none(archive: Archive, tmp_path: Path) -> None:
    event, row = requested("s-left")
    await archive.add("s-left", 0, event, projection=row)
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    with pytest.raises(NothingToSee):
        await write_viewing_copy("s-left", tmp_path / "x.mp4", **parts, viewer="x")
    with pytest.raises(LookupError):
        await write_viewing_copy("nobody", tmp_path / "x.mp4", **parts, viewer="x")


async def test_each_track_holds_one_segment_at_a_time(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long call is read as it is filmed, and not before."""
    real, asked, at = Blobs.get, [], [0]

    async def get(blobs: Blobs, name: str) -> bytes:
        asked.append((at[0], name))
        return await real(blobs, name)

    def progress(done: int, total: int) -> None:
        at[0] = done

    monkeypatch.setattr(Blobs, "get", get)
    await filmed(archive, tmp_path / "look.mp4", progress=progress)
    assert [name for second, name in asked if second < 1 and not name.endswith("000000")] == []


def test_parent_and_child_speak_of_frames_in_the_same_way() -> None:
    assert viewing_copy.HEAD.format == viewing_child.HEAD.format
