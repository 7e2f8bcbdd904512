"""Journals as they were once written, each with what every entry meant then: what must fold the same for ever.

A file is JSON lines, one an entry: `at_ms` on the timeline, `event` (the payload as it was journaled) and `view`,
the fields of the session's view that differ from those after the entry before. `wandered-*` are random walks of the
machine, `crowded-*` such walks with more than two participants, `recorded-*` with a recording that stops and is paused;
the others are of calls in real browsers, whose written texts stay sealed.

    python -m tests.server.session.old_journals walks 32 40
    python -m tests.server.session.old_journals crowds 0 8
    python -m tests.server.session.old_journals records 0 4
    python -m tests.server.session.old_journals calls visavis.sqlite3 …

add to the folder. A file that is there is never written again: it says what was true when it was made.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from link.protocol.errors import NotAllowed
from link.protocol.values import ParticipantRole
from server.journal import Journal
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.machine import Graces, Machine
from server.session.state import State, view
from server.store import Store
from server.store.sessions import SessionQuery
from tests.server.session.playbook import CONSENT, REQUEST, Playbook

FOLDER = Path(__file__).parent / "journals"
Entries = list[tuple[e.Event, int]]


def shown(state: State, at_ms: int) -> dict[str, Any]:
    """The session's view of its specialist, as it goes over the wire."""
    drawn: dict[str, Any] = msgspec.to_builtins(view(state, at_ms, notes=True, graces=Graces()))
    return drawn


def told(entries: Iterable[tuple[e.Event, int]]) -> Iterator[dict[str, Any]]:
    """The lines of a file: each entry, and what it changed in the view."""
    machine, before = Machine(Graces()), dict[str, Any]()
    for event, at_ms in entries:
        machine.handle(event, at_ms)
        now = shown(machine.state, at_ms)
        changed = {name: value for name, value in now.items() if name not in before or before[name] != value}
        yield {"at_ms": at_ms, "event": msgspec.json.decode(e.encode(event)), "view": changed}
        before = now


def read(path: Path) -> list[tuple[e.Event, int, dict[str, Any]]]:
    """The entries of a file with their times and what they changed."""
    rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    return [(e.decode(msgspec.json.encode(row["event"])), row["at_ms"], row["view"]) for row in rows]


def wandered(seed: int, steps: int = 320, *, many: bool = False, stops: bool = False) -> Entries:
    """The journal of a random walk: mostly what may happen next, with ids that mean something.

    With `many` there are more than two, and participants are numbered. With `stops` the recording stops and is paused.
    """
    chance, book, count = random.Random(seed), Playbook(), 0
    turns = (*_WALK, *_MANY) if many else (*_WALK, *_STOPS) if stops else _WALK
    book.post(REQUEST)
    if chance.random() < 0.95:
        book.post(CONSENT)
    for _ in range(steps):
        book.at_ms += chance.choice([0, 40, 900, 7000])
        count += 1
        event = chance.choice(turns)(chance, book.state, str(count))
        if event is None or book.machine.redundant(event):
            continue
        try:
            book.post(event)
        except (IllegalEvent, NotAllowed):
            continue
    return book.journal


Walk = Callable[[random.Random, State, str], e.Event | None]


def _party(chance: random.Random) -> str:
    return chance.choice([e.KIOSK, e.SPECIALIST])


def _other(event: Callable[[str], e.Event]) -> Walk:
    """Something of a participant beside customer and lead."""

    def walk(chance: random.Random, state: State, _new: str) -> e.Event | None:
        others = [name for name in state.participants if name not in (state.customer, state.lead)]
        return event(chance.choice(others)) if others else None

    return walk


def _leg(event: Callable[[str, str], e.Event]) -> Walk:
    def walk(chance: random.Random, state: State, _new: str) -> e.Event | None:
        party = _party(chance)
        return event(party, state.legs[party].leg) if party in state.legs else None

    return walk


def _document(event: Callable[[str, random.Random], e.Event]) -> Walk:
    def walk(chance: random.Random, state: State, _new: str) -> e.Event | None:
        return event(chance.choice(state.documents).id, chance) if state.documents else None

    return walk


_WALK: tuple[Walk, ...] = (
    lambda chance, _state, _new: e.Offered(chance.choice(["ann", "bob"]), "Ann or Bob"),
    lambda chance, state, _new: (
        e.OfferEnded(state.ringing, chance.choice(["declined", "timeout", "lost"])) if state.ringing else None
    ),
    *[lambda _chance, state, _new: e.Answered(state.ringing, "Ann or Bob") if state.ringing else None] * 3,
    *[lambda chance, _state, new: e.LegOpened(_party(chance), f"l{new}")] * 2,
    _leg(e.LegConnected),
    _leg(lambda party, leg: e.LegClosed(party, leg, "silent")),
    _leg(lambda party, leg: e.QualityChanged(party, leg, "weak", "loss")),
    lambda _chance, _state, _new: e.RecordingStarted("aes-256-gcm", "key"),
    lambda chance, _state, _new: e.TrackStarted(
        *chance.choice([("kiosk.camera", "video", "vp8"), ("cobrowse", "x", "y")])
    ),
    lambda chance, _state, _new: e.ParticipantLost(_party(chance)) if chance.random() < 0.4 else None,
    *[lambda chance, _state, _new: e.ParticipantReturned(_party(chance))] * 2,
    lambda _chance, _state, _new: e.Held(),
    *[lambda _chance, _state, _new: e.Unheld()] * 2,
    lambda chance, _state, new: e.ChatSent(f"c{new}", _party(chance), "…"),
    lambda chance, _state, _new: e.StepChanged(chance.choice(["product", "risk", "review"])),
    lambda _chance, _state, new: e.DocumentRequested(f"d{new}", "id_card"),
    _document(lambda document, chance: e.DocumentAnswered(document, agreed=chance.random() < 0.7)),
    _document(
        lambda document, _chance: e.DocumentStored(document, "aa", 10, "image/jpeg", 3, 2, "view", "original", "bb")
    ),
    _document(lambda document, chance: e.DocumentDecided(document, accepted=chance.random() < 0.6)),
    lambda chance, state, _new: (
        e.TimerFired(chance.choice(sorted(state.timers))) if state.timers and chance.random() < 0.1 else None
    ),
    lambda chance, _state, _new: e.NodeRestarted("n") if chance.random() < 0.15 else None,
    lambda chance, _state, _new: e.Requeued("test") if chance.random() < 0.2 else None,
    lambda chance, _state, _new: (
        e.Ended(chance.choice(["kiosk", "specialist", "system"]), "test") if chance.random() < 0.04 else None
    ),
    lambda _chance, state, _new: e.RecordingCompleted() if not state.open else None,
    lambda chance, _state, _new: e.Rated(chance.randint(1, 5)) if chance.random() < 0.5 else e.RatingSkipped(),
    lambda _chance, _state, new: e.NoteSaved(f"note {new}"),
    lambda _chance, state, _new: e.OutcomeChosen("follow_up", state.specialist) if state.specialist else None,
    lambda _chance, state, _new: e.WrapUpExtended(state.specialist) if state.specialist else None,
    _document(lambda document, _chance: e.DocumentFailed(document, "damaged")),
    lambda _chance, state, new: (
        e.SegmentSealed(state.tracks[0].name, int(new), 0, 2000, 50, 9000, "00", f"blob-{new}")
        if state.tracks
        else None
    ),
    lambda chance, state, _new: (
        e.CopyIncomplete({"image": chance.randint(1, 9)}) if state.tracks and chance.random() < 0.5 else None
    ),
    lambda chance, state, _new: (
        e.GapDeclared(state.tracks[0].name, 2000, 2040, "no_media") if state.tracks and chance.random() < 0.5 else None
    ),
    lambda chance, state, _new: (
        e.MediaAwaited(state.tracks[0].name, 2040, 2900, "loss") if state.tracks and chance.random() < 0.5 else None
    ),
    lambda chance, state, _new: (
        e.Disposed("solved", "", state.specialist) if state.specialist and chance.random() < 0.5 else None
    ),
)


_MANY: tuple[Walk, ...] = (
    *[
        lambda chance, state, _new: e.ParticipantInvited(
            state.numbered(role := chance.choice([*ParticipantRole][1:])),
            role,
            chance.choice("uvwxyz"),
            "Guest",
            e.SPECIALIST,
        )
    ]
    * 3,
    *[_other(e.ParticipantJoined)] * 4,
    _other(lambda who: e.InvitationEnded(who, "declined")),
    _other(lambda who: e.ParticipantLeft(who, "left")),
    _other(lambda who: e.LegOpened(who, f"l-{who}")),
    _other(lambda who: e.LegConnected(who, f"l-{who}")),
    _other(e.ParticipantLost),
    _other(e.ParticipantReturned),
    _other(lambda who: e.ModeChanged(who, "monitor")),
    _other(lambda who: e.ModeChanged(who, "whisper", e.SPECIALIST)),
    _other(lambda who: e.ModeChanged(who, "talk")),
)


_STOPS: tuple[Walk, ...] = (
    *[
        lambda chance, _state, new: e.RecordingStalled(
            chance.choice(["kiosk.camera", "cobrowse"]), chance.choice(["no_media", "disk_full"]), int(new), "warn"
        )
    ]
    * 2,
    *[lambda chance, _state, _new: e.RecordingResumed(chance.choice(["kiosk.camera", "cobrowse"]))] * 2,
    lambda chance, state, _new: e.SensitivePaused(state.lead, chance.choice(["card", "other"])) if state.lead else None,
    lambda _chance, _state, _new: e.SensitivePaused(e.KIOSK, "secret_field", automatic=True),
    *[lambda chance, state, _new: e.SensitiveResumed(chance.choice([e.KIOSK, state.lead or e.SPECIALIST]))] * 2,
)


async def calls(database: Path) -> list[tuple[str, Entries]]:
    """The journals of every session in a database of the server's, by their ids."""
    store = await Store.open(f"sqlite+aiosqlite:///{database}")
    try:
        found = []
        page = await store.sessions.search(SessionQuery())
        for row in page.rows:
            entries = await Journal(store).read(row.id)
            begun = entries[0].at_us
            found.append((row.id, [(e.decode(entry.payload), (entry.at_us - begun) // 1000) for entry in entries]))
        return found
    finally:
        await store.close()


def _keep(name: str, entries: Entries) -> None:
    path = FOLDER / f"{name}.jsonl"
    if not path.exists():
        path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in told(entries)))


def _main(what: str, *given: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    if what == "walks":
        for seed in range(*map(int, given)):
            _keep(f"wandered-{seed:02}", wandered(seed))
        return
    if what == "crowds":
        for seed in range(*map(int, given)):
            _keep(f"crowded-{seed:02}", wandered(seed, many=True))
        return
    if what == "records":
        for seed in range(*map(int, given)):
            _keep(f"recorded-{seed:02}", wandered(seed, stops=True))
        return
    for database in given:
        for session, entries in asyncio.run(calls(Path(database))):
            _keep(session, entries)


if __name__ == "__main__":
    _main(*sys.argv[1:])
