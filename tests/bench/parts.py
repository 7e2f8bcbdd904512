"""`./dev bench`: what a call costs on this machine, part by part.

One two-way 720p call with voice is about 417 packets a second through the server and one sealed segment per track and
two seconds. Each part is measured alone in this process, so the sum is what Python and the libraries cost, without
sockets, wake-ups and the operating system.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from pylibsrtp import Policy, Session

from link.protocol.client import CobrowsePiece
from link.protocol.codec import decode_client, encode
from link.protocol.frames import Say
from link.rtc.congestion.delay_based import DelayBasedEstimator
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.transport.srtp import SrtpBuffer
from link.rtc.wire.rtp import HEADER, parse_rtp
from server.blobs.container import ContainerWriter, open_container
from server.blobs.suite import SUITES
from server.journal import Journal
from server.store import Store

PACKETS_PER_S = 417
SEGMENT_BYTES = 1_500_000 // 8 * 2
PAYLOAD = bytes([0x90, 0x80, 0x81, 0x00, 0x10]) + os.urandom(1100)


@dataclass(frozen=True, slots=True)
class Result:
    """One measured part: `each_us` is the median, `p99_us` the 99th percentile of one operation."""

    name: str
    each_us: float
    p99_us: float
    note: str


def measure(name: str, work: Callable[[], object], *, per_run: int, runs: int = 200, note: str = "") -> Result:
    """Run `work`, which does `per_run` operations, `runs` times after a short warming up."""
    for _ in range(5):
        work()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e6 / per_run)
    return Result(name, round(statistics.median(times), 2), round(statistics.quantiles(times, n=100)[98], 2), note)


def forward() -> Result:
    """Publisher to subscriber, no encryption: `PublishedTrack.receive` and `ForwardedTrack.packet`, for each packet."""
    track, slot = PublishedTrack("video"), ForwardedTrack("video", "bench")
    slot.open(lambda header, payload: None, 96, 97, 3)
    slot.attach(track, 0.0)
    numbers = itertools.count(1)

    def work() -> None:
        for number in itertools.islice(numbers, 200):
            track.receive(number & 0xFFFF, number * 360 & 0xFFFFFFFF, False, PAYLOAD, number * 0.004)

    return forwarded(measure("forward a packet (relay)", work, per_run=200))


def forward_runs() -> Result:
    """The same for packets that arrive together, six at once: `receive_run` and `packet_run`."""
    track, slot = PublishedTrack("video"), ForwardedTrack("video", "bench")
    slot.open(lambda header, payload: None, 96, 97, 3, lambda packets: None)
    slot.attach(track, 0.0)
    numbers = itertools.count(1)

    def work() -> None:
        for frame in itertools.islice(numbers, 40):
            run = [(frame * 6 + index & 0xFFFF, frame * 3000 & 0xFFFFFFFF, index == 5, PAYLOAD) for index in range(6)]
            track.receive_run(run, frame / 30)

    return forwarded(measure("forward a packet of a burst (relay)", work, per_run=240))


def estimate() -> Result:
    """The delay-based estimate of a path, for each burst: `DelayBasedEstimator.add`."""
    estimator = DelayBasedEstimator()
    numbers = itertools.count(1)

    def work() -> None:
        for frame in itertools.islice(numbers, 200):
            at = frame / 30
            estimator.add(int(at * 262144) & 0xFFFFFF, at + 0.001 * (frame % 3), 6600)

    return measure("estimate bandwidth, each burst", work, per_run=200)


def srtp() -> Result:
    """Decrypt one packet, parse it, encrypt it again for the other side."""
    key = os.urandom(30)
    sender = SrtpBuffer(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)))
    opener = SrtpBuffer(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND)))
    onward = SrtpBuffer(Session(Policy(key=os.urandom(30), ssrc_type=Policy.SSRC_ANY_OUTBOUND)))
    numbers = itertools.count(1)

    def work() -> None:
        for number in itertools.islice(numbers, 200):
            length = opener.unprotect(sender.protect(HEADER.pack(0x80, 96, number & 0xFFFF, 0, 1), PAYLOAD))
            parse_rtp(opener.data, length)
            onward.protect(HEADER.pack(0x80, 96, number & 0xFFFF, 0, 2), PAYLOAD)

    return forwarded(measure("SRTP: two encryptions, one decryption", work, per_run=200))


def forwarded(result: Result) -> Result:
    """Add what the part costs per call."""
    share = result.each_us * PACKETS_PER_S / 1e4
    return Result(result.name, result.each_us, result.p99_us, f"{share:.2f} % of a core per call")


def seal() -> Result:
    """Encrypt one sealed segment of two seconds at 1.5 Mbit/s."""
    suite, key, data = SUITES["aes-256-gcm"], os.urandom(32), os.urandom(SEGMENT_BYTES)

    def work() -> None:
        ContainerWriter(suite, key, "session", "track/1").chunk(data, final=True)

    return measure("encrypt a two-second segment", work, per_run=1, note=f"{SEGMENT_BYTES // 1024} KiB")


def unseal() -> Result:
    """Decrypt the same segment for a replay."""
    suite, key, data = SUITES["aes-256-gcm"], os.urandom(32), os.urandom(SEGMENT_BYTES)
    writer = ContainerWriter(suite, key, "session", "track/1")
    blob = writer.header + writer.chunk(data, final=True)
    return measure("decrypt a two-second segment", lambda: open_container(key, "session", "track/1", blob), per_run=1)


def messages() -> Result:
    """Parse and write one co-browse message of 4 KB, the most frequent large message."""
    body = CobrowsePiece(session="s", epoch="e", batch=1, part=0, parts=1, data="x" * 4000)
    frame = encode(Say(seq=1, ack=1, body=body))

    def work() -> None:
        for _ in range(200):
            msgspec.json.encode(decode_client(frame))

    return measure("parse and write a 4 KB message", work, per_run=200)


async def journal() -> Result:
    """Append one entry durably: SQLite with WAL and `synchronous=FULL`."""
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(f"sqlite+aiosqlite:///{Path(folder) / 'bench.sqlite3'}")
        try:
            book, times = Journal(store), []
            for number in range(300):
                begin = time.perf_counter()
                await book.append(f"s{number % 3}", [("ChatSent", b'{"id":"a","text":"hello"}')])
                times.append((time.perf_counter() - begin) * 1e6)
        finally:
            await store.close()
    return Result(
        "append a journal entry (fsync)",
        round(statistics.median(times)),
        round(statistics.quantiles(times, n=100)[98]),
        "",
    )


def main(arguments: Sequence[str]) -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser("./dev bench", description="What a call costs on this machine, part by part.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of a table")
    options = parser.parse_args(arguments)
    results = [forward(), forward_runs(), estimate(), srtp(), messages(), seal(), unseal(), asyncio.run(journal())]
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
        return 0
    print(f"{'part':<42}{'median':>12}{'p99':>12}")
    for result in results:
        print(f"{result.name:<42}{result.each_us:>9,.1f} us{result.p99_us:>9,.1f} us  {result.note}")
    return 0
