"""The schema as SQLAlchemy sees it. The migrations make it; a test proves that both say the same.

Times are microseconds since 1970 (UTC) in columns that end in ``_us``.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

branch = Table(
    "branch",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name_zh", String(120), nullable=False),
    Column("name_en", String(120), nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

service = Table(
    "service",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name_zh", String(120), nullable=False),
    Column("name_en", String(120), nullable=False),
    Column("icon", String(48), nullable=False),
    Column("skill", String(48), nullable=False),
    Column("position", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("when_unrecorded", String(8), nullable=False, server_default="warn"),
)

person = Table(
    "person",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("languages", JSON, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

person_grant = Table(
    "person_grant",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("branch", String(64), primary_key=True),
)

login_session = Table(
    "login_session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
)

kiosk = Table(
    "kiosk",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("branch", ForeignKey("branch.id"), nullable=False, index=True),
    Column("public_key", LargeBinary(32)),
    Column("created_us", BigInteger, nullable=False),
    Column("enrolled_us", BigInteger),
    Column("revoked_us", BigInteger),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("selector", String(16), primary_key=True),
    Column("kiosk", ForeignKey("kiosk.id"), nullable=False, index=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("used_us", BigInteger),
)

assertion = Table(
    "assertion",
    metadata,
    Column("kiosk", String(64), primary_key=True),
    Column("jti", String(64), primary_key=True),
    Column("until_us", BigInteger, nullable=False, index=True),
)

access_change = Table(
    "access_change",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("subject", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

session = Table(
    "session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("kiosk", String(64), nullable=False),
    Column("kiosk_name", String(120), nullable=False),
    Column("branch", String(64), nullable=False),
    Column("branch_zh", String(120), nullable=False),
    Column("branch_en", String(120), nullable=False),
    Column("service", String(64), nullable=False),
    Column("service_zh", String(120), nullable=False),
    Column("service_en", String(120), nullable=False),
    Column("language", String(16), nullable=False),
    Column("specialist", String(64)),
    Column("specialist_name", String(120)),
    Column("requested_us", BigInteger, nullable=False, index=True),
    Column("answered_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("closed_us", BigInteger),
    Column("end_reason", String(48)),
    Column("outcome", String(48)),
    Column("rating", Integer),
    Column("head_seq", Integer),
    Column("head_hash", LargeBinary(32)),
    Column("signed_seq", Integer),
    Column("appended_after", Integer),
    Index("ix_session_unsigned", "id", sqlite_where=text("signed_seq IS NOT head_seq")),
    Index("ix_session_branch_requested_us", "branch", "requested_us"),
    Index("ix_session_specialist_requested_us", "specialist", "requested_us"),
)

session_specialist = Table(
    "session_specialist",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("specialist", String(64), primary_key=True, index=True),
    Column("name", String(120), nullable=False),
)

library_place = Table(
    "library_place",
    metadata,
    Column("place", Integer, primary_key=True),
    Column("session", String(64), nullable=False, unique=True),
    Column("texts", LargeBinary),
)

library_pending = Table("library_pending", metadata, Column("place", Integer, primary_key=True, autoincrement=False))

library_posting = Table(
    "library_posting",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("places", LargeBinary, nullable=False),
)

saved_search = Table(
    "saved_search",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

bookmark = Table(
    "bookmark",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("session", String(64), nullable=False, index=True),
    Column("person", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)

viewing_purpose = Table(
    "viewing_purpose",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("session", String(64), primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("stated_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
)

export_approval = Table(
    "export_approval",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("session", String(64), nullable=False, index=True),
    Column("branch", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("asked_by", String(64), nullable=False, index=True),
    Column("asked_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
    Column("decided_by", String(64)),
    Column("decided_us", BigInteger),
    Column("approved", Boolean),
    Column("used_us", BigInteger),
)

review = Table(
    "review",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("reviewer", String(64), nullable=False),
    Column("done", Boolean, nullable=False),
    Column("assigned_by", String(64), nullable=False),
    Column("assigned_us", BigInteger, nullable=False),
    Column("done_us", BigInteger),
    Index("ix_review_reviewer_done", "reviewer", "done"),
    Index("ix_review_done", "done"),
)

journal = Table(
    "journal",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("prev", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("actor", String(64), nullable=False, index=True),
    Column("action", String(64), nullable=False, index=True),
    Column("object", String(128), nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("prev", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("copied", Integer, nullable=False),
)

checkpoint_timestamp = Table(
    "checkpoint_timestamp",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("token", LargeBinary, nullable=False),
    Column("copied", Integer, nullable=False),
    Column("named_in", Integer),
    Index("ix_checkpoint_timestamp_not_copied", "number", sqlite_where=text("copied = 0")),
    Index("ix_checkpoint_timestamp_not_named", "number", sqlite_where=text("named_in IS NULL")),
)

data_key = Table(
    "data_key",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("suite", String(32), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("destroyed_us", BigInteger),
)

retention_rule = Table(
    "retention_rule",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("services", JSON, nullable=False),
    Column("products", JSON, nullable=False),
    Column("outcomes", JSON, nullable=False),
    Column("age_groups", JSON, nullable=False),
    Column("counts_from", String(16), nullable=False),
    Column("keep", String(32), nullable=False),
    Column("source", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

session_fact = Table(
    "session_fact",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("session", String(64), nullable=False, index=True),
    Column("name", String(24), nullable=False),
    Column("value", String(64), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
)

hold = Table(
    "hold",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("session", String(64), nullable=False, index=True),
    Column("reason", String(200), nullable=False),
    Column("placed_us", BigInteger, nullable=False),
    Column("placed_by", String(80), nullable=False),
    Column("lifted_us", BigInteger),
    Column("lifted_by", String(80)),
    Column("lifted_reason", String(200)),
    Index("ix_hold_active", "session", sqlite_where=text("lifted_us IS NULL")),
)

deletion = Table(
    "deletion",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("erased_us", BigInteger),
    Index("ix_deletion_unfinished", "id", sqlite_where=text("erased_us IS NULL")),
)

object_lock = Table(
    "object_lock",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("until_us", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
)
