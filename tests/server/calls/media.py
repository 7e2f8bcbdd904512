"""A participant's media without a browser: real legs, frames encoded before."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from link.protocol import client as m
from link.protocol.errors import VisavisError
from link.protocol.server import LegAnswer, LegLost
from link.rtc.leg import Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from link.rtc.tracks.depacketizer import EncodedFrame
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath
from tests.server.calls.bank import Party

KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"
DELTA = b"\x11\x00\x00"
OPUS = b"\x78" + bytes(40)  # one frame of 20 ms
_legs = itertools.count(1)


class Media:
    """Publishes camera and microphone from `start` on and counts what comes back; a lost leg is made anew."""

    def __init__(self, party: Party, session: str) -> None:
        self.party = party
        self.session = session
        self.legs = 0
        self.filming = True
        self.keeps = False  # says that it keeps what it sends
        self.conditions: dict[str, Any] | None = None  # of the network, if there is to be a bad one
        self.path: LossyPath | None = None
        self.name = ""
        self.seen: list[EncodedFrame] = []
        self.heard: list[EncodedFrame] = []
        self.leg: Leg | None = None
        self._relay = Relay()
        self._camera = LocalTrack("video", "camera", on_keyframe_request=self._want)
        self._microphone = LocalTrack("audio", "microphone")
        self._wanted = True
        self._told = 0
        self._running = False
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def _want(self) -> None:
        self._wanted = True

    def start(self) -> None:
        self._running = True
        self._tasks = [spawn(self._publish(), name="publish"), spawn(self._keep(), name="keep leg")]

    async def stop(self) -> None:
        await self._end_tasks()
        await self._close()

    async def _end_tasks(self) -> None:
        # Let an offer under way come to its end: cancelling asyncio while it opens a socket leaks the socket.
        self._running = False
        if self._tasks:
            await asyncio.wait(self._tasks[1:], timeout=10)
        for task in self._tasks:
            await cancel(task)

    async def vanish(self) -> None:
        """Stop sending and answering without a word, and do not come back."""
        await self._end_tasks()
        if self.leg is not None:
            for protocol in self.leg._transport._connection._protocols:
                protocol.transport.abort()

    async def arrives(self, video: int = 5, audio: int = 10, within: float = 30.0) -> None:
        """Wait until so many more frames arrived."""
        video, audio = len(self.seen) + video, len(self.heard) + audio
        async with asyncio.timeout(within):
            while len(self.seen) < video or len(self.heard) < audio:
                await asyncio.sleep(0.02)

    async def offer(self) -> None:
        """Make a new leg."""
        async with self._turn:
            await self._offer()

    async def _offer(self) -> None:
        await self._close()
        self.leg = leg = await self.make_leg()
        self.legs += 1
        self.name = f"leg{next(_legs)}"
        offer = await leg.offer()
        path = self.path = None if self.conditions is None else LossyPath(**self.conditions)
        sdp = path.hide(offer) if path else offer
        reply = await self.party.ask(m.LegOffer(self.session, self.name, sdp, self.keeps))
        assert isinstance(reply, LegAnswer)
        await leg.accept(await path.stand_before(reply.sdp) if path else reply.sdp)
        self._relay.connect(self._camera.track, leg, "camera")
        self._relay.connect(self._microphone.track, leg, "microphone")
        self._relay.tap(leg.tracks["video0"], self.seen.append, lambda _: None)
        self._relay.tap(leg.tracks["audio0"], self.heard.append, lambda _: None)

    async def make_leg(self) -> Leg:
        return Leg("test", loopback=True)

    async def _close(self) -> None:
        if self.leg is not None:
            await self.leg.close()
            self.leg = None
        if self.path is not None:
            self.path.close()
            self.path = None

    async def _keep(self) -> None:
        """As every client does: a leg that is lost, silent or closed is replaced."""
        while self._running:
            # While another offer is under way there is no leg, and none is missing.
            async with self._turn:
                if self.leg is None or self.leg.state in (LegState.SILENT, LegState.CLOSED) or self._lost():
                    try:
                        await self._offer()
                    except (VisavisError, AssertionError, ConnectionError):
                        await self._close()
            await asyncio.sleep(0.1)

    def _lost(self) -> bool:
        news = self.party.messages[self._told :]
        self._told = len(self.party.messages)
        return any(isinstance(message, LegLost) and message.leg == self.name for message in news)

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for tick in itertools.count():
            self._microphone.push(OPUS, tick * 960)
            if tick % 2 == 0 and self.filming:
                keyframe, self._wanted = self._wanted, False
                self._camera.push((KEYFRAME if keyframe else DELTA) + bytes(800), tick * 1800, keyframe)
            await asyncio.sleep(max(0.0, begin + (tick + 1) * 0.02 - loop.time()))
