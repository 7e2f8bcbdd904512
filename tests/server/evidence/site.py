"""A small site with everything that checkpoints sign: people, kiosks, sessions with recordings, and an audit log."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.admin import Administration, kiosks, people, places, retention
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.config import Config
from server.evidence.checkpoint import Checkpoint
from server.evidence.checkpoints import Checkpoints
from server.evidence.deletion import LegalDeletion
from server.evidence.holds import lift_hold, place_hold
from server.evidence.second_place import Folder
from server.evidence.verify_store import StoreReport, verify_store
from server.identity.enrolment import use_code
from server.identity.passwords import Passwords
from server.journal import Audit
from server.journal.signing_key import SigningKey
from server.store import Store
from server.store.retention import RetentionRule
from server.store.stamps import now_us
from tests.server.evidence import recorded
from tests.server.evidence.authority import Authority
from tests.server.evidence.recorded import Archive, record

KEY = SigningKey(bytes(range(32, 64)))
SITE_KEY = bytes(range(32))
AUTHORITY = Authority()
"""Who stamps some of its checkpoints."""
SESSIONS = ("s-one", "s-two", "s-three")
DELETED = "s-gone"
"""A session that was deleted by the rules, after a hold on it was lifted."""
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Site:
    """The folder of a site, closed: a test copies it, changes the copy, and has it verified."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "store.sqlite3"

    @property
    def second_place(self) -> Path:
        return self.folder / "second"

    @property
    def earlier(self) -> Path:
        """The database as it was some checkpoints ago."""
        return self.folder / "earlier.sqlite3"

    def copy(self, folder: Path) -> Site:
        return Site(Path(shutil.copytree(self.folder, folder)))

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = await Store.open(f"sqlite+aiosqlite:///{self.database}")
        try:
            yield store
        finally:
            await store.close()

    async def verify(self, *, recordings: bool = True) -> StoreReport:
        async with self.store() as store:
            return await verify_store(
                store=store,
                blobs=Blobs.at(str(self.folder / "blobs")),
                vault=Vault(store.data_keys, SITE_KEY),
                place=Folder(self.second_place),
                trusted=[KEY.public],
                trust=AUTHORITY.trust,
                recordings=recordings,
            )


class RunningSite:
    """The same while its server runs, as far as checkpoints see it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.audit = Audit(archive.store, sign=KEY.sign)
        self.checkpoints = checkpoints_of(archive)
        config = Config(data=archive.folder)
        self._passwords = Passwords()
        self.desk = Administration(config, archive.store, self.audit, self._passwords, "cli:root")

    async def enrol(self, kiosk: str) -> None:
        """Give the kiosk a new code, and a key of its own by it."""
        _, code = await kiosks.kiosk_code(self.desk, kiosk)
        public = base64.urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()

        async def recorded_as(name: str) -> None:
            await self.audit.record(f"kiosk:{name}", "kiosk.enrolled", f"kiosk:{name}")

        await use_code(self.archive.store.kiosks, code, public.rstrip("="), record=recorded_as)

    def close(self) -> None:
        self._passwords.close()


def checkpoints_of(archive: Archive) -> Checkpoints:
    """Checkpoints that are signed when a test says so."""
    return Checkpoints(
        store=archive.store,
        journal=archive.journal,
        audit=Audit(archive.store, sign=KEY.sign),
        key=KEY,
        place=Folder(archive.folder / "second"),
    )


async def signed(site: RunningSite, reason: str = "time") -> None:
    """Sign a checkpoint and copy it, as the server does each minute."""
    await site.checkpoints._try(reason)


async def stamped(site: RunningSite) -> None:
    """Have the newest checkpoint stamped, as the server does every few minutes."""
    store = site.archive.store
    kept = await store.checkpoints.newest()
    assert kept is not None
    token = AUTHORITY.token(bytes.fromhex(Checkpoint(kept.number, kept.body, kept.signature).hash))
    await store.timestamps.add(kept.number, token)
    await Folder(site.archive.folder / "second").add_token(kept.number, token)
    await store.timestamps.mark_copied(kept.number)


async def populate(site: RunningSite) -> None:
    """Branches, a service, people, and two kiosks that have enrolled."""
    desk = site.desk
    await places.add_branch(desk, "b1", name_zh="城中支行", name_en="Downtown")
    await places.add_branch(desk, "b2", name_zh="滨江支行", name_en="Riverside")
    await places.add_service(
        desk, "wealth", name_zh="理财咨询", name_en="Wealth", icon="headset", skill=None, position=None
    )
    for login, role in (("chen.jing", "specialist@b1"), ("wang.fang", "supervisor@b1"), ("li.na", "administrator@*")):
        await people.add_person(
            desk, login, name=login, roles=[role], languages=["zh-CN"], skills=[], password="correct horse " + login
        )
    for kiosk, branch in (("k1", "b1"), ("k2", "b2")):
        await kiosks.add_kiosk(desk, kiosk, name=kiosk, branch=branch)
        await site.enrol(kiosk)


async def retain(site: RunningSite) -> None:
    """Rules, facts and holds; a session that is deleted; and one that is held."""
    archive, desk = site.archive, site.desk
    await record(archive, session=DELETED, seconds=1)
    await signed(site, "session")
    await retention.add_rule(
        desk, RetentionRule("short", "call_ended", "P0D", "民法典 188", outcomes=("solved",)), like=None
    )
    await retention.add_rule(desk, RetentionRule("sales", "", "", "", services=("wealth",)), like="sales-recording")
    hold = await place_hold(archive.store, site.audit, DELETED, reason="Case 6", by="person:p9")
    await place_hold(archive.store, site.audit, "s-three", reason="Case 7", by="person:p9")
    for session in (DELETED, "s-one"):
        await retention.record_facts(desk, session, [("product_ended", "2026-09-30")])
    await lift_hold(archive.store, site.audit, hold.id, reason="settled", by="cli:root")
    deletion = LegalDeletion(
        store=archive.store, journal=archive.journal, vault=archive.vault, blobs=archive.blobs, audit=site.audit,
        key=KEY, clock=lambda: now_us() + 400 * DAY_US,
    )  # fmt: skip
    await deletion.delete(DELETED, "cli:root")


async def build_site(folder: Path, *, seconds: int = 2) -> Site:
    """A site with three finished calls of `seconds`, eight checkpoints, and changes of people and kiosks between.

    The checkpoints after the calls are stamped.
    """
    recorded.STARTED_US = now_us() - DAY_US  # what is signed was written before the checkpoint that signs it
    async with Archive.opened(folder) as archive:
        site = RunningSite(archive)
        try:
            await populate(site)
            await site.checkpoints.start()
            for session, branch in zip(SESSIONS, ("b1", "b2", "b1"), strict=True):
                await record(archive, session=session, seconds=seconds, branch=branch)
                await site.audit.record("person:p9", "recording.view", f"session:{session}")
                await signed(site, "session")
                await stamped(site)
                if session == SESSIONS[0]:
                    await archive.store.database.forget()
                    shutil.copy2(folder / "store.sqlite3", folder / "earlier.sqlite3")
            await people.set_password(site.desk, "wang.fang", "another long password")
            await people.set_roles(site.desk, "chen.jing", ["specialist@b1", "guide@b1"])
            await signed(site)
            await kiosks.revoke_kiosk(site.desk, "k2")
            await people.revoke_person(site.desk, "li.na")
            await signed(site)
            await retain(site)
            await signed(site)
            for _ in range(5):
                await site.audit.record("person:p9", "recording.view", "session:s-one")
            await site.checkpoints.close()
        finally:
            site.close()
    shutil.rmtree(folder / "spool", ignore_errors=True)
    return Site(folder)
