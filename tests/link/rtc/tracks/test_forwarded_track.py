"""What a far end sees of a slot: one steady stream, whatever feeds it."""

from __future__ import annotations

import itertools
import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.wire.rtp import ReportBlock, Rtp, SenderReport, find_extension, parse_rtcp, parse_rtp
from link.rtc.wire.vp8 import packetise, parse_descriptor

KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02" + bytes(3000)
DELTA = b"\x11\x00\x00" + bytes(1500)


class FarEnd:
    """Reads what a slot sends, as a receiver with payload types 96 and 97 would."""

    def __init__(self, kind: str = "video", *, rtx: bool = True, extension: int = 3) -> None:
        self.slot = ForwardedTrack(kind, "video0")
        self.packets: list[Rtp] = []
        self.raw: list[bytes] = []
        self.slot.open(self._take, 96, 97 if rtx else -1, extension)

    def _take(self, header: bytes, payload: bytes) -> None:
        data = header + payload
        self.raw.append(data)
        self.packets.append(parse_rtp(data, len(data)))

    @property
    def media(self) -> list[Rtp]:
        return [packet for packet in self.packets if packet.payload_type == 96]


class Camera:
    """Feeds a track frame by frame with numbers of its own."""

    def __init__(self, sequence: int = 40_000, stamp: int = 5, picture: int = 77, kind: str = "video") -> None:
        self.track = PublishedTrack(kind)
        self.keyframes = 0
        self.track.on_keyframe = self._keyframe
        self.sequence, self.stamp, self.picture = sequence, stamp, picture

    def _keyframe(self) -> None:
        self.keyframes += 1

    def push(self, frame: bytes, now: float, *, drop: frozenset[int] = frozenset()) -> None:
        payloads = packetise(frame, self.picture) if self.track.kind == "video" else [frame]
        for index, payload in enumerate(payloads):
            if index not in drop:
                self.track.receive(
                    self.sequence & 0xFFFF, self.stamp & 0xFFFFFFFF, index == len(payloads) - 1, payload, now
                )
            self.sequence += 1
        self.stamp += 3000
        self.picture = (self.picture + 1) & 0x7FFF


def sequences(packets: list[Rtp]) -> list[int]:
    """Unwrapped by signed difference from the first."""
    found = [packets[0].sequence]
    for packet in packets[1:]:
        found.append(found[-1] + ((packet.sequence - found[-1] + 0x8000) & 0xFFFF) - 0x8000)
    return found


def test_headers_are_the_far_ends_own() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    camera.push(KEYFRAME, 2.5)
    first = far.packets[0]
    assert first.ssrc == far.slot.ssrc
    assert first.sequence < 32768
    assert [packet.marker for packet in far.packets] == [False, False, True]
    sent = find_extension(far.raw[0], first.extension, first.extension_end, 3)
    assert sent is not None
    assert int.from_bytes(sent, "big") == int(2.5 * 262144)
    assert b"".join(p.payload[parse_descriptor(p.payload).size :] for p in far.packets) == KEYFRAME


def test_the_stamp_of_a_packet_is_that_with_which_it_leaves() -> None:
    far, camera = FarEnd(), Camera(stamp=0xFFFFF000)
    assert far.slot.stamp(5) is None
    far.slot.attach(camera.track, 0.0)
    camera.push(DELTA, 2.4)
    assert far.slot.stamp(5) is None, "nothing leaves before a keyframe"
    for frame in (KEYFRAME, DELTA, DELTA):
        camera.push(frame, 2.5)
        newest = camera.track.packet(camera.track.highest)
        assert newest is not None
        assert far.slot.stamp(newest.timestamp) == far.packets[-1].timestamp
    far.slot.detach()
    assert far.slot.stamp(5) is None


def test_without_abs_send_time_there_is_no_extension() -> None:
    far, voice = FarEnd("audio", rtx=False, extension=0), Camera(kind="audio")
    far.slot.attach(voice.track, 0.0)
    voice.push(b"\x78", 1.0)
    assert far.raw[0][0] == 0x80
    assert far.packets[0].payload == b"\x78"


def test_a_video_begins_with_a_keyframe_and_asks_for_one() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    assert camera.keyframes == 1
    camera.push(DELTA, 1.0)
    assert far.packets == []
    camera.push(KEYFRAME, 1.03)
    camera.push(DELTA, 1.06)
    assert len(far.packets) == 5


def test_asks_again_while_it_waits() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    camera.push(DELTA, 1.0)
    camera.track.tick(1.1)
    assert camera.keyframes == 2


def test_before_the_leg_is_connected_nothing_is_sent() -> None:
    slot, camera = ForwardedTrack("video", "video0"), Camera()
    slot.attach(camera.track, 0.0)
    camera.push(KEYFRAME, 1.0)
    assert slot.packets == 0


def test_reordering_goes_through() -> None:
    far, voice = FarEnd("audio"), Camera(kind="audio")
    far.slot.attach(voice.track, 0.0)
    for sequence in (1, 2, 4, 3):
        voice.track.receive(sequence, sequence * 960, False, b"\x78", 1.0)
    base = far.packets[0].sequence
    assert [packet.sequence - base for packet in far.packets] == [0, 1, 3, 2]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 0x7FFF), st.integers(1, 12)),
        min_size=2,
        max_size=5,
    )
)
def test_numbers_go_on_when_the_flow_changes(sources: list[tuple[int, int, int, int]]) -> None:
    far = FarEnd()
    now = 1.0
    for sequence, stamp, picture, frames in sources:
        camera = Camera(sequence, stamp, picture)
        far.slot.attach(camera.track, now)
        camera.push(DELTA, now)
        for index in range(frames):
            now += 1 / 30
            camera.push(DELTA if index else KEYFRAME, now)
    seen = sequences(far.packets)
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    stamps = [far.packets[0].timestamp]
    for packet in far.packets[1:]:
        step = (packet.timestamp - stamps[-1]) & 0xFFFFFFFF
        assert step in (0, 3000, pytest.approx(3000, abs=2), pytest.approx(6000, abs=2))
        stamps.append(packet.timestamp)
    pictures = [parse_descriptor(packet.payload).picture for packet in far.packets]
    for before, after in itertools.pairwise(pictures):
        assert (after - before) & 0x7FFF in (0, 1)


def test_after_a_pause_time_has_passed() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    camera.push(KEYFRAME, 1.0)
    far.slot.detach()
    far.slot.attach(camera.track, 11.0)
    camera.push(KEYFRAME, 11.0)
    step = (far.packets[-1].timestamp - far.packets[0].timestamp) & 0xFFFFFFFF
    assert step == pytest.approx(10 * 90_000, abs=2)


def test_a_restarted_flow_begins_again_with_a_keyframe() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    camera.push(KEYFRAME, 1.0)
    camera.track.restart()
    camera.sequence, camera.stamp = 9, 1 << 31
    camera.push(DELTA, 1.1)
    camera.push(KEYFRAME, 1.2)
    seen = sequences(far.packets)
    assert seen == list(range(seen[0], seen[0] + 6))


class TestRetransmission:
    def test_as_rtx(self) -> None:
        far, camera = FarEnd(), Camera(sequence=65_534)
        far.slot.attach(camera.track, 0.0)
        camera.push(KEYFRAME, 1.0)
        wanted = far.packets[1]
        far.slot.nack([wanted.sequence], 1.05, 0.02)
        again = far.packets[-1]
        assert (again.payload_type, again.ssrc, again.timestamp) == (97, far.slot.rtx.ssrc, wanted.timestamp)
        assert again.payload == wanted.sequence.to_bytes(2, "big") + wanted.payload
        assert far.slot.rtx.packets == 1

    def test_as_it_was_where_there_is_no_rtx(self) -> None:
        far, voice = FarEnd("audio", rtx=False, extension=0), Camera(kind="audio")
        far.slot.attach(voice.track, 0.0)
        voice.push(b"\x78abc", 1.0)
        far.slot.nack([far.packets[0].sequence], 1.05, 0.02)
        assert far.raw[0] == far.raw[1]

    def test_not_twice_in_one_round_trip(self) -> None:
        far, camera = FarEnd(), Camera()
        far.slot.attach(camera.track, 0.0)
        camera.push(KEYFRAME, 1.0)
        wanted = far.packets[0].sequence
        far.slot.nack([wanted, wanted], 1.0, 0.1)
        far.slot.nack([wanted], 1.04, 0.1)
        assert far.slot.rtx.packets == 1
        far.slot.nack([wanted], 1.06, 0.1)
        assert far.slot.rtx.packets == 3, "two copies: the first one has cost a round trip"

    def test_what_comes_long_after_its_frame_goes_twice(self) -> None:
        """It was lost once and everybody waits for it; what was merely overtaken is not."""
        far, camera = FarEnd(), Camera()
        far.slot.attach(camera.track, 0.0)
        camera.push(KEYFRAME, 1.0, drop=frozenset({1, 2}))
        hole = camera.sequence - 2
        camera.push(DELTA, 1.033)
        camera.track.receive(hole & 0xFFFF, 5, False, b"\x00" + bytes(50), 1.05)
        assert far.slot.rtx.packets == 0
        for index in range(6):
            camera.push(DELTA, 1.06 + index / 30)
        camera.track.receive((hole + 1) & 0xFFFF, 5, True, b"\x00" + bytes(50), 1.3, repaired=True)
        assert far.slot.rtx.packets == 1
        assert far.packets[-1].payload[2:] == far.packets[-2].payload

    def test_one_copy_each_time_on_a_narrow_path(self) -> None:
        far, camera = FarEnd(), Camera()
        far.slot.attach(camera.track, 0.0)
        far.slot.narrow = True
        camera.push(KEYFRAME, 1.0)
        for step in range(3):
            far.slot.nack([far.packets[0].sequence], 1.0 + step, 0.1)
        assert far.slot.rtx.packets == 3

    def test_reports_count_packets_through_a_wrap(self) -> None:
        far = FarEnd()
        for highest, lost in ((0xFFFFFF00, 10), (0xFFFFFF80, 42), (0x40, 40), (0x3F, 40)):
            far.slot.reported(ReportBlock(far.slot.ssrc, 0, lost, highest, 0, 0, 0))
        assert (far.slot.reports.expected, far.slot.reports.received) == (0x140, 0x140 - 32), (
            "two that were only late change no sum"
        )

    def test_what_we_miss_ourselves_comes_when_it_comes(self) -> None:
        far, camera = FarEnd(), Camera()
        far.slot.attach(camera.track, 0.0)
        camera.push(KEYFRAME, 1.0, drop=frozenset({1}))
        hole = (far.packets[0].sequence + 1) & 0xFFFF
        far.slot.nack([hole], 1.05, 0.02)
        assert far.slot.rtx.packets == 0

    def test_nothing_from_before_the_switch(self) -> None:
        far, first, second = FarEnd(), Camera(), Camera(sequence=9)
        far.slot.attach(first.track, 0.0)
        first.push(KEYFRAME, 1.0)
        old = far.packets[0].sequence
        far.slot.attach(second.track, 1.1)
        second.push(KEYFRAME, 1.2)
        far.slot.nack([old, (old - 5000) & 0xFFFF], 1.3, 0.02)
        assert far.slot.rtx.packets == 0

    def test_a_storm_is_bounded(self) -> None:
        far, camera = FarEnd(), Camera()
        far.slot.attach(camera.track, 0.0)
        for index in range(200):
            camera.push(DELTA if index else KEYFRAME, 1.0 + index / 30)
        wanted = [packet.sequence for packet in far.media]
        for step in range(20):
            far.slot.nack(wanted, 20.0 + step * 0.02, 0.0)
        assert far.slot.rtx.packets <= 601
        assert len(far.slot.rtx._resent) <= 512

    def test_unattached_or_shut(self) -> None:
        far, camera = FarEnd(), Camera()
        far.slot.nack([1], 1.0, 0.1)
        far.slot.attach(camera.track, 0.0)
        far.slot.shut()
        camera.push(KEYFRAME, 1.0)
        far.slot.nack([1], 1.0, 0.1)
        far.slot.keyframe_requested(1.0)
        assert far.packets == []
        assert camera.track.subscribers == ()


def test_sender_reports_tie_our_clock_to_the_slots_timestamps() -> None:
    far, camera = FarEnd(), Camera()
    assert far.slot.sender_report(1.0) is None
    far.slot.attach(camera.track, 0.0)
    assert far.slot.sender_report(1.0) is None
    camera.push(KEYFRAME, 1.0)
    data = far.slot.sender_report(1.5)
    assert data is not None
    [report] = parse_rtcp(data)
    assert isinstance(report, SenderReport)
    assert report.ssrc == far.slot.ssrc
    assert (report.rtp - far.packets[0].timestamp) & 0xFFFFFFFF == pytest.approx(0.5 * 90_000, abs=2)
    assert report.packets == 3
    assert far.slot.sender_report(9.0) is None, "a track that stopped is not reported"


def test_what_the_far_end_reports() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    far.slot.reported(ReportBlock(far.slot.ssrc, 64, 7, 0, 0, 0, 0))
    assert (far.slot.reports.fraction_lost, far.slot.reports.lost) == (0.25, 7)
    far.slot.keyframe_requested(9.0)
    assert camera.keyframes == 2
    assert far.slot.plis == 1


class World:
    """A camera whose packets are lost or late on the way to us, and lost again on the way to the far end, which counts
    as RFC 3550 has it and reports once a second; its reports are `delay` seconds old when they come."""

    def __init__(self, *, delay: float = 0.0, seed: int = 1, counts_late: bool = True, narrow: bool = False) -> None:
        self.slot, self.track = ForwardedTrack("video", "video0"), PublishedTrack("video")
        self.slot.open(self._take, 96, 97, 0, counts_late=counts_late)
        self.slot.narrow = narrow
        self.slot.attach(self.track, 0.0)
        self.counts_late = counts_late
        self.random = random.Random(seed)
        self.delay = delay
        self.loss = 0.0
        self.sent = self.lost = 0  # on the second way
        self.first = self.highest = -1
        self.received = self.reported = 0
        self.now = 10.0
        self.sequence = 0
        self._reports: deque[tuple[float, ReportBlock]] = deque()
        self._late: list[tuple[float, int]] = []

    def _take(self, header: bytes, payload: bytes) -> None:
        data = header + payload
        packet = parse_rtp(data, len(data))
        if packet.payload_type != 96:
            return
        overtaken = self.highest >= 0 and (packet.sequence - self.highest) & 0xFFFF > 0x7FFF
        if overtaken and not self.counts_late:
            return
        self.sent += 1
        if self.random.random() < self.loss:
            self.lost += 1
            return
        self.received += 1
        if self.first < 0:
            self.first = self.highest = packet.sequence
        if not overtaken:
            self.highest += (packet.sequence - self.highest) & 0xFFFF

    def run(self, seconds: float, *, before: float, late: float = 0.0, after: float = 0.0) -> None:
        """100 packets a second. Of those lost `before` us the share `late` comes all the same, 0.1 to 0.4 s later."""
        self.loss = after
        for step in range(round(seconds * 100)):
            self.now += 0.01
            due = [sequence for at, sequence in self._late if at <= self.now]
            self._late = [(at, sequence) for at, sequence in self._late if at > self.now]
            for sequence in due:
                self._receive(sequence, repaired=True)
            if self.sequence and self.random.random() < before:
                if self.random.random() < late:
                    self._late.append((self.now + self.random.uniform(0.1, 0.4), self.sequence))
            else:
                self._receive(self.sequence)
            self.sequence += 1
            if step % 100 == 99 and self.first >= 0:
                expected = self.highest - self.first + 1
                gone, self.reported = expected - self.received, expected
                report = ReportBlock(self.slot.ssrc, 0, gone, self.highest, 0, 0, 0)
                self._reports.append((self.now + self.delay, report))
            while self._reports and self._reports[0][0] <= self.now:
                self.slot.reported(self._reports.popleft()[1])

    def _receive(self, sequence: int, *, repaired: bool = False) -> None:
        payload = b"\x10" + (KEYFRAME if sequence == 0 else DELTA)[:100]
        self.track.receive(sequence & 0xFFFF, sequence * 900, True, payload, self.now, repaired)


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.6])
@pytest.mark.parametrize(("late", "counts_late"), [(0.0, True), (0.9, True), (0.9, False), (1.0, True)])
def test_what_was_missing_before_us_is_no_loss_of_this_path(late: float, counts_late: bool, delay: float) -> None:
    world = World(delay=delay, counts_late=counts_late)
    worst = 0.0
    for _ in range(60):
        world.run(1, before=0.1, late=late)
        worst = max(worst, world.slot.reports.fraction_lost)
    assert world.lost == 0
    assert worst <= 0.03, "what is under way when a report is made"
    assert world.slot.reports.lost <= 12
    assert world.slot.reports.received >= world.slot.reports.expected - 12
    assert 5000 < world.slot.reports.expected <= world.sent


@given(
    before=st.floats(0.0, 0.4),
    late=st.floats(0.0, 1.0),
    after=st.floats(0.05, 0.4),
    delay=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(1, 1000),
)
@settings(max_examples=40, deadline=None)
def test_what_is_lost_behind_us_is_found_among_the_holes(
    before: float, late: float, after: float, delay: float, seed: int
) -> None:
    world = World(delay=delay, seed=seed)
    world.run(10, before=before, late=late, after=after)
    world.run(30, before=before, late=late, after=after)
    slot = world.slot
    share = world.lost / world.sent
    assert abs((slot.reports.expected - slot.reports.received) / slot.reports.expected - share) < 0.04
    world.run(20, before=before, late=late)
    assert slot.reports.fraction_lost < 0.05, "and is over when it is over"


def test_what_is_asked_for_counts_only_if_it_was_sent() -> None:
    far, camera = FarEnd(), Camera()
    far.slot.attach(camera.track, 0.0)
    camera.push(KEYFRAME, 1.0, drop=frozenset({1}))
    first = far.packets[0].sequence
    far.slot.nack([first + 1 & 0xFFFF, first + 2 & 0xFFFF], 1.05, 0.02)
    assert far.slot.rtx.nacks == 1
