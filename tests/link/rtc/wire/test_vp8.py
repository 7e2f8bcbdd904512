"""VP8 payload descriptors, frame headers and packetising, compared with aiortc's."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.wire.vp8 import (
    MAX_PAYLOAD_BYTES,
    descriptor_size,
    packetise,
    parse_descriptor,
    picture_size,
    starts_keyframe,
    with_ids,
)

IDS = st.none() | st.integers(0, 0x7FFF)


def theirs(picture: int | None, tl0: int | None, tid: tuple[int, int] | None, keyidx: int | None, start: bool) -> bytes:
    return bytes(
        VpxPayloadDescriptor(
            partition_start=int(start), partition_id=0, picture_id=picture, tl0picidx=tl0, tid=tid, keyidx=keyidx
        )
    )


@given(
    IDS,
    st.none() | st.integers(0, 255),
    st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1)),
    st.none() | st.integers(0, 31),
    st.booleans(),
)
def test_reads_what_aiortc_writes(
    picture: int | None, tl0: int | None, tid: tuple[int, int] | None, keyidx: int | None, start: bool
) -> None:
    data = theirs(picture, tl0, tid, keyidx, start)
    parsed = parse_descriptor(data + b"\x00frame")
    assert parsed.size == len(data)
    assert parsed.start == start
    assert parsed.picture == (-1 if picture is None else picture)
    assert parsed.tl0 == (-1 if tl0 is None else tl0)
    assert starts_keyframe(data + b"\x00frame") == start
    assert not starts_keyframe(data + b"\x01frame")


@given(st.binary(max_size=8))
def test_anything_parses_or_is_a_value_error(data: bytes) -> None:
    starts_keyframe(data)
    try:
        assert parse_descriptor(data).size <= len(data) + 1
    except ValueError:
        assert len(data) < 6


@given(st.integers(0, 0x7FFF), st.none() | st.integers(0, 255), st.integers(-0x8000, 0x8000), st.integers(-300, 300))
def test_ids_advance_within_their_width(picture: int, tl0: int | None, by: int, tl0_by: int) -> None:
    data = theirs(picture, tl0, None, None, True) + b"rest"
    before = parse_descriptor(data)
    changed = with_ids(data, before, by, tl0_by)
    after = parse_descriptor(changed)
    assert after.picture == (picture + by) & (0x7FFF if before.long_picture else 0x7F)
    assert after.tl0 == (-1 if tl0 is None else (tl0 + tl0_by) & 0xFF)
    assert changed[after.size :] == b"rest"
    assert len(changed) == len(data)


def test_without_ids_nothing_changes() -> None:
    assert with_ids(b"\x10abc", parse_descriptor(b"\x10abc"), 5, 5) == b"\x10abc"


@given(st.binary(min_size=0, max_size=5 * MAX_PAYLOAD_BYTES), st.integers(0, 0x7FFF))
def test_packets_join_to_the_frame(frame: bytes, picture: int) -> None:
    payloads = packetise(frame, picture)
    parsed = [parse_descriptor(payload) for payload in payloads]
    assert b"".join(payload[p.size :] for payload, p in zip(payloads, parsed, strict=True)) == frame
    assert [p.start for p in parsed] == [True] + [False] * (len(payloads) - 1)
    assert {p.picture for p in parsed} == {picture}
    assert max(len(payload) for payload in payloads) <= MAX_PAYLOAD_BYTES + 4
    assert len(payloads) == max(1, -(-len(frame) // MAX_PAYLOAD_BYTES))


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02", (1280, 720)),
        (b"\x10\x00\x00\x9d\x01\x2a\x00\x45\xd0\x82", (1280, 720)),  # scaling bits are not size
        (b"\x11\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02", (0, 0)),
        (b"\x10\x00\x00\x9d\x01\x2b\x00\x05\xd0\x02", (0, 0)),
        (b"\x10", (0, 0)),
        (b"", (0, 0)),
    ],
)
def test_picture_size(frame: bytes, size: tuple[int, int]) -> None:
    assert picture_size(frame) == size


@given(st.binary(max_size=12))
def test_the_size_of_a_descriptor_is_that_of_the_parsed_one(payload: bytes) -> None:
    try:
        size = parse_descriptor(payload).size
    except ValueError:
        size = len(payload) + 1
    if size > len(payload):
        with pytest.raises(ValueError, match="cut"):
            descriptor_size(payload)
    else:
        assert descriptor_size(payload) == size
