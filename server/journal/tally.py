"""Frequent events in the audit log: the first of each is a row at once, the rest are counted into one more row.

Reading: the first access of a person to a session is a row before anything is shown; further ones within five minutes
are counted in one more row, which also names the spans that were read of each track, and what was searched for.
Refusals: each is a row, up to a bound for each source and in total; beyond that, one row a minute has the count. So
everything is recorded and nobody can flood the log.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.journal.audit import NOBODY, Audit
from server.journal.read_spans import ReadSpans

log = structlog.get_logger()

READING_S: Final = 300.0
REFUSALS_S: Final = 60.0
SWEEP_S: Final = 5.0
READERS: Final = 5_000
ROWS_EACH: Final = 30
"""Rows of one source's refusals in a minute."""
ROWS_IN_ALL: Final = 300
SOURCES: Final = 5_000
NAMED: Final = 200
"""Sources whose further refusals are a row each; those of others are one row together."""
PARTS: Final = 50
NOTED: Final = 50
"""Different searches of five minutes that are kept; further ones are counted."""
OWED: Final = 5_000
"""Rows that wait for a database that does not answer; beyond, everything is counted."""
OTHERS: Final = "others"

Row = tuple[str, str, str, Mapping[str, object]]


@dataclass(slots=True)
class _Reading:
    until: float
    first: asyncio.Future[None]
    more: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    spans: dict[str, ReadSpans] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, span: tuple[int, int] | None, noted: tuple[str, str] | None) -> None:
        """Count this part, and keep what of it was read, within the bounds."""
        if part and (part in self.parts or len(self.parts) < PARTS):
            self.parts[part] += 1
            if span is not None:
                self.spans.setdefault(part, ReadSpans()).add(*span)
        if noted is not None and len(self.noted) < NOTED:
            self.noted.setdefault(*noted)

    def told(self) -> dict[str, object]:
        """The detail of a row that says what was read."""
        told: dict[str, object] = {}
        if self.spans:
            told["spans"] = {part: spans.told() for part, spans in self.spans.items()}
            if any(spans.joined for spans in self.spans.values()):
                told["joined"] = True  # there were more of them, and some have what lies between as well
        if self.noted:
            told["searches"] = list(self.noted.values())
        return told


@dataclass(slots=True)
class _Source:
    until: float
    actor: str
    rows: int = 0
    more: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts in memory what the audit log says in sums; `close` writes what is left."""

    def __init__(self, audit: Audit, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._readings: OrderedDict[tuple[str, str, str], _Reading] = OrderedDict()
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._rows_until = 0.0
        self._rows = 0
        self._owed: list[Row] = []
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write sums when their time has come."""
        self._task = spawn(self._run(), name="audit sums")

    async def close(self) -> None:
        """Write everything that was counted, if the database takes it."""
        await cancel(self._task)
        await self.sweep(everything=True)

    async def read(
        self,
        viewer: str,
        target: str,
        kind: str,
        part: str = "",
        *,
        span: tuple[int, int] | None = None,
        noted: tuple[str, str] | None = None,
    ) -> None:
        """`viewer` reads `kind` of `target`, or this `part` of it; call it before anything is shown.

        `span` is what of the part is read, in milliseconds of the session. `noted` is what is searched for: in clear,
        by which it is told from others and which is not written, and as the log is to have it.

        Raises:
            Unavailable: it was not recorded, so it must not be shown.
        """
        key, now = (viewer, kind, target), self._clock()
        known = self._readings.get(key)
        if known is None or now >= known.until:
            await self._first(key, now, part, span, noted)
        else:
            known.more += 1
            known.add(part, span, noted)
            await asyncio.shield(known.first)

    async def _first(
        self,
        key: tuple[str, str, str],
        now: float,
        part: str,
        span: tuple[int, int] | None,
        noted: tuple[str, str] | None,
    ) -> None:
        viewer, kind, target = key
        self._end_reading(key)
        while len(self._readings) >= READERS:
            self._end_reading(next(iter(self._readings)))
        reading = _Reading(now + READING_S, asyncio.get_running_loop().create_future())
        reading.add(part, span, noted)
        self._readings[key] = reading
        try:
            await self._audit.record(viewer, f"read.{kind}", target, reading.told())
        except BaseException as error:
            if self._readings.get(key) is reading:
                del self._readings[key]
            reading.first.set_exception(error if isinstance(error, Unavailable) else Unavailable("not recorded"))
            reading.first.exception()  # nobody else may wait for it
            raise
        reading.first.set_result(None)

    def _end_reading(self, key: tuple[str, str, str]) -> None:
        reading = self._readings.pop(key, None)
        if reading is not None and reading.more:
            viewer, kind, target = key
            detail = {"more": reading.more} | ({"parts": dict(reading.parts)} if reading.parts else {})
            self._owed.append((viewer, f"read.{kind}", target, detail | reading.told()))

    async def refuse(self, source: str, actor: str, code: str, target: str, **detail: object) -> None:
        """Something was refused to `source`, an address or an identity; `actor` as the audit log names it.

        Raises:
            Unavailable: it is not recorded yet; it will be when the database takes it again.
        """
        if self._has_row(source, actor, code):
            row = (actor, f"refused.{code}", target[:128], detail)
            log.warning("refused", source=source, code=code, target=target[:128])
            try:
                await self._audit.record(*row)
            except Unavailable:
                # A flood that keeps the database busy must not hide itself by that.
                self._owed.append(row)
                raise

    def refuse_soon(self, source: str, actor: str, code: str, target: str, **detail: object) -> None:
        """As `refuse`, without waiting for the database."""
        if self._has_row(source, actor, code):
            log.warning("refused", source=source, code=code, target=target[:128])
            self._owed.append((actor, f"refused.{code}", target[:128], detail))
            self._wake.set()

    def _has_row(self, source: str, actor: str, code: str) -> bool:
        """Whether this one is a row of its own; otherwise it was counted."""
        now = self._clock()
        if now >= self._rows_until:
            self._rows, self._rows_until = 0, now + REFUSALS_S
        known = self._sources.get(source)
        if known is not None and now >= known.until:
            self._end_source(source)
            known = None
        if known is None:
            if len(self._sources) >= SOURCES:
                source, actor = OTHERS, NOBODY
            known = self._sources.setdefault(source, _Source(now + REFUSALS_S, actor))
        if source == OTHERS or known.rows >= ROWS_EACH or self._rows >= ROWS_IN_ALL or len(self._owed) >= OWED:
            known.more[code] += 1
            return False
        known.rows += 1
        self._rows += 1
        return True

    def _end_source(self, source: str) -> None:
        ended = self._sources.pop(source)
        for code, more in sorted(ended.more.items()):
            log.warning("refused more often", source=source, code=code, more=more)
            self._owed.append((ended.actor, f"refused.{code}", "", {"more": more, "source": source}))

    def _end_sources(self, sources: list[str]) -> None:
        by_count = sorted(sources, key=lambda source: -self._sources[source].more.total())
        for source in by_count[:NAMED]:
            self._end_source(source)
        rest: Counter[str] = Counter()
        for source in by_count[NAMED:]:
            rest += self._sources.pop(source).more
        for code, more in sorted(rest.items()):
            detail = {"more": more, "source": OTHERS, "sources": len(by_count) - NAMED}
            self._owed.append((NOBODY, f"refused.{code}", "", detail))

    async def sweep(self, *, everything: bool = False) -> None:
        """Write what has come to its end, or `everything`. What the database does not take is kept for the next one."""
        now = self._clock()
        for key in [key for key, reading in self._readings.items() if everything or now >= reading.until]:
            self._end_reading(key)
        self._end_sources([name for name, source in self._sources.items() if everything or now >= source.until])
        async with self._writing:
            while self._owed:
                try:
                    await self._audit.record(*self._owed[0])
                except Unavailable:
                    log.error("audit rows wait for the database", rows=len(self._owed))
                    return
                del self._owed[0]

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SWEEP_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.sweep()
            except Exception:
                log.exception("audit sums failed")
