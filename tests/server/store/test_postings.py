"""Postings: sets of offsets, packed and sealed, under numbers that tell nothing."""

from __future__ import annotations

import random

import pytest

from server.store.postings import BLOCK, BadPosting, PostingKey, block_of, offsets_of, pack, unpack

KEY = PostingKey(bytes(range(64)))


def some(count: int) -> int:
    chance = random.Random(count)
    return sum(1 << offset for offset in chance.sample(range(BLOCK), count))


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 300, 511, 512, 513, 4000, BLOCK - 1, BLOCK])
def test_a_set_comes_back_and_takes_no_more_than_it_must(count: int) -> None:
    offsets = some(count)
    packed = pack(offsets)
    assert unpack(packed) == offsets
    assert len(packed) == min(count * 2, BLOCK // 8)
    listed = list(offsets_of(offsets))
    assert listed == sorted(listed)
    assert len(listed) == count
    assert list(offsets_of(offsets, descending=True)) == listed[::-1]
    number = KEY.of_block(3).number("g:张")
    assert KEY.unseal(number, KEY.seal(number, offsets)) == offsets


def test_first_and_last_place() -> None:
    for offset in (0, BLOCK - 1):
        assert unpack(pack(1 << offset)) == 1 << offset
        assert list(offsets_of(1 << offset)) == [offset]


@pytest.mark.parametrize("data", [b"\x00", b"\xff\xff", b"\xff\xff" * 20, b"\x00" * 1025])
def test_what_is_no_set_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


def test_a_posting_is_bound_to_its_number_and_key_and_looks_new_each_time() -> None:
    terms = KEY.of_block(5)
    number, other = terms.numbers(["g:身份", "g:份证"])
    sealed = KEY.seal(number, 0b1011)
    assert sealed != KEY.seal(number, 0b1011)
    for at, key, content in ((other, KEY, sealed), (number, PostingKey(bytes(64)), sealed),
                             (number, KEY, sealed[:-1] + b"?"), (number, KEY, b"")):  # fmt: skip
        with pytest.raises(BadPosting) as caught:
            key.unseal(at, content)
        assert caught.value.number == at


def test_a_term_has_another_number_in_each_block_and_lies_in_its_block() -> None:
    numbers = [KEY.of_block(block).number("g:张") for block in range(100)]
    assert [block_of(number) for number in numbers] == list(range(100))
    hashes = {number & (1 << 46) - 1 for number in numbers}
    assert len(hashes) == 100, "equal terms cannot be followed from block to block"
    first, beyond = KEY.of_block(7).span
    assert first <= numbers[7] < beyond == KEY.of_block(8).span[0]
    assert KEY.of_block(2**17 - 1).number("x") < 2**63, "what SQLite counts to"


def test_a_text_is_sealed_for_its_name() -> None:
    sealed = KEY.seal_text("search/p1/a", "张三".encode())
    assert KEY.unseal_text("search/p1/a", sealed) == "张三".encode()
    assert "张三".encode() not in sealed
    with pytest.raises(BadPosting):
        KEY.unseal_text("search/p2/a", sealed)


def test_a_key_has_two_halves() -> None:
    with pytest.raises(ValueError, match="64"):
        PostingKey(bytes(32))
