"""The search against what it should find by looking at everything; and what it never tells."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert, update

from link.protocol.errors import BadMessage, Unavailable
from server.library import search as engine
from server.library import terms
from server.library.branch_sets import BranchSets
from server.library.query import Cursor, parse
from server.library.search import LibrarySearch
from server.session import events as e
from server.store import tables
from server.store.postings import BLOCK
from server.store.sessions import Projection
from tests.server.library.conftest import STARTED_US, Shelf

NORTH = frozenset({"north"})
MANY = frozenset({"north", *(f"other{number}" for number in range(20))})
"""As `NORTH`, of a supervisor of many branches."""
STARTED_MS = STARTED_US // 1000


@pytest.fixture
async def three(shelf: Shelf) -> Shelf:
    await shelf.call("s-first", "客户想了解稳健九十天理财产品", at_s=0)
    await shelf.call(
        "s-second", e.ChatSent("c1", "customer-1", "Where is my Mortgage-7731?"), at_s=60, branch="south", kiosk="k2",
        service="loans", language="en", specialists=(("p2", "Wang Li"), ("p3", "赵敏")), minutes=45, rating=2,
        outcome="follow_up", elderly=True,
    )  # fmt: skip
    await shelf.call("s-third", at_s=120, specialists=())
    await shelf.indexer.settle()
    return shelf


ASKED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["s-third", "s-second", "s-first"]),
    ({"sort": "oldest"}, ["s-first", "s-second", "s-third"]),
    ({"sort": "longest"}, ["s-second", "s-first", "s-third"]),
    ({"sort": "rating"}, ["s-second", "s-first", "s-third"]),
    ({"branch": "south"}, ["s-second"]),
    ({"kiosk": "k1"}, ["s-third", "s-first"]),
    ({"specialist": "p2"}, ["s-second"]),
    ({"specialist": "p3"}, ["s-second"]),
    ({"specialist": "p4"}, []),
    ({"service": "wealth"}, ["s-third", "s-first"]),
    ({"outcome": "follow_up"}, ["s-second"]),
    ({"outcome": "-"}, ["s-third"]),
    ({"rating": "2"}, ["s-second"]),
    ({"rating": "-"}, ["s-third"]),
    ({"language": "en"}, ["s-second"]),
    ({"abandoned": "1"}, ["s-third"]),
    ({"status": "ended"}, ["s-third", "s-second", "s-first"]),
    ({"status": "live"}, []),
    ({"flag": "elderly"}, ["s-second"]),
    ({"flag": "written"}, ["s-second", "s-first"]),
    ({"flag": "written,elderly"}, ["s-second"]),
    ({"since": STARTED_MS + 60_000}, ["s-third", "s-second"]),
    ({"until": STARTED_MS + 60_000}, ["s-first"]),
    ({"since": STARTED_MS + 1, "until": STARTED_MS + 120_000}, ["s-second"]),
    ({"since": STARTED_MS + 120_001}, []),
    ({"until": STARTED_MS}, []),
    ({"since": STARTED_MS + 120_000, "until": STARTED_MS}, []),
    ({"text": "理"}, ["s-first"]),
    ({"text": "理财"}, ["s-first"]),
    ({"text": "九十天理财"}, ["s-first"]),
    ({"text": "财理"}, []),
    ({"text": "天九十"}, []),
    ({"text": "mortgage"}, ["s-second"]),
    ({"text": "TGAG"}, ["s-second"]),
    ({"text": "7731"}, ["s-second"]),
    ({"text": "mortgage-7731"}, ["s-second"]),
    ({"text": "mortgage 理财"}, []),
    ({"text": "陈静"}, ["s-first"]),
    ({"text": "赵"}, ["s-second"]),
    ({"text": "wang 7731"}, ["s-second"]),
    ({"text": "south支行"}, ["s-second"]),
    ({"text": "s-sec"}, ["s-second"]),
    ({"text": "s-sec", "branch": "north"}, []),
    ({"text": "%"}, []),
    ({"text": "理财", "branch": "south"}, []),
    ({"text": "理财", "service": "wealth", "language": "zh-CN", "rating": "5"}, ["s-first"]),
]


async def test_everything_that_can_be_asked(three: Shelf) -> None:
    for asked, found in ASKED:
        assert await three.ids(**asked) == found, asked


async def test_what_is_of_another_branch_is_not_there(three: Shelf) -> None:
    searches: list[dict[str, Any]] = [{}, {"text": "7731"}, {"text": "s-sec"}, {"sort": "longest"}, {"branch": "south"}]
    for asked in searches:
        found = await three.find(NORTH, **asked)
        assert "s-second" not in [row.id for row in found.rows], asked
        assert found.total == len(found.rows), "nor in the count"
        assert await three.ids(frozenset(), **asked) == []


async def test_the_row_says_who_may_see_it_not_the_index(three: Shelf) -> None:
    moved = update(tables.session).where(tables.session.c.id == "s-first").values(branch="south")
    async with three.store.database.write() as connection:
        await connection.execute(moved)
    assert [row.id for row in (await three.find(NORTH)).rows] == ["s-third"]


async def test_running_calls_are_found_at_once_and_what_was_written_when_they_are_closed(shelf: Shelf) -> None:
    await shelf.call("s-old", "理财", at_s=0)
    await shelf.indexer.settle()
    await shelf.call("s-live", "理财", at_s=60, state="active")
    await shelf.call("s-waiting", at_s=120, state="waiting", specialists=())
    assert await shelf.indexer.step() == 0, "only what is closed is indexed"
    assert await shelf.ids() == ["s-waiting", "s-live", "s-old"]
    assert await shelf.ids(status="live") == ["s-live"]
    assert await shelf.ids(status="waiting") == ["s-waiting"]
    assert await shelf.ids(text="陈静") == ["s-live", "s-old"]
    assert await shelf.ids(text="理财") == ["s-old"]
    assert await shelf.ids(sort="longest") == ["s-old", "s-waiting", "s-live"]
    assert await shelf.ids(abandoned="1") == []
    await shelf.journal.append("s-live", [("closed", b'{"event":"closed"}')], projection={"state": "closed"})
    await shelf.indexer.settle()
    assert await shelf.ids(text="理财") == ["s-live", "s-old"]


@dataclass
class Told:
    """A call of the random library, as the test knows it."""

    id: str
    at_s: int
    branch: str
    service: str
    language: str
    rating: int | None
    minutes: int
    words: list[str]


async def random_library(shelf: Shelf, count: int, chance: random.Random) -> list[Told]:
    """Calls whose places are on both sides of the border of two blocks, the last ones not indexed."""
    async with shelf.store.database.write() as connection:
        await connection.execute(insert(tables.library_place).values(place=BLOCK - count // 2, session="-"))
    told = []
    for number in range(count):
        words = ["".join(chance.choices("理财产品abc", k=chance.randint(1, 5))) for _ in range(chance.randint(0, 3))]
        one = Told(
            f"s{number:03}x", number * 60, chance.choice(("north", "south")), chance.choice(("wealth", "loans")),
            chance.choice(("zh-CN", "en")), chance.choice((None, 1, 5)), chance.choice((0, 1, 7, 31, 33, 500)), words,
        )  # fmt: skip
        await shelf.call(
            one.id, *([" ".join(words)] if words else []), at_s=one.at_s, branch=one.branch, service=one.service,
            language=one.language, rating=one.rating, minutes=one.minutes, specialists=(("p1", "Q"),),
        )  # fmt: skip
        told.append(one)
    await shelf.indexer.settle()
    return told


def holds(one: Told, asked: dict[str, str]) -> bool:
    names = ["k1", "k1号机", one.branch, one.branch + "支行", "branch", one.service, one.service + "业务", "q"]
    return (
        asked.get("branch", one.branch) == one.branch
        and asked.get("service", one.service) == one.service
        and asked.get("language", one.language) == one.language
        and asked.get("rating", str(one.rating or "-")) == str(one.rating or "-")
        and int(asked.get("since", 0)) <= STARTED_MS + one.at_s * 1000 < int(asked.get("until", 1 << 49))
        and all(any(word in text for text in [*one.words, *names]) for word in asked.get("text", "").split())
    )


def key_of(sort: str, one: Told) -> tuple[int, int]:
    step = {
        "longest": -max(step for step in terms.LENGTHS if step <= one.minutes),
        "rating": one.rating or 9,
    }.get(sort, 0)
    return step, one.at_s if sort == "oldest" else -one.at_s


async def test_searches_find_what_looking_at_everything_finds(shelf: Shelf) -> None:
    chance = random.Random(11)
    told = await random_library(shelf, 24, chance)
    for number in range(60):
        asked: dict[str, Any] = {"sort": chance.choice(("newest", "oldest", "longest", "rating"))}
        for name, values in (("branch", ("north", "south")), ("service", ("wealth", "loans")), ("language", ("en",)),
                             ("rating", ("1", "-"))):  # fmt: skip
            if chance.random() < 0.3:
                asked[name] = chance.choice(values)
        if chance.random() < 0.3:
            asked["since"] = str(STARTED_MS + chance.randint(-100, 1500) * 1000)
        if chance.random() < 0.3:
            asked["until"] = str(STARTED_MS + chance.randint(-100, 1500) * 1000)
        if chance.random() < 0.6:
            asked["text"] = " ".join(
                "".join(chance.choices("理财产品abc", k=chance.randint(1, 4))) for _ in range(chance.choice((1, 1, 2)))
            )
        mine = chance.choice((None, NORTH, MANY))
        wanted = [one for one in told if holds(one, asked) and (mine is None or one.branch in mine)]
        wanted.sort(key=lambda one: key_of(asked["sort"], one))
        assert await shelf.ids(mine, **asked) == [one.id for one in wanted], asked
        if number % 4 == 0:
            await turn_pages(shelf, asked, mine, [one.id for one in wanted], chance.choice((2, 5)))


async def test_many_branches_are_looked_up_once_in_what_cannot_change(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[int] = []
    postings = shelf.store.library.postings

    async def counted(numbers: Sequence[int]) -> list[tuple[int, bytes]]:
        looked_up.append(len(numbers))
        return await postings(numbers)

    monkeypatch.setattr(shelf.store.library, "postings", counted)
    told = await random_library(shelf, 24, random.Random(7))  # of two blocks, the first of which is complete
    wanted = [one.id for one in reversed(told) if one.branch == "north"]
    assert await shelf.ids(MANY) == wanted
    first = sum(looked_up)
    looked_up.clear()
    assert await shelf.ids(MANY) == wanted
    assert sum(looked_up) == first - len(MANY), "the block that grows is asked again"
    # What joins that block is found when it begins, when it is closed, and once it is indexed.
    await shelf.call("s-new", at_s=5000)
    for _ in range(2):
        assert await shelf.ids(MANY) == ["s-new", *wanted]
        await shelf.indexer.settle()
    # Somebody with other branches gets nothing of what was kept.
    others = MANY - NORTH
    for _ in range(2):
        assert await shelf.ids(others) == []


async def test_a_block_in_which_a_call_still_runs_is_not_kept(shelf: Shelf) -> None:
    async with shelf.store.database.write() as connection:
        await connection.execute(insert(tables.library_place).values(place=BLOCK - 3, session="-"))
    await shelf.call("s-long", at_s=0, state="active")
    for number in range(4):
        await shelf.call(f"s{number}", at_s=60 + number)
    await shelf.indexer.settle()
    wanted = ["s3", "s2", "s1", "s0"]
    assert await shelf.ids(MANY) == [*wanted, "s-long"]
    await shelf.journal.append("s-long", [], projection=Projection(state="closed"))
    assert await shelf.ids(MANY) == [*wanted, "s-long"]
    await shelf.indexer.settle()
    assert await shelf.ids(MANY) == [*wanted, "s-long"]


async def test_the_sets_of_few_supervisors_are_kept() -> None:
    sets = BranchSets(kept=2)
    one, two, three = (frozenset({name}) for name in "abc")
    for number, branches in enumerate((one, two, one, three)):
        sets.keep(branches, {number: 1 << number})
    assert sets.of(one) == {0: 1, 2: 4}
    assert sets.of(two) == {}, "who asked least lately"
    assert sets.of(three) == {3: 8}


async def turn_pages(
    shelf: Shelf, asked: dict[str, Any], mine: frozenset[str] | None, wanted: list[str], size: int
) -> None:
    """To the end page by page, and back again."""
    seen: list[str] = []
    page = await shelf.find(mine, limit=size, **asked)
    assert page.before is None
    while True:
        if page.first is not None:
            assert page.first == len(seen) + 1
        if "text" not in asked:
            assert page.total == len(wanted), "on each page"
        seen += [row.id for row in page.rows]
        if page.after is None:
            break
        assert len(page.rows) == size
        page = await shelf.find(mine, limit=size, **{**asked, "after": str(page.after)})
    assert seen == wanted
    back = [row.id for row in page.rows]
    while page.before is not None:
        page = await shelf.find(mine, limit=size, **{**asked, "before": str(page.before)})
        back = [row.id for row in page.rows] + back
    assert back == wanted


async def test_of_what_has_to_be_looked_into_a_request_looks_at_some_and_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs that are all there, but not in this order: every session has to be read to find out."""
    monkeypatch.setattr(engine, "CHECKED", 8)
    monkeypatch.setattr(engine, "CHECKED_AT_ONCE", 4)
    for number in range(20):
        await shelf.call(f"s{number:02}", "财产理财" if number else "理财产在此", at_s=number)
    await shelf.indexer.settle()
    found, requests, after = [], 0, ""
    while True:
        page = await shelf.find(text="理财产", after=after)
        requests += 1
        found += [row.id for row in page.rows]
        if page.after is None:
            break
        assert page.partial
        assert not page.exact
        assert page.total == 20, "at most"
        after = str(page.after)
    assert (found, requests) == (["s00"], 3)


async def test_a_page_that_is_none_is_empty_or_the_last(three: Shelf) -> None:
    for sort, step in (("newest", 7), ("longest", 999)):
        assert (await three.find(sort=sort, after=f"{step}-5")).rows == ()
        assert len((await three.find(sort=sort, before=f"{step}-5")).rows) == 3


async def test_a_slow_look_ends_early(shelf: Shelf) -> None:
    for number in range(40):
        await shelf.call(f"s{number:02}", "财产理财", at_s=number)
    await shelf.indexer.settle()
    now = iter(range(1000))
    shelf.search = LibrarySearch(shelf.store.library, shelf.vault, clock=lambda: float(next(now)))
    page = await shelf.find(text="理财产")
    assert (page.rows, page.partial, page.after) == ((), True, Cursor(0, 9))
    rest = await shelf.find(text="理财产", after=str(page.after))
    assert (rest.rows, rest.after) == ((), None)


async def test_a_damaged_part_of_the_index_is_made_anew(three: Shelf) -> None:
    async with three.store.database.write() as connection:
        await connection.execute(update(tables.library_posting).values(places=b"\x00" * 40))
    with pytest.raises(Unavailable):
        await three.find()
    assert await three.ids() == ["s-third", "s-second", "s-first"], "rows are compared one by one meanwhile"
    await three.indexer.settle()
    assert await three.ids(text="九十天理财") == ["s-first"]


async def test_of_an_older_database_the_newest_are_found_and_the_rest_is_said_to_wait(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FRESH", 3)
    for number in range(5):
        await shelf.call(f"s{number}", at_s=number)
    page = await shelf.find()
    assert ([row.id for row in page.rows], page.pending) == (["s4", "s3", "s2"], 2)
    await shelf.indexer.settle()
    page = await shelf.find()
    assert (page.total, page.pending) == (5, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "x"}, {"until": "-1"}, {"status": "odd"}, {"since": "٣"}, {"text": "\x00"}, {"sort": "price"},
        {"rating": "6"}, {"flag": "odd"}, {"flag": "elderly,"}, {"abandoned": "yes"}, {"language": "fr"},
        {"branch": "a b"}, {"after": "1"}, {"after": "1-x"}, {"before": "0-1-2"}, {"after": "٣-1"},
        {"kiosk": "x" * 65}, {"outcome": "é"},
        {"text": " ".join(map(str, range(11)))},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_search_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(BadMessage):
        parse(asked, None)


def test_empty_filters_are_none() -> None:
    names = ("branch", "kiosk", "status", "flag", "abandoned", "since", "sort", "after", "text")
    assert parse(dict.fromkeys(names, ""), None) == parse({}, None)
