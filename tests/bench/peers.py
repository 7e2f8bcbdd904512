"""`python -m tests.bench.peers`: all ends of N calls in one process, and what they see of a server.

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

from tests.bench.clip import Clip, clip, use_one_address
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


def apart(index: int) -> float:
    """A moment from 0 to 1 for each of any number of peers, as far apart as can be (by the golden ratio)."""
    return index * 0.618034 % 1


class Call:
    """The two ends of one call, and who watches it: each of them receives what both ends send."""

    def __init__(self, index: int, clip: Clip, subscribers: int = 1) -> None:
        """`subscribers` is how many receive each track: the other end, and all but one of them watch."""
        self.index = index
        self.ways = [[Way() for _ in range(subscribers)] for _ in range(2)]  # by end, and then by subscriber
        # Each end begins elsewhere in the clip: keyframes of independent calls do not come all at once.
        self.ends = [
            Peer(f"{index}-{side}", clip, out, [back[0]], begin=apart(2 * index + side))
            for side, (out, back) in enumerate(zip(self.ways, reversed(self.ways), strict=True))
        ]
        self.watchers = [
            Peer(f"{index}-watches-{number}", clip, (), [self.ways[0][number], self.ways[1][number]])
            for number in range(1, subscribers)
        ]

    @property
    def peers(self) -> list[Peer]:
        return [*self.ends, *self.watchers]

    async def connected(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            for peer in self.peers:
                await peer.connected.wait()


async def over_socket(calls: list[Call], path: str, lines: tuple[tuple[str, str], ...]) -> list[float]:
    """Set up calls with a server of `tests.bench.systems`; how long each took, in seconds."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    times = []
    for call in calls:
        begin = time.perf_counter()
        offers = [await end.describe(lines, setup="actpass") for end in call.peers]
        writer.write(json.dumps({"offers": offers}).encode() + b"\n")
        answers = json.loads(await reader.readline())["answers"]
        for end, answer in zip(call.peers, answers, strict=True):
            await end.meet(answer, offerer=True)
        await call.connected()
        times.append(time.perf_counter() - begin)
    writer.close()
    return times


async def over_janus(calls: list[Call], signaling: Signaling, folder: str) -> list[float]:
    """Set up calls with Janus's videocall plugin, recorded."""
    times = []
    for call in calls:
        names = [f"call{call.index}side{side}" for side in range(2)]
        begin = time.perf_counter()
        handles = [await signaling.party(name) for name in names]
        caller, callee = call.ends
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
        await call.connected()
        times.append(time.perf_counter() - begin)
    return times


async def play(calls: list[Call], rate: float, until: float) -> None:
    """Send every clip at its pace, each peer at its own moment within a frame."""
    loop = asyncio.get_running_loop()
    ends = [end for call in calls for end in call.ends]

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
        share = apart(index)
        frame, sound = 1 / (30 * rate), 1 / (50 * rate)
        repeat(frame, begin + share * frame, end.send_frame)
        repeat(sound, begin + (share * 7 % 1) * sound, end.send_sound)
        repeat(1.0, begin + share, end.send_report)
    for index, watcher in enumerate(watcher for call in calls for watcher in call.watchers):
        repeat(1.0, begin + apart(index), watcher.send_report)
    await asyncio.sleep(max(0.0, until - loop.time()))


async def measure(
    calls: list[Call], pid: int, *, rate: float, seconds: float, before: int, setup: list[float]
) -> dict[str, object]:
    """Let the calls run and return the figures of the time after they settled."""
    loop = asyncio.get_running_loop()
    playing = asyncio.ensure_future(play(calls, rate, loop.time() + SETTLE_S + seconds + 1.0))  # noqa: TID251
    await asyncio.sleep(SETTLE_S)
    ways = [way for call in calls for out in call.ways for way in out]
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
    due, received = sum(c.sent for c in counts), sum(c.received for c in counts)
    sent = sum(out[0].count.sent for call in calls for out in call.ways)
    return {
        "cpu_percent_per_call": round(100 * used / elapsed / len(calls), 3),
        "packets_per_second": round(sent / elapsed),
        "delivered_per_second": round(received / elapsed),
        "sent": sent,
        "lost": due - received,
        "latency_p50_ms": round(delays[len(delays) // 2], 3) if delays else None,
        "latency_p99_ms": round(delays[len(delays) * 99 // 100], 3) if delays else None,
        "us_per_packet": round(1e6 * used / sent, 1),
        "us_per_delivery": round(1e6 * used / max(1, received), 1),
        "setup_ms": round(1000 * statistics.median(setup)),
        "memory_mb_per_call": round(memory / len(calls) / 1e6, 2),
        "peers_cpu_percent": round(100 * mine / elapsed),
    }


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Set up, measure, hang up."""
    calls = [Call(index, clip(options.rate), options.subscribers) for index in range(options.calls)]
    before = resident_bytes(options.pid)

    async def measured(setup: list[float]) -> dict[str, object]:
        return await measure(calls, options.pid, rate=options.rate, seconds=options.seconds, before=before, setup=setup)

    if options.system == "janus":
        async with Signaling(int(options.address)) as signaling:
            return await measured(await over_janus(calls, signaling, options.folder))
    lines = CALL_LINES if options.system == "stock" else LEG_LINES
    return await measured(await over_socket(calls, options.address, lines))


def main() -> int:
    """Read the command line of `tests.bench.relay`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("address")
    parser.add_argument("folder")
    parser.add_argument("pid", type=int)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--subscribers", type=int, default=1)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    use_one_address()
    figures = uvloop.run(run(parser.parse_args()))
    print(json.dumps(figures), flush=True)
    os._exit(0)  # the peers hang up by vanishing: closing is not what is measured


if __name__ == "__main__":
    sys.exit(main())
