"""Running the numbered migrations (Alembic): what `server.store.schema` needs only where there is something to run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_ONE_AT_A_TIME: Final = threading.Lock()
"""Alembic keeps what is migrated in module variables: of several databases of one process each has its turn."""


def upgrade(connection: Connection, migrations: Path, to: str) -> None:
    """Run the migrations of the folder that the database behind `connection` lacks up to one, in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, to)
