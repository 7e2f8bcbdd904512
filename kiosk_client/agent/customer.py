"""A simulated customer for headless kiosks: asks for an expert, shows documents when asked, rates, leaves."""

from __future__ import annotations

import asyncio
import secrets

import structlog

from kiosk_client.agent.agent import Agent
from link.protocol.client import CallEnd, CallRequest, ClientMessage, DocumentAnswer, Rate
from link.protocol.errors import NotFound, Unavailable, VisavisError
from link.protocol.server import KioskConfig, ServerMessage, SessionGone, SessionUpdate
from link.protocol.values import OPEN, TALKING, Consent, DocumentState, Language, Session
from link.tasks import cancel, spawn

log = structlog.get_logger()


class Customer:
    """One call, from the request to the rating."""

    def __init__(
        self,
        agent: Agent,
        service: str,
        *,
        language: Language = Language.ZH,
        talk_s: float | None = None,
        stars: int | None = 5,
    ) -> None:
        """`talk_s` ends the call that long after the answer; None leaves that to the specialist.

        `stars` are given at the end; with None the server is told that none will be.
        """
        self._agent, self._service = agent, service
        self._language, self._talk_s, self._stars = language, talk_s, stars
        self._config = asyncio.Event()
        self._over = asyncio.Event()
        self._session: Session | None = None
        self._answered: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> Session:
        """Make the call and return the session as it ended. Raises NotFound for a service this kiosk does not offer."""
        self._agent.attach(self._hear)
        try:
            await self._config.wait()
            reply = await self._agent.ask(self._request())
            if isinstance(reply, SessionUpdate):
                self._follow(reply.session)
            await self._over.wait()
            assert self._session is not None
            if self._session.specialist is not None:
                await self._try(Rate(self._session.id, self._stars))
            return self._session
        finally:
            self._agent.detach(self._hear)
            for task in self._tasks:
                await cancel(task)

    def _request(self) -> CallRequest:
        config = self._agent.mirror.config
        assert config is not None
        if self._service not in {service.id for service in config.services}:
            raise NotFound(f"this kiosk does not offer {self._service}")
        consent = Consent(config.notice.version, self._language)
        return CallRequest(secrets.token_urlsafe(12), self._service, self._language, consent)

    def _hear(self, message: ServerMessage) -> None:
        if isinstance(message, KioskConfig):
            self._config.set()
        elif isinstance(message, SessionUpdate):
            self._follow(message.session)
        elif isinstance(message, SessionGone) and self._session is not None:
            self._over.set()

    def _follow(self, session: Session) -> None:
        if self._session is not None and session.id != self._session.id:
            return
        answered = session.state in TALKING and (self._session is None or self._session.state not in TALKING)
        self._session = session
        if session.state not in OPEN:
            self._over.set()
            return
        if answered and self._talk_s is not None:
            self._tasks.append(spawn(self._hang_up(session.id, self._talk_s), name="customer hangs up"))
        for document in session.documents:
            if document.state not in (DocumentState.REQUESTED, DocumentState.REJECTED):
                self._answered.discard(document.id)
            elif document.id not in self._answered:
                self._answered.add(document.id)
                answer = DocumentAnswer(session.id, document.id, agreed=True)
                self._tasks.append(spawn(self._try(answer), name="customer agrees"))

    async def _hang_up(self, session: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._try(CallEnd(session))

    async def _try(self, body: ClientMessage) -> None:
        for pause in (1.0, 3.0, None):
            try:
                await self._agent.ask(body)
                return
            except VisavisError as error:
                # A server's refusal carries its code, whatever its class is here.
                if error.code != Unavailable.code or pause is None:
                    log.info("refused", type=type(body).__name__, code=error.code)
                    return
                await asyncio.sleep(pause)
