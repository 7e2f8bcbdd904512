"""Decoding and encoding an image anew in a limited process of its own (`child.py`)."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from link.messages.errors import Unprocessable
from link.tasks import cancel, spawn

log = structlog.get_logger()

CHILD = Path(__file__).with_name("child.py")
TIMEOUT_S = 12.0
AT_ONCE = 2
_MAX_OUT = 49 * 1024 * 1024
# Tens of megabytes go through pipes in pieces and are never copied as a whole: that would hold up every call.
_PIECE = 1 << 16


class BadImage(Unprocessable):
    """The bytes are not an image that is taken: another kind, broken, or of more than 25 million pixels."""


@dataclass(frozen=True, slots=True)
class View:
    """A clean image: JPEG or PNG, right way up, nothing in it but the picture. Sizes in pixels."""

    data: bytes | bytearray
    media_type: str
    width: int
    height: int


class _Answer(msgspec.Struct):
    media_type: str = ""
    width: int = 0
    height: int = 0
    refused: str = ""


class Reencoder:
    """Runs the limited processes; at most two at a time, the rest wait."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def reencode(self, data: bytes) -> View:
        """A clean copy of the image in `data`.

        Raises:
            BadImage: it is none, or the process died or took too long over it.
        """
        async with self._turns:
            head, content = await self._run(data)
        try:
            answer = msgspec.json.decode(head, type=_Answer)
        except msgspec.MsgspecError:
            answer = _Answer(refused="broken_image")
        if answer.refused or not content:
            raise BadImage(answer.refused or "broken_image")
        return View(content, answer.media_type, answer.width, answer.height)

    async def _run(self, data: bytes) -> tuple[bytes, bytearray]:
        """The child's answer, a line, and the image after it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = spawn(_feed(process.stdin, data), name="image to child")
        try:
            async with asyncio.timeout(self._timeout_s):
                # A longer first line than a StreamReader takes is none of ours.
                head = await process.stdout.readline()
                content = await _read(process.stdout)
                await process.wait()
                return head, content
        except TimeoutError:
            log.warning("image took too long", size=len(data))
            return b"", bytearray()
        except ValueError:
            return b"", bytearray()
        finally:
            await cancel(feeding)
            await asyncio.shield(_bury(process, process.stdout))


async def _bury(process: asyncio.subprocess.Process, stdout: asyncio.StreamReader) -> None:
    if process.returncode is None:
        process.kill()
    while await stdout.read(_PIECE):
        pass  # asyncio notices the end of a process only when its pipes are empty
    await process.wait()


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    view = memoryview(data)
    try:
        for start in range(0, len(view), _PIECE):
            stdin.write(view[start : start + _PIECE])
            await stdin.drain()
    except ConnectionError:
        pass  # the child has seen enough
    finally:
        stdin.close()


async def _read(stdout: asyncio.StreamReader) -> bytearray:
    out = bytearray()
    while chunk := await stdout.read(_PIECE):
        out += chunk
        if len(out) > _MAX_OUT:
            return bytearray()
    return out
