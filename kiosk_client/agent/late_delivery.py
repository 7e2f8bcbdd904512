"""Delivers what the network lost: keeps a session's media until the server has it, and sends what it asks for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import structlog

from kiosk_client.agent.kept_media import FOLDER, KeptMedia
from kiosk_client.agent.late_media import decodable, place
from link.protocol.late_media import CONTENT_TYPE, pack
from link.protocol.server import MediaWanted
from link.protocol.values import MediaMark
from link.rtc.leg import UP_SLOTS
from link.tasks import cancel, spawn

log = structlog.get_logger()

SESSIONS: Final = 2
"""Kept at a time: one that is on, and one that has ended and waits to be asked."""
AFTER_CALL_S: Final = 900.0
"""After this nobody asks any more, and what was kept is deleted; servers ask for three minutes (`late_media_s`)."""
CHUNK_BYTES: Final = 16 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=70, sock_connect=10)


@dataclass(slots=True)
class _Session:
    kept: KeptMedia
    in_call: bool = True
    wanted: str = ""
    sending: asyncio.Task[None] | None = None
    deadline: asyncio.TimerHandle | None = None


class LateDelivery:
    """What this kiosk has kept of its sessions. All methods are called on the event loop."""

    def __init__(
        self,
        server: str,
        headers: Callable[[], Mapping[str, str]],
        data: Path,
        *,
        tls: ssl.SSLContext | None,
        most_bytes: int,
        most_s: float,
        bits_per_s: int,
    ) -> None:
        """`most_bytes` and `most_s` bound what is kept of a session, 0 bytes: nothing is.

        `bits_per_s` is how fast it is sent while the call is on, beside the call's own media.
        """
        self._server, self._headers, self._tls = server, headers, tls
        self._folder = data / FOLDER
        self._most_bytes, self._most_s, self._bits_per_s = most_bytes, most_s, bits_per_s
        self._sessions: dict[str, _Session] = {}
        self._deleting: set[asyncio.Task[None]] = set()

    def keep(self, session: str) -> KeptMedia | None:
        """Where the media of a call that begins is kept; None if nothing is to be."""
        if not self._most_bytes:
            return None
        known = self._sessions.get(session)
        if known is None:
            while len(self._sessions) >= SESSIONS:
                self.complete(next(iter(self._sessions)))
            kept = KeptMedia(self._folder, most_bytes=self._most_bytes, most_s=self._most_s)
            known = self._sessions[session] = _Session(kept)
        elif known.deadline is not None:
            known.deadline.cancel()
            known.in_call = True
        return known.kept

    def over(self, session: str) -> None:
        """The call is over: what is missing of it is asked for soon, or not at all."""
        known = self._sessions.get(session)
        if known is not None and known.in_call:
            known.in_call = False
            known.kept.stop()
            known.deadline = asyncio.get_running_loop().call_later(AFTER_CALL_S, self.complete, session)

    def wanted(self, message: MediaWanted) -> None:
        """The server asks for a piece of a session; once more for one that is on its way changes nothing."""
        known = self._sessions.get(message.session)
        if known is None or message.track not in UP_SLOTS:
            return
        if known.sending is not None and not known.sending.done():
            if known.wanted == message.wanted:
                return
            known.sending.cancel()
        known.wanted = message.wanted
        known.sending = spawn(self._deliver(known, message), name=f"late media {message.session}")

    def complete(self, session: str) -> None:
        """The server has all that it wants: delete what was kept."""
        known = self._sessions.pop(session, None)
        if known is not None:
            task = spawn(_delete(known), name=f"deleting kept media {session}")
            self._deleting.add(task)
            task.add_done_callback(self._deleting.discard)

    async def close(self) -> None:
        """Delete everything."""
        for session in list(self._sessions):
            self.complete(session)
        if self._deleting:
            await asyncio.wait(list(self._deleting), timeout=5)

    async def _deliver(self, known: _Session, message: MediaWanted) -> None:
        kept, span_s = known.kept, (message.end_ms - message.start_ms) / 1000
        marks = [mark for mark in (message.after, message.before) if mark is not None]
        # A frame that is known may lie far before the piece, or behind it.
        edges = (message.start_ms, message.end_ms)
        reach_s = max((abs(edge - mark.at_ms) / 1000 for mark in marks for edge in edges), default=span_s)
        frames = await kept.frames(message.track, _known(message.after), _known(message.before), max(span_s, reach_s))
        placed = place(frames, message)
        data = await kept.read(message.track, [frame for _, frame in placed])
        body = await asyncio.to_thread(lambda: pack(decodable(placed, data, message)))
        url = f"{self._server}/api/kiosk/sessions/{message.session}/media/{message.wanted}"
        headers = {"Content-Type": CONTENT_TYPE, **self._headers()}
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as http,
                http.put(url, data=self._paced(known, body), headers=headers, ssl=self._tls or True) as response,
            ):
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The server asks again.
            log.info("media not delivered", session=message.session, error=type(error).__name__)
            return
        log.info("media delivered", session=message.session, track=message.track, bytes=len(body), status=status)

    async def _paced(self, known: _Session, body: bytes) -> AsyncIterator[bytes]:
        """The body as fast as may be: the call's own media comes first."""
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        for start in range(0, len(body), CHUNK_BYTES):
            if known.in_call:
                await asyncio.sleep(begun + sent * 8 / self._bits_per_s - loop.time())
            chunk = body[start : start + CHUNK_BYTES]
            sent += len(chunk)
            yield chunk


def _known(mark: MediaMark | None) -> tuple[str, int] | None:
    return None if mark is None else (mark.leg, mark.stamp)


async def _delete(known: _Session) -> None:
    if known.deadline is not None:
        known.deadline.cancel()
    await cancel(known.sending)
    await known.kept.close()
