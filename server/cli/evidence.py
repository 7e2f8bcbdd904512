"""The commands about recordings: `sessions`, `verify`, `checkpoints`, `export`, `backup`, `audit`."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from link.protocol.errors import VisavisError
from server import config as configuration
from server.admin.desk import account
from server.blobs.blobs import Blobs
from server.blobs.container import Broken
from server.blobs.transit import transit_of
from server.blobs.vault import NoKey, SiteKeyError, Vault, load_site_key
from server.cli.admin import answer, whole
from server.config import Config
from server.evidence.backup import backup
from server.evidence.bundle import export_bundle
from server.evidence.bundle_report import Origin
from server.evidence.bundle_verifier import BUNDLE, check_bundle
from server.evidence.checkpoint import Checkpoint, NoCheckpoint, moment, read_line, read_statement
from server.evidence.export import Incomplete, export_session
from server.evidence.integrity_checks import Finding
from server.evidence.report_words import PURPOSES
from server.evidence.second_place import second_place
from server.evidence.signed_history import signed_history
from server.evidence.signing import load_signer
from server.evidence.timestamp import BadAuthorityCertificate, BadTimeStamp, Trust
from server.evidence.verify import EXIT_CODES, Verdict, VerifyReport, verify_kept
from server.evidence.verify_store import StoreReport, verify_store
from server.journal import Audit, Journal
from server.journal.lost import lost_sessions
from server.journal.signing_key import KEY_BYTES, SigningKeyError, read_or_make_signing_key, read_signing_key
from server.recording_notice import load_notice
from server.store import Store, schema
from server.store.database import sqlite_file
from server.store.people import Role
from server.store.schema import SchemaTooNew
from server.store.sessions import ROWS, SessionQuery, SessionRow
from server.store.timestamps import KeptTimeStamp

log = structlog.get_logger()

STORE_OPTIONS = ("data", "database")
AUDITED = ("data", "database", "blobs")
EVIDENCE = (
    *("data", "database", "blobs", "site_key", "suite"),
    *("key_service", "key_service_key", "key_service_token"),
)
EXPORTS = (*EVIDENCE, "notice", "export_approval")
CANCELLED = 130
"""Exit code after SIGINT, as shells have it."""
SIGNED = ("signing_key", "checkpoints", "timestamp_certificate")


class NoEvidence(Exception):
    """There is no database where the options point to."""


REASONS = (NoEvidence, SchemaTooNew, VisavisError, SiteKeyError, SigningKeyError, BadAuthorityCertificate, OSError)
"""Why something cannot be checked at all."""


def add_commands(commands: Any) -> None:
    """Add the commands."""
    listing = _command(commands, "sessions", "list the newest sessions", _sessions, STORE_OPTIONS)
    listing.add_argument("--limit", type=whole(1, ROWS), default=20, help=f"most rows, up to {ROWS} (default: 20)")
    listing.add_argument("--branch", help="only of this branch")
    verifying = _command(
        commands,
        "verify",
        "check everything that is kept, or one session's journal and recording: exit 0 sound, 1 broken, 2 unusable",
        _verify,
        (*EVIDENCE, *SIGNED),
    )
    verifying.add_argument("--progress", action="store_true", help="tell on stderr how far it is, as “done of all”")
    verifying.add_argument("--quick", action="store_true", help="leave out what lies in segments and documents")
    verifying.add_argument(
        "--public-key",
        metavar="HEX",
        action="append",
        type=_public_key,
        help="public signing key to trust instead of the file's, as “checkpoints” prints it; repeat for older ones",
    )
    verifying.add_argument(
        "--timestamp",
        metavar="FILE",
        action="append",
        type=Path,
        help="of everything: a time stamp that was kept elsewhere (checkpoints --save-timestamp), which must be of a "
        "checkpoint that is here; repeat for more",
    )
    verifying.add_argument(
        "session", metavar="SESSION", nargs="?", help="one session only, or the directory of an evidence bundle"
    )
    keeping = _command(
        commands,
        "checkpoints",
        "print the public signing key and the newest checkpoints of both places",
        _checkpoints,
        ("data", "database", *SIGNED),
    )
    keeping.add_argument(
        "--save-timestamp",
        metavar="FILE",
        type=Path,
        help="write the newest time stamp to a new file",
    )
    keeping.add_argument("--new-key", action="store_true", help="make a signing key where the old one was lost")
    exporting = _command(
        commands, "export", "write a session's recording and journal as ordinary files", _export, EXPORTS
    )
    exporting.add_argument(
        "--bundle", action="store_true", help="write an evidence bundle: all as stored, and a verifier"
    )
    exporting.add_argument(
        "--viewing-copy", action="store_true", help="write one MP4 to look at, which is no evidence: FILE.mp4 for DIR"
    )
    exporting.add_argument(
        "--viewer", metavar="NAME", default="", help="of a viewing copy: the name that is all over it"
    )
    exporting.add_argument("--language", choices=("zh-CN", "en"), default="zh-CN", help="of a viewing copy: its texts'")
    exporting.add_argument(
        "--font", metavar="FILE", type=Path, help="of a viewing copy: a font with Chinese characters"
    )
    exporting.add_argument(
        "--redact",
        metavar="FILE",
        type=Path,
        help="of a viewing copy: what it is not to show, as JSON (docs/evidence.md)",
    )
    exporting.add_argument("--no-screen", action="store_true", help="of a viewing copy: leave the shared screen out")
    exporting.add_argument("--purpose", choices=sorted(PURPOSES), default="", help="what a bundle is for")
    exporting.add_argument("--wished-by", metavar="ID", type=_id, default="", help="of a bundle: who asked for it")
    exporting.add_argument(
        "--approved-by",
        metavar="LOGIN",
        type=_id,
        default="",
        help="the supervisor of the session's branch who agreed to it; needed where export_approval is required",
    )
    exporting.add_argument(
        "--leave-free-mb", metavar="MIB", type=whole(0, 10**9), default=0, help="of a bundle: room that must stay free"
    )
    exporting.add_argument("--progress", action="store_true", help="tell on stderr how far it is, as “done of all”")
    exporting.add_argument("session", metavar="SESSION")
    exporting.add_argument(
        "folder", metavar="DIR", type=Path, help="a new or empty directory, or an interrupted export's"
    )
    copying = _command(
        commands,
        "backup",
        "copy the database, and then the recordings and documents",
        _backup,
        ("data", "database", "blobs"),
    )
    copying.add_argument("folder", metavar="DIR", type=Path, help="a new or empty directory, or an earlier backup")
    _command(commands, "audit", "check the audit log: exit 0 sound, 1 broken, 2 unusable", _audit, AUDITED)


def _command(commands: Any, name: str, text: str, run: Any, names: tuple[str, ...]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    configuration.add_flags(parser, names)
    parser.set_defaults(run=run)
    return parser


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[Store]:
    """The store, which must exist: a mistyped path, or a file that was emptied, must not look like a new one."""
    file = sqlite_file(config.database_url)
    if file is not None and not file.is_file():
        raise NoEvidence(f"there is no database {file}")
    if file is not None and not os.access(file.parent, os.W_OK):
        raise NoEvidence(f"{file.parent} is read-only, and SQLite keeps its log beside the database: check a copy")
    if await asyncio.to_thread(schema.revision, config.database_url) is None:
        raise NoEvidence(f"{file or 'the database'} holds nothing of Visavis")
    store = await Store.open(config.database_url)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _recordings(config: Config) -> AsyncIterator[tuple[Store, Journal, Blobs, Vault | None]]:
    """Database, vault and blobs; no vault where the site's key is missing."""
    async with _opened(config) as store:
        if "://" not in config.blobs_location and not Path(config.blobs_location).is_dir():
            raise NoEvidence(f"there is no directory {config.blobs_location}")
        service, vault = transit_of(config), None
        there = config.site_key_file.is_file()
        if there or service is not None:
            site_key = await load_site_key(config.site_key_file) if there else None
            vault = Vault(store.data_keys, site_key, config.suite, service=service)
        yield store, Journal(store), Blobs.at(config.blobs_location), vault


def _public_key(text: str) -> bytes:
    """The type of an argument that is an Ed25519 public key in hexadecimal."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise argparse.ArgumentTypeError(f"{2 * KEY_BYTES} hexadecimal digits are expected")
    return key


def _is_bundle(name: str | None) -> bool:
    """Whether what is to be verified is a directory: sessions have no slash in their names."""
    try:
        return name is not None and (os.sep in name or (Path(name) / BUNDLE).is_file())
    except OSError:
        return False


def _verify_bundle(options: argparse.Namespace) -> int:
    report = check_bundle(Path(options.session), options.public_key or ())
    print(report.as_json() if options.json else report.as_text())
    return report.exit_code


def _trusted(config: Config, options: argparse.Namespace) -> list[bytes]:
    """The public keys whose signatures count: those given, else the one of the site's own key; none without it."""
    if options.public_key:
        return list(options.public_key)
    return [read_signing_key(config.signing_key_file).public] if config.signing_key_file.exists() else []


def _trust(config: Config) -> Trust | None:
    """The certificates of the timestamp authority."""
    return None if config.timestamp_certificate is None else Trust.read(config.timestamp_certificate)


def _verify(config: Config, options: argparse.Namespace) -> int:
    told = _tell_progress if options.progress else None

    async def one() -> VerifyReport:
        async with _recordings(config) as (store, journal, blobs, vault):
            trusted, place = _trusted(config, options), second_place(config.checkpoints_location)
            if not trusted and await store.checkpoints.newest() is not None:
                raise NoEvidence(f"there is no signing key {config.signing_key_file}, and no --public-key")
            history = await signed_history(options.session, store=store, place=place, trusted=trusted)
            return await verify_kept(
                options.session,
                store=store,
                trusted=trusted,
                journal=journal,
                blobs=blobs,
                vault=vault,
                history=history,
                recordings=not options.quick,
                progress=told,
            )

    async def everything() -> StoreReport:
        async with _recordings(config) as (store, _journal, blobs, vault):
            return await verify_store(
                store=store,
                blobs=blobs,
                vault=vault,
                place=second_place(config.checkpoints_location),
                trusted=_trusted(config, options),
                recordings=not options.quick,
                trust=_trust(config),
                presented=[(path.name, path.read_bytes()) for path in options.timestamp or ()],
                progress=told,
            )

    if options.timestamp and options.session is not None:
        raise NoEvidence("time stamps are of everything: leave SESSION out")
    if _is_bundle(options.session):
        return _verify_bundle(options)
    if options.session is None:
        return _verified_store(everything, options)
    try:
        report = asyncio.run(one())
    except REASONS as error:
        report = VerifyReport(options.session, Verdict.UNUSABLE, findings=[Finding("set-up", str(error))])
    except Exception as error:  # Python's own exit code for it would say that the recording is broken
        log.exception("check failed", session=options.session)
        problem = f"failed: {type(error).__name__}: {error}"
        report = VerifyReport(options.session, Verdict.UNUSABLE, findings=[Finding("the check itself", problem)])
    print(report.as_json() if options.json else report.as_text())
    return report.exit_code


def _verified_store(check: Callable[[], Coroutine[None, None, StoreReport]], options: argparse.Namespace) -> int:
    try:
        report = asyncio.run(check())
    except REASONS as error:
        report = StoreReport(Verdict.UNUSABLE, findings=[Finding("set-up", str(error))])
    except Exception as error:
        log.exception("check failed")
        problem = f"failed: {type(error).__name__}: {error}"
        report = StoreReport(Verdict.UNUSABLE, findings=[Finding("the check itself", problem)])
    print(report.as_json() if options.json else report.as_text())
    return report.exit_code


def _checkpoints(config: Config, options: argparse.Namespace) -> int:
    async def run() -> dict[str, object]:
        async with _opened(config) as store:
            if options.new_key and not config.signing_key_file.exists():
                key = await asyncio.to_thread(read_or_make_signing_key, config.signing_key_file)
                await Audit(store, sign=key.sign).record(account(), "checkpoint.new_key", "", {"key": key.public.hex()})
            key = read_signing_key(config.signing_key_file)
            kept = await store.checkpoints.newest()
            place = second_place(config.checkpoints_location)
            copied = [_copied(line) for line in (await place.last_lines())[-1:]]
            stamp = await store.timestamps.newest()
        if options.save_timestamp is not None:
            if stamp is None:
                raise NoEvidence("there is no time stamp yet")
            with options.save_timestamp.open("xb") as file:
                file.write(stamp.token)
        newest = None if kept is None else Checkpoint(kept.number, kept.body, kept.signature)
        statement = None if newest is None else read_statement(newest.body)
        return {
            "public_key": key.public.hex(),
            "number": None if newest is None else newest.number,
            "signed": None if statement is None else moment(statement.at_us),
            "hash": None if newest is None else newest.hash,
            "audit": None if statement is None else statement.audit.seq,
            "second_place": config.checkpoints_location,
            "copied": copied[0] if copied else None,
            "stamped": None if stamp is None else stamp.number,
            "stamp": None if stamp is None else _stamp_says(stamp, newest, config),
        }

    answer(asyncio.run(run()), as_json=options.json)
    return 0


def _stamp_says(stamp: KeptTimeStamp, newest: Checkpoint | None, config: Config) -> str:
    """The time of a time stamp that counts, or why it does not."""
    trust = _trust(config)
    if trust is None:
        return "not checked: no timestamp_certificate"
    try:
        found = trust.check(stamp.token)
    except BadTimeStamp as error:
        return f"does not count: {error}"
    if newest is not None and newest.number == stamp.number and newest.hash != found.imprint:
        return "is of another checkpoint"
    return moment(found.at_us)


def _copied(line: bytes) -> int | None:
    try:
        return read_line(line).number
    except NoCheckpoint:
        return None


def _tell_progress(done: int, total: int) -> None:
    """A line for each percent, of which the server reads how far a check is."""
    if total and done * 100 // total != (done - 1) * 100 // total:
        print(f"{done} of {total}", file=sys.stderr, flush=True)


def _id(text: str) -> str:
    """An argument that goes into the audit log, which holds ids and no names."""
    if not re.fullmatch(r"[A-Za-z0-9:._@-]{0,100}", text):
        raise argparse.ArgumentTypeError("an id such as person:7 is expected")
    return text


def _export(config: Config, options: argparse.Namespace) -> int:
    if options.bundle and options.viewing_copy:
        raise NoEvidence("an evidence bundle and a viewing copy are two exports")
    if options.redact and not options.viewing_copy:
        raise NoEvidence("only a viewing copy can be redacted: evidence is handed over as it is, or not")
    run = _export_bundle if options.bundle else _export_film if options.viewing_copy else _export_files
    try:
        return asyncio.run(run(config, options))
    except (LookupError, NoKey, Broken, SiteKeyError) as error:
        raise NoEvidence(f"{options.session} cannot be exported: {error}") from error
    except KeyboardInterrupt:
        again = "begin anew: nothing is left of it" if options.viewing_copy else "go on"
        print(f"visavis: cancelled; give the same command again to {again}", file=sys.stderr)
        return CANCELLED


async def _export_files(config: Config, options: argparse.Namespace) -> int:
    async with _exporting(config, options, {}) as parts:
        told = _tell_progress if options.progress else None
        try:
            written = await export_session(options.session, options.folder, **parts, progress=told)
            left_out: list[str] = []
        except Incomplete as error:
            written, left_out = error.written, error.left_out
    answer([{"file": str(path), "bytes": path.stat().st_size} for path in written], as_json=options.json)
    for line in left_out:
        print(f"visavis: left out: {line}", file=sys.stderr)
    return 1 if left_out else 0


async def _export_bundle(config: Config, options: argparse.Namespace) -> int:
    signer = load_signer(config.signing_key_file)
    detail = {"bundle": True, "purpose": options.purpose, "wished_by": options.wished_by[:100]}
    async with _exporting(config, options, detail) as parts:
        made = await export_bundle(
            options.session,
            options.folder,
            **parts,
            origin=Origin(account(), options.wished_by[:100], options.purpose, options.approved_by),
            signer=signer,
            notice=load_notice(config.notice),
            progress=_tell_progress if options.progress else None,
            leave_free_bytes=options.leave_free_mb << 20,
        )
    answer({**asdict(made), "folder": str(made.folder), "missing": len(made.missing)}, as_json=options.json)
    for name in made.missing:
        print(f"visavis: missing in the store: {name}", file=sys.stderr)
    return EXIT_CODES[Verdict(made.verdict)]


async def _export_film(config: Config, options: argparse.Namespace) -> int:
    # Imported here: no other command needs it.
    from server.evidence.redaction import MOST_BYTES, BadRedaction, read_redaction
    from server.evidence.viewing_copy import NothingToSee, chinese_font, write_viewing_copy

    redaction = None
    detail: dict[str, object] = {"viewing_copy": True}
    if options.redact is not None:
        try:
            with options.redact.open("rb") as file:
                redaction = read_redaction(file.read(MOST_BYTES + 1))
        except BadRedaction as error:
            raise NoEvidence(f"{options.redact}: {error}") from error
        detail |= {"redactions": redaction.count, "redacted": redaction.sha256}
    font = options.font or chinese_font()
    if font is None:
        print("visavis: no font with Chinese characters was found, so texts are English: see --font", file=sys.stderr)
    async with _exporting(config, options, detail) as parts:
        try:
            made = await write_viewing_copy(
                options.session,
                options.folder,
                **parts,
                viewer=options.viewer or account(),
                language=options.language if font else "en",
                font=font,
                redaction=redaction,
                made_by=account(),
                screen=not options.no_screen,
                progress=_tell_progress if options.progress else None,
            )
        except (NothingToSee, BadRedaction) as error:
            raise NoEvidence(str(error)) from error
    if made.screen:
        print(f"visavis: left out: the shared screen: {made.screen}", file=sys.stderr)
    statement = None if made.statement is None else str(made.statement)
    answer({**asdict(made), "file": str(made.file), "statement": statement}, as_json=options.json)
    return 1 if made.left_out or (made.screen and not options.no_screen) else 0


@asynccontextmanager
async def _exporting(config: Config, options: argparse.Namespace, detail: dict[str, object]) -> AsyncIterator[Any]:
    """What an export reads from, once the audit log has it; with who agreed to it, where the site wants one."""
    async with _recordings(config) as (store, journal, blobs, vault):
        if vault is None:
            raise NoEvidence(f"there is no site key {config.site_key_file}")
        options.approved_by = await _approver(store, config, options)
        if options.approved_by:
            detail = detail | {"approved_by": options.approved_by}
        await Audit(store).record(account(), "recording.export", f"session:{options.session[:64]}", detail)
        yield {"journal": journal, "blobs": blobs, "vault": vault}


async def _approver(store: Store, config: Config, options: argparse.Namespace) -> str:
    """Who agreed to this export (`person:ID`), empty where nobody had to. Raises `NoEvidence`.

    A command cannot know whether they really did: who may read the site's key needs nobody. It writes down who is said
    to have, in the audit log and in a bundle, and they can be asked.
    """
    named = options.approved_by
    if not named:
        if config.export_approval == "required":
            raise NoEvidence("this site wants a second person to agree to an export: name them with --approved-by")
        return ""
    kind, _, person = named.partition(":")
    known = await (store.people.get(person) if kind == "person" and person else store.people.by_login(named))
    row = await store.sessions.get(options.session)
    if row is None:
        raise NoEvidence(f"there is no session {options.session}")
    if known is None or not known.active or not known.may(Role.SUPERVISOR, row.branch):
        raise NoEvidence(f"{named} is no supervisor of the session's branch, so cannot agree to its export")
    if options.wished_by == f"person:{known.id}":
        raise NoEvidence("who asks for an export cannot be who agrees to it")
    return f"person:{known.id}"


def _backup(config: Config, options: argparse.Namespace) -> int:
    answer(asdict(backup(config, options.folder)), as_json=options.json)
    return 0


def _sessions(config: Config, options: argparse.Namespace) -> int:
    async def run() -> list[SessionRow]:
        async with _opened(config) as store:
            query = SessionQuery(branch=options.branch)
            return list((await store.sessions.search(query, limit=options.limit)).rows)

    answer([_row(row) for row in asyncio.run(run())], as_json=options.json)
    return 0


def _row(row: SessionRow) -> dict[str, object]:
    ended = row.ended_us if row.ended_us is not None else row.closed_us
    return {
        "session": row.id,
        "state": row.state,
        "requested": datetime.fromtimestamp(row.requested_us / 1e6, UTC).isoformat(timespec="seconds"),
        "seconds": None if ended is None else round((ended - row.requested_us) / 1e6),
        "branch": row.branch,
        "kiosk": row.kiosk,
        "service": row.service,
        "specialist": row.specialist,
        "outcome": row.outcome,
    }


def _has_blobs(config: Config) -> bool:
    return "://" in config.blobs_location or Path(config.blobs_location).is_dir()


def _audit(config: Config, options: argparse.Namespace) -> int:
    async def run() -> dict[str, object]:
        async with _opened(config) as store:
            audit = Audit(store)
            broken, head = await audit.verify(), await audit.head()
            # Recordings first: a session that begins meanwhile has its journal before them.
            recorded = await Blobs.at(config.blobs_location).folders("sessions") if _has_blobs(config) else []
            lost = await lost_sessions(store, recorded)
        return {
            "sound": broken is None and not lost,
            "broken_at": broken,
            "lost_sessions": lost,
            "entries": 0 if head is None else head.seq,
            "last_hash": None if head is None or broken is not None else head.hash.hex(),
        }

    try:
        result = asyncio.run(run())
    except REASONS as error:
        print(f"visavis: {error}", file=sys.stderr)
        return EXIT_CODES[Verdict.UNUSABLE]
    answer(result, as_json=options.json)
    return EXIT_CODES[Verdict.SOUND if result["sound"] else Verdict.BROKEN]
