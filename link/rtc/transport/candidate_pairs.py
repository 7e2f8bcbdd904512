"""aioice's candidate pairs, where a far end moves: its own state machine knows only the pairs it has checked itself."""

from __future__ import annotations

from typing import Any, Final

from aioice import ice
from aioice.candidate import Candidate, candidate_priority

KEPT_ADDRESSES: Final = 8
"""Learnt addresses of the far end that are remembered; a NAT that forgets again and again must not fill the memory.
docs/media.md (Limits)."""

Address = tuple[str, int]


def pair_with(connection: Any, protocol: Any, address: Address) -> Any:
    """The pair of this socket and an address of the far end; if there is none, one that is not the connection's yet."""
    for pair in connection._check_list:
        if pair.protocol is protocol and pair.remote_addr == address:
            return pair
    remote = Candidate(
        foundation="moved",
        component=1,
        transport="udp",
        priority=candidate_priority(1, "prflx"),
        host=address[0],
        port=address[1],
        type="prflx",
    )
    return ice.CandidatePair(protocol, remote)


def nominate(connection: Any, pair: Any) -> None:
    """Let this pair, that has been checked, carry everything from now on, aioice's own consent checks too."""
    if pair not in connection._check_list:
        connection._check_list.append(pair)
    if pair.remote_candidate not in connection._remote_candidates:
        connection._remote_candidates.append(pair.remote_candidate)
    pair.state = ice.CandidatePair.State.SUCCEEDED
    pair.nominated = True
    connection._nominated[1] = pair


def forget(connection: Any) -> None:
    """Forget the oldest learnt addresses, with their pairs; never the nominated one, nor what was signalled."""
    present = connection._nominated[1].remote_candidate
    learnt = [c for c in connection._remote_candidates if c.type == "prflx" and c is not present]
    for candidate in learnt[:-KEPT_ADDRESSES]:
        connection._remote_candidates.remove(candidate)
        for pair in [pair for pair in connection._check_list if pair.remote_candidate is candidate]:
            connection._check_list.remove(pair)
            if pair.task is not None:
                pair.task.cancel()
