"""Are the time stamps of both places those of the checkpoints, is one missing, or one newer than what is here?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from server.evidence.checkpoint import Checkpoint, Statement, moment
from server.evidence.integrity_checks import Finding
from server.evidence.second_place import SecondPlace
from server.evidence.timestamp import BadTimeStamp, TimeStamp, Trust
from server.evidence.timestamps import token_hash
from server.store import Store

CLOCKS_US: Final = 600_000_000
"""By how much the site's clock may be ahead of the authority's."""
_DATABASE: Final = "database"
_SECOND: Final = "second place"


@dataclass(frozen=True, slots=True)
class _Known:
    """A time stamp of one place, without its bytes: there may be hundreds of thousands."""

    hash: str
    imprint: str
    at_us: int


@dataclass(slots=True)
class StampReport:
    """`count` are the time stamps that were checked, `newest_us` the time of the newest (unix, µs; 0: there is none).

    `unchecked` are those that could not be, because no certificates of the authority are known.
    """

    count: int = 0
    newest_us: int = 0
    unchecked: int = 0
    findings: list[Finding] = field(default_factory=list)


class StampCheck:
    """`load` reads all time stamps, `take` hears each checkpoint in turn, `result` is what was found.

    `presented` are time stamps that were kept elsewhere. One of a checkpoint that is not here any more proves that both
    places were set back; without one that is newer than what they were set back to nothing shows it.
    """

    def __init__(
        self, store: Store, place: SecondPlace, trust: Trust | None, presented: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """`presented` are names and contents of files."""
        self._store = store
        self._place = place
        self._trust = trust
        self._presented_files = presented
        self._report = StampReport()
        self._places: dict[str, dict[int, _Known]] = {_DATABASE: {}, _SECOND: {}}
        self._copied: set[int] = set()
        self._named: dict[int, tuple[str, int]] = {}
        self._presented: dict[str, list[tuple[str, TimeStamp]]] = {}
        self._stray: set[int] = set()

    async def load(self) -> None:
        """Read and check what there is. Raises `Unavailable` where a place cannot be read."""
        # The database first: what it says by now to be in the second place must be there.
        async for page in self._store.timestamps.pages():
            for kept in page:
                await self._learn(_DATABASE, kept.number, kept.token)
                if kept.copied == 1:
                    self._copied.add(kept.number)
        async for number, token in self._place.tokens():
            await self._learn(_SECOND, number, token)
        self._stray = {number for known in self._places.values() for number in known}
        for name, token in self._presented_files:
            stamp = await self._checked(f"time stamp {name}", token)
            if stamp is not None:
                self._presented.setdefault(stamp.imprint, []).append((name, stamp))

    def take(self, checkpoint: Checkpoint, statement: Statement) -> None:
        """The next checkpoint of the walk."""
        self._presented.pop(checkpoint.hash, None)
        for named in statement.stamped:
            self._named[named.number] = named.hash, statement.number
        if checkpoint.number not in self._stray:
            return
        self._stray.discard(checkpoint.number)
        for where, known in self._places.items():
            stamp = known.get(checkpoint.number)
            if stamp is None or not stamp.imprint:
                continue
            if stamp.imprint != checkpoint.hash:
                self._found(checkpoint.number, f"it is not of this checkpoint in the {where}")
            elif statement.at_us > stamp.at_us + CLOCKS_US:
                said = f"the checkpoint says that it was signed at {moment(statement.at_us)}"
                self._found(checkpoint.number, f"{said}, and was there at {moment(stamp.at_us)} already")

    async def result(self) -> StampReport:
        """What was found, after the last checkpoint."""
        report, ours, theirs = self._report, self._places[_DATABASE], self._places[_SECOND]
        for number in sorted((theirs.keys() | self._named.keys()) - ours.keys()):
            later = await self._store.timestamps.get(number)  # the server may have got it since
            if later is not None:
                await self._learn(_DATABASE, later.number, later.token)
        for number in sorted(self._stray):
            self._found(number, "its checkpoint is in neither place")
        for number in sorted(ours.keys() | theirs.keys()):
            self._compare(number, ours.get(number), theirs.get(number))
        for number, (own, teller) in sorted(self._named.items()):
            hashes = {known[number].hash for known in self._places.values() if number in known}
            if not hashes:
                self._found(number, f"it is gone from both places, and checkpoint {teller} names it")
            elif own not in hashes:
                self._found(number, f"it is not the one that checkpoint {teller} names")
        for stamps in self._presented.values():
            for name, stamp in stamps:
                problem = (
                    f"the checkpoint that was there at {moment(stamp.at_us)} is in neither place: "
                    "both were set back to before then, or made anew"
                )
                report.findings.append(Finding(f"time stamp {name}", problem))
        return report

    def _compare(self, number: int, one: _Known | None, other: _Known | None) -> None:
        if one is None:
            self._found(number, f"it is missing in the {_DATABASE}")
        elif other is None and number in self._copied:
            self._found(number, f"it is missing in the {_SECOND}, which had it")
        elif other is not None and one.hash != other.hash:
            self._found(number, f"the {_DATABASE} and the {_SECOND} have different ones")

    async def _learn(self, where: str, number: int, token: object) -> None:
        if not isinstance(token, bytes):
            token = b""
        stamp = await self._checked(f"time stamp of checkpoint {number}", token, f" in the {where}")
        known = _Known(token_hash(token), stamp.imprint if stamp else "", stamp.at_us if stamp else 0)
        self._places[where][number] = known
        if stamp is not None and where == _DATABASE:
            self._report.count += 1
            self._report.newest_us = max(self._report.newest_us, stamp.at_us)

    async def _checked(self, where: str, token: bytes, place: str = "") -> TimeStamp | None:
        if self._trust is None:
            self._report.unchecked += 1
            return None
        try:
            return await asyncio.to_thread(self._trust.check, token)
        except BadTimeStamp as error:
            self._report.findings.append(Finding(where, f"it does not count{place}: {error}"))
            return None

    def _found(self, number: int, problem: str) -> None:
        self._report.findings.append(Finding(f"time stamp of checkpoint {number}", problem))
