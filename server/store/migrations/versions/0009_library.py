"""The library's index of sessions, searches that people keep, and the audit log by time and by action.

The index itself is made by the server afterwards, from the journals: it needs the site's key.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and give every session its place, in the order of their beginning."""
    op.create_table(
        "library_place",
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("texts", sa.LargeBinary),
        sa.PrimaryKeyConstraint("place", name="pk_library_place"),
        sa.UniqueConstraint("session", name="uq_library_place_session"),
    )
    op.create_table(
        "library_pending",
        sa.Column("place", sa.Integer, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("place", name="pk_library_pending"),
    )
    op.create_table(
        "library_posting",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("places", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_library_posting"),
    )
    op.create_table(
        "saved_search",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_search"),
    )
    op.create_index("ix_saved_search_person", "saved_search", ["person"])
    op.create_index("ix_audit_at_us", "audit", ["at_us"])
    op.create_index("ix_audit_action", "audit", ["action"])
    op.execute("INSERT INTO library_place (session) SELECT id FROM session ORDER BY requested_us, id")
    op.execute("INSERT INTO library_pending (place) SELECT place FROM library_place")
