"""`visavis verify` of everything: what was falsified is found and named, and what was not is sound."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.admin import kiosks, people
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.evidence.second_place import Folder
from server.evidence.signed_history import signed_history
from server.evidence.verify import Verdict, VerifyReport, verify_kept
from server.evidence.verify_store import verify_store
from server.journal import Journal
from server.session import events as e
from server.store.stamps import now_us
from tests.big import BIG
from tests.server.evidence import recorded
from tests.server.evidence.falsifications import ALL, OTHER_KEY, Falsification, falsify
from tests.server.evidence.flips import KINDS, flip
from tests.server.evidence.recorded import Archive, record
from tests.server.evidence.site import AUTHORITY, DELETED, KEY, SITE_KEY, RunningSite, Site, build_site, signed

FLIPS = 300 if BIG else 64
TRUSTED: dict[str, Any] = {"trusted": [KEY.public], "trust": AUTHORITY.trust}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    before = recorded.STARTED_US
    yield asyncio.run(build_site(tmp_path_factory.mktemp("site")))
    recorded.STARTED_US = before


@pytest.fixture
def site(built: Site, tmp_path: Path) -> Site:
    return built.copy(tmp_path / "copy")


async def of_session(site: Site, session: str) -> VerifyReport:
    """As `visavis verify SESSION`."""
    async with site.store() as store:
        history = await signed_history(session, store=store, place=Folder(site.second_place), trusted=[KEY.public])
        return await verify_kept(
            session,
            store=store,
            trusted=[KEY.public],
            journal=Journal(store),
            blobs=Blobs.at(str(site.folder / "blobs")),
            vault=Vault(store.data_keys, SITE_KEY),
            history=history,
        )


async def test_what_nobody_touched_is_sound(site: Site) -> None:
    report = await site.verify()
    assert report.findings == []
    assert (report.verdict, report.exit_code, report.sessions, report.documents) == (Verdict.SOUND, 0, 4, 3)
    assert report.checkpoints >= 6
    assert report.segments > 15
    assert report.rows == 23
    assert list(report.deleted) == [DELETED]
    assert report.deletions == 1
    assert f"DELETED   session {DELETED}: " in report.as_text()
    assert report.as_text().endswith("verdict     sound")
    assert json.loads(report.as_json())["verdict"] == "sound"
    for session in ("s-one", "s-two", "s-three"):
        assert (await of_session(site, session)).findings == []
    assert (await of_session(site, DELETED)).verdict is Verdict.DELETED


def test_there_are_enough_ways() -> None:
    assert len(ALL) >= 40
    assert len({one.name for one in ALL}) == len(ALL)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name.replace(" ", "-"))
async def test_a_falsification_is_found_and_named(site: Site, one: Falsification) -> None:
    falsify(site, one)
    report = await site.verify(recordings=one.files or "data key" in one.name)
    assert (report.verdict, report.exit_code) == (Verdict.BROKEN, 1)
    told = [f"{finding.where}: {finding.problem}" for finding in report.findings]
    for name in one.names:
        assert any(name in line for line in told), told


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("journal entry edited, all hashes computed anew", "s-one"),
        ("journal's tail cut, the row's head set to it", "s-one"),
        ("an entry added to a closed session, head set", "s-one"),
        ("session deleted with all its rows", "s-two"),
        ("session deleted, and every checkpoint since", "s-two"),
        ("database put back to an earlier copy", "s-three"),
    ],
)
async def test_the_check_of_one_session_finds_it_too(site: Site, name: str, session: str) -> None:
    falsify(site, next(one for one in ALL if one.name == name))
    report = await of_session(site, session)
    assert report.verdict is Verdict.BROKEN
    assert any("checkpoint" in finding.problem for finding in report.findings), report.as_text()
    other = "s-one" if session != "s-one" else "s-two"
    assert (await of_session(site, other)).verdict is Verdict.SOUND


async def test_single_bytes_of_everything_are_found_and_named(site: Site, built: Site) -> None:
    chance = random.Random(11)
    for number in range(FLIPS):
        one = flip(site, built, KINDS[number % len(KINDS)], chance)
        report = await site.verify(recordings=one.files)
        assert report.verdict is not Verdict.SOUND, one.what
        assert any(one.named(finding.where) for finding in report.findings), (one.what, report.findings)
        one.undo()
    assert (await site.verify()).verdict is Verdict.SOUND


async def test_lawful_changes_and_running_calls_are_sound(site: Site) -> None:
    """Whatever people and kiosks do with the administration's commands, at every moment between two checkpoints."""
    recorded.STARTED_US += 3_600_000_000
    async with Archive.opened(site.folder) as archive:
        running = RunningSite(archive)
        await running.checkpoints.start()
        desk = running.desk
        steps = (
            people.add_person(
                desk, "new", name="新", roles=["guide@b1"], languages=["en"], skills=[], password="long enough 1"
            ),
            people.set_password(desk, "chen.jing", "yet another password"),
            people.change_person(desk, "chen.jing", name="Chen", branch="b2"),
            people.revoke_person(desk, "chen.jing"),
            people.restore_person(desk, "li.na"),
            kiosks.add_kiosk(desk, "k3", name="k3", branch="b2"),
            running.enrol("k3"),
            running.enrol("k2"),
            kiosks.change_kiosk(desk, "k1", branch="b2"),
            kiosks.revoke_kiosk(desk, "k1"),
            record(archive, session="s-running", seconds=1, finished=False),
            archive.store.data_keys.add("s-new", "aes-256-gcm", b"x"),
        )
        for number, step in enumerate(steps):
            await step
            assert (await site.verify(recordings=False)).findings == [], number
            if number % 3 == 2:
                await signed(running)
                assert (await site.verify(recordings=False)).findings == [], number
        await running.checkpoints.close()
        running.close()
    report = await site.verify()
    assert (report.verdict, report.findings) == (Verdict.SOUND, [])


async def test_a_verification_while_the_server_writes_is_sound(site: Site) -> None:
    async with Archive.opened(site.folder) as archive:
        running = RunningSite(archive)
        await running.checkpoints.start()
        busy = True

        async def write() -> None:
            number = 0
            while busy:
                number += 1
                await running.audit.record("person:p1", "recording.view", "session:s-one")
                await people.set_roles(running.desk, "chen.jing", ["guide@b1"] if number % 2 else ["guide@b2"])
                recorded.STARTED_US = now_us()  # what is not signed yet was written just now
                await record(archive, session=f"s-live-{number}", seconds=1)
                await signed(running)

        writing = asyncio.get_running_loop().create_task(write())
        for _ in range(5):
            report = await site.verify(recordings=False)
            assert report.findings == [], report.as_text()
        busy = False
        await writing
        await running.checkpoints.close()
        running.close()


async def test_a_destroyed_data_key_is_broken_without_a_certificate_and_not_with_one(site: Site) -> None:
    async with site.store() as store:
        await store.data_keys.destroy("s-two", bytes(64))
    report = await site.verify(recordings=False)
    assert (report.verdict, report.exit_code, list(report.deleted)) == (Verdict.BROKEN, 1, [DELETED])
    assert [(finding.where, finding.problem[:40]) for finding in report.findings] == [
        ("session s-two: data key", "it was destroyed, and there is no certif")
    ]


async def test_a_destroyed_data_key_that_is_put_back_is_found(site: Site, tmp_path: Path) -> None:
    """Where a checkpoint has signed that it was destroyed: the next in which the session is named."""
    async with Archive.opened(site.folder) as archive:
        running = RunningSite(archive)
        await running.checkpoints.start()
        key = await archive.store.data_keys.get("s-two")
        assert key is not None
        await archive.store.data_keys.destroy("s-two", bytes(64))
        await archive.journal.append("s-two", [(e.kind(e.Closed()), e.encode(e.Closed()))], at_us=now_us())
        await running.checkpoints.close()
        running.close()
    whole = await site.verify(recordings=False)
    assert [one.problem[:40] for one in whole.findings if "data key" in one.where] == [
        "it was destroyed, and there is no certif"
    ]
    with closing(sqlite3.connect(site.database)) as connection, connection:
        connection.execute(
            "UPDATE data_key SET wrapped = ?, destroyed_us = NULL WHERE session = 's-two'", [key.wrapped]
        )
    report = await site.verify(recordings=False)
    assert report.verdict is Verdict.BROKEN
    assert ["put back after it was destroyed" in one.problem for one in report.findings if "data key" in one.where] == [
        True
    ]


async def test_another_site_key_is_no_forgery(site: Site) -> None:
    """Nothing can be read with it; journals, people and checkpoints are checked all the same."""
    async with site.store() as store:
        blobs, vault = Blobs.at(str(site.folder / "blobs")), Vault(store.data_keys, bytes(32))
        place = Folder(site.second_place)
        report = await verify_store(store=store, blobs=blobs, vault=vault, place=place, **TRUSTED)
        assert (report.verdict, report.findings[0].where) == (Verdict.UNUSABLE, "site key")
        assert report.checkpoints >= 6
        quick = await verify_store(store=store, blobs=blobs, vault=vault, place=place, recordings=False, **TRUSTED)
    assert (quick.verdict, quick.findings) == (Verdict.SOUND, [])


async def test_without_the_signing_key_it_cannot_be_said(site: Site) -> None:
    async with site.store() as store:
        blobs, vault = Blobs.at(str(site.folder / "blobs")), Vault(store.data_keys, SITE_KEY)
        report = await verify_store(store=store, blobs=blobs, vault=vault, place=Folder(site.second_place), trusted=[])
    assert (report.verdict, report.exit_code) == (Verdict.UNUSABLE, 2)
    assert report.findings[0].where == "signing key"


async def test_an_older_key_can_be_trusted_too(site: Site) -> None:
    """After a signing key was lost, what the old one signed is checked with its public half."""
    async with site.store() as store:
        blobs, vault, place = Blobs.at(str(site.folder / "blobs")), None, Folder(site.second_place)
        for trusted, found in (([OTHER_KEY.public, KEY.public], []), ([OTHER_KEY.public], ["it is not signed"])):
            report = await verify_store(
                store=store, blobs=blobs, vault=vault, place=place, recordings=False, **{**TRUSTED, "trusted": trusted}
            )
            assert [text for text in found if not any(text in one.problem for one in report.findings)] == []
            assert (report.verdict is Verdict.SOUND) is not bool(found)
