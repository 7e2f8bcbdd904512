"""What lies between two marks, and where on the session's timeline: to the frame, and within 40 ms of the truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from kiosk_client.agent.kept_media import KeptFrame
from kiosk_client.agent.late_media import decodable, place
from link.protocol.late_media import LEAST_STEP_MS, LateFrame
from link.protocol.server import MediaWanted
from link.protocol.values import MediaMark

EPOCH_S = 5000.0  # of this machine's clock when the session began


def kept(count: int, step_ms: float = 20.0, leg: str = "l1") -> list[KeptFrame]:
    """Frames of a source, the n-th with the stamp n, captured every `step_ms` from the session's begin on."""
    return [KeptFrame(EPOCH_S + n * step_ms / 1000, leg, n, n // 25, n % 25) for n in range(count)]


def wanted(
    start_ms: int,
    end_ms: int,
    after: tuple[int, int] | None = None,
    before: tuple[int, int] | None = None,
    *,
    follows: bool = False,
    track: str = "microphone",
) -> MediaWanted:
    """Marks are stamp and time."""
    first, last = (None if mark is None else MediaMark("l1", *mark) for mark in (after, before))
    return MediaWanted("s1", "w1", track, start_ms, end_ms, first, last, follows)


def stamps(placed: Sequence[tuple[int, KeptFrame]]) -> list[int]:
    return [frame.stamp for _, frame in placed]


def test_between_two_marks_is_everything_that_is_missing_and_nothing_else() -> None:
    placed = place(kept(100), wanted(220, 1000, (10, 200), (50, 1000), follows=True))
    assert stamps(placed) == list(range(11, 50))
    assert [at_ms for at_ms, _ in placed] == [n * 20 for n in range(11, 50)]


@pytest.mark.parametrize("off", [-160, -40, 7, 40, 160])
def test_the_frame_behind_the_hole_may_have_another_distance(off: int) -> None:
    """The first frames of a new leg are up to 170 ms from where they belong: the hole's middle stays where it is."""
    placed = place(kept(1200), wanted(220, 20_000 + off, (10, 200), (1000, 20_000 + off), follows=True))
    assert stamps(placed) == list(range(11, 1000))
    times = [at_ms for at_ms, _ in placed]
    assert all(after - before >= LEAST_STEP_MS for before, after in pairwise(times))
    for at_ms, frame in placed[:-90]:
        assert abs(at_ms - frame.stamp * 20) <= 2
    assert times[-1] < 20_000 + off
    for at_ms, frame in placed:
        assert abs(at_ms - frame.stamp * 20) <= abs(off) + 2


def test_a_short_hole_is_stretched_as_a_whole() -> None:
    placed = place(kept(100), wanted(220, 330, (10, 200), (15, 330), follows=True))
    assert stamps(placed) == [11, 12, 13, 14]
    assert all(before < after for (before, _), (after, _) in pairwise(placed))
    assert 220 <= placed[0][0] < placed[-1][0] < 330


def test_one_mark_is_enough() -> None:
    assert stamps(place(kept(100), wanted(220, 400, (10, 200), follows=True))) == list(range(11, 20))
    assert stamps(place(kept(100), wanted(220, 400, None, (20, 400)))) == list(range(11, 20))


def test_a_mark_that_is_not_kept_counts_for_nothing() -> None:
    assert stamps(place(kept(100), wanted(220, 400, (5000, 200), (20, 400), follows=True))) == list(range(11, 20))
    assert place(kept(100), wanted(220, 400, (5000, 200), (6000, 400))) == []
    assert place(kept(100), wanted(220, 400)) == []
    other = kept(100, leg="l2")
    assert place(other, wanted(220, 400, (10, 200), (20, 400))) == [], "the same stamp on another leg is another frame"


def test_marks_in_the_wrong_order_have_nothing_between_them() -> None:
    assert place(kept(100), wanted(220, 400, (20, 200), (10, 400))) == []
    assert place(kept(100), wanted(220, 400, (20, 200), (20, 400))) == []


def test_what_was_on_hold_is_not_delivered() -> None:
    """Hold from 300 to 700 ms: the hole before it ends there, the one behind begins there, whatever was kept."""
    first = place(kept(100), wanted(220, 300, (10, 200), follows=True))
    second = place(kept(100), wanted(700, 1000, (10, 200), (50, 1000)))
    assert stamps(first) == [11, 12, 13, 14]
    assert stamps(second) == list(range(35, 50))


def test_pieces_of_a_hole_are_all_of_it_once() -> None:
    chance = random.Random(3)
    edges = [220, *sorted(chance.sample(range(230, 19_990), 7)), 20_000]
    found: list[int] = []
    for number, (start_ms, end_ms) in enumerate(pairwise(edges)):
        piece = wanted(start_ms, end_ms, (10, 200), (1000, 20_093), follows=number == 0)
        found += stamps(place(kept(1200), piece))
    assert found == list(range(11, found[-1] + 1))
    assert found[-1] >= 994


def test_frames_that_never_left_are_delivered_too() -> None:
    frames = kept(100)
    frames[20:40] = [frame._replace(leg="", stamp=0xFFFFFFFF) for frame in frames[20:40]]
    assert len(place(frames, wanted(220, 1000, (10, 200), (50, 1000), follows=True))) == 39


def test_a_picture_without_what_it_builds_on_is_left_out() -> None:
    placed = [(n * 40, frame) for n, frame in enumerate(kept(6))]
    key, delta = b"\x10k", b"\x11d"
    data: list[bytes | None] = [delta, delta, key, delta, delta, delta]
    ask = wanted(0, 400, track="camera")
    assert len(decodable(placed, data, ask)) == 6, "the frame before them is in the record, or the server knows better"
    begun = [(0, placed[0][1]._replace(first=True)), *placed[1:]]
    assert decodable(begun, data, ask) == [LateFrame(80, key), *(LateFrame(n * 40, delta) for n in (3, 4, 5))]
    data[3] = None
    assert decodable(placed, data, ask) == []
    data[4] = key
    assert decodable(placed, data, ask) == [LateFrame(160, key), LateFrame(200, delta)]


def test_sound_needs_nothing_before_it() -> None:
    placed = [(n * 20, frame) for n, frame in enumerate(kept(3))]
    placed[0] = (0, placed[0][1]._replace(first=True))
    assert decodable(placed, [b"\x79", None, b"\x79"], wanted(0, 100)) == [LateFrame(40, b"\x79")]
