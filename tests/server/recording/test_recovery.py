"""A recorder killed with SIGKILL loses under half a second; what it left is sealed and the rest is declared."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.blobs.blobs import Blobs
from server.evidence.integrity_checks import check_accounts
from server.recording.recovery import discard_spool, recover
from server.recording.segment import SegmentName, pack_lines
from server.recording.webm import init_segment
from server.session.events import Event, GapDeclared, RecordingCompleted, SegmentSealed, TrackStarted, decode
from tests.big import first_of
from tests.machine import allow
from tests.server.recording import media
from tests.server.recording.live import KEY

ROOT = Path(__file__).parents[3]


def killed_recorder(folder: Path, seconds: float) -> int:
    """Record for some seconds and kill it; return the last session millisecond handed to the recorder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.recording.live", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    sent, end = 0, None
    for line in process.stdout:
        sent = int(line.split()[1])
        end = end or time.monotonic() + seconds
        if time.monotonic() > end:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split("sent ")
    process.stdout.close()
    process.wait(5)
    return int(rest[-1]) if rest[-1].strip() else sent


def journal(folder: Path) -> list[Event]:
    return [decode(line) for line in (folder / "journal").read_bytes().splitlines()]


@pytest.mark.parametrize("seed", first_of(1, 2))
async def test_kill_loses_at_most_half_a_second(tmp_path: Path, seed: int) -> None:
    sent = killed_recorder(tmp_path, random.Random(seed).uniform(2.2, 4.5))
    history = journal(tmp_path)
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", history, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=sent + 5000)
    everything = [*history, *found.events]
    for track, kind in (("kiosk.camera", "video"), ("kiosk.microphone", "audio")):
        sealed = [event for event in everything if isinstance(event, SegmentSealed) and event.track == track]
        assert any(event.recovered for event in sealed)
        lost = sent - sealed[-1].end_ms
        print(track, "lost", lost, "ms")
        assert lost <= allow(0.6) * 1000
        data = [
            KEY.unseal(SegmentName("s1", track, event.index).container, await blobs.get(event.blob)) for event in sealed
        ]
        times = [time for time, _ in media.decoded(init_segment(kind, width=320, height=180) + b"".join(data), kind)]
        assert abs(times[-1] * 1000 - sealed[-1].end_ms) < 70
        gaps = [event for event in found.events if isinstance(event, GapDeclared) and event.track == track]
        assert (gaps[-1].start_ms, gaps[-1].end_ms, gaps[-1].reason) == (sealed[-1].end_ms, sent + 5000, "restart")
        summary = found.tracks[track].summary(track)
        assert summary.expected_ms == summary.recorded_ms + summary.gap_ms
    again = await recover("s1", everything, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=sent + 5000)
    assert again.events == []
    assert again.tracks == found.tracks
    await discard_spool("s1", tmp_path / "spool")
    assert not (tmp_path / "spool" / "s1").exists()


async def test_segment_stored_but_not_journaled_is_found(tmp_path: Path) -> None:
    sent = killed_recorder(tmp_path, 3.2)
    history = [event for event in journal(tmp_path) if not isinstance(event, SegmentSealed)]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", history, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=sent)
    indexes = [event.index for event in found.events if isinstance(event, SegmentSealed) and "camera" in event.track]
    assert indexes == list(range(len(indexes)))
    assert len(indexes) >= 2
    # Not even the start of the tracks was journaled: their kind is known by their names.
    nothing = await recover("s1", [], spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=sent)
    started = {(event.track, event.kind) for event in nothing.events if isinstance(event, TrackStarted)}
    assert started == {("kiosk.camera", "video"), ("kiosk.microphone", "audio")}


async def test_damaged_spool_is_a_gap_and_not_an_error(tmp_path: Path) -> None:
    path = SegmentName("s1", "kiosk.camera", 1).spool(tmp_path / "spool")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a container at all, but long enough to have a header")
    history: list[Event] = [
        TrackStarted("kiosk.camera", "video", "vp8"),
        SegmentSealed("kiosk.camera", 0, 0, 2000, 50, 10, "00", "sessions/s1/tracks/kiosk.camera/000000"),
    ]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", history, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000)
    assert found.events == [
        GapDeclared("kiosk.camera", 2000, 4000, "damaged"),
        GapDeclared("kiosk.camera", 4000, 9000, "restart"),
    ]
    assert found.tracks["kiosk.camera"].next_index == 2
    assert found.completed().tracks[0].gap_ms == 7000


async def test_without_its_key_the_rest_is_a_gap(tmp_path: Path) -> None:
    path = SegmentName("s1", "kiosk.camera", 1).spool(tmp_path / "spool")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sealed under a key that is gone")
    blobs = Blobs.at(str(tmp_path / "blobs"))
    await blobs.put("sessions/s1/tracks/kiosk.camera/000002", b"this, too")
    history: list[Event] = [
        TrackStarted("kiosk.camera", "video", "vp8"),
        SegmentSealed("kiosk.camera", 0, 0, 2000, 50, 10, "00", "sessions/s1/tracks/kiosk.camera/000000"),
    ]
    spool = tmp_path / "spool"
    found = await recover("s1", history, spool=spool, blobs=blobs, key=None, until_ms=9000, reason="key_destroyed")
    assert found.events == [GapDeclared("kiosk.camera", 2000, 9000, "key_destroyed")]
    summary = found.completed().tracks[0]
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms) == (9000, 2000, 7000)


async def test_a_gap_that_was_journaled_before_the_first_segment_counts(tmp_path: Path) -> None:
    camera = "sessions/s1/tracks/kiosk.camera/"
    begun: list[Event] = [
        TrackStarted("kiosk.camera", "video", "vp8"),
        GapDeclared("kiosk.camera", 40, 2000, "no_media"),
    ]
    sealed = [
        SegmentSealed("kiosk.camera", 0, 0, 40, 2, 10, "00", camera + "000000"),
        SegmentSealed("kiosk.camera", 1, 2000, 4000, 50, 10, "00", camera + "000001"),
    ]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", [*begun, *sealed], spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=5000)
    assert found.events == [GapDeclared("kiosk.camera", 4000, 5000, "restart")]
    summary = found.completed().tracks[0]
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms) == (5000, 2040, 2960)


async def test_nothing_is_done_to_a_completed_recording(tmp_path: Path) -> None:
    history: list[Event] = [TrackStarted("kiosk.camera", "video", "vp8"), RecordingCompleted([])]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    (tmp_path / "spool" / "s1").mkdir(parents=True)
    found = await recover("s1", history, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000)
    assert found.events == []
    assert not (tmp_path / "spool" / "s1").exists()


async def test_what_a_completed_recording_left_unsealed_is_not_deleted(tmp_path: Path) -> None:
    left = SegmentName("s1", "kiosk.camera", 1).spool(tmp_path / "spool")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"anything")
    history: list[Event] = [TrackStarted("kiosk.camera", "video", "vp8"), RecordingCompleted([])]
    found = await recover(
        "s1", history, spool=tmp_path / "spool", blobs=Blobs.at(str(tmp_path / "blobs")), key=KEY, until_ms=9000
    )
    assert found.events == []
    assert left.exists()


async def test_a_track_that_never_delivered_stays_declared(tmp_path: Path) -> None:
    history: list[Event] = [GapDeclared("specialist.camera", 1000, 6000, "no_media")]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", history, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000)
    assert found.events == [GapDeclared("specialist.camera", 6000, 9000, "restart")]
    assert not found.tracks["specialist.camera"].started
    summary = found.completed().tracks[0]
    assert (summary.kind, summary.expected_ms, summary.recorded_ms, summary.gap_ms) == ("video", 8000, 0, 8000)


@pytest.mark.parametrize("damaged", [0, 1])
async def test_a_damaged_piece_of_the_shared_screen_is_a_gap(tmp_path: Path, damaged: int) -> None:
    """Between pieces of the screen there is nothing to count: silence is normal there, damage is not."""
    spool, blobs = tmp_path / "spool", Blobs.at(str(tmp_path / "blobs"))
    for index, at in enumerate((1000, 5000, 9000)):
        name = SegmentName("s1", "cobrowse", index)
        line = b'{"at":%d,"kind":"rrweb","epoch":"e","keyframe":true,"data":[]}' % at
        blob = bytearray(KEY.seal(name.container, pack_lines([line])))
        blob[-1] ^= index == damaged
        name.spool(spool).parent.mkdir(parents=True, exist_ok=True)
        name.spool(spool).write_bytes(blob)
    started = [TrackStarted("cobrowse", "cobrowse", "rrweb")]
    found = await recover("s1", started, spool=spool, blobs=blobs, key=KEY, until_ms=9001, begun_ms=500)
    gaps = [event for event in found.events if isinstance(event, GapDeclared)]
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in gaps] == [
        (500, 5000, "damaged") if damaged == 0 else (1001, 9000, "damaged")
    ]
    completed = found.completed()
    assert (completed.tracks[0].segments, completed.tracks[0].gap_ms) == (2, gaps[0].end_ms - gaps[0].start_ms)
    assert list(check_accounts([*started, *found.events, completed])) == []
    again = await recover("s1", [*started, *found.events], spool=spool, blobs=blobs, key=KEY, until_ms=9001)
    assert again.events == []
    assert again.tracks == found.tracks


async def test_the_number_of_a_damaged_first_segment_is_not_used_again(tmp_path: Path) -> None:
    path = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a container at all, but long enough to have a header")
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", [], spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000, begun_ms=1500)
    assert found.events == [
        GapDeclared("kiosk.camera", 1500, 2000, "damaged"),
        GapDeclared("kiosk.camera", 2000, 9000, "restart"),
    ]
    assert found.tracks["kiosk.camera"].next_index == 1
