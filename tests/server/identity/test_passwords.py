from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters

from server.identity.passwords import Passwords, WeakPassword, check_strength


async def test_only_the_right_password_is_right(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "correct horsf")
    assert not await passwords.verify(hashed, "")
    assert not await passwords.verify("not a hash", "correct horse")
    assert not await passwords.verify(None, "nobody's password"), "what nobody is checked against lets nobody in"


async def test_a_huge_password_is_wrong_and_cheap(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert not await passwords.verify(hashed, "x" * 10_000_000)


async def test_an_unknown_login_costs_the_same_work_as_a_wrong_password() -> None:
    """One hash, with the same parameters. (Comparing times would test the machine's other guests.)"""
    checked: list[Parameters] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            checked.append(extract_parameters(str(hash)))
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=2, memory_cost=64, parallelism=1))
    hashed = await passwords.hash("correct horse")
    await passwords.verify(hashed, "wrong")
    await passwords.verify(None, "wrong")
    passwords.close()
    known, unknown = checked
    assert known == unknown


def test_the_default_is_what_rfc_9106_recommends_for_little_memory() -> None:
    parameters = PasswordHasher()
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (3, 65536, 4)


async def test_the_loop_goes_on_while_passwords_are_hashed() -> None:
    passwords = Passwords(PasswordHasher(time_cost=12))
    task = asyncio.gather(*(passwords.hash("correct horse") for _ in range(3)))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    await task
    passwords.close()
    assert turns > 6, "one turn for each hash would be blocking"


@pytest.mark.parametrize("password", ["", "short", "x" * 300, "密" * 100])
def test_weak_passwords_are_not_taken(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password)


def test_a_sentence_is_taken() -> None:
    check_strength("four words like these")
