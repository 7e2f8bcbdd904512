"""Captures the documents that the customer agreed to show, one after the other, each once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable

import structlog

from kiosk_client.agent.tray import TrayClosed
from kiosk_client.agent.upload import UploadFailed
from kiosk_client.devices.document_camera import CameraError, Still
from link.protocol.errors import RateLimited, Unavailable, VisavisError
from link.protocol.values import DocumentState, Session
from link.tasks import cancel, spawn

log = structlog.get_logger()

SETTLE_S, SETTLE_MOST_S = 10.0, 60.0
REPORT_RETRY_S = (0.5, 1.0, 2.0, 4.0)
AGAIN = frozenset({Unavailable.code, RateLimited.code, VisavisError.code})

Take = Callable[[str], Awaitable[Still]]
Deliver = Callable[[str, str, Still], Awaitable[None]]
Report = Callable[[str, str, str], Awaitable[None]]


class DocumentCapture:
    """Follows a session's documents; the session as the server tells it is all it needs, so a restart changes nothing.

    `report(session, document, reason)` is called when a document could not be taken (`camera_failed`),
    may not be seen (`tray_closed`: the customer did not agree at this kiosk) or could not be delivered. A
    document that is still agreed ten seconds after it was delivered or reported is taken again: the server has not
    heard.
    """

    def __init__(self, take: Take, deliver: Deliver, report: Report) -> None:
        self._take, self._deliver, self._report = take, deliver, report
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dropped: set[asyncio.Task[None]] = set()
        self._agreed: set[str] = set()
        self._settled: dict[str, asyncio.Event] = {}
        self._one_at_a_time = asyncio.Lock()

    def follow(self, session: Session) -> None:
        """Start on every document that is agreed and not yet under way; one asked for again is taken again."""
        for document in session.documents:
            if document.state is not DocumentState.AGREED:
                self._agreed.discard(document.id)
                if document.id in self._settled:
                    self._settled[document.id].set()
                continue
            self._agreed.add(document.id)
            known = self._tasks.get(document.id)
            if known is None or known.done():
                log.info("document is being taken", session=session.id, document=document.id)
                self._tasks[document.id] = spawn(self._bring(session.id, document.id), name=f"document {document.id}")

    def drop(self, document: str) -> None:
        """The customer withdrew: cancel the capture of this document without a report."""
        self._agreed.discard(document)
        task = self._tasks.pop(document, None)
        if task is not None:
            task.cancel()
            self._dropped.add(task)
            task.add_done_callback(self._dropped.discard)

    async def stop(self) -> None:
        """Drop whatever is under way, and everything known. Idempotent."""
        tasks, self._tasks = [*self._tasks.values(), *self._dropped], {}
        for task in tasks:
            await cancel(task)

    async def _bring(self, session: str, document: str) -> None:
        pause = SETTLE_S
        while document in self._agreed:
            settled = self._settled[document] = asyncio.Event()
            async with self._one_at_a_time:
                failure = await self._attempt(session, document)
            if failure is not None:
                await self._tell(session, document, failure)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await settled.wait()
            pause = min(2 * pause, SETTLE_MOST_S)

    async def _attempt(self, session: str, document: str) -> str | None:
        """Take the document and deliver it; returns the code of what failed."""
        try:
            still = await self._take(document)
            await self._deliver(session, document, still)
        except TrayClosed:
            log.info("document was not agreed to here", session=session, document=document)
            return "tray_closed"
        except CameraError as error:
            log.warning("document could not be taken", session=session, document=document, reason=str(error))
            return "camera_failed"
        except UploadFailed as error:
            log.warning("document could not be delivered", session=session, document=document, code=error.code)
            return error.code
        except Exception:
            # The page shows "your document is being taken": report whatever went wrong, so that it does not stay.
            log.exception("document failed", session=session, document=document)
            return "internal"
        log.info("document delivered", session=session, document=document, size=len(still.data))
        return None

    async def _tell(self, session: str, document: str, reason: str) -> None:
        """Report until the server has accepted or refused it."""
        for pause in itertools.chain(REPORT_RETRY_S, itertools.repeat(REPORT_RETRY_S[-1])):
            try:
                await self._report(session, document, reason)
            except VisavisError as error:
                log.warning("failure could not be reported", session=session, document=document, code=error.code)
                if error.code not in AGAIN:
                    return
                await asyncio.sleep(pause)
            else:
                return
