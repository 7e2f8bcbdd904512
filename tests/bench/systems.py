"""The servers that are compared: each a process of its own, on loopback, that takes the offers of each call.

`python -m tests.bench.systems visavis|compiled|stock SOCKET FOLDER` serves JSON lines on the unix socket SOCKET: a
request is `{"offers": [sdp, sdp]}`, the answer `{"answers": [sdp, sdp]}`. Whatever is recorded goes below FOLDER.
Offers after the second are of those who watch: they receive both ends (not with `stock`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
import uvloop

from link.rtc.leg import Leg
from link.rtc.relay import Relay
from server.blobs.blobs import Blobs
from server.blobs.suite import DEFAULT, SUITES
from server.blobs.vault import SessionKey
from server.recording.recorder import Recorder
from server.serve import tune
from tests.bench.clip import use_one_address

Serve = Callable[[list[str]], Awaitable[list[str]]]


def visavis(folder: Path) -> Serve:
    """Our server's media: legs, relay and recorder as a room uses them."""
    blobs = Blobs.at(str(folder / "blobs"))
    calls: list[Any] = []

    async def serve(offers: list[str]) -> list[str]:
        session, relay = f"call{len(calls)}", Relay()
        legs = [Leg(f"{session}-{side}") for side in range(len(offers))]
        key = SessionKey(session, SUITES[DEFAULT], os.urandom(SUITES[DEFAULT].key_bytes))
        began = time.monotonic()
        recorder = Recorder(
            session,
            spool=folder / "spool",
            blobs=blobs,
            key=key,
            now_ms=lambda: round((time.monotonic() - began) * 1000),
            post=lambda event: None,
        )
        calls.append((legs, relay, recorder))
        answers = [await leg.answer(offer) for leg, offer in zip(legs, offers, strict=True)]
        for side, leg in enumerate(legs[:2]):
            for name in ("microphone", "camera"):
                track = leg.tracks[name]
                relay.connect(track, legs[1 - side], f"{track.kind}0")
                for watcher in legs[2:]:
                    relay.connect(track, watcher, f"{track.kind}{side}")
                writer = recorder.track(f"{side}.{name}", track.kind)
                writer.request_keyframe = relay.tap(track, writer.frame, writer.gap).request_keyframe
        return answers

    return serve


def stock(folder: Path) -> Serve:
    """What aiortc brings: MediaRelay between the connections, MediaRecorder for each side."""
    from aiortc import RTCPeerConnection, RTCSessionDescription
    from aiortc.contrib.media import MediaRecorder, MediaRelay

    calls: list[Any] = []

    async def serve(offers: list[str]) -> list[str]:
        relay = MediaRelay()
        connections = [RTCPeerConnection() for _ in offers]
        recorders = [MediaRecorder(str(folder / f"{len(calls)}-{side}.webm")) for side in range(2)]
        calls.append((connections, recorders, relay))
        for side, (connection, offer) in enumerate(zip(connections, offers, strict=True)):

            def take(track: Any, side: int = side) -> None:
                recorders[side].addTrack(relay.subscribe(track))
                connections[1 - side].addTrack(relay.subscribe(track))

            connection.on("track", take)
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for connection in connections:
            await connection.setLocalDescription(await connection.createAnswer())
        for recorder in recorders:
            await recorder.start()
        return [connection.localDescription.sdp for connection in connections]

    return serve


SYSTEMS = {"visavis": visavis, "compiled": visavis, "stock": stock}


async def run(make: Callable[[Path], Serve], path: str, folder: Path) -> None:
    """Serve until the process is ended."""
    serve = make(folder)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            answers = await serve(json.loads(line)["offers"])
            writer.write(json.dumps({"answers": answers}).encode() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(client, path, limit=1 << 20)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    use_one_address()
    tune()
    uvloop.run(run(SYSTEMS[sys.argv[1]], sys.argv[2], Path(sys.argv[3])))
