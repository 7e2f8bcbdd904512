"""This machine's own addresses: whether one still exists, and the kernel's notifications of changes (rtnetlink)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger()

SETTLES_S: Final = 0.05
"""A change comes as several messages: links, addresses and routes, one by one."""
# linux/rtnetlink.h: links, addresses and routes of both families. Not in the socket module.
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_MOST: Final = 65536


def is_ours(address: str) -> bool:
    """Whether this machine has the address now: whether a socket can be bound to it."""
    try:
        family, _, _, _, target = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(target)
    except OSError:
        return False
    return True


class AddressWatch:
    """Calls `on_change` soon after links, addresses or routes changed, from `open` to `close`.

    Only Linux has rtnetlink; elsewhere `on_change` is never called, and a lost path is noticed by silence.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._socket: socket.socket | None = None
        self._settling: asyncio.TimerHandle | None = None

    def open(self) -> bool:
        """Begin; whether the kernel tells. Called on the event loop."""
        family = getattr(socket, "AF_NETLINK", None)
        if family is None or self._socket is not None:
            return self._socket is not None
        try:
            made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            made.bind((0, _GROUPS))
        except OSError as error:
            log.info("changes of addresses are not told", error=type(error).__name__)
            return False
        self._socket = made
        asyncio.get_running_loop().add_reader(made.fileno(), self._read)
        return True

    def close(self) -> None:
        """Idempotent."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        try:
            while self._socket is not None and self._socket.recv(_MOST):
                pass
        except BlockingIOError:
            pass
        except OSError:
            pass  # ENOBUFS: the kernel dropped notifications, which means that something changed
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLES_S, self._settled)

    def _settled(self) -> None:
        self._settling = None
        self._on_change()
