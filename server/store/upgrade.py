"""Running the numbered migrations (Alembic): what `server.store.schema` needs only where there is something to run."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, migrations: Path, to: str) -> None:
    """Run the migrations of the folder that the database behind `connection` lacks up to one, in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
