"""Media that is delivered afterwards, as bytes: what was packed comes out, and nothing else comes out of anything."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.protocol import late_media
from link.protocol.late_media import LEAST_STEP_MS, LateFrame, pack, unpack

HEAD = b"VSLM\x01"


def frame(at_ms: int, data: bytes = b"x") -> bytes:
    return struct.pack(">II", at_ms, len(data)) + data


@given(st.lists(st.tuples(st.integers(LEAST_STEP_MS, 500), st.binary(min_size=1, max_size=50)), max_size=30))
def test_what_is_packed_comes_out(steps: list[tuple[int, bytes]]) -> None:
    at_ms, frames = 1000, []
    for step, data in steps:
        at_ms += step
        frames.append(LateFrame(at_ms, data))
    assert unpack(pack(frames), start_ms=1000, end_ms=at_ms + 1) == frames


def test_nothing_is_a_delivery_too() -> None:
    assert pack([]) == HEAD
    assert unpack(HEAD, start_ms=0, end_ms=1) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"VSLM",
        b"VSLM\x02",
        b"{}",
        HEAD + b"\0",
        HEAD + frame(1000)[:-1],
        HEAD + frame(1000) + frame(1001)[:7],
        HEAD + struct.pack(">II", 1000, 0),
        HEAD + struct.pack(">II", 1000, 0xFFFFFFFF) + b"x",
        HEAD + frame(999),
        HEAD + frame(2000),
        HEAD + frame(1000) + frame(1000),
        HEAD + frame(1000) + frame(1000 + LEAST_STEP_MS - 1),
        HEAD + frame(1500) + frame(1400),
        HEAD + frame(0xFFFFFFFF),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte|begin"):
        unpack(body, start_ms=1000, end_ms=2000)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_that(body: bytes) -> None:
    for begun in (body, HEAD + body):
        try:
            frames = unpack(begun, start_ms=10, end_ms=1 << 40)
        except ValueError:
            continue
        assert all(after.at_ms - before.at_ms >= LEAST_STEP_MS for before, after in pairwise(frames))
        assert all(frame.at_ms >= 10 and frame.data for frame in frames)


def test_a_frame_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_media, "MAX_FRAME_BYTES", 10)
    assert len(unpack(HEAD + frame(5, bytes(10)), start_ms=0, end_ms=9)) == 1
    with pytest.raises(ValueError, match="11 bytes"):
        unpack(HEAD + frame(5, bytes(11)), start_ms=0, end_ms=9)


def test_what_does_not_fit_is_left_out_with_all_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_media, "MAX_BYTES", 5 + 2 * (8 + 10))
    frames = [LateFrame(0, bytes(10)), LateFrame(10, bytes(11)), LateFrame(20, b"x")]
    assert unpack(pack(frames), start_ms=0, end_ms=100) == frames[:1]
    assert len(pack([LateFrame(0, bytes(10)), LateFrame(10, bytes(10))])) == 41
