"""What a viewing copy is not to show: intervals, regions of pictures, lines of chat, documents; each with its reason.

A redaction is a file of JSON (docs/evidence.md), read strictly: what is not understood, or names nothing that there is,
is an error and nothing is made. It makes a copy only; what is recorded stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from server.evidence.report_words import EN, Words
from server.recording.segment import AUDIO

FORMAT: Final = "visavis.redaction.v1"
STATEMENT_FORMAT: Final = "visavis.redacted.v1"
MOST_BYTES: Final = 1 << 20
MOST: Final = 1000
"""Entries of one file, all together."""
MOST_REASON: Final = 200
ROUNDING: Final = 1e-9

MUTED: Final[Words] = ("已消音", "Sound removed")
COVERED: Final[Words] = ("已遮盖", "Covered")
NOTE: Final[Words] = (
    "本副本有 {count} 处遮盖，遮盖清单 SHA-256：{sha256}",
    "This copy is redacted in {count} places; SHA-256 of the list: {sha256}",
)


class BadRedaction(ValueError):
    """The redaction cannot be used; the message has one line for each thing that is wrong with it."""


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of this track nothing is heard or seen from `from_ms` to before `to_ms` of the session."""

    track: str
    from_ms: int
    to_ms: int
    reason: str


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rectangle of a picture is covered then: left, top, width and height as fractions of the picture."""

    track: str
    from_ms: int
    to_ms: int
    x: float
    y: float
    w: float
    h: float
    reason: str


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of chat, or a document, by its id."""

    id: str
    reason: str


class Redaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is redacted in one copy."""

    format: str
    session: str
    intervals: list[Interval] = []
    regions: list[Region] = []
    chat: list[LeftOut] = []
    documents: list[LeftOut] = []

    @property
    def count(self) -> int:
        """How many redactions these are."""
        return len(self.intervals) + len(self.regions) + len(self.chat) + len(self.documents)

    @property
    def sha256(self) -> str:
        """SHA-256 (hexadecimal) of the list as JSON in UTF-8, names sorted, without blanks."""
        text = json.dumps(self.listed(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def listed(self) -> dict[str, object]:
        """The list as plain values."""
        return dict(msgspec.to_builtins(self))

    def note(self, language: int) -> str:
        """What the film says of it all the time."""
        return NOTE[language].format(count=self.count, sha256=self.sha256)


def read_redaction(data: bytes) -> Redaction:
    """The redaction of a file. Raises `BadRedaction`."""
    if len(data) > MOST_BYTES:
        raise BadRedaction(f"more than {MOST_BYTES} bytes are no list of redactions")
    try:
        read = msgspec.json.decode(data, type=Redaction)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRedaction(f"not a list of redactions: {error}") from error
    problems = list(_problems(read))
    if problems:
        raise BadRedaction("\n".join(problems))
    return read


def check_redaction(
    redaction: Redaction,
    session: str,
    *,
    tracks: Mapping[str, str],
    length_ms: int,
    chat: Collection[str],
    documents: Collection[str],
) -> None:
    """Raise `BadRedaction` where it names what the session does not have; `tracks` are kinds by name."""
    problems = list(_strays(redaction, session, tracks, length_ms, chat, documents))
    if problems:
        raise BadRedaction("\n".join(problems))


def words(reason: str, what: Words, language: int) -> str:
    """What stands in place of what is not shown."""
    return f"{what[language]}{':' if language == EN else '：'}{' ' if language == EN else ''}{reason}"


def _problems(read: Redaction) -> Iterator[str]:
    if read.format != FORMAT:
        yield f"format: {FORMAT} is expected"
    if not read.count:
        yield "there is nothing in it"
    if read.count > MOST:
        yield f"{read.count} redactions; {MOST} are the most"
        return
    for where, one in _all(read):
        if not one.reason.strip() or len(one.reason) > MOST_REASON or not one.reason.isprintable():
            yield f"{where}: reason: 1 to {MOST_REASON} characters that can be seen are expected"
        if isinstance(one, Interval | Region) and not 0 <= one.from_ms < one.to_ms:
            yield f"{where}: from_ms and to_ms: 0 ≤ from_ms < to_ms is expected"
        if isinstance(one, Region) and not _is_inside(one):
            yield f"{where}: x, y, w, h: fractions of the picture are expected, within 0 and 1, w and h above 0"


def _is_inside(region: Region) -> bool:
    sides = (region.x, region.y, region.w, region.h)
    within = all(math.isfinite(side) and 0 <= side <= 1 for side in sides)
    return within and region.w > 0 and region.h > 0 and max(region.x + region.w, region.y + region.h) <= 1 + ROUNDING


def _strays(
    redaction: Redaction,
    session: str,
    tracks: Mapping[str, str],
    length_ms: int,
    chat: Collection[str],
    documents: Collection[str],
) -> Iterator[str]:
    if redaction.session != session:
        yield f"session: it is for the session {redaction.session[:64]}, not for {session}"
        return
    for where, one in _all(redaction):
        if isinstance(one, LeftOut):
            known = chat if where.startswith("chat") else documents
            if one.id not in known:
                yield f"{where}: id: the session has no {one.id[:64]}"
        elif one.track not in tracks:
            yield f"{where}: track: the session has no {one.track[:64]}; it has {', '.join(sorted(tracks))}"
        elif one.from_ms >= length_ms:
            yield f"{where}: from_ms: the session is over after {length_ms} ms"
        elif isinstance(one, Region) and tracks[one.track] == AUDIO:
            yield f"{where}: track: {one.track} is sound and has no regions"


def _all(redaction: Redaction) -> Iterator[tuple[str, Interval | Region | LeftOut]]:
    lists: tuple[tuple[str, Sequence[Interval | Region | LeftOut]], ...] = (
        ("intervals", redaction.intervals),
        ("regions", redaction.regions),
        ("chat", redaction.chat),
        ("documents", redaction.documents),
    )
    for name, entries in lists:
        for number, entry in enumerate(entries):
            yield f"{name}[{number}]", entry
