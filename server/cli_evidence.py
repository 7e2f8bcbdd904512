"""The commands about what happened: `sessions`, `verify`, `export`, `audit`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

from server import config as configuration
from server.cli_admin import answer
from server.config import Config
from server.journal import Audit
from server.store import Store
from server.store.sessions import ROWS, SessionQuery, SessionRow

STORE_OPTIONS = ("data", "database")


def add_commands(commands: Any) -> None:
    """Add the commands."""
    listing = _command(commands, "sessions", "list the newest sessions", _sessions, STORE_OPTIONS)
    listing.add_argument("--limit", type=int, default=20, help=f"most rows, up to {ROWS} (default: 20)")
    listing.add_argument("--branch", help="only of this branch")
    _command(commands, "audit", "check the audit log: exit 0 sound, 1 broken", _audit, STORE_OPTIONS)


def _command(commands: Any, name: str, text: str, run: Any, names: tuple[str, ...]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    configuration.add_flags(parser, names)
    parser.set_defaults(run=run)
    return parser


def _sessions(config: Config, options: argparse.Namespace) -> int:
    async def run() -> list[SessionRow]:
        store = await Store.open(config.database_url)
        try:
            query = SessionQuery(branch=options.branch)
            return list((await store.sessions.search(query, limit=options.limit)).rows)
        finally:
            await store.close()

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


def _audit(config: Config, options: argparse.Namespace) -> int:
    async def run() -> dict[str, object]:
        store = await Store.open(config.database_url)
        try:
            audit = Audit(store)
            broken, head = await audit.verify(), await audit.head()
        finally:
            await store.close()
        return {
            "sound": broken is None,
            "broken_at": broken,
            "entries": 0 if head is None else head.seq,
            "last_hash": None if head is None else head.hash.hex(),
        }

    result = asyncio.run(run())
    answer(result, as_json=options.json)
    return 0 if result["sound"] else 1
