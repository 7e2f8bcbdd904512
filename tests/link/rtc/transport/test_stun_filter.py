"""Who may talk to aioice and to OpenSSL."""

from __future__ import annotations

import random
import secrets
import struct
from collections import deque
from types import SimpleNamespace

from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.transport.stun_filter import (
    MAX_ERRORS,
    MAX_QUEUED_DATAGRAMS,
    MAX_SEEN_CHECKS,
    MAX_SOURCE_ADDRESSES,
    MAX_STUN_BYTES,
    StunFilter,
)

KNOWN, STRANGER = ("192.0.2.7", 5000), ("198.51.100.9", 6000)
ASKED = b"asked for it"


class Connection:
    """As much of aioice's as the gate reads."""

    local_username = "ours"

    def __init__(self) -> None:
        self._remote_candidates = [SimpleNamespace(_network_host=KNOWN[0], port=KNOWN[1])]
        self._protocols = [SimpleNamespace(transactions={ASKED: None})]
        self.kept: deque[tuple[bytes, int]] = deque()
        self._queue = SimpleNamespace(qsize=lambda: len(self.kept), put_nowait=self.kept.append)


def message(kind: stun.Class, user: str = "ours:theirs", transaction: bytes = b"") -> bytes:
    request = stun.Message(stun.Method.BINDING, kind, transaction or secrets.token_bytes(12))
    if user:
        request.attributes["USERNAME"] = user
    request.add_message_integrity(b"password")
    return bytes(request)


def test_checks_are_answered_if_they_name_us() -> None:
    gate = StunFilter(Connection())
    for address in (KNOWN, STRANGER):
        assert gate.admits(message(stun.Class.REQUEST), address)
        assert not gate.admits(message(stun.Class.REQUEST, "theirs:ours"), address)
        assert not gate.admits(message(stun.Class.REQUEST, ""), address)


def test_answers_are_read_if_we_asked_or_know_who_answers() -> None:
    gate = StunFilter(Connection())
    for kind in (stun.Class.RESPONSE, stun.Class.ERROR):
        assert gate.admits(message(kind, transaction=ASKED), STRANGER), "the answer of a STUN server"
        assert gate.admits(message(kind), KNOWN), "too late, or answers a probe"
        assert not gate.admits(message(kind), STRANGER)
    assert gate.admits(message(stun.Class.INDICATION), KNOWN)
    assert not gate.admits(message(stun.Class.INDICATION), STRANGER)


def test_what_is_no_stun_is_refused() -> None:
    gate = StunFilter(Connection())
    good = message(stun.Class.REQUEST)
    assert gate.admits(good, KNOWN)
    for bad in (
        b"", good[:19], good[:-1], good + b"\0", good + bytes(4), b"\0\2" + good[2:],
        good[:4] + b"\0\0\0\0" + good[8:], b"\0\1" + struct.pack("!H", 0xFFFF) + good[4:],
        b"\0\3" + good[2:], b"\x05" + good[1:], b"\x40" + good[1:], b"\xff" * 40,
    ):  # fmt: skip
        assert not gate.admits(bad, KNOWN)
    size = MAX_STUN_BYTES - 16
    long = good[:2] + struct.pack("!H", size) + good[4:20] + b"ours:" + bytes(size - 5)
    assert not gate.admits(long, KNOWN)


def test_dtls_comes_from_the_far_end_and_has_a_bound() -> None:
    connection = Connection()
    gate = StunFilter(connection)
    record = b"\x16\xfe\xfd" + bytes(60)
    assert not gate.admits(record, STRANGER)
    assert not gate.admits(record, (KNOWN[0], KNOWN[1] + 1))
    for _ in range(MAX_QUEUED_DATAGRAMS):
        assert gate.admits(record, KNOWN)
        connection.data_received(record, 1)  # type: ignore[attr-defined]
    assert not gate.admits(record, KNOWN)
    assert gate.admits(message(stun.Class.REQUEST), KNOWN), "a full queue does not stop ICE"
    assert len(connection.kept) == MAX_QUEUED_DATAGRAMS


def test_aioice_keeps_no_stun_that_it_cannot_read() -> None:
    connection = Connection()
    StunFilter(connection)
    connection.data_received(b"\0\1" + bytes(40), 1)  # type: ignore[attr-defined]
    assert not connection.kept


def test_addresses_are_learnt_up_to_a_bound() -> None:
    connection = Connection()
    gate = StunFilter(connection)
    for port in range(1000):
        if gate.admits(message(stun.Class.REQUEST), ("203.0.113.1", port)):
            connection._remote_candidates.append(SimpleNamespace(_network_host="203.0.113.1", port=port))
    assert len(connection._remote_candidates) == MAX_SOURCE_ADDRESSES
    assert gate.admits(message(stun.Class.REQUEST), KNOWN)


def test_nobody_says_again_what_the_far_end_said() -> None:
    gate = StunFilter(Connection())
    before, after = message(stun.Class.REQUEST), message(stun.Class.REQUEST)
    assert gate.admits(before, KNOWN)
    assert gate.admits(before, STRANGER), "while a path is looked for, one check may come by several"
    gate.settle()
    assert gate.admits(after, STRANGER), "a new address, as behind a NAT that forgot the old one"
    for data, first, other in ((before, KNOWN, STRANGER), (after, STRANGER, KNOWN)):
        assert gate.admits(data, first)
        assert not gate.admits(data, other)
    for _ in range(2 * MAX_SEEN_CHECKS):
        gate.admits(message(stun.Class.REQUEST), KNOWN)
    assert len(gate._seen) == MAX_SEEN_CHECKS


def test_role_conflicts_end() -> None:
    gate = StunFilter(Connection())
    answers = [gate.admits(message(stun.Class.ERROR, transaction=ASKED), KNOWN) for _ in range(2 * MAX_ERRORS)]
    assert answers == [True] * MAX_ERRORS + [False] * MAX_ERRORS
    assert gate.admits(message(stun.Class.RESPONSE, transaction=ASKED), KNOWN)


@given(st.binary(max_size=100), st.integers(0, 2**32))
def test_no_datagram_raises(data: bytes, seed: int) -> None:
    chance = random.Random(seed)
    gate = StunFilter(Connection())
    gate.admits(data, STRANGER)
    changed = bytearray(message(stun.Class.REQUEST))
    changed[chance.randrange(len(changed))] = chance.randrange(256)
    gate.admits(bytes(changed), KNOWN)
    gate.admits(bytes(changed) + data, KNOWN)
