"""Who may send how much: shares of a total, and what two ends of ours make of each other's word."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from link.rtc.bandwidth_allocation import MIN_REMB_BPS, REMB_LIFE_S, divide
from link.rtc.congestion.delay_based import MAX_ESTIMATE_BPS, MIN_ESTIMATE_BPS
from link.rtc.rtcp_session import RtcpSession
from link.rtc.tracks.demuxer import Demuxer
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import Packet, PublishedTrack
from link.rtc.wire.rtp import ReceiverReport, Remb, ReportBlock, Rtcp, parse_rtcp
from link.rtc.wire.sdp import Media

KEYFRAME = b"\x10\x00" + bytes(20)
RATES = st.integers(30_000, MAX_ESTIMATE_BPS)
PRECISION = 0.001  # of REMB: 18 bits of mantissa


class Viewer:
    """Somebody who watches a track and can take so much."""

    patient = False

    def __init__(self, limit: int) -> None:
        self.rate = limit

    def packet(self, packet: Packet) -> None: ...

    def packet_run(self, run: Sequence[Packet]) -> None: ...

    def gave_up(self, sequence: int) -> None: ...

    def restarted(self, reason: str) -> None: ...

    def tick(self, now: float) -> None: ...

    def limit(self) -> int:
        return self.rate


class Hop:
    """Two ends of one leg: `slots` of the one send what `tracks` of the other receive, as many as there are `watched`.

    `watched` says for each stream what those who watch it can take.
    """

    def __init__(self, watched: Sequence[Sequence[int]], *, trusted: bool = True) -> None:
        self.now = 10.0
        self.told: list[Remb] = []
        self.slots = [ForwardedTrack("video", f"video{number}") for number in range(len(watched))]
        self.sources = [PublishedTrack("video", "source") for _ in watched]
        self.tracks = [PublishedTrack("video", "track") for _ in watched]
        self.viewers = [[Viewer(limit) for limit in limits] for limits in watched]
        self.ingress = Demuxer(lambda items, now: None)
        for slot, source, track, viewers in zip(self.slots, self.sources, self.tracks, self.viewers, strict=True):
            slot.open(lambda header, payload: None, 96, 97, 3)
            slot.attach(source, 0.0)
            self.ingress.add(Media("video", "1", payload_type=96, ssrcs=[slot.ssrc]), track)
            for viewer in viewers:
                track.add(viewer)
        self.sender = RtcpSession(1, "sender", Demuxer(lambda items, now: None), lambda data: None)
        self.sender.open(self.slots, trusted=trusted)
        self.receiver = RtcpSession(2, "receiver", self.ingress, self._tell)
        self.receiver.open([], trusted=trusted)

    def _tell(self, data: bytes) -> None:
        items: list[Rtcp] = parse_rtcp(data)
        self.told += [item for item in items if isinstance(item, Remb)]
        self.sender.handle(items, self.now)

    def run(self, seconds: float, active: Sequence[int] | None = None) -> list[int]:
        """Let pictures of the `active` streams (all) come; what each may take then."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.1
            for number in active if active is not None else range(len(self.tracks)):
                for track in (self.sources[number], self.tracks[number]):
                    track.receive(int(self.now * 30) & 0xFFFF, int(self.now * 90_000), True, KEYFRAME, self.now)
            self.receiver.tick(self.now)
            self.sender.tick(self.now)
        return [slot.available for slot in self.slots]


@given(st.integers(1000, MAX_ESTIMATE_BPS), st.lists(st.just(0) | RATES, min_size=1, max_size=6))
def test_shares_are_within_their_limits_and_the_total(total: int, limits: list[int]) -> None:
    shares = divide(total, limits)
    assert sum(shares) <= total
    assert all(0 < share <= (limit or total) for share, limit in zip(shares, limits, strict=True))
    unlimited = [share for share, limit in zip(shares, limits, strict=True) if not limit]
    if unlimited:
        assert max(unlimited) - min(unlimited) <= 1, "they share alike"
        assert total - sum(shares) < len(limits), "and get all the rest"
        assert max(shares) <= max(unlimited) + 1, "nobody with a limit has more than they"
    elif sum(limits) <= total:
        assert shares == limits
    else:
        assert total - sum(shares) < len(limits)


def test_without_a_total_each_has_its_own_limit() -> None:
    assert divide(0, [300_000, 0]) == [300_000, 0]
    assert divide(0, []) == divide(1_000_000, []) == []


WATCHED = st.lists(st.lists(st.just(0) | RATES, max_size=3), min_size=1, max_size=3)


@given(WATCHED, st.integers(MIN_ESTIMATE_BPS, MAX_ESTIMATE_BPS))
def test_no_source_is_told_more_than_its_narrowest_subscriber_takes(watched: list[list[int]], estimate: int) -> None:
    hop = Hop(watched)
    hop.ingress.estimator.estimate = estimate
    shares = hop.run(1.2)
    narrowest = [min((limit for limit in limits if limit), default=0) for limits in watched]
    assert all(share <= (limit or estimate) for share, limit in zip(shares, narrowest, strict=True))
    assert sum(shares) <= estimate
    for remb in hop.told:
        if len(remb.ssrcs) == 1:
            number = next(index for index, slot in enumerate(hop.slots) if slot.ssrc == remb.ssrcs[0])
            assert remb.bitrate <= min(narrowest[number] or estimate, estimate)
    expected = divide(estimate, narrowest)
    for share, whole in zip(shares, expected, strict=True):
        assert share >= whole * (1 - PRECISION) - 3 or sum(narrowest) < MIN_REMB_BPS


@given(WATCHED, st.integers(MIN_ESTIMATE_BPS, MAX_ESTIMATE_BPS))
def test_a_browser_is_told_one_sum(watched: list[list[int]], estimate: int) -> None:
    hop = Hop(watched, trusted=False)
    hop.ingress.estimator.estimate = estimate
    hop.run(0.2)
    narrowest = [min((limit for limit in limits if limit), default=estimate) for limits in watched]
    expected = max(MIN_REMB_BPS, min(estimate, sum(narrowest)))
    assert [remb.ssrcs for remb in hop.told] == [tuple(slot.ssrc for slot in hop.slots)]
    assert expected * (1 - PRECISION) <= hop.told[0].bitrate <= expected


def test_documents_that_somebody_sees_badly_do_not_narrow_the_camera() -> None:
    hop = Hop([[0, 2_000_000], [300_000, 0]])
    camera, documents = hop.run(1.2)
    assert camera == 2_000_000
    assert 299_000 < documents <= 300_000


def test_a_source_that_narrows_is_told_at_once() -> None:
    hop = Hop([[2_000_000], [1_000_000]])
    hop.run(1.05)
    hop.viewers[1][0].rate = 200_000
    camera, documents = hop.run(0.25)
    assert camera == 2_000_000
    assert documents <= 200_000
    hop.viewers[1][0].rate = 0
    camera, documents = hop.run(1.1)
    assert (camera, documents) == (2_000_000, MAX_ESTIMATE_BPS - 2_000_000), "and hears of better times a second later"


def test_the_rest_is_for_who_sends() -> None:
    hop = Hop([[0], [0]])
    hop.ingress.estimator.estimate = 1_000_000
    assert hop.run(1.2) == [500_000, 500_000]
    camera, _ = hop.run(1.6, active=[0])  # known after a second, and counts half a second later
    assert camera == 1_000_000


def test_one_video_alone_has_the_leg_and_its_own_limit() -> None:
    """A REMB about the whole leg names no stream then: with one it would be about that stream."""
    hop = Hop([[400_000]])
    hop.ingress.estimator.estimate = 1_000_000
    (share,) = hop.run(1.2)
    assert 399_000 < share <= 400_000
    assert {remb.ssrcs for remb in hop.told} == {(hop.slots[0].ssrc,), ()}
    assert hop.sender.available == hop.told[-1].bitrate


def test_only_a_narrow_path_between_our_ends_gets_no_second_copies() -> None:
    """They tell each other a figure all the time, also where nothing is narrow."""
    hop = Hop([[0], [0]])
    hop.run(1.2)
    assert [slot.narrow for slot in hop.slots] == [False, False]
    hop.viewers[0][0].rate = 600_000
    hop.run(0.3)
    assert [slot.narrow for slot in hop.slots] == [True, False]
    hop.ingress.estimator.estimate = 1_000_000
    hop.run(0.3)
    assert [slot.narrow for slot in hop.slots] == [True, True]
    hop.viewers[0][0].rate, hop.ingress.estimator.estimate = 0, MAX_ESTIMATE_BPS
    hop.run(1.2)
    assert [slot.narrow for slot in hop.slots] == [False, False]


def test_a_browser_that_is_believed_is_narrow() -> None:
    hop = Hop([[0]], trusted=False)
    hop.run(0.1)
    for lost, narrow in ((0.0, False), (0.2, True)):
        hop.slots[0].reports.fraction_lost = lost
        hop.sender.handle([Remb(3_000_000, ())], hop.now)
        hop.sender.tick(hop.now)
        assert (hop.slots[0].available, hop.slots[0].narrow) == (3_000_000 * narrow, narrow)


def test_an_old_word_about_one_stream_is_forgotten() -> None:
    hop = Hop([[400_000], [0]])
    hop.run(1.2)
    hop.now += REMB_LIFE_S + 1
    for source in hop.sources:
        source.receive(7, 7, True, KEYFRAME, hop.now)
    hop.sender.tick(hop.now)
    assert [slot.available for slot in hop.slots] == [0, 0]


def test_a_browsers_word_about_its_only_stream_is_about_the_leg() -> None:
    hop = Hop([[0], [0]], trusted=False)
    hop.sender.handle([Remb(500_000, (hop.slots[0].ssrc,))], hop.now)
    assert hop.sender.available == 500_000


def test_a_word_about_a_stream_that_there_is_not_changes_nothing() -> None:
    hop = Hop([[0]])
    hop.run(1.2)
    before = hop.sender.available
    for ssrc in range(1000):
        hop.sender.handle([Remb(1, (ssrc,))], hop.now)
    assert hop.sender.available == before
    assert hop.run(0.1) == [before]


class Dropping:
    """A browser behind a router that drops what is over `rate`, and believes it can take everything."""

    def __init__(self, rate: int) -> None:
        self.hop = Hop([[0]], trusted=False)
        self.rate = rate
        self.share = 0.0  # that is lost whatever is sent
        self.shares: list[int] = []
        self._sequence = self._lost = self._sounds = 0
        self.sound = ForwardedTrack("audio", "audio0")
        self.sound.open(lambda header, payload: None, 111, -1, 3)
        self.hop.sender.open([*self.hop.slots, self.sound], trusted=False)

    def lump(self) -> None:
        """Report ten seconds of sound, of which nothing was lost."""
        self._sounds += 500
        report = ReportBlock(self.sound.ssrc, 0, 0, 0x10000 + self._sounds, 0, 0, 0)
        self.hop.sender.handle([ReceiverReport(1, (report,))], self.hop.now)

    def run(self, seconds: int, wish: int) -> None:
        slot, source = self.hop.slots[0], self.hop.sources[0]
        for _ in range(seconds * 10):
            self.hop.now += 0.1
            now = self.hop.now
            packets = round(min(wish, slot.available or wish) / 10 / 9600)
            for _ in range(packets):
                self._sequence += 1
                source.receive(self._sequence & 0xFFFF, int(now * 90_000), True, KEYFRAME + bytes(1178), now)
            self._lost += max(round(self.share * packets), packets - round(self.rate / 10 / 9600))
            report = ReportBlock(slot.ssrc, 0, self._lost, 0x10000 + self._sequence, 0, 0, 0)
            self.hop.sender.handle([Remb(MAX_ESTIMATE_BPS, ()), ReceiverReport(1, (report,))], now)
            self.hop.sender.tick(now)
            self.shares.append(slot.available)


def test_what_a_router_drops_towards_a_browser_is_not_sent_any_more() -> None:
    """A browser tells by delay that a path is full, and such a path has none."""
    dropping = Dropping(500_000)
    dropping.run(20, 1_500_000)
    # A second is needed to see the loss and one more to see it gone: over that time the share grows by 8 % in a second,
    # from just below what shows (15 %).
    assert max(dropping.shares[40:]) <= 1.15 * 1.08 * 500_000, "looking whether there is more room"
    assert min(dropping.shares[40:]) >= 350_000
    dropping.rate = 3_000_000
    dropping.run(30, 1_500_000)
    assert dropping.shares[-1] == 0 or dropping.shares[-1] >= 1_500_000


def test_sound_that_is_reported_in_lumps_is_no_end_of_loss() -> None:
    """A path that loses whatever is sent: it must not look as if less had mended it."""
    dropping = Dropping(1 << 40)
    dropping.share = 0.3
    for _ in range(40):
        dropping.run(1, 1_500_000)
        dropping.lump()
    tried = sum(0 < share < 1_500_000 for share in dropping.shares)
    assert 0 < tried < 60, "tenths of a second, once"
