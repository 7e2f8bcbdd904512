from __future__ import annotations

from pathlib import Path

import pytest

from server.evidence.purposes import INCLUDED, LEAST_WORDS, OTHER, WORDS, Purpose, Purposes, load_purposes


def test_the_included_list_has_another_at_its_end() -> None:
    codes = list(load_purposes(None).listed)
    assert codes == [*(one.code for one in INCLUDED), OTHER]
    assert len(codes) <= 9, "each has a key of one digit"


def test_words_are_needed_where_nothing_else_says_what_for() -> None:
    purposes = Purposes()
    for code, words, fits in (
        ("quality", "", True), ("quality", "工单 7", True), ("quality", "x" * WORDS, True), ("curiosity", "why", False),
        ("quality", "x" * (WORDS + 1), False), ("quality", "a\nb", False), (OTHER, "", False),
        (OTHER, "x" * (LEAST_WORDS - 1), False), (OTHER, "保险理赔核实", True), ("", "", False),
    ):  # fmt: skip
        assert purposes.fits(code, words) is fits, (code, words)


def test_a_site_has_a_list_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "purposes.toml"
    file.write_text('[[purpose]]\ncode = "audit_2026"\nzh = "专项检查"\nen = "Special audit"\n', "utf-8")
    purposes = load_purposes(file)
    assert list(purposes.listed) == ["audit_2026", OTHER]
    assert purposes.listed["audit_2026"] == Purpose("audit_2026", "专项检查", "Special audit")
    file.write_text('[[purpose]]\ncode = "other"\nzh = "别的"\nen = "Other"\n', "utf-8")
    assert [one.zh for one in load_purposes(file).listed.values()] == ["别的"], "worded by the site"


@pytest.mark.parametrize(
    "text",
    [
        "", "purpose = 1", "[[purpose]]\ncode = 'A'\nzh = 'a'\nen = 'a'", "[[purpose]]\ncode = 'a'\nzh = 'a'",
        "[[purpose]]\ncode = 'a'\nzh = ''\nen = 'a'", "[[purpose]]\ncode = 'a'\nzh = 'a'\nen = 'a'\nmore = 1",
        "[[purpose]]\ncode = 'a'\nzh = 'a'\nen = 'a'\n[[purpose]]\ncode = 'a'\nzh = 'b'\nen = 'b'", "[[",
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "purposes.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="purposes"):
        load_purposes(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="purposes"):
        load_purposes(tmp_path / "none.toml")
