"""Checkpoints beside the database: append-only files, and objects of a bucket."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from link.protocol.errors import Unavailable
from server.blobs.blobs import Blobs
from server.evidence import second_place
from server.evidence.checkpoint import (
    LINE_BYTES,
    AuditHead,
    Checkpoint,
    NoCheckpoint,
    SignedSession,
    Statement,
    read_line,
    read_statement,
    sign,
)
from server.evidence.second_place import Folder, ObjectBucket, SecondPlace
from server.journal.signing_key import SigningKey

KEY = SigningKey(bytes(range(32)))


def statement(number: int, reason: str = "time") -> Statement:
    session = SignedSession(f"s{number}", 3, "ab" * 32, "")
    return Statement(
        "visavis.checkpoint.v1", number, 1_790_000_000_000_000, reason, "0" * 64, KEY.public.hex(),
        AuditHead(7, "cd" * 32), [session], [], False,
    )  # fmt: skip


def checkpoint(number: int, reason: str = "time") -> Checkpoint:
    return sign(statement(number, reason), KEY)


async def numbers(place: SecondPlace) -> list[int]:
    return [read_line(line).number async for line in place.lines()]


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> SecondPlace:
    return (
        Folder(tmp_path / "second") if request.param == "folder" else ObjectBucket(Blobs.at(str(tmp_path / "bucket")))
    )


async def test_what_is_appended_is_read_back_in_order(place: SecondPlace) -> None:
    assert (await numbers(place), await place.last_lines()) == ([], [])
    await place.append([])
    await place.append([checkpoint(1)])
    await place.append([checkpoint(number) for number in range(2, 120)])
    assert await numbers(place) == list(range(1, 120))
    assert read_line((await place.last_lines())[-1]) == checkpoint(119)


async def test_files_are_closed_to_others_and_end_at_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path / "second")
    monkeypatch.setattr(second_place, "FILE_BYTES", 1500)
    for number in range(1, 12):
        await folder.append([checkpoint(number)])
    files = sorted((tmp_path / "second").iterdir())
    assert [file.name for file in files][:2] == ["000000000001.checkpoints", "000000000004.checkpoints"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert await numbers(folder) == list(range(1, 12))
    assert read_line((await folder.last_lines())[-1]).number == 11


async def test_nothing_is_written_over(tmp_path: Path) -> None:
    """So that the files may be append-only for everybody."""
    folder = Folder(tmp_path / "second")
    await folder.append([checkpoint(1)])
    (file,) = (tmp_path / "second").iterdir()
    torn = checkpoint(2).line()[:50]
    file.write_bytes(file.read_bytes() + torn)
    await folder.append([checkpoint(2)])
    assert file.read_bytes() == checkpoint(1).line() + torn + b"\n" + checkpoint(2).line()


async def test_other_files_are_left_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "second")
    await folder.append([checkpoint(1)])
    (tmp_path / "second" / "lost+found").mkdir()
    (tmp_path / "second" / "notes.checkpoints").write_text("mine")
    assert await numbers(folder) == [1]


async def test_a_disk_that_is_not_mounted_is_not_written_beside(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        await Folder(tmp_path / "disk" / "visavis").append([checkpoint(1)])
    assert not (tmp_path / "disk").exists()


async def test_a_place_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be read"):
        await numbers(Folder(tmp_path / "second"))


async def test_a_line_without_end_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "second")
    await folder.append([checkpoint(1)])
    (file,) = (tmp_path / "second").iterdir()
    with file.open("ab") as writing:
        writing.truncate(3 * LINE_BYTES)
    assert max([len(line) async for line in folder.lines()]) <= LINE_BYTES


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b" \n", checkpoint(1).line()[:-1], checkpoint(1).line()[10:], b"00" + checkpoint(1).line(),
        checkpoint(1).line().swapcase(), b"\xff" * 128 + b" {}\n",
        checkpoint(1).line().replace(b"visavis.checkpoint.v1", b"visavis.checkpoint.v2"),
        checkpoint(1).line().replace(b'"number":1', b'"number":0'),
        checkpoint(1).line().replace(b'"number":1', b'"number":1,"more":1'),
        b"00" * 64 + b" " + b"[" * 5000 + b"\n",
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_told(line: bytes) -> None:
    with pytest.raises(NoCheckpoint):
        read_line(line)


def test_every_byte_of_a_line_counts() -> None:
    whole = checkpoint(1)
    line = whole.line()
    assert read_line(line).is_signed([KEY.public])
    for at in range(len(line)):
        for bit in (1, 32):  # 32 turns capital letters into small ones, in hexadecimal too
            changed = line[:at] + bytes([line[at] ^ bit]) + line[at + 1 :]
            try:
                found = read_line(changed)
            except NoCheckpoint:
                continue
            assert not found.is_signed([KEY.public]), at


def test_a_checkpoint_is_named_by_all_that_is_signed() -> None:
    assert checkpoint(1).hash == checkpoint(1).hash
    assert len({checkpoint(1).hash, checkpoint(2).hash, checkpoint(1, "stop").hash}) == 3
    again = msgspec.structs.replace(read_statement(checkpoint(1).body), previous="11" * 32)
    assert sign(again, KEY).hash != checkpoint(1).hash
