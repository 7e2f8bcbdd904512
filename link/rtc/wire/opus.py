"""What the first bytes of an Opus packet say (RFC 6716 section 3.1). Sans-IO."""

from __future__ import annotations

from typing import Final

_FRAME_S: Final = (
    *(0.01, 0.02, 0.04, 0.06) * 3,  # SILK: NB, MB, WB
    *(0.01, 0.02) * 2,  # hybrid: SWB, FB
    *(0.0025, 0.005, 0.01, 0.02) * 4,  # CELT: NB, WB, SWB, FB
)
"""Length of one frame by the configuration in the first byte. RFC 6716 section 3.1."""
_LONGEST_S: Final = 0.12 + 1e-5
"""No packet is longer, but for the rounding of a sum. RFC 6716 section 3.2.5."""


def duration(packet: bytes) -> float:
    """Seconds of sound in the packet; 0.0 for an empty or malformed one."""
    if not packet:
        return 0.0
    toc = packet[0]
    code = toc & 3
    if code == 3:
        if len(packet) < 2:
            return 0.0
        count = packet[1] & 0x3F
    else:
        count = (1, 2, 2)[code]
    seconds = count * _FRAME_S[toc >> 3]
    return seconds if seconds <= _LONGEST_S else 0.0
