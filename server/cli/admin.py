"""The commands `visavis admin …`: names, arguments and output."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

import msgspec

from link.protocol.values import WhenUnrecorded
from server import config as configuration
from server.admin import AdminError, Administration, kiosks, open_desk, people, places
from server.config import Config
from server.store import schema
from server.store.branches import Branch, ServiceRow
from server.store.kiosks import Kiosk
from server.store.people import Person

Row = Mapping[str, object]
Action = Callable[[Administration, argparse.Namespace], Awaitable[Sequence[Row] | Row]]
STORE_OPTIONS = ("data", "database", "enrolment_minutes", "signing_key")
_ROLE = "ROLE@BRANCH; * for every branch; roles: specialist, guide, supervisor, administrator"


def add_commands(commands: Any) -> Any:
    """Add `admin` with everything below it; return what further nouns are added to."""
    nouns = commands.add_parser("admin", help="branches, services, people, kiosks, the database's schema")
    verbs = nouns.add_subparsers(dest="noun", required=True, metavar="NOUN")
    _branches(_noun(verbs, "branch", "branches of the bank"))
    _services(_noun(verbs, "service", "services that customers ask an expert about"))
    _people(_noun(verbs, "person", "specialists, guides, supervisors, administrators"))
    _kiosks(_noun(verbs, "kiosk", "kiosks and their enrolment"))
    migrating = verbs.add_parser("migrate", help="bring the database's schema up to date (serving does so by itself)")
    configuration.add_flags(migrating, STORE_OPTIONS)
    migrating.add_argument("--json", action="store_true", help="answer in JSON")
    migrating.set_defaults(run=_migrate)
    return verbs


def _noun(verbs: Any, name: str, text: str) -> Any:
    return verbs.add_parser(name, help=text).add_subparsers(dest="verb", required=True, metavar="VERB")


def _verb(noun: Any, name: str, text: str, action: Action, *names: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = noun.add_parser(name, help=text, description=text)
    for positional in names:
        parser.add_argument(positional, metavar=positional.upper())
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    configuration.add_flags(parser, STORE_OPTIONS)
    parser.set_defaults(run=lambda config, options: _run(config, options, action))
    return parser


def _branches(noun: Any) -> None:
    async def add(desk: Administration, options: argparse.Namespace) -> Row:
        return _branch(await places.add_branch(desk, options.branch, name_zh=options.zh, name_en=options.en))

    async def show(desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [_branch(branch) for branch in await places.list_branches(desk)]

    adding = _verb(noun, "add", "add a branch", add, "branch")
    _names(adding)
    _verb(noun, "list", "list the branches", show)


def _services(noun: Any) -> None:
    async def add(desk: Administration, options: argparse.Namespace) -> Row:
        return _service(
            await places.add_service(
                desk,
                options.service,
                name_zh=options.zh,
                name_en=options.en,
                icon=options.icon,
                skill=options.skill,
                position=options.position,
            )
        )

    async def show(desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [_service(service) for service in await places.list_services(desk)]

    async def retire(desk: Administration, options: argparse.Namespace) -> Row:
        return _service(await places.set_service(desk, options.service, active=False))

    async def offer(desk: Administration, options: argparse.Namespace) -> Row:
        return _service(await places.set_service(desk, options.service, active=True))

    async def unrecorded(desk: Administration, options: argparse.Namespace) -> Row:
        return _service(await places.set_when_unrecorded(desk, options.service, WhenUnrecorded(options.policy)))

    adding = _verb(noun, "add", "add a service", add, "service")
    _names(adding)
    adding.add_argument("--icon", default="headset", help="name of the icon on the kiosk (default: headset)")
    adding.add_argument("--skill", help="skill a specialist needs for it (default: the service's id)")
    adding.add_argument("--position", type=whole(1, 999), help="place on the kiosk's page, from 1 (default: last)")
    _verb(noun, "list", "list the services", show)
    _verb(noun, "retire", "offer a service no more", retire, "service")
    _verb(noun, "offer", "offer a retired service again", offer, "service")
    ruling = _verb(noun, "unrecorded", "what its calls do while something is not recorded", unrecorded, "service")
    ruling.add_argument(
        "policy",
        choices=[str(policy) for policy in WhenUnrecorded],
        help="warn: go on, both sides are told; pause: nobody hears or sees anybody until it is; end: the call ends",
    )


def _people(noun: Any) -> None:
    async def add(desk: Administration, options: argparse.Namespace) -> Row:
        password, shown = _password(options)
        person = await people.add_person(
            desk,
            options.login,
            name=options.name,
            roles=options.role,
            languages=options.language or ["zh-CN"],
            skills=options.skill,
            password=password,
        )
        return _person(person) | shown

    async def show(desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [_person(person) for person in await people.list_people(desk)]

    async def password(desk: Administration, options: argparse.Namespace) -> Row:
        given, shown = _password(options)
        return _person(await people.set_password(desk, options.login, given)) | shown

    async def roles(desk: Administration, options: argparse.Namespace) -> Row:
        return _person(await people.set_roles(desk, options.login, options.role))

    async def change(desk: Administration, options: argparse.Namespace) -> Row:
        _something(options.name, options.language, options.skill, options.branch, options.no_skills or None)
        return _person(
            await people.change_person(
                desk,
                options.login,
                name=options.name,
                languages=options.language,
                skills=[] if options.no_skills else options.skill,
                branch=options.branch,
            )
        )

    async def revoke(desk: Administration, options: argparse.Namespace) -> Row:
        return _person(await people.revoke_person(desk, options.login))

    async def restore(desk: Administration, options: argparse.Namespace) -> Row:
        return _person(await people.restore_person(desk, options.login))

    adding = _verb(noun, "add", "add a person; the password is read from stdin or asked for", add, "login")
    adding.add_argument("--name", required=True, help="name as others see it")
    adding.add_argument("--role", action="append", required=True, metavar="ROLE@BRANCH", help=_ROLE)
    adding.add_argument("--language", action="append", default=[], help="zh-CN or en; repeat for both (default: zh-CN)")
    adding.add_argument("--skill", action="append", default=[], help="what a specialist knows; repeat for several")
    _verb(noun, "list", "list the people", show)
    changing = _verb(noun, "password", "set a password, read from stdin or asked for", password, "login")
    for parser in (adding, changing):
        parser.add_argument("--generate", action="store_true", help="make up a password and print it")
    granting = _verb(noun, "roles", "replace a person's roles", roles, "login")
    granting.add_argument("--role", action="append", required=True, metavar="ROLE@BRANCH", help=_ROLE)
    setting = _verb(noun, "set", "change a person's name, languages, skills or branch; the rest stays", change, "login")
    setting.add_argument("--name", help="name as others see it")
    setting.add_argument("--language", action="append", help="all languages from now on: zh-CN or en; repeat for both")
    skills = setting.add_mutually_exclusive_group()
    skills.add_argument("--skill", action="append", help="all skills from now on; repeat for several")
    skills.add_argument("--no-skills", action="store_true", help="no skill any more")
    setting.add_argument("--branch", help="the one branch of all roles from now on; * for every branch")
    _verb(noun, "revoke", "let a person in no more, at once", revoke, "login")
    _verb(noun, "restore", "let a revoked person in again", restore, "login")


def _kiosks(noun: Any) -> None:
    async def add(desk: Administration, options: argparse.Namespace) -> Row:
        kiosk, code = await kiosks.add_kiosk(desk, options.kiosk, name=options.name, branch=options.branch)
        return _kiosk(kiosk) | _code(desk, code)

    async def show(desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [_kiosk(kiosk) for kiosk in await kiosks.list_kiosks(desk)]

    async def new_code(desk: Administration, options: argparse.Namespace) -> Row:
        kiosk, code = await kiosks.kiosk_code(desk, options.kiosk)
        return _kiosk(kiosk) | _code(desk, code)

    async def change(desk: Administration, options: argparse.Namespace) -> Row:
        _something(options.name, options.branch)
        return _kiosk(await kiosks.change_kiosk(desk, options.kiosk, name=options.name, branch=options.branch))

    async def revoke(desk: Administration, options: argparse.Namespace) -> Row:
        return _kiosk(await kiosks.revoke_kiosk(desk, options.kiosk))

    adding = _verb(noun, "add", "add a kiosk and print its one-time enrolment code", add, "kiosk")
    adding.add_argument("--name", required=True, help="name as people see it")
    adding.add_argument("--branch", required=True, help="id of the branch it stands in")
    _verb(noun, "list", "list the kiosks", show)
    setting = _verb(noun, "set", "change a kiosk's name or branch", change, "kiosk")
    setting.add_argument("--name", help="name as people see it")
    setting.add_argument("--branch", help="id of the branch it stands in")
    _verb(noun, "code", "print a new one-time enrolment code", new_code, "kiosk")
    _verb(noun, "revoke", "take a kiosk's key away, at once", revoke, "kiosk")


def _something(*given: object) -> None:
    """Raises `AdminError` when nothing is to be changed."""
    if all(value is None for value in given):
        raise AdminError("nothing to change was given")


def _names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--zh", required=True, metavar="NAME", help="name in Chinese")
    parser.add_argument("--en", required=True, metavar="NAME", help="name in English")


def _branch(branch: Branch) -> dict[str, object]:
    return {"branch": branch.id, "zh": branch.name_zh, "en": branch.name_en}


def _service(service: ServiceRow) -> dict[str, object]:
    return {
        "service": service.id,
        "zh": service.name_zh,
        "en": service.name_en,
        "skill": service.skill,
        "icon": service.icon,
        "offered": service.active,
        "unrecorded": service.when_unrecorded,
    }


def _person(person: Person) -> dict[str, object]:
    return {
        "login": person.login,
        "name": person.name,
        "roles": [f"{grant.role}@{grant.branch}" for grant in sorted(person.grants)],
        "languages": [str(language) for language in person.languages],
        "skills": list(person.skills),
        "active": person.active,
        "person": person.id,
    }


def _kiosk(kiosk: Kiosk) -> dict[str, object]:
    state = "revoked" if kiosk.revoked else "enrolled" if kiosk.enrolled else "new"
    return {"kiosk": kiosk.id, "name": kiosk.name, "branch": kiosk.branch, "state": state}


def _code(desk: Administration, code: str) -> dict[str, object]:
    return {"code": code, "minutes": desk.config.enrolment_minutes}


def _password(options: argparse.Namespace) -> tuple[str, dict[str, object]]:
    """The password (made up, typed, or the first line of stdin) and what of it is to be shown."""
    if options.generate:
        password = secrets.token_urlsafe(12)
        return password, {"password": password}
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n"), {}
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise AdminError("the two passwords differ")
    return password, {}


def _run(config: Config, options: argparse.Namespace, action: Action) -> int:
    async def run() -> Sequence[Row] | Row:
        async with open_desk(config) as desk:
            return await action(desk, options)

    answer(asyncio.run(run()), as_json=options.json)
    return 0


def _migrate(config: Config, options: argparse.Namespace) -> int:
    before, after = schema.migrate(config.database_url)
    answer({"before": before, "after": after}, as_json=options.json)
    return 0


def whole(low: int, high: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high} is expected")
        return int(text)

    return parse


def answer(rows: Sequence[Row] | Row, *, as_json: bool) -> None:
    """Print a command's result: JSON, lines of `key: value` for one row, or a table."""
    if as_json:
        print(msgspec.json.encode(rows).decode())
    elif isinstance(rows, Mapping):
        print("\n".join(f"{key}: {_cell(value)}" for key, value in rows.items()))
    elif rows:
        table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(_columns(line[column]) for line in table) for column in range(len(table[0]))]
        for line in table:
            cells = (cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True))
            print("  ".join(cells).rstrip())


def _columns(text: str) -> int:
    """How wide a terminal draws it: a Chinese character takes two columns."""
    return sum(2 if east_asian_width(character) in "FW" else 1 for character in text)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
