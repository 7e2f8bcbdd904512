"""`./dev demo`: everything on this machine, with demonstration data.

Without `--auto` it runs until Ctrl-C and prints where each face is and who may log in. With `--auto` it plays one whole
call by itself in headless Chromium and says how it went; the exit code is 0 only if everything was as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from demo.fixtures import PEOPLE
from demo.processes import ROOT, Stack, StackError, first_line, free_port, running
from demo.synthetic_media import SyntheticMedia, prepare

MEDIA = ROOT / ".cache" / "demo"
FAILURE = ROOT / "var" / "demo-failure.log"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.auto:
            return asyncio.run(_play(options))
        asyncio.run(_run(options))
    except StackError as error:
        return _stopped(str(error), options)
    except KeyboardInterrupt:
        return 0 if not options.auto else 130
    except Exception as error:  # noqa: BLE001 - whatever it is, who tries the demonstration gets one sentence
        details = _kept(traceback.format_exc())
        return _stopped(f"The demonstration stopped: {first_line(error)}{details}.", options)
    return 0


def _kept(details: str) -> str:
    """Where the details of a failure lie, to be added to its sentence; nothing where the disk is what failed."""
    try:
        FAILURE.parent.mkdir(parents=True, exist_ok=True)
        FAILURE.write_text(details, encoding="utf-8")
    except OSError:
        return ""
    return f" (details: {FAILURE})"


def _stopped(sentence: str, options: argparse.Namespace) -> int:
    print(sentence, file=sys.stderr)
    if options.auto and options.json:
        print(json.dumps({"ok": False, "problems": [sentence]}, ensure_ascii=False), flush=True)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("./dev demo", description="Visavis on this machine, with demonstration data.")
    parser.add_argument("--auto", action="store_true", help="play one whole call in headless Chromium, then end")
    parser.add_argument("--json", action="store_true", help="with --auto: end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=12.0, help="with --auto: length of the talk (default: 12)")
    parser.add_argument(
        "--screens", type=Path, metavar="FOLDER", help="with --auto: keep pictures of the screens there"
    )
    parser.add_argument("--show", action="store_true", help="with --auto: open real windows instead of headless ones")
    parser.add_argument("--data", type=Path, help="where it keeps its data (default: var/demo; --auto: a new folder)")
    parser.add_argument("--port", type=int, default=8080, help="port of the server (default: 8080, or a free one)")
    parser.add_argument("--page-port", type=int, default=8700, help="port of the kiosk (default: 8700, or a free one)")
    parser.add_argument("--no-open", action="store_true", help="do not open the pages")
    return parser


async def _run(options: argparse.Namespace) -> None:
    media = await _media()
    data = (options.data or ROOT / "var" / "demo").absolute()
    stack = Stack(data, free_port(options.port), free_port(options.page_port), documents=media.documents)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("Starting the server and a kiosk ...", flush=True)
    async with running(stack):
        print(_welcome(stack), flush=True)
        if not options.no_open and _has_desktop():
            for address in (stack.kiosk_url, f"{stack.server_url}/console"):
                await asyncio.to_thread(webbrowser.open, address)
        await _until_stopped(stack, stop)
        print("\nStopping ...", flush=True)


async def _until_stopped(stack: Stack, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for child in (stack.server, stack.kiosk):
            if child is not None and not child.running:
                raise StackError(f"the {child.name} has ended:\n{child.last_lines()}")
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            continue


def _welcome(stack: Stack) -> str:
    lines = ["", "Visavis runs on this machine.", "", f"  Kiosk (customer)   {stack.kiosk_url}"]
    titles = {"/console": "Console (expert)", "/guide": "Guide (lobby)", "/library": "Library", "/": "Administrator"}
    for person in PEOPLE:
        known = ", ".join([*person.languages, *person.skills])
        address = f"{stack.server_url}{person.face}"
        lines.append(f"  {titles[person.face]:<18} {address:<33} login {person.login:<12} {person.name} ({known})")
    lines += [
        "",
        f"  Everyone's password: {stack.password}",
        "",
        "Open the kiosk and the console side by side (two people in one browser need two profiles or a private",
        "window), make yourself available on the console, and press the button on the kiosk.",
        f"Logs and recordings are in {stack.data}. Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


async def _play(options: argparse.Namespace) -> int:
    from demo.scenario import play  # needs Playwright, which the demonstration by hand does not

    media = await _media()
    given = options.data.absolute() if options.data else None
    (ROOT / "var").mkdir(exist_ok=True)
    data = given or Path(tempfile.mkdtemp(prefix="auto-", dir=ROOT / "var"))
    stack = Stack(data, free_port(), free_port(), documents=media.documents)
    try:
        async with running(stack):
            report = await play(
                stack, media, seconds=options.seconds, screens=options.screens, headless=not options.show
            )
    finally:
        if given is None:
            shutil.rmtree(data, ignore_errors=True)
    print(report.sentences(), file=sys.stderr)
    if options.json:
        print(report.json(), flush=True)
    return 0 if report.ok else 1


async def _media() -> SyntheticMedia:
    if not (MEDIA / "version").exists():
        print("Making the pictures and voices of the demonstration ...", file=sys.stderr, flush=True)
    return await asyncio.to_thread(prepare, MEDIA)


def _has_desktop() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
