"""What TURN (RFC 8656) looks like on the wire: ChannelData around each datagram. Sans-IO.

The packets of a burst are read and written as on a socket of our own, by the same system calls and without a copy: a
`Peeled` is an inbox whose buffers begin after the four bytes of a header, a `HeadedOutbox` has room for them.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

from aioice import stun

from link.per_loop import PerLoop
from link.rtc.transport.udp_batch import Inbox, Outbox, Target

HEAD_BYTES: Final = 4
"""The header of ChannelData. RFC 8656 section 12.4."""
HEADER = struct.Struct("!HH")


class RelayUnavailable(ConnectionError):
    """No TURN server gives a relayed address; the message says why, without secrets."""


@dataclass(frozen=True, slots=True)
class IceServerUrl:
    """A STUN or TURN server and what opens it."""

    url: str
    username: str = ""
    credential: str = ""


class Deframer:
    """Cuts a byte stream into STUN messages and ChannelData (RFC 8656 section 12.5). Sans-IO."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now, without padding. Raises `ValueError` for what is neither."""
        data = self._kept + data
        frames: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= HEAD_BYTES:
            first, length = HEADER.unpack_from(data, at)
            if first >> 14 > 1:
                raise ValueError("neither STUN nor ChannelData")
            size = (HEAD_BYTES if first >> 14 else stun.HEADER_LENGTH) + length
            padded = size + -size % 4
            if end - at < padded:
                break
            frames.append(data[at : at + size])
            at += padded
        self._kept = data[at:]
        return frames


class Peeled:
    """An inbox of ChannelData as the inbox of what is inside; `length` is 0 for what is no ChannelData."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.views = [view[HEAD_BYTES:] for view in inbox.views]
        self.pointers = [pointer + HEAD_BYTES for pointer in inbox.pointers]
        self.full = inbox.full
        self._lengths = [0] * len(inbox.views)
        self.channels = [0] * len(inbox.views)

    def peel(self, count: int) -> None:
        """Look at the first `count` datagrams."""
        inbox = self.inbox
        for index in range(count):
            size = inbox.length(index)
            first, length = HEADER.unpack_from(inbox.views[index]) if size > HEAD_BYTES else (0, 0)
            whole = first >> 14 == 1 and length <= size - HEAD_BYTES
            self._lengths[index] = length if whole else 0
            self.channels[index] = first

    def length(self, index: int) -> int:
        return self._lengths[index]


class HeadedOutbox(Outbox):
    """An outbox with room for a ChannelData header before each packet."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = self.views
        self.views = [view[HEAD_BYTES:] for view in self.views]
        self.pointers = [pointer + HEAD_BYTES for pointer in self.pointers]

    def head(self, channel: int, count: int) -> None:
        """Put the header before the first `count` packets; their lengths then include it."""
        lengths, whole = self.lengths, self._whole
        for index in range(count):
            size = lengths[index]
            HEADER.pack_into(whole[index], 0, channel, size)
            lengths[index] = size + HEAD_BYTES

    def joined(self, count: int) -> bytes:
        """The first `count` packets as a stream has them: padded to four bytes."""
        parts: list[bytes | memoryview] = []
        for index in range(count):
            size = self.lengths[index]
            parts.append(self._whole[index][:size])
            if size % 4:
                parts.append(bytes(-size % 4))
        return b"".join(parts)

    def _send_singly(self, sock: socket.socket, target: Target, count: int) -> int:
        for index in range(count):
            try:
                sock.sendto(self._whole[index][: self.lengths[index]], target.address)
            except OSError:
                return index
        return count


running_outbox = PerLoop(HeadedOutbox)
"""The headed outbox of the running event loop."""
