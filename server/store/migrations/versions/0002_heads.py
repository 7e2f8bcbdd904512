"""Where each session's journal ends, told by the session's row, so that a journal whose end was cut off is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Of sessions that were recorded before, the journal is believed to end where it does now."""
    op.add_column("session", sa.Column("head_seq", sa.Integer))
    op.add_column("session", sa.Column("head_hash", sa.LargeBinary(32)))
    session = sa.table("session", sa.column("id"), sa.column("head_seq"), sa.column("head_hash"))
    journal = sa.table("journal", sa.column("session"), sa.column("seq"), sa.column("hash"))
    here = journal.c.session == session.c.id
    last = sa.select(sa.func.max(journal.c.seq)).where(here).scalar_subquery()
    op.execute(session.update().values(head_seq=last))
    own = sa.select(journal.c.hash).where(here, journal.c.seq == session.c.head_seq).scalar_subquery()
    op.execute(session.update().values(head_hash=own))
