"""A redacted viewing copy of a really recorded session, decoded again: what was redacted is neither seen nor heard."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from server.evidence import viewing_child, viewing_copy
from server.evidence.redaction import FORMAT, BadRedaction, Redaction, read_redaction
from server.evidence.report_words import ZH
from server.evidence.survey import survey
from server.evidence.viewing_copy import NotFilmed, ViewingCopy
from tests.server.evidence.recorded import SESSION, Archive, record
from tests.server.evidence.test_viewing_copy import filmed, green, pictures, tone

WORDS = 2000
"""More pixels than watermark and words have of the test picture's colour; the picture has fifty times as many."""
CHAT = "请把证件放到摄像头下"


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened, seconds=4)
        yield opened


def redaction(**lists: Any) -> Redaction:
    return read_redaction(json.dumps({"format": FORMAT, "session": SESSION, **lists}).encode())


ALL = redaction(
    intervals=[
        {"track": "kiosk.microphone", "from_ms": 2000, "to_ms": 3000, "reason": "card number"},
        {"track": "specialist.camera", "from_ms": 2000, "to_ms": 3000, "reason": "someone else"},
    ],
    regions=[
        {"track": "kiosk.camera", "from_ms": 1000, "to_ms": 2500, "reason": "a badge",
         "x": 0.0, "y": 0.0, "w": 0.5, "h": 1.0},
    ],
    chat=[{"id": "c1", "reason": "a number"}],
    documents=[{"id": "d1", "reason": "another's paper"}],
)  # fmt: skip


def stored(archive: Archive) -> dict[str, str]:
    """A digest of every stored blob and of every table."""
    root = archive.folder / "blobs"
    found = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    with closing(sqlite3.connect(archive.folder / "store.sqlite3")) as connection:
        found["database"] = hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
    return found


def loudness(path: Path, begin_s: float, end_s: float, pitch: int) -> float:
    """How strong a pitch (Hz) is in a part of the sound."""
    with av.open(str(path)) as container:
        heard = [frame for frame in container.decode(audio=0) if begin_s <= float(frame.time or 0) < end_s]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in heard]).astype(np.float64)
    turns = np.exp(-2j * np.pi * pitch * np.arange(len(samples)) / 48000)
    return float(abs((samples * turns).mean()))


async def test_what_is_redacted_is_neither_seen_nor_heard(archive: Archive, tmp_path: Path) -> None:
    before, path = stored(archive), tmp_path / "look.mp4"
    made = await filmed(archive, path, redaction=ALL, made_by="cli:root")
    assert stored(archive) == before, "the original stays as it is"
    assert (made.redactions, made.redacted, made.left_out) == (5, ALL.sha256, 0)
    # One voice of two is missing for that second, on both sides of it both are there.
    assert tone(path, 1.3, 1.9) == tone(path, 3.2, 3.9) == {330, 440}
    assert tone(path, 2.0, 3.0) == {330}
    assert loudness(path, 2.0, 3.0, 440) < loudness(path, 3.2, 3.9, 440) / 50
    at = {round(time * 10): picture for time, picture in pictures(path)}
    right = (slice(60, 560), slice(640, 1280))
    assert green(at[19], right) > 50_000 < green(at[32], right)
    for moment in (20, 25, 29):
        assert green(at[moment], right) < WORDS
        # Flat but for the watermark and the words in its middle.
        assert np.median(at[moment][right]) < 20
        assert (at[moment][right].max(axis=2) < 40).mean() > 0.9
    # The left half of the other picture is black until it has a gap anyway.
    quarter, rest = (slice(60, 560), slice(4, 316)), (slice(60, 560), slice(340, 636))
    assert green(at[19], quarter) < WORDS < 10 * WORDS < green(at[19], rest)
    assert (at[19][quarter].max(axis=2) < 40).mean() > 0.9
    await look_at_the_statement(made, archive, path)


def test_a_picture_that_was_taken_in_an_interval_is_not_shown_after_it() -> None:
    place = (0.0, 0.0, 0.5, 0.5)
    camera = viewing_child.Tile("", 0, 0, 2, 2, [], [(1000, 2000, "why")], [(3000, 4000, place)], at_ms=1990)
    assert [camera.covered(now) for now in (1500, 2000, 2400)] == ["why"] * 3
    camera.at_ms = 2400
    assert (camera.covered(1999), camera.covered(2400), camera.hidden(2900)) == ("why", "", ())
    camera.at_ms = 3990
    assert camera.hidden(3500) == camera.hidden(4100) == (place,)
    # What is on a screen stays there, and is what it is at each moment.
    screen = viewing_child.Tile("", 0, 0, 2, 2, [], [(1000, 2000, "why")], [], lasts=True, at_ms=1990)
    assert (screen.covered(1999), screen.covered(2000)) == ("why", "")


async def test_the_end_of_an_interval_shows_nothing_of_it(archive: Archive, tmp_path: Path) -> None:
    all_of_it = redaction(
        intervals=[{"track": "kiosk.camera", "from_ms": 1000, "to_ms": 2590, "reason": "r"}],
        regions=[{"track": "specialist.camera", "from_ms": 0, "to_ms": 60_000, "reason": "r",
                  "x": 0, "y": 0, "w": 1, "h": 1}],
    )  # fmt: skip
    path = tmp_path / "look.mp4"
    await filmed(archive, path, redaction=all_of_it)
    shown = pictures(path)
    left, right = (slice(60, 560), slice(0, 640)), (slice(60, 560), slice(640, 1280))
    assert max(green(picture, left) for time, picture in shown if time < 3.95) < WORDS
    assert max(green(picture, left) for time, picture in shown if time > 4.2) > 50_000
    assert max(green(picture, right) for _, picture in shown) < WORDS


async def look_at_the_statement(made: ViewingCopy, archive: Archive, path: Path) -> None:
    """It lists each redaction with its reason, and says of what."""
    assert made.statement == path.with_name("look.mp4.redactions.json")
    told = json.loads(made.statement.read_text(encoding="utf-8"))
    assert told["film"] == {"name": "look.mp4", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert (told["viewer"], told["made_by"], told["session"]) == ("Li Zhu", "cli:root", SESSION)
    last = (await archive.journal.read(SESSION))[-1]
    assert told["journal"] == {"seq": last.seq, "hash": last.hash.hex()}
    listed = json.dumps(told["redaction"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert told["sha256"] == hashlib.sha256(listed.encode()).hexdigest() == ALL.sha256
    reasons = {one["reason"] for entries in told["redaction"].values() if isinstance(entries, list) for one in entries}
    assert reasons == {"card number", "someone else", "a badge", "a number", "another's paper"}
    with pytest.raises(FileExistsError):
        await filmed(archive, path, redaction=ALL)
    path.unlink()
    with pytest.raises(FileExistsError, match=r"redactions\.json"):
        await filmed(archive, path, redaction=ALL)


async def described(archive: Archive, redacted: Redaction | None) -> dict[str, Any]:
    """What the process that makes the film is told."""
    found = await survey(archive.journal, SESSION)
    key = await archive.vault.open(SESSION)
    film = viewing_copy._Film(found, archive.journal, archive.blobs, key, found.tracks, ZH, redacted)
    return await viewing_copy._describe(film, "Li Zhu", None, None, wanted=False)


async def test_texts_are_left_out_before_the_film_is_made(archive: Archive) -> None:
    before, after = await described(archive, None), await described(archive, ALL)
    texts = [text for _, text in after["events"]]
    assert CHAT in json.dumps(before, ensure_ascii=False)
    assert CHAT not in json.dumps(after, ensure_ascii=False)
    assert any(text.endswith("已遮盖：a number") for text in texts)
    # Asked for, agreed to, stored and decided upon.
    assert sum(text.endswith("已遮盖：another's paper") for text in texts) == 4
    assert "0:02  客户声音已消音：card number（2–3 秒）" in texts
    assert [moment for moment, _ in after["events"]] == sorted(moment for moment, _ in after["events"])
    # The film says so from its beginning to its end.
    assert ALL.sha256 in after["note"]
    assert "遮盖" not in before["note"]


async def test_what_names_nothing_makes_no_film(archive: Archive, tmp_path: Path) -> None:
    wrong = redaction(chat=[{"id": "c9", "reason": "r"}])
    with pytest.raises(BadRedaction, match="the session has no c9"):
        await filmed(archive, tmp_path / "look.mp4", redaction=wrong)
    assert not list(tmp_path.glob("look*"))


async def test_a_full_disk_leaves_neither_film_nor_statement(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:10])
        raise OSError(28, "No space left on device")

    async def film(_film: object, _told: object, output: int, _progress: object) -> None:
        os.write(output, b"a film")

    monkeypatch.setattr(viewing_copy, "_film", film)
    monkeypatch.setattr(viewing_copy, "_write", full)
    with pytest.raises(NotFilmed, match="No space left"):
        await filmed(archive, tmp_path / "look.mp4", redaction=ALL)
    assert not list(tmp_path.glob("look*"))
