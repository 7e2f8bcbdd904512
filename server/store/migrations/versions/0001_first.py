"""The first schema: branches, services, people, kiosks, sessions, journal, audit, data keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _places()
    _people()
    _kiosks()
    _sessions()
    _evidence()


def _places() -> None:
    op.create_table(
        "branch",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name_zh", sa.String(120), nullable=False),
        sa.Column("name_en", sa.String(120), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_branch"),
    )
    op.create_table(
        "service",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name_zh", sa.String(120), nullable=False),
        sa.Column("name_en", sa.String(120), nullable=False),
        sa.Column("icon", sa.String(48), nullable=False),
        sa.Column("skill", sa.String(48), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service"),
    )


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("languages", sa.JSON, nullable=False),
        sa.Column("skills", sa.JSON, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("login", name="uq_person_login"),
    )
    op.create_table(
        "person_grant",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_person_grant_person_person"),
        sa.PrimaryKeyConstraint("person", "role", "branch", name="pk_person_grant"),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("revoked_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_login_session_person_person"),
        sa.PrimaryKeyConstraint("id", name="pk_login_session"),
    )
    op.create_index("ix_login_session_person", "login_session", ["person"])


def _kiosks() -> None:
    op.create_table(
        "kiosk",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32)),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("enrolled_us", sa.BigInteger),
        sa.Column("revoked_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["branch"], ["branch.id"], name="fk_kiosk_branch_branch"),
        sa.PrimaryKeyConstraint("id", name="pk_kiosk"),
    )
    op.create_index("ix_kiosk_branch", "kiosk", ["branch"])
    op.create_table(
        "enrolment",
        sa.Column("selector", sa.String(16), nullable=False),
        sa.Column("kiosk", sa.String(64), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("tries_left", sa.Integer, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["kiosk"], ["kiosk.id"], name="fk_enrolment_kiosk_kiosk"),
        sa.PrimaryKeyConstraint("selector", name="pk_enrolment"),
    )
    op.create_index("ix_enrolment_kiosk", "enrolment", ["kiosk"])
    op.create_table(
        "access_change",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )


def _sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("kiosk", sa.String(64), nullable=False),
        sa.Column("kiosk_name", sa.String(120), nullable=False),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.Column("branch_zh", sa.String(120), nullable=False),
        sa.Column("branch_en", sa.String(120), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("service_zh", sa.String(120), nullable=False),
        sa.Column("service_en", sa.String(120), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("specialist", sa.String(64)),
        sa.Column("specialist_name", sa.String(120)),
        sa.Column("requested_us", sa.BigInteger, nullable=False),
        sa.Column("answered_us", sa.BigInteger),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("closed_us", sa.BigInteger),
        sa.Column("end_reason", sa.String(48)),
        sa.Column("outcome", sa.String(48)),
        sa.Column("rating", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
    )
    op.create_index("ix_session_state", "session", ["state"])
    op.create_index("ix_session_requested_us", "session", ["requested_us"])
    op.create_index("ix_session_branch_requested_us", "session", ["branch", "requested_us"])
    op.create_index("ix_session_specialist_requested_us", "session", ["specialist", "requested_us"])


def _evidence() -> None:
    op.create_table(
        "journal",
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("prev", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("session", "seq", name="pk_journal"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object", sa.String(128), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("prev", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_object", "audit", ["object"])
    op.create_table(
        "data_key",
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("suite", sa.String(32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("destroyed_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("session", name="pk_data_key"),
    )
