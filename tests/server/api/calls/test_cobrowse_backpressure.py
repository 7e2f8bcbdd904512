"""The shared page on its way to a console that takes its time."""

from __future__ import annotations

from link.protocol import codec
from link.protocol.frames import Tell
from link.protocol.server import CobrowseBatch, PresenceState, SessionGone
from link.protocol.values import Face, Presence
from link.signaling.channel import Channel
from server.api.calls.cobrowse_backpressure import MAX_PENDING, WINDOW_BYTES, CobrowseBackpressure
from server.calls.session_cobrowse import UNITS

PIECE = "x" * UNITS


class Console:
    """A channel whose client acknowledges when told to."""

    def __init__(self) -> None:
        self.channel = Channel(Face.CONSOLE, "ann", 5)
        self.asked = 0
        self.answers = True
        self.picture = CobrowseBackpressure(self.channel, self.refresh)
        self.heard: list[object] = []

    def refresh(self) -> bool:
        self.asked += 1
        return self.answers

    def show(self, epoch: str, parts: int, batch: int = 0) -> None:
        for part in range(parts):
            self.picture.take(CobrowseBatch("s", epoch, batch, part, parts, PIECE))

    def acknowledge(self, frames: int | None = None) -> None:
        """Take so many of the frames that were sent; all, and all that follow, without a number."""
        while unread := self.channel.stream.unacknowledged():
            taken = [codec.decode_server(data) for data in unread[:frames]]
            for frame in taken:
                assert isinstance(frame, Tell)
                self.heard.append(frame.body)
            self.channel.stream.acknowledge(self.channel.stream.sent - len(unread) + len(taken))
            if frames is not None:
                return

    def pieces(self, epoch: str) -> int:
        return sum(isinstance(body, CobrowseBatch) and body.epoch == epoch for body in self.heard)


async def test_a_large_picture_goes_out_as_it_is_acknowledged() -> None:
    console = Console()
    console.show("e1", 250)
    assert console.channel.stream.kept_bytes < WINDOW_BYTES + 2 * UNITS
    console.picture.take(PresenceState(Presence.BUSY))
    console.acknowledge()
    batches = [body.part for body in console.heard if isinstance(body, CobrowseBatch)]
    assert batches == list(range(250))
    assert console.heard.index(PresenceState(Presence.BUSY)) < 40, "the rest does not wait for the picture"
    assert (console.asked, console.channel.closed.is_set()) == (0, False)


async def test_what_never_ends_is_dropped_for_a_new_picture() -> None:
    console = Console()
    console.answers = False
    for batch in range(3 * MAX_PENDING // (100 * UNITS)):
        console.show("e1", 100, batch)
    assert console.asked > 1, "asked until the page is"
    console.answers = True
    console.show("e1", 1, 999)
    asked = console.asked
    console.show("e1", 5, 1000)
    assert console.asked == asked, "and then no more"
    console.acknowledge()
    before = len(console.heard)
    console.show("e2", 40)
    console.acknowledge()
    assert console.pieces("e2") == 40
    assert len(console.heard) == before + 40
    assert not console.channel.closed.is_set()


async def test_a_new_picture_takes_the_place_of_one_that_waits() -> None:
    console = Console()
    console.show("e1", 200)
    console.show("e2", 50)
    console.acknowledge()
    assert console.pieces("e1") < 40
    assert console.pieces("e2") == 50


async def test_nothing_follows_the_end_of_the_call() -> None:
    console = Console()
    console.show("e1", 200)
    console.picture.take(SessionGone())
    console.show("e1", 1, 1)
    console.acknowledge()
    assert console.pieces("e1") < 40
    assert isinstance(console.heard[-1], SessionGone)
