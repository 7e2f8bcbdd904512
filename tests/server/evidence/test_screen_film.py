"""The recorded screen in a viewing copy, drawn by the real Chromium of this machine, and what it cannot reach."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from server.evidence import viewing_copy
from server.evidence.redaction import FORMAT, read_redaction
from server.evidence.screen_browser import NoScreen, ScreenBrowser, find_chromium
from server.evidence.viewing_copy import ViewingCopy, write_viewing_copy
from tests.big import big
from tests.server.cobrowse.payloads import nodes, page
from tests.server.evidence.recorded import SESSION, Archive, customers_page, record
from tests.server.evidence.test_viewing_copy import pictures

SETUID_SANDBOX = Path("/usr/lib/chromium/chrome-sandbox")
"""Debian's package chromium-sandbox."""


def _has_sandbox() -> bool:
    """Whether this machine has anything for Chromium's sandbox: it never goes without one (in a chroot it has none)."""
    if SETUID_SANDBOX.exists() and SETUID_SANDBOX.stat().st_mode & stat.S_ISUID:
        return True
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    namespace = [*as_nobody, "unshare", "--user", "true"]
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return False
    return subprocess.run(namespace, capture_output=True, check=False).returncode == 0


sandboxed = pytest.mark.skipif(not _has_sandbox(), reason="needs user namespaces, or Debian's chromium-sandbox")

GROUND = (0xEE, 0xF6, 0xF5)
"""The customer's page."""


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened, seconds=4)
        yield opened


async def film(archive: Archive, path: Path, **more: Any) -> ViewingCopy:
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault, "zone": UTC}
    return await write_viewing_copy(SESSION, path, **parts, viewer="Li Zhu", **more)


def line(data: object, *, keyframe: bool = False) -> bytes:
    return msgspec.json.encode({"at": 0, "kind": "rrweb", "epoch": "e1", "keyframe": keyframe, "data": data})


def seen(jpeg: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def near(picture: Any, colour: tuple[int, int, int]) -> float:
    """Which part of a picture has about this colour."""
    return float((np.abs(picture - np.array(colour)).max(axis=2) < 24).mean())


async def test_without_a_browser_film_and_result_say_so(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []

    async def unmade(_film: object, told: dict[str, Any], output: int, _progress: object) -> None:
        notes.append(told["note"])  # which is at the bottom of every picture
        assert {track["kind"] for track in told["tracks"]} == {"audio", "video"}
        os.write(output, b"a film")

    monkeypatch.setattr(viewing_copy, "_film", unmade)
    unwanted = await film(archive, tmp_path / "unwanted.mp4", language="en", screen=False)
    monkeypatch.setattr(viewing_copy, "find_chromium", lambda: None)
    made = await film(archive, tmp_path / "without.mp4", language="en")
    assert made.screen == "The customer's screen is not in this copy: there is no Chromium on this machine."
    assert unwanted.screen == "The customer's screen was left out of this copy on request."
    assert [note.split("  ")[-1] for note in notes] == [unwanted.screen, made.screen]


async def test_what_does_not_start_as_a_browser_is_said(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho 'FATAL: No usable sandbox!' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if os.geteuid() == 0 and folder != Path("/tmp"):  # who runs it is not root
            folder.chmod(0o755)
    with pytest.raises(NoScreen, match=r"does not start .*No usable sandbox"):
        async with ScreenBrowser.started(100, 100, executable=program):
            pass


@sandboxed
@pytest.mark.chromium
async def test_it_draws_the_page_and_reaches_nothing_else() -> None:
    asked: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    away = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, ScreenBrowser.started(430, 275) as browser:
        command = Path(f"/proc/{browser._process.pid}/cmdline").read_bytes()
        assert b"--no-sandbox" not in command
        assert Path(f"/proc/{browser._process.pid}").stat().st_uid != 0
        assert not await browser.apply(line([{"type": 3, "timestamp": 1, "data": {"source": 0}}]))
        assert await browser.apply(line(customers_page(), keyframe=True))
        first = seen(await browser.picture())
        # A page of 1080 by 1920, as large as the window lets it be, and nothing around it.
        assert first.shape[0] == 275
        assert abs(first.shape[1] - 275 * 1080 / 1920) <= 2
        assert near(first, GROUND) > 0.5
        typed = {"source": 5, "id": 108, "text": "500000000", "isChecked": False}
        assert await browser.apply(line([{"type": 3, "timestamp": 2, "data": typed}]))
        assert (np.abs(seen(await browser.picture()) - first).max(axis=2) > 80).sum() > 20
        # What no kiosk's page gets past the server: an address of its own.
        hostile = nodes(f"<img src='{away}a'><iframe src='{away}b'></iframe><link rel=stylesheet href='{away}c'>")
        assert await browser.apply(line(page(hostile), keyframe=True).replace(b'"e1"', b'"e2"'))
        await browser.picture()
        await browser.clear()
        assert not await browser.apply(line([]))
        await browser.check_memory()
        browser._kill()
        with pytest.raises(NoScreen):
            await browser.apply(line([]))
    assert asked == []


@big
@sandboxed
@pytest.mark.chromium
async def test_the_screen_is_in_the_film_beside_the_cameras(archive: Archive, tmp_path: Path) -> None:
    assert find_chromium() is not None
    covered = read_redaction(
        msgspec.json.encode(
            {
                "format": FORMAT,
                "session": SESSION,
                "intervals": [{"track": "cobrowse", "from_ms": 2000, "to_ms": 2500, "reason": "r"}],
                "regions": [
                    {"track": "cobrowse", "from_ms": 3000, "to_ms": 9000, "reason": "r",
                     "x": 0, "y": 0, "w": 1, "h": 0.5},
                ],
            }
        )
    )  # fmt: skip
    made = await film(archive, tmp_path / "look.mp4", redaction=covered)
    assert (made.screen, made.left_out) == ("", 0)
    at = {round(time * 10): picture.astype(int) for time, picture in pictures(tmp_path / "look.mp4")}
    # A portrait page in the middle of the left, which is 864 pixels wide.
    middle = (slice(60, 580), slice(300, 560))
    assert near(at[5][middle], GROUND) < 0.01, "nothing is shared yet"
    assert near(at[19][middle], GROUND) > 0.4
    assert (np.abs(at[19][middle] - at[15][middle]).max(axis=2) > 60).sum() > 20, "digits are typed"
    assert near(at[22][middle], GROUND) < 0.01
    upper, lower = (slice(60, 300), slice(300, 560)), (slice(340, 580), slice(300, 560))
    assert near(at[40][upper], GROUND) < 0.01 < 0.3 < near(at[40][lower], GROUND)
