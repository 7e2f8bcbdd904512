"""Retention rules, facts that they count from, legal holds, deletions with their certificates, and locks of objects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Whatever destroys a data key checks for holds by itself. This is for what does not come through the server at all: a
# statement that somebody types, a program that is written one day.
_HELD = """
CREATE TRIGGER data_key_held_{name} BEFORE {event} ON data_key
WHEN EXISTS (SELECT 1 FROM hold WHERE hold.session = OLD.session AND hold.lifted_us IS NULL)
BEGIN SELECT RAISE(ABORT, 'the session is under a legal hold'); END
"""


def upgrade() -> None:
    """Make tables and triggers. There is no rule yet, and without one nothing is ever deleted."""
    op.create_table(
        "retention_rule",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("services", sa.JSON, nullable=False),
        sa.Column("products", sa.JSON, nullable=False),
        sa.Column("outcomes", sa.JSON, nullable=False),
        sa.Column("age_groups", sa.JSON, nullable=False),
        sa.Column("counts_from", sa.String(16), nullable=False),
        sa.Column("keep", sa.String(32), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_retention_rule"),
    )
    op.create_table(
        "session_fact",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("name", sa.String(24), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("recorded_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session_fact"),
    )
    op.create_index("ix_session_fact_session", "session_fact", ["session"])
    op.create_table(
        "hold",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("placed_us", sa.BigInteger, nullable=False),
        sa.Column("placed_by", sa.String(80), nullable=False),
        sa.Column("lifted_us", sa.BigInteger),
        sa.Column("lifted_by", sa.String(80)),
        sa.Column("lifted_reason", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
    )
    op.create_index("ix_hold_session", "hold", ["session"])
    op.create_index("ix_hold_active", "hold", ["session"], sqlite_where=sa.text("lifted_us IS NULL"))
    op.create_table(
        "deletion",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("erased_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_deletion"),
    )
    op.create_index("ix_deletion_unfinished", "deletion", ["id"], sqlite_where=sa.text("erased_us IS NULL"))
    op.create_table(
        "object_lock",
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("session", name="pk_object_lock"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_HELD.format(name="update", event="UPDATE OF wrapped"))
        op.execute(_HELD.format(name="delete", event="DELETE"))
