"""Whole recordings from RTP packets to `verify`: sources pause, paths stand still, timestamps leap, first seconds come
in one burst, and disk, journal and process fail as in `test_whole_calls`. Every sound and picture lies within 40 ms of
when it was captured.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from server.recording.segment import kind_of
from tests.link.rtc.timeline import START, Event, Leap, Pause, Stall, Timeline
from tests.server.evidence.recorded import Archive
from tests.server.recording.test_whole_calls import HISTORIES, STEP_MS, History, captured, run

GROUPS = 2
TRACKS = {"sound": ("kiosk.microphone", "audio"), "picture": ("kiosk.camera", "video")}
LIFE_S = 26.0  # longer than a history takes


class FromPackets(History):
    """A call of one leg; after a kill it is another leg, and another sender's clock."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._begin()

    def _begin(self) -> None:
        """A leg connects: what comes of it until the process dies, each with its time in milliseconds."""
        self.due: list[tuple[float, str, EncodedFrame | MediaGap | float]] = []
        timeline, base, moment = self._timeline(), self.now_ms, START

        def at(seconds: float) -> float:
            return base + (seconds - START) * 1000

        def tick(now: float) -> None:
            nonlocal moment
            moment = now

        def keep(track: str, item: EncodedFrame | MediaGap | float) -> None:
            if isinstance(item, EncodedFrame):
                number = int.from_bytes(item.data[-4:], "big")
                data = captured(item.data, at(timeline.truth[track][number] + timeline.delay))
                item = msgspec.structs.replace(item, data=data, time=at(item.time) / 1000)
            elif isinstance(item, MediaGap):
                item = MediaGap(at(item.start) / 1000, at(item.end) / 1000, item.reason)
            else:
                item = at(item) / 1000
            self.due.append((at(max(moment, timeline.now)), track, item))

        for track in timeline.every:
            kept = (lambda item, track=track: keep(track, item),) * 3
            timeline.sinks[track] = kept
        timeline.on_tick = tick
        timeline.run()
        # What the taps hand on when they are closed is later than this call.
        self.due = [due for due in self.due if due[0] < at(START + LIFE_S)]
        for name, kind in TRACKS.values():
            assert kind_of(name) == kind
            self.expect(name, base)

    def _timeline(self) -> Timeline:
        chance, events = self.chance, list[Event]()
        early = chance.choice((0.0, 0.0, 0.5, 1.4, 2.9))
        moment = early + chance.uniform(2.0, 6.0)  # what pauses before anything has come cannot be known
        while moment < LIFE_S - 5:
            track, length = chance.choice(list(TRACKS)), chance.uniform(0.5, 6.0)
            match chance.choice(("pause", "both", "stall", "leap")):
                case "pause":
                    events.append(Pause(track, moment, length))
                case "both":
                    events += [Pause(track, moment, length) for track in TRACKS]
                case "stall":
                    events.append(Stall(moment, length))
                case _:
                    events.append(Leap(track, moment, chance.choice((1, -1)) * chance.uniform(0.4, 5000.0)))
            moment += length + chance.uniform(1.5, 8.0)
        self.log.append(f"{self.now_ms} leg, early {early}, {events}")
        return Timeline(
            events,
            seconds=LIFE_S,
            every={"sound": chance.choice((0.02, 0.06)), "picture": chance.choice((1 / 30, 0.1))},
            jitter=chance.choice((0.002, 0.02)),
            delay=chance.uniform(0.001, 0.2),
            early=early,
            report_every=chance.choice((0.0, 1.0, 5.0)),
            seed=chance.randrange(1000),
        )

    async def step(self) -> None:
        self.now_ms += STEP_MS
        while self.due and self.due[0][0] <= self.now_ms:
            _, track, item = self.due.pop(0)
            writer = self.recorder.track(*TRACKS[track])
            if isinstance(item, EncodedFrame):
                writer.frame(item)
            elif isinstance(item, MediaGap):
                writer.gap(item)
            else:
                writer.standing(item)
        await self._turn()
        if self.chance.random() < 0.5:
            self._journaled()

    async def kill(self) -> None:
        await super().kill()
        self._begin()


@pytest.mark.parametrize("group", range(GROUPS))
async def test_what_was_captured_is_where_it_was_captured(group: int, tmp_path: Path, no_task_left: None) -> None:
    async with Archive.opened(tmp_path) as archive:
        for seed in range(group, HISTORIES // 3, GROUPS):
            await run(seed, archive, FromPackets)
            shutil.rmtree(tmp_path / "blobs" / "sessions", ignore_errors=True)
