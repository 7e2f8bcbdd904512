"""TURN's bytes: addresses, frames of a stream, ChannelData in bursts."""

from __future__ import annotations

import random
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.transport.turn_address import Address, parse_url
from link.rtc.transport.turn_framing import HEADER, Deframer, HeadedOutbox, Peeled
from link.rtc.transport.udp_batch import Inbox, Target


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("turn:192.0.2.1", Address("turn", "192.0.2.1", 3478, "udp")),
        ("turn:turn.bank.example:443?transport=tcp", Address("turn", "turn.bank.example", 443, "tcp")),
        ("turns:turn.bank.example", Address("turns", "turn.bank.example", 5349, "tcp")),
        ("stun:[2001:db8::1]:3478", Address("stun", "2001:db8::1", 3478, "udp")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse_url(url) == address
    assert address.turn is url.startswith("turn")


@pytest.mark.parametrize(
    "url",
    ["", "http://x", "turn:", "turn:a b", "turn:x:0", "turn:x:70000", "turn:x?transport=sctp", "turns:x?transport=udp"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|supported"):
        parse_url(url)


def channel_data(number: int, payload: bytes) -> bytes:
    return HEADER.pack(number, len(payload)) + payload


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20), st.integers())
def test_a_stream_is_cut_wherever_it_was_sent_in_pieces(payloads: list[bytes], seed: int) -> None:
    frames = [
        channel_data(0x4001, payload)
        if index % 3
        else HEADER.pack(0x0101, len(payload) & ~3) + bytes(16) + payload[: len(payload) & ~3]
        for index, payload in enumerate(payloads)
    ]
    stream = b"".join(frame + bytes(-len(frame) % 4) for frame in frames)
    pieces, deframer, rng = [], Deframer(), random.Random(seed)
    while stream:
        size = rng.randint(1, 40)
        pieces += deframer.feed(stream[:size])
        stream = stream[size:]
    assert pieces == frames


def test_a_stream_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        Deframer().feed(b"\xff\xff\x00\x00")


def test_a_burst_goes_out_with_headers_and_comes_in_without() -> None:
    sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with sender, receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        outbox, inbox = HeadedOutbox(), Inbox()
        packets = [bytes([index]) * (900 if index < 3 else 100 + index) for index in range(5)]
        for index, packet in enumerate(packets):
            outbox.views[index][: len(packet)] = packet
            outbox.lengths[index] = len(packet)
        outbox.head(0x4007, len(packets))
        target = Target(socket.AF_INET, receiver.getsockname())
        done, _ = outbox.send(sender, target, len(packets), segments=True)
        assert done == len(packets)
        sender.sendto(b"\x01\x01\x00\x00" + bytes(16), receiver.getsockname())  # STUN of the server
        sender.sendto(HEADER.pack(0x4007, 500) + b"cut off", receiver.getsockname())
        count = 0
        peeled = Peeled(inbox)
        count = inbox.receive(receiver)
        assert count == len(packets) + 2
        peeled.peel(count)
        found = [bytes(peeled.views[i][: peeled.length(i)]) for i in range(count)]
        assert found == [*packets, b"", b""]
        assert peeled.channels[: len(packets)] == [0x4007] * len(packets)


def test_packets_of_a_stream_are_padded() -> None:
    outbox = HeadedOutbox()
    for index, packet in enumerate((b"abcde", b"abcd")):
        outbox.views[index][: len(packet)] = packet
        outbox.lengths[index] = len(packet)
    outbox.head(0x4000, 2)
    joined = outbox.joined(2)
    assert joined == b"\x40\x00\x00\x05abcde\x00\x00\x00\x40\x00\x00\x04abcd"
    assert Deframer().feed(joined) == [b"\x40\x00\x00\x05abcde", b"\x40\x00\x00\x04abcd"]
