"""Exports on a disk that is full at any moment, ended at any moment, and of a session of any length."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from server.evidence import output
from server.evidence.bundle import export_bundle
from server.evidence.bundle_report import Origin
from server.evidence.bundle_verifier import check_bundle
from server.evidence.export import export_session
from server.evidence.output import NoRoom, NotWritten, OutputFolder
from tests.big import first_of
from tests.server.cli.test_commands import ROOT, environment
from tests.server.evidence.long import long_session
from tests.server.evidence.recorded import SESSION, Archive, record

MOST_RSS_MB = 200


class FullDisk:
    """A disk on which so many bytes fit."""

    def __init__(self, room: int) -> None:
        self.room = room

    def open(self, path: Path) -> IO[bytes]:
        file: Any = path.open("wb")
        write = file.write

        def limited(data: bytes) -> int:
            if len(data) > self.room:
                write(data[: self.room])
                self.room = 0
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= len(data)
            return int(write(data))

        return Limited(file, limited)  # type: ignore[return-value]


class Limited:
    """A file whose `write` is another."""

    def __init__(self, file: IO[bytes], write: Callable[[bytes], int]) -> None:
        self._file = file
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


async def export(archive: Archive, folder: Path, kind: str) -> None:
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    if kind == "bundle":
        await export_bundle(SESSION, folder, **parts, origin=Origin("cli:x"))
    else:
        await export_session(SESSION, folder, **parts)


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["files", "bundle"])
async def test_a_disk_that_is_full_at_any_byte_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async with Archive.opened(tmp_path) as archive:
        await record(archive, seconds=3)
        await export(archive, tmp_path / "whole", kind)
        whole = written(tmp_path / "whole")
        total = sum(map(len, whole.values()))
        # What a bundle says of itself holds the time at which it was made.
        own = {"bundle.json", "report.html", "SHA256SUMS"} if kind == "bundle" else set()
        for number in range(13):
            folder = tmp_path / f"full-{number}"
            monkeypatch.setattr(output, "open_part", FullDisk(total * number // 13 + number).open)
            with pytest.raises(NotWritten, match=r"No space left on device.*give the same command again") as caught:
                await export(archive, folder, kind)
            assert caught.value.errno == errno.ENOSPC
            left = written(folder)
            assert "SHA256SUMS" not in left
            assert not [name for name in left if name.endswith(".part")], "they would take the room that is needed"
            for name in left.keys() - own - {".unfinished"}:
                assert left[name] == whole[name], name
            monkeypatch.undo()
            await export(archive, folder, kind)
            again = written(folder)
            assert again.keys() == whole.keys()
            assert {name: again[name] for name in again.keys() - own} == {
                name: whole[name] for name in whole.keys() - own
            }
            if kind == "bundle":
                assert check_bundle(folder).exit_code == 0


async def test_what_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Archive.opened(tmp_path) as archive:
        await record(archive, seconds=2)
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
        with pytest.raises(NoRoom, match="too little room on the disk, 5 MiB are needed and 1 MiB are free") as caught:
            await export(archive, tmp_path / "bundle", "bundle")
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(NoRoom):
            await export(archive, tmp_path / "files", "files")
        assert set(written(tmp_path / "bundle")) == {".unfinished"}
        monkeypatch.undo()
        await export(archive, tmp_path / "bundle", "bundle")


def test_a_mark_that_was_not_written_keeps_nobody_out(tmp_path: Path) -> None:
    """Ended while the mark itself was written: nothing of value is there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".unfinished.part").write_bytes(b"s1 0")
    folder = OutputFolder(tmp_path / "out", "s1", "00")
    folder.write("a/b", b"x")
    folder.finish()
    assert set(written(tmp_path / "out")) == {"a/b"}
    with pytest.raises(FileExistsError, match="not empty"):
        OutputFolder(tmp_path / "out", "s1", "00")


def test_a_folder_of_another_state_keeps_only_what_never_changes(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path, "s1", "00", keep=("tracks",))
    for name in ("tracks/a/0", "other/a", "list"):
        folder.write(name, b"x")
    (tmp_path / "tracks/a/1.part").write_bytes(b"half")
    OutputFolder(tmp_path, "s1", "11", keep=("tracks",))
    assert set(written(tmp_path)) == {"tracks/a/0", ".unfinished"}
    with pytest.raises(FileExistsError, match="another session"):
        OutputFolder(tmp_path, "s2", "11")


@pytest.mark.parametrize("kind", ["files", "bundle"])
async def test_sigint_ends_an_export_that_the_same_command_goes_on_with(tmp_path: Path, kind: str) -> None:
    """The command as people type it, told how far it is, stopped by Ctrl-C."""
    archive = await Archive.open(tmp_path)
    try:
        await long_session(archive, SESSION, segments=100)
    finally:
        await archive.store.close()
    settled(archive)
    command = [sys.executable, "-m", "server", "export", SESSION, str(tmp_path / "out"), "--progress", "--json"]
    command += [*(["--bundle"] if kind == "bundle" else []), "--data", str(tmp_path)]

    async def start() -> asyncio.subprocess.Process:
        # As at a terminal: tests that a shell runs in the background ignore SIGINT, and so would the command.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe)

    process = await start()
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b" of " not in (line := await process.stderr.readline()):
            assert line, "it ended before it said how far it is"
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    assert b"give the same command again to go on" in err
    assert b"Traceback" not in err
    assert not (tmp_path / "out" / "SHA256SUMS").exists()
    process = await start()
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert json.loads(out)
    count = 1000 if kind == "bundle" else 500
    assert f"{count} of {count}".encode() in err
    assert (tmp_path / "out" / "SHA256SUMS").exists()


def settled(archive: Archive) -> None:
    """Name the database and the site's key as the command expects them in a data directory."""
    key = archive.folder / "keys" / "site.key"
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    (archive.folder / "store.sqlite3").rename(archive.folder / "visavis.sqlite3")


@pytest.mark.parametrize(("kind", "segments"), first_of(("bundle", 60), ("bundle", 7200), ("files", 7200)))
async def test_an_export_of_any_length_keeps_to_its_memory(tmp_path: Path, kind: str, segments: int) -> None:
    """Of five tracks with so many segments each: 7200 are four hours. The whole process, interpreter included."""
    archive = await Archive.open(tmp_path)
    try:
        await long_session(archive, SESSION, segments=segments)
    finally:
        await archive.store.close()
    settled(archive)
    command = [sys.executable, "-m", "server", "export", SESSION, str(tmp_path / "out"), "--data", str(tmp_path)]
    command += ["--bundle"] if kind == "bundle" else []
    measure = (
        "import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); _, status, used = os.wait4(pid, 0)"
    )
    measure += "\nprint(os.waitstatus_to_exitcode(status), used.ru_maxrss)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", measure, *command), cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    code, kib = map(int, out.decode().splitlines()[-1].split())
    assert code == 0
    assert kib / 1024 < MOST_RSS_MB
    assert (tmp_path / "out" / "SHA256SUMS").exists()
