"""What is the matter with the server, on the page of who may do something about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.api.http.app_keys import TIMESTAMPS
from tests.server.api.conftest import World
from tests.server.api.test_library import fetch

CONDITION = Path(__file__).parents[3] / "web" / "src" / "library" / "condition.js"


@dataclass
class Stamps:
    """A site whose timestamp authority has been away for so long."""

    alarm: bool


async def test_an_authority_that_stays_away_is_told_to_supervisors(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alarms() -> list[str]:
        status, body, _ = await fetch(world, "supervisor.north", "/api/condition")
        assert status == 200
        return [alarm["code"] for alarm in json.loads(body)["alarms"]]

    assert world.app[TIMESTAMPS] is None
    assert await alarms() == []
    for alarm in (False, True):
        monkeypatch.setitem(world.app._state, TIMESTAMPS, Stamps(alarm))
        assert await alarms() == (["not_stamped"] if alarm else [])
    assert (await fetch(world, "specialist.north", "/api/condition"))[0] == 403
    assert "  not_stamped: msg(" in CONDITION.read_text(encoding="utf-8"), "the page has words for it"
