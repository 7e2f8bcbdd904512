"""Containers give back what was put in, and notice every change of a single byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.blobs.container import CHUNK_BYTES, HEADER_BYTES, Broken, ContainerWriter, open_container, read_container
from server.blobs.suite import SUITES

KEYS = {name: bytes(range(suite.key_bytes)) for name, suite in SUITES.items()}


def sealed(suite: str, chunks: list[bytes], *, final: bool = True, name: str = "segment/kiosk.camera/0") -> bytes:
    writer = ContainerWriter(SUITES[suite], KEYS[suite], "s1", name)
    last = len(chunks) - 1
    return writer.header + b"".join(writer.chunk(data, final=final and at == last) for at, data in enumerate(chunks))


def opened(suite: str, blob: bytes, *, session: str = "s1", name: str = "segment/kiosk.camera/0") -> bytes:
    return open_container(KEYS[suite], session, name, blob)


@pytest.mark.parametrize("suite", SUITES)
@given(chunks=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_contents_come_back(suite: str, chunks: list[bytes]) -> None:
    assert opened(suite, sealed(suite, chunks)) == b"".join(chunks)


@pytest.mark.parametrize("suite", SUITES)
@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_any_flipped_byte_is_found(suite: str, data: st.DataObject) -> None:
    blob = bytearray(sealed(suite, [b"first" * 9, b"", b"last" * 30]))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Broken):
        opened(suite, bytes(blob))


@pytest.mark.parametrize("suite", SUITES)
def test_every_truncation_is_found(suite: str) -> None:
    blob = sealed(suite, [b"a" * 40, b"b" * 40])
    for length in range(len(blob)):
        with pytest.raises(Broken):
            opened(suite, blob[:length])


def test_appended_bytes_are_found() -> None:
    with pytest.raises(Broken, match="follow the last chunk"):
        opened("aes-256-gcm", sealed("aes-256-gcm", [b"a"]) + b"\0")


def test_chunks_cannot_change_places_or_be_left_out() -> None:
    blob = sealed("aes-256-gcm", [b"a" * 20, b"b" * 20, b"c" * 20])
    size = 4 + 20 + 16
    head, first, second, third = (
        blob[:HEADER_BYTES],
        *(blob[HEADER_BYTES + n * size : HEADER_BYTES + (n + 1) * size] for n in range(3)),
    )
    assert head + first + second + third == blob
    for swapped in (head + second + first + third, head + first + third, head + first + first + third):
        with pytest.raises(Broken, match="not authentic"):
            opened("aes-256-gcm", swapped)


@pytest.mark.parametrize(
    ("session", "name"),
    [("s2", "segment/kiosk.camera/0"), ("s1", "segment/kiosk.camera/1"), ("s1", "segment/specialist.camera/0")],
)
def test_a_container_cannot_pass_for_another(session: str, name: str) -> None:
    with pytest.raises(Broken, match="not authentic"):
        opened("aes-256-gcm", sealed("aes-256-gcm", [b"x"]), session=session, name=name)


def test_header_of_another_container_does_not_fit() -> None:
    one, two = sealed("aes-256-gcm", [b"one"]), sealed("aes-256-gcm", [b"two"])
    with pytest.raises(Broken, match="not authentic"):
        opened("aes-256-gcm", one[:HEADER_BYTES] + two[HEADER_BYTES:])


def test_open_container_is_read_up_to_its_last_whole_chunk() -> None:
    whole = sealed("aes-256-gcm", [b"one", b"two"], final=False)
    torn = whole + sealed("aes-256-gcm", [b"three"])[HEADER_BYTES:-1]
    contents = read_container(KEYS["aes-256-gcm"], "s1", "segment/kiosk.camera/0", torn)
    assert (contents.data, contents.closed, contents.length, contents.chunks) == (b"onetwo", False, len(whole), 2)


def test_a_torn_container_is_closed_where_it_was_torn() -> None:
    suite, key = SUITES["aes-256-gcm"], KEYS["aes-256-gcm"]
    blob = sealed("aes-256-gcm", [b"one", b"two"], final=False)
    found = read_container(key, "s1", "segment/kiosk.camera/0", blob + b"\0\0")
    writer = ContainerWriter.resume(suite, key, "s1", "segment/kiosk.camera/0", blob, found.chunks)
    assert opened("aes-256-gcm", blob[: found.length] + writer.chunk(b"", final=True)) == b"onetwo"


def test_long_data_is_cut_into_chunks() -> None:
    data = bytes(CHUNK_BYTES * 2 + 5)
    blob = sealed("aes-256-gcm", [data])
    assert read_container(KEYS["aes-256-gcm"], "s1", "segment/kiosk.camera/0", blob).chunks == 3
    assert opened("aes-256-gcm", blob) == data


def test_equal_data_never_looks_equal() -> None:
    assert sealed("aes-256-gcm", [b"same"])[HEADER_BYTES:] != sealed("aes-256-gcm", [b"same"])[HEADER_BYTES:]


def test_unknown_suite_and_version_are_named() -> None:
    blob = sealed("aes-256-gcm", [b"x"])
    with pytest.raises(Broken, match="unknown cipher suite 9"):
        opened("aes-256-gcm", blob[:5] + b"\x09" + blob[6:])
    with pytest.raises(Broken, match="not a container of this version"):
        opened("aes-256-gcm", blob[:4] + b"\x02" + blob[5:])
