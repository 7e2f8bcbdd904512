"""A server does not begin anew beside recordings of a database that was lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.blobs.blobs import Blobs
from server.config import Config
from server.store import Store
from tests.big import first_of
from tests.server.cli.test_commands import visavis
from tests.server.test_serve import serving


async def with_recording(data: Path, where: str) -> None:
    """A site whose database holds nothing, and one piece of a recording."""
    config = Config(data=data)
    await (await Store.open(config.database_url)).close()
    if where == "blobs":
        await Blobs.at(config.blobs_location).put("sessions/s1/tracks/kiosk.camera/000001", b"sealed")
    else:
        folder = config.spool / "s1" / "kiosk.camera"
        folder.mkdir(parents=True)
        (folder / "000001.open").write_bytes(b"open")


@pytest.mark.parametrize("where", first_of("blobs", "spool"))
@pytest.mark.parametrize("file", ["empty", "gone"])
async def test_it_says_what_to_do(tmp_path: Path, where: str, file: str) -> None:
    data = tmp_path / "data"
    await with_recording(data, where)
    if file == "gone":
        (data / "visavis.sqlite3").unlink()
    result = await visavis(data, "serve", "--port", "0")
    assert (result.code, "Traceback" in result.err) == (1, False)
    said = [line for line in result.err.splitlines() if line.startswith("visavis: ")]
    assert len(said) == 1
    assert "holds no session" in said[0]
    assert "--empty-database accept" in said[0]


async def test_it_begins_anew_when_told_to_and_where_nothing_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await with_recording(data, "blobs")
    async with serving(data, "--empty-database", "accept"):
        pass
    async with serving(tmp_path / "fresh"):
        pass
    async with serving(tmp_path / "fresh"):
        pass


async def test_a_store_says_whether_it_holds_anything(tmp_path: Path) -> None:
    blobs = Blobs.at(str(tmp_path / "blobs"))
    assert not await blobs.any("sessions")
    await blobs.put("documents/x", b"1")
    assert not await blobs.any("sessions")
    await blobs.put("sessions/a/b", b"1")
    assert await blobs.any("sessions")
