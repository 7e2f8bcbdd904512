"""Takes the papers that the customer agreed to show, one after the other, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from kiosk_client.agent.upload import UploadFailed
from kiosk_client.devices.document_camera import CameraError, Still
from link.messages.values import DocumentState, Session
from link.tasks import cancel, spawn

log = structlog.get_logger()

Take = Callable[[], Awaitable[Still]]
Deliver = Callable[[str, str, Still], Awaitable[None]]
Report = Callable[[str, str, str], Awaitable[None]]


class Papers:
    """Follows a session's documents; the session as the server tells it is all it needs, so a restart changes nothing.

    `report(session, document, reason)` is called when a paper could not be taken (`camera_failed`) or delivered.
    """

    def __init__(self, take: Take, deliver: Deliver, report: Report) -> None:
        self._take, self._deliver, self._report = take, deliver, report
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()

    def follow(self, session: Session) -> None:
        """Start on every document that is agreed and not yet under way; one asked for again is taken again."""
        for document in session.documents:
            known = self._tasks.get(document.id)
            if document.state is not DocumentState.AGREED:
                if known is not None and known.done():
                    del self._tasks[document.id]
            elif known is None:
                log.info("paper is being taken", session=session.id, document=document.id)
                self._tasks[document.id] = spawn(self._bring(session.id, document.id), name=f"paper {document.id}")

    async def stop(self) -> None:
        """Drop whatever is under way, and everything known. Idempotent."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            await cancel(task)

    async def _bring(self, session: str, document: str) -> None:
        async with self._one_at_a_time:
            try:
                still = await self._take()
                await self._deliver(session, document, still)
            except CameraError as error:
                log.warning("paper could not be taken", session=session, document=document, reason=str(error))
                await self._report(session, document, "camera_failed")
            except UploadFailed as error:
                log.warning("paper could not be delivered", session=session, document=document, code=error.code)
                await self._report(session, document, error.code)
            else:
                log.info("paper delivered", session=session, document=document, size=len(still.data))
