"""VP8 in RTP (RFC 7741): the payload descriptor, the frame header, and packetising. Sans-IO."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_PAYLOAD_BYTES: Final = 1150
"""VP8 data in one packet; with headers, RTX and SRTP it stays under the 1,200 bytes of UDP that fit any path.
docs/network.md (The smallest MTU)."""


class Descriptor(NamedTuple):
    """A payload descriptor (section 4.2). `size` is its length; ids are -1 where absent."""

    size: int
    start: bool  # first packet of a frame
    picture: int
    picture_at: int  # where the picture id stands
    long_picture: bool
    tl0: int
    tl0_at: int


def parse_descriptor(payload: bytes) -> Descriptor:
    """Raises `ValueError` when the payload is cut within its descriptor."""
    try:
        first = payload[0]
        start = first & 0x17 == 0x10
        if not first & 0x80:
            return Descriptor(1, start, -1, 0, False, -1, 0)
        flags = payload[1]
        at = 2
        picture = tl0 = -1
        picture_at = tl0_at = 0
        long_picture = False
        if flags & 0x80:
            picture_at = at
            picture = payload[at]
            at += 1
            if picture & 0x80:
                long_picture = True
                picture = (picture & 0x7F) << 8 | payload[at]
                at += 1
        if flags & 0x40:
            tl0_at = at
            tl0 = payload[at]
            at += 1
        if flags & 0x30:
            at += 1
    except IndexError:
        raise ValueError("VP8 payload descriptor is cut") from None
    if at > len(payload):
        raise ValueError("VP8 payload descriptor is cut")
    return Descriptor(at, start, picture, picture_at, long_picture, tl0, tl0_at)


def descriptor_size(payload: bytes) -> int:
    """The length of the payload descriptor alone. Raises `ValueError` when the payload is cut within it."""
    try:
        if not payload[0] & 0x80:
            return 1
        flags = payload[1]
        size = 2
        if flags & 0x80:
            size += 2 if payload[2] & 0x80 else 1
    except IndexError:
        raise ValueError("VP8 payload descriptor is cut") from None
    size += (flags >> 6 & 1) + (flags & 0x30 != 0)
    if size > len(payload):
        raise ValueError("VP8 payload descriptor is cut")
    return size


def starts_keyframe(payload: bytes) -> bool:
    """Whether this is the first packet of a keyframe."""
    if len(payload) < 2 or payload[0] & 0x17 != 0x10:
        return False
    try:
        at = parse_descriptor(payload).size
    except ValueError:
        return False
    return at < len(payload) and not payload[at] & 1


def picture_size(frame: bytes) -> tuple[int, int]:
    """Width and height of a keyframe (RFC 6386 section 9.1), or (0, 0) for anything else."""
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return 0, 0
    return (frame[6] | frame[7] << 8) & 0x3FFF, (frame[8] | frame[9] << 8) & 0x3FFF


def with_ids(payload: bytes, descriptor: Descriptor, picture: int, tl0: int) -> bytes:
    """The payload with picture id and TL0PICIDX advanced by `picture` and `tl0` (modulo their width)."""
    changed = bytearray(payload)
    if descriptor.picture >= 0:
        at = descriptor.picture_at
        if descriptor.long_picture:
            value = (descriptor.picture + picture) & 0x7FFF
            changed[at] = 0x80 | value >> 8
            changed[at + 1] = value & 0xFF
        else:
            changed[at] = (descriptor.picture + picture) & 0x7F
    if descriptor.tl0 >= 0:
        changed[descriptor.tl0_at] = (descriptor.tl0 + tl0) & 0xFF
    return bytes(changed)


def packetise(frame: bytes, picture: int) -> list[bytes]:
    """The payloads of one frame, of about equal size, with a 15-bit picture id."""
    count = max(1, -(-len(frame) // MAX_PAYLOAD_BYTES))
    size = -(-len(frame) // count) or 1
    identifier = bytes((0x80, 0x80 | picture >> 8 & 0x7F, picture & 0xFF))
    return [
        (b"\x90" if at == 0 else b"\x80") + identifier + frame[at : at + size]
        for at in range(0, max(1, len(frame)), size)
    ]
