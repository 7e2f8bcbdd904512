"""The command `visavis`: run the server, administer it, check and export recordings.

Exit codes: 0 done, 1 it could not be done (told on stderr), 2 wrong usage. `verify` has its own (docs/evidence.md).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from link.options import ConfigError
from link.protocol.errors import VisavisError
from link.version import version
from server import config as configuration
from server.admin import AdminError
from server.blobs.vault import SiteKeyError
from server.cli import admin, evidence, retention
from server.cli.evidence import NoEvidence
from server.config import Config
from server.journal.signing_key import SigningKeyError
from server.logs import configure_logs
from server.store.schema import SchemaTooNew

OK, FAILED, USAGE = 0, 1, 2
FAILURES = (AdminError, NoEvidence, SiteKeyError, SigningKeyError, SchemaTooNew, VisavisError, OSError, ValueError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    for argument in given:
        if any("\ud800" <= character <= "\udfff" for character in argument):  # what Python makes of other bytes
            parser.error(f"{argument!r} is not UTF-8")
    options = parser.parse_args(given)
    run: Callable[[Config, argparse.Namespace], int] = options.run
    before = os.umask(0o077)  # databases, exports and backups are for this account only
    try:
        config = configuration.load(vars(options))
        configure_logs(config)
        return run(config, options)
    except ConfigError as error:
        return _told(error, USAGE)
    except FAILURES as error:
        return _told(error, FAILED)
    except KeyboardInterrupt:
        return OK
    finally:
        os.umask(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("visavis", description="Remote experts on bank-branch kiosks.")
    parser.add_argument("--version", action="version", version=f"visavis {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="run the server")
    configuration.add_flags(serving)
    serving.set_defaults(run=_serve)
    nouns = admin.add_commands(commands)
    evidence.add_commands(commands)
    retention.add_commands(commands, nouns)
    return parser


def _serve(config: Config, _options: argparse.Namespace) -> int:
    # Imported here: the media libraries take a while to load, and no other command needs them.
    from link.rtc.transport.library_check import Incompatible
    from server.serve import serve

    try:
        serve(config)
    except Incompatible as error:
        return _told(error, FAILED)
    return OK


def _told(error: Exception, code: int) -> int:
    print(f"visavis: {error}", file=sys.stderr)
    return code
