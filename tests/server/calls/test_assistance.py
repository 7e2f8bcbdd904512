"""Who asked for a person of the branch, and no longer does."""

from __future__ import annotations

from link.protocol import client as m
from link.protocol.server import AssistanceState, BranchState
from server.identity import Role
from tests.server.calls.bank import Bank


async def test_a_customer_who_leaves_leaves_no_request_for_help(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    guide = await bank.person("gil", skills=(), role=Role.GUIDE)
    await guide.hear(BranchState, lambda branch: [each.online for each in branch.kiosks] == [True])
    await kiosk.ask(m.AssistanceRequest("help"))
    await guide.hear(BranchState, lambda branch: branch.kiosks[0].assistance == "help")
    await guide.ask(m.AssistanceTake("k1"))
    await kiosk.hear(AssistanceState, lambda state: state.taken_by == "Gil")
    await kiosk.ask(m.AssistanceRequest("gone", withdrawn=True))
    assert await kiosk.hear(AssistanceState, lambda state: not state.asked) == AssistanceState(asked=False)
    seen = (await guide.hear(BranchState, lambda branch: branch.kiosks[0].assistance is None)).kiosks[0]
    assert (seen.assistance, seen.assistance_s) == (None, 0)
    await kiosk.ask(m.AssistanceRequest("help"))
    assert (await kiosk.hear(AssistanceState, lambda state: state.asked)).taken_by == ""
