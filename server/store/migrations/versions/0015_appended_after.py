"""After which checkpoint a session was journaled in last: what a later one must know, whatever the clocks say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what the checkpoints do not know yet counts as journaled after the newest."""
    op.add_column("session", sa.Column("appended_after", sa.Integer))
    op.execute(
        "UPDATE session SET appended_after = (SELECT COALESCE(MAX(number), 0) FROM checkpoint) "
        "WHERE signed_seq IS NOT head_seq"
    )
