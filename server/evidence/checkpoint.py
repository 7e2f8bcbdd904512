"""What a checkpoint says, and the bytes of it that are signed (docs/evidence.md): pure functions and values."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from server.journal.hash_chain import framed
from server.journal.signing_key import SIGNATURE_BYTES, SigningKey, is_signed

CHECKPOINT_DOMAIN: Final = b"visavis.checkpoint.v1"
ORIGIN: Final = "0" * 64
"""The hash that the first checkpoint has of the one before it."""
RECENT_US: Final = 120_000_000
"""So long before the newest checkpoint the last entry of a closed session may be without being in one."""
LINE_BYTES: Final = 4 * 1024 * 1024
"""Longest line of the second place; the longest that is written is a quarter of it."""


class AuditHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number and hash of the audit log's last entry."""

    seq: int
    hash: str


class SignedSession(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A session that was journaled in since the checkpoint before: number and hash of its last entry.

    `row` is the digest of its row, "" where that was of another moment.
    """

    session: str
    seq: int
    hash: str
    row: str


class SignedRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of people, branches, services or kiosks that the audit entry `seq` says was changed, with its digest."""

    subject: str
    digest: str
    seq: int


class SignedStamp(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A time stamp that came since the checkpoint before: of which checkpoint it is, and its SHA-256."""

    number: int
    hash: str


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a checkpoint says. `previous` is the hash of the one before, `key` the public key that it is signed with.

    `behind`: sessions that were journaled in before are not in it yet; the next ones have them. `keys` are the digests
    of the data keys' rows of its sessions, by session. `keys` and `stamped` are not there where they are empty.
    """

    format: str
    number: int
    at_us: int
    reason: str
    previous: str
    key: str
    audit: AuditHead
    sessions: list[SignedSession]
    rows: list[SignedRow]
    behind: bool
    keys: dict[str, str] = {}
    stamped: list[SignedStamp] = []


class NoCheckpoint(ValueError):
    """These bytes are no checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it is kept and copied: the bytes of its statement (JSON) and their signature."""

    number: int
    body: bytes
    signature: bytes

    @property
    def message(self) -> bytes:
        """What is signed, hashed and time-stamped."""
        return _message(self.body)

    @property
    def hash(self) -> str:
        """What the next checkpoint names it by, in hexadecimal."""
        return hashlib.sha256(self.message).hexdigest()

    def line(self) -> bytes:
        """As the second place has it: the signature in hexadecimal, a space, the statement."""
        return self.signature.hex().encode() + b" " + self.body + b"\n"

    def is_signed(self, trusted: Collection[bytes]) -> bool:
        """Whether one of these public keys has signed it."""
        return is_signed(trusted, _message(self.body), self.signature)


def sign(statement: Statement, key: SigningKey) -> Checkpoint:
    """The statement, signed."""
    body = msgspec.json.encode(statement)
    return Checkpoint(statement.number, body, key.sign(_message(body)))


def read_statement(body: bytes) -> Statement:
    """What these bytes say. Raises `NoCheckpoint`."""
    try:
        statement = msgspec.json.decode(body, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoCheckpoint(str(error)) from error
    if statement.format != CHECKPOINT_DOMAIN.decode() or statement.number < 1:
        raise NoCheckpoint("another format")
    return statement


def read_line(line: bytes) -> Checkpoint:
    """The checkpoint of a line of the second place. Raises `NoCheckpoint`."""
    signature, _, body = line.removesuffix(b"\n").partition(b" ")
    try:
        found = Checkpoint(read_statement(body).number, body, bytes.fromhex(signature.decode()))
    except ValueError as error:
        raise NoCheckpoint(str(error)) from error
    if len(found.signature) != SIGNATURE_BYTES or found.line() != line:
        raise NoCheckpoint("a line that is cut off, or none of ours")
    return found


def may_be_unknown(
    newest: int, newest_us: int, *, at_us: object, appended_after: object, known: int, kept: int = 0
) -> bool:
    """Whether a server that signs may have appended an entry that the checkpoint `newest`, of `newest_us`, has not.

    It is the order that tells: `appended_after` is the checkpoint that was the newest when the entry was appended. The
    next one may have been in the making then; the one after that knows the entry.

    `at_us`, the entry's time, tells where nothing of the session was signed yet (`known`, entries that checkpoints
    know, is 0). Of a session that was, it does not: its time goes on from its beginning, a checkpoint has the wall
    clock's, and somebody may have set that in between. A session that begins after such a step has the new time, and
    so has the checkpoint that follows the step at once (`server.evidence.checkpoints`).

    `kept` is the newest checkpoint in the database, if that was asked later than for `newest`.
    """
    after = appended_after if isinstance(appended_after, int) else 0
    if newest < after <= kept or (after == newest and known):
        return True
    return after >= newest - 1 and isinstance(at_us, int) and at_us >= newest_us - RECENT_US


def moment(at_us: int) -> str:
    """A time (unix, µs) for people: 2026-09-21T14:13:20Z."""
    try:
        return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at_us} µs"


def _message(body: bytes) -> bytes:
    """What is signed and hashed: the domain and the statement, each with its length in front."""
    return framed(CHECKPOINT_DOMAIN, body)
