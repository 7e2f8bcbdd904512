"""What somebody searches the library for, as a page's address says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from link.protocol.errors import BadMessage
from link.protocol.values import Language
from server.library import terms
from server.library.terms import Word, facet
from server.store.reviews import FILTERS as REVIEWS

TEXT: Final = 100
"""Most characters of a text that is looked for."""
WORDS: Final = 10
SORTS: Final = ("newest", "oldest", "longest", "rating")
"""Orders: by time, or by length (in steps of minutes) or lowest rating first, and the newest first within each."""
FIELDS: Final = ("branch", "kiosk", "specialist", "service", "outcome")
"""Filters by any one value."""
_VALUE: Final = re.compile(r"[\w.:@-]{1,64}", re.ASCII)
_ID: Final = re.compile(r"[a-z0-9_-]{4,64}")
_CURSOR: Final = re.compile(r"(\d{1,3})-(\d{1,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: the step of the order (0 where it has one only) and the place."""

    step: int
    place: int

    def __str__(self) -> str:
        return f"{self.step}-{self.place}"


@dataclass(frozen=True, slots=True)
class LibraryQuery:
    """A search. A session must have one term of each of `groups`, every one of `words`, and begin in the span.

    `branches` are those that the requester may see (None: every one). `since_us` is included, `until_us` is not.
    `nothing`: there is nothing in the text by which a session could be found. `review` is a filter by who reviews it
    (`server.store.reviews`), of which the asker finds the places: then only `places` are looked at.
    """

    branches: frozenset[str] | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    words: tuple[Word, ...] = ()
    start_of_id: str = ""
    nothing: bool = False
    since_us: int | None = None
    until_us: int | None = None
    review: str = ""
    places: frozenset[int] | None = None
    sort: str = "newest"
    after: Cursor | None = None
    before: Cursor | None = None

    @property
    def exact(self) -> bool:
        """Whether the terms alone say who is found, without a look into what was written."""
        return all(word.exact for word in self.words)

    @property
    def steps(self) -> tuple[str, ...]:
        """The terms by which the order goes, in turn; none where it is by time alone."""
        if self.sort == "longest":
            return tuple(facet("length", step) for step in (*reversed(terms.LENGTHS), terms.NONE))
        if self.sort == "rating":
            return tuple(facet("rating", stars) for stars in terms.RATINGS)
        return ()


def parse(asked: Mapping[str, str], branches: frozenset[str] | None) -> LibraryQuery:
    """The search of these parameters, for who may see `branches`. Raises `BadMessage`; unknown ones are ignored."""
    groups = [(facet(name, _value(asked[name])),) for name in FIELDS if asked.get(name)]
    for name, allowed in (
        ("status", tuple(terms.STATUSES)),
        ("language", tuple(map(str, Language))),
        ("rating", terms.RATINGS),
    ):
        if asked.get(name):
            groups.append((facet(name, _one_of(name, asked[name], allowed)),))
    flags = asked.get("flag", "").split(",") if asked.get("flag") else []
    groups += [(facet("flag", _one_of("flag", flag, terms.FLAGS)),) for flag in dict.fromkeys(flags)]
    if asked.get("abandoned"):
        _one_of("abandoned", asked["abandoned"], ("1",))
        groups.append((terms.ABANDONED,))
    text = _text(asked.get("text", ""))
    found = terms.looked_for(text)
    if len(found) > WORDS:
        raise BadMessage(f"at most {WORDS} words are looked for at once")
    plain = text.strip().casefold()
    since, until = number(asked.get("since")), number(asked.get("until"))
    return LibraryQuery(
        branches=branches,
        groups=tuple(groups),
        words=tuple(found),
        start_of_id=plain if _ID.fullmatch(plain) else "",
        review=_one_of("review", asked["review"], REVIEWS) if asked.get("review") else "",
        nothing=bool(text.strip()) and not found,
        since_us=None if since is None else since * 1000,
        until_us=None if until is None else until * 1000,
        sort=_one_of("sort", asked.get("sort") or "newest", SORTS),
        after=_cursor(asked.get("after")),
        before=_cursor(asked.get("before")),
    )


def number(text: str | None) -> int | None:
    """A whole number that somebody sends, None for none. Raises `BadMessage`."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadMessage("a whole number is expected")
    return int(text)


def _text(text: str) -> str:
    text = text[:TEXT]
    if not text.isprintable():
        raise BadMessage("text is of letters that can be seen")
    return text


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise BadMessage("a filter's value is an id")
    return text


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadMessage(f"{name} is one of {', '.join(allowed)}")
    return value


def _cursor(text: str | None) -> Cursor | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadMessage("no such page")
    return Cursor(int(match[1]), int(match[2]))
