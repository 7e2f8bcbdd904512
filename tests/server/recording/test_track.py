"""Cutting one track: segments follow the session's clock, every hole is declared, nothing is counted twice."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording import track as track_module
from server.recording.account import TrackAccount
from server.recording.items import (
    ClosedSegment,
    CutResult,
    Dropped,
    Expect,
    Item,
    Line,
    Pause,
    Resume,
    WantKeyframe,
)
from server.recording.segment import SegmentName, complete, facts, unpack_lines
from server.recording.track import Cutter, TrackState, TrackWriter
from server.recording.webm import read_clusters
from server.session.events import GapDeclared, TrackStarted

KEY = SessionKey("s1", SUITES["aes-256-gcm"], bytes(32))


def cutter(spool: Path, kind: str = "video", state: TrackState | None = None) -> Cutter:
    name = {"video": "kiosk.camera", "audio": "kiosk.microphone", "cobrowse": "cobrowse"}[kind]
    return Cutter(name, kind, key=KEY, spool=spool, offset_ms=0, state=state)


def pictures(start_ms: int, end_ms: int, step_ms: int = 40, *, keyframe_first: bool = True) -> list[Item]:
    times = range(start_ms, end_ms, step_ms)
    return [EncodedFrame(b"picture", keyframe_first and at == start_ms, at / 1000, 0) for at in times]


def sounds(start_ms: int, end_ms: int) -> list[Item]:
    return [EncodedFrame(b"\xfc", True, at / 1000, 0, duration=0.02) for at in range(start_ms, end_ms, 20)]


def spans(outcomes: list[CutResult]) -> list[tuple[int, int]]:
    return [(item.start_ms, item.end_ms) for item in outcomes if isinstance(item, ClosedSegment)]


def gaps(outcomes: list[CutResult]) -> list[tuple[int, int, str]]:
    return [(item.start_ms, item.end_ms, item.reason) for item in outcomes if isinstance(item, GapDeclared)]


def contents(closed: CutResult) -> bytes:
    assert isinstance(closed, ClosedSegment)
    return complete(KEY, closed.name, closed.path.read_bytes()).data


def test_segments_are_cut_by_the_session_clock(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(700, 6500), 6500) + track.finish(6540)
    assert isinstance(out[0], TrackStarted)
    assert (out[0].track, out[0].kind, out[0].codec) == ("kiosk.camera", "video", "vp8")
    assert spans(out) == [(700, 2000), (2000, 4000), (4000, 6000), (6000, 6500)]
    assert gaps(out) == []
    assert sum(item.frames for item in out if isinstance(item, ClosedSegment)) == 145
    state = track.state
    assert state is not None
    summary = state.summary("kiosk.camera")
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms, summary.segments) == (5800, 5800, 0, 4)


def test_what_is_on_the_disk_can_be_read_before_the_segment_ends(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    track.take(pictures(0, 400), 400)
    open_file = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path)
    found = facts("video", complete(KEY, SegmentName("s1", "kiosk.camera", 0), open_file.read_bytes()).data)
    assert found is not None
    assert (found.start_ms, found.end_ms, found.frames, found.keyframe) == (0, 400, 10, True)
    assert b"picture" not in open_file.read_bytes()
    assert open_file.stat().st_mode & 0o077 == 0


def test_recording_begins_with_a_keyframe(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(0, 400, keyframe_first=False) + pictures(400, 800), 800) + track.finish(800)
    assert spans(out) == [(400, 800)]


def test_reported_loss_is_a_gap_with_its_reason(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    items: list[Item] = [*pictures(0, 1000), MediaGap(1.0, 1.6, "loss"), *pictures(1600, 2400)]
    out = track.take(items, 2400) + track.finish(2400)
    assert gaps(out) == [(1000, 1600, "loss")]
    assert spans(out) == [(0, 1000), (1600, 2000), (2000, 2400)]


def test_short_losses_are_counted_in_their_segment(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    items: list[Item] = [*sounds(0, 500), MediaGap(0.5, 0.54, "loss"), *sounds(540, 1000)]
    out = track.take(items, 1000) + track.finish(1000)
    assert gaps(out) == []
    assert [(item.start_ms, item.end_ms, item.lost_ms) for item in out if isinstance(item, ClosedSegment)] == [
        (0, 1000, 40)
    ]
    assert track.state is not None
    assert (track.state.recorded_ms, track.state.gap_ms) == (960, 40)


def test_silence_of_the_network_is_a_gap_when_media_returns(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take(sounds(0, 1000), 3000) + track.take(sounds(5000, 5200), 5200) + track.finish(5200)
    assert spans(out) == [(0, 1000), (5000, 5200)]
    assert gaps(out) == [(1000, 5000, "no_media")]


def test_a_slow_picture_is_no_gap(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(0, 4000, 500), 4000) + track.finish(4000)
    assert gaps(out) == []
    assert spans(out) == [(0, 2000), (2000, 3540)]


def test_segment_is_sealed_in_time_when_nothing_follows(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    assert spans(track.take(sounds(0, 1990), 2100)) == []
    assert spans(track.take([], 2500)) == [(0, 2000)]


def test_pause_is_a_gap_with_its_reason_and_needs_a_keyframe(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    items: list[Item] = [*pictures(0, 1000), Pause(1000, "hold"), *pictures(1000, 3000), Resume()]
    out = track.take([*items, *pictures(3000, 3200, keyframe_first=False), *pictures(3200, 3600)], 3600)
    out += track.finish(3600)
    assert any(isinstance(item, WantKeyframe) for item in out)
    assert gaps(out) == [(1000, 3200, "hold")]
    assert spans(out) == [(0, 1000), (3200, 3600)]


def test_ended_while_paused(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take([*pictures(0, 1000), Pause(1000, "hold")], 1000) + track.finish(9000)
    assert gaps(out) == [(1000, 9000, "hold")]


def test_time_never_goes_back(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take([*pictures(1000, 1400), *pictures(1200, 1500)], 1500) + track.finish(1500)
    found = facts("video", contents(out[-1]))
    assert found is not None
    assert found.start_ms == 1000
    assert found.frames == 18


def test_clock_noise_does_not_split_sound(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    noisy: list[Item] = [
        EncodedFrame(b"\xfc", True, (number * 20 + (number % 3) * 3) / 1000, 0, duration=0.02) for number in range(50)
    ]
    out = track.take(noisy, 1000) + track.finish(1000)
    assert spans(out) == [(0, 1000)]


def test_cobrowse_silence_is_recorded_and_lines_come_back(tmp_path: Path) -> None:
    track = cutter(tmp_path, "cobrowse")
    lines: list[Item] = [Line(at, b'{"at":%d,"kind":"rrweb"}' % at, at == 100) for at in (100, 200, 60_000)]
    out = track.take(lines, 60_000) + track.finish(61_000)
    assert spans(out) == [(100, 2000), (2000, 60_001)]
    assert gaps(out) == []
    assert [item.keyframe for item in out if isinstance(item, ClosedSegment)] == [True, False]
    assert len(list(unpack_lines(contents(out[1])))) == 2
    assert track.state is not None
    assert track.state.summary("cobrowse").recorded_ms == 60_900


def test_an_interrupted_screen_is_a_gap_until_the_next_whole_picture(tmp_path: Path) -> None:
    def line(at: int, *, keyframe: bool = False) -> Line:
        return Line(at, b'{"at":%d,"kind":"rrweb"}' % at, keyframe)

    writer = TrackWriter("cobrowse", "cobrowse")
    writer.line(line(50))
    writer.line(line(100, keyframe=True))
    writer.interrupt("loss", 900)
    writer.line(line(1000))
    writer.line(line(1400, keyframe=True))
    writer.line(line(1500))
    writer.pause("hold", 3000)
    writer.resume()
    writer.line(line(4500))
    track = cutter(tmp_path, "cobrowse")
    out = track.take(writer.take(), 5000) + track.finish(6000)
    assert gaps(out) == [(900, 1400, "loss"), (3000, 6000, "hold")]
    assert spans(out) == [(100, 101), (1400, 1501)]
    assert [item.frames for item in out if isinstance(item, ClosedSegment)] == [1, 2]
    assert track.state is not None
    summary = track.state.summary("cobrowse")
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms) == (5900, 2400, 3500)


def test_a_screen_of_which_nothing_was_fit_to_be_shown_is_a_gap(tmp_path: Path) -> None:
    writer = TrackWriter("cobrowse", "cobrowse")
    writer.expect(400)
    writer.interrupt("refused", 400)
    writer.expect(900)
    writer.interrupt("refused", 900)
    track = cutter(tmp_path, "cobrowse")
    out = track.take(writer.take(), 1000) + track.finish(6000)
    assert [(end, reason) for _, end, reason in gaps(out)][-1] == (6000, "refused")
    assert sum(end - start for start, end, _ in gaps(out)) == 5600
    assert track.state is not None
    summary = track.state.summary("cobrowse")
    assert (summary.expected_ms, summary.gap_ms, summary.segments) == (5600, 5600, 0)


def test_full_disk_loses_only_what_was_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(0, 400), 400)
    real = track_module._write_all

    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(track_module, "_write_all", full)
    out += track.take(pictures(400, 800), 800)
    monkeypatch.setattr(track_module, "_write_all", real)
    out += track.take(pictures(800, 1200, keyframe_first=False) + pictures(1200, 1600), 1600) + track.finish(1600)
    assert spans(out) == [(0, 400), (1200, 1600)]
    assert gaps(out) == [(400, 1200, "disk_full")]
    assert all(contents(item) for item in out if isinstance(item, ClosedSegment))


def test_full_disk_at_a_boundary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(0, 1600), 1600)
    real = track_module._write_all
    monkeypatch.setattr(track_module, "_write_all", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    out += track.take(pictures(1600, 2400, keyframe_first=False), 2400)
    monkeypatch.setattr(track_module, "_write_all", real)
    out += track.take(pictures(2400, 3000), 3000) + track.finish(3000)
    assert spans(out) == [(0, 1600), (2400, 3000)]
    assert gaps(out) == [(1600, 2400, "write_error")] or sum(end - start for start, end, _ in gaps(out)) == 800


def test_writer_bounds_its_memory_and_declares_what_it_dropped(tmp_path: Path) -> None:
    writer = TrackWriter("kiosk.camera", "video")
    writer.limit = 100
    for item in pictures(0, 4000):
        assert isinstance(item, EncodedFrame)
        writer.frame(item)
    assert writer.bytes <= 100
    items = writer.take()
    assert isinstance(items[-1], Dropped)
    track = cutter(tmp_path)
    out = track.take(items + pictures(4000, 4400), 4400) + track.finish(4400)
    assert gaps(out) == [(560, 4000, "overload")]


def test_the_start_of_a_call_is_counted(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    out = track.take([Expect(1000), *pictures(1700, 2400)], 2400) + track.finish(2400)
    assert [type(item) for item in out] == [TrackStarted, GapDeclared, ClosedSegment, ClosedSegment]
    assert gaps(out) == [(1000, 1700, "no_media")]
    assert spans(out) == [(1700, 2000), (2000, 2420)]
    assert track.state is not None
    summary = track.state.summary("kiosk.camera")
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms) == (1420, 720, 700)


def test_media_that_come_at_once_leave_no_gap(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take([Expect(1000), *sounds(1060, 2000), Expect(2000)], 2000) + track.finish(2000)
    assert gaps(out) == []
    assert [(item.start_ms, item.end_ms, item.lost_ms) for item in out if isinstance(item, ClosedSegment)] == [
        (1000, 2000, 60)
    ]


def test_a_track_that_never_delivers_is_declared_all_along(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take([Expect(1000)], 1400) + track.take([], 6100)
    assert gaps(out) == [(1000, 6100, "no_media")]
    out += track.take([Pause(8000, "hold")], 8000) + track.take([Resume()], 9000) + track.finish(9500)
    assert gaps(out)[1:] == [(6100, 8000, "no_media"), (8000, 9500, "hold")]
    assert not [item for item in out if isinstance(item, TrackStarted)]
    assert track.state is not None
    summary = track.state.summary("kiosk.microphone")
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms, summary.segments) == (8500, 0, 8500, 0)


def test_a_stall_before_a_hold_is_not_called_hold(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take([*sounds(0, 1000), Pause(4000, "hold")], 4000) + track.finish(6000)
    assert gaps(out) == [(1000, 4000, "no_media"), (4000, 6000, "hold")]


def test_a_resumed_track_goes_on_counting(tmp_path: Path) -> None:
    state = TrackState("video", 0, 5000, next_index=3, recorded_ms=4000, gap_ms=1000, segments=3)
    track = cutter(tmp_path, state=state)
    out = track.take(pictures(7000, 7400), 7400) + track.finish(7400)
    assert not [item for item in out if isinstance(item, TrackStarted)]
    assert gaps(out) == [(5000, 7000, "restart")]
    closed = next(item for item in out if isinstance(item, ClosedSegment))
    assert closed.name.index == 3
    assert track.state is not None
    summary = track.state.summary("kiosk.camera")
    assert (summary.expected_ms, summary.recorded_ms, summary.gap_ms, summary.segments) == (7400, 4400, 3000, 4)


def _chops(draw: st.DrawFn) -> Iterator[Item]:
    at = draw(st.integers(0, 5000))
    for _ in range(draw(st.integers(1, 25))):
        action = draw(st.sampled_from(("frames", "frames", "hole", "loss", "pause", "expect")))
        if action == "frames":
            length = draw(st.integers(40, 3000))
            yield from pictures(at, at + length)
            at += length
        elif action == "expect":
            yield Expect(at)
        elif action == "hole":
            at += draw(st.integers(1, 4000))
        elif action == "loss":
            length = draw(st.integers(1, 2000))
            yield MediaGap(at / 1000, (at + length) / 1000, "loss")
            at += length
        else:
            yield Pause(at, "hold")
            at += draw(st.integers(1, 2000))
            yield Resume()


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    return list(_chops(draw))


@given(items=histories(), cuts=st.lists(st.integers(0, 500), max_size=8))
@settings(max_examples=80, deadline=None)
def test_every_millisecond_is_recorded_or_declared_once(
    tmp_path_factory: pytest.TempPathFactory, items: list[Item], cuts: list[int]
) -> None:
    track = cutter(tmp_path_factory.mktemp("spool"))
    out: list[CutResult] = []
    start = 0
    for cut in sorted({min(cut, len(items)) for cut in cuts} | {len(items)}):
        out += track.take(items[start:cut], 0)
        start = cut
    out += track.finish(0)
    if track.state is None:
        return
    pieces = sorted([*spans(out), *((gap[0], gap[1]) for gap in gaps(out))])
    if not pieces:
        assert track.state.edge_ms - track.state.first_ms <= 100
        return
    assert pieces[0][0] == track.state.first_ms
    for before, after in itertools.pairwise(pieces):
        assert before[1] == after[0]
    summary = track.state.summary("kiosk.camera")
    assert summary.expected_ms == summary.recorded_ms + summary.gap_ms
    assert pieces[-1][1] == track.state.edge_ms


STEPS = st.lists(
    st.tuples(
        st.sampled_from([20, 20, 33, 33, 40, 40, 5, -30, 90, 300, 700, 1200, 2400]),  # ms to the next item
        st.sampled_from(["frame"] * 12 + ["keyframe", "gap", "pause", "resume", "dropped", "expect"]),
    ),
    min_size=20,
    max_size=150,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["video", "audio"]), STEPS, st.integers(2, 30))
def test_what_is_recorded_does_not_depend_on_what_is_taken_together(
    tmp_path_factory: pytest.TempPathFactory, kind: str, steps: list[tuple[int, str]], batch: int
) -> None:
    at, items = 1000, list[Item]()
    for step, what in steps:
        at = max(0, at + step)
        special: dict[str, Item] = {
            "gap": MediaGap(at / 1000, at / 1000, "loss"), "pause": Pause(at, "hold"), "resume": Resume(),
            "dropped": Dropped("overload"), "expect": Expect(at),
        }  # fmt: skip
        data = at.to_bytes(4, "big")
        items.append(special.get(what) or EncodedFrame(data, what == "keyframe", at / 1000, at, 8, 8, 0.02))
    results = []
    for size in (1, batch):
        track = Cutter(f"kiosk.{kind}", kind, key=KEY, spool=tmp_path_factory.mktemp("spool"), offset_ms=0)
        out: list[CutResult] = []
        for start in range(0, len(items), size):
            out += track.take(items[start : start + size], 0)
        out += track.finish(at + 40)
        blocks = [list(read_clusters(contents(o))) if isinstance(o, ClosedSegment) else None for o in out]
        results.append(
            ([replace(o, path=Path()) if isinstance(o, ClosedSegment) else o for o in out], blocks, track.state)
        )
    assert results[0] == results[1]


def test_a_resumed_cutter_leaves_the_state_it_was_given_alone(tmp_path: Path) -> None:
    state = TrackState("audio", 0, 1000, next_index=3, recorded_ms=1000, segments=3)
    before = replace(state)
    track = Cutter("kiosk.microphone", "audio", key=KEY, spool=tmp_path, offset_ms=0, state=state)
    track.take([EncodedFrame(b"\xf8", True, 1.0 + n / 50, 0, 0, 0, 0.02) for n in range(50)], 0)
    track.finish(2000)
    assert state == before
    assert track.state is not None
    assert (track.state.next_index, track.state.recorded_ms, track.state.edge_ms) == (4, 2000, 2000)


@pytest.mark.parametrize("pace_ms", [4, 5, 10, 15, 19, 20, 21])
@pytest.mark.parametrize("length_ms", [10, 20, 40])
def test_sound_that_comes_at_another_pace_is_not_crowded(tmp_path: Path, pace_ms: int, length_ms: int) -> None:
    """What makes up for a pause that was taken for too long comes at twice its pace; that is not recorded twice."""
    track = cutter(tmp_path, "audio")
    items: list[Item] = [
        EncodedFrame(b"\xfc", True, number * pace_ms / 1000, 0, duration=length_ms / 1000) for number in range(150)
    ]
    out = track.take(items, 6000) + track.finish(6000)
    for closed in (item for item in out if isinstance(item, ClosedSegment)):
        found = facts("audio", contents(closed))
        assert found is not None
        assert not found.doubled, (closed, found)


def test_an_account_says_what_is_on_the_disk_by_now(tmp_path: Path) -> None:
    track = cutter(tmp_path)
    assert track.account(0) is None
    track.take([Expect(100)], 100)
    assert track.account(150) == TrackAccount("video", 100, 100, 0, 0, "no_media")
    track.take(pictures(200, 3000), 3000)
    assert track.account(3000) == TrackAccount("video", 100, 3000, 2800, 100)
    track.take([Pause(3000, "hold")], 3400)
    assert track.account(3400) == TrackAccount("video", 100, 3000, 2800, 100, "hold")
    track.take([Resume(5000), *pictures(5000, 5400)], 5400)
    assert track.account(5400) == TrackAccount("video", 100, 5400, 3200, 2100)
    track.take([MediaGap(5.4, 5.46, "loss"), *pictures(5460, 5800)], 5800)
    assert (account := track.account(5800)) is not None
    assert (account.until_ms, account.recorded_ms + account.gap_ms) == (5820, 5720), "short losses are counted too"


def test_an_account_of_a_quiet_screen_grows_and_of_an_interrupted_one_does_not(tmp_path: Path) -> None:
    track = cutter(tmp_path, "cobrowse")
    track.take([Line(1000, b"{}", keyframe=True)], 1000)
    for now_ms in (2000, 9000):
        track.take([], now_ms)
        assert track.account(now_ms) == TrackAccount("cobrowse", 1000, now_ms, now_ms - 1000, 0)
    track.take([Pause(9000, "refused"), Resume()], 9000)
    assert track.account(12_000) == TrackAccount("cobrowse", 1000, 9000, 8000, 0, "refused")


def test_an_account_of_a_full_disk_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = cutter(tmp_path, "audio")
    track.take(sounds(0, 1000), 1000)

    def refuse(_descriptor: int, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(track_module, "_write_all", refuse)
    track.take(sounds(1000, 2000), 2000)
    assert track.account(2000) == TrackAccount("audio", 0, 1000, 1000, 0, "disk_full")
