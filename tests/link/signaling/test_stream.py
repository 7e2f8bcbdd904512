"""Numbers, acknowledgements and repeats of one stream, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol.errors import BadMessage, SlowConsumer
from link.signaling.stream import Stream


def test_frames_are_kept_until_acknowledged() -> None:
    stream = Stream()
    for text in (b"one", b"two", b"three"):
        stream.keep(text)
    stream.acknowledge(2)
    assert stream.unacknowledged() == [b"three"]
    assert stream.kept_bytes == 5


def test_an_acknowledgement_never_goes_back() -> None:
    stream = Stream()
    stream.keep(b"one")
    stream.keep(b"two")
    stream.acknowledge(2)
    stream.acknowledge(1)
    assert not stream.can_resume(1)
    assert stream.can_resume(2)


def test_acknowledging_what_was_never_sent_is_an_error() -> None:
    with pytest.raises(BadMessage):
        Stream().acknowledge(1)


def test_a_repeat_is_dropped_and_a_hole_refused() -> None:
    stream = Stream()
    assert stream.accept(1)
    assert not stream.accept(1)
    assert stream.accept(2)
    with pytest.raises(BadMessage):
        stream.accept(4)


@pytest.mark.parametrize(("size", "frames"), [(10, 100), (10_000, 3)])
def test_what_is_kept_is_bounded(size: int, frames: int) -> None:
    stream = Stream(keep_bytes=size, keep_frames=frames)
    with pytest.raises(SlowConsumer):
        for _ in range(20):
            stream.keep(b"1234")
    assert stream.kept_bytes <= size
    assert stream.sent == len(stream.unacknowledged())


@given(st.lists(st.sampled_from(["send", "deliver", "lose", "drop", "ack"]), max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_pattern_of_drops_delivers_each_frame_once_in_order(steps: list[str]) -> None:
    here, there = Stream(), Stream()
    wire: list[tuple[int, bytes]] = []
    delivered: list[bytes] = []
    sent = 0

    def deliver() -> None:
        seq, data = wire.pop(0)
        if there.accept(seq):
            delivered.append(data)

    def resume() -> None:
        wire.clear()
        assert here.can_resume(there.received)
        here.acknowledge(there.received)
        first = here.sent - len(here.unacknowledged()) + 1
        wire.extend(enumerate(here.unacknowledged(), first))

    for step in steps:
        if step == "send":
            sent += 1
            here.keep(str(sent).encode())
            wire.append((sent, str(sent).encode()))
        elif step == "deliver" and wire:
            deliver()
        elif step in {"lose", "drop"}:
            # TCP loses nothing in the middle: a lost frame is a lost connection.
            resume()
        elif step == "ack":
            here.acknowledge(there.received)
    resume()
    while wire:
        deliver()
    assert delivered == [str(n).encode() for n in range(1, sent + 1)]
