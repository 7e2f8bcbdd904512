"""Many documents leave a server's memory as it was: what held them goes back to the system, and not into pools."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import hashlib
import json
import mmap
import os
import sys
import tempfile
from pathlib import Path

import pytest

from server import serve
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.documents.documents import DocumentStore
from server.documents.reencode import Reencoder, View
from server.store import Store

ROOT = Path(__file__).parents[3]
DOCUMENTS, AT_ONCE, SIZE = 40, 4, 8_400_000
PIECE = 64 * 1024
MIB = 1 << 20
GROWTH_MIB = 20


class NoChild(Reencoder):
    """Stands for the process that makes the view, whose memory is its own."""

    async def reencode(self, data: bytes) -> View:
        view = mmap.mmap(-1, SIZE // 2)
        view.write(data[: SIZE // 2])
        return View(memoryview(view).toreadonly(), "image/jpeg", 800, 600)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def deliver_many(folder: Path) -> dict[str, float]:
    """Take in documents as fast as may be, with small things made between them; memory before and after in MiB."""
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'visavis.sqlite3'}")
    blobs, vault = Blobs.at(str(folder / "blobs")), Vault(store.data_keys, bytes(32))
    documents = DocumentStore(blobs, vault, folder / "uploads", NoChild())
    body = os.urandom(SIZE)
    sha256, kept, turns = hashlib.sha256(body).hexdigest(), [], asyncio.Semaphore(AT_ONCE)

    async def deliver(number: int) -> None:
        async with turns, documents.receive("s1", f"d{number}") as delivery:
            for at in range(0, SIZE, PIECE):
                await delivery.incoming.take(body[at : at + PIECE])
                kept.append(bytearray(600 + number))  # what a server goes on keeping, as rows of the log
                await asyncio.sleep(0)
            await delivery.incoming.finish()
            await documents.keep(delivery, sha256)

    await deliver(0)  # threads, libraries and the key are there from now on
    before = resident()
    await asyncio.gather(*(deliver(number) for number in range(1, DOCUMENTS)))
    gc.collect()
    after = resident()
    await store.close()
    small = sum(len(one) for one in kept)
    return {"before": before / MIB, "after": after / MIB, "grown": (after - before - small) / MIB}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_memory_after_many_documents(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.documents.test_memory", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode == 0
    told = json.loads(out.splitlines()[-1])
    print(told)
    assert told["grown"] < GROWTH_MIB, told


def test_a_c_library_without_mallopt_is_none_to_fail_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not serve.give_memory_back()


if __name__ == "__main__":
    import uvloop

    serve.give_memory_back()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    print(json.dumps(uvloop.run(deliver_many(folder))))
