"""The journal: append-only, hash-chained sequences of events, one for each session, and the audit log of access.

A session's state, its replay and its evidence are all read from here (docs/evidence.md has the chain's definition).
"""

from server.journal.audit import Audit, AuditEntry
from server.journal.hash_chain import Entry, entry_hash, readable, verify_chain
from server.journal.journal import Head, Journal, Unreadable

__all__ = ["Audit", "AuditEntry", "Entry", "Head", "Journal", "Unreadable", "entry_hash", "readable", "verify_chain"]
