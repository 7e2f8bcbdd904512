"""What is sent again, how often, and never without end."""

from __future__ import annotations

import pytest

from link.rtc.tracks.retransmissions import Retransmissions

RTT_S = 0.2


@pytest.fixture
def rtx() -> Retransmissions:
    rtx = Retransmissions()
    rtx.renew(10.0)
    return rtx


def test_once_within_a_round_trip(rtx: Retransmissions) -> None:
    assert rtx.copies(7, 10.0, RTT_S, narrow=False) == 1
    assert rtx.copies(7, 10.0 + 0.4 * RTT_S, RTT_S, narrow=False) == 0
    assert rtx.copies(8, 10.0 + 0.4 * RTT_S, RTT_S, narrow=False) == 1, "another packet"
    assert rtx.nacks == 3, "all that was asked for"


def test_two_copies_of_what_is_asked_for_once_more(rtx: Retransmissions) -> None:
    assert rtx.copies(7, 10.0, RTT_S, narrow=False) == 1
    assert rtx.copies(7, 10.0 + RTT_S, RTT_S, narrow=False) == 2
    assert rtx.copies(7, 10.0 + 2 * RTT_S, RTT_S, narrow=True) == 1, "but not into a narrow path"


def test_a_short_path_is_given_ten_milliseconds(rtx: Retransmissions) -> None:
    rtx.copies(7, 10.0, 0.001, narrow=False)
    assert rtx.copies(7, 10.005, 0.001, narrow=False) == 0
    assert rtx.copies(7, 10.011, 0.001, narrow=False) == 2


def test_no_more_than_six_hundred_a_second(rtx: Retransmissions) -> None:
    sent = 0
    for sequence in range(1000):
        copies = rtx.copies(sequence, 10.5, RTT_S, narrow=False)
        if copies < 0:
            break
        sent += copies
    assert sent == 600
    rtx.renew(10.9)
    assert rtx.copies(2000, 10.9, RTT_S, narrow=False) == -1, "the second is not over"
    rtx.renew(11.0)
    assert rtx.copies(2000, 11.0, RTT_S, narrow=False) == 1


def test_only_the_last_ones_are_remembered(rtx: Retransmissions) -> None:
    for sequence in range(550):
        rtx.copies(sequence, 10.0, RTT_S, narrow=False)
    assert len(rtx._resent) == 512
    assert rtx.copies(549, 10.0, RTT_S, narrow=False) == 0
    assert rtx.copies(0, 10.0, RTT_S, narrow=False) == 1, "long forgotten"


def test_another_source_begins_anew(rtx: Retransmissions) -> None:
    rtx.copies(7, 10.0, RTT_S, narrow=False)
    rtx.forget()
    assert rtx.copies(7, 10.0, RTT_S, narrow=False) == 1


def test_its_own_numbers_begin_where_a_wrap_cannot_be_lost(rtx: Retransmissions) -> None:
    first = rtx.next_sequence()
    assert 0 < first < 0x8000, "RFC 3711 section 3.3.1"
    assert [rtx.next_sequence() for _ in range(3)] == [first + 1, first + 2, first + 3]
