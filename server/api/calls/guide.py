"""What each message of a guide's page does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from aiohttp import web

from link.protocol import client as m
from link.protocol.values import Face
from link.signaling.channel import Channel
from server.api.calls.client_session import ClientSession, Handle, Reply
from server.identity import Person, Role


class GuideSession(ClientSession):
    """A guide's channel: the kiosks of the branches in which the person is a guide."""

    face = Face.GUIDE

    def __init__(self, app: web.Application, channel: Channel, person: Person) -> None:
        super().__init__(app, channel, person.id, None)
        self.person = person
        self.branches = person.branches(Role.GUIDE)
        self._unwatch: Callable[[], None] = lambda: None

    async def run(self, revoked: asyncio.Event, ends_us: int | None = None) -> None:
        try:
            await super().run(revoked, ends_us)
        finally:
            self._unwatch()

    async def prepare(self) -> None:
        self._unwatch = await self.lobby.watch(self.branches, self.channel.post)

    async def assistance_take(self, message: m.AssistanceTake) -> Reply:
        person = self.person
        self.lobby.take(self.branches, person.id, person.name, message.kiosk, done=message.done)
        return None

    handlers: ClassVar[dict[type, Handle]] = {m.AssistanceTake: assistance_take}
