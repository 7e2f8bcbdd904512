"""Used assertions of kiosks, so that none works a second time after a restart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "assertion",
        sa.Column("kiosk", sa.String(64), nullable=False),
        sa.Column("jti", sa.String(64), nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kiosk", "jti", name="pk_assertion"),
    )
    op.create_index("ix_assertion_until_us", "assertion", ["until_us"])
