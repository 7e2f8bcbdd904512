"""Every specialist who answered a session, not only the last one: a requeued call is found by each of them."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and fill it from the journals."""
    table = op.create_table(
        "session_specialist",
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("specialist", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("session", "specialist", name="pk_session_specialist"),
    )
    op.create_index("ix_session_specialist_specialist", "session_specialist", ["specialist"])
    journal = sa.table("journal", sa.column("session"), sa.column("seq"), sa.column("kind"), sa.column("payload"))
    answered = op.get_bind().execute(
        sa.select(journal.c.session, journal.c.payload)
        .where(journal.c.kind == "answered")
        .order_by(journal.c.session, journal.c.seq)
    )
    found: dict[tuple[str, str], str] = {}
    for session, payload in answered:
        event = json.loads(payload)
        found.setdefault((session, event["specialist"]), event["name"])  # the first time, as with calls made since
    rows = [{"session": session, "specialist": who, "name": name} for (session, who), name in found.items()]
    op.bulk_insert(table, rows)
