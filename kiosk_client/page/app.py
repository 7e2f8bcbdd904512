"""The aiohttp application behind the kiosk page: the page, its static files and its WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web

from kiosk_client.agent.agent import Agent
from kiosk_client.page.guard import KEY, guard
from kiosk_client.page.key import remember
from link.protocol.client import CallEnd, CobrowsePiece
from link.protocol.errors import VisavisError
from link.protocol.server import ServerMessage
from link.protocol.values import Face
from link.signaling.channel import Channel, Incoming
from link.signaling.host import Host
from link.tasks import cancel, spawn
from web import pages
from web.catalogs import DEFAULT_LANGUAGE, parse_language

log = structlog.get_logger()

HEARTBEAT_S = 5.0
LINGER_S = 30.0
WAITING = 64  # messages of a page that wait for those before them


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Settings of the page: `idle_s` in seconds, and the secret key of its link (empty: none is needed)."""

    idle_s: int
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KioskShell:
    """Context of `kiosk.html`."""

    page_data: dict[str, int]


AGENT = web.AppKey("agent", Agent)
HOST = web.AppKey("host", Host)
SETTINGS = web.AppKey("settings", PageSettings)


def make_page(agent: Agent, settings: PageSettings) -> web.Application:
    """Return the application. It serves one page at a time; a newer one takes over."""
    app = web.Application(middlewares=[guard])
    app[KEY] = settings.key
    app[AGENT] = agent
    app[HOST] = Host(heartbeat_s=HEARTBEAT_S, linger_s=LINGER_S)
    app[SETTINGS] = settings
    pages.setup(app)
    app.router.add_get("/", show_page)
    app.router.add_get("/ws/page", carry_page)
    app.router.add_get("/away", show_away)
    app.router.add_get("/away-worker.js", serve_worker)
    app.on_shutdown.append(_stop_channels)
    return app


async def show_page(request: web.Request) -> web.Response:
    """The kiosk page, in the present customer's language; Chinese for a new customer."""
    language = parse_language(request.cookies.get("lang")) or DEFAULT_LANGUAGE
    context = KioskShell({"idle_s": request.app[SETTINGS].idle_s})
    response = pages.render(request, "kiosk.html", context, language=language)
    remember(response, request.app[KEY])
    return response


async def show_away(request: web.Request) -> web.Response:
    """The page that the service worker keeps for reloads while this process is down; in the default language."""
    return pages.render(request, "kiosk_away.html", language=DEFAULT_LANGUAGE)


async def serve_worker(_: web.Request) -> web.FileResponse:
    """The service worker; at the root, because a worker's scope is its own path."""
    headers = {hdrs.CONTENT_TYPE: "text/javascript; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
    return web.FileResponse(pages.TEMPLATES.parent / "src" / "kiosk" / "away-worker.js", headers=headers)


async def carry_page(request: web.Request) -> web.StreamResponse:
    """The page's WebSocket."""
    agent = request.app[AGENT]

    async def on_channel(channel: Channel) -> None:
        await converse(agent, channel)

    return await request.app[HOST].serve(request, Face.PAGE, "page", on_channel)


async def converse(agent: Agent, channel: Channel) -> None:
    """Pass messages between page and agent until the channel closes.

    Messages are handled in order: a request that waits for the server delays the page's later ones, except for the end
    of a call, which names its session, and pieces of co-browsing.
    """
    requests: asyncio.Queue[Incoming] = asyncio.Queue(WAITING)
    endings: asyncio.Queue[Incoming] = asyncio.Queue(WAITING)

    def tell(message: ServerMessage) -> None:
        channel.post(message)

    workers = [
        spawn(_work(agent, channel, requests), name="page requests"),
        spawn(_work(agent, channel, endings), name="page endings"),
    ]
    agent.attach(tell)
    try:
        async for incoming in channel:
            if isinstance(incoming.body, CobrowsePiece):
                await _answer(agent, channel, incoming)
            else:
                await (endings if isinstance(incoming.body, CallEnd) else requests).put(incoming)
    finally:
        agent.detach(tell)
        for worker in workers:
            await cancel(worker)
        log.info("page gone")


async def _work(agent: Agent, channel: Channel, waiting: asyncio.Queue[Incoming]) -> None:
    while True:
        await _answer(agent, channel, await waiting.get())


async def _answer(agent: Agent, channel: Channel, incoming: Incoming) -> None:
    try:
        reply = await agent.ask(incoming.body)
    except VisavisError as error:
        log.info("page refused", type=type(incoming.body).__name__, code=error.code)
        channel.fail(incoming, error)
        return
    except Exception:
        log.exception("message failed", type=type(incoming.body).__name__)
        channel.fail(incoming, VisavisError())
        return
    if reply is not None:
        channel.reply(incoming, reply)


async def _stop_channels(app: web.Application) -> None:
    await app[HOST].stop()


@asynccontextmanager
async def served(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve `app` on 127.0.0.1 and give its address; `port` 0 takes a free one."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
