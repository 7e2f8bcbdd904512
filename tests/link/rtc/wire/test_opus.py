"""The length of Opus packets by their first bytes (RFC 6716 section 3.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.wire.opus import duration


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (b"\x78\x00", 20),  # CELT fullband... Chromium's usual: configuration 15, hybrid fullband, one frame
        (b"\xf8\x00", 20),
        (b"\xf9\x00", 40),
        (b"\xfa\x00", 40),
        (b"\xfb\x03", 60),
        (b"\xe0\x00", 2.5),
        (b"\x00", 10),
        (b"\x18", 60),
        (b"\x19", 120),
        (b"\x60", 10),
        (b"\x1b\x03", 0),  # 180 ms: not allowed
        (b"\xfb", 0),
        (b"", 0),
    ],
)
def test_duration(packet: bytes, milliseconds: float) -> None:
    assert duration(packet) == pytest.approx(milliseconds / 1000)


@given(st.binary(max_size=4))
def test_never_more_than_120_ms(packet: bytes) -> None:
    assert 0 <= duration(packet) <= 0.1201
