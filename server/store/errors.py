"""Errors of changes that the database's contents do not allow."""

from __future__ import annotations


class Conflict(Exception):
    """The change conflicts with existing rows: a name is taken, or a row does not exist. The message says which."""


class UnderHold(Exception):
    """The session is under a legal hold, so nothing of it may be destroyed. The message names the session."""
