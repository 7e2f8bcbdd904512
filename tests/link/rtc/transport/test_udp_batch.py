"""Many datagrams at once, with and without what the operating system offers for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from link.rtc.transport import udp_batch
from link.rtc.transport.udp_batch import IN_DATAGRAMS, OUT_DATAGRAMS, Inbox, Outbox, Target

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def bound(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((HOSTS[socket.AddressFamily(family)], 0))
    except OSError:
        sock.close()
        pytest.skip("no IPv6 on this machine")
    sock.setblocking(False)
    return sock


@pytest.fixture(params=["batched", "single"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "single":
        monkeypatch.setattr(udp_batch, "_libc", lambda: None)


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["v4", "v6"])
def ends(request: pytest.FixtureRequest, _ways: None) -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = bound(request.param), bound(request.param)
    with near, far:
        yield near, far


def put(outbox: Outbox, sizes: list[int]) -> None:
    for index, size in enumerate(sizes):
        outbox.views[index][:size] = bytes([index + 1]) * size
        outbox.lengths[index] = size


def drain(inbox: Inbox, sock: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
    found = []
    while count := inbox.receive(sock):
        found += [(bytes(inbox.views[i][: inbox.length(i)]), inbox.source(i)) for i in range(count)]
    return found


@pytest.mark.parametrize(
    "sizes",
    [[100], [1200] * 6, [1100, 1100, 700], [700, 701, 701], [50, 1200, 1200, 1200, 80, 81, 80], [1200] * OUT_DATAGRAMS],
)
@pytest.mark.parametrize("segments", [True, False])
def test_what_is_sent_arrives_in_order(
    ends: tuple[socket.socket, socket.socket], sizes: list[int], segments: bool
) -> None:
    near, far = ends
    outbox, inbox = Outbox(), Inbox(far.family)
    put(outbox, sizes)
    target = Target(far.family, far.getsockname()[:2])
    done, _ = outbox.send(near, target, len(sizes), segments=segments)
    assert done == len(sizes)
    found = drain(inbox, far)
    assert [data for data, _ in found] == [bytes([index + 1]) * size for index, size in enumerate(sizes)]
    assert {source for _, source in found} == {near.getsockname()[:2]}


def test_an_inbox_takes_no_more_than_it_has_room_for(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    inbox = Inbox(far.family)
    for index in range(IN_DATAGRAMS + 3):
        near.sendto(bytes([index]), far.getsockname())
    assert inbox.receive(far) == inbox.full
    assert len(drain(inbox, far)) == IN_DATAGRAMS + 3 - inbox.full
    assert inbox.receive(far) == 0


def test_a_long_datagram_is_cut(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    inbox = Inbox(far.family)
    near.sendto(bytes(5000), far.getsockname())
    assert inbox.receive(far) == 1
    assert inbox.length(0) == udp_batch.BUFFER_BYTES


@pytest.mark.usefixtures("_ways")
def test_a_closed_socket_has_nothing() -> None:
    sock = bound(socket.AF_INET)
    sock.close()
    assert Inbox().receive(sock) == 0


def test_runs_of_equal_size_are_one_message() -> None:
    outbox = Outbox()
    if outbox._libc is None:
        pytest.skip("the operating system has no sendmmsg")
    target = Target(socket.AF_INET, ("127.0.0.1", 9))
    put(outbox, [900, 900, 900, 400, 50, 900, 900, 901])
    assert outbox._arrange(target, 0, 8, True) == [4, 1, 2, 1]
    assert outbox._arrange(target, 5, 8, True) == [2, 1]
    assert outbox._arrange(target, 0, 8, False) == [1] * 8


def test_a_kernel_without_segmentation_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, inbox = Outbox(), Inbox()
    if outbox._libc is None:
        pytest.skip("the operating system has no sendmmsg")
    with bound(socket.AF_INET) as near, bound(socket.AF_INET) as far:
        real, calls = outbox._call, []

        def refuse_segments(sock: socket.socket, entries: int) -> tuple[int, int]:
            calls.append(entries)
            return (0, 5) if len(calls) == 1 else real(sock, entries)  # EIO

        monkeypatch.setattr(outbox, "_call", refuse_segments)
        put(outbox, [900, 900, 300])
        assert outbox.send(near, Target(far.family, far.getsockname()), 3, segments=True) == (3, False)
        assert calls == [1, 3]
        assert [len(data) for data, _ in drain(inbox, far)] == [900, 900, 300]


def test_what_the_kernel_refuses_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox()
    if outbox._libc is None:
        pytest.skip("the operating system has no sendmmsg")
    with bound(socket.AF_INET) as near:
        monkeypatch.setattr(outbox, "_call", lambda sock, entries: (0, 11))  # EAGAIN
        put(outbox, [900, 900])
        assert outbox.send(near, Target(near.family, near.getsockname()), 2, segments=True) == (0, True)
