"""Who hears whom and sees whom, and which source takes which slot of a leg. Sans-IO.

Forwarding is a matrix. Its cells follow from one `Setting` of each participant: `TALK` for those who take part (a
supervisor who barges in is one of them), `HOLD`, `MONITOR` for who listens and looks on unnoticed, and `whisper(...)`
for who is heard by some only. A cell is open when the one side sends to the other and the other receives.

A leg has three audio and three video slots. Which source takes which of them (`Places`):

1. The leg's *principal* (unless named, the first participant of all but its own) has fixed slots: its microphone
   `audio0`, its camera `video0` and, if it publishes one, its auxiliary `video1`. They stay empty while it is away.
2. Every other source takes a free slot and keeps it; nobody moves because somebody else joins or leaves. Who comes back
   takes the slot it had, if that is free.
3. With more sources than slots, those of who spoke last come first, and of who spoke at the same time or never, those
   of higher rank. Who waits and begins to speak takes the slot of who has been silent longest; where all speak, that of
   the lowest rank below its own. A sound keeps its slot for half a second at least and a picture for 2 s.

So with six participants each hears its principal all the time and the last two of the other four to speak.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

AUDIO: Final = ("audio0", "audio1", "audio2")
VIDEO: Final = ("video0", "video1", "video2")
SPEAKING_S: Final = 1.0
"""For so long after the last word somebody counts as speaking. chosen: a pause for breath ends no sentence."""
KEEPS_S: Final = {"audio": 0.5, "video": 2.0}
"""For so long at least a source keeps its slot. docs/media.md (Several parties)."""
_PRINCIPAL: Final = {"microphone": "audio0", "camera": "video0", "auxiliary": "video1"}
_NOBODY: Final[frozenset[str]] = frozenset()
_NOTHING: Final[frozenset[str]] = frozenset()
TRACKS: Final = frozenset(_PRINCIPAL)
"""Every track that a participant can publish."""


class Source(NamedTuple):
    """A track that a participant publishes: `microphone`, `camera` or `auxiliary`."""

    participant: str
    track: str

    @property
    def kind(self) -> str:
        return "audio" if self.track == "microphone" else "video"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a participant takes part: which tracks of the others reach it, and whom its voice and its pictures reach.

    None is everybody.
    """

    receives: frozenset[str] = TRACKS
    heard_by: frozenset[str] | None = None
    seen_by: frozenset[str] | None = None


TALK: Final = Setting()
"""Hears and sees all, and is heard and seen by all. A supervisor with this setting has barged in."""
HOLD: Final = Setting(receives=_NOTHING, heard_by=_NOBODY, seen_by=_NOBODY)
"""Hears and sees nothing and is neither heard nor seen, not even by who monitors."""
MONITOR: Final = Setting(heard_by=_NOBODY, seen_by=_NOBODY)
"""Hears and sees all, heard and seen by nobody."""


def whisper(*to: str) -> Setting:
    """Hears and sees all, is heard by `to` only, and seen by nobody."""
    return Setting(heard_by=frozenset(to), seen_by=_NOBODY)


class ForwardingPolicy:
    """The settings of the participants of one session; who has none is on hold."""

    def __init__(self, tracks: Mapping[str, Sequence[str]]) -> None:
        """`tracks` says what each possible participant publishes, the highest rank first."""
        self._tracks = dict(tracks)
        self._principals: dict[str, str] = {}
        self._settings: dict[str, Setting] = {}

    def arrange(self, tracks: Mapping[str, Sequence[str]], principals: Mapping[str, str]) -> None:
        """These participants there can be from now on, the highest rank first; `principals` names some of theirs."""
        self._tracks, self._principals = dict(tracks), dict(principals)
        self._settings = {name: setting for name, setting in self._settings.items() if name in tracks}

    def principal(self, participant: str) -> str:
        """Who has fixed slots at this participant; empty for nobody."""
        first = next((name for name in self._tracks if name != participant), "")
        return self._principals.get(participant, first)

    def set(self, participant: str, setting: Setting) -> None:
        """Let this participant take part like that from now on. Raises `ValueError` for one that there is not."""
        if participant not in self._tracks:
            raise ValueError(f"no participant {participant!r}")
        self._settings[participant] = setting

    def setting(self, participant: str) -> Setting:
        return self._settings.get(participant, HOLD)

    def hears(self, listener: str, speaker: str) -> bool:
        """Whether the voice of `speaker` reaches `listener`."""
        return self.reaches(listener, speaker, "microphone")

    def sees(self, viewer: str, shown: str) -> bool:
        """Whether the camera's picture of `shown` reaches `viewer`."""
        return self.reaches(viewer, shown, "camera")

    def reaches(self, to: str, source: str, track: str) -> bool:
        """Whether this track of `source` reaches `to`."""
        setting = self.setting(source)
        audience = setting.heard_by if track == "microphone" else setting.seen_by
        return to != source and track in self.setting(to).receives and (audience is None or to in audience)

    def sources(self, to: str, present: Collection[str]) -> list[Source]:
        """What reaches `to` of those who are `present`, the highest rank first."""
        return [
            Source(participant, track)
            for participant, tracks in self._tracks.items()
            if participant in present
            for track in tracks
            if self.reaches(to, participant, track)
        ]

    def places(self, participant: str) -> Places:
        """The slots of a leg of this participant, all empty."""
        principal = self.principal(participant)
        return Places({Source(principal, track): _PRINCIPAL[track] for track in self._tracks.get(principal, ())})


class Places:
    """Which source is in which slot of one leg, over the time that its participant is there."""

    def __init__(self, fixed: Mapping[Source, str]) -> None:
        """`fixed` are the principal's slots."""
        self._fixed = dict(fixed)
        taken = set(fixed.values())
        self._free = {
            kind: [slot for slot in slots if slot not in taken] for kind, slots in (("audio", AUDIO), ("video", VIDEO))
        }
        self._held: dict[str, Source] = {}
        self._since: dict[str, float] = {}
        self._last: dict[Source, str] = {}
        self.waiting: tuple[Source, ...] = ()
        """Sources that found no slot at the last call of `assign`."""

    def assign(self, sources: Iterable[Source], spoke: Mapping[str, float], now: float) -> dict[str, Source]:
        """The slots and their sources from `now` on, given all `sources` in order of rank.

        `spoke` says when each participant was last heard to speak, on the same clock as `now`.
        """
        wanted = list(sources)
        self._held = {slot: source for slot, source in self._held.items() if source in wanted}
        waiting: list[Source] = []
        for kind, slots in self._free.items():
            others = [source for source in wanted if source.kind == kind and source not in self._fixed]
            waiting += self._seat(others, slots, spoke, now)
        self.waiting = tuple(waiting)
        fixed = {slot: source for source, slot in self._fixed.items() if source in wanted}
        return fixed | self._held

    def _seat(self, ranked: list[Source], slots: list[str], spoke: Mapping[str, float], now: float) -> list[Source]:
        """Seat who has no slot of this kind yet; who still waits."""
        never = float("-inf")
        seated = set(self._held.values())
        coming = sorted((s for s in ranked if s not in seated), key=lambda s: -spoke.get(s.participant, never))
        waiting = []
        for source in coming:
            slot = self._empty(source, slots)
            if slot is None and now - spoke.get(source.participant, never) < SPEAKING_S:
                slot = self._yielding(source, ranked, slots, spoke, now)
            if slot is None:
                waiting.append(source)
                continue
            if (left := self._held.get(slot)) is not None:
                waiting.append(left)
            self._held[slot] = source
            self._since[slot] = now
            self._last[source] = slot
        return waiting

    def _empty(self, source: Source, slots: list[str]) -> str | None:
        empty = [slot for slot in slots if slot not in self._held]
        before = self._last.get(source)
        if before in empty:
            return before
        # A slot that nobody who may come back has had, if there is one.
        had = set(self._last.values())
        return next((slot for slot in empty if slot not in had), empty[0] if empty else None)

    def _yielding(
        self, source: Source, ranked: list[Source], slots: list[str], spoke: Mapping[str, float], now: float
    ) -> str | None:
        """The slot whose source makes way for this one, who speaks."""
        old = [slot for slot in slots if now - self._since[slot] >= KEEPS_S[source.kind]]

        def heard(slot: str) -> float:
            return spoke.get(self._held[slot].participant, float("-inf"))

        def rank(slot: str) -> int:
            return ranked.index(self._held[slot])

        silent = [slot for slot in old if now - heard(slot) >= SPEAKING_S]
        if silent:
            return min(silent, key=lambda slot: (heard(slot), -rank(slot)))
        lower = [slot for slot in old if rank(slot) > ranked.index(source)]
        return max(lower, key=rank, default=None)
