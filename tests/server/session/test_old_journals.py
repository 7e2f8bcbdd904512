"""What was journaled once folds as it did then, whatever has become of the machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from server.session import events as e
from server.session.machine import Graces, Machine
from tests.server.session.old_journals import FOLDER, read, shown, told, wandered

FILES = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_folds_as_it_did(path: Path) -> None:
    machine, expected = Machine(Graces()), dict[str, object]()
    for number, (event, at_ms, changed) in enumerate(read(path), 1):
        machine.handle(event, at_ms)
        expected |= changed
        now = shown(machine.state, at_ms)
        # What the view has learned to say since then is not looked at; what it said then, it still says.
        assert {name: now[name] for name in expected} == expected, f"entry {number}, {e.kind(event)}"


def test_every_kind_of_entry_is_among_them() -> None:
    seen = {e.kind(event) for path in FILES for event, _, _ in read(path)}
    known = {str(kind.__struct_config__.tag) for kind in e.Event.__args__}
    # Said by real calls only: what a walk of the machine alone never journals.
    assert known - seen <= set()
    assert len(FILES) >= 30


def test_what_a_later_program_adds_to_an_entry_is_passed_over() -> None:
    line = next(told(wandered(1)))
    later = msgspec.json.encode(line["event"] | {"weather": "fair", "since": {"version": 9}})
    assert e.decode(later) == e.decode(msgspec.json.encode(line["event"]))
