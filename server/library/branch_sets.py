"""Where in the library the branches of a supervisor are: their sets, kept in memory once nothing can join them.

Each of a hundred branches has a posting of its own in each block of the index: twelve thousand of them among a million
sessions. A session's branch never changes, so in a block whose places are all given away and indexed the union of some
branches stays what it is. What is kept narrows the search only: every row that is shown is asked for its branch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

KEPT: Final = 64
"""Supervisors, by their branches, whose sets are kept: 130 KB each in a library of a million sessions."""


class BranchSets:
    """For each set of branches the offsets that they have together, by block."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._sets: OrderedDict[frozenset[str], dict[int, int]] = OrderedDict()

    def of(self, branches: frozenset[str]) -> Mapping[int, int]:
        """What is known of these branches."""
        known = self._sets.get(branches)
        if known is None:
            return {}
        self._sets.move_to_end(branches)
        return known

    def keep(self, branches: frozenset[str], sets: Mapping[int, int]) -> None:
        """Keep what these branches have in blocks that are complete; forget whoever asked least lately."""
        self._sets.setdefault(branches, {}).update(sets)
        self._sets.move_to_end(branches)
        if len(self._sets) > self._most:
            self._sets.popitem(last=False)
