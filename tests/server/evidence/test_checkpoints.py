"""What a running server signs, when, and what it does after a crash, a full disk and an older database."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from link.protocol.errors import Unavailable
from link.tasks import cancel
from server.admin import kiosks, people
from server.evidence import checkpoints as module
from server.evidence.checkpoint import (
    ORIGIN,
    RECENT_US,
    Checkpoint,
    Statement,
    may_be_unknown,
    read_line,
    read_statement,
)
from server.evidence.second_place import Folder
from server.evidence.verify import Verdict
from server.journal import Audit
from server.journal.audit import BASELINE
from server.session import events as e
from server.store.sessions import Projection
from server.store.stamps import now_us
from tests.machine import slower
from tests.server.evidence import recorded
from tests.server.evidence.recorded import Archive, requested
from tests.server.evidence.site import DAY_US, KEY, RunningSite, Site, checkpoints_of, populate, signed
from tests.server.evidence.test_second_place import numbers
from tests.stalls import TRIES, longest_turn


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSite]:
    monkeypatch.setattr(recorded, "STARTED_US", now_us() - DAY_US)
    async with Archive.opened(tmp_path) as archive:
        running = RunningSite(archive)
        yield running
        running.close()
        await cancel(running.checkpoints._task)


async def begin(site: RunningSite, session: str, at_ms: int = 0) -> None:
    event, row = requested(session)
    await site.archive.add(session, at_ms, event, projection=row)


async def go_on(site: RunningSite, session: str) -> None:
    await site.archive.add(session, 1, e.StepChanged("amount"))


async def close(site: RunningSite, session: str, at_ms: int = 5000) -> None:
    at_us = recorded.STARTED_US + at_ms * 1000
    row = Projection(state="closed", ended_us=at_us, closed_us=at_us, end_reason="customer")
    await site.archive.add(session, at_ms, e.Ended("kiosk", "customer"), e.Closed(), projection=row)


async def statements(site: RunningSite) -> list[Statement]:
    pages = [page async for page in site.archive.store.checkpoints.pages()]
    return [read_statement(kept.body) for page in pages for kept in page]


async def verdict(site: RunningSite) -> tuple[Verdict, list[str]]:
    report = await Site(site.archive.folder).verify()
    return report.verdict, [f"{finding.where}: {finding.problem}" for finding in report.findings]


SOUND: tuple[Verdict, list[str]] = (Verdict.SOUND, [])


async def test_a_site_begins_with_what_it_has(site: RunningSite) -> None:
    await populate(site)
    await begin(site, "s1")
    assert (await verdict(site))[0] is Verdict.UNUSABLE, "nothing is signed yet"
    await site.checkpoints.start()
    (first,) = await statements(site)
    assert (first.number, first.previous, first.reason, first.behind) == (1, ORIGIN, "start", False)
    assert [(one.session, one.seq) for one in first.sessions] == [("s1", 1)]
    head = await site.audit.head()
    assert head is not None
    assert (first.audit.seq, first.audit.hash) == (head.seq, head.hash.hex())
    assert head.action == BASELINE
    assert len({row.subject for row in first.rows}) == 2 + 1 + 3 * 3 + 2 * 2
    assert await numbers(Folder(site.archive.folder / "second")) == [1]
    assert await verdict(site) == SOUND


async def test_who_was_there_before_changes_were_signed_is_taken_over_once(site: RunningSite) -> None:
    """After an update from a version that signed nothing."""
    unsigned = RunningSite(site.archive)
    unsigned.desk = type(unsigned.desk)(
        unsigned.desk.config, site.archive.store, Audit(site.archive.store), unsigned.desk.passwords, "cli:root"
    )
    unsigned.audit = unsigned.desk.audit
    await populate(unsigned)
    unsigned.close()
    await site.checkpoints.start()
    assert await verdict(site) == SOUND
    await site.checkpoints.close()
    again = checkpoints_of(site.archive)
    await again.start()
    await again.close()
    assert [entry.action async for entry in site.audit.changes()].count(BASELINE) == 1
    assert await verdict(site) == SOUND


async def test_a_checkpoint_has_what_changed_since_the_one_before(site: RunningSite) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")
    await begin(site, "s2")
    await signed(site)
    await go_on(site, "s2")
    await site.audit.record("person:p1", "recording.view", "session:s1")
    await signed(site)
    await signed(site)
    first, second, third = await statements(site)
    assert [one.session for one in second.sessions] == ["s1", "s2"]
    assert [(one.session, one.seq) for one in third.sessions] == [("s2", 2)]
    assert third.audit.seq == second.audit.seq + 1 == first.audit.seq + 1
    assert third.previous == Checkpoint(2, *await bytes_of(site, 2)).hash
    assert await verdict(site) == SOUND


async def bytes_of(site: RunningSite, number: int) -> tuple[bytes, bytes]:
    page = await anext(site.archive.store.checkpoints.pages(number - 1))
    return page[0].body, page[0].signature


async def test_nothing_new_is_signed_again_after_an_hour(site: RunningSite) -> None:
    now = [0.0]
    site.checkpoints._clock = lambda: now[0]
    await site.checkpoints.start()
    for at, count in ((1.0, 1), (3599.0, 1), (3601.0, 2), (7200.0, 2)):
        now[0] = at
        await signed(site)
        assert len(await statements(site)) == count


async def test_the_end_of_a_session_is_signed_at_once(site: RunningSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.0)
    await site.checkpoints.start()
    await begin(site, "s1")
    await close(site, "s1")
    async with asyncio.timeout(30):
        while len(told := await statements(site)) < 2:
            await asyncio.sleep(0.01)
    assert [(one.session, one.seq) for one in told[1].sessions] == [("s1", 3)]
    assert told[1].reason == "session"


async def test_what_was_appended_is_signed_and_not_what_the_database_has_by_then(site: RunningSite) -> None:
    """Somebody is quicker than the minute: what this process wrote is signed all the same."""
    await site.checkpoints.start()
    await begin(site, "s1")
    entries = await site.archive.journal.read("s1")
    with sqlite3.connect(site.archive.folder / "store.sqlite3") as connection:
        connection.execute("UPDATE journal SET hash = ? WHERE session = 's1'", [b"x" * 32])
        connection.execute("UPDATE session SET head_hash = ? WHERE id = 's1'", [b"x" * 32])
    connection.close()
    await signed(site)
    assert (await statements(site))[-1].sessions[0].hash == entries[0].hash.hex()
    found, findings = await verdict(site)
    assert found is Verdict.BROKEN
    assert any("session s1: journal seq 1" in finding for finding in findings)


async def test_what_a_crash_left_unsigned_is_signed_at_the_next_start(site: RunningSite) -> None:
    await site.checkpoints.start()
    await cancel(site.checkpoints._task)
    await begin(site, "s1")
    recorded.STARTED_US = now_us()
    await begin(site, "s2")
    await close(site, "s2", 1)
    assert await verdict(site) == SOUND, "between two checkpoints"
    again = checkpoints_of(site.archive)
    await again.start()
    assert [one.session for one in (await statements(site))[-1].sessions] == ["s1", "s2"]
    await again.close()
    assert await verdict(site) == SOUND


async def test_what_was_written_while_no_server_ran_is_found_after_the_next_start(site: RunningSite) -> None:
    """Neither an entry after a session's end nor a whole old session gets lawful by waiting for a restart."""
    await site.checkpoints.start()
    await begin(site, "s1")
    await close(site, "s1")
    await site.checkpoints.close()
    await site.archive.add("s1", 6000, e.Rated(1), projection=Projection(rating=1))
    await begin(site, "s2")
    await close(site, "s2")
    again = checkpoints_of(site.archive)
    await again.start()
    await again.close()
    assert {one.session for told in await statements(site) for one in told.sessions} == {"s1"}
    found, findings = await verdict(site)
    assert found is Verdict.BROKEN
    assert "session s1: journal seq 4: it follows the end of the session" in findings
    assert any(finding.startswith("session s2: journal seq 1: no checkpoint up to") for finding in findings)


async def test_a_call_whose_clock_is_behind_is_sound_before_it_is_signed(site: RunningSite) -> None:
    """The wall clock was set forward by a day while it ran: checkpoints have the new time, the call keeps its own."""
    await site.checkpoints.start()
    await begin(site, "s1")
    await signed(site)
    await close(site, "s1")
    assert await verdict(site) == SOUND
    await signed(site)
    assert [one.seq for one in (await statements(site))[-1].sessions] == [3]
    assert await verdict(site) == SOUND


async def test_a_call_after_the_clock_was_set_back_is_sound_before_it_is_signed(
    site: RunningSite, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = [DAY_US]
    site.checkpoints._wall_clock = lambda: now_us() + ahead[0]
    await site.checkpoints.start()
    await site.checkpoints._look_at_clock()
    assert len(await statements(site)) == 1, "nobody has set it"
    ahead[0] = -DAY_US
    await site.checkpoints._look_at_clock()
    _, set_back = await statements(site)
    assert (set_back.reason, set_back.sessions, set_back.behind) == ("clock", [], False)
    assert "the wall clock was set" in capsys.readouterr().out
    await begin(site, "s1")  # which is a day ago in this test, as the wall clock is
    await close(site, "s1")
    assert await verdict(site) == SOUND
    await site.checkpoints._look_at_clock()
    assert len(await statements(site)) == 2, "it was set once"


async def test_an_entry_that_is_dated_ahead_is_found_all_the_same(
    site: RunningSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, another process writes: the server signs what it appended itself."""
    await site.checkpoints.start()
    await begin(site, "s1")
    await close(site, "s1")
    await signed(site)
    monkeypatch.setattr(recorded, "STARTED_US", now_us() + DAY_US)
    site.archive.journal.on_append = None
    await begin(site, "s2")
    await close(site, "s2")
    for reason in ("session", "time"):
        assert await verdict(site) == SOUND, "the next checkpoint may have been in the making"
        await site.audit.record("person:p1", "recording.view", "session:s1")
        await site.checkpoints.sign(reason)
    found, findings = await verdict(site)
    assert found is Verdict.BROKEN
    assert any(finding.startswith("session s2: journal seq 1: no checkpoint up to") for finding in findings)


@pytest.mark.parametrize(
    ("at_us", "after", "known", "kept", "may"),
    [
        (1000, 9, 0, 0, True),
        (1000, 10, 0, 0, True),
        (1000, 8, 5, 0, False),  # two checkpoints since
        (-1, 9, 0, 0, False),  # too old
        (-1, 10, 0, 0, False),
        (-1, 9, 5, 0, False),
        (-1, 10, 5, 0, True),  # its time goes on from its beginning
        (-1, 12, 0, 12, True),  # it was appended after the newest that was read
        (-1, 13, 0, 12, False),  # there is no such checkpoint
        (-1, 13, 5, 12, False),
        (1000, None, 5, 0, False),
        ("x", 10, 0, 0, False),
        (1000, b"9", 0, 0, False),
    ],
)
def test_what_the_newest_may_not_know(at_us: object, after: object, known: int, kept: int, may: bool) -> None:
    assert may_be_unknown(10, RECENT_US, at_us=at_us, appended_after=after, known=known, kept=kept) is may


async def test_older_sessions_get_in_by_and_by(site: RunningSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update there may be a million: a checkpoint has a bounded number of them."""
    monkeypatch.setattr(module, "SESSIONS", 3)
    monkeypatch.setattr(module, "_SESSIONS_AT_ONCE", 3)
    for number in range(8):
        await begin(site, f"s{number}")
        await close(site, f"s{number}")
    await site.checkpoints.start()
    assert (await verdict(site)) == SOUND, "some are not signed yet, which the checkpoint says"
    await cancel(site.checkpoints._task)
    again = checkpoints_of(site.archive)  # and the server was killed in between
    await again.start()
    await again.sign("time")
    told = await statements(site)
    assert [len(one.sessions) for one in told] == [3, 3, 2]
    assert [one.behind for one in told] == [True, True, False]
    assert len({session.session for one in told for session in one.sessions}) == 8
    await again.close()
    assert await verdict(site) == SOUND


async def test_a_checkpoint_of_many_sessions_does_not_hold_the_loop(site: RunningSite) -> None:
    await site.checkpoints.start()
    await cancel(site.checkpoints._task)
    seen: list[float] = []
    while not seen or (seen[-1] >= 0.005 * slower() and len(seen) < TRIES):
        for number in range(150):
            await begin(site, f"s{len(seen)}-{number}")
        made, held = await longest_turn(site.checkpoints.sign("time"))
        assert made is not None
        assert len(read_statement(made.body).sessions) == 150
        seen.append(held)
    assert min(seen) < 0.005 * slower(), seen


async def test_many_people_are_in_several(site: RunningSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 5)
    monkeypatch.setattr(module, "BASELINE_ROWS", 4)
    await populate(site)
    await site.checkpoints.start()
    while (await statements(site))[-1].behind:
        await signed(site)
    told = await statements(site)
    assert len(told) > 3
    assert max(len(one.rows) for one in told) <= 8
    assert await verdict(site) == SOUND


async def test_a_second_place_that_is_away_is_filled_when_it_is_back(site: RunningSite) -> None:
    folder = site.archive.folder / "second"
    folder.write_text("not mounted")
    await site.checkpoints.start()
    for number in range(3):
        await begin(site, f"s{number}")
        await signed(site)
    assert len(await statements(site)) == 4
    folder.unlink()
    assert await verdict(site) == SOUND, "the database says that nothing was copied"
    await begin(site, "s9")
    await signed(site)
    assert await numbers(Folder(folder)) == [1, 2, 3, 4, 5]
    assert await verdict(site) == SOUND


async def test_a_new_second_place_gets_everything_and_the_audit_log_says_so(site: RunningSite) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")
    await site.checkpoints.close()
    shutil.rmtree(site.archive.folder / "second")
    again = checkpoints_of(site.archive)
    await again.start()
    await again.close()
    assert await numbers(Folder(site.archive.folder / "second")) == [1, 2, 3]
    entries = await site.audit.read()
    assert [entry.detail for entry in entries if entry.action == "checkpoint.recopied"] == ['{"first":1,"last":2}']
    assert await verdict(site) == SOUND


@pytest.mark.parametrize("cut", [1, 20, 200])
async def test_a_copy_that_a_crash_cut_off_is_no_fault(site: RunningSite, cut: int) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")
    await site.checkpoints.sign("time")
    await cancel(site.checkpoints._task)
    assert await verdict(site) == SOUND, "killed before the copy"
    (file,) = (site.archive.folder / "second").iterdir()
    line = Checkpoint(2, *await bytes_of(site, 2)).line()
    file.write_bytes(file.read_bytes() + line[:-cut])
    assert await verdict(site) == SOUND, "killed within it"
    again = checkpoints_of(site.archive)
    await again.start()
    await again.close()
    assert await verdict(site) == SOUND, "and written once more"
    assert line in file.read_bytes()


async def test_a_crash_after_the_copy_and_before_its_note_is_no_fault(site: RunningSite) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")
    made = await site.checkpoints.sign("time")
    assert made is not None
    await Folder(site.archive.folder / "second").append([made])
    await cancel(site.checkpoints._task)
    assert await verdict(site) == SOUND
    for _ in range(2):
        again = checkpoints_of(site.archive)
        await again.start()
        await again.close()
    assert await verdict(site) == SOUND
    copied = [kept.copied async for page in site.archive.store.checkpoints.pages() for kept in page]
    assert set(copied) == {1}


async def test_an_older_database_does_not_fork_the_chain(site: RunningSite, tmp_path: Path) -> None:
    """Put back from a backup: the numbers go on after those that the second place has, and what is missing is named."""
    await populate(site)
    await site.checkpoints.start()
    await begin(site, "s1")
    await site.checkpoints.close()
    backup = tmp_path / "backup.sqlite3"
    await site.archive.store.database.forget()
    shutil.copy2(tmp_path / "store.sqlite3", backup)
    again = checkpoints_of(site.archive)
    await again.start()
    await begin(site, "s2")
    await people.set_roles(site.desk, "chen.jing", ["guide@b1"])
    await again.close()
    await site.archive.store.close()
    shutil.copy2(backup, tmp_path / "store.sqlite3")
    async with Archive.opened(tmp_path) as archive:
        restored = RunningSite(archive)
        await restored.checkpoints.start()
        await kiosks.revoke_kiosk(restored.desk, "k1")
        await signed(restored)
        await restored.checkpoints.close()
        restored.close()
    told = await numbers(Folder(tmp_path / "second"))
    assert told == list(range(1, len(told) + 1))
    found, findings = await verdict(site)
    assert found is Verdict.BROKEN
    assert any(finding.startswith("session s2: it was deleted: checkpoint") for finding in findings)
    assert any("missing in the database" in finding for finding in findings)
    assert not any(finding.startswith(("session s1", "kiosk k1")) for finding in findings), findings


async def test_a_database_that_takes_nothing_is_asked_again(site: RunningSite, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")

    async def refuse(*_: object) -> None:
        raise Unavailable("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(site.archive.store.checkpoints, "add", refuse)
        await signed(site)
    assert len(await statements(site)) == 1
    await signed(site)
    assert [one.session for one in (await statements(site))[-1].sessions] == ["s1"]


async def test_checkpoints_of_somebody_else_do_not_stop_ours(site: RunningSite) -> None:
    await site.checkpoints.start()
    with sqlite3.connect(site.archive.folder / "store.sqlite3") as connection:
        connection.execute("INSERT INTO checkpoint VALUES (2, x'7b7d', x'00', 1)")
    connection.close()
    await begin(site, "s1")
    await signed(site)
    await signed(site)
    lines = [line async for line in Folder(site.archive.folder / "second").lines()]
    assert read_line(lines[-1]).number == 3
    found, findings = await verdict(site)
    assert found is Verdict.BROKEN
    assert any(finding.startswith("checkpoint 2: it cannot be read in the database") for finding in findings)
    assert not any(finding.startswith("session") for finding in findings)


async def test_closing_signs_what_came_last(site: RunningSite) -> None:
    await site.checkpoints.start()
    await begin(site, "s1")
    await site.checkpoints.close()
    told = await statements(site)
    assert (told[-1].reason, [one.session for one in told[-1].sessions]) == ("stop", ["s1"])
    assert KEY.public.hex() == told[-1].key
