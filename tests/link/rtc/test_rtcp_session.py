"""The RTCP of a leg: what it asks, what it reports, what it believes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from link.rtc.bandwidth_allocation import BELIEVED_FOR_S, MIN_REMB_BPS
from link.rtc.congestion.delay_based import MAX_ESTIMATE_BPS
from link.rtc.pacer import MAX_WAIT_S, Pacer
from link.rtc.rtcp_session import RtcpSession
from link.rtc.tracks.capture_clock import ntp_time
from link.rtc.tracks.demuxer import Demuxer
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.wire.rtp import (
    KeyframeRequest,
    Nack,
    ReceiverReport,
    Remb,
    ReportBlock,
    Rtcp,
    RtcpBye,
    SenderReport,
    parse_rtcp,
)
from link.rtc.wire.sdp import Media

KEYFRAME = b"\x10\x00" + bytes(20)


class Spoken:
    """A leg with a camera coming in (SSRC 2) and a video going out that another camera feeds."""

    def __init__(self, *, trusted: bool = False) -> None:
        self.sent: list[Rtcp] = []
        ingress = Demuxer(lambda items, now: None)
        self.camera = PublishedTrack("video", "camera")
        ingress.add(Media("video", "1", payload_type=96, ssrcs=[2]), self.camera)
        self.control = RtcpSession(99, "name", ingress, lambda data: self.sent.extend(parse_rtcp(data)))
        self.slot = ForwardedTrack("video", "video0")
        self.slot.open(lambda header, payload: None, 96, 97, 3)
        self.other = PublishedTrack("video", "other")
        self.other_asked = 0
        self.other.on_keyframe = self._asked
        self.slot.attach(self.other, 0.0)
        self.ingress = ingress
        self.control.open([self.slot], trusted=trusted)

    def _asked(self) -> None:
        self.other_asked += 1

    def media(self, now: float) -> None:
        for track in (self.camera, self.other):
            track.receive(int(now * 30) & 0xFFFF, int(now * 90_000) & 0xFFFFFFFF, True, KEYFRAME, now)

    def crowd(self, now: float) -> None:
        """A tenth of a second of some 300 kbit/s."""
        for number in range(4):
            self.other.receive(int(now * 10) * 4 + number & 0xFFFF, int(now * 90_000), True, KEYFRAME + bytes(900), now)

    def told(self) -> list[int]:
        return [item.bitrate for item in self.sent if isinstance(item, Remb)]


def block(slot: ForwardedTrack, *, lost: int = 0, last_sr: int = 0, delay: int = 0) -> ReportBlock:
    return ReportBlock(slot.ssrc, lost, 0, 0, 0, last_sr, delay)


def test_flows_ask_through_it() -> None:
    spoken = Spoken()
    spoken.camera.request_keyframe(1.0)
    spoken.camera.receive(1, 0, True, KEYFRAME, 1.0)
    spoken.camera.receive(4, 0, True, KEYFRAME, 1.0)
    spoken.camera.repair(1.1)
    assert spoken.sent == [KeyframeRequest(2), Nack(2, (2, 3))]


def test_over_a_path_that_loses_a_keyframe_is_asked_for_twice() -> None:
    """The request may be lost as well, and was said again after half a second only."""
    spoken = Spoken()
    for sequence in (1, 3):
        spoken.camera.receive(sequence, 0, True, KEYFRAME, 1.0)
    spoken.camera.receive(2, 0, True, KEYFRAME, 1.1, repaired=True)
    spoken.camera.request_keyframe(1.2)
    assert spoken.sent == [KeyframeRequest(2), KeyframeRequest(2)]
    spoken.media(1.3)
    spoken.control.handle([KeyframeRequest(spoken.slot.ssrc)] * 2, 9.0)
    assert spoken.other_asked == 2, "the first was for the slot; two at once are one"


def test_what_is_asked_of_us_goes_to_the_slot() -> None:
    spoken = Spoken()
    spoken.media(1.0)
    sequence = spoken.slot._splice.highest & 0xFFFF
    spoken.control.handle([Nack(spoken.slot.ssrc, (sequence,)), Nack(12345, (1,))], 1.1)
    assert spoken.slot.rtx.packets == 1
    spoken.control.handle([KeyframeRequest(spoken.slot.ssrc), KeyframeRequest(4), RtcpBye((2,))], 9.0)
    assert spoken.other_asked == 2


def test_reports_once_a_second() -> None:
    spoken = Spoken()
    spoken.media(10.0)
    for tick in range(21):
        spoken.control.tick(10.0 + tick * 0.1 + 1e-6)
    kinds = [type(item) for item in spoken.sent]
    assert kinds.count(ReceiverReport) == 3
    assert kinds.count(SenderReport) == 3
    receiver = next(item for item in spoken.sent if isinstance(item, ReceiverReport))
    assert [report.ssrc for report in receiver.reports] == [2]


def test_round_trip_time_from_reports() -> None:
    spoken = Spoken()
    sent = 100.0
    reported = block(spoken.slot, last_sr=ntp_time(sent) >> 16 & 0xFFFFFFFF, delay=int(0.5 * 65536))
    spoken.control.handle([ReceiverReport(1, (reported,))], sent + 0.5 + 0.08)
    assert spoken.control.rtt == pytest.approx(0.08, abs=0.001)
    assert spoken.camera.rtt == spoken.control.rtt
    absurd = block(spoken.slot, last_sr=(ntp_time(sent + 50) >> 16) & 0xFFFFFFFF)
    spoken.control.handle([ReceiverReport(1, (absurd,))], sent + 1)
    assert spoken.control.rtt == pytest.approx(0.08, abs=0.001)


def test_a_path_is_looked_at_while_something_is_asked_for_again_and_nobody_says_how_long_it_is() -> None:
    """It was long, is short now, and so much is lost that no report comes through."""
    spoken = Spoken()
    asked: list[float] = []
    spoken.control.check = asked.append
    spoken.control.measured(0.5, 1.0)
    spoken.camera.receive(1, 0, True, KEYFRAME, 1.1)
    spoken.control.tick(2.0)
    assert asked == [], "nothing is missing"
    spoken.camera.receive(4, 9000, True, KEYFRAME, 2.1)
    for tick in range(1, 9):
        spoken.control.tick(2.0 + tick * 0.1)
    assert len(asked) == 8, "until one comes back"
    spoken.control.measured(0.04, 2.85)
    spoken.control.tick(2.9)
    assert len(asked) == 8
    for sequence in (2, 3):
        spoken.camera.receive(sequence, 4000, True, KEYFRAME, 3.0)
    spoken.control.tick(4.0)
    assert len(asked) == 8


def test_an_encoder_learns_what_its_listeners_lose() -> None:
    """The loss of our own path and of the one behind us; what was sent again counts as lost."""
    spoken = Spoken()
    microphone = PublishedTrack("audio", "microphone")
    spoken.ingress.add(Media("audio", "0", payload_type=111, ssrcs=[7]), microphone)
    spoken.control.open([spoken.slot], trusted=False)
    ear = ForwardedTrack("audio", "audio0")
    ear.open(lambda header, payload: None, 111, -1, 0)
    ear.attach(microphone, 0.0)
    microphone.rtt = 0.05
    missing: list[int] = []
    microphone.on_nack = missing.extend
    now = 10.0
    for index in range(400):
        now += 0.02
        microphone.repair(now)
        for sequence in missing:
            microphone.receive(sequence, sequence * 960, False, b"\x78abc", now + 0.05)
        missing.clear()
        if index % 10:
            microphone.receive(index, index * 960, False, b"\x78abc", now)
        if index % 50 == 49:
            ear.reported(ReportBlock(ear.ssrc, 26, index // 10, index, 0, 0, 0))
        if index % 5 == 0:
            spoken.control.tick(now)
            microphone.tick(now)
    reports = [item.reports[-1] for item in spoken.sent if isinstance(item, ReceiverReport) and item.reports]
    assert reports[-1].ssrc == 7
    assert 0.15 < reports[-1].fraction_lost / 256 < 0.25, "a tenth, and a tenth of what is left"
    assert microphone.lost == 0


@pytest.mark.parametrize("trusted", [False, True])
def test_a_browser_hears_of_loss_after_repair_and_our_own_kind_of_all(trusted: bool) -> None:
    """A third is lost and comes again: a browser that heard of that would send less and less, without end."""
    spoken = Spoken(trusted=trusted)
    spoken.control.open([spoken.slot], trusted=trusted)
    camera = spoken.camera
    camera.rtt = 0.02
    now = 10.0
    for sequence in range(900):
        now += 0.01
        camera.repair(now)
        if sequence % 3:
            camera.receive(sequence, sequence * 900, True, KEYFRAME, now)
        if sequence > 10 and sequence % 3 == 2:
            camera.receive(sequence - 8, (sequence - 8) * 900, True, KEYFRAME, now, repaired=True)
        if sequence % 10 == 0:
            spoken.control.tick(now)
    reports = [item.reports[-1] for item in spoken.sent if isinstance(item, ReceiverReport) and item.reports]
    lost = [after.lost - before.lost for before, after in pairwise(reports[1:])]
    assert all(30 <= count <= 38 for count in lost) if trusted else set(lost) <= {-1, 0, 1}
    assert all(80 <= report.fraction_lost <= 90 for report in reports[1:])


def test_a_sender_report_sets_the_clock_and_is_answered() -> None:
    spoken = Spoken()
    spoken.camera.receive(1, 90_000, True, KEYFRAME, 20.3)
    ntp = 3_900_000_000 << 32
    spoken.control.handle([SenderReport(2, ntp, 90_000, 1, 1), SenderReport(77, ntp, 1, 1, 1)], 20.0)
    source = spoken.ingress.by_ssrc(2)
    assert source is not None
    report = source.report(21.0)
    assert report is not None
    assert (report.last_sr, report.delay) == (ntp >> 16 & 0xFFFFFFFF, 65536)
    assert spoken.camera.clock.time(90_000, 20.4) == pytest.approx(20.0, abs=0.01)


class TestBandwidth:
    def test_starts_at_the_maximum(self) -> None:
        spoken = Spoken()
        spoken.media(1.0)
        spoken.control.tick(1.0)
        assert spoken.told() == [MAX_ESTIMATE_BPS]

    def test_says_nothing_without_video(self) -> None:
        spoken = Spoken()
        spoken.control.tick(1.0)
        assert spoken.told() == []

    def test_a_drop_is_told_at_once(self) -> None:
        spoken = Spoken()
        spoken.media(1.0)
        spoken.control.tick(1.0)
        spoken.ingress.estimator.estimate = 1_000_000
        spoken.control.tick(1.1)
        assert spoken.told() == [MAX_ESTIMATE_BPS, pytest.approx(1_000_000, rel=0.001)]
        spoken.ingress.estimator.estimate = 10
        spoken.control.tick(1.2)
        assert spoken.told()[-1] == pytest.approx(MIN_REMB_BPS, rel=0.001)

    def test_less_is_asked_for_while_a_queue_stands(self) -> None:
        spoken = Spoken()
        estimator = spoken.ingress.estimator
        estimator.estimate = 1_000_000
        for now, queue in ((1.0, 0.0), (1.1, 0.2), (1.2, 0.2), (2.2, 0.05)):
            estimator._queue.waited = queue
            spoken.media(now)
            spoken.control.tick(now)
        assert spoken.told() == [pytest.approx(told, rel=0.001) for told in (1_000_000, 700_000, 1_000_000)]

    def test_the_watchers_limit_goes_up_the_chain(self) -> None:
        spoken = Spoken()
        watcher = ForwardedTrack("video", "video1")
        watcher.available = 700_000
        watcher.attach(spoken.camera, 0.0)
        spoken.media(1.0)
        spoken.control.tick(1.0)
        assert spoken.told() == [pytest.approx(700_000, rel=0.001)]

    def test_a_browsers_word_needs_a_sign(self) -> None:
        spoken = Spoken()
        spoken.media(1.0)
        spoken.control.handle([Remb(500_000, ())], 1.0)
        spoken.control.tick(1.0)
        assert spoken.slot.available == 0
        spoken.control.handle([ReceiverReport(1, (block(spoken.slot, lost=60),))], 1.1)
        spoken.control.tick(1.1)
        assert spoken.slot.available == 500_000

    def test_delay_is_a_sign_too_and_it_passes(self) -> None:
        spoken = Spoken()
        for _ in range(4):
            spoken.control.measured(0.02, 1.0)
        for _ in range(8):
            spoken.control.measured(0.3, 2.0)
        spoken.media(2.0)
        spoken.control.handle([Remb(500_000, ())], 2.0)
        spoken.control.tick(2.0)
        assert spoken.slot.available == 350_000, "a part of it, until the queue is gone"
        for _ in range(30):
            spoken.control.measured(0.02, 3.0)
        now, limits = 3.0, []
        while now < 60.0:
            now += 0.1
            spoken.media(now)
            spoken.control.handle([Remb(500_000, ())], now)
            spoken.control.tick(now)
            limits.append(spoken.slot.available)
        steady = round(10 * (BELIEVED_FOR_S - 1.1))
        assert set(limits[:steady]) == {500_000}
        assert limits[steady + 40] > 550_000, "then there is more and more room"
        assert all(after >= before for before, after in pairwise(limits) if after)
        assert limits[-1] == 0, "and in the end no limit"

    def test_there_is_room_again_within_seconds_and_later_each_time_that_was_too_soon(self) -> None:
        """The browser goes on saying 200 kbit/s for half a minute because that is what it gets."""
        spoken = Spoken()
        now, waits = 1.0, []
        for _ in range(3):
            until = now + 1.0
            while now < until:  # much is lost
                now += 0.1
                spoken.crowd(now)
                spoken.slot.reports.fraction_lost = 0.5
                spoken.control.handle([Remb(200_000, ())], now)
                spoken.control.tick(now)
            assert spoken.slot.available == 200_000
            spoken.slot.reports.fraction_lost, began, more = 0.0, now, 0.0
            while now < began + 30 and spoken.slot.available and spoken.slot.available < 400_000:
                now += 0.1
                spoken.crowd(now)
                spoken.control.handle([Remb(200_000, ())], now)
                spoken.control.tick(now)
                more = more or (now - began if spoken.slot.available > 220_000 else 0.0)
            assert now - began < more + 5, "faster and faster"
            waits.append(more)
        assert waits[0] < BELIEVED_FOR_S + 2
        assert waits[1] > 1.5 * waits[0]
        assert waits[2] > 1.5 * waits[1]

    def test_a_browser_that_wants_less_than_it_gets_is_looked_at(self) -> None:
        """Its word alone counts for nothing; three checks in a row that take long bear it out within half a second."""
        spoken = Spoken()
        asked: list[float] = []
        spoken.control.check = asked.append
        for step in range(40):
            now = 1.0 + step * 0.1
            spoken.crowd(now)
            spoken.control.measured(0.02, now)
            spoken.control.tick(now)
        assert asked == []
        spoken.control.handle([Remb(100_000, ())], now)
        for _ in range(5):
            assert spoken.slot.available == 0
            spoken.control.measured(0.02, now)
            spoken.crowd(now := now + 0.1)
            spoken.control.tick(now)
        assert len(asked) == 6
        now += 0.1  # an answer that takes longer comes behind the one before it
        for _ in range(2):
            spoken.control.measured(0.2, now)
            spoken.crowd(now := now + 0.1)
            spoken.control.tick(now)
            assert spoken.slot.available == 0
        for _ in range(4):
            spoken.control.measured(0.2, now)
            spoken.crowd(now := now + 0.1)
            spoken.control.tick(now)
        assert 0 < spoken.slot.available < 100_000, "less still, so that the queue goes"
        for _ in range(12):
            spoken.control.measured(0.02, now)
            spoken.crowd(now := now + 0.1)
            spoken.control.tick(now)
        assert spoken.slot.available == 100_000

    @pytest.mark.parametrize(("heard", "lost"), [(True, False), (False, False), (True, True)])
    def test_checks_that_stand_in_a_queue_are_a_sign_with_a_word(self, heard: bool, lost: bool) -> None:
        """The far end says that it gets half, and our checks do not come back: unless nothing at all is heard of it, or
        it asks for lost packets, as our checks may be."""
        spoken = Spoken()
        spoken.control.check = lambda now: None
        hurried: list[float] = []
        now = 1.0
        spoken.control.pace = pace = Pacer(lambda header, payload: None, lambda: hurried.append(now))
        for step in range(20):
            now = 1.0 + step * 0.1
            spoken.crowd(now)
            spoken.control.measured(0.02, now)
            spoken.control.tick(now)
        spoken.ingress.heard = now
        spoken.control.handle([Remb(100_000, ())], now)
        assert hurried, "it is looked at more often than every 100 ms"
        began = now
        while now < began + 0.7 and not pace.holding:
            now += 0.02
            if heard:
                spoken.ingress.heard = now
            if lost:
                spoken.control.handle([Nack(spoken.slot.ssrc, (1,))], now)
            spoken.crowd(now)
            assert spoken.control.release(now)
        assert pace.holding == (heard and not lost)
        if heard and not lost:
            assert now - began < 0.35
            assert 0 < spoken.slot.available < 100_000
            for _ in range(40):
                now += 0.02
                spoken.control.measured(0.02, now)
                spoken.crowd(now)
                spoken.control.release(now)
                spoken.control.tick(now)
            spoken.slot.detach()
            for _ in range(round(2 * MAX_WAIT_S * 50)):
                now += 0.02
                spoken.control.measured(0.02, now)
                spoken.control.release(now)
                spoken.control.tick(now)
            assert not pace.holding, "all of it has left, and there is no queue"

    @pytest.mark.parametrize("queue", [0.0, 0.5])
    def test_a_queue_on_the_way_to_us_is_none_on_the_way_from_us(self, queue: float) -> None:
        """Its length is looked at all the same, so that nobody asks again for what is still in it."""
        spoken = Spoken()
        asked: list[float] = []
        spoken.control.check = asked.append
        spoken.control.pace = pace = Pacer(lambda header, payload: None, lambda: None)
        spoken.control.measured(0.02, 1.0)
        now = 1.0
        for _ in range(20):
            now += 0.1
            spoken.crowd(now)
            spoken.ingress.estimator._queue.waited = queue
            spoken.control.handle([Remb(100_000, ())], now)
            spoken.control.tick(now)
            spoken.control.measured(0.52, now)
        assert spoken.control.rtt > 0.5
        assert pace.holding == (queue == 0)
        assert len(asked) > 15

    def test_the_delay_of_a_busy_machine_is_no_sign(self) -> None:
        spoken = Spoken()
        for _ in range(4):
            spoken.control.measured(0.002, 1.0)
        for _ in range(20):
            spoken.control.measured(0.12, 2.0)
        spoken.media(2.0)
        spoken.control.handle([Remb(500_000, ())], 2.0)
        spoken.control.tick(2.0)
        assert spoken.slot.available == 0

    def test_our_own_kind_is_believed_and_shared_out(self) -> None:
        spoken = Spoken(trusted=True)
        second = ForwardedTrack("video", "video1")
        second.open(lambda header, payload: None, 96, 97, 3)
        second.attach(spoken.other, 0.0)
        spoken.control.open([spoken.slot, second], trusted=True)
        spoken.media(1.0)
        spoken.control.handle([Remb(1_000_000, ())], 1.0)
        spoken.control.tick(1.0)
        assert (spoken.slot.available, second.available) == (500_000, 500_000)

    def test_an_old_word_is_forgotten(self) -> None:
        spoken = Spoken(trusted=True)
        spoken.control.handle([Remb(1_000_000, ())], 1.0)
        spoken.media(20.0)
        spoken.control.tick(20.0)
        assert spoken.control.available == 0
