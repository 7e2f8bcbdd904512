"""The demonstration's data: two branches, three services, three kiosks, six people.

Passwords are generated once per data directory and kept there, readable by its owner only, so that a demonstration
that is left running has no well-known password.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from link.protocol.values import Language
from server.config import Config
from server.identity.enrolment import new_code
from server.identity.passwords import Passwords
from server.store import Store
from server.store.branches import Branch, ServiceRow
from server.store.people import EVERY_BRANCH, Grant, Role

BANK = ("示范银行", "Demonstration Bank")
BRANCHES = (Branch("riverside", "滨江支行", "Riverside Branch"), Branch("westgate", "城西支行", "Westgate Branch"))

SERVICES = (
    ServiceRow("wealth", "理财咨询", "Wealth", "trending-up", "wealth", 1),
    ServiceRow("loans", "贷款咨询", "Loans", "banknote", "loans", 2),
    ServiceRow("account", "账户服务", "Account help", "credit-card", "accounts", 3),
)

KIOSK = "riverside-1"
KIOSKS = (
    (KIOSK, "滨江 1 号机", "riverside"),
    ("riverside-2", "滨江 2 号机", "riverside"),
    ("westgate-1", "城西 1 号机", "westgate"),
)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demonstration; `face` is the path of the page that is theirs."""

    login: str
    name: str
    languages: tuple[Language, ...]
    skills: tuple[str, ...]
    grants: tuple[Grant, ...]
    face: str


_ZH, _EN = Language.ZH, Language.EN
_EVERYWHERE = (Grant(Role.SPECIALIST, EVERY_BRANCH),)
_BOTH = (Grant(Role.SUPERVISOR, "riverside"), Grant(Role.SUPERVISOR, "westgate"))

PEOPLE = (
    DemoPerson("lin.wei", "林薇", (_ZH, _EN), ("wealth", "loans"), _EVERYWHERE, "/console"),
    DemoPerson("zhou.ming", "周明", (_ZH,), ("loans", "accounts"), _EVERYWHERE, "/console"),
    DemoPerson("emma.clarke", "Emma Clarke", (_EN,), ("wealth", "accounts"), _EVERYWHERE, "/console"),
    DemoPerson("chen.jing", "陈静", (_ZH,), (), (Grant(Role.GUIDE, "riverside"),), "/guide"),
    DemoPerson("wang.fang", "王芳", (_ZH, _EN), (), _BOTH, "/library"),
    DemoPerson("admin", "赵强", (_ZH, _EN), (), (Grant(Role.ADMINISTRATOR, EVERY_BRANCH),), "/"),
)
SPECIALIST, SUPERVISOR, GUIDE = PEOPLE[0], PEOPLE[4], PEOPLE[3]

_WORDS = (
    "amber birch cedar coral ember fjord grove heron ivory jade kite lotus maple north olive pearl quill ridge tulip"
)


def password_of(data: Path) -> str:
    """The password of everyone in the demonstration whose data directory is `data`, made at the first call."""
    file = data / "demo-password"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        words = [secrets.choice(_WORDS.split()) for _ in range(3)]
        file.write_text("-".join([*words, str(secrets.randbelow(9000) + 1000)]))
    return file.read_text()


async def seed(config: Config, people: Sequence[DemoPerson] = PEOPLE) -> None:
    """Put the demonstration into an empty database; one that has it already stays as it is."""
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = await Store.open(config.database_url)
    passwords = Passwords()
    try:
        if await store.branches.get(BRANCHES[0].id) is not None:
            return
        for branch in BRANCHES:
            await store.branches.add(branch)
        for service in SERVICES:
            await store.services.add(service)
        for kiosk, name, home in KIOSKS:
            await store.kiosks.add(kiosk, name=name, branch=home)
        hashed = await passwords.hash(password_of(config.data))
        for person in people:
            await store.people.add(
                login=person.login,
                name=person.name,
                password_hash=hashed,
                languages=person.languages,
                skills=person.skills,
                grants=person.grants,
            )
    finally:
        passwords.close()
        await store.close()


async def enrolment_code(config: Config, kiosk: str) -> str:
    """A new one-time code for `kiosk`."""
    store = await Store.open(config.database_url)
    try:
        return await new_code(store.kiosks, kiosk, minutes=config.enrolment_minutes)
    finally:
        await store.close()
