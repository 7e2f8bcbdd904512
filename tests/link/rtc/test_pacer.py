"""Pictures that wait on our side of a full path, and sound that does not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.pacer import MAX_WAIT_S, MAX_WAITING_BYTES, Pacer
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack

STEP = 0.02
KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"


class Held:
    """A camera and a microphone that are sent on over one leg, and what leaves of them: when, and the bytes."""

    def __init__(self, time_extension: int = 3) -> None:
        self.now = 100.0
        self.left: list[tuple[float, bytes, bytes]] = []
        self.hurried = 0
        self.pace = Pacer(self._send, self._hurry)
        self.tracks = {kind: PublishedTrack(kind, kind) for kind in ("video", "audio")}
        self.slots = {kind: ForwardedTrack(kind, kind) for kind in self.tracks}
        for kind, slot in self.slots.items():
            slot.open(self._send, 96, 97 if kind == "video" else -1, time_extension, self._send_run)
            slot.attach(self.tracks[kind], self.now)
        self._sequences = dict.fromkeys(self.tracks, 0)

    def _send(self, header: bytes, payload: bytes) -> None:
        self.left.append((self.now, header, payload))

    def _send_run(self, packets: list[tuple[bytes, bytes]]) -> None:
        for header, payload in packets:
            self._send(header, payload)

    def _hurry(self) -> None:
        self.hurried += 1

    def hold(self, rate: int) -> None:
        self.pace.hold(rate, self.slots.values(), self.now)

    def come(self, kind: str, size: int = 1000) -> None:
        sequence = self._sequences[kind] = self._sequences[kind] + 1
        payload = (KEYFRAME if sequence == 1 else b"\x10\x01") + bytes(size)
        self.tracks[kind].receive(sequence, round(self.now * 90_000), True, payload, self.now)

    def run(self, seconds: float, *, pictures: float = 0.0) -> None:
        """`pictures` of 1,000 bytes a second, and 50 sounds."""
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self.come("audio", 80)
            for _ in range(int(self.now * pictures) - int((self.now - STEP) * pictures)):
                self.come("video")
            self.pace.release(self.now)

    def count(self, kind: str) -> int:
        ssrc = self.slots[kind].ssrc.to_bytes(4, "big")
        return sum(header[8:12] == ssrc for _, header, _ in self.left)


def test_nothing_waits_while_the_path_is_free() -> None:
    held = Held()
    held.run(1, pictures=100)
    assert held.count("audio") == 50
    assert held.count("video") in (99, 100)
    assert held.hurried == 0
    assert not held.pace.release(held.now)


@pytest.mark.parametrize("rate", [200_000, 400_000])
def test_pictures_leave_at_the_rate_and_sound_at_once(rate: int) -> None:
    held = Held()
    held.run(0.2, pictures=100)
    before = len(held.left)
    held.hold(rate)
    assert held.hurried == 1
    held.run(0.8, pictures=100)
    pictures = [at for at, header, _ in held.left[before:] if len(header) == 20 and header[1] & 0x7F == 96]
    sent = held.count("video") - 20
    assert sent * 1072 * 8 == pytest.approx(0.8 * rate, abs=2 * 8 * 1072)
    assert held.count("audio") == 50, "none of it was held"
    assert pictures == sorted(pictures)
    assert held.pace.waiting > 0


def test_what_waited_is_stamped_when_it_leaves() -> None:
    """Otherwise the far end would take our queue for one of the path, and ask for less and less."""
    held = Held()
    held.run(0.1, pictures=100)
    held.hold(200_000)
    held.run(1, pictures=60)
    late = 0.0
    for at, header, _ in held.left:
        stamp = int.from_bytes(header[-3:], "big") / 262144
        late = max(late, (at - stamp) % 64)
    assert late < 0.001


def test_what_was_asked_for_again_goes_first() -> None:
    held = Held()
    held.run(0.2, pictures=100)
    held.hold(100_000)
    held.run(0.5, pictures=100)
    slot = held.slots["video"]
    before = len(held.left)
    missing = int.from_bytes(held.left[2][1][2:4], "big")
    slot.nack([missing], held.now, 0.1)
    held.run(0.3)
    video = [
        header for _, header, _ in held.left[before:] if header[8:12] != held.slots["audio"].ssrc.to_bytes(4, "big")
    ]
    assert video[0][8:12] == slot.rtx.ssrc.to_bytes(4, "big")


def test_who_asks_again_and_again_gets_it_once() -> None:
    held = Held()
    held.run(0.2, pictures=100)
    held.hold(50_000)
    slot = held.slots["video"]
    missing = [int.from_bytes(held.left[index][1][2:4], "big") for index in (2, 5)]
    before = held.pace.waiting
    for _ in range(10):
        held.now += 0.1
        slot.nack(missing, held.now, 0.05)
    assert held.pace.waiting - before == pytest.approx(2 * 1084 * 8 / 50_000, rel=0.02)


def test_what_waits_leaves_faster_and_faster_once_there_is_no_queue() -> None:
    held = Held()
    held.run(0.1, pictures=100)
    held.hold(100_000)
    held.run(1.5, pictures=40)
    waited = held.pace.waiting
    for _ in range(15):
        held.pace.quicken(120_000, held.now)
        held.run(0.1, pictures=12)
    assert waited > 1.5
    assert held.pace.waiting < 0.1, "though the word that it takes 120 kbit/s has not changed"
    held.hold(100_000)
    held.run(1, pictures=40)
    assert held.pace.waiting > 1, "and at the rate again as soon as there is a queue"


def test_nothing_waits_for_long() -> None:
    """However little the path is said to carry: then it has to drop what it does not."""
    held = Held()
    held.run(0.1, pictures=100)
    held.hold(10_000)
    held.run(10, pictures=100)
    assert held.pace.waiting * 10_000 / 8 < 1.2 * MAX_WAIT_S * 100 * 1072


@given(st.integers(0, 10_000))
def test_all_of_it_leaves_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    held = Held(time_extension=chance.choice([0, 3]))
    held.come("video")
    for _ in range(chance.randrange(1, 12)):
        match chance.randrange(4):
            case 0:
                held.hold(chance.randrange(50_000, 2_000_000))
            case 1:
                held.pace.let_go(held.now)
            case _:
                held.run(chance.random(), pictures=chance.randrange(200))
    held.pace.let_go(held.now)
    ssrc = held.slots["video"].ssrc.to_bytes(4, "big")
    sequences = [int.from_bytes(header[2:4], "big") for _, header, _ in held.left if header[8:12] == ssrc]
    assert sequences == list(range(sequences[0], sequences[0] + held._sequences["video"]))
    assert held.pace.waiting == 0
    assert not held.pace.release(held.now)


def test_a_leg_that_ends_meanwhile_sends_nothing_more() -> None:
    held = Held()
    held.run(0.1, pictures=100)
    held.hold(100_000)
    held.run(0.2, pictures=100)
    held.slots["video"].shut()
    held.pace.let_go(held.now)
    assert held.slots["video"]._send is None


def test_of_a_flood_no_more_waits_than_there_is_room_for() -> None:
    held = Held()
    held.come("video")
    held.hold(200_000)
    for _ in range(3000):
        held.come("video", 1100)
    assert held.pace.waiting * 200_000 / 8 <= MAX_WAITING_BYTES
    assert held.count("video") >= 3000 - MAX_WAITING_BYTES // 1100, (
        "what there is no room for has left, and is not lost"
    )
    held.pace.let_go(held.now)
    assert held.count("video") == 3001
    assert held.pace.waiting == 0.0
