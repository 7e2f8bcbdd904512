"""Verification finds every change of a recording, and says where it is."""

from __future__ import annotations

import io
import json
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from sqlalchemy import update

from link.rtc.tracks.depacketizer import EncodedFrame
from server.blobs.blobs import Blobs
from server.blobs.vault import NoKey
from server.evidence.export import Incomplete, export_session
from server.evidence.integrity_checks import check_document, check_segment
from server.evidence.verify import Verdict, VerifyReport, verify_session
from server.session import events as e
from server.store import tables
from server.store.sessions import Projection
from tests.server.evidence import recorded
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record
from tests.server.recording import media


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened)
        yield opened


async def verified(archive: Archive, session: str = SESSION) -> VerifyReport:
    return await verify_session(session, journal=archive.journal, blobs=archive.blobs, vault=archive.vault)


async def sealed(archive: Archive) -> list[e.SegmentSealed]:
    events = [e.decode(entry.payload) for entry in await archive.journal.read(SESSION)]
    return [event for event in events if isinstance(event, e.SegmentSealed)]


@pytest.mark.parametrize("suite", ["aes-256-gcm", "sm4-gcm"])
async def test_untouched_recording_is_sound(tmp_path: Path, suite: str) -> None:
    async with Archive.opened(tmp_path, suite) as archive:
        await record(archive)
        report = await verified(archive)
    assert report.findings == []
    assert (report.verdict, report.exit_code, report.running) == (Verdict.SOUND, 0, False)
    assert report.segments >= 17
    assert report.documents == 1
    assert report.left_out == {"image": 2, "nodes": 1}
    assert "copy      leaves out image (2), nodes (1)" in report.as_text()
    assert report.as_text().endswith("verdict   sound")
    assert json.loads(report.as_json())["verdict"] == "sound"


async def test_running_call_is_sound_so_far(tmp_path: Path) -> None:
    async with Archive.opened(tmp_path) as archive:
        await record(archive, finished=False)
        report = await verified(archive)
    assert (report.verdict, report.running) == (Verdict.SOUND, True)


async def test_media_recorded_twice_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(seconds: float, **more: float) -> list[EncodedFrame]:
        return [frame for frame in media.opus(seconds, **more) for _ in range(2)]

    monkeypatch.setattr(recorded, "media", SimpleNamespace(opus=twice, vp8=media.vp8))
    async with Archive.opened(tmp_path) as archive:
        await record(archive)
        report = await verified(archive)
    assert {finding.where.split()[0] for finding in report.findings} == {"kiosk.microphone", "specialist.microphone"}
    assert all("recorded twice" in finding.problem for finding in report.findings)


async def test_a_thousand_flipped_bytes_are_all_found(archive: Archive) -> None:
    """Each flip in one of the session's files; the segment or document is named."""
    events = [e.decode(entry.payload) for entry in await archive.journal.read(SESSION)]
    key = await archive.vault.open(SESSION)
    kinds = {event.track: event.kind for event in events if isinstance(event, e.TrackStarted)}
    segments = [event for event in events if isinstance(event, e.SegmentSealed)]
    document = next(event for event in events if isinstance(event, e.DocumentStored))
    blobs = {event.blob: await archive.blobs.get(event.blob) for event in segments}
    blobs[document.blob] = await archive.blobs.get(document.blob)
    chance = random.Random(7)
    targets: list[e.SegmentSealed | e.DocumentStored] = [*segments, document]
    for _ in range(1000):
        event = chance.choice(targets)
        blob = bytearray(blobs[event.blob])
        blob[chance.randrange(len(blob))] ^= chance.randrange(1, 256)
        if isinstance(event, e.SegmentSealed):
            finding = check_segment(key, kinds[event.track], event, bytes(blob))
            where = f"{event.track} segment {event.index}"
        else:
            finding = check_document(key, event, event.blob, event.view_sha256, bytes(blob))
            where = "document d1"
        assert finding is not None
        assert finding.where == where


@pytest.mark.parametrize("attack", ["flip", "drop", "truncate", "swap", "swap_tracks", "replace"])
async def test_attacks_on_segments(archive: Archive, attack: str) -> None:
    camera = [event for event in await sealed(archive) if event.track == "kiosk.camera"]
    other = next(event for event in await sealed(archive) if event.track == "specialist.camera")
    root = archive.folder / "blobs"
    victim = root / camera[1].blob
    data = victim.read_bytes()
    match attack:
        case "flip":
            victim.write_bytes(data[:200] + bytes((data[200] ^ 1,)) + data[201:])
        case "drop":
            victim.unlink()
        case "truncate":
            victim.write_bytes(data[:-5])
        case "swap":
            victim.write_bytes((root / camera[0].blob).read_bytes())
            (root / camera[0].blob).write_bytes(data)
        case "swap_tracks":
            victim.write_bytes((root / other.blob).read_bytes())
        case "replace":
            victim.write_bytes(b"VSVC" + bytes(len(data) - 4))
    report = await verified(archive)
    assert (report.verdict, report.exit_code) == (Verdict.BROKEN, 1)
    assert "kiosk.camera segment 1" in [finding.where for finding in report.findings]
    assert "BROKEN    kiosk.camera segment 1" in report.as_text()


@pytest.mark.parametrize("attack", ["edit", "delete_middle", "reorder", "kind"])
async def test_attacks_on_the_journal(archive: Archive, attack: str) -> None:
    table = tables.journal
    async with archive.store.database.write() as connection:
        here = table.c.session == SESSION
        match attack:
            case "edit":
                await connection.execute(
                    update(table).where(here, table.c.seq == 5).values(payload=b'{"event":"held"}')
                )
            case "delete_middle":
                await connection.execute(table.delete().where(here, table.c.seq == 5))
            case "reorder":
                await connection.execute(update(table).where(here, table.c.seq == 5).values(seq=9999))
                await connection.execute(update(table).where(here, table.c.seq == 6).values(seq=5))
                await connection.execute(update(table).where(here, table.c.seq == 9999).values(seq=6))
            case "kind":
                await connection.execute(update(table).where(here, table.c.seq == 5).values(kind="held"))
    report = await verified(archive)
    assert report.exit_code == 1
    assert report.findings[0].where == "journal seq 5"


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ("payload = CAST(payload AS TEXT)", "journal seq 5"),
        ("payload = CAST(x'ff' AS TEXT)", "journal seq 5"),
        ("payload = 5", "journal seq 5"),
        ("at_us = -5", "journal seq 5"),
        ("at_us = 'noon'", "journal seq 5"),
        ("seq = 'five'", "journal seq 5"),
        ("kind = x'61'", "journal seq 5"),
        ("kind = CAST(x'ff' AS TEXT)", "journal seq 5"),
        ("prev = 'none'", "journal seq 5"),
        ("hash = '哈希'", "journal seq 5"),
    ],
)
async def test_an_entry_of_other_types_is_broken_and_no_crash(archive: Archive, values: str, where: str) -> None:
    """What somebody types into sqlite3: `SET payload = '{}'` makes a text of the blob."""
    tamper(archive, f"UPDATE journal SET {values} WHERE seq = 5")
    report = await verified(archive)
    assert (report.verdict, report.findings[0].where) == (Verdict.BROKEN, where)


@pytest.mark.parametrize(
    ("script", "where"),
    [
        ("UPDATE journal SET hash = 'x' WHERE seq = (SELECT max(seq) FROM journal)", "journal seq"),
        ("UPDATE session SET head_seq = 'last'", "session row"),
        ("UPDATE session SET head_hash = 'x'", "session row"),
        ("DELETE FROM journal; UPDATE session SET head_seq = 0", "journal seq 1"),
    ],
)
async def test_an_end_of_other_types_is_broken_and_no_crash(archive: Archive, script: str, where: str) -> None:
    tamper(archive, script)
    report = await verified(archive)
    assert report.verdict is Verdict.BROKEN
    assert report.findings[0].where.startswith(where)
    assert json.loads(report.as_json())["verdict"] == "broken"


def tamper(archive: Archive, script: str, *values: object) -> None:
    with sqlite3.connect(archive.folder / "store.sqlite3") as connection:
        if values:
            connection.execute(script, values)
        else:
            connection.executescript(script)
    connection.close()


async def test_a_journal_that_was_cut_off_is_not_a_running_call(archive: Archive) -> None:
    table = tables.journal
    last = (await archive.journal.read(SESSION))[-1].seq
    for keep in (last - 1, 12, 0):
        async with archive.store.database.write() as connection:
            await connection.execute(table.delete().where(table.c.session == SESSION, table.c.seq > keep))
        report = await verified(archive)
        assert report.exit_code == 1
        found = {finding.where: finding.problem for finding in report.findings}
        assert found[f"journal seq {keep + 1}"].startswith("the journal is cut off here")
        told = "ended" if keep == last - 1 else "running"
        assert found["session row"] == f"says the session is closed; by the journal it is {told}"


async def test_what_the_sessions_row_does_not_know_is_found(archive: Archive) -> None:
    table = tables.session
    entries = await archive.journal.read(SESSION)
    last = entries[-1].seq
    for values, where in (
        ({"head_seq": last - 2}, f"journal seq {last - 1}"),
        ({"head_seq": last, "head_hash": entries[-2].hash}, f"journal seq {last}"),
        ({"head_seq": None}, "session row"),
        ({"head_seq": last, "head_hash": entries[-1].hash, "state": "active"}, "session row"),
    ):
        async with archive.store.database.write() as connection:
            await connection.execute(update(table).where(table.c.id == SESSION).values(values))
        assert [finding.where for finding in (await verified(archive)).findings] == [where]
    async with archive.store.database.write() as connection:
        await connection.execute(table.delete().where(table.c.id == SESSION))
    assert [finding.where for finding in (await verified(archive)).findings] == ["session row"]


async def test_rewritten_accounts_are_found(archive: Archive) -> None:
    """A chain that somebody computed anew still has to add up."""
    entries = await archive.journal.read(SESSION)
    kept = [
        (entry.kind, entry.payload)
        for entry in entries
        if not (entry.kind == "gap_declared" or (entry.kind == "segment_sealed" and b'"index":2' in entry.payload))
    ]
    key = await archive.store.data_keys.get(SESSION)
    assert key is not None
    async with archive.store.database.write() as connection:
        await connection.execute(tables.journal.delete().where(tables.journal.c.session == SESSION))
        await connection.execute(update(tables.session).where(tables.session.c.id == SESSION).values(head_seq=None))
    await archive.journal.append(SESSION, kept)
    report = await verified(archive)
    assert report.exit_code == 1
    problems = " ".join(finding.problem for finding in report.findings)
    assert "nothing accounts for" in problems
    assert "completeness statement says" in problems


async def test_unusable(archive: Archive) -> None:
    assert (await verified(archive, "nobody")).exit_code == 2
    await archive.vault.destroy(SESSION)
    report = await verified(archive)
    assert (report.verdict, report.exit_code) == (Verdict.UNUSABLE, 2)
    assert "UNUSABLE  data key: there is none, or it was destroyed" in report.as_text()


@pytest.mark.parametrize("key", ["DELETE FROM data_key", "UPDATE data_key SET wrapped = 'x'"])
async def test_who_breaks_the_journal_cannot_hide_it_by_deleting_the_key(archive: Archive, key: str) -> None:
    tamper(archive, key)
    assert (await verified(archive)).exit_code == 2
    tamper(archive, "UPDATE journal SET at_us = at_us + 1 WHERE seq = 5")
    report = await verified(archive)
    assert report.exit_code == 1
    assert [finding.where for finding in report.findings] == ["journal seq 5", "data key"]


async def test_without_the_sites_key_the_journal_is_checked_all_the_same(archive: Archive) -> None:
    async def keyless() -> VerifyReport:
        return await verify_session(SESSION, journal=archive.journal, blobs=archive.blobs, vault=None)

    report = await keyless()
    assert (report.exit_code, [finding.where for finding in report.findings]) == (2, ["site key"])
    assert report.entries > 0
    tamper(archive, "UPDATE journal SET at_us = at_us + 1 WHERE seq = 5")
    report = await keyless()
    assert (report.exit_code, report.findings[0].where) == (1, "journal seq 5")


async def test_export_leaves_out_what_is_damaged_and_says_so(archive: Archive, tmp_path: Path) -> None:
    camera = [event for event in await sealed(archive) if event.track == "kiosk.camera"]
    (archive.folder / "blobs" / camera[1].blob).unlink()
    lines = next(event for event in await sealed(archive) if event.track == "cobrowse")
    (archive.folder / "blobs" / lines.blob).write_bytes(b"")
    original = next((archive.folder / "blobs").rglob("d1-0000-original"))
    original.write_bytes(original.read_bytes()[:-1])
    folder = tmp_path / "out"
    with pytest.raises(Incomplete) as caught:
        await export_session(SESSION, folder, journal=archive.journal, blobs=archive.blobs, vault=archive.vault)
    told = (folder / "LEFT-OUT.txt").read_text().splitlines()
    assert told == caught.value.left_out
    named = {line.split(",")[0] for line in told}
    assert named == {"kiosk.camera segment 1", f"cobrowse segment {lines.index}", "document d1"}
    with av.open(io.BytesIO((folder / "kiosk.camera.webm").read_bytes()), "r") as container:
        times = [frame.time for frame in container.decode(video=0) if frame.time is not None]
    assert times
    assert not [time for time in times if camera[1].start_ms <= time * 1000 < camera[1].end_ms]
    assert "LEFT-OUT.txt" in (folder / "SHA256SUMS").read_text()


async def test_export_without_the_key_leaves_no_folder(archive: Archive, tmp_path: Path) -> None:
    await archive.vault.destroy(SESSION)
    with pytest.raises(NoKey):
        await export_session(
            SESSION, tmp_path / "out", journal=archive.journal, blobs=archive.blobs, vault=archive.vault
        )
    assert not (tmp_path / "out").exists()


async def test_export_gives_files_that_others_can_read(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    parts = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    files = await export_session(SESSION, folder, **parts)  # type: ignore[arg-type]
    names = {path.name for path in files}
    assert {"kiosk.camera.webm", "kiosk.microphone.webm", "cobrowse.jsonl", "journal.jsonl", "SHA256SUMS"} <= names
    assert {"document-d1-original.jpg", "document-d1-view.jpg"} <= names
    with av.open(io.BytesIO((folder / "kiosk.camera.webm").read_bytes()), "r") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 150 - 35
    assert (times[0], times[-1]) == (1.0, 6.96)
    lines = [json.loads(line) for line in (folder / "cobrowse.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["rrweb"] * 8 + ["point", "highlight"]
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == len(files) - 1
    with pytest.raises(FileExistsError):
        await export_session(SESSION, folder, **parts)  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        await export_session("nobody", tmp_path / "other", **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("stopped_after", [0, 1, 4, 7, 9])
async def test_an_export_that_was_interrupted_goes_on(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_after: int
) -> None:
    """Killed after so many segments and documents: the second run has the same files as one that was not."""
    parts = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    once, twice = tmp_path / "once", tmp_path / "twice"
    await export_session(SESSION, once, **parts)  # type: ignore[arg-type]
    asked: list[str] = []
    real = Blobs.get

    async def get(blobs: Blobs, name: str) -> bytes:
        if len(asked) == stopped_after:
            raise KeyboardInterrupt
        asked.append(name)
        return await real(blobs, name)

    with monkeypatch.context() as killed:
        killed.setattr(Blobs, "get", get)
        with pytest.raises(KeyboardInterrupt):
            await export_session(SESSION, twice, **parts)  # type: ignore[arg-type]
    assert not (twice / "SHA256SUMS").exists()
    half = {path.name for path in twice.iterdir() if not path.name.endswith(".part")}
    for name in half - {".unfinished"}:
        assert (twice / name).read_bytes() == (once / name).read_bytes(), "what has its name is whole"
    await export_session(SESSION, twice, **parts)  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in twice.iterdir()} == {
        path.name: path.read_bytes() for path in once.iterdir()
    }
    with pytest.raises(FileExistsError):
        await export_session(SESSION, twice, **parts)  # type: ignore[arg-type]


async def test_an_unfinished_export_of_another_session_is_not_touched(archive: Archive, tmp_path: Path) -> None:
    parts = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".unfinished").write_text("another 00\n")
    (folder / "journal.jsonl").write_text("theirs")
    with pytest.raises(FileExistsError, match="another session"):
        await export_session(SESSION, folder, **parts)  # type: ignore[arg-type]
    assert (folder / "journal.jsonl").read_text() == "theirs"
    (folder / ".unfinished").write_text(f"{SESSION} 00\n")
    files = await export_session(SESSION, folder, **parts)  # type: ignore[arg-type]
    assert "theirs" not in (folder / "journal.jsonl").read_text(), "the session has gone on: all is written anew"
    assert not (folder / ".unfinished").exists()
    assert len(files) > 5


ROW = {
    "kiosk": "k9", "kiosk_name": "Lobby 9", "branch": "b2", "branch_zh": "城南支行", "branch_en": "South",
    "service": "loans", "service_zh": "贷款", "service_en": "Loans", "language": "en",
    "specialist": "p9", "specialist_name": "Nobody", "requested_us": STARTED_US + 1, "answered_us": STARTED_US,
    "ended_us": None, "closed_us": STARTED_US, "end_reason": "left", "outcome": "declined", "rating": 1,
}  # fmt: skip


@pytest.mark.parametrize("column", ROW)
async def test_a_row_that_describes_another_call_is_found(archive: Archive, column: str) -> None:
    """Whoever owns the database decides by the branch who may see a recording."""
    tamper(archive, f"UPDATE session SET {column} = ?", ROW[column])
    report = await verified(archive)
    assert report.exit_code == 1
    assert [finding.where for finding in report.findings] == ["session row"]
    assert f" in {column};" in report.findings[0].problem


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM session_specialist",
        "UPDATE session_specialist SET name = 'Nobody'",
        "UPDATE session_specialist SET specialist = 'p9'",
        f"INSERT INTO session_specialist VALUES ('{SESSION}', 'p9', 'Nobody')",
    ],
)
async def test_somebody_who_did_not_answer_is_found(archive: Archive, statement: str) -> None:
    tamper(archive, statement)
    report = await verified(archive)
    assert report.exit_code == 1
    assert {finding.where for finding in report.findings} == {"session row"}


async def test_a_call_that_two_answered_before_there_was_a_table_of_them(tmp_path: Path) -> None:
    """It was filled from the journal: of somebody who answered twice, it may have the name of either time."""
    async with Archive.opened(tmp_path) as archive:
        await record(archive, finished=False)
        row = Projection(state="active", specialist="p2", specialist_name="Li Na")
        await archive.add(SESSION, 7000, e.Answered("p2", "Li Na"), projection=row)
        row = Projection(state="active", specialist="p1", specialist_name="Chen Jing (Ms)")
        await archive.add(SESSION, 8000, e.Answered("p1", "Chen Jing (Ms)"), projection=row)
        assert (await verified(archive)).findings == []
        tamper(archive, "UPDATE session_specialist SET name = 'Chen Jing (Ms)' WHERE specialist = 'p1'")
        assert (await verified(archive)).findings == []
        tamper(archive, "UPDATE session_specialist SET name = 'Li Na' WHERE specialist = 'p1'")
        assert [finding.where for finding in (await verified(archive)).findings] == ["session row"]


async def test_each_entry_is_read_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, count = e.decode, 0

    def counted(payload: bytes) -> e.Event:
        nonlocal count
        count += 1
        return decode(payload)

    monkeypatch.setattr(e, "decode", counted)
    assert (await verified(archive)).entries == count


def test_the_row_knows_every_column_that_describes_a_session() -> None:
    of_chain = {"id", "state", "head_seq", "head_hash", "signed_seq", "appended_after"}
    known = {column.name for column in tables.session.columns} - of_chain
    assert known == set(ROW)
