"""A running server has its checkpoints stamped, goes on without, and a check finds what is done to the stamps."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from link.protocol.errors import Unavailable
from link.tasks import cancel
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.evidence.checkpoint import read_statement
from server.evidence.second_place import Folder, ObjectBucket
from server.evidence.timestamp import TimestampAuthority, Trust
from server.evidence.timestamps import ALARM_S, Timestamps, token_hash
from server.evidence.verify import Verdict
from server.evidence.verify_store import verify_store
from server.session import events as e
from server.store import Store
from server.store.stamps import now_us
from tests.server.evidence import recorded
from tests.server.evidence.authority import Authority, AuthorityServer
from tests.server.evidence.recorded import Archive, requested
from tests.server.evidence.site import DAY_US, KEY, SITE_KEY, RunningSite, signed

OURS = Authority()


class Stamped:
    """A site that runs, with an authority, as its tests see it."""

    def __init__(self, archive: Archive, server: AuthorityServer) -> None:
        self.site = RunningSite(archive)
        self.store = archive.store
        self.folder = archive.folder
        self.server = server
        self.now = 1000.0
        self.stamps = Timestamps(
            store=archive.store,
            place=Folder(archive.folder / "second"),
            authority=TimestampAuthority(server.url, OURS.trust),
            every_s=600,
            clock=lambda: self.now,
        )

    async def happens(self) -> None:
        """Something is journaled and signed."""
        await self.site.archive.add("s1", 1, e.StepChanged("amount"))
        await signed(self.site)

    async def findings(
        self,
        *,
        trust: Trust | None = OURS.trust,
        presented: Sequence[tuple[str, bytes]] = (),
        folder: Path | None = None,
    ) -> tuple[Verdict, list[str]]:
        """What a check of a copy of it says."""
        folder = folder or self.folder
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'store.sqlite3'}")
        try:
            report = await verify_store(
                store=store, blobs=Blobs.at(str(folder / "blobs")), vault=Vault(store.data_keys, SITE_KEY),
                place=Folder(folder / "second"), trusted=[KEY.public], trust=trust, presented=presented,
            )  # fmt: skip
        finally:
            await store.close()
        return report.verdict, [f"{finding.where}: {finding.problem}" for finding in report.findings]

    async def copy(self, name: str) -> Path:
        """Both places as they are now."""
        await self.store.database.forget()
        to = self.folder.parent / name
        to.mkdir()
        (to / "blobs").mkdir()
        shutil.copy2(self.folder / "store.sqlite3", to / "store.sqlite3")
        shutil.copytree(self.folder / "second", to / "second")
        return to

    async def newest(self) -> tuple[int, bytes]:
        kept = await self.store.timestamps.newest()
        assert kept is not None
        return kept.number, kept.token


@pytest_asyncio.fixture
async def stamped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stamped]:
    """A site with two checkpoints, of which none is stamped."""
    monkeypatch.setattr(recorded, "STARTED_US", now_us() - DAY_US)
    (tmp_path / "site").mkdir()
    async with AuthorityServer.started(OURS) as server, Archive.opened(tmp_path / "site") as archive:
        made = Stamped(archive, server)
        (archive.folder / "blobs").mkdir(exist_ok=True)
        await made.site.checkpoints.start()
        event, row = requested("s1")
        await archive.add("s1", 0, event, projection=row)
        await signed(made.site)
        yield made
        made.site.close()
        await cancel(made.site.checkpoints._task)


def sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "store.sqlite3", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_the_newest_checkpoint_is_stamped_and_kept_in_both_places(stamped: Stamped) -> None:
    assert await stamped.stamps.stamp()
    number, token = await stamped.newest()
    assert (number, stamped.server.asked) == (2, 1)
    kept = await stamped.store.checkpoints.newest()
    assert kept is not None
    assert OURS.trust.check(token).imprint == stamped.site.checkpoints._last[1]
    assert [found async for found in Folder(stamped.folder / "second").tokens()] == [(2, token)]
    assert (stamped.folder / "second" / "000000000002.tsr").stat().st_mode & 0o777 == 0o600
    # Nothing new, nothing asked; then the next checkpoint names the stamp, once.
    assert await stamped.stamps.stamp()
    assert stamped.server.asked == 1
    await stamped.happens()
    await stamped.happens()
    pages = [page async for page in stamped.store.checkpoints.pages()]
    named = [[(one.number, one.hash) for one in read_statement(kept.body).stamped] for page in pages for kept in page]
    assert named == [[], [], [(2, token_hash(token))], []]
    assert await stamped.stamps.stamp()
    assert await stamped.findings() == (Verdict.SOUND, [])
    assert (await stamped.newest())[0] == 4


async def test_while_the_authority_is_away_everything_goes_on_and_somebody_is_told(stamped: Stamped) -> None:
    stamped.server.status = 503
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert not await stamped.stamps.stamp()
            await stamped.happens()
        alarms = [stamped.stamps.alarm]
        stamped.now += ALARM_S
        alarms.append(stamped.stamps.alarm)
        assert await stamped.findings() == (Verdict.SOUND, [])
        stamped.server.status = 200
        assert await stamped.stamps.stamp()
    assert [*alarms, stamped.stamps.alarm] == [False, True, False]
    said = [line["event"] for line in logs if "stamped" in line["event"]]
    assert said == [
        *("checkpoints are not time-stamped", "checkpoint time-stamped", "checkpoints are time-stamped again"),
    ]
    assert (await stamped.newest())[0] == 5


async def test_an_answer_that_does_not_count_is_not_kept(stamped: Stamped) -> None:
    for answers in (Authority().answer, lambda _query: OURS.token(bytes(32)), lambda _query: b"hello"):
        stamped.server.answers = answers
        assert not await stamped.stamps.stamp()
    assert await stamped.store.timestamps.newest() is None
    assert [found async for found in Folder(stamped.folder / "second").tokens()] == []


async def test_what_the_second_place_lacks_is_copied_when_it_is_back(
    stamped: Stamped, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("the disk is not mounted")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "add_token", away)
        assert not await stamped.stamps.stamp()
        assert stamped.stamps.failing == "the disk is not mounted"
    assert await stamped.findings() == (Verdict.SOUND, [])
    assert await stamped.stamps.stamp()
    assert stamped.server.asked == 1
    assert len([found async for found in Folder(stamped.folder / "second").tokens()]) == 1


async def test_a_token_that_a_crash_cut_off_is_completed(tmp_path: Path) -> None:
    place, token = Folder(tmp_path / "second"), OURS.token(bytes(32))
    await place.add_token(7, token)
    file = tmp_path / "second" / "000000000007.tsr"
    file.write_bytes(token[:100])
    await place.add_token(7, token)
    assert file.read_bytes() == token
    # Another one is left as it is, for a check to find.
    await place.add_token(7, OURS.token(bytes(31) + b"\1"))
    assert file.read_bytes() == token
    bucket = ObjectBucket(Blobs.at(str(tmp_path / "bucket")))
    await bucket.add_token(7, token)
    assert [found async for found in bucket.tokens()] == [(7, token)]
    assert await bucket.last_lines() == []


async def test_whatever_is_done_to_a_stamp_is_found(stamped: Stamped) -> None:
    await stamped.stamps.stamp()
    await stamped.happens()
    _, first = await stamped.newest()
    await stamped.stamps.stamp()
    number, second = await stamped.newest()
    assert number == 3
    await stamped.happens()
    assert await stamped.findings() == (Verdict.SOUND, [])
    old, late = OURS.token(bytes.fromhex(OURS.trust.check(first).imprint)), dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    early = OURS.token(bytes.fromhex(OURS.trust.check(first).imprint), late)
    theirs = Authority().token(bytes.fromhex(OURS.trust.check(first).imprint))
    stamp2, stamp3 = "time stamp of checkpoint 2", "time stamp of checkpoint 3"

    async def check(folder: Path, expected: str) -> None:
        verdict, found = await stamped.findings(folder=folder)
        assert verdict is Verdict.BROKEN, expected
        assert any(line.startswith(expected) for line in found), (expected, found)

    removed: list[tuple[str, list[int], str]] = [
        ("WHERE number = 2", [], f"{stamp2}: it is missing in the database"),
        ("WHERE number = 0", [3], f"{stamp3}: it is missing in the second place, which had it"),
        ("", [2, 3], f"{stamp2}: it is gone from both places"),
    ]
    for turn, (where, files, expected) in enumerate(removed):
        folder = await stamped.copy(f"removed-{turn}")
        sql(folder, f"DELETE FROM checkpoint_timestamp {where}")
        for number in files:
            (folder / "second" / f"{number:012d}.tsr").unlink()
        await check(folder, expected)
    exchanged: list[tuple[bytes, bool, str]] = [
        (second, True, f"{stamp2}: it is not of this checkpoint in the database"),
        (old, True, f"{stamp2}: it is not the one that checkpoint 3 names"),
        (early, True, f"{stamp2}: the checkpoint says that it was signed at "),
        (theirs, False, f"{stamp2}: it does not count in the database"),
        (b"x", False, f"{stamp2}: it does not count in the database"),
        (old, False, f"{stamp2}: the database and the second place have different ones"),
    ]
    for turn, (token, both, expected) in enumerate(exchanged):
        folder = await stamped.copy(f"exchanged-{turn}")
        sql(folder, f"UPDATE checkpoint_timestamp SET token = x'{token.hex()}' WHERE number = 2")
        if both:
            (folder / "second" / "000000000002.tsr").write_bytes(token)
        await check(folder, expected)
    folder = await stamped.copy("renumbered")
    sql(folder, "UPDATE checkpoint_timestamp SET number = 9 WHERE number = 2")
    await check(folder, "time stamp of checkpoint 9: its checkpoint is in neither place")


async def test_both_places_set_back_are_found_by_a_stamp_that_is_newer(stamped: Stamped) -> None:
    await stamped.stamps.stamp()
    _, before = await stamped.newest()
    earlier = await stamped.copy("earlier")
    await stamped.happens()
    await stamped.stamps.stamp()
    _, after = await stamped.newest()
    assert await stamped.findings(presented=[("before.tsr", before), ("after.tsr", after)]) == (Verdict.SOUND, [])
    # Database and second place of then fit each other: nothing that is there tells.
    assert await stamped.findings(folder=earlier) == (Verdict.SOUND, [])
    assert await stamped.findings(folder=earlier, presented=[("before.tsr", before)]) == (Verdict.SOUND, [])
    verdict, found = await stamped.findings(folder=earlier, presented=[("after.tsr", after)])
    assert verdict is Verdict.BROKEN
    assert len(found) == 1
    assert found[0].startswith("time stamp after.tsr: the checkpoint that was there at 20")
    assert found[0].endswith("is in neither place: both were set back to before then, or made anew")
    forged = [("forged.tsr", Authority().token(bytes(32)))]
    verdict, found = await stamped.findings(presented=forged)
    assert (verdict, found[0].split(":")[0]) == (Verdict.BROKEN, "time stamp forged.tsr")


async def test_without_certificates_stamps_cannot_be_checked(stamped: Stamped) -> None:
    await stamped.stamps.stamp()
    verdict, found = await stamped.findings(trust=None)
    assert verdict is Verdict.UNUSABLE
    assert found == ["time stamps: there are no certificates of the authority to check them with"]


async def test_a_started_one_asks_by_itself_and_ends(stamped: Stamped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.evidence.timestamps.FIRST_S", 0)
    stamped.stamps.start()
    async with asyncio.timeout(30):
        while await stamped.store.timestamps.newest() is None:
            await asyncio.sleep(0)
    await stamped.stamps.close()
    assert stamped.server.asked == 1
