"""What people open recordings for, exports that a second person has to approve, and who reviews which session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables. Nobody has stated a purpose yet: who has a recording open is asked at the next piece of it."""
    op.create_table(
        "viewing_purpose",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("stated_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", "session", name="pk_viewing_purpose"),
    )
    op.create_index("ix_viewing_purpose_expires_us", "viewing_purpose", ["expires_us"])
    op.create_table(
        "export_approval",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.String(64)),
        sa.Column("decided_us", sa.BigInteger),
        sa.Column("approved", sa.Boolean),
        sa.Column("used_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_export_approval"),
    )
    for column in ("session", "asked_by", "expires_us"):
        op.create_index(f"ix_export_approval_{column}", "export_approval", [column])
    op.create_table(
        "review",
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("assigned_by", sa.String(64), nullable=False),
        sa.Column("assigned_us", sa.BigInteger, nullable=False),
        sa.Column("done_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("session", name="pk_review"),
    )
    op.create_index("ix_review_reviewer_done", "review", ["reviewer", "done"])
    op.create_index("ix_review_done", "review", ["done"])
