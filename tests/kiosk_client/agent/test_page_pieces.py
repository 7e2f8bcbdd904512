"""A large picture of the customer's page reaches the server whole over a slow line."""

from __future__ import annotations

from kiosk_client.agent.page_pieces import MAX_PENDING, WINDOW_BYTES, PagePieces
from link.protocol.client import ClientMessage, CobrowsePiece
from link.signaling.stream import Stream

UNITS = 16_000


class Line:
    def __init__(self) -> None:
        self.stream = Stream()
        self.posted: list[CobrowsePiece] = []
        self.pieces = PagePieces(lambda: self.stream, self.post)

    def post(self, body: ClientMessage) -> None:
        assert isinstance(body, CobrowsePiece)
        self.stream.keep(body.data.encode())
        self.posted.append(body)

    def show(self, epoch: str, parts: int) -> list[bool]:
        return [self.pieces.take(CobrowsePiece("s", epoch, 0, part, parts, "x" * UNITS)) for part in range(parts)]

    def acknowledge(self) -> None:
        self.stream.acknowledge(self.stream.sent)


def test_a_picture_larger_than_the_window_arrives_whole() -> None:
    line = Line()
    assert all(line.show("one", 100))
    assert len(line.posted) == WINDOW_BYTES // UNITS + 1
    while len(line.posted) < 100:
        line.acknowledge()
    assert [piece.part for piece in line.posted] == list(range(100))


def test_a_new_epoch_takes_the_place_of_what_waits() -> None:
    line = Line()
    line.show("one", 100)
    line.show("two", 3)
    line.acknowledge()
    assert [piece.epoch for piece in line.posted][-4:] == ["one", "two", "two", "two"]


def test_what_is_too_much_is_dropped_and_said_once() -> None:
    line = Line()
    answers = line.show("one", (MAX_PENDING + WINDOW_BYTES) // UNITS + 10)
    assert answers.count(False) == 1
    posted = len(line.posted)
    line.show("one", 1)
    assert len(line.posted) == posted
    line.acknowledge()
    line.show("one", 1)
    assert len(line.posted) == posted + 1, "the server finds the hole"
    assert all(line.show("two", 2))
    assert line.posted[-1].epoch == "two"


def test_a_stream_that_starts_anew_goes_on() -> None:
    line = Line()
    line.show("one", 50)
    line.stream = Stream()
    line.pieces.clear()
    line.show("two", 2)
    assert [piece.epoch for piece in line.posted][-2:] == ["two", "two"]
