from __future__ import annotations

from pathlib import Path

from demo import fixtures
from server.config import Config
from server.identity.passwords import Passwords
from server.store import Store
from server.store.people import Role


async def test_seeding_twice_is_seeding_once(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "var")
    await fixtures.seed(config)
    await fixtures.seed(config)
    store = await Store.open(config.database_url)
    try:
        people = await store.people.all()
        assert {role for person in people for role in person.roles} == set(Role)
        specialists = [person for person in people if Role.SPECIALIST in person.roles]
        assert len({person.skills for person in specialists}) == len({person.languages for person in specialists}) == 3
        assert len(await store.branches.all()) == 2
        services = await store.services.active()
        assert [service.id for service in services] == ["wealth", "loans", "account"]
        for service in services:
            assert any(service.skill in person.skills for person in specialists), "somebody can answer"
        assert {kiosk.branch for kiosk in await store.kiosks.all()} == {"riverside", "westgate"}
    finally:
        await store.close()


async def test_everyone_logs_in_with_the_password_of_the_directory(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "var")
    await fixtures.seed(config)
    password = fixtures.password_of(config.data)
    store, passwords = await Store.open(config.database_url), Passwords()
    try:
        found = await store.people.credentials("lin.wei")
        assert found
        assert await passwords.verify(found[1], password)
    finally:
        passwords.close()
        await store.close()


def test_a_password_is_made_once_and_is_private(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert fixtures.password_of(first) == fixtures.password_of(first)
    assert fixtures.password_of(first) != fixtures.password_of(second)
    assert len(fixtures.password_of(first)) >= 10
    assert (first / "demo-password").stat().st_mode & 0o777 == 0o600


async def test_a_kiosk_gets_a_code(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "var")
    await fixtures.seed(config)
    assert len(await fixtures.enrolment_code(config, fixtures.KIOSK)) == 14
