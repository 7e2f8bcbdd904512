from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.journal import Journal
from server.journal.hash_chain import ORIGIN, Entry, entry_hash, verify_chain
from server.store import Store

DOCS = Path(__file__).parents[3] / "docs" / "evidence.md"


def chain(length: int, session: str = "s1") -> list[Entry]:
    entries: list[Entry] = []
    prev = ORIGIN
    for seq in range(1, length + 1):
        payload = b'{"n":%d}' % seq
        own = entry_hash(session, seq, 1_000_000 + seq, "chat_sent", payload, prev)
        entries.append(Entry(session, seq, 1_000_000 + seq, "chat_sent", payload, prev, own))
        prev = own
    return entries


def changed(entry: Entry, change: dict[str, Any]) -> Entry:
    return replace(entry, **change)


def test_the_hash_is_what_the_document_says() -> None:
    def field(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    content = (
        field(b"visavis.journal.v1")
        + field(b"abc")
        + field((1).to_bytes(8, "big"))
        + field((1_790_000_000_000_000).to_bytes(8, "big"))
        + field(b"chat_sent")
        + field(b'{"text":"\xe4\xbd\xa0\xe5\xa5\xbd"}')
        + field(bytes(32))
    )
    written_again = hashlib.sha256(content).digest()
    payload = '{"text":"你好"}'.encode()
    assert entry_hash("abc", 1, 1_790_000_000_000_000, "chat_sent", payload, ORIGIN) == written_again
    page = DOCS.read_text("utf-8")
    assert content.hex() == "".join(map("".join, re.findall(r"^([0-9a-f]{8}) ([0-9a-f]+)\b", page, re.MULTILINE)))
    assert written_again.hex() in re.findall(r"\b[0-9a-f]{64}\b", page)


def test_a_sound_chain_is_sound() -> None:
    assert verify_chain([]) is None
    assert verify_chain(chain(20)) is None


def test_every_change_is_found_where_it_is() -> None:
    for seq in range(1, 11):
        for change in (
            {"payload": b"{}"},
            {"at_us": 5},
            {"kind": "ended"},
            {"prev": bytes(31) + b"\1"},
            {"hash": bytes(32)},
            {"session": "s2"},
            {"seq": seq + 100},
        ):
            entries = chain(10)
            entries[seq - 1] = changed(entries[seq - 1], change)
            found = verify_chain(entries)
            assert found in (seq, seq + 1), (seq, change)


def test_a_dropped_a_swapped_and_a_foreign_entry_are_found() -> None:
    entries = chain(10)
    assert verify_chain(entries[:4] + entries[5:]) == 5
    assert verify_chain([*entries[:4], entries[5], entries[4], *entries[6:]]) == 5
    assert verify_chain(entries[1:]) == 1
    assert verify_chain(entries[:5] + chain(10, "s2")[5:]) == 6


@given(st.integers(0, 9), st.integers(0, 30), st.integers(1, 255))
def test_every_flipped_byte_is_found(index: int, position: int, mask: int) -> None:
    entries = chain(10)
    entry = entries[index]
    where, size = position % 3, {0: len(entry.payload), 1: 32, 2: 32}[position % 3]
    name = ("payload", "prev", "hash")[where]
    content = bytearray(getattr(entry, name))
    content[position % size] ^= mask
    entries[index] = changed(entry, {name: bytes(content)})
    assert verify_chain(entries) is not None


def test_the_ten_lines_of_the_document_check_a_real_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[0]
    assert len(program.splitlines()) <= 12
    url = f"sqlite+aiosqlite:///{tmp_path / 'var' / 'visavis.sqlite3'}"

    async def write() -> None:
        store = await Store.open(url)
        await Journal(store).append("abc", [("chat_sent", b"{}")] * 5)
        await store.close()

    asyncio.run(write())
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "evidence.md", "exec"), {})
    with sqlite3.connect("var/visavis.sqlite3") as connection:
        connection.execute("UPDATE journal SET payload = x'20' WHERE seq = 3")
    connection.close()
    with pytest.raises(AssertionError, match="broken at 3"):
        exec(compile(program, "evidence.md", "exec"), {})
