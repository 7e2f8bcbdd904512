"""Time stamps of checkpoints, as an authority outside of the site gave them (RFC 3161)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and indexes of what is still to be copied and to be named by a checkpoint."""
    op.create_table(
        "checkpoint_timestamp",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("copied", sa.Integer, nullable=False),
        sa.Column("named_in", sa.Integer),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoint_timestamp"),
    )
    for name, still in (("not_copied", "copied = 0"), ("not_named", "named_in IS NULL")):
        op.create_index(
            f"ix_checkpoint_timestamp_{name}", "checkpoint_timestamp", ["number"], sqlite_where=sa.text(still)
        )
