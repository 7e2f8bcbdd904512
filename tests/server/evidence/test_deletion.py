"""Legal deletion: what is destroyed and what stays, holds on every path, kills at every stage, and the certificate."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from link.protocol.errors import Unavailable
from server.blobs.vault import NoKey
from server.config import Config
from server.evidence import deletion as module
from server.evidence.backup import BLOBS, backup
from server.evidence.certificate import (
    Certificate,
    NoCertificate,
    check_file,
    fate_of,
    read_certificate,
    sign_certificate,
    write_file,
)
from server.evidence.deletion import LegalDeletion, NotDue, decided_on, say
from server.evidence.holds import BadReason, lift_hold, place_hold, place_holds
from server.evidence.verify import Verdict, VerifyReport, verify_kept
from server.journal import Audit
from server.journal.signing_key import SigningKey
from server.store import tables
from server.store.errors import Conflict, UnderHold
from server.store.holds import MOST
from server.store.retention import Deletion, RetentionRule
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record, requested
from tests.server.evidence.site import KEY

YEAR_US = 366 * 86_400_000_000
RULE = RetentionRule("claims", "call_ended", "P1Y", "民法典 188")


class Desk:
    """An archive with one recorded session and a rule, a year and more after the call."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.store = archive, archive.store
        self.audit = Audit(archive.store, sign=KEY.sign)
        self.now_us = STARTED_US + 2 * YEAR_US
        self.deletion = LegalDeletion(
            store=archive.store,
            journal=archive.journal,
            vault=archive.vault,
            blobs=archive.blobs,
            audit=self.audit,
            key=KEY,
            clock=lambda: self.now_us,
        )

    async def actions(self, *names: str) -> list[str]:
        return [entry.action for entry in await self.audit.read() if entry.action in names]

    async def verify(self, session: str = SESSION, *, trusted: tuple[bytes, ...] = (KEY.public,)) -> VerifyReport:
        parts = self.archive
        return await verify_kept(
            session, store=parts.store, trusted=trusted, journal=parts.journal, blobs=parts.blobs, vault=parts.vault
        )

    async def rule(self, rule: RetentionRule = RULE) -> None:
        """Add a rule, signed as by command."""
        async with self.store.database.write():
            await self.store.retention.add_rule(rule)
            await self.audit.record("cli:root", "retention.add", f"retention_rule:{rule.id}")

    async def drop(self, rule: str) -> None:
        async with self.store.database.write():
            await self.store.retention.remove_rule(rule)
            await self.audit.record("cli:root", "retention.remove", f"retention_rule:{rule}")

    async def due(self) -> list[str]:
        return [decided.row.id async for decided in self.deletion.due()]

    @property
    def folder(self) -> Path:
        return self.archive.folder / "blobs" / "sessions" / SESSION


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive with one session, which is copied: to record takes ten times as long."""
    folder = tmp_path_factory.mktemp("recording")

    async def build() -> None:
        async with Archive.opened(folder) as archive:
            await record(archive, seconds=1)
            await archive.store.database.forget()

    asyncio.run(build())
    return folder


@pytest_asyncio.fixture
async def desk(recording: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    shutil.copytree(recording, tmp_path, dirs_exist_ok=True)
    async with Archive.opened(tmp_path) as archive:
        made = Desk(archive)
        await made.rule()
        yield made


# What is destroyed, and what stays.


async def test_a_deletion_destroys_the_key_and_the_blobs_and_leaves_the_journal(desk: Desk) -> None:
    before, _ = await desk.archive.journal.whole(SESSION)
    assert (await desk.verify()).verdict is Verdict.SOUND
    assert list(desk.folder.rglob("*.*")) or list(desk.folder.rglob("0*"))
    made = await desk.deletion.delete(SESSION, "cli:root")
    with pytest.raises(NoKey):
        await desk.archive.vault.open(SESSION)
    assert not desk.folder.exists()
    after, _ = await desk.archive.journal.whole(SESSION)
    assert after == before
    certificate = read_certificate(made.certificate)
    assert (certificate.session, certificate.by, certificate.at_us) == (SESSION, "cli:root", desk.now_us)
    assert (certificate.rule.id, certificate.rule.source, certificate.rule.keep) == ("claims", "民法典 188", "P1Y")
    assert (certificate.head_seq, certificate.head) == (before[-1].seq, before[-1].hash.hex())
    assert certificate.destroyed.segments >= 5
    assert certificate.destroyed.documents == 1
    kept = await desk.store.retention.deletion(SESSION)
    assert kept is not None
    assert kept.erased_us is not None
    assert await desk.actions("recording.delete", "recording.erased") == ["recording.delete", "recording.erased"]


async def test_the_wrapped_key_is_in_no_file_afterwards(desk: Desk) -> None:
    key = await desk.store.data_keys.get(SESSION)
    assert key is not None
    files = [path for path in desk.archive.folder.glob("store.sqlite3*") if path.is_file()]
    assert any(key.wrapped in path.read_bytes() for path in files)
    await desk.deletion.delete(SESSION, "cli:root")
    assert not any(key.wrapped in path.read_bytes() for path in desk.archive.folder.glob("store.sqlite3*"))


async def test_what_is_deleted_is_told_as_deleted_with_its_certificate(desk: Desk) -> None:
    await desk.deletion.delete(SESSION, "cli:root")
    report = await desk.verify()
    assert (report.verdict, report.exit_code, report.findings) == (Verdict.DELETED, 0, [])
    assert report.deleted["rule"] == "claims"
    assert "under rule claims (P1Y from call_ended; 民法典 188)" in report.as_text()
    assert report.as_text().endswith("verdict   deleted")
    unknown = await desk.verify(trusted=())
    assert unknown.verdict is Verdict.UNUSABLE, "nobody can tell whose certificate it is"


async def test_again_is_no_error_and_makes_no_second_certificate(desk: Desk) -> None:
    first = await desk.deletion.delete(SESSION, "cli:root")
    desk.now_us += 1
    again = await desk.deletion.delete(SESSION, "cli:other")
    assert (again.certificate, again.signature) == (first.certificate, first.signature)
    assert await desk.actions("recording.delete", "recording.erased") == ["recording.delete", "recording.erased"]


async def test_what_the_rules_keep_is_not_deleted(desk: Desk) -> None:
    desk.now_us = STARTED_US + YEAR_US // 2
    assert await desk.due() == []
    with pytest.raises(NotDue, match="rule claims keeps it until"):
        await desk.deletion.delete(SESSION, "cli:root")
    await desk.drop("claims")
    desk.now_us += 10 * YEAR_US
    with pytest.raises(NotDue, match="no rule applies"):
        await desk.deletion.delete(SESSION, "cli:root")
    with pytest.raises(LookupError):
        await desk.deletion.delete("nobody", "cli:root")
    assert (await desk.verify()).verdict is Verdict.SOUND


async def test_rules_apply_to_old_records_too(desk: Desk) -> None:
    assert await desk.due() == [SESSION]
    await desk.rule(RetentionRule("longer", "call_ended", "P5Y", "x", services=("wealth",)))
    assert await desk.due() == []
    await desk.drop("longer")
    await desk.rule(RetentionRule("product", "product_ended", "P6M", "x"))
    assert say((await decided_on(desk.store, SESSION)).decision) == "rule product waits for product_ended"
    await desk.store.retention.record(SESSION, "product_ended", "2026-10-01")
    assert await desk.due() == [SESSION]
    with pytest.raises(NotDue, match="session_fact"):  # nobody signed that
        await desk.deletion.delete(SESSION, "cli:root")


async def test_a_call_that_runs_and_one_without_anything_recorded_are_left_alone(desk: Desk) -> None:
    await record(desk.archive, session="s-open", seconds=1, finished=False)
    event, projection = requested("s-bare")
    await desk.archive.add("s-bare", 0, event, projection={**projection, "state": "closed", "closed_us": STARTED_US})
    assert await desk.due() == [SESSION]
    with pytest.raises(NotDue, match="not over"):
        await desk.deletion.delete("s-open", "cli:root")
    with pytest.raises(NotDue, match="nothing"):
        await desk.deletion.delete("s-bare", "cli:root")


async def test_a_damaged_journal_is_not_deleted_unseen(desk: Desk) -> None:
    async with desk.store.database.write() as connection:
        change = update(tables.journal).where(tables.journal.c.session == SESSION, tables.journal.c.seq == 3)
        await connection.execute(change.values(payload=b"{"))
    with pytest.raises(NotDue, match="damaged"):
        await desk.deletion.delete(SESSION, "cli:root")


# Holds.


async def test_a_hold_keeps_a_session_from_every_path_that_destroys(desk: Desk) -> None:
    first = await place_hold(desk.store, desk.audit, SESSION, reason="Case 7", by="person:p1")
    second = await place_hold(desk.store, desk.audit, SESSION, reason="Case 8", by="person:p1")
    assert await desk.due() == []
    key = tables.data_key
    for hold in (first, second):
        with pytest.raises(UnderHold):
            await desk.deletion.delete(SESSION, "cli:root")
        with pytest.raises(UnderHold):
            await desk.archive.vault.destroy(SESSION)
        for statement in (
            update(key).where(key.c.session == SESSION).values(wrapped=b""),
            delete(key).where(key.c.session == SESSION),
        ):
            with pytest.raises(IntegrityError, match="legal hold"):
                async with desk.store.database.write() as connection:
                    await connection.execute(statement)
        assert (await desk.verify()).verdict is Verdict.SOUND
        await lift_hold(desk.store, desk.audit, hold.id, reason="over", by="person:p2")
    await desk.deletion.delete(SESSION, "cli:root")
    assert (await desk.verify()).verdict is Verdict.DELETED
    assert await desk.actions("hold.place", "hold.lift") == ["hold.place"] * 2 + ["hold.lift"] * 2


async def test_a_hold_and_a_deletion_at_once_end_one_way_or_the_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold is placed while the deletion has read everything and has not begun its transaction."""
    contents = desk.deletion._contents

    async def held_meanwhile(session: str) -> Any:
        found = await contents(session)
        await place_hold(desk.store, desk.audit, session, reason="Case 7", by="person:p1")
        return found

    monkeypatch.setattr(desk.deletion, "_contents", held_meanwhile)
    with pytest.raises(UnderHold):
        await desk.deletion.delete(SESSION, "cli:root")
    assert await desk.store.retention.deletion(SESSION) is None
    assert (await desk.verify()).verdict is Verdict.SOUND


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_whoever_comes_first_wins(desk: Desk, turns: int) -> None:
    async def hold() -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            return (await place_hold(desk.store, desk.audit, SESSION, reason="Case 7", by="person:p1")).id
        except Conflict:
            return ""

    async def destroy() -> bool:
        try:
            await desk.deletion.delete(SESSION, "cli:root")
        except UnderHold:
            return False
        return True

    held, destroyed = await asyncio.gather(hold(), destroy())
    assert bool(held) != destroyed
    verdict = (await desk.verify()).verdict
    assert verdict is (Verdict.DELETED if destroyed else Verdict.SOUND)
    assert desk.folder.exists() != destroyed


async def test_holds_are_placed_on_many_and_each_says_why_not(desk: Desk) -> None:
    done = dict(await place_holds(desk.store, desk.audit, [SESSION, "nobody", SESSION], reason="Case 7", by="cli:a"))
    assert [type(result).__name__ for result in done.values()] == ["LegalHold", "str"]
    assert len(await desk.store.holds.of(SESSION)) == 1
    assert await desk.store.holds.held([SESSION, "nobody"]) == {SESSION}
    for reason in ("", "  ", "x" * 201, "two\nlines"):
        with pytest.raises(BadReason):
            await place_hold(desk.store, desk.audit, SESSION, reason=reason, by="cli:a")
    hold = (await desk.store.holds.active())[0]
    await lift_hold(desk.store, desk.audit, hold.id, reason="over", by="cli:b")
    with pytest.raises(Conflict):
        await lift_hold(desk.store, desk.audit, hold.id, reason="over", by="cli:b")
    kept = (await desk.store.holds.of(SESSION))[0]
    assert (kept.active, kept.lifted_by, kept.lifted_reason) == (False, "cli:b", "over")


async def test_the_holds_of_a_session_are_bounded_and_a_deleted_one_takes_none(desk: Desk) -> None:
    async with desk.store.database.write():
        for _ in range(MOST):
            hold = await place_hold(desk.store, desk.audit, SESSION, reason="x", by="cli:a")
            await lift_hold(desk.store, desk.audit, hold.id, reason="x", by="cli:a")
    with pytest.raises(Conflict, match="100 holds"):
        await desk.store.holds.place(SESSION, reason="x", by="cli:a")
    await desk.deletion.delete(SESSION, "cli:root")
    with pytest.raises(Conflict, match="deleted"):
        await desk.store.holds.place(SESSION, reason="x", by="cli:a")


async def test_what_somebody_wrote_into_the_database_deletes_nothing(desk: Desk) -> None:
    """A rule made shorter, added or removed, a hold taken away, a fact changed: by SQL, without the signing key."""
    await desk.rule(RetentionRule("sales", "product_ended", "P6M", "x"))
    async with desk.store.database.write():
        row = await desk.store.retention.record(SESSION, "product_ended", "2027-05-01")
        await desk.audit.record("cli:root", "retention.record", f"session_fact:{row}", {"session": SESSION})
    await place_hold(desk.store, desk.audit, SESSION, reason="Case 7", by="cli:a")
    file = desk.archive.folder / "store.sqlite3"
    for statements in (
        ["UPDATE hold SET lifted_us = 1"],
        ["DELETE FROM hold"],
        ["DELETE FROM hold", "UPDATE session_fact SET value = '2020-01-01'"],
        ["DELETE FROM hold", "DELETE FROM retention_rule WHERE id = 'sales'"],
        ["DELETE FROM hold", "UPDATE retention_rule SET keep = 'P0D'"],
    ):
        copy = file.with_name("before")
        await desk.store.database.forget()
        shutil.copyfile(file, copy)
        with sqlite3.connect(file) as connection:
            for statement in statements:
                connection.execute(statement)
        with pytest.raises(NotDue):
            await desk.deletion.delete(SESSION, "cli:root")
        assert (await desk.verify()).verdict is Verdict.SOUND, statements
        with sqlite3.connect(copy) as before, sqlite3.connect(file) as connection:
            for table in ("hold", "session_fact", "retention_rule"):
                connection.execute(f"DELETE FROM {table}")
                rows = before.execute(f"SELECT * FROM {table}").fetchall()
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    (hold,) = await desk.store.holds.of(SESSION)
    await lift_hold(desk.store, desk.audit, hold.id, reason="over", by="cli:b")
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO retention_rule SELECT 'mine', services, products, outcomes, age_groups, counts_from, keep, "
            "source, created_us FROM retention_rule WHERE id = 'claims'"
        )
    with pytest.raises(NotDue, match="retention_rule:mine is not what its signed audit entry says"):
        await desk.deletion.delete(SESSION, "cli:root")
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM retention_rule WHERE id = 'mine'")
    await desk.deletion.delete(SESSION, "cli:root")


async def test_a_row_that_says_deleted_removes_no_blob(desk: Desk) -> None:
    """Written by somebody else, with the key destroyed too: what a copy of the key could still open stays there."""
    forged = sign_certificate(_certificate_of(SESSION), SigningKey(bytes(32)))
    await desk.store.retention.add_deletion(forged)
    with pytest.raises(Conflict, match="was not deleted"):
        await desk.deletion.finish(SESSION)
    await desk.archive.vault.destroy(SESSION)
    with pytest.raises(Conflict, match="not signed"):
        await desk.deletion.finish(SESSION)
    assert desk.folder.exists()


# Kills.

Break = Callable[[Desk, pytest.MonkeyPatch], None]


class Killed(BaseException):
    """Nothing catches it, as nothing runs after kill -9."""


def _dies(*_arguments: object, **_more: object) -> Any:
    raise Killed


async def _dies_later(*_arguments: object, **_more: object) -> Any:
    raise Killed


STAGES: dict[str, tuple[Break, bool]] = {
    "before anything": (lambda desk, patch: patch.setattr(desk.deletion, "_contents", _dies_later), False),
    "certificate signed": (lambda desk, patch: patch.setattr(desk.store.retention, "add_deletion", _dies_later), False),
    "certificate kept": (lambda desk, patch: patch.setattr(desk.audit, "record", _dies_later), False),
    "index erased": (lambda desk, patch: patch.setattr("server.store.data_keys.update", _dies), False),
    "key destroyed": (lambda desk, patch: patch.setattr(desk.store.database, "forget", _dies_later), True),
    "log emptied": (lambda desk, patch: patch.setattr(desk.archive.blobs, "remove_all", _dies_later), True),
    "blobs removed": (lambda desk, patch: patch.setattr(desk.store.retention, "mark_erased", _dies_later), True),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_a_kill_at_any_stage_leaves_it_whole_or_deleted(
    desk: Desk, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_, destroyed = STAGES[stage]
    with monkeypatch.context() as patch:
        break_(desk, patch)
        with pytest.raises(Killed):
            await desk.deletion.delete(SESSION, "cli:root")
    assert (await desk.verify()).verdict is (Verdict.DELETED if destroyed else Verdict.SOUND)
    assert [session async for session in desk.deletion.unfinished()] == ([SESSION] if destroyed else [])
    assert await desk.actions("recording.delete") == ["recording.delete"] * destroyed
    # Whoever comes next begins where it stopped.
    await desk.deletion.delete(SESSION, "cli:root")
    assert (await desk.verify()).verdict is Verdict.DELETED
    assert not desk.folder.exists()
    assert [session async for session in desk.deletion.unfinished()] == []
    assert await desk.actions("recording.delete", "recording.erased") == ["recording.delete", "recording.erased"]


async def test_half_of_the_blobs_removed_is_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[Path] = []

    def half(folder: Path) -> None:
        for path in [path for path in sorted(folder.rglob("*")) if path.is_file()][::2]:
            path.unlink()
            removed.append(path)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("server.blobs.blobs._remove_folder", half)
        with pytest.raises(Unavailable):
            await desk.deletion.delete(SESSION, "cli:root")
    assert removed
    assert (await desk.verify()).verdict is Verdict.DELETED, "the certificate is there already"
    await desk.deletion.finish(SESSION)
    assert not desk.folder.exists()
    await desk.deletion.finish(SESSION)
    with pytest.raises(Conflict):
        await desk.deletion.finish("nobody")


async def test_a_journal_that_grew_meanwhile_is_not_certified(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = desk.deletion._contents

    async def grown(session: str) -> Any:
        found = await contents(session)
        return module._Contents(found.destroyed, (found.head[0] - 1, found.head[1]), found.wrapped)

    monkeypatch.setattr(desk.deletion, "_contents", grown)
    with pytest.raises(NotDue, match="changed meanwhile"):
        await desk.deletion.delete(SESSION, "cli:root")
    assert (await desk.verify()).verdict is Verdict.SOUND


# The certificate.


async def changed(desk: Desk, **fields: object) -> VerifyReport:
    """The verdict when the certificate says something else, validly signed."""
    kept = await desk.store.retention.deletion(SESSION)
    assert kept is not None
    told = msgspec.structs.replace(read_certificate(kept.certificate), **fields)
    signed = sign_certificate(told, KEY)
    async with desk.store.database.write() as connection:
        change = update(tables.deletion).where(tables.deletion.c.id == SESSION)
        await connection.execute(change.values(certificate=signed.certificate, signature=signed.signature))
    return await desk.verify()


async def test_a_certificate_that_does_not_fit_is_named(desk: Desk) -> None:
    await desk.deletion.delete(SESSION, "cli:root")
    kept = await desk.store.retention.deletion(SESSION)
    assert kept is not None
    told = read_certificate(kept.certificate)
    more = msgspec.structs.replace(told.destroyed, segments=told.destroyed.segments - 1)
    for fields, problem in (
        ({"session": "s-other"}, "of another session"),
        ({"at_us": told.at_us + 1}, "another time"),
        ({"head": "00" * 32}, "end otherwise"),
        ({"head_seq": 1}, "end otherwise"),
        ({"destroyed": more}, "not what the journal names"),
    ):
        report = await changed(desk, **{**msgspec.structs.asdict(told), **fields})
        assert report.verdict is Verdict.BROKEN
        assert any(problem in finding.problem for finding in report.findings), (fields, report.findings)
    assert (await changed(desk, **msgspec.structs.asdict(told))).verdict is Verdict.DELETED


async def test_hostile_rows_are_named_and_do_not_end_the_check(desk: Desk) -> None:
    await desk.deletion.delete(SESSION, "cli:root")
    file = desk.archive.folder / "store.sqlite3"
    for statement in (
        "UPDATE deletion SET certificate = 'text'",
        "UPDATE deletion SET certificate = x'7b7d', signature = 'text'",
        "UPDATE deletion SET signature = x''",
        "UPDATE deletion SET at_us = 'never'",
    ):
        with sqlite3.connect(file) as connection:
            connection.execute(statement)
        assert (await desk.verify()).verdict is Verdict.BROKEN, statement


async def test_a_key_that_went_without_a_certificate_or_came_back_is_found(desk: Desk) -> None:
    key = await desk.store.data_keys.get(SESSION)
    assert key is not None
    await desk.archive.vault.destroy(SESSION)
    report = await desk.verify()
    assert report.verdict is Verdict.BROKEN
    assert "no certificate" in report.as_text()
    quick = await verify_kept(
        SESSION, store=desk.store, trusted=[KEY.public], journal=desk.archive.journal, blobs=desk.archive.blobs,
        vault=None, recordings=False,
    )  # fmt: skip
    assert quick.verdict is Verdict.BROKEN, "without reading a single recording too"
    table = tables.data_key
    async with desk.store.database.write() as connection:
        await connection.execute(delete(table).where(table.c.session == SESSION))
    assert "there is none: it was removed" in (await desk.verify()).as_text()
    async with desk.store.database.write() as connection:
        values = {"session": SESSION, "suite": key.suite, "wrapped": key.wrapped, "created_us": key.created_us}
        await connection.execute(table.insert().values(values))
    assert (await desk.verify()).verdict is Verdict.SOUND
    await desk.deletion.delete(SESSION, "cli:root")
    async with desk.store.database.write() as connection:
        await connection.execute(update(table).values(wrapped=key.wrapped, destroyed_us=None))
    assert "it was put back" in (await desk.verify()).as_text()


async def test_a_deletion_under_a_hold_is_found_even_with_a_good_certificate(desk: Desk) -> None:
    made = await desk.deletion.delete(SESSION, "cli:root")
    async with desk.store.database.write() as connection:
        values = {"id": "h1", "session": SESSION, "reason": "x", "placed_us": made.at_us - 1, "placed_by": "cli:a"}
        await connection.execute(tables.hold.insert().values(values))
    assert "while the hold h1 was in force" in (await desk.verify()).as_text()
    async with desk.store.database.write() as connection:
        await connection.execute(update(tables.hold).values(lifted_us=made.at_us - 1))
    assert (await desk.verify()).verdict is Verdict.DELETED


async def test_a_certificate_is_handed_out_and_checked_elsewhere(desk: Desk) -> None:
    made = await desk.deletion.delete(SESSION, "cli:root")
    data = write_file(made)
    assert check_file(data, [KEY.public]).session == SESSION
    for wrong, trusted in (
        (data, [SigningKey(bytes(32)).public]),
        (data.replace(b"P1Y", b"P2Y"), [KEY.public]),
        (data[:-10], [KEY.public]),
        (b"{}", [KEY.public]),
        (data.replace(b'"signature": "', b'"signature": "zz'), [KEY.public]),
    ):
        with pytest.raises(NoCertificate):
            check_file(wrong, trusted)
    with pytest.raises(NoCertificate):
        read_certificate(msgspec.json.encode({"format": "visavis.checkpoint.v1"}))


async def test_verify_looks_again_where_a_session_is_deleted_while_it_is_checked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def deleted_meanwhile(session: str, **parts: Any) -> Any:
        nonlocal asked
        asked += 1
        fate = await fate_of(session, **parts)
        if asked == 1:
            await desk.deletion.delete(session, "cli:root")
        return fate

    monkeypatch.setattr("server.evidence.verify.fate_of", deleted_meanwhile)
    assert (await desk.verify()).verdict is Verdict.DELETED


# Backups.


async def test_a_backup_loses_what_was_deleted_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    await record(desk.archive, session="s-kept", seconds=1)
    await place_hold(desk.store, desk.audit, "s-kept", reason="Case 7", by="cli:a")
    folder = tmp_path / "backup"
    key_file = tmp_path / "signing.key"
    key_file.write_bytes(bytes(range(32, 64)))
    key_file.chmod(0o600)
    config = Config(
        data=tmp_path,
        database=f"sqlite+aiosqlite:///{tmp_path / 'store.sqlite3'}",
        blobs=str(tmp_path / "blobs"),
        signing_key=key_file,
    )
    assert backup(config, folder).removed == 0
    mine = folder / BLOBS / "sessions" / SESSION
    assert mine.is_dir()
    await desk.deletion.delete(SESSION, "cli:root")
    # A certificate that this site has not signed takes nothing out of a backup.
    other = sign_certificate(_certificate_of("s-kept"), SigningKey(bytes(32)))
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        connection.execute("DROP TRIGGER data_key_held_update")
        connection.execute("UPDATE data_key SET wrapped = x'' WHERE session = 's-kept'")
        connection.execute("UPDATE hold SET lifted_us = 1")
        connection.execute("INSERT INTO deletion VALUES ('s-kept', ?, ?, 1, 1)", [other.certificate, other.signature])
    assert backup(config, folder).removed == 1
    assert not mine.exists()
    assert (folder / BLOBS / "sessions" / "s-kept").is_dir()
    assert backup(config, folder).removed == 0


def _certificate_of(session: str) -> Certificate:
    return msgspec.convert(
        {
            "format": "visavis.deletion.v1", "session": session, "at_us": 1, "by": "x", "head_seq": 1, "head": "",
            "key": "",
            "rule": {"id": "r", "applies_to": "*", "counts_from": "x", "keep": "P1Y", "source": "x", "due_us": 0},
            "destroyed": {
                "data_key_sha256": "", "suite": "", "segments": 0, "documents": 0, "texts": 0, "texts_in_clear": 0,
                "bytes": 0, "blobs_sha256": "",
            },
        },
        Certificate,
    )  # fmt: skip


async def test_a_deletion_is_one_row_that_is_never_written_twice(desk: Desk) -> None:
    await desk.deletion.delete(SESSION, "cli:root")
    with pytest.raises(IntegrityError):
        await desk.store.retention.add_deletion(Deletion(SESSION, b"", b"", 1, None))
    async with desk.store.database.read() as connection:
        rows = (await connection.execute(select(tables.deletion.c.id))).all()
    assert [row.id for row in rows] == [SESSION]
