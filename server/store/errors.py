"""What can be wrong with a change of the store, beside the database itself."""

from __future__ import annotations


class Conflict(Exception):
    """The change contradicts what is there: a name that is taken, a row that does not exist. The message says which."""
