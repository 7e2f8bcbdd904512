"""Feeds a recorder in real time until it is killed; run as a process by the tests of recovery.

Prints one line `sent <ms>` for each 20 ms of media handed to the recorder, in session milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from link.rtc.tracks.depacketizer import EncodedFrame
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.recorder import Recorder, RecordingEvent
from server.session.events import encode
from tests.server.recording import media

KEY = SessionKey("s1", SUITES["aes-256-gcm"], bytes(range(32)))


async def run(folder: Path) -> None:
    started = time.monotonic()
    journal = (folder / "journal").open("ab", buffering=0)

    def post(event: RecordingEvent) -> None:
        journal.write(encode(event) + b"\n")

    recorder = Recorder(
        "s1",
        spool=folder / "spool",
        blobs=Blobs.at(str(folder / "blobs")),
        key=KEY,
        now_ms=lambda: round((time.monotonic() - started) * 1000),
        post=post,
    )
    camera, microphone = recorder.track("kiosk.camera", "video"), recorder.track("kiosk.microphone", "audio")
    frames = [(frame.time, camera, frame) for frame in media.vp8(20)]
    frames += [(frame.time, microphone, frame) for frame in media.opus(20)]
    begin = time.monotonic()
    for at, writer, frame in sorted(frames, key=lambda item: item[0]):
        await asyncio.sleep(max(0.0, begin + at - time.monotonic()))
        size = (frame.width, frame.height)
        writer.frame(EncodedFrame(frame.data, frame.keyframe, begin + at, frame.rtp_time, *size, frame.duration))
        print("sent", round((begin + at - started) * 1000), flush=True)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
