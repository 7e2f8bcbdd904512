"""`python -m tests.bench.peers`: the two ends of N calls in one process, and what they see of a server.

Prints one line of JSON. The server's CPU time is the operating system's: its process clock, all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import time
from pathlib import Path

import structlog
import uvloop

from tests.bench.clip import clip, use_one_address
from tests.bench.janus import Signaling
from tests.bench.peer import Peer, Way

LEG_LINES = tuple(zip(("audio", "video", "video", "audio", "audio", "video"), "012345", strict=True))
CALL_LINES = (("audio", "0"), ("video", "1"))
CONNECT_S = 6.0
SETTLE_S = 5.0


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system, all threads (the clock of clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Pair:
    """The two ends of one call."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.ways = Way(), Way()
        self.ends = [Peer(f"{index}-{side}", clip(), self.ways[side], self.ways[1 - side]) for side in range(2)]

    async def connected(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            for end in self.ends:
                await end.connected.wait()


async def over_socket(pairs: list[Pair], path: str, lines: tuple[tuple[str, str], ...]) -> list[float]:
    """Set up calls with a server of `tests.bench.systems`; how long each took, in seconds."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    times = []
    for pair in pairs:
        begin = time.perf_counter()
        offers = [await end.describe(lines, setup="actpass") for end in pair.ends]
        writer.write(json.dumps({"offers": offers}).encode() + b"\n")
        answers = json.loads(await reader.readline())["answers"]
        for end, answer in zip(pair.ends, answers, strict=True):
            await end.meet(answer, offerer=True)
        await pair.connected()
        times.append(time.perf_counter() - begin)
    writer.close()
    return times


async def over_janus(pairs: list[Pair], signaling: Signaling, folder: str) -> list[float]:
    """Set up calls with Janus's videocall plugin, recorded."""
    times = []
    for pair in pairs:
        names = [f"call{pair.index}side{side}" for side in range(2)]
        begin = time.perf_counter()
        handles = [await signaling.party(name) for name in names]
        caller, callee = pair.ends
        offer = await caller.describe(CALL_LINES, setup="actpass")
        await signaling.say(handles[0], {"request": "call", "username": names[1]}, {"type": "offer", "sdp": offer})
        incoming = (await signaling.event(handles[1], "incomingcall"))["jsep"]["sdp"]
        mids = re.findall(r"^a=mid:(\S+)", incoming, re.MULTILINE)
        lines = list(zip(re.findall(r"^m=(audio|video)", incoming, re.MULTILINE), mids, strict=True))
        answer = await callee.describe(lines, setup="active")
        await signaling.say(handles[1], {"request": "accept"}, {"type": "answer", "sdp": answer})
        accepted = (await signaling.event(handles[0], "accepted"))["jsep"]["sdp"]
        await caller.meet(accepted, offerer=True)
        await callee.meet(incoming, offerer=False)
        for handle, name in zip(handles, names, strict=True):
            await signaling.say(handle, {"request": "set", "record": True, "filename": f"{folder}/{name}"})
        await pair.connected()
        times.append(time.perf_counter() - begin)
    return times


async def play(pairs: list[Pair], until: float) -> None:
    """Send every clip at its pace, each peer at its own moment within a frame."""
    loop = asyncio.get_running_loop()
    ends = [end for pair in pairs for end in pair.ends]

    def repeat(every: float, first: float, action: object) -> None:
        at = first

        def step() -> None:
            nonlocal at
            action()  # type: ignore[operator]
            at += every
            if at < until:
                loop.call_at(at, step)

        loop.call_at(at, step)

    begin = loop.time() + 0.05
    for index, end in enumerate(ends):
        share = index * 0.618034 % 1
        repeat(1 / 30, begin + share / 30, end.send_frame)
        repeat(1 / 50, begin + (share * 7 % 1) / 50, end.send_sound)
        repeat(1.0, begin + share, end.send_report)
    await asyncio.sleep(max(0.0, until - loop.time()))


async def measure(pairs: list[Pair], pid: int, seconds: float, *, before: int, setup: list[float]) -> dict[str, object]:
    """Let the calls run and return the figures of the time after they settled."""
    loop = asyncio.get_running_loop()
    playing = asyncio.ensure_future(play(pairs, loop.time() + SETTLE_S + seconds + 1.0))  # noqa: TID251
    await asyncio.sleep(SETTLE_S)
    ways = [way for pair in pairs for way in pair.ways]
    mine = time.process_time()
    used, begin = cpu_seconds(pid), time.perf_counter()
    for way in ways:
        way.measuring = True
    await asyncio.sleep(seconds)
    used, elapsed = cpu_seconds(pid) - used, time.perf_counter() - begin
    mine = time.process_time() - mine
    for way in ways:
        way.measuring = False
    memory = resident_bytes(pid) - before
    await playing
    counts = [way.count for way in ways]
    delays = sorted(delay * 1000 for count in counts for delay in count.delays)
    sent, received = sum(c.sent for c in counts), sum(c.received for c in counts)
    return {
        "cpu_percent_per_call": round(100 * used / elapsed / len(pairs), 3),
        "packets_per_second": round(sent / elapsed),
        "sent": sent,
        "lost": sent - received,
        "latency_p50_ms": round(delays[len(delays) // 2], 3) if delays else None,
        "latency_p99_ms": round(delays[len(delays) * 99 // 100], 3) if delays else None,
        "us_per_packet": round(1e6 * used / sent, 1),
        "setup_ms": round(1000 * statistics.median(setup)),
        "memory_mb_per_call": round(memory / len(pairs) / 1e6, 2),
        "peers_cpu_percent": round(100 * mine / elapsed),
    }


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Set up, measure, hang up."""
    pairs = [Pair(index) for index in range(options.calls)]
    before = resident_bytes(options.pid)
    if options.system == "janus":
        async with Signaling(int(options.address)) as signaling:
            setup = await over_janus(pairs, signaling, options.folder)
            return await measure(pairs, options.pid, options.seconds, before=before, setup=setup)
    lines = LEG_LINES if options.system == "visavis" else CALL_LINES
    setup = await over_socket(pairs, options.address, lines)
    return await measure(pairs, options.pid, options.seconds, before=before, setup=setup)


def main() -> int:
    """Read the command line of `tests.bench.relay`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("address")
    parser.add_argument("folder")
    parser.add_argument("pid", type=int)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    clip()
    use_one_address()
    figures = uvloop.run(run(parser.parse_args()))
    print(json.dumps(figures), flush=True)
    os._exit(0)  # the peers hang up by vanishing: closing is not what is measured


if __name__ == "__main__":
    sys.exit(main())
