from __future__ import annotations

import random

import pytest

from server.library import terms
from server.library.terms import grams, looked_for, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("你好，World-77!", ["你好", "world", "77"]),
        ("ＡＢＣ　１２３", ["abc", "123"]),
        ("snake_case", ["snake", "case"]),
        ("Straße ÉTÉ", ["strasse", "été"]),
        ("，。 \n\t", []),
        ("", []),
        ("a" * 5, ["aaaaa"]),
        ("买ETF基金", ["买etf基金"]),
    ],
)
def test_a_text_is_words_without_regard_to_form(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "needed", "exact"),
    [
        ("张", ["张"], True),
        ("身份", ["身份"], True),
        ("身份证", ["身份", "份证"], False),
        ("a", ["a"], True),
        ("ai", ["ai"], True),
        ("etf", ["etf"], True),
        ("loan", ["loa", "oan"], False),
        ("etf基金", ["etf", "f基", "基金"], False),
        ("买a", ["买a"], True),
        ("7731", ["773", "731"], False),
    ],
)
def test_a_word_needs_the_largest_pieces_that_are_indexed(text: str, needed: list[str], exact: bool) -> None:
    [word] = looked_for(text)
    assert [term.removeprefix("g:") for term in word.terms] == needed
    assert word.exact is exact
    assert set(word.terms) <= grams(text), "what has the word has all of them"


def test_every_part_of_every_word_is_found_by_what_it_needs() -> None:
    chance = random.Random(7)
    letters = "张身份证理财产品abcdef0123"
    for _ in range(2000):
        text = "".join(chance.choices(letters, k=chance.randint(1, 12)))
        begin = chance.randrange(len(text))
        part = text[begin : chance.randint(begin + 1, len(text))]
        [word] = looked_for(part)
        assert set(word.terms) <= grams(text), (text, part)
        if word.exact:
            assert any(part in one for one in words(text))


def test_the_same_word_twice_is_looked_for_once() -> None:
    assert [word.text for word in looked_for("证 证 证件")] == ["证", "证件"]


def test_lengths_are_steps_that_only_grow() -> None:
    assert list(terms.LENGTHS) == sorted(set(terms.LENGTHS))
    assert terms.LENGTHS[0] == 0
    assert len(terms.LENGTHS) < 60, "the order by length asks for each of them"
