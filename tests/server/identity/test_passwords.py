from __future__ import annotations

import asyncio
import statistics
import time

import pytest

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


async def test_an_unknown_login_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse")
    await passwords.verify(None, "warm up")

    async def median(password_hash: str | None) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            await passwords.verify(password_hash, "wrong")
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    known, unknown = await median(hashed), await median(None)
    passwords.close()
    assert 0.5 < known / unknown < 2


async def test_the_loop_goes_on_while_a_password_is_hashed() -> None:
    passwords = Passwords()
    task = asyncio.gather(*(passwords.hash("correct horse") for _ in range(4)))
    worst = 0.0
    while not task.done():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - begun)
    await task
    passwords.close()
    assert worst < 0.1


@pytest.mark.parametrize("password", ["", "short", "x" * 300, "密" * 100])
def test_weak_passwords_are_not_taken(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password)


def test_a_sentence_is_taken() -> None:
    check_strength("four words like these")
