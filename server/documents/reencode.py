"""Re-encodes an image in a sandboxed process (`child.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import structlog

from link.protocol.errors import Unprocessable

log = structlog.get_logger()

CHILD = Path(__file__).with_name("child.py")
TIMEOUT_S = 12.0
AT_ONCE = 2
_MAX_HEAD = 4096
_MAX_OUT = 49 * 1024 * 1024
# Tens of megabytes go through pipes in chunks and are never copied as a whole, which would block the event loop.
_PIECE = 1 << 16


class BadImage(Unprocessable):
    """The bytes are not an image that is taken: another kind, broken, or of more than 25 million pixels."""


@dataclass(frozen=True, slots=True)
class View:
    """A clean image: JPEG or PNG, right way up, nothing in it but the picture. Sizes in pixels.

    `incomplete`: the file ended too early, and its last rows or its finest details are missing.
    """

    data: memoryview
    media_type: str
    width: int
    height: int
    incomplete: bool = False


class _Answer(msgspec.Struct):
    media_type: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    refused: str = ""
    incomplete: bool = False


class Reencoder:
    """Runs the sandboxed processes, at most two at a time."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def reencode(self, data: bytes) -> View:
        """A clean copy of the image in `data`.

        Raises:
            BadImage: it is none, or the process died or took too long over it.
        """
        async with self._turns:
            answer, content = await self._run(data)
        if answer.refused or not content:
            raise BadImage(answer.refused or "broken_image")
        if answer.incomplete:
            log.warning("image incomplete", size=len(data))
        return View(content, answer.media_type, answer.width, answer.height, answer.incomplete)

    async def _run(self, data: bytes) -> tuple[_Answer, memoryview]:
        """The child's answer and the image after it; both empty when it took too long."""
        child = _Child(data)
        running = asyncio.get_running_loop().run_in_executor(None, child.run)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(running)
        except TimeoutError:
            log.warning("image took too long", size=len(data))
            return _NOTHING
        finally:
            child.kill()
            await asyncio.shield(running)


class _Child:
    """One sandboxed process. It is started and read in a thread, because forking blocks the event loop."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self) -> tuple[_Answer, memoryview]:
        """Feed the image to the process; the first line of what it says, and the rest. Both empty if it is nonsense."""
        with self._lock:
            if self._killed:
                return _NOTHING
            self._process = process = subprocess.Popen(
                [sys.executable, "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = threading.Thread(target=self._feed, args=(process.stdin,), name="image to child", daemon=True)
        feeding.start()
        try:
            return _read(process.stdout)
        finally:
            process.kill()
            feeding.join()
            process.stdout.close()
            process.wait()

    def kill(self) -> None:
        """End the process if it runs, and keep it from starting if it does not yet."""
        self._killed = True
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _feed(self, stdin: IO[bytes]) -> None:
        # Closing writes what is left in the buffer, which nobody may want to read any more.
        with contextlib.suppress(OSError), stdin:
            for start in range(0, len(self._data), _PIECE):
                stdin.write(self._data[start : start + _PIECE])


def _read(stdout: IO[bytes]) -> tuple[_Answer, memoryview]:
    try:
        answer = msgspec.json.decode(stdout.readline(_MAX_HEAD), type=_Answer)
    except msgspec.MsgspecError:
        return _NOTHING
    if not 0 < answer.size <= _MAX_OUT:
        return answer, memoryview(b"")
    # Anonymous pages come one by one as they are filled; a bytearray would be cleared or moved as a whole.
    content = memoryview(mmap.mmap(-1, answer.size))
    at = 0
    while at < answer.size and (count := _into(stdout, content[at : at + _PIECE])):
        at += count
    return (answer, content.toreadonly()) if at == answer.size and not stdout.read(1) else _NOTHING


def _into(stdout: IO[bytes], piece: memoryview) -> int:
    chunk = stdout.read(len(piece))
    piece[: len(chunk)] = chunk
    return len(chunk)


_NOTHING = (_Answer(), memoryview(b""))
