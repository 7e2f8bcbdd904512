"""Connectivity checks of our own on a leg that is connected (RFC 7675), and what an answer to one is worth. Sans-IO.

An answer counts if it names a check that was sent (96 random bits), comes from where that was sent to, and carries the
far end's password (RFC 8445 section 7.2.5): a stranger's, a replayed one, or one that somebody else sent on does not.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

from aioice import stun

from link.rtc.transport.candidate_pairs import Address

MAX_ASKED_CHECKS: Final = 32
"""Checks that an answer may still come to. chosen: three seconds of those that leave every 100 ms."""
_ID = slice(8, 20)


class CheckAnswer(NamedTuple):
    """What an answer tells: the round trip in seconds, and the address under which the far end sees us, if it says."""

    rtt: float
    mapped: Address | None


class ConsentChecks:
    """What was asked and not answered yet, the newest `MAX_ASKED_CHECKS`."""

    def __init__(self) -> None:
        self._asked: dict[bytes, tuple[Address, float]] = {}

    def ask(self, request: Any, target: Address, password: str, now: float) -> None:
        """Make this request of aioice's a new check, to be sent to `target` at once."""
        request.transaction_id = secrets.token_bytes(12)
        request.add_message_integrity(password.encode())
        if len(self._asked) >= MAX_ASKED_CHECKS:
            del self._asked[next(iter(self._asked))]
        self._asked[request.transaction_id] = target, now

    def concerns(self, data: bytes) -> bool:
        """Whether this datagram says that it is the answer to one of these checks."""
        return data[:2] == b"\x01\x01" and data[_ID] in self._asked

    def take(self, data: bytes, source: Address, password: str, now: float) -> CheckAnswer | None:
        """The answer in a datagram that `concerns` these checks; None if it does not count. Counts once."""
        target, asked_at = self._asked[data[_ID]]
        if source != target:
            return None
        try:
            message = stun.parse_message(data)
            if not message.check_message_integrity(password.encode()):
                return None
        except Exception:  # noqa: BLE001 - hostile STUN raises more than ValueError in there
            return None
        del self._asked[data[_ID]]
        mapped = message.attributes.get("XOR-MAPPED-ADDRESS")
        return CheckAnswer(now - asked_at, mapped)
