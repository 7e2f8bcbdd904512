"""What was lost on the way and is delivered afterwards, by a made-up clock: every millisecond once, each frame where it
was captured, and a gap for what does not come. Whole histories with kills, a disk that refuses and a slow journal are
those of `test_whole_calls`, with a sender that keeps what it sends.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from link.protocol.values import MediaMark
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.tasks import cancel
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.evidence.integrity_checks import check_accounts, check_segment
from server.recording import late as late_module
from server.recording import recorder as recorder_module
from server.recording.late import OpenHole
from server.recording.recorder import Recorder
from server.recording.recovery import recover
from server.recording.segment import kind_of
from server.recording.webm import read_clusters
from server.session.events import Event, GapDeclared, MediaAwaited, RecordingCompleted, SegmentSealed
from tests.server.evidence.recorded import Archive
from tests.server.recording.test_whole_calls import (
    GROUPS,
    HISTORIES,
    OPUS,
    TRACKS,
    History,
    Inline,
    captured,
    run,
)

KEY = SessionKey("s1", SUITES["aes-256-gcm"], bytes(32))
LEG = "leg-1"


class LateHistory(History):
    """The source keeps what it has sent: what was lost is delivered some time, in pieces, or never."""

    def __init__(self, *arguments: Any) -> None:
        self.kept: dict[str, list[tuple[int, bool, bytes]]] = {name: [] for name in TRACKS}
        self.delivered = 0
        super().__init__(*arguments)
        self.off_ms = self.chance.choice((0, 0, 7, -7))  # two clocks never agree

    def _made(self, tracks: Any, reason: str) -> Recorder:
        recorder = super()._made(tracks, reason)
        for name in TRACKS:
            recorder.track(name, kind_of(name)).source(LEG if name.startswith("kiosk") else "")
        return recorder

    def _send(self, name: str, every: int) -> None:
        writer, before = self.recorder.track(name, kind_of(name)), self.sent.get(name)
        count = len(writer.items)
        super()._send(name, every)
        frames = [item for item in writer.items[count:] if isinstance(item, EncodedFrame)]
        lost = any(isinstance(item, MediaGap) for item in writer.items[count:])
        if lost and before is not None:
            begun = round(frames[0].time * 1000) if frames else self.now_ms
            self._keep(name, range(before, begun, every))
        for frame in frames:
            self.kept[name].append((round(frame.time * 1000), frame.keyframe, frame.data))

    def _keep(self, name: str, times: Iterable[int]) -> None:
        picture = kind_of(name) == "video"
        for at in times:
            data = captured(b"picture" if picture else OPUS, at)
            self.kept[name].append((at, not picture or self.chance.random() < 0.05, data))

    async def something(self) -> None:
        await super().something()
        if self.chance.random() < 0.2:
            name = self.chance.choice([name for name in TRACKS if name.startswith("kiosk")])
            self.stopped[name] = self.now_ms + self.chance.choice((700, 1500, 4000))
        while self.recorder.owed and self.chance.random() < 0.6:
            hole = self.chance.choice(self.recorder.owed)
            if not hole.closed:
                break
            until = self.chance.choice((hole.end_ms, min(hole.end_ms, hole.filled_ms + 700)))
            self.log.append(f"{self.now_ms} delivered {hole.track} {hole.filled_ms} to {until}")
            await self.recorder.fill(hole, self.frames(hole, until) if self.chance.random() < 0.9 else [], until)
            self.delivered += 1

    def frames(self, hole: OpenHole, until_ms: int) -> list[EncodedFrame]:
        """What the source has of a piece."""
        found: list[EncodedFrame] = []
        off, least = self.off_ms, hole.filled_ms
        for at, keyframe, data in self.kept[hole.track]:
            placed = max(at + off, least)
            if hole.start_ms <= at and hole.filled_ms <= at + off and placed < until_ms:
                least = placed + 3
                found.append(EncodedFrame(data, keyframe, placed / 1000, 0, duration=0.0 if data[:1] == b"p" else 0.02))
        return found

    async def _gone(self) -> None:
        await super()._gone()
        for hole in self.recorder.owed:
            if hole.filler is not None:
                hole.filler.drop()

    async def end(self) -> RecordingCompleted:
        await self.recorder.end_live()
        while self.recorder.owed and self.chance.random() < 0.8:
            hole = self.recorder.owed[0]
            await self.recorder.fill(hole, self.frames(hole, hole.end_ms), hole.end_ms)
        return await super().end()


@pytest.mark.parametrize("group", range(GROUPS))
async def test_every_millisecond_is_accounted_for_once(group: int, tmp_path: Path, no_task_left: None) -> None:
    delivered = late = 0
    async with Archive.opened(tmp_path) as archive:
        for seed in range(group, HISTORIES, GROUPS):
            history = await run(seed, archive, LateHistory)
            assert isinstance(history, LateHistory)
            delivered += history.delivered
            late += sum(isinstance(event, SegmentSealed) and event.arrived_ms > 0 for event in history.events)
            for track in TRACKS:
                numbers = [
                    (event.start_ms, event.index)
                    for event in history.events
                    if isinstance(event, SegmentSealed) and event.track == track
                ]
                assert [index for _, index in sorted(numbers)] == sorted(index for _, index in numbers)
            shutil.rmtree(tmp_path / "blobs" / "sessions", ignore_errors=True)
    assert delivered > 2
    assert late > 2


# --- one at a time ----------------------------------------------------------------------------------------------------


class Call:
    """A microphone and a camera of a kiosk that keeps what it sends, on a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs.at(str(folder / "blobs"))
        self.events: list[Event] = []
        self.ms = 1000
        self.recorder = Recorder(
            "s1",
            spool=folder / "spool",
            blobs=self.blobs,
            key=KEY,
            now_ms=lambda: self.ms,
            post=self.events.append,
            monotonic=lambda: self.ms / 1000,
        )
        self.microphone = self.recorder.track("customer-1.microphone", "audio")
        self.camera = self.recorder.track("customer-1.camera", "video")
        for writer in (self.microphone, self.camera):
            writer.source(LEG)

    def sound(self, start_ms: int, end_ms: int) -> list[EncodedFrame]:
        times = range(start_ms, end_ms, 20)
        return [EncodedFrame(captured(OPUS, at), True, at / 1000, at * 48, duration=0.02) for at in times]

    def pictures(self, start_ms: int, end_ms: int, *, keyframe: bool = False) -> list[EncodedFrame]:
        """At 25 a second, a keyframe at first or none at all."""
        times = range(start_ms, end_ms, 40)
        return [
            EncodedFrame(captured(b"p", at), keyframe and at == start_ms, at / 1000, at * 90, 320, 180) for at in times
        ]

    async def hear(self, *frames: EncodedFrame, until_ms: int) -> None:
        for frame in frames:
            self.microphone.frame(frame)
        await self.pass_until(until_ms)

    async def see(self, *frames: EncodedFrame, until_ms: int) -> None:
        for frame in frames:
            self.camera.frame(frame)
        await self.pass_until(until_ms)

    async def pass_until(self, ms: int) -> None:
        """The writing task takes what there is."""
        self.ms = ms
        done = False
        cut = self.recorder._cut

        def take(*arguments: Any) -> Any:
            nonlocal done
            done = True
            return cut(*arguments)

        self.recorder._cut = take  # type: ignore[method-assign,assignment]
        while not done:
            await Inline().run(lambda: None)
        self.recorder._cut = cut  # type: ignore[method-assign]
        for _ in range(20):
            await Inline().run(lambda: None)

    async def end(self, ms: int) -> dict[str, tuple[int, int]]:
        """Recorded and missing milliseconds of each track."""
        self.ms = ms
        statement = await self.recorder.finish()
        self.events.append(statement)
        assert list(check_accounts(self.events)) == []
        for event in self.of(SegmentSealed):
            blob = await self.blobs.get(event.blob)
            assert check_segment(KEY, kind_of(event.track), event, blob) is None
        return {line.track.partition(".")[2]: (line.recorded_ms, line.gap_ms) for line in statement.tracks}

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def times(self, track: str) -> list[int]:
        """When what is recorded of a track was captured, in the order of the segments' times."""
        found: list[int] = []
        for event in sorted(self.of(SegmentSealed), key=lambda event: event.start_ms):
            if event.track == track:
                data = KEY.unseal(f"segment/{track}/{event.index}", await self.blobs.get(event.blob))
                found += [int.from_bytes(block.data[-8:], "big") for block in read_clusters(data)]
        return found


@pytest_asyncio.fixture
async def call(tmp_path: Path, no_task_left: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    monkeypatch.setattr(recorder_module, "running_worker", Inline)
    monkeypatch.setattr(recorder_module, "until_next", lambda every, now: 0.0)
    made = Call(tmp_path)
    yield made
    await made.recorder.suspend()


def lost(call: Call, start_ms: int, end_ms: int) -> None:
    call.microphone.gap(MediaGap(start_ms / 1000, end_ms / 1000, "loss"))


async def test_a_loss_is_awaited_and_filled_and_no_gap(call: Call) -> None:
    await call.hear(*call.sound(1000, 2500), until_ms=2500)
    lost(call, 2500, 5100)
    await call.hear(*call.sound(5100, 7000), until_ms=7000)
    assert call.of(MediaAwaited) == [MediaAwaited("customer-1.microphone", 2500, 5100, "loss")]
    assert list(check_accounts(call.events)) == [], "a running call is sound although something is awaited"
    (hole,) = call.recorder.owed
    assert hole.closed
    assert hole.follows
    assert (hole.after, hole.before) == (
        MediaMark(LEG, 2480 * 48, 2480),
        MediaMark(LEG, 5100 * 48, 5100),
    )
    assert await call.recorder.fill(hole, call.sound(2500, 4000), 4000)
    assert hole.filled_ms == 4000
    call.ms = 8000
    assert await call.recorder.fill(hole, call.sound(4000, 5100), 5100)
    assert not await call.recorder.fill(hole, call.sound(2500, 5100), 5100), "only once"
    await call.hear(*call.sound(7000, 9000), until_ms=9000)
    assert await call.end(9000) == {"microphone": (8000, 0)}
    assert await call.times("customer-1.microphone") == list(range(1000, 9000, 20))
    late = [(event.start_ms, event.end_ms, event.arrived_ms) for event in call.of(SegmentSealed) if event.arrived_ms]
    assert late == [(2500, 4000, 8000), (4000, 5100, 8000)], "when all of it had come"
    indexes = [event.index for event in sorted(call.of(SegmentSealed), key=lambda event: event.start_ms)]
    assert indexes == sorted(indexes)


async def test_a_picture_goes_on_from_the_last_one_without_a_keyframe(call: Call) -> None:
    await call.see(*call.pictures(1000, 3000, keyframe=True), until_ms=3000)
    call.camera.gap(MediaGap(3.0, 4.4, "loss"))
    await call.see(*call.pictures(4400, 6000, keyframe=True), until_ms=6000)
    (hole,) = call.recorder.owed
    await call.recorder.fill(hole, call.pictures(3000, 4400), hole.end_ms)
    assert await call.end(6000) == {"camera": (5000, 0)}
    assert await call.times("customer-1.camera") == list(range(1000, 6000, 40))


async def test_what_does_not_come_is_a_gap_for_the_reason_it_was_lost_for(call: Call) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    call.microphone.pause("disconnected", 4000, owed=True)
    call.microphone.resume(9000)
    await call.hear(*call.sound(9000, 9400), until_ms=9400)
    assert [(event.start_ms, event.end_ms, event.reason) for event in call.of(MediaAwaited)] == [
        (2000, 4000, "no_media"), (4000, 9000, "disconnected"),
    ]  # fmt: skip
    (hole,) = call.recorder.owed
    assert (hole.start_ms, hole.end_ms, hole.follows) == (2000, 9000, True)
    await call.recorder.fill(hole, call.sound(3000, 6000), 9000)
    assert await call.end(9400) == {"microphone": (4400, 4000)}
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.of(GapDeclared)] == [
        (2000, 3000, "no_media"), (6000, 9000, "disconnected"),
    ]  # fmt: skip


async def test_a_connection_that_is_back_at_once_ends_the_hole_with_its_first_frame(call: Call) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    call.microphone.pause("disconnected", 3000, owed=True)
    call.microphone.source("leg-2")
    call.microphone.resume(3000)
    await call.hear(*call.sound(3060, 4000), until_ms=4000)
    (hole,) = call.recorder.owed
    assert (hole.start_ms, hole.end_ms, hole.before) == (2000, 3060, MediaMark("leg-2", 3060 * 48, 3060))
    await call.recorder.fill(hole, call.sound(2000, 3060), 3060)
    assert await call.end(4000) == {"microphone": (3000, 0)}


async def test_one_packet_of_sound_is_awaited_where_it_may_come(call: Call) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    lost(call, 2000, 2020)
    await call.hear(*call.sound(2020, 3000), until_ms=3000)
    (hole,) = call.recorder.owed
    await call.recorder.fill(hole, call.sound(2000, 2020), 2020)
    call.microphone.source("")
    lost(call, 3000, 3020)
    await call.hear(*call.sound(3020, 4000), until_ms=4000)
    assert await call.end(4000) == {"microphone": (2980, 20)}
    assert call.of(GapDeclared) == [], "else it is counted in its segment"


async def test_on_hold_nothing_is_awaited_and_a_hole_ends_where_hold_begins(call: Call) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    call.microphone.pause("disconnected", 3000, owed=True)
    call.microphone.pause("hold", 5000)
    call.microphone.pause("disconnected", 7000, owed=True)
    call.microphone.resume(8000)
    await call.hear(*call.sound(8000, 9000), until_ms=9000)
    first, second = call.recorder.owed
    assert (first.start_ms, first.end_ms, first.before) == (2000, 5000, None)
    assert (second.start_ms, second.end_ms, second.follows) == (7000, 8000, False)
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.of(GapDeclared)] == [(5000, 7000, "hold")]
    for hole in (first, second):
        await call.recorder.fill(hole, call.sound(hole.start_ms, hole.end_ms), hole.end_ms)
    assert await call.end(9000) == {"microphone": (6000, 2000)}


@pytest.mark.parametrize("reason", ["hold", "tray_closed", "left", "disconnected"])
async def test_what_would_not_be_recorded_is_never_awaited(call: Call, reason: str) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    call.microphone.pause(reason, 2000)
    call.microphone.resume(4000)
    await call.hear(*call.sound(4000, 5000), until_ms=5000)
    assert call.of(MediaAwaited) == []
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.of(GapDeclared)] == [(2000, 4000, reason)]


async def test_of_who_keeps_nothing_nothing_is_awaited(call: Call) -> None:
    call.microphone.source("")
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    lost(call, 2000, 4000)
    await call.hear(*call.sound(4000, 5000), until_ms=5000)
    assert call.of(MediaAwaited) == []
    assert len(call.of(GapDeclared)) == 1


async def test_the_begin_of_a_call_is_known_by_the_first_frame_only(call: Call) -> None:
    call.microphone.expect(1000)
    await call.hear(until_ms=1200)
    await call.hear(*call.sound(1900, 3000), until_ms=3000)
    (hole,) = call.recorder.owed
    assert (hole.start_ms, hole.end_ms, hole.after, hole.follows) == (1000, 1900, None, False)
    await call.recorder.fill(hole, call.sound(1060, 1900), 1900)
    assert await call.end(3000) == {"microphone": (2000, 0)}


async def test_a_track_begins_with_the_keyframe_that_its_first_pictures_build_on(call: Call) -> None:
    await call.pass_until(3000)
    call.camera.expect(3000)
    await call.see(*call.pictures(3400, 4000, keyframe=True), until_ms=4000)
    (hole,) = call.recorder.owed
    assert (hole.start_ms, hole.end_ms, hole.lead_ms) == (3000, 3400, 2000)
    early = call.pictures(2600, 2800, keyframe=True) + call.pictures(2800, 3400, keyframe=True)
    await call.recorder.fill(hole, early, 3400)
    assert await call.end(4000) == {"camera": (1200, 0)}, "from the last keyframe before it on"
    assert (await call.times("customer-1.camera"))[0] == 2800


async def test_a_track_does_not_begin_before_the_recording(call: Call) -> None:
    call.camera.expect(1200)
    await call.see(*call.pictures(1600, 2000, keyframe=True), until_ms=2000)
    (hole,) = call.recorder.owed
    assert hole.lead_ms == 200
    await call.recorder.fill(hole, call.pictures(1100, 1600), 1600)
    assert await call.end(2000) == {"camera": (400, 400)}, "and not with pictures that build on nothing"


@pytest.mark.parametrize("last", [False, True])
async def test_a_short_piece_of_which_nothing_came_is_a_gap_too(call: Call, last: bool) -> None:
    """In time half a second without anything may be a pause; of what was lost and asked for it is not."""
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    lost(call, 2000, 4000)
    await call.hear(*call.sound(4000, 5000), until_ms=5000)
    await call.see(*call.pictures(5000, 6000, keyframe=True), until_ms=6000)
    call.camera.gap(MediaGap(6.0, 8.0, "loss"))
    await call.see(*call.pictures(8000, 9000, keyframe=True), until_ms=9000)
    microphone, camera = call.recorder.owed
    for hole, make in ((microphone, call.sound), (camera, call.pictures)):
        start, middle = hole.start_ms, hole.end_ms - 300 if last else hole.start_ms + 300
        for begin, end in ((start, middle), (middle, hole.end_ms)):
            nothing = (end == hole.end_ms) is last
            await call.recorder.fill(hole, [] if nothing else make(begin, end), end)
    recorded = await call.end(9000)
    assert 260 <= recorded["camera"][1] <= 300, "a picture is seen for 40 ms"
    assert recorded["microphone"][1] == 300 + 4000, "nothing comes of it after five seconds"
    assert {(gap.track, gap.reason) for gap in call.of(GapDeclared)} >= {
        ("customer-1.camera", "loss"), ("customer-1.microphone", "loss"),
    }  # fmt: skip


async def test_a_call_that_ends_in_a_hole_waits_for_it(call: Call) -> None:
    await call.hear(*call.sound(1000, 2000), until_ms=2000)
    call.microphone.pause("disconnected", 4400, owed=True)
    await call.pass_until(6000)
    call.microphone.pause("disconnected", 8000)  # the end of the call
    await call.recorder.end_live()
    (hole,) = call.recorder.owed
    assert (hole.start_ms, hole.end_ms, hole.closed) == (2000, 8000, True)
    await call.recorder.fill(hole, call.sound(2000, 8000), 8000)
    assert await call.end(8000) == {"microphone": (7000, 0)}


async def test_a_picture_that_cannot_be_seen_is_missing(call: Call) -> None:
    """Behind a hold nothing is known of the picture before: what comes is a gap until a keyframe."""
    await call.see(*call.pictures(1000, 2000, keyframe=True), until_ms=2000)
    call.camera.pause("hold", 2000)
    call.camera.pause("disconnected", 3000, owed=True)
    call.camera.resume(6000)
    await call.see(*call.pictures(6000, 7000, keyframe=True), until_ms=7000)
    (hole,) = call.recorder.owed
    assert not hole.follows
    frames = call.pictures(3000, 4600) + call.pictures(4600, 6000, keyframe=True)
    await call.recorder.fill(hole, frames, 6000)
    assert await call.end(7000) == {"camera": (3400, 2600)}
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.of(GapDeclared)] == [
        (2000, 3000, "hold"), (3000, 4600, "disconnected"),
    ]  # fmt: skip


async def test_of_too_many_holes_the_oldest_is_given_up(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_module, "MAX_HOLES", 3)
    for at in range(1000, 11_000, 1000):
        await call.hear(*call.sound(at, at + 500), until_ms=at + 500)
        lost(call, at + 500, at + 1000)
    async with asyncio.timeout(30):
        while len(call.recorder.owed) > 3:
            await asyncio.sleep(0)
    assert (await call.end(10_500))["microphone"][1] == 9 * 500


async def test_a_kill_in_the_middle_of_a_delivery_loses_nothing_that_was_taken(call: Call) -> None:
    await call.hear(*call.sound(1000, 3000), until_ms=3000)
    lost(call, 3000, 9000)
    await call.hear(*call.sound(9000, 10_400), until_ms=10_400)
    (hole,) = call.recorder.owed
    await call.recorder.fill(hole, call.sound(3000, 6500), 6500)
    # Killed: the last second and a half of it is in the spool, and the journal knows nothing of it.
    await Inline().run(lambda: None)
    await cancel(call.recorder._writing)
    await cancel(call.recorder._sealing)
    for cutter in call.recorder._cutters.values():
        cutter.drop()
    assert hole.filler is not None
    hole.filler.drop()
    spool = call.folder / "spool"
    for again in range(2):
        found = await recover("s1", call.events, spool=spool, blobs=call.blobs, key=KEY, until_ms=12_000)
        assert (again == 0) == bool(found.events)
        call.events += found.events
    call.events.append(found.completed())
    assert list(check_accounts(call.events)) == []
    assert await call.times("customer-1.microphone") == [*range(1000, 6500, 20), *range(9000, 10_400, 20)]
    gaps = [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.of(GapDeclared)]
    assert gaps == [(6500, 9000, "loss"), (10_400, 12_000, "restart")]


async def test_what_is_awaited_when_the_server_dies_is_a_gap_for_its_own_reason(tmp_path: Path) -> None:
    events: list[Event] = [
        MediaAwaited("customer-1.camera", 500, 900, "no_media"),
        SegmentSealed("customer-1.camera", 8, 900, 2000, 25, 1, "00", "sessions/s1/tracks/customer-1.camera/8"),
        MediaAwaited("customer-1.camera", 2000, 4000, "no_media"),
        MediaAwaited("customer-1.camera", 4000, 7000, "disconnected"),
    ]
    blobs = Blobs.at(str(tmp_path / "blobs"))
    found = await recover("s1", events, spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000)
    gaps = [event for event in found.events if isinstance(event, GapDeclared)]
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in gaps] == [
        (500, 900, "no_media"), (2000, 4000, "no_media"), (4000, 7000, "disconnected"), (7000, 9000, "restart"),
    ]  # fmt: skip
    again = await recover("s1", [*events, *found.events], spool=tmp_path / "spool", blobs=blobs, key=KEY, until_ms=9000)
    assert again.events == []
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(gaps))
