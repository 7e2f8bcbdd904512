"""Second copies of sound: only while the far end loses some, each packet once more and two packets later."""

from __future__ import annotations

from link.rtc.tracks.audio_redundancy import BEHIND_PACKETS, HOLD_MOST_S, HOLD_S, SecondCopies
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.wire.rtp import ReportBlock, Rtp, parse_rtp

VOICE = b"\x78" + bytes(80)


class Talk:
    """A voice of 50 packets a second through one slot; the far end misses a share of it, and says so or asks."""

    def __init__(self) -> None:
        self.slot = ForwardedTrack("audio", "audio0")
        self.track = PublishedTrack("audio")
        self.sent: list[Rtp] = []
        self.slot.open(self._take, 111, -1, 0)
        self.slot.attach(self.track, 0.0)
        self.now = 10.0
        self.count = 0

    def _take(self, header: bytes, payload: bytes) -> None:
        data = header + payload
        self.sent.append(parse_rtp(data, len(data)))

    def runs(self, seconds: float, *, asked: float = 0.0, reported: float = 0.0) -> list[int]:
        """Numbers sent meanwhile, from 0, copies too."""
        before = len(self.sent)
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            self.track.receive(self.count & 0xFFFF, self.count * 960, False, VOICE, self.now)
            self.count += 1
            newest = self.sent[-1].sequence if self.count % 5 else self.sent[-1].sequence - 1
            if asked and self.count % round(1 / asked) == 0:
                self.slot.nack([newest], self.now, 0.2)
            if self.count % 50 == 0:
                lost = int(reported * self.count)
                self.slot.reported(ReportBlock(self.slot.ssrc, int(reported * 256), lost, self.count, 0, 0, 0))
            if self.count % 5 == 0:
                self.track.tick(self.now)
        first = self.sent[0].sequence
        return [packet.sequence - first for packet in self.sent[before:]]


def test_none_on_a_good_path() -> None:
    talk = Talk()
    assert talk.runs(20) == list(range(1000))


def test_each_packet_once_more_while_the_far_end_asks() -> None:
    talk = Talk()
    talk.runs(3, asked=0.1)
    sent = talk.runs(5, asked=0.02)
    for number in set(sent):
        assert 1 <= sent.count(number) <= 3
    assert sum(sent.count(number) >= 2 for number in set(sent)) > 0.95 * len(set(sent))
    later = [index for index, number in enumerate(sent) if number == 200]
    between = sent[later[0] : later[1]]
    assert {200 + BEHIND_PACKETS} <= set(between), "the copy comes together with the second packet after it"


def test_what_is_reported_counts_as_well() -> None:
    talk = Talk()
    talk.runs(4, reported=0.05)
    assert len(talk.runs(2, reported=0.05)) >= 198
    assert 0.02 < talk.slot.loss < 0.06


def test_they_stop_when_nothing_is_lost_any_more() -> None:
    talk = Talk()
    talk.runs(5, asked=0.1)
    talk.runs(HOLD_S + 2)
    assert len(talk.runs(5)) == 250


def test_a_path_that_needs_them_again_keeps_them_longer() -> None:
    talk = Talk()
    lasted = []
    for _ in range(3):
        talk.runs(2, asked=0.1)
        begin = talk.now
        while talk.slot._copies.active:
            talk.runs(1)
        lasted.append(talk.now - begin)
    assert lasted[0] <= HOLD_S + 2 < lasted[1] < lasted[2] <= HOLD_MOST_S


def test_a_switch_takes_no_copies_along() -> None:
    talk = Talk()
    talk.runs(3, asked=0.1)
    assert talk.slot._copies.active
    other = PublishedTrack("audio")
    talk.slot.attach(other, talk.now)
    assert not talk.track.subscribers
    before = len(talk.sent)
    for index in range(3):
        other.receive(index, index * 960, False, VOICE, talk.now + index * 0.02)
    assert len(talk.sent) == before + 3


def test_late_packets_get_no_copy() -> None:
    again: list[int] = []
    copies, track = SecondCopies(lambda packet, now: again.append(packet.sequence & 0xFFFF)), PublishedTrack("audio")
    copies.observe(track, 0, 0, 0.0, 1.0)
    copies.observe(track, 100, 50, 0.0, 2.0)
    for sequence in (1, 2, 4, 3, 5, 6):
        track.receive(sequence, sequence * 960, False, VOICE, 2.0)
    assert again == [1, 2, 4]
    track.restart()
    for sequence in (900, 901):
        track.receive(sequence, sequence * 960, False, VOICE, 3.0)
    assert again == [1, 2, 4], "nothing of the stream before"
