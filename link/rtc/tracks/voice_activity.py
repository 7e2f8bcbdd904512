"""Who speaks, without decoding: Opus spends more bytes on a voice than on a quiet room. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from link.rtc.tracks.published_track import Packet, PublishedTrack
from link.rtc.wire import opus

FLOOR_S: Final = 5.0
"""The quietest moment of the last one or two such spans is what the room sounds like without the voice. chosen: nobody
speaks for so long without a breath."""
_ABOVE_RATIO: Final = 1.25
"""A voice takes more bytes than the quietest moment by this. chosen from the measurement in `VoiceActivity`: a room at
-60 dBFS takes 70 % of the bytes of a voice; docs/media.md (Several parties)."""
_MARGIN_BYTES_PER_S: Final = 200.0
"""And by this. chosen: DTX and comfort noise, a few bytes a packet, are no voice."""
_WEIGHT_RATIO: Final = 0.25
"""The weight of one packet in the average. chosen: about 80 ms, a syllable."""
PAUSE_S: Final = 1.0
"""Who speaks after a silence of this begins anew. chosen: as long as somebody counts as speaking
(`forwarding_policy.SPEAKING_S`)."""


class VoiceActivity:
    """Listens to one track of sound; `spoke` is when a voice was last heard in it.

    Measured with libopus at 24 to 64 kbit/s: a room as loud as -60 dBFS takes up to 70 % of the bytes of a voice, and
    one at -40 dBFS up to 90 %, in which no voice is found: a browser's noise suppression leaves less. What does not
    change is taken for noise after 5 to 10 s: a fan, a tone, an encoder at a constant bitrate. The level of RFC 6464
    would tell more, at the price of a header extension in every packet of every call for the few calls that have more
    voices than slots.
    """

    patient = False

    def __init__(self, track: PublishedTrack, on_speech: Callable[[], None]) -> None:
        """`on_speech` is called when somebody begins to speak after a pause of a second."""
        self.spoke = float("-inf")
        self._track = track
        self._on_speech = on_speech
        self._average = self._floor = self._before = 0.0
        self._since = float("-inf")
        track.add(self)

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._track.remove(self)

    def packet(self, packet: Packet) -> None:
        seconds = opus.duration(packet.payload)
        if not seconds:
            return
        rate = len(packet.payload) / seconds
        now = packet.arrival
        if not self._average:
            self._average = self._floor = self._before = rate
        average = self._average = self._average + _WEIGHT_RATIO * (rate - self._average)
        if now - self._since > FLOOR_S:
            self._since, self._before, self._floor = now, self._floor, average
        self._floor = min(self._floor, average)
        if average > _ABOVE_RATIO * min(self._floor, self._before) + _MARGIN_BYTES_PER_S:
            again = now - self.spoke > PAUSE_S
            self.spoke = now
            if again:
                self._on_speech()

    def packet_run(self, run: Sequence[Packet]) -> None:
        for packet in run:
            self.packet(packet)

    def gave_up(self, sequence: int) -> None:
        """A packet more or less changes nothing."""

    def restarted(self, reason: str) -> None:  # noqa: ARG002 - another microphone, another room
        self._average = 0.0

    def tick(self, now: float) -> None:
        """Nothing to do between packets."""

    def limit(self) -> int:
        return 0
