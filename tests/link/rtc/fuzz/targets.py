"""What is fuzzed, and what must hold for any input; each target has its corpus in `corpus/<name>/`.

A case is bytes; what it means is the target's affair. `run` raises when a bound does not hold. Time is that of the
thread, so that neighbours on the machine do not count.
"""

from __future__ import annotations

import contextlib
import random
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from link.rtc.transport.turn_framing import Deframer, Peeled
from link.rtc.transport.udp_batch import Inbox
from link.rtc.wire.rtp import MAX_NACKED_PACKETS, Nack, Remb, find_extension, parse_rtcp, parse_rtp
from link.rtc.wire.sdp import MAX_CANDIDATES, MAX_SDP_BYTES, InvalidDescription, parse_candidate, parse_description
from tests.link.rtc.fuzz.mutation import mutate_bytes, mutate_text
from tests.link.rtc.fuzz.receiver import Receiver

CORPUS = Path(__file__).parent / "corpus"


class TooSlow(AssertionError):
    """A case took longer than its bound."""


class Target(ABC):
    name: str
    bound: float
    """Seconds that one case may take."""

    @cached_property
    def seeds(self) -> list[bytes]:
        """The corpus: good input, and everything that once did harm."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]

    @abstractmethod
    def run(self, case: bytes) -> None:
        """Raise if anything but a clean refusal comes of it."""

    def mutant(self, chance: random.Random) -> bytes:
        return mutate_bytes(chance.choice(self.seeds), self.seeds, chance)

    def mutants(self, seed: int) -> Iterator[bytes]:
        """Cases without an end, the same for the same seed."""
        chance = random.Random(f"{self.name} {seed}")
        while True:
            yield self.mutant(chance)

    def check(self, case: bytes) -> None:
        """Run a case within its bound; one that is too slow is given a second chance, as caches may have been cold."""
        for last in (False, True):
            begin = time.thread_time()
            self.run(case)
            if (took := time.thread_time() - begin) <= self.bound:
                return
            if last:
                raise TooSlow(f"{took * 1000:.0f} ms")


class Sdp(Target):
    name, bound = "sdp", 0.25

    @cached_property
    def _texts(self) -> list[str]:
        return [seed.decode(errors="surrogateescape") for seed in self.seeds]

    def mutant(self, chance: random.Random) -> bytes:
        text = mutate_text(chance.choice(self._texts), self._texts, chance)
        return text[: 2 * MAX_SDP_BYTES].encode(errors="surrogateescape")

    def run(self, case: bytes) -> None:
        text = case.decode(errors="surrogateescape")
        for offer in (True, False):
            with contextlib.suppress(InvalidDescription):
                found = parse_description(text, offer=offer)
                assert len(found.candidates) <= MAX_CANDIDATES
                assert len(found.media) == 6
                assert all(len(media.ssrcs) <= 4 and len(media.rtx_of) <= 2 for media in found.media)
        for line in text.splitlines()[:100]:
            if "candidate" in line or " typ " in line:
                with contextlib.suppress(InvalidDescription):
                    parse_candidate(line.removeprefix("a="))


class RtpPacket(Target):
    name, bound = "rtp", 0.05

    def run(self, case: bytes) -> None:
        with contextlib.suppress(ValueError):
            packet = parse_rtp(case + b"behind", len(case))
            assert len(packet.payload) <= len(case)
            assert packet.extension_end <= len(case)
            if packet.extension:
                for wanted in range(16):
                    find_extension(case + b"behind", packet.extension, packet.extension_end, wanted)


class RtcpPacket(Target):
    name, bound = "rtcp", 0.05

    def run(self, case: bytes) -> None:
        with contextlib.suppress(ValueError):
            for item in parse_rtcp(case):
                match item:
                    case Nack(_, sequences):
                        assert len(sequences) <= MAX_NACKED_PACKETS
                    case Remb(bitrate, ssrcs):
                        assert bitrate >= 0
                        assert len(ssrcs) < 256


class Turn(Target):
    """A stream from a TURN server, in pieces of any size, and the same as one datagram."""

    name, bound = "turn", 0.05

    def run(self, case: bytes) -> None:
        inbox = Inbox()
        inbox._libc = None  # lengths are kept in a list then
        size = min(len(case), len(inbox.views[0]))
        inbox.views[0][:size] = case[:size]
        inbox._lengths[0] = size
        peeled = Peeled(inbox)
        peeled.peel(1)
        assert peeled.length(0) <= max(0, size - 4)
        assert self._frames(case, len(case) or 1) == self._frames(case, 1 + len(case) % 7)

    def _frames(self, case: bytes, step: int) -> list[bytes]:
        deframer = Deframer()
        frames = []
        for at in range(0, len(case), step):
            try:
                frames += deframer.feed(case[at : at + step])
            except ValueError:
                return []
            assert len(deframer._kept) < (1 << 16) + 24
        return frames


class Authentic(Target):
    """Plain packets, each behind its 16-bit length, that a far end with the keys encrypts and sends to a whole leg."""

    name, bound = "authentic", 0.05
    packets = 40

    @cached_property
    def _plain(self) -> list[bytes]:
        return [packet for seed in self.seeds for packet in unpack(seed)]

    def mutant(self, chance: random.Random) -> bytes:
        packets = []
        for index in range(self.packets):
            seed = chance.choice(self._plain)
            # Mostly a stream goes on, so that what is odd is odd in the middle of something.
            packet = bytearray(mutate_bytes(seed, self._plain, chance) if chance.random() < 0.6 else seed)
            if len(packet) >= 4 and not 191 < packet[1] < 224 and chance.random() < 0.9:
                packet[2:4] = (1000 + index * chance.choice((1, 1, 1, 2, 300))).to_bytes(2, "big")
            packets.append(bytes(packet))
        return pack(packets)

    def run(self, case: bytes) -> None:
        receiver = Receiver()
        now = 100.0
        for burst in bursts(unpack(case)):
            # The length of the first tells how long it was quiet, so that a case is nothing but its bytes.
            now += 5.0 if len(burst[0]) % 31 == 0 else 0.6 if len(burst[0]) % 13 == 0 else 0.02
            begin = time.thread_time()
            receiver.take(burst, now)
            took = time.thread_time() - begin
            if took > self.bound:
                raise TooSlow(f"{took * 1000:.0f} ms for {len(burst)} packets")
        receiver.check()

    def check(self, case: bytes) -> None:
        try:
            self.run(case)
        except TooSlow:
            self.run(case)


def bursts(packets: list[bytes]) -> Iterator[list[bytes]]:
    """What arrives together: a packet of a length that three divides comes with the next, eight at most."""
    burst: list[bytes] = []
    for packet in packets:
        burst.append(packet)
        if len(packet) % 3 or len(burst) == 8:
            yield burst
            burst = []
    if burst:
        yield burst


def pack(packets: list[bytes]) -> bytes:
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


def unpack(case: bytes) -> list[bytes]:
    packets = []
    at = 0
    while at + 2 <= len(case):
        size = case[at] << 8 | case[at + 1]
        packets.append(case[at + 2 : at + 2 + size])
        at += 2 + size
    return packets


TARGETS: tuple[Target, ...] = (Sdp(), RtpPacket(), RtcpPacket(), Turn(), Authentic())
