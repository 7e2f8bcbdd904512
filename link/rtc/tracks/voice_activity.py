"""Who speaks, without decoding: Opus spends more bytes on a voice than on a quiet room. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.tracks.published_track import Packet, PublishedTrack
from link.rtc.wire import opus

FLOOR_S: Final = 5.0
"""The quietest moment of the last one or two such spans is what the room sounds like without the voice."""
_ABOVE: Final = 1.25
_MARGIN: Final = 200.0  # bytes a second
_WEIGHT: Final = 0.25  # of one packet in the average: about 80 ms
PAUSE: Final = 1.0


class VoiceActivity:
    """Listens to one flow of sound; `spoke` is when a voice was last heard in it.

    Measured with libopus at 24 to 64 kbit/s: a room as loud as -60 dBFS takes up to 70 % of the bytes of a voice, and
    one at -40 dBFS up to 90 %, in which no voice is found: a browser's noise suppression leaves less. What does not
    change is taken for noise after 5 to 10 s: a fan, a tone, an encoder at a constant bitrate. The level of RFC 6464
    would tell more, at the price of a header extension in every packet of every call for the few calls that have more
    voices than slots.
    """

    patient = False

    def __init__(self, flow: PublishedTrack, on_speech: Callable[[], None]) -> None:
        """`on_speech` is called when somebody begins to speak after a pause of a second."""
        self.spoke = float("-inf")
        self._flow = flow
        self._on_speech = on_speech
        self._average = self._floor = self._before = 0.0
        self._since = float("-inf")
        flow.add(self)

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._flow.remove(self)

    def packet(self, packet: Packet) -> None:
        seconds = opus.duration(packet.payload)
        if not seconds:
            return
        rate = len(packet.payload) / seconds
        now = packet.arrival
        if not self._average:
            self._average = self._floor = self._before = rate
        average = self._average = self._average + _WEIGHT * (rate - self._average)
        if now - self._since > FLOOR_S:
            self._since, self._before, self._floor = now, self._floor, average
        self._floor = min(self._floor, average)
        if average > _ABOVE * min(self._floor, self._before) + _MARGIN:
            again = now - self.spoke > PAUSE
            self.spoke = now
            if again:
                self._on_speech()

    def packet_run(self, run: Sequence[Packet]) -> None:
        for packet in run:
            self.packet(packet)

    def gave_up(self, sequence: int) -> None:
        """A word more or less changes nothing."""

    def restarted(self, reason: str) -> None:  # noqa: ARG002 - another microphone, another room
        self._average = 0.0

    def tick(self, now: float) -> None:
        """Nothing to do between packets."""

    def limit(self) -> int:
        return 0
