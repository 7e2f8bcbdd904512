"""What a session is found by: terms of its row, of names, and of what people wrote in it.

A text is cut into words (runs of letters and digits, in NFKC form, without regard to capitals) and each word into its
single characters, its pairs, and its triples where no Chinese character is in them. So every part of a Chinese word is
found, also a single character, and every part of a Latin word or a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from link.protocol.values import OVER, QUEUEING, TALKING
from server.session import events as e
from server.store.library import Placed

ALL: Final = "all"
"""The term of every session."""
ABANDONED: Final = "abandoned"
STATUSES: Final = {
    "waiting": frozenset(map(str, QUEUEING)),
    "live": frozenset(map(str, TALKING)),
    "ended": frozenset(map(str, OVER)),
}
FLAGS: Final = ("elderly", "documents", "colleagues", "requeued", "restarted", "incomplete", "written")
NONE: Final = "-"
"""In place of a value that a session does not have."""
RATINGS: Final = ("1", "2", "3", "4", "5", NONE)
LACK_MS: Final = 1000
"""From what length on a declared gap makes a recording incomplete: shorter ones are at the beginning of most tracks."""
_DECLARED: Final = frozenset(("hold", "muted", "left", "tray_closed"))
"""Gaps that somebody wanted."""
_WORD: Final = re.compile(r"[^\W_]+")
_HAN: Final = "\u2e80"
_MINUTE_US: Final = 60_000_000
_BY_MINUTE: Final = 30
_MOST_MINUTES: Final = 120
LENGTHS: Final = (*range(_BY_MINUTE), *range(_BY_MINUTE, _MOST_MINUTES + 1, 5))
"""Steps of the length of calls, in minutes; the last is everything from there."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is looked for: all of `terms` are in a session that has it. `exact`: and in no other."""

    text: str
    terms: tuple[str, ...]
    exact: bool


def words(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def looked_for(text: str) -> list[Word]:
    """The words of what somebody searches, each once."""
    return [_looked_for(word) for word in dict.fromkeys(words(text))]


def _looked_for(word: str) -> Word:
    triples = {word[at : at + 3]: at for at in range(len(word) - 2) if _plain(word, at)}
    within = {at for start in triples.values() for at in (start, start + 1)}
    pairs = [word[at : at + 2] for at in range(len(word) - 1) if at not in within]
    grams = list(dict.fromkeys([*triples, *pairs])) or [word]
    return Word(word, tuple(map(gram, grams)), exact=grams == [word])


def _plain(word: str, at: int) -> bool:
    return max(word[at : at + 3]) < _HAN


def gram(text: str) -> str:
    """The term of a piece of text."""
    return "g:" + text


def grams(text: str) -> set[str]:
    """The terms of a text."""
    found: set[str] = set()
    for word in words(text):
        for at, letter in enumerate(word):
            found.add(letter)
            pair, triple = word[at : at + 2], word[at : at + 3]
            if len(pair) == 2:
                found.add(pair)
            if len(triple) == 3 and _plain(word, at):
                found.add(triple)
    return set(map(gram, found))


@lru_cache(4096)
def _of_name(name: str) -> frozenset[str]:
    # Names come again with every session; what people wrote is not kept in memory like this.
    return frozenset(grams(name))


def facet(name: str, value: object) -> str:
    """The term of a value that a session has."""
    return f"f:{name}:{value}"


def of_row(placed: Placed) -> frozenset[str]:
    """The terms of a session's row, at any time of its life."""
    row = placed.row
    over = row.state in STATUSES["ended"]
    found = {
        ALL,
        facet("branch", row.branch),
        facet("kiosk", row.kiosk),
        facet("service", row.service),
        facet("language", row.language),
        facet("outcome", NONE if row.outcome is None else row.outcome),
        facet("rating", NONE if row.rating is None else row.rating),
        facet("length", _length(row.answered_us, row.ended_us)),
        *(facet("specialist", who) for who, _ in placed.specialists),
        *(facet("status", name) for name, states in STATUSES.items() if row.state in states),
    }
    if over and row.answered_us is None:
        found.add(ABANDONED)
    return frozenset(found).union(*map(_of_name, names_of(placed)))


def names_of(placed: Placed) -> list[str]:
    """The names by which a session is found."""
    row = placed.row
    people = [name for _, name in placed.specialists]
    places = (row.kiosk, row.kiosk_name, row.branch_zh, row.branch_en, row.service_zh, row.service_en)
    return list(dict.fromkeys([*places, *people]))


def of_events(events: Iterable[e.Event]) -> frozenset[str]:
    """The terms of what happened in a session, from these of its events (`TELLING` are enough)."""
    found = set()
    for event in events:
        match event:
            case e.SessionRequested(elderly=True):
                found.add("elderly")
            case e.DocumentStored():
                found.add("documents")
            case e.ParticipantJoined():
                found.add("colleagues")
            case e.Requeued():
                found.add("requeued")
            case e.NodeRestarted():
                found.add("restarted")
            case e.GapDeclared() if event.reason not in _DECLARED and event.end_ms - event.start_ms >= LACK_MS:
                found.add("incomplete")
            case _:
                pass
    return frozenset(facet("flag", flag) for flag in found)


TELLING: Final = frozenset(
    (
        *("session_requested", "document_stored", "participant_joined", "requeued", "node_restarted", "gap_declared"),
        *("chat_sent", "note_saved", "document_requested", "document_decided", "disposed"),
    )
)
"""Kinds of journal entries that a session is found by."""


def _length(answered_us: int | None, ended_us: int | None) -> str:
    if answered_us is None or ended_us is None:
        return NONE
    minutes = max(0, ended_us - answered_us) // _MINUTE_US
    return str(max(step for step in LENGTHS if step <= minutes))
