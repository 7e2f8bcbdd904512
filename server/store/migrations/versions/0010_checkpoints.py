"""Signed checkpoints, and up to which entry of its journal each session is in one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make table, column and index. The sessions that there are get into the first checkpoints by and by."""
    op.create_table(
        "checkpoint",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("copied", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoint"),
    )
    op.add_column("session", sa.Column("signed_seq", sa.Integer))
    # Only what is not signed yet is in it: finding that costs the same with a million sessions as with ten.
    op.create_index("ix_session_unsigned", "session", ["id"], sqlite_where=sa.text("signed_seq IS NOT head_seq"))
