"""The media of one call: relays packets between page and server without decoding them.

Two legs and a relay. The page offers its leg at any time; the server leg is kept up by a task, which makes a new one
after each loss. A server leg that is only silent is kept until the server is reached for the next one, and for good if
it is heard again before that. Either leg may be replaced while the other goes on. Media of this machine (the document
camera; a headless kiosk's picture and sound) comes in as published tracks.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from kiosk_client.agent.addresses import is_ours
from kiosk_client.agent.kept_media import KeptMedia
from link.options import IpNetwork
from link.protocol.client import ClientMessage, LegCandidate, LegClose, LegOffer, LegPrepare
from link.protocol.errors import InvalidMedia, Unavailable, VisavisError
from link.protocol.server import LegAnswer, LegServers, ServerMessage
from link.rtc.leg import DOWN_SLOTS, UP_SLOTS, Leg, LegState
from link.rtc.relay import Relay
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.transport.permitted_addresses import PermittedAddresses
from link.rtc.wire.sdp import InvalidDescription
from link.tasks import cancel, spawn

log = structlog.get_logger()

SIGN_S = 0.4  # and a round trip: for a WebSocket's sign of life, which is known before the leg calls itself silent
CONNECT_S = 8.0
REACH_S = 1.5  # the server's answer when all is well takes a round trip
CHECK_S = 1.0
RETRY_S = (0.2, 0.5, 1.0)

Request = Callable[[ClientMessage], Awaitable[ServerMessage]]
Post = Callable[[ClientMessage], None]
Check = Callable[[float], None]


class Gateway:
    """Page leg, server leg and the relay between them, for one session. `close` is final."""

    def __init__(
        self,
        session: str,
        *,
        request: Request,
        post: Post,
        sources: Mapping[str, PublishedTrack],
        check: Check = lambda _: None,
        loopback: bool = False,
        networks: Sequence[IpNetwork] = (),
        on_page_lost: Callable[[str], None] = lambda _: None,
        kept: KeptMedia | None = None,
    ) -> None:
        """`sources` are this machine's own tracks by up slot; they take precedence over the page's.

        `kept` keeps what is sent to the server, if anything does.

        The server may be in `networks` only; empty for anywhere but at loopback, unless `loopback` is among our own
        candidates. The page is on this machine, so it may be at loopback always.

        `check(seconds)` asks the server for a sign of life within that time, else the connection to it is made anew.
        """
        self.session = session
        self._request, self._post = request, post
        self._sources = dict(sources)
        self._check, self._loopback, self._networks = check, loopback, networks
        self._on_page_lost = on_page_lost
        self._kept = kept
        self._relay = Relay()
        self._page: tuple[str, Leg] | None = None
        self._server: tuple[str, Leg] | None = None
        self._server_lost = asyncio.Event()
        self._online = asyncio.Event()
        self._returned = asyncio.Event()
        self._answering = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._connecting: asyncio.TimerHandle | None = None
        self._over = False  # the present server leg will not come back
        self._closed = False

    @property
    def server_leg(self) -> Leg | None:
        """The leg to the server, once there is one."""
        return self._server[1] if self._server else None

    def open(self) -> None:
        """The call is answered: connect to the server, and stay connected. Idempotent."""
        if self._keeper is None and not self._closed:
            self._wire()
            self._keeper = spawn(self._keep(), name=f"server leg {self.session}")

    def set_online(self, online: bool) -> None:
        """Whether the server can be asked now; media goes on while it cannot."""
        if online:
            self._online.set()
            self._returned.set()
        else:
            self._online.clear()

    def server_lost(self, leg: str | None = None) -> None:
        """The server lost the leg with this id, or (None) any leg that it had."""
        if self._server is not None and leg in (None, self._server[0]):
            self._over = True
            self._server_lost.set()

    def addresses_changed(self) -> None:
        """This machine's addresses changed: the leg is lost if it had one that is gone, and looked after if not."""
        leg = self.server_leg
        if leg is None or leg.closed:
            return
        address = leg.local_address
        if address is not None and not is_ours(address):
            log.info("server leg's address is gone", session=self.session)
            self.server_lost()
        else:
            self._check(SIGN_S + leg.rtt)

    async def answer_page(self, offer: LegOffer) -> LegAnswer:
        """Take the page's new leg instead of its old one. Raises InvalidMedia."""
        async with self._answering:
            if self._closed:
                raise Unavailable("the call is over")
            leg = Leg(
                f"page {offer.leg}",
                loopback=True,
                same_machine=True,
                on_state=lambda state: self._page_state(offer.leg, state),
            )
            try:
                sdp = await leg.answer(offer.sdp)
            except InvalidDescription as error:
                await leg.close()
                raise InvalidMedia(str(error)) from error
            old, self._page = self._page, (offer.leg, leg)
            self._wire()
            if old is not None:
                await old[1].close()
            return LegAnswer(offer.leg, sdp)

    async def page_candidate(self, candidate: LegCandidate) -> None:
        """Add a candidate of the page's leg; one of an older leg is ignored. Raises InvalidMedia."""
        if self._page is None or self._page[0] != candidate.leg:
            return
        try:
            await self._page[1].add_candidate(candidate.candidate, candidate.mid)
        except InvalidDescription as error:
            raise InvalidMedia(str(error)) from error

    async def close_page(self, leg: str | None = None) -> None:
        """End the page's leg, or only the one with this id."""
        if self._page is not None and leg in (None, self._page[0]):
            old, self._page = self._page, None
            await old[1].close()

    async def close(self) -> None:
        """End both legs. Idempotent."""
        self._closed = True
        await cancel(self._keeper)
        await self._drop_server(tell=True)
        await self.close_page()

    async def _keep(self) -> None:
        failures = 0
        while True:
            await self._online.wait()
            before = self._server
            try:
                await self._connect()
            except (VisavisError, InvalidDescription, OSError, TimeoutError) as error:
                log.info("server leg failed", session=self.session, error=getattr(error, "code", type(error).__name__))
                if self._server is not before:
                    await self._drop_server(tell=False)
                await self._pause(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                continue
            failures = 0
            await self._server_lost.wait()
            log.info("server leg lost", session=self.session, over=self._over)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try, but not past the moment when the server is reached again."""
        self._returned.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._returned.wait()

    async def _prepare(self) -> LegServers:
        """Ask for the next leg's ICE servers; that also tells whether the server is reachable, before slow work."""
        self._check(CHECK_S)
        async with asyncio.timeout(REACH_S):
            reply = await self._request(LegPrepare(self.session))
        if not isinstance(reply, LegServers):
            raise InvalidMedia("no servers")
        return reply

    async def _connect(self) -> None:
        """Make a server leg in the place of the one that was lost, unless that one has been heard again."""
        self._server_lost.clear()
        servers = await self._prepare()
        if self._is_back():
            log.info("server leg is back", session=self.session)
            return
        await self._drop_server(tell=True)
        name = secrets.token_urlsafe(9)
        leg = Leg(
            f"server {name}",
            ice_servers=servers.ice_servers,
            relay_only=servers.relay_only,
            loopback=self._loopback,
            reach=PermittedAddresses(self._networks, loopback=self._loopback or servers.relay_only),
            on_state=lambda state: self._server_state(name, state),
        )
        self._server, self._over = (name, leg), False
        self._server_lost.clear()  # messages that arrived meanwhile were about the previous leg
        reply = await self._request(LegOffer(self.session, name, await leg.offer(), self._kept is not None))
        if not isinstance(reply, LegAnswer):
            raise InvalidMedia("no answer")
        await leg.accept(reply.sdp)
        # aioice declares nothing failed before it knows that there are no more candidates.
        await leg.add_candidate("", "0")
        self._post(LegCandidate(name, ""))
        self._wire()
        if leg.state is LegState.CONNECTING:
            self._connecting = asyncio.get_running_loop().call_later(CONNECT_S, self.server_lost, name)

    def _is_back(self) -> bool:
        leg = self.server_leg
        return leg is not None and leg.state is LegState.CONNECTED and not self._over

    def _stop_waiting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None

    async def _drop_server(self, *, tell: bool) -> None:
        self._stop_waiting()
        old, self._server = self._server, None
        if old is None:
            return
        if tell:
            self._post(LegClose(old[0]))
        await old[1].close()

    def _wire(self) -> None:
        page = self._page[1] if self._page else None
        name, server = self._server or ("", None)
        for slot in UP_SLOTS:
            track = self._sources.get(slot) or (page.tracks[slot] if page is not None and slot != "auxiliary" else None)
            if track is None:
                continue
            if server is not None:
                self._relay.connect(track, server, slot)
            if self._kept is not None:
                # What leaves while there is no leg is kept as well: it would be sent if there were one.
                self._kept.follow(slot, track, server.slots[slot] if server is not None else None, name)
        if server is None:
            return
        if page is not None:
            for slot in DOWN_SLOTS:
                self._relay.connect(server.tracks[slot], page, slot)

    def _page_state(self, leg: str, state: LegState) -> None:
        if state is LegState.CLOSED and self._page is not None and self._page[0] == leg and not self._closed:
            self._on_page_lost(leg)

    def _server_state(self, leg: str, state: LegState) -> None:
        if self._server is None or self._server[0] != leg:
            return
        log.info("server leg", session=self.session, leg=leg, state=str(state))
        self._stop_waiting()
        match state:
            case LegState.CLOSED:
                self.server_lost(leg)
            case LegState.DOUBTFUL:
                # Check signaling now: by the time the leg counts as silent, the WebSocket is known to work or already
                # replaced, and a new leg needs it.
                self._check(SIGN_S + self._server[1].rtt)
            case LegState.SILENT:
                self._server_lost.set()
