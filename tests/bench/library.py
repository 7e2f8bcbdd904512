"""`./dev bench library`: how long searches of a very large library take, by kind of search.

The data set is made once for each number of sessions and kept in a cache folder (a million: some gigabytes, minutes).
Each search is asked through the query layer (`LibrarySearch.find`) and over HTTP of the whole application with a real
login; what is searched for differs from one to the next. Deep pages begin in the middle and near the end of the order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from server.api.http import cookies
from server.api.http.app_keys import IDENTITY, LIBRARY, STORE
from server.app import make_app
from server.config import Config
from server.library import terms
from server.library.query import parse
from server.store import Store, tables
from server.store.branches import Branch, ServiceRow
from server.store.errors import Conflict
from server.store.people import EVERY_BRANCH, Grant, Person, Role
from tests.bench import library_data as data

ROOT: Final = Path(__file__).parents[2]
GOAL_MS: Final = 300
DAY_MS: Final = 86_400_000

Asked = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of search: what is asked the next time, by a supervisor of so many branches (0: of every one)."""

    name: str
    ask: Callable[[random.Random], Asked]
    branches: int = 0


def kinds(sessions: int, ids: Sequence[str]) -> list[Kind]:
    """Everything that is measured."""

    def deep(chance: random.Random) -> str:
        return f"0-{chance.choice((sessions // 2, sessions // 10, 2000)) + chance.randrange(1000)}"

    def days(chance: random.Random) -> Asked:
        since = data.BEGUN_US // 1000 + chance.randrange(data.SPAN_US // 1000)
        return {"since": str(since), "until": str(since + chance.choice((1, 7, 30, 180)) * DAY_MS)}

    def one(name: str, values: Sequence[str]) -> Kind:
        return Kind(name, lambda chance: {name: chance.choice(values)})

    def text(name: str, made: Callable[[random.Random], str], **more: str) -> Kind:
        return Kind(name, lambda chance: {"text": made(chance), **more})

    branch, kiosk = [f"b{n}" for n in range(data.BRANCHES)], [f"k{n}-1" for n in range(data.BRANCHES)]
    people = [f"p{n}" for n in range(data.SPECIALISTS)]
    return [
        Kind("newest", lambda _: {}),
        Kind("date", days),
        one("branch", branch), one("kiosk", kiosk), one("specialist", people), one("service", data.SERVICES),
        one("outcome", sorted(set(data.OUTCOMES))), one("rating", terms.RATINGS), one("language", ("en", "zh-CN")),
        one("status", ("ended", "live", "waiting")), one("flag", terms.FLAGS), one("abandoned", ("1",)),
        Kind("several", lambda chance: days(chance) | {
            "service": chance.choice(data.SERVICES), "rating": chance.choice(terms.RATINGS), "language": "zh-CN"}),
        Kind("several_miss", lambda chance: {"abandoned": "1", "rating": "1", "service": chance.choice(data.SERVICES)}),
        Kind("miss", lambda chance: {"branch": f"nowhere{chance.random()}".replace(".", "")}),
        text("han_1", lambda chance: chance.choice(data.note_text(chance, False)[:12])),
        text("han_2", lambda chance: _piece(chance, 2)), text("han_3", lambda chance: _piece(chance, 3)),
        text("han_4", lambda chance: _piece(chance, 4)), text("han_8", lambda chance: _piece(chance, 8)),
        text("han_name", data.chinese_name),
        text("han_1_miss", lambda chance: chance.choice("龘靐齉爨麤灪籱鸝")),
        text("han_2_miss", lambda chance: chance.choice("龘靐齉爨") + chance.choice("麤灪籱鸝")),
        text("han_4_miss", lambda chance: _scattered(chance)),
        text("english_word", lambda chance: chance.choice(_english(chance))),
        text("english_part", lambda chance: chance.choice(_english(chance))[1:5]),
        text("english_words", lambda chance: " ".join(_english(chance)[2:6])),
        text("english_miss", lambda chance: chance.choice(("zeppelin", "quokka", "restinger", "satisfiction"))),
        text("number", lambda chance: str(chance.randint(1000, 9999))),
        text("number_miss", lambda chance: str(chance.randint(10**11, 10**12))),
        text("id", lambda chance: chance.choice(ids)[:8]),
        Kind("text_and_filters", lambda chance: days(chance) | {
            "text": _piece(chance, 2), "service": chance.choice(data.SERVICES)}),
        Kind("oldest", lambda _: {"sort": "oldest"}),
        Kind("longest", lambda chance: {"sort": "longest", "service": chance.choice(data.SERVICES)}),
        Kind("longest_all", lambda _: {"sort": "longest"}),
        Kind("lowest_rating", lambda chance: {"sort": "rating", "language": chance.choice(("en", "zh-CN"))}),
        Kind("deep", lambda chance: {"after": deep(chance)}),
        Kind("deep_back", lambda chance: {"before": deep(chance)}),
        Kind("deep_filters", lambda chance: {"after": deep(chance), "outcome": "resolved", "service": "wealth"}),
        Kind("deep_text", lambda chance: {"after": deep(chance), "text": _piece(chance, 2)}),
        Kind("deep_text_4", lambda chance: {"after": deep(chance), "text": _piece(chance, 4)}),
        Kind("deep_longest", lambda chance: {
            "sort": "longest", "after": f"{chance.randrange(len(terms.LENGTHS))}-{chance.randrange(sessions)}"}),
        Kind("of_one_branch", lambda chance: {"text": _piece(chance, 2)}, 1),
        Kind("of_20_branches", lambda chance: {"service": chance.choice(data.SERVICES)}, 20),
        Kind("of_20_branches_text", lambda chance: {"text": _piece(chance, 4)}, 20),
        Kind("of_100_branches", lambda chance: {"service": chance.choice(data.SERVICES)}, 100),
    ]  # fmt: skip


def _piece(chance: random.Random, length: int) -> str:
    """A part of what somebody may have written."""
    while True:
        note = data.note_text(chance, False)
        runs = [run for run in terms.words(note) if len(run) >= length]
        if runs:
            run = chance.choice(runs)
            at = chance.randrange(len(run) - length + 1)
            return run[at : at + length]


def _scattered(chance: random.Random) -> str:
    """What nobody wrote, although its pairs stand in thousands of sessions together: all of them have to be read."""
    return chance.choice(("我要办理", "还要办", "需要办", "需要办理"))


def _english(chance: random.Random) -> list[str]:
    return data.note_text(chance, True).replace(".", "").replace(",", "").split()


async def settle(config: Config) -> dict[int, Person]:
    """Branches, services and the supervisors that ask, by how many branches they have."""
    store = await Store.open(config.database_url)
    try:
        people = {}
        for count in (0, 1, 20, 100):
            known = await store.people.by_login(f"supervisor{count}")
            grants = [Grant(Role.SUPERVISOR, f"b{n}") for n in range(count)]
            people[count] = known or await store.people.add(
                login=f"supervisor{count}", name="-", password_hash="-", languages=[], skills=[],
                grants=grants or [Grant(Role.SUPERVISOR, EVERY_BRANCH)],
            )  # fmt: skip
        try:
            for number in range(data.BRANCHES):
                await store.branches.add(Branch(f"b{number}", f"第{number}支行", f"Branch {number}"))
            for number, service in enumerate(data.SERVICES):
                await store.services.add(ServiceRow(service, service, service, "coins", service, number))
        except Conflict:
            pass  # the cache has them
        return people
    finally:
        await store.close()


async def measure(config: Config, sessions: int, times: int, only: str) -> dict[str, Any]:
    """Ask every kind `times` times, in the process and over HTTP."""
    people = await settle(config)
    app = make_app(config)
    server = TestServer(app)
    await server.start_server()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            store, place = app[STORE], tables.library_place.c
            async with store.database.read() as connection:
                assert (
                    await connection.execute(select(func.count()).select_from(tables.session))
                ).scalar_one() == sessions
                ids = list((await connection.execute(select(place.session).limit(1000))).scalars())
            logins = {}
            for count, person in people.items():
                begun = await store.logins.add(person.id, address="bench", hours=10)
                logins[count] = {"Cookie": f"{cookies.NAME}={app[IDENTITY].tokens.issue(person.id, begun.id)}"}
            inside: dict[str, list[float]] = {}
            outside: dict[str, list[float]] = {}
            hits: dict[str, float] = {}
            for kind in kinds(sessions, ids):
                if only and only not in kind.name:
                    continue
                chance = random.Random(kind.name)
                mine = people[kind.branches].branches(Role.SUPERVISOR)
                totals = []
                for _ in range(times):
                    asked = kind.ask(chance)
                    began = time.perf_counter()
                    found = await app[LIBRARY].search.find(parse(asked, mine))
                    inside.setdefault(kind.name, []).append(time.perf_counter() - began)
                    totals.append(found.total)
                    asked = kind.ask(chance)
                    began = time.perf_counter()
                    url = server.make_url("/api/sessions").with_query(asked)
                    async with http.get(url, headers=logins[kind.branches]) as response:
                        assert response.status == 200, await response.text()
                        await response.read()
                    outside.setdefault(kind.name, []).append(time.perf_counter() - began)
                hits[kind.name] = statistics.median(totals)
                print(
                    f"{kind.name:<22}{told(inside[kind.name])}{told(outside[kind.name])}{hits[kind.name]:>12,.0f}",
                    flush=True,
                )
    finally:
        await server.close()
    return {
        "sessions": sessions,
        "times": times,
        "p95_ms": {name: p95_ms(values) for name, values in inside.items()},
        "p95_http_ms": {name: p95_ms(values) for name, values in outside.items()},
        "found": hits,
    }


def told(values: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    return f"{statistics.median(values) * 1000:>10.1f}{p95_ms(values):>10.1f}"


def p95_ms(values: Sequence[float]) -> float:
    """The 95th percentile in milliseconds."""
    return round(statistics.quantiles(values, n=20, method="inclusive")[18] * 1000, 1)


def sizes(folder: Path) -> Iterator[tuple[str, float]]:
    """Megabytes of the database's files."""
    for path in sorted(folder.glob("visavis.sqlite3*")):
        yield path.name, path.stat().st_size / 1e6


def prepared(sessions: int, cache: Path, *, again: bool) -> Config:
    """The data set, made if it is not there."""
    folder = cache / f"library-{data.FORM}-{sessions}"
    config = Config(data=folder, minimum_free_mb=0)
    done = folder / "complete"
    if again or not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        data.write(config, sessions)
        done.write_text(f"{time.monotonic() - began:.0f} s\n")
    print(f"{sessions:,} sessions in {folder}, made in {done.read_text().strip()}", flush=True)
    return config


def main(arguments: Sequence[str]) -> int:
    """Measure and print; with --json the last line is one object."""
    parser = argparse.ArgumentParser("./dev bench library", description="Searches of a very large library.")
    parser.add_argument("--sessions", type=int, default=100_000, help="sessions in the library (default: 100000)")
    parser.add_argument("--times", type=int, default=50, help="searches of each kind, both ways (default: 50)")
    parser.add_argument("--only", default="", help="only kinds of search whose name contains this")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="where data sets are kept")
    parser.add_argument("--again", action="store_true", help="make the data set anew")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    config = prepared(options.sessions, options.cache, again=options.again)
    print(f"{'search':<22}{'median':>10}{'p95 ms':>10}{'HTTP':>10}{'p95 ms':>10}{'found':>12}")
    result = asyncio.run(measure(config, options.sessions, max(2, options.times), options.only))
    result["database_mb"] = round(sum(size for _, size in sizes(config.data)), 1)
    slow = {name for part in ("p95_ms", "p95_http_ms") for name, value in result[part].items() if value > GOAL_MS}
    if slow:
        print(f"over {GOAL_MS} ms: {', '.join(sorted(slow))}", file=sys.stderr)
    if options.json:
        print(json.dumps(result))
    return 1 if slow else 0
