"""SRTP in place, on the libsrtp sessions that aiortc's DTLS handshake made.

`pylibsrtp.Session` copies every packet twice and allocates per call. Here one buffer serves a direction: the packet is
written once, worked on where it lies, and only the result is copied out.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Final

from pylibsrtp._binding import ffi, lib

from link.rtc.transport.udp_batch import OUT_DATAGRAMS, Outbox

MAX_PACKET_BYTES: Final = 1400
"""Nothing longer is protected or unprotected: it would not fit a datagram on its way. docs/media.md (Limits)."""
_CAPACITY_BYTES: Final = MAX_PACKET_BYTES + 16 + 128 + 4 + 100
"""libsrtp writes a tag (16), an MKI (128, SRTP_MAX_TRAILER_LEN) and the index of SRTCP (4) behind it; 100 are spare."""
_REPLAYED_STATUS: Final = (9, 10)
"""libsrtp's srtp_err_status_replay_fail and srtp_err_status_replay_old."""


class SrtpError(Exception):
    """A packet that fails authentication, is replayed, or is too long."""


class Replayed(SrtpError):
    """A packet that came before, or is too old to tell; or looks so: libsrtp finds that before it authenticates."""


class SrtpBuffer:
    """One direction of one SRTP session. `data` is the buffer: valid until the next call."""

    __slots__ = (
        "_length",
        "_protect",
        "_protect_rtcp",
        "_raw",
        "_srtp",
        "_unprotect",
        "_unprotect_rtcp",
        "data",
        "replayed",
    )

    def __init__(self, session: Any) -> None:
        """`session` is a `pylibsrtp.Session`; it is kept alive by this object."""
        self._srtp = session._srtp
        self._raw = ffi.new("unsigned char[]", _CAPACITY_BYTES)
        self._length = ffi.new("int *")
        self.data = memoryview(ffi.buffer(self._raw)).cast("B")
        self._protect = lib.srtp_protect
        self._protect_rtcp = lib.srtp_protect_rtcp
        self._unprotect = lib.srtp_unprotect
        self._unprotect_rtcp = lib.srtp_unprotect_rtcp
        self.replayed = False
        """Why the last packet given to `unprotect_at` was refused: it had come before."""

    def unprotect(self, packet: bytes) -> int:
        """Put the plain RTP packet into `data`; its length."""
        size = len(packet)
        if size > MAX_PACKET_BYTES:
            raise SrtpError("too long")
        length = self._length
        self.data[0:size] = packet
        length[0] = size
        status = self._unprotect(self._srtp[0], self._raw, length)
        if status:
            raise Replayed("replayed") if status in _REPLAYED_STATUS else SrtpError("refused")
        return int(length[0])

    def unprotect_at(self, pointer: Any, size: int) -> int:
        """Turn the packet of `size` bytes at `pointer` into plain RTP where it lies; its length, 0 if refused."""
        length = self._length
        length[0] = size
        status = self._unprotect(self._srtp[0], pointer, length) if size <= MAX_PACKET_BYTES else -1
        if status:
            self.replayed = status in _REPLAYED_STATUS
            return 0
        return int(length[0])

    def forget(self, ssrc: int) -> None:
        """Keep nothing more of this stream. A packet of it that came before would be taken for a new one."""
        lib.srtp_remove_stream(self._srtp[0], socket.htonl(ssrc))

    def protect_into(self, outbox: Outbox, packets: Sequence[tuple[bytes, bytes]]) -> int:
        """Put the SRTP packets of headers and payloads, at most `OUT_DATAGRAMS`, into the outbox; how many were put."""
        length, context, protect = self._length, self._srtp[0], self._protect
        views, pointers, lengths = outbox.views, outbox.pointers, outbox.lengths
        count = 0
        for head, payload in packets[:OUT_DATAGRAMS]:
            start = len(head)
            size = start + len(payload)
            if size > MAX_PACKET_BYTES:
                continue
            view = views[count]
            view[0:start] = head
            view[start:size] = payload
            length[0] = size
            if protect(context, pointers[count], length):
                continue
            lengths[count] = length[0]
            count += 1
        return count

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The plain RTCP packet."""
        size = len(packet)
        if size > MAX_PACKET_BYTES:
            raise SrtpError("too long")
        self.data[0:size] = packet
        self._length[0] = size
        if self._unprotect_rtcp(self._srtp[0], self._raw, self._length):
            raise SrtpError("refused")
        return bytes(self.data[0 : self._length[0]])

    def protect(self, head: bytes, payload: bytes) -> bytes:
        """The SRTP packet of a header and its payload."""
        start = len(head)
        size = start + len(payload)
        if size > MAX_PACKET_BYTES:
            raise SrtpError("too long")
        data = self.data
        length = self._length
        data[0:start] = head
        data[start:size] = payload
        length[0] = size
        if self._protect(self._srtp[0], self._raw, length):
            raise SrtpError("refused")
        return bytes(data[0 : length[0]])

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The SRTCP packet."""
        size = len(packet)
        if size > MAX_PACKET_BYTES:
            raise SrtpError("too long")
        self.data[0:size] = packet
        self._length[0] = size
        if self._protect_rtcp(self._srtp[0], self._raw, self._length):
            raise SrtpError("refused")
        return bytes(self.data[0 : self._length[0]])
