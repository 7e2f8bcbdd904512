"""A room has one way in, its inbox; what goes past it is declared and says what holds all the same."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from server.calls import room as module
from server.calls.room import BY_PASSES, Room

SERVER = Path(module.__file__).parents[1]
INBOX = {"submit", "post"}
LIFE = {"start", "stop", "closed"}
READ = {"session", "state", "clock", "view"}
TOLD = {"push_view", "replay_to"}
"""They tell what is so already, and change nothing."""


def public() -> set[str]:
    """Methods and attributes of a room that others may touch."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    room = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Room")
    names = {node.name for node in room.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(room):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            names.add(node.attr)
    return {name for name in names if not name.startswith("_")}


def test_whatever_is_public_is_the_inbox_or_declared() -> None:
    assert public() == INBOX | LIFE | READ | TOLD | set(BY_PASSES)


@pytest.mark.parametrize("name", BY_PASSES)
def test_a_by_pass_says_what_holds_although_it_goes_past_the_inbox(name: str) -> None:
    said = inspect.getdoc(getattr(Room, name))
    assert said is not None
    assert len(said) > 60


def test_nobody_reaches_into_a_room() -> None:
    found = []
    for path in SERVER.rglob("*.py"):
        text = path.read_text("utf-8")
        if path != Path(module.__file__) and re.search(r"\broom\._[a-z]", text):
            found.append(path.relative_to(SERVER).as_posix())
    assert found == []


def test_the_session_changes_in_the_room_s_own_task_only() -> None:
    """`adopt` is what makes something so; nobody else calls it, and the room does in one place."""
    callers = {
        path.relative_to(SERVER).as_posix(): count
        for path in SERVER.rglob("*.py")
        if (count := path.read_text("utf-8").count(".adopt("))
    }
    assert callers == {"calls/room.py": 1}
