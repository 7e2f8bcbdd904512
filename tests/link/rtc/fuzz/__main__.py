"""Fuzz for longer: python -m tests.link.rtc.fuzz --minutes 10 [--seed N] [sdp|rtp|rtcp|turn|authentic ...]

Whatever breaks a target is kept in its corpus, where the tests replay it for ever.
"""

from __future__ import annotations

import argparse
import hashlib
import time
import traceback

from tests.link.rtc.fuzz.targets import CORPUS, TARGETS, Target


def fuzz(target: Target, seed: int, seconds: float) -> int:
    """Run mutants for so long; how many broke it."""
    broken: set[str] = set()
    cases = 0
    end = time.monotonic() + seconds
    for case in target.mutants(seed):
        cases += 1
        try:
            target.check(case)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {where.name}, line {where.lineno}"
            if kind not in broken:
                broken.add(kind)
                path = CORPUS / target.name / f"found-{hashlib.sha256(case).hexdigest()[:12]}.bin"
                path.write_bytes(case)
                print(f"{target.name}: {kind}: {error}: {path.name}")
        if time.monotonic() > end:
            break
    print(f"{target.name}: {cases} cases, {len(broken)} ways to break it")
    return len(broken)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.link.rtc.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *(target.name for target in TARGETS)])
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    chosen = [target for target in TARGETS if not options.targets or target.name in options.targets]
    print(f"seed {options.seed}")
    return int(sum(fuzz(target, options.seed, 60 * options.minutes) for target in chosen) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
