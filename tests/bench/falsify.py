"""`./dev bench falsify`: does `visavis verify` find and name whatever is done to what was kept?

A site with three recorded calls is made, then each falsification of `tests/server/evidence/falsifications.py` is done
to a fresh copy of it, and single bytes of everything are changed one at a time. Nothing here has the signing key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from server.evidence.verify import Verdict
from server.evidence.verify_store import StoreReport
from tests.server.evidence.falsifications import ALL, Falsification, falsify
from tests.server.evidence.flips import KINDS, flip
from tests.server.evidence.site import Site, build_site


def named(one: Falsification, report: StoreReport) -> bool:
    """Whether it was found, and everything that it has to be named by is in what was found."""
    told = [f"{finding.where}: {finding.problem}" for finding in report.findings]
    return report.verdict is Verdict.BROKEN and all(any(name in line for line in told) for name in one.names)


async def try_falsifications(site: Site, folder: Path) -> list[str]:
    """Do each to a copy; return the names of those that were not found and named."""
    missed = []
    for number, one in enumerate(ALL):
        copy = site.copy(folder / f"falsified-{number}")
        falsify(copy, one)
        report = await copy.verify()
        found = named(one, report)
        _say(f"{'found' if found else 'NOT FOUND'}  {one.name}: {_first(report)}")
        if not found:
            missed.append(one.name)
    return missed


async def try_flips(site: Site, folder: Path, count: int, seed: int) -> list[str]:
    """Change `count` single bytes, one at a time; return those that were not found and named."""
    chance = random.Random(seed)
    copy, missed = site.copy(folder / "flipped"), []
    for number in range(count):
        one = flip(copy, site, KINDS[number % len(KINDS)], chance)
        report = await copy.verify(recordings=one.files)
        if report.verdict is Verdict.SOUND or not any(one.named(finding.where) for finding in report.findings):
            missed.append(one.what)
            _say(f"NOT FOUND  {one.what}: {_first(report)}")
        one.undo()
        if number % 100 == 99:
            _say(f"{number + 1} of {count} bytes, {len(missed)} not found")
    return missed


def _first(report: StoreReport) -> str:
    return "; ".join(f"{finding.where}: {finding.problem}" for finding in report.findings[:2]) or str(report.verdict)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def run(flips: int, seed: int) -> dict[str, object]:
    """Try everything; the result is the line that `--json` prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site").mkdir()
        site = await build_site(folder / "site")
        before = await site.copy(folder / "untouched").verify()
        begin = time.monotonic()
        missed = await try_falsifications(site, folder)
        missed_flips = await try_flips(site, folder, flips, seed)
    return {
        "untouched": str(before.verdict),
        "tried": len(ALL),
        "found": len(ALL) - len(missed),
        "not_found": missed,
        "flips": flips,
        "flips_found": flips - len(missed_flips),
        "flips_not_found": missed_flips,
        "seconds": round(time.monotonic() - begin, 1),
    }


def main(arguments: Sequence[str]) -> int:
    """Try everything and print it; 0 where the untouched site is sound and everything else was found."""
    parser = argparse.ArgumentParser("./dev bench falsify", description="What verify finds of what was falsified.")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--flips", type=int, default=1000, help="single bytes to change (default: 1000)")
    parser.add_argument("--seed", type=int, default=7, help="of the choice of bytes (default: 7)")
    options = parser.parse_args(arguments)
    result = asyncio.run(run(options.flips, options.seed))
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(f"falsifications: {result['found']} of {result['tried']} found and named; {result['not_found']}")
        print(f"single bytes:   {result['flips_found']} of {result['flips']} found and named")
    whole = result["untouched"] == "sound" and not result["not_found"] and not result["flips_not_found"]
    return 0 if whole else 1
