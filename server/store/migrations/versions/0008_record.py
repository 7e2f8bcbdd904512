"""What a call of a service does while something of it is not recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; calls go on, as they did."""
    op.add_column("service", sa.Column("when_unrecorded", sa.String(8), nullable=False, server_default="warn"))
