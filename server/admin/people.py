"""Commands about people: accounts, roles and revocation."""

from __future__ import annotations

from collections.abc import Sequence

from link.protocol.values import Language
from server.admin.desk import AdminError, Administration, check_id, check_login, check_name
from server.identity.passwords import WeakPassword, check_strength
from server.store.errors import Conflict
from server.store.people import EVERY_BRANCH, Grant, Person, Role


async def add_person(
    desk: Administration,
    login: str,
    *,
    name: str,
    roles: Sequence[str],
    languages: Sequence[str],
    skills: Sequence[str],
    password: str,
) -> Person:
    """Add a person. `roles` are `ROLE@BRANCH`, with `*` for every branch. Raises `AdminError`."""
    check_login(login)
    grants = await _grants(desk, roles)
    known, password_hash = await _skills(desk, skills), await _hash(desk, password)
    try:
        async with desk.changing():
            person = await desk.store.people.add(
                login=login,
                name=check_name(name),
                password_hash=password_hash,
                languages=_languages(languages),
                skills=known,
                grants=grants,
            )
            await desk.audit.record(desk.actor, "person.add", f"person:{person.id}", {"roles": _spelled(grants)})
    except Conflict as error:
        raise AdminError(str(error)) from error
    return person


async def list_people(desk: Administration) -> list[Person]:
    """Everyone."""
    return await desk.store.people.all()


async def set_password(desk: Administration, login: str, password: str) -> Person:
    """Give a person a new password and end all logins made with the old one. Raises `AdminError`."""
    person = await _find(desk, login)
    password_hash = await _hash(desk, password)
    async with desk.changing():
        await desk.store.people.set_password(person.id, password_hash)
        await desk.store.logins.revoke_person(person.id)
        await desk.audit.record(desk.actor, "person.password", f"person:{person.id}")
    return person


async def set_roles(desk: Administration, login: str, roles: Sequence[str]) -> Person:
    """Replace a person's roles; live connections are ended so that the new roles hold at once. Raises `AdminError`."""
    person = await _find(desk, login)
    grants = await _grants(desk, roles)
    async with desk.changing():
        await desk.store.people.set_grants(person.id, grants)
        await desk.store.logins.announce(person.id)
        await desk.audit.record(desk.actor, "person.roles", f"person:{person.id}", {"roles": _spelled(grants)})
    return await _find(desk, login)


async def change_person(
    desk: Administration,
    login: str,
    *,
    name: str | None = None,
    languages: Sequence[str] | None = None,
    skills: Sequence[str] | None = None,
    branch: str | None = None,
) -> Person:
    """Change what is given; `branch` moves all roles there. Holds at once for live connections. Raises `AdminError`."""
    person = await _find(desk, login)
    roles = None if branch is None else sorted({f"{grant.role}@{branch}" for grant in person.grants})
    grants = None if roles is None else await _grants(desk, roles)
    given = {"name": name, "languages": languages, "skills": skills, "branch": branch}
    changed = [field for field, value in given.items() if value is not None]
    skills_now = person.skills if skills is None else await _skills(desk, skills)
    async with desk.changing():
        await desk.store.people.set_profile(
            person.id,
            name=person.name if name is None else check_name(name),
            languages=person.languages if languages is None else _languages(languages),
            skills=skills_now,
        )
        if grants is not None:
            await desk.store.people.set_grants(person.id, grants)
        await desk.store.logins.announce(person.id)
        await desk.audit.record(desk.actor, "person.change", f"person:{person.id}", {"changed": changed})
    return await _find(desk, login)


async def revoke_person(desk: Administration, login: str) -> Person:
    """Revoke a person's access and end all their logins at once. Raises `AdminError`."""
    person = await _find(desk, login)
    async with desk.changing():
        await desk.store.people.set_active(person.id, False)
        await desk.store.logins.revoke_person(person.id)
        await desk.audit.record(desk.actor, "person.revoke", f"person:{person.id}")
    return await _find(desk, login)


async def restore_person(desk: Administration, login: str) -> Person:
    """Let a revoked person log in again. Raises `AdminError`."""
    person = await _find(desk, login)
    async with desk.changing():
        await desk.store.people.set_active(person.id, True)
        await desk.audit.record(desk.actor, "person.restore", f"person:{person.id}")
    return await _find(desk, login)


async def _find(desk: Administration, login: str) -> Person:
    person = await desk.store.people.by_login(login)
    if person is None:
        raise AdminError(f"there is no person with the login {login}")
    return person


async def _hash(desk: Administration, password: str) -> str:
    try:
        check_strength(password)
    except WeakPassword as error:
        raise AdminError(str(error)) from error
    return await desk.passwords.hash(password)


async def _grants(desk: Administration, roles: Sequence[str]) -> frozenset[Grant]:
    branches = {branch.id for branch in await desk.store.branches.all()}
    grants = set()
    for text in roles:
        role, separator, branch = text.partition("@")
        if role not in list(Role) or not separator:
            raise AdminError(f"{text!r} is no role: write ROLE@BRANCH or ROLE@{EVERY_BRANCH}, with {', '.join(Role)}")
        if branch != EVERY_BRANCH and branch not in branches:
            raise AdminError(f"there is no branch {branch}")
        grants.add(Grant(Role(role), branch))
    return frozenset(grants)


async def _skills(desk: Administration, skills: Sequence[str]) -> list[str]:
    known = sorted({service.skill for service in await desk.store.services.all()})
    wanted = [check_id(skill) for skill in dict.fromkeys(skills)]
    unknown = [skill for skill in wanted if skill not in known]
    if unknown:
        listed = f"the services need {', '.join(known)}" if known else "there is no service yet; add one first"
        raise AdminError(f"no service needs the skill {unknown[0]}: {listed}")
    return wanted


def _languages(languages: Sequence[str]) -> list[Language]:
    unknown = [language for language in languages if language not in list(Language)]
    if unknown:
        raise AdminError(f"{unknown[0]!r} is no language: use {' or '.join(Language)}")
    return [Language(language) for language in dict.fromkeys(languages)]


def _spelled(grants: frozenset[Grant]) -> list[str]:
    return [f"{grant.role}@{grant.branch}" for grant in sorted(grants)]
