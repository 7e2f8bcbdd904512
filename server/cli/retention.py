"""The commands `visavis retention`, `visavis hold`, `visavis admin retention`: how long sessions are kept, and why."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from link.protocol.errors import Unavailable
from server import config as configuration
from server.admin import AdminError, Administration, retention
from server.admin.desk import account
from server.cli.admin import Row, answer, whole
from server.cli.admin import _noun as noun
from server.cli.admin import _verb as verb
from server.cli.evidence import EVIDENCE, NoEvidence
from server.cli.evidence import _opened as opened
from server.cli.evidence import _public_key as public_key
from server.cli.evidence import _recordings as recordings
from server.cli.evidence import _trusted as trusted
from server.config import Config
from server.evidence.certificate import FILE_BYTES, NoCertificate, check_file, write_file
from server.evidence.checkpoint import moment
from server.evidence.deletion import Decided, LegalDeletion, NotDue, decided_on, say
from server.evidence.holds import BadReason, lift_hold, place_holds
from server.evidence.retention import (
    AGE_GROUP,
    AGE_GROUPS,
    DISPUTE,
    EVENTS,
    OPEN,
    PRODUCT,
    PRODUCT_ENDED,
    say_conditions,
)
from server.journal import Audit
from server.journal.signing_key import open_signing_key
from server.store import Store
from server.store.errors import Conflict, UnderHold
from server.store.holds import LegalHold
from server.store.retention import RetentionRule

STORE = ("data", "database", "signing_key")
LISTED = 1000
"""Sessions that one dry run lists as it comes."""
Run = Callable[[Config, argparse.Namespace], Coroutine[None, None, int]]


def add_commands(commands: Any, admin: Any) -> None:
    """Add the commands; `admin` are the nouns of `visavis admin`."""
    _rules(noun(admin, "retention", "rules of how long sessions are kept"))
    keeping = commands.add_parser("retention", help="how long sessions are kept; delete those that need not be")
    _sessions(keeping.add_subparsers(dest="verb", required=True, metavar="VERB"))
    holding = commands.add_parser("hold", help="legal holds: sessions that nothing deletes")
    _holds(holding.add_subparsers(dest="verb", required=True, metavar="VERB"))


def _rules(verbs: Any) -> None:
    async def add(desk: Administration, options: argparse.Namespace) -> Row:
        rule = RetentionRule(
            options.rule,
            options.counts_from or "",
            options.keep or "",
            options.source or "",
            services=tuple(options.service),
            products=tuple(options.product),
            outcomes=tuple(options.outcome),
            age_groups=tuple(options.age_group),
        )
        return _rule(await retention.add_rule(desk, rule, like=options.like))

    async def remove(desk: Administration, options: argparse.Namespace) -> Row:
        return _rule(await retention.remove_rule(desk, options.rule))

    async def show(desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [_rule(rule) for rule in await retention.list_rules(desk)]

    async def templates(_desk: Administration, _options: argparse.Namespace) -> list[Row]:
        return [
            {"template": name, "from": one.counts_from, "keep": one.keep, "source": one.source}
            for name, one in retention.TEMPLATES.items()
        ]

    adding = verb(verbs, "add", "add a rule; of all that apply to a session the longest wins", add, "rule")
    adding.add_argument("--like", choices=sorted(retention.TEMPLATES), help="a usual rule that this one follows")
    adding.add_argument("--from", dest="counts_from", choices=EVENTS, help="the event that the period counts from")
    adding.add_argument("--keep", metavar="PERIOD", help="how long: P5Y, P6M, P180D (ISO 8601)")
    adding.add_argument("--source", metavar="TEXT", help="the text of law or the decision that it follows")
    for name, text in (
        ("service", "id of a service that it applies to"),
        ("product", "product that it applies to"),
        ("outcome", "outcome that it applies to; “abandoned”: nobody answered"),
    ):
        adding.add_argument(f"--{name}", action="append", default=[], help=f"{text}; repeat for several (default: any)")
    adding.add_argument(
        "--age-group",
        action="append",
        default=[],
        choices=AGE_GROUPS,
        help="age group that it applies to; repeat for several (default: any)",
    )
    verb(verbs, "remove", "remove a rule; sessions that no other rule keeps may then be deleted", remove, "rule")
    verb(verbs, "list", "list the rules", show)
    verb(verbs, "templates", "list usual rules of Chinese banks, with their sources", templates)


def _sessions(verbs: Any) -> None:
    running = _command(
        verbs, "run", "delete what no rule and no hold keeps any more, each with its certificate", _run, EVIDENCE
    )
    running.add_argument("--dry-run", action="store_true", help="only list what would be deleted, and under which rule")
    running.add_argument(
        "--limit", type=whole(1, 10**6), default=LISTED, help=f"most sessions of one run (default: {LISTED})"
    )
    showing = _command(verbs, "show", "what the rules say of one session, and why", _show, ())
    showing.add_argument("session", metavar="SESSION")
    verb_of = verb(verbs, "record", "record what the rules need to know of a session", _record, "session")
    verb_of.add_argument("--product", metavar="ID", help="the product that was sold")
    verb_of.add_argument("--age-group", choices=AGE_GROUPS, help="the customer's age group then")
    verb_of.add_argument(
        "--product-ended", metavar="DAY", help="the day that the product or contract ended: 2026-09-21"
    )
    disputes = verb_of.add_mutually_exclusive_group()
    disputes.add_argument("--dispute-open", action="store_true", help="there is a dispute; it is not over")
    disputes.add_argument("--dispute-ended", metavar="DAY", help="the day that the dispute ended for good")
    giving = _command(verbs, "certificate", "write the certificate of a deletion to a file", _certificate, ())
    giving.add_argument("session", metavar="SESSION")
    giving.add_argument("file", metavar="FILE", type=Path)
    checking = _command(verbs, "check", "check such a file: exit 0 signed by this site, 1 not", _check, ())
    checking.add_argument(
        "--public-key",
        metavar="HEX",
        action="append",
        type=public_key,
        help="public key to trust instead of the file's",
    )
    checking.add_argument("file", metavar="FILE", type=Path)


def _holds(verbs: Any) -> None:
    placing = _command(verbs, "place", "hold sessions: nothing deletes them until every hold is lifted", _place, ())
    placing.add_argument("session", metavar="SESSION", nargs="+")
    lifting = _command(verbs, "lift", "lift holds; their rows stay", _lift, ())
    lifting.add_argument("hold", metavar="HOLD", nargs="+")
    for parser in (placing, lifting):
        parser.add_argument("--reason", required=True, help="why, without names: a case number")
    listing = _command(verbs, "list", "list the holds in force, or all that a session ever had", _list, ())
    listing.add_argument("session", metavar="SESSION", nargs="?")


def _command(verbs: Any, name: str, text: str, run: Run, more: tuple[str, ...]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    configuration.add_flags(parser, tuple(dict.fromkeys((*STORE, *more))))
    parser.set_defaults(run=lambda config, options: asyncio.run(run(config, options)))
    return parser


async def _record(desk: Administration, options: argparse.Namespace) -> Row:
    given = {
        PRODUCT: options.product,
        AGE_GROUP: options.age_group,
        PRODUCT_ENDED: options.product_ended,
        DISPUTE: OPEN if options.dispute_open else options.dispute_ended,
    }
    facts = [(name, value) for name, value in given.items() if value is not None]
    await retention.record_facts(desk, options.session, facts)
    return _decided(await decided_on(desk.store, options.session))


async def _run(config: Config, options: argparse.Namespace) -> int:
    async with _deleting(config) as (store, deletion):
        found: list[Decided] = []
        async for decided in deletion.due():
            found.append(decided)
            if len(found) >= options.limit:
                break
        if options.dry_run:
            answer([_decided(decided) for decided in found], as_json=options.json)
            return 0
        failed = await _finish(deletion)
        rows = [await _delete(store, deletion, decided) for decided in found]
    answer(rows, as_json=options.json)
    return 1 if failed or any(row["problem"] for row in rows) else 0


async def _finish(deletion: LegalDeletion) -> bool:
    """See earlier deletions to their end; whether one could not be."""
    failed = False
    async for session in deletion.unfinished():
        try:
            await deletion.finish(session)
        except Unavailable as error:
            print(f"visavis: {session} is deleted, but not yet removed: {error.message}", file=sys.stderr)
            failed = True
        except (Conflict, UnderHold) as error:
            print(f"visavis: nothing is removed: {error}", file=sys.stderr)
            failed = True
    return failed


async def _delete(store: Store, deletion: LegalDeletion, decided: Decided) -> Row:
    session, problem = decided.row.id, ""
    try:
        await deletion.delete(session, account())
    except Unavailable as error:
        gone = await store.retention.deletion(session) is not None
        problem = f"{'deleted, but not yet removed' if gone else 'not deleted'}: {error.message}"
    except (NotDue, UnderHold, Conflict, LookupError) as error:
        problem = f"not deleted: {error}"
    return {**_decided(decided), "problem": problem}


async def _show(config: Config, options: argparse.Namespace) -> int:
    async with opened(config) as store:
        try:
            decided = await decided_on(store, options.session)
        except LookupError as error:
            raise NoEvidence(str(error)) from error
        held = sum(hold.active for hold in await store.holds.of(options.session))
        deleted = await store.retention.deletion(options.session)
    rules = [f"{one.rule.id} {'-' if one.due_us is None else moment(one.due_us)}" for one in decided.decision.applied]
    more = {"holds": held, "deleted": None if deleted is None else moment(deleted.at_us), "applies": rules}
    answer({**_decided(decided), **more}, as_json=options.json)
    return 0


async def _certificate(config: Config, options: argparse.Namespace) -> int:
    async with opened(config) as store:
        found = await store.retention.deletion(options.session)
    if found is None:
        raise NoEvidence(f"session {options.session} was not deleted")
    data = write_file(found)
    await asyncio.to_thread(options.file.write_bytes, data)
    answer({"file": str(options.file), "bytes": len(data)}, as_json=options.json)
    return 0


async def _check(config: Config, options: argparse.Namespace) -> int:
    keys = trusted(config, options)
    if not keys:
        raise NoEvidence(f"there is no signing key {config.signing_key_file}, and no --public-key")
    with options.file.open("rb") as file:
        data = file.read(FILE_BYTES)
    try:
        certificate = check_file(data, keys)
    except NoCertificate as error:
        print(f"visavis: {options.file}: {error}", file=sys.stderr)
        return 1
    rule, destroyed = certificate.rule, certificate.destroyed
    told = {
        "session": certificate.session,
        "deleted": moment(certificate.at_us),
        "by": certificate.by,
        "rule": rule.id,
        "keep": rule.keep,
        "from": rule.counts_from,
        "source": rule.source,
        "segments": destroyed.segments,
        "documents": destroyed.documents,
        "texts": destroyed.texts,
        "bytes": destroyed.bytes,
    }
    answer(told, as_json=options.json)
    return 0


async def _place(config: Config, options: argparse.Namespace) -> int:
    async with _signing(config) as (store, audit):
        try:
            done = await place_holds(store, audit, options.session, reason=options.reason, by=account())
        except BadReason as error:
            raise AdminError(str(error)) from error
    answer([_placed(session, hold) for session, hold in done], as_json=options.json)
    return 1 if any(isinstance(hold, str) for _, hold in done) else 0


async def _lift(config: Config, options: argparse.Namespace) -> int:
    async with _signing(config) as (store, audit):
        try:
            async with store.database.write():  # all of them, or none
                lifted = [
                    await lift_hold(store, audit, hold, reason=options.reason, by=account()) for hold in options.hold
                ]
        except (BadReason, Conflict) as error:
            raise AdminError(str(error)) from error
    answer([_hold(hold) for hold in lifted], as_json=options.json)
    return 0


async def _list(config: Config, options: argparse.Namespace) -> int:
    async with opened(config) as store:
        found = await store.holds.active() if options.session is None else await store.holds.of(options.session)
    answer([_hold(hold) for hold in found], as_json=options.json)
    return 0


@asynccontextmanager
async def _signing(config: Config) -> AsyncIterator[tuple[Store, Audit]]:
    async with opened(config) as store:
        key = await open_signing_key(config.signing_key_file, store)
        yield store, Audit(store, sign=key.sign)


@asynccontextmanager
async def _deleting(config: Config) -> AsyncIterator[tuple[Store, LegalDeletion]]:
    async with recordings(config) as (store, journal, blobs, vault):
        if vault is None:
            raise NoEvidence(f"there is no site key {config.site_key_file}: the library's index could not be cleared")
        key = await open_signing_key(config.signing_key_file, store)
        audit = Audit(store, sign=key.sign)
        blobs.lock_with(await blobs.find_lock())
        yield store, LegalDeletion(store=store, journal=journal, vault=vault, blobs=blobs, audit=audit, key=key)


def _rule(rule: RetentionRule) -> dict[str, object]:
    return {
        "rule": rule.id,
        "applies_to": say_conditions(rule),
        "from": rule.counts_from,
        "keep": rule.keep,
        "source": rule.source,
    }


def _decided(decided: Decided) -> dict[str, object]:
    row, decision = decided.row, decided.decision
    return {
        "session": row.id,
        "service": row.service,
        "outcome": row.outcome,
        "due": None if decision.due_us is None else moment(decision.due_us),
        "rule": None if decision.rule is None else decision.rule.id,
        "source": None if decision.rule is None else decision.rule.source,
        "why": say(decision),
    }


def _placed(session: str, hold: LegalHold | str) -> dict[str, object]:
    if isinstance(hold, LegalHold):
        return {"session": session, "hold": hold.id, "problem": ""}
    return {"session": session, "hold": None, "problem": hold}


def _hold(hold: LegalHold) -> dict[str, object]:
    return {
        "hold": hold.id,
        "session": hold.session,
        "placed": moment(hold.placed_us),
        "by": hold.placed_by,
        "reason": hold.reason,
        "lifted": None if hold.lifted_us is None else moment(hold.lifted_us),
        "lifted_by": hold.lifted_by,
        "lifted_reason": hold.lifted_reason,
    }
