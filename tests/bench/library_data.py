"""A library of very many sessions for `./dev bench library`: rows, texts under data keys, and the index of them.

Written past the server in bulk, block by block and in two processes, but by its own functions wherever something has
a form: rows, keys, sealed journal entries with their chain, terms and postings. Of each journal only the entries that
hold a text are there, because the search reads no others; there are no recordings. Shares are chosen: 12 % hang up
before they are answered, 12 % speak English, four calls in ten have chat, six a note; names and amounts are rare words.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey, Vault, read_or_make_site_key
from server.config import Config
from server.journal.hash_chain import ORIGIN, entry_hash
from server.library import terms
from server.session import events as e
from server.session import private
from server.store import schema
from server.store.library import Placed
from server.store.postings import BLOCK, PostingKey
from server.store.sessions import SessionRow

BRANCHES: Final = 200
KIOSKS: Final = 4
SPECIALISTS: Final = 600
SERVICES: Final = ("wealth", "loans", "cards", "deposits", "insurance", "forex", "transfers", "complaints")
SERVICES_ZH: Final = ("理财咨询", "个人贷款", "银行卡", "存款业务", "保险", "外汇", "转账汇款", "投诉建议")
OUTCOMES: Final = (
    *("resolved",) * 11, *("follow_up",) * 3, *("appointment",) * 2, "referred", "declined", "unresolved", "technical",
)  # fmt: skip
RATINGS: Final = (*(None,) * 8, *(5,) * 8, *(4,) * 3, 3, 2, 1)
BEGUN_US: Final = 1_700_000_000_000_000
SPAN_US: Final = 2 * 365 * 86_400 * 1_000_000
FORM: Final = "3"
"""Of the data: raised when they are made otherwise, so that no old ones are measured."""


def _words() -> dict[str, list[str]]:
    lines = Path(__file__).with_name("library_words.txt").read_text("utf-8").splitlines()
    return {name: words.split("|") for name, _, words in (line.partition(": ") for line in lines)}


WORDS: Final = _words()


@dataclass(frozen=True, slots=True)
class Job:
    """One block to make: its number, which places of it, of how many sessions in all, and the site's key."""

    block: int
    begin: int
    end: int
    sessions: int
    site_key: bytes


@dataclass(slots=True)
class Made:
    """Rows of one block, by table."""

    session: list[tuple[Any, ...]] = field(default_factory=list)
    session_specialist: list[tuple[Any, ...]] = field(default_factory=list)
    library_place: list[tuple[Any, ...]] = field(default_factory=list)
    data_key: list[tuple[Any, ...]] = field(default_factory=list)
    journal: list[tuple[Any, ...]] = field(default_factory=list)
    library_posting: list[tuple[Any, ...]] = field(default_factory=list)


def pick(chance: random.Random, words: str) -> str:
    """One of these words of the file."""
    return chance.choice(WORDS[words])


def chinese_name(chance: random.Random) -> str:
    """A name of two or three characters."""
    return pick(chance, "surnames") + "".join(chance.choices(WORDS["given"], k=chance.choice((1, 2, 2))))


def _amount(chance: random.Random) -> str:
    return str(chance.randint(1, 9999) * chance.choice((1, 10, 100)))


def note_text(chance: random.Random, english: bool) -> str:
    """A note about a call."""
    if english:
        said = " ".join(pick(chance, words) for words in ("en_who", "en_does", "en_things"))
        return f"{said}, {_amount(chance)}. {pick(chance, 'en_next')}"
    parts = [chinese_name(chance) if chance.random() < 0.4 else pick(chance, "subjects")]
    parts[0] += pick(chance, "does") + pick(chance, "things")
    parts.append(pick(chance, "why"))
    if chance.random() < 0.5:
        parts.append(f"金额{_amount(chance)}元")
    if chance.random() < 0.2:
        parts.append(f"尾号{chance.randint(0, 9999):04d}")
    return "，".join([*parts, pick(chance, "next")])


def chat_text(chance: random.Random, english: bool) -> str:
    """A line of chat."""
    line = pick(chance, "en_chat" if english else "chat")
    if chance.random() < 0.6:
        return line
    if english:
        return f"{line}, it is about {pick(chance, 'en_things')}"
    return f"{line}，我要办{pick(chance, 'things')}，叫{chinese_name(chance)}"


def texts_of(chance: random.Random, english: bool, outcome: str) -> Iterator[e.Event]:
    """What people write in an answered call."""
    if chance.random() < 0.4:
        for number in range(chance.choice((1, 1, 2, 2, 3, 5))):
            yield e.ChatSent(f"c{number}", chance.choice(("customer-1", "specialist-1")), chat_text(chance, english))
    if chance.random() < 0.6:
        yield e.NoteSaved(note_text(chance, english), by="specialist-1")
    yield e.Disposed(outcome, note_text(chance, english) if chance.random() < 0.2 else "", "specialist-1")


def specialist(number: int) -> tuple[str, str]:
    """Id and name of a specialist."""
    return f"p{number}", chinese_name(random.Random(f"specialist {number}"))


def make(job: Job) -> Made:
    """The rows of a block."""
    chance, made = random.Random(f"{FORM} {job.block}"), Made()
    vault = Vault(cast("Any", None), job.site_key)  # it wraps only, and needs no table
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(job.begin, job.end):
        placed = _placed(chance, place, job.sessions)
        row = placed.row
        made.session.append(_session(row))
        made.session_specialist += [(row.id, who, name) for who, name in placed.specialists]
        answered = row.answered_us is not None
        wrote: set[str] = set(terms.of_row(placed))
        seqs: list[int] = []
        if answered:
            key = SessionKey(row.id, SUITES["aes-256-gcm"], chance.randbytes(32))
            made.data_key.append((row.id, key.suite.name, vault.wrapped(key), row.requested_us, None))
            prev = ORIGIN
            written = texts_of(chance, row.language == "en", row.outcome or "resolved")
            for head, event in enumerate(written, 1):
                wrote |= _terms_of(event)
                sealed = private.sealed(event, key)
                kind, payload = e.kind(sealed), e.encode(sealed)
                own = entry_hash(row.id, head, row.requested_us + head, kind, payload, prev)
                made.journal.append((row.id, head, row.requested_us + head, kind, payload, prev, own))
                if private.is_sealed(sealed):
                    seqs.append(head)
                prev = own
            wrote |= {terms.facet("flag", flag) for flag in _flags(chance, bool(seqs))}
        made.library_place.append((place, row.id, array("I", seqs).tobytes()))
        offset = place % BLOCK
        for term in wrote:
            found[term].append(offset)
    key_of_index = PostingKey(vault.index_key())
    block = key_of_index.of_block(job.block)
    rows = [(block.number(term), offsets) for term, offsets in found.items()]
    made.library_posting = [
        (number, key_of_index.seal_packed(number, packed(offsets))) for number, offsets in sorted(rows)
    ]
    return made


def packed(offsets: list[int]) -> bytes:
    """Slots in ascending order as `server.store.postings.pack` has them."""
    if len(offsets) * 2 < BLOCK // 8:
        return array("H", offsets).tobytes()
    marks = np.zeros(BLOCK, np.uint8)
    marks[offsets] = 1
    return np.packbits(marks, bitorder="little").tobytes()


def _terms_of(event: e.Event) -> set[str]:
    name = private.FIELDS.get(type(event))
    return terms.grams(getattr(event, name)) if name else set()


def _flags(chance: random.Random, written: bool) -> Iterator[str]:
    for flag, share in (("elderly", 0.15), ("documents", 0.3), ("colleagues", 0.04), ("requeued", 0.02),
                        ("restarted", 0.002), ("incomplete", 0.05)):  # fmt: skip
        if chance.random() < share:
            yield flag
    if written:
        yield "written"


def _placed(chance: random.Random, place: int, sessions: int) -> Placed:
    branch = (
        min(int(chance.paretovariate(0.8)) - 1, 10**9) % BRANCHES
        if chance.random() < 0.3
        else chance.randrange(BRANCHES)
    )
    service = chance.choices(range(len(SERVICES)), (30, 20, 15, 12, 8, 5, 8, 2))[0]
    english, abandoned = chance.random() < 0.12, chance.random() < 0.12
    requested = BEGUN_US + place * (SPAN_US // sessions) + chance.randrange(SPAN_US // sessions)
    answered = None if abandoned else requested + int(chance.expovariate(1 / 25) * 1e6) + 2_000_000
    talked = int(chance.lognormvariate(5.6, 0.8) * 1e6)
    ended = requested + 40_000_000 if answered is None else answered + talked
    people = () if abandoned else (specialist(chance.randrange(SPECIALISTS)),)
    row = SessionRow(
        id="".join(chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=16)),
        state="closed",
        kiosk=f"k{branch}-{chance.randrange(KIOSKS)}",
        kiosk_name=f"{chance.randint(1, KIOSKS)}号机",
        branch=f"b{branch}",
        branch_zh=f"第{branch}支行",
        branch_en=f"Branch {branch}",
        service=SERVICES[service],
        service_zh=SERVICES_ZH[service],
        service_en=SERVICES[service].title(),
        language="en" if english else "zh-CN",
        specialist=people[0][0] if people else None,
        specialist_name=people[0][1] if people else None,
        requested_us=requested,
        answered_us=answered,
        ended_us=ended,
        closed_us=ended + 30_000_000,
        end_reason="left" if abandoned else "customer",
        outcome=None if abandoned else chance.choice(OUTCOMES),
        rating=None if abandoned else chance.choice(RATINGS),
    )
    return Placed(place, row, people)


def _session(row: SessionRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in SessionRow.__slots__)


def write(config: Config, sessions: int, *, processes: int = 2) -> None:
    """Make the database of `config`, which there is none of yet."""
    config.data.mkdir(parents=True)
    site_key = read_or_make_site_key(config.site_key_file)
    schema.migrate(config.database_url)
    places = range(1, sessions + 1)
    jobs = [
        Job(block, max(1, block * BLOCK), min(sessions + 1, (block + 1) * BLOCK), sessions, site_key)
        for block in range(places[-1] // BLOCK + 1)
    ]
    connection = sqlite3.connect(config.data / "visavis.sqlite3", isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-262144"):
        connection.execute(f"PRAGMA {pragma}")
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for made in pool.imap(make, jobs):
            connection.execute("BEGIN")
            _insert(connection, made)
            connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _insert(connection: sqlite3.Connection, made: Made) -> None:
    columns = ", ".join(SessionRow.__slots__)
    for table, rows in (
        (f"session ({columns})", made.session),
        ("session_specialist (session, specialist, name)", made.session_specialist),
        ("library_place (place, session, texts)", made.library_place),
        ("data_key (session, suite, wrapped, created_us, destroyed_us)", made.data_key),
        ("journal (session, seq, at_us, kind, payload, prev, hash)", made.journal),
        ("library_posting (id, places)", made.library_posting),
    ):
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
