"""Many datagrams in one system call: preallocated buffers, and Linux's `recvmmsg`, `sendmmsg` and `UDP_SEGMENT`.

An `Inbox` and an `Outbox` are scratch space of one event loop: what is in them is used up before anything else runs.
Where the operating system has none of these calls, sockets are read and written one datagram at a time.
"""

from __future__ import annotations

import errno
import functools
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any, Final

from cffi import FFI
from pylibsrtp._binding import ffi as srtp_ffi

BUFFER_BYTES: Final = 2048
"""Of one buffer; longer datagrams are cut, which no authentication survives. chosen: a power of two above an MTU."""
IN_DATAGRAMS: Final = 32
"""Received by one call. chosen: five frames of the usual six packets; docs/performance.md (What a packet costs)."""
OUT_DATAGRAMS: Final = 64
"""Sent by one call. chosen: more than any common frame; docs/performance.md (Measuring) has one of 51 and of 75."""
_UDP_SEGMENT_OPTION: Final = 103
"""Linux's UDP_SEGMENT (linux/udp.h)."""
_SOL_UDP_LEVEL: Final = 17
"""Linux's SOL_UDP, the protocol number of UDP (RFC 768)."""
_MAX_SEGMENTS: Final = 44
"""Of one message: Linux takes 64 segments and less than 64 KiB, and a packet has 1,400 bytes at most."""

_NO_SEGMENTS = (errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOPROTOOPT)
_CONTROL = struct.Struct("=QiiHxxxxxx")  # a cmsghdr and its 16-bit value

# Where the words of a struct mmsghdr and of a struct iovec lie, as 64-bit Linux lays them out.
_MESSAGE_WORDS: Final = 8  # Linux
_NAME_WORD: Final = 0  # Linux
_NAME_LENGTH_WORD: Final = 1  # Linux
_IOV_WORD: Final = 2  # Linux
_IOV_COUNT_WORD: Final = 3  # Linux
_CONTROL_WORD: Final = 4  # Linux
_CONTROL_LENGTH_WORD: Final = 5  # Linux
_LENGTH_WORD: Final = 7  # Linux
_IOV_WORDS: Final = 2  # Linux
_BASE_WORD: Final = 0  # Linux
_SPAN_WORD: Final = 1  # Linux


@functools.cache
def _libc() -> tuple[FFI, Any] | None:
    """The C library, where its calls and structures are those this module knows."""
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32 or sys.byteorder != "little":
        return None
    ffi = FFI()
    ffi.cdef(
        "int recvmmsg(int, void *, unsigned int, int, void *); int sendmmsg(int, void *, unsigned int, int);",
    )
    try:
        library = ffi.dlopen(None)
        _ = library.recvmmsg, library.sendmmsg
    except (OSError, AttributeError):
        return None
    return ffi, library


def _address(pointer: Any) -> int:
    return int(srtp_ffi.cast("uintptr_t", pointer))


class _Buffers:
    """`count` buffers of `BUFFER_BYTES` bytes: as memory views and as the pointers that libsrtp takes."""

    def __init__(self, count: int) -> None:
        self._memory = srtp_ffi.new("unsigned char[]", count * BUFFER_BYTES + 8)
        whole = memoryview(srtp_ffi.buffer(self._memory)).cast("B")
        self.views: list[memoryview] = [
            whole[at : at + BUFFER_BYTES] for at in range(0, count * BUFFER_BYTES, BUFFER_BYTES)
        ]
        self.pointers: list[Any] = [self._memory + at for at in range(0, count * BUFFER_BYTES, BUFFER_BYTES)]


def _words(count: int) -> tuple[Any, memoryview, int]:
    memory = srtp_ffi.new("unsigned long long[]", count)
    return memory, memoryview(srtp_ffi.buffer(memory)).cast("B").cast("Q"), _address(memory)


class Inbox(_Buffers):
    """Receives up to `full` datagrams at once; `views[i][: length(i)]` is the i-th."""

    def __init__(self, family: int = socket.AF_INET) -> None:
        super().__init__(IN_DATAGRAMS)
        self._family = family
        self._libc = _libc()
        self.full = IN_DATAGRAMS if self._libc is not None else 1
        self._addresses: list[Any] = [None] * IN_DATAGRAMS
        self._lengths = [0] * IN_DATAGRAMS
        if self._libc is None:
            return
        self._pointer, self._message = self._layout()

    def _layout(self) -> tuple[Any, memoryview]:
        assert self._libc is not None
        self._names = srtp_ffi.new("unsigned char[]", 32 * IN_DATAGRAMS)
        self._name_view = memoryview(srtp_ffi.buffer(self._names)).cast("B")
        self._iov_memory, iov, iov_at = _words(IN_DATAGRAMS * _IOV_WORDS)
        self._message_memory, message, message_at = _words(IN_DATAGRAMS * _MESSAGE_WORDS)
        for index in range(IN_DATAGRAMS):
            iov[index * _IOV_WORDS + _BASE_WORD] = _address(self.pointers[index])
            iov[index * _IOV_WORDS + _SPAN_WORD] = BUFFER_BYTES
            at = index * _MESSAGE_WORDS
            message[at + _NAME_WORD] = _address(self._names) + 32 * index
            message[at + _NAME_LENGTH_WORD] = 32
            message[at + _IOV_WORD] = iov_at + index * _IOV_WORDS * 8
            message[at + _IOV_COUNT_WORD] = 1
        return self._libc[0].cast("void *", message_at), message

    def receive(self, sock: socket.socket) -> int:
        """Take what the socket has; how many datagrams. 0 when it has none, or is in error."""
        if self._libc is None:
            return self._receive_one(sock)
        ffi, library = self._libc
        count: int = library.recvmmsg(sock.fileno(), self._pointer, IN_DATAGRAMS, socket.MSG_DONTWAIT, ffi.NULL)
        return max(0, count)

    def _receive_one(self, sock: socket.socket) -> int:
        try:
            self._lengths[0], self._addresses[0] = sock.recvfrom_into(self.views[0])
        except OSError:
            return 0
        return 1

    def length(self, index: int) -> int:
        if self._libc is None:
            return self._lengths[index]
        return self._message[index * _MESSAGE_WORDS + _LENGTH_WORD]

    def source(self, index: int) -> tuple[str, int]:
        """Where a datagram came from."""
        if self._libc is None:
            host, port = self._addresses[index][:2]
            return host, port
        name = self._name_view[32 * index : 32 * index + 28]
        port = name[2] << 8 | name[3]
        if self._family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, name[4:8]), port
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port


class Target:
    """Where an outbox is sent: an address and, for Linux, its `sockaddr`."""

    __slots__ = ("_memory", "address", "at", "length")

    def __init__(self, family: int, address: tuple[str, int]) -> None:
        self.address = address
        host, port = address
        if family == socket.AF_INET:
            raw = struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)
        else:
            host, _, zone = host.partition("%")
            scope = socket.if_nametoindex(zone) if zone else 0
            raw = struct.pack("=H", family) + struct.pack("!HI", port, 0) + socket.inet_pton(family, host)
            raw += struct.pack("=I", scope)
        self._memory = srtp_ffi.new("unsigned char[]", raw)
        self.at = _address(self._memory)
        self.length = len(raw)


class Outbox(_Buffers):
    """Sends up to `OUT_DATAGRAMS` datagrams at once: fill `views[i]`, note its length in `lengths[i]`, then `send`."""

    def __init__(self) -> None:
        super().__init__(OUT_DATAGRAMS)
        self.lengths = [0] * OUT_DATAGRAMS
        self._libc = _libc()
        if self._libc is not None:
            self._pointer, self._message, self._iov = self._layout()

    def _layout(self) -> tuple[Any, memoryview, memoryview]:
        assert self._libc is not None
        self._iov_memory, iov, self._iov_at = _words(OUT_DATAGRAMS * _IOV_WORDS)
        self._message_memory, message, message_at = _words(OUT_DATAGRAMS * _MESSAGE_WORDS)
        self._controls = srtp_ffi.new("unsigned char[]", _CONTROL.size * OUT_DATAGRAMS)
        self._control_at = _address(self._controls)
        self._control_view = memoryview(srtp_ffi.buffer(self._controls)).cast("B")
        for index in range(OUT_DATAGRAMS):
            iov[index * _IOV_WORDS + _BASE_WORD] = _address(self.pointers[index])
        return self._libc[0].cast("void *", message_at), message, iov

    def send(self, sock: socket.socket, target: Target, count: int, *, segments: bool) -> tuple[int, bool]:
        """Send the first `count`; how many the kernel took, and whether segmentation still works for this socket."""
        if self._libc is None:
            return self._send_singly(sock, target, count), False
        start = 0
        while start < count:
            entries = self._arrange(target, start, count, segments)
            done, error = self._call(sock, len(entries))
            start += sum(entries[:done])
            if start >= count:
                break
            if segments and error in _NO_SEGMENTS:
                segments = False
            elif error or not done:
                break
        return start, segments

    def _call(self, sock: socket.socket, entries: int) -> tuple[int, int]:
        assert self._libc is not None
        ffi, library = self._libc
        done: int = library.sendmmsg(sock.fileno(), self._pointer, entries, socket.MSG_DONTWAIT)
        return (done, 0) if done >= 0 else (0, ffi.errno)

    def _arrange(self, target: Target, start: int, count: int, segments: bool) -> Sequence[int]:
        """One message for each run of packets of equal size, the last of which may be shorter; how long each run is."""
        message, iov, lengths = self._message, self._iov, self.lengths
        runs: list[int] = []
        at = 0
        while start < count:
            size = lengths[start]
            iov[start * _IOV_WORDS + _SPAN_WORD] = size
            end = start + 1
            if segments:
                while end < count and end - start < _MAX_SEGMENTS and lengths[end] == size:
                    iov[end * _IOV_WORDS + _SPAN_WORD] = size
                    end += 1
                if end < count and end - start < _MAX_SEGMENTS and lengths[end] < size:
                    iov[end * _IOV_WORDS + _SPAN_WORD] = lengths[end]
                    end += 1
            run = end - start
            message[at + _NAME_WORD] = target.at
            message[at + _NAME_LENGTH_WORD] = target.length
            message[at + _IOV_WORD] = self._iov_at + start * _IOV_WORDS * 8
            message[at + _IOV_COUNT_WORD] = run
            if run > 1:
                offset = _CONTROL.size * len(runs)
                _CONTROL.pack_into(self._control_view, offset, 18, _SOL_UDP_LEVEL, _UDP_SEGMENT_OPTION, size)
                message[at + _CONTROL_WORD] = self._control_at + offset
                message[at + _CONTROL_LENGTH_WORD] = _CONTROL.size
            else:
                message[at + _CONTROL_WORD] = message[at + _CONTROL_LENGTH_WORD] = 0
            runs.append(run)
            at += _MESSAGE_WORDS
            start = end
        return runs

    def _send_singly(self, sock: socket.socket, target: Target, count: int) -> int:
        for index in range(count):
            try:
                sock.sendto(self.views[index][: self.lengths[index]], target.address)
            except OSError:
                return index
        return count
