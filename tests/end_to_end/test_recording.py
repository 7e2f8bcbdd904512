"""What a supervisor gets afterwards, and while a call runs: replay, proof, and files that any player opens."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from demo.browser import CONSOLE_SCREEN, profile
from demo.fixtures import SUPERVISOR
from demo.page_objects import FORM_DATA, LibraryPage, log_in
from demo.processes import Stack
from demo.report import RATES
from tests.big import big
from tests.end_to_end.conftest import Browsers, Faces
from tests.machine import allow, slower

TALK_S = 10
CAMERAS = ("customer-1.camera", "specialist-1.camera")
MICROPHONES = ("customer-1.microphone", "specialist-1.microphone")


async def ended(stack: Stack, session: str) -> dict[str, Any]:
    """Wait until the recording is complete; return the last payload of each kind of the journal."""
    async with asyncio.timeout(30):
        while True:
            facts = dict(await stack.journal(session))
            if "recording_completed" in facts:
                return facts
            await asyncio.sleep(0.2)


def times(path: Path) -> list[float]:
    """When each frame of the only stream is shown, in seconds from the first; video is decoded, audio only read."""
    with av.open(str(path)) as container:
        stream = container.streams[0]
        assert stream.time_base is not None
        if stream.type == "video":
            stamps = [frame.pts for frame in container.decode(stream)]
        else:
            stamps = [packet.pts for packet in container.demux(stream) if packet.size]
        moments = [float(stamp * Fraction(stream.time_base)) for stamp in stamps if stamp is not None]
    return [moment - moments[0] for moment in moments]


async def test_a_recording_is_replayed_exported_and_proved(call: Faces, tmp_path: Path) -> None:
    began = asyncio.get_running_loop().time()
    await call.kiosk.open_form()
    await call.kiosk.fill_form()
    await asyncio.sleep(max(0.0, TALK_S - (asyncio.get_running_loop().time() - began)))
    await call.kiosk.hang_up()
    talked = asyncio.get_running_loop().time() - began
    facts = await ended(call.stack, call.session)
    recorded = {track["track"]: track for track in facts["recording_completed"]["tracks"]}

    code, output = await call.stack.run_command("export", call.session, str(tmp_path / "out"))
    assert code == 0, output
    for name in (*CAMERAS, *MICROPHONES):
        moments = times(tmp_path / "out" / f"{name}.webm")
        assert moments[-1] >= talked - allow(0.5), f"{name} covers the whole talk"
        # The last picture lasts until the next would have come, which on a busy camera takes its time.
        longest = max(after - before for before, after in pairwise(moments))
        assert abs(moments[-1] - recorded[name]["expected_ms"] / 1000) <= allow(0.5) + longest
        seconds = {int(moment) for moment in moments}
        # A browser that is starved sends nothing for a while, which is declared.
        if not recorded[name]["gap_ms"]:
            assert seconds >= set(range(int(moments[-1]))), f"{name}: every second has frames"
        assert moments == sorted(moments)
        least, most = RATES[recorded[name]["kind"]]
        rate = (len(moments) - 1) / (recorded[name]["recorded_ms"] / 1000)
        assert least / slower() <= rate <= most, f"{name} has each frame once"
    sums = (tmp_path / "out" / "SHA256SUMS").read_text().splitlines()
    for line in sums:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((tmp_path / "out" / name.strip("* ")).read_bytes()).hexdigest() == digest
    screen = (tmp_path / "out" / "cobrowse.jsonl").read_text()
    assert "20,000" in screen
    assert not [value for key, value in FORM_DATA.items() if key != "amount" and value in screen]

    library = await call.library()
    await library.has(call.session)
    await library.open(call.session)
    shown = await library.play()
    assert set(shown) == set(CAMERAS)
    picture = library.page.frame_locator(".screen-picture iframe").frame_locator("iframe")
    await picture.locator("body").wait_for(state="attached")


@big
async def test_a_running_call_is_watched(call: Faces, browsers: Browsers) -> None:
    async with profile(browsers.customer, screen=CONSOLE_SCREEN) as browser:
        page = await log_in(browser, call.stack.server_url, SUPERVISOR.face, SUPERVISOR.login, call.stack.password)
        library = LibraryPage(page)
        await library.has(call.session)
        await library.open(call.session)
        await library.play()
        await page.locator(".tool.live").wait_for()
    await call.kiosk.hang_up()


@big
async def test_what_lies_on_the_disk_is_unreadable_and_every_harm_is_found(call: Faces) -> None:
    await asyncio.sleep(3)
    await call.kiosk.hang_up()
    await ended(call.stack, call.session)
    sealed = [event for kind, event in await call.stack.journal(call.session) if kind == "segment_sealed"]
    blobs = [path for path in (call.stack.data / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) >= len(sealed) >= 5
    for path in blobs:
        readable = re.search(rb"\x1aE\xdf\xa3|OpusHead|V_VP8|\"type\":", path.read_bytes()[:4096])
        assert not readable, "nothing readable lies on the disk"
    with sqlite3.connect(f"file:{call.stack.data / 'visavis.sqlite3'}?mode=ro", uri=True) as database:
        assert database.execute("select max(length(payload)) from journal").fetchone()[0] < 65536

    async def verdict() -> tuple[int, str]:
        return await call.stack.run_command("verify", call.session, "--json")

    assert (await verdict())[0] == 0
    code, listed = await call.stack.run_command("sessions", "--json", "--limit", "1")
    assert (code, json.loads(listed.splitlines()[-1])[0]["session"]) == (0, call.session)
    blob = next(event["blob"] for event in sealed if event["track"] == "customer-1.camera")
    victim = next(path for path in blobs if str(path).endswith(blob))
    sound = victim.read_bytes()
    flipped = bytearray(sound)
    flipped[len(flipped) // 2] ^= 1
    for harm in (bytes(flipped), sound[:-1], None):
        if harm is None:
            victim.unlink()
        else:
            victim.write_bytes(harm)
        code, output = await verdict()
        assert code == 1
        assert "customer-1.camera" in output
    victim.write_bytes(sound)
    assert (await verdict())[0] == 0
    assert (await call.stack.run_command("verify", "nosuchsession"))[0] == 2
