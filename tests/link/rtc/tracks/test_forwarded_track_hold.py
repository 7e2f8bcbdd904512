"""What came while a slot was not fed is never sent by it: not late, not as a repair, not behind a late beginning."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import Packet, PublishedTrack
from link.rtc.wire.rtp import Rtp, parse_rtp
from link.rtc.wire.vp8 import packetise, parse_descriptor

RTT = 0.1
KEYFRAME, DELTA = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02", b"\x11\x00\x00"


class FarEnd:
    """Takes what a slot sends, and asks for every number that it misses."""

    def __init__(self, kind: str) -> None:
        self.slot = ForwardedTrack(kind, "audio1" if kind == "audio" else "video2")
        self.told: list[tuple[int, bytes]] = []  # numbers of the far end's and what stood in them
        self.slot.open(self._take, 96, 97 if kind == "video" else -1, 0)

    def _take(self, header: bytes, payload: bytes) -> None:
        data = header + payload
        packet: Rtp = parse_rtp(data, len(data))
        if packet.payload_type == 97:
            self.told.append((int.from_bytes(packet.payload[:2], "big"), bytes(packet.payload[2:])))
        else:
            self.told.append((packet.sequence, bytes(packet.payload)))

    def complain(self, now: float) -> None:
        if self.told:
            highest = self.told[-1][0]
            self.slot.nack([(highest - back) & 0xFFFF for back in range(300)], now, RTT)

    def said(self) -> set[int]:
        """The moments, in ticks, of which anything was sent."""
        return {_moment(self.slot.kind, payload) for _, payload in self.told}


def _payload(kind: str, moment: int, keyframe: bool) -> list[bytes]:
    mark = moment.to_bytes(4, "big")
    if kind == "audio":
        return [b"\x78" + mark]
    head = KEYFRAME if keyframe else DELTA
    return packetise(head + mark + bytes(1800), moment & 0x7FFF)


def _moment(kind: str, payload: bytes) -> int:
    if kind == "audio":
        return int.from_bytes(payload[1:5], "big")
    body = payload[parse_descriptor(payload).size :]
    at = len(KEYFRAME) if body.startswith(KEYFRAME) else len(DELTA)
    return int.from_bytes(body[at : at + 4], "big") if body[:1] in (b"\x10", b"\x11") else -1


def test_a_late_packet_does_not_bring_back_what_was_said_on_hold() -> None:
    """Before, whoever was resumed heard up to four seconds of what was said meanwhile, if one packet came late."""
    track, far = PublishedTrack("audio"), FarEnd("audio")
    for moment in range(100):
        if moment != 40:
            track.receive(moment, moment * 960, False, _payload("audio", moment, False)[0], moment * 0.02)
    far.slot.attach(track, 2.0)
    track.receive(40, 40 * 960, False, _payload("audio", 40, False)[0], 2.0)  # the repair of a hole
    assert far.told == []
    track.receive(100, 100 * 960, False, _payload("audio", 100, False)[0], 2.01)
    far.complain(2.1)
    assert far.said() == {100}


def test_nor_does_the_late_beginning_of_a_keyframe() -> None:
    track, far = PublishedTrack("video"), FarEnd("video")
    parts = [part for moment in range(20) for part in _payload("video", moment, moment == 10)]
    late = next(at for at, part in enumerate(parts) if KEYFRAME in part)
    for sequence, part in enumerate(parts):
        if sequence != late:
            track.receive(sequence, sequence // 2 * 3000, sequence % 2 == 1, part, sequence / 60)
    far.slot.attach(track, 1.0)
    track.receive(late, late // 2 * 3000, False, parts[late], 1.01)
    assert far.told == []


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 12)),
        st.tuples(st.just("lose"), st.integers(1, 3)),
        st.tuples(st.just("late"), st.integers(0, 40)),
        st.tuples(st.sampled_from(["attach", "detach", "complain"]), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["audio", "video"]), STEPS)
def test_nothing_of_the_time_apart_is_ever_sent(kind: str, steps: list[Step]) -> None:
    """Random losses, repairs and complaints, while the slot is taken away and given back."""
    track, far = PublishedTrack(kind), FarEnd(kind)
    sequence, now, moment, fed = 0, 0.0, 0, False
    allowed, withheld = {-1}, list[Packet]()

    def say(lost: bool) -> None:
        nonlocal sequence, now, moment
        for index, part in enumerate(parts := _payload(kind, moment, moment % 5 == 0)):
            packet = Packet(sequence, moment * 960, index == len(parts) - 1, part, now)
            if lost and index == 0:
                withheld.append(packet)
            else:
                track.receive(sequence & 0xFFFF, packet.timestamp, packet.marker, part, now)
            sequence += 1
        # What was on its way in the moment of a change counts with what was said just after it.
        if fed:
            allowed.add(moment)
        moment += 1
        now += 0.02

    for what, count in steps:
        match what:
            case "say" | "lose":
                for _ in range(count):
                    say(what == "lose")
            case "late" if withheld:
                late = withheld.pop(count % len(withheld))
                track.receive(late.sequence & 0xFFFF, late.timestamp, late.marker, late.payload, now, repaired=True)
            case "attach" if not fed:
                say(False)
                far.slot.attach(track, now)
                fed = True
            case "detach" if fed:
                far.slot.detach()
                fed = False
            case "complain":
                far.complain(now)
    assert far.said() <= allowed
