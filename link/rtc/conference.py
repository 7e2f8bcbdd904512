"""The legs of one session and what is forwarded between them, as a matrix says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from link.rtc.forwarding_policy import ForwardingPolicy, Places, Setting, Source
from link.rtc.leg import DOWN_SLOTS, MICROPHONE, Leg
from link.rtc.relay import Relay
from link.rtc.tracks.voice_activity import VoiceActivity

LOOK_EVERY_S: Final = 0.25
"""How often sources that wait for a slot are looked at; who begins to speak is looked at at once. chosen: half of the
time for which a sound keeps its slot (`forwarding_policy.KEEPS_S`)."""


class Conference:
    """Keeps every slot of every leg fed by what the matrix lets through. All methods are called on the event loop.

    Nothing is forwarded before `forward(True)`, nor to or from a participant without a setting.
    """

    def __init__(self, tracks: Mapping[str, Sequence[str]], relay: Relay) -> None:
        """`tracks` says what each possible participant publishes, the highest rank first."""
        self._matrix = ForwardingPolicy(tracks)
        self._relay = relay
        self._legs: dict[str, Leg] = {}
        self._places: dict[str, Places] = {}
        self._shown: dict[str, dict[str, Source]] = {}
        self._voices: dict[str, VoiceActivity] = {}
        self._shut: set[Source] = set()
        self._forwarding = False
        self._timer: asyncio.Handle | None = None

    def join(self, participant: str, leg: Leg) -> None:
        """Let this leg, an answerer's, be the participant's instead of an earlier one."""
        self.leave(participant)
        self._legs[participant] = leg
        if participant not in self._places:
            self._places[participant] = self._matrix.places(participant)
        self._wire()

    def leave(self, participant: str) -> None:
        """Forward nothing from or to this participant any more; it keeps its setting. Idempotent."""
        leg = self._legs.pop(participant, None)
        if leg is None:
            return
        self._listen_no_more(participant)
        self._feed(participant, leg, {})
        self._wire()

    def set(self, participant: str, setting: Setting) -> None:
        """Let the participant take part like that from now on. Raises `ValueError` for one that there cannot be."""
        self._matrix.set(participant, setting)
        self._wire()

    def arrange(self, tracks: Mapping[str, Sequence[str]], principals: Mapping[str, str]) -> None:
        """These participants there can be from now on, the highest rank first; others are forgotten.

        Who has another principal than before gets its slots filled anew.
        """
        before = {participant: self._matrix.principal(participant) for participant in self._places}
        self._matrix.arrange(tracks, principals)
        for participant in before:
            if participant not in tracks:
                self.leave(participant)
                del self._places[participant]
                self._shown.pop(participant, None)
            elif self._matrix.principal(participant) != before[participant]:
                self._places[participant] = self._matrix.places(participant)
        self._shut = {source for source in self._shut if source.participant in tracks}
        self._wire()

    def forward(self, on: bool) -> None:
        """Forward what the matrix lets through, or nothing at all."""
        if on is not self._forwarding:
            self._forwarding = on
            self._wire()

    def admit(self, participant: str, track: str, *, on: bool) -> None:
        """Let this track through to whom the matrix lets it, or to nobody whatever the matrix says."""
        source = Source(participant, track)
        if on is (source in self._shut):
            (self._shut.discard if on else self._shut.add)(source)
            self._wire()

    def shown(self, participant: str) -> dict[str, Source]:
        """What is in the slots of the participant's leg now."""
        return dict(self._shown.get(participant, {}))

    def close(self) -> None:
        """Let go of every leg; the legs themselves are not closed. Idempotent."""
        self._forwarding = False
        self._wire()
        for participant in list(self._legs):
            self.leave(participant)

    # --- feeding the slots --------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        now = time.monotonic()
        spoke = {participant: voice.spoke for participant, voice in self._voices.items()}
        for participant, leg in self._legs.items():
            let_through = self._matrix.sources(participant, self._legs) if self._forwarding else []
            sources = [source for source in let_through if source not in self._shut]
            self._feed(participant, leg, self._places[participant].assign(sources, spoke, now))
        waiting = self._forwarding and any(self._places[participant].waiting for participant in self._legs)
        if waiting:
            self._listen()
        self._look_again(waiting)

    def _feed(self, participant: str, leg: Leg, sources: dict[str, Source]) -> None:
        """Give the slots of `leg` these sources; what is to stop stops before anything new begins."""
        for slot in DOWN_SLOTS:
            if slot not in sources:
                self._relay.disconnect(leg, slot)
        for slot, source in sources.items():
            self._relay.connect(self._legs[source.participant].tracks[source.track], leg, slot)
        self._shown[participant] = sources

    def _look_again(self, waiting: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waiting:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._wire)

    def _listen(self) -> None:
        """Find out who speaks: needed only where there are more sources than slots."""
        for participant, leg in self._legs.items():
            if participant not in self._voices:
                self._voices[participant] = VoiceActivity(leg.tracks[MICROPHONE], self._somebody_speaks)

    def _listen_no_more(self, participant: str) -> None:
        voice = self._voices.pop(participant, None)
        if voice is not None:
            voice.close()

    def _somebody_speaks(self) -> None:
        # Not in the middle of handing on a packet.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_soon(self._wire)
