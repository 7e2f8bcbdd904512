"""Checkpoints are what docs/evidence.md says: checked here by that page alone."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.evidence.checkpoint import read_statement, sign
from server.journal.signing_key import SigningKey
from tests.server.evidence.recorded import Archive, requested
from tests.server.evidence.site import KEY, RunningSite, signed

PAGE = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text("utf-8")
SECTION = PAGE[PAGE.index("## Checkpoints") :]


def test_the_worked_example() -> None:
    statement = re.findall(r"```json\n(.*?)\n```", SECTION)[0].encode()
    first, second, own = re.findall(r"```\n([0-9a-f]{64})\n([0-9a-f]{64})\n([0-9a-f]{64})\n```", SECTION)[0]
    public = re.findall(r"public key is\n`([0-9a-f]{64})`", SECTION)[0]
    message = b"\0\0\0\x15visavis.checkpoint.v1" + len(statement).to_bytes(4, "big") + statement
    assert f"{len(statement):08x}, and the statement's {len(statement)} bytes" in SECTION
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(first + second), message)
    assert Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(message).hex() == first + second
    assert hashlib.sha256(message).hexdigest() == own
    ours = sign(read_statement(statement), SigningKey(bytes(range(32))))
    assert (ours.body, ours.signature.hex(), ours.hash) == (statement, first + second, own)


async def write(folder: Path) -> None:
    async with Archive.opened(folder) as archive:
        site = RunningSite(archive)
        await site.checkpoints.start()
        for session in ("s1", "s2"):
            event, row = requested(session)
            await archive.add(session, 0, event, projection=row)
            await signed(site)
        await site.checkpoints.close()
        site.close()


def test_the_lines_of_the_document_check_real_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)[0]
    assert len(program.splitlines()) <= 15
    program = re.sub(r'PUBLIC_KEY = "[0-9a-f]+"', f'PUBLIC_KEY = "{KEY.public.hex()}"', program)
    asyncio.run(write(tmp_path))
    (tmp_path / "var").mkdir()
    (tmp_path / "second").rename(tmp_path / "var" / "checkpoints")
    monkeypatch.chdir(tmp_path)

    def run() -> dict[str, Any]:
        space: dict[str, Any] = {}
        exec(compile(program, "evidence.md", "exec"), space)
        known: dict[str, Any] = space["known"]
        return known

    assert {name: line[1] for name, line in run().items()} == {"s1": 1, "s2": 1}
    (file,) = (tmp_path / "var" / "checkpoints").iterdir()
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(AssertionError, match="broken at 3"):
        run()
    file.write_bytes(whole.replace(b'["s1"', b'["s2"'))
    with pytest.raises(InvalidSignature):
        run()
