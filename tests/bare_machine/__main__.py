"""The README's two commands as a new user types them, on a Debian that has nothing but Python; one line for each case.

`tests/bare_machine/run` is run by hand before every release, as root: each case installs everything anew, and the whole
test suite runs in two of them. The exit code is 0 when every case is as it must be.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bare_machine.root import CannotTry, Root, base, unpacked

HERE = Path(__file__).parent.parent.parent
CACHE = HERE / ".cache" / "bare"
LOGS = CACHE / "logs"
TEST_S = 90.0 * 60
DEMO_S = 20.0 * 60

# Starts the demonstration, fetches each face that it names once it says that it runs, and ends it.
_DEMO = r"""cd visavis && {
./dev demo --no-open >demo.log 2>&1 & demo=$!
until grep -q 'Ctrl-C stops' demo.log || ! kill -0 $demo 2>/dev/null; do sleep 1; done
cat demo.log
python3 - <<'END'
import re, urllib.request
found = re.findall(r'http://127\.0\.0\.1:\d+\S*', open('demo.log').read())
for address in found:
    asked = urllib.request.Request(address, headers={'Accept': 'text/html'})
    print(urllib.request.urlopen(asked, timeout=20).status, address)
print('faces:', len(found))
END
kill -TERM $demo; wait $demo; }"""


@dataclass
class Case:
    """One new machine: who types, whether Chromium is there, and whether it can come there."""

    name: str
    user: str
    chromium: bool
    works: bool
    said: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """What happened, in one line."""
        return f"{self.name}: {'ok' if not self.wrong else 'NOT OK'} · {' · '.join(self.said + self.wrong)}"

    def judge(self, command: str, done: subprocess.CompletedProcess[str], wanted: str, seconds: float) -> None:
        """Hold what `command` did against what it must do: work, or say in one sentence why not."""
        output = done.stdout + done.stderr
        (LOGS / f"{self.name}-{command.replace(' ', '')}.log".replace("./", "")).write_text(output)
        if "Traceback (most recent call last)" in output and "passed" not in output:
            self.wrong.append(f"{command}: a traceback")
        if wanted == "refuse":
            sentences = [line for line in done.stderr.splitlines() if line.strip()]
            if done.returncode != 1 or "Chromium" not in (sentences or [""])[-1]:
                self.wrong.append(f"{command}: exit code {done.returncode}, said {sentences[-1:]}")
            self.said.append(f"{command} refused in {seconds:.0f} s")
            return
        found = re.findall(wanted, output)
        if done.returncode != 0 or not found:
            self.wrong.append(f"{command}: exit code {done.returncode}, {output.strip().splitlines()[-1:]}")
        self.said.append(f"{command} {found[-1] if found else '(nothing)'} {seconds:.0f} s")


CASES = (
    Case("root", "root", chromium=False, works=True),
    Case("user-with-chromium", "visitor", chromium=True, works=True),
    Case("user-without-chromium", "visitor", chromium=False, works=False),
)


def commands(case: Case, *, quick: bool) -> list[tuple[str, str, str, float]]:
    """Each command of `case`: its name, what sh runs, what its output must match, and its limit in seconds."""
    auto, test = "cd visavis && ./dev demo --auto --json", "cd visavis && ./dev test"
    found = [("./dev demo", _DEMO, r"faces: [1-9]", DEMO_S)]
    if not case.works:
        return [("./dev test", test, "refuse", DEMO_S), ("./dev demo --auto", auto, "refuse", DEMO_S), *found]
    found.append(("./dev demo --auto", auto, r'"ok": true.*?"picture": "[0-9x]+"', DEMO_S))
    if not quick:
        found.append(("./dev test", test, r"\d+ passed", TEST_S))
    return found


def attempt(case: Case, root: Root, *, quick: bool) -> None:
    """Run everything of `case` in `root`; what is not as it must be is in `case.wrong` afterwards."""
    before = root.megabytes()
    for name, script, wanted, limit_s in commands(case, quick=quick):
        begun = time.monotonic()
        try:
            done = root.shell(script, timeout_s=limit_s)
        except subprocess.TimeoutExpired:
            case.wrong.append(f"{name}: not over after {limit_s:.0f} s")
            continue
        case.judge(name, done, wanted, time.monotonic() - begun)
    case.said.append(f"{root.megabytes() - before} MB more on disk")


def main() -> int:
    """Run the cases; print one line for each."""
    parser = argparse.ArgumentParser("tests/bare_machine/run", description=__doc__)
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append", help="only this one")
    parser.add_argument("--quick", action="store_true", help="without the test suite")
    parser.add_argument("--keep", action="store_true", help="leave the roots in the temporary folder")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    failed = False
    try:
        archive = base(CACHE)
    except CannotTry as reason:
        print(reason, file=sys.stderr)
        return 1
    for case in CASES:
        if options.case and case.name not in options.case:
            continue
        with tempfile.TemporaryDirectory() as folder, unpacked(archive, case.user, keep=options.keep) as root:
            clone = Path(folder) / "clone"
            subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", HERE, clone], check=True)
            root.set_up(clone)
            if case.chromium:
                # As whoever runs the machine does it, before the visitor comes.
                root.shell("apt-get update -qq && apt-get install -y -qq chromium", user="root", timeout_s=900)
            attempt(case, root, quick=options.quick)
        print(case.line(), flush=True)
        failed |= bool(case.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
