"""Mutants of good input, by a seed: what a fuzzer without feedback can do, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence

_BYTES = (0, 1, 3, 4, 15, 16, 31, 32, 63, 64, 127, 128, 129, 191, 192, 200, 201, 205, 206, 223, 254, 255)
_WORDS = (0, 1, 2, 0x7FFF, 0x8000, 0xBEDE, 0x1000, 0x100F, 0xFFFE, 0xFFFF)
_LONGS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x2112A442, 0x52454D42)
_NUMBERS = ("0", "-1", "65536", "4294967295", "4294967296", "99999999999999999999", "1e9", "٣", "0x10", "")
_CHARACTERS = "\0\t\r\n :;=/\\%,*\x7f\x80\ufffd\u2028\U0001f600٣"
_HOSTS = (
    "::",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "fe80::1%lo",
    "a.local",
    "::ffff:1.2.3.4",
    "1.2.3",
    "localhost",
)


def mutate_bytes(seed: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to eight changes of `seed`."""
    data = bytearray(seed)
    for _ in range(1 + min(7, int(chance.expovariate(0.7)))):
        _change_bytes(data, others, chance)
    return bytes(data[:1500])


def _change_bytes(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(data):
            data[at] = chance.choice(_BYTES)
        case 2:
            data[at : at + 2] = chance.choice(_WORDS).to_bytes(2, "big")
        case 3:
            at &= ~3
            data[at : at + 4] = chance.choice(_LONGS).to_bytes(4, "big")
        case 4:
            del data[at:]
        case 5:
            del data[at : at + chance.randrange(1, 9)]
        case 6:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        case 7:
            data[at:at] = data[at : at + chance.randrange(1, 40)] * chance.randrange(1, 12)
        case _:
            other = chance.choice(others)
            data[at:] = other[chance.randrange(len(other) + 1) :]


def mutate_text(seed: str, others: Sequence[str], chance: random.Random) -> str:
    """One to twelve changes of lines, numbers, hosts and characters."""
    lines = seed.split("\r\n")
    for _ in range(1 + min(11, int(chance.expovariate(0.5)))):
        _change_lines(lines, others, chance)
    return chance.choice(("\r\n", "\r\n", "\r\n", "\n")).join(lines)


def _change_lines(lines: list[str], others: Sequence[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines)) if lines else 0
    line = lines[at] if lines else ""
    cut = chance.randrange(len(line) + 1)
    match chance.randrange(10):
        case 0:
            del lines[at : at + chance.randrange(1, 4)]
        case 1:
            lines.insert(chance.randrange(len(lines) + 1), line)
        case 2:
            lines[at : at + 1] = [line[:cut]]
        case 3:
            lines[at : at + 1] = [line[:cut] + chance.choice(_CHARACTERS) + line[cut:]]
        case 4:
            lines[at : at + 1] = [line[:cut] + line[cut:] * chance.choice((2, 20, 400))]
        case 5:
            words = line.split(" ")
            words[chance.randrange(len(words))] = chance.choice(_NUMBERS)
            lines[at : at + 1] = [" ".join(words)]
        case 6:
            words = line.split(" ")
            words[chance.randrange(len(words))] = chance.choice(_HOSTS)
            lines[at : at + 1] = [" ".join(words)]
        case 7:
            name, colon, value = line.partition(":")
            lines[at : at + 1] = [name + colon + chance.choice(_NUMBERS) + value.lstrip("0123456789")]
        case 8:
            lines[at : at + 1] = [line.swapcase()]
        case _:
            lines[at:at] = chance.choice(others).split("\r\n")[cut : cut + 3]
