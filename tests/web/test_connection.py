"""The browser's half of a stream, in Chromium, against the server's half: drops, resumption, refusals, silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import NotFound, VisavisError
from link.protocol.values import Chat, Face
from link.signaling.channel import Channel, Incoming
from link.signaling.host import Host
from tests.web.people import at_desk
from web import pages

pytestmark = pytest.mark.chromium

PAGE = """<!doctype html><html lang="en"><title>t</title><p>Link</p><script type="module" src="/test.js"></script>"""
SCRIPT = """
import { Connection } from "/static/src/link/connection.js";
globalThis.open = (path, allowed) => {
  const link = new Connection(path, allowed === undefined ? {} : { authorised: async () => allowed });
  const seen = { states: [], messages: [], fresh: 0, errors: [], replies: [] };
  link.addEventListener("state", ({ detail }) => seen.states.push([detail, Math.round(performance.now())]));
  link.addEventListener("message", ({ detail }) => seen.messages.push(detail.chat?.text ?? detail.type));
  link.addEventListener("fresh", () => (seen.fresh += 1));
  const ask = (body) => link.request(body).then((reply) => seen.replies.push(reply.type),
    ({ code }) => seen.errors.push(code));
  return Object.assign(globalThis, { link, seen, ask });
};
document.body.dataset.ready = "yes";
"""


class Peer:
    """The server of one console: keeps what it hears, answers every request, and can cut the line."""

    def __init__(self) -> None:
        self.host = Host(heartbeat_s=1, linger_s=5)
        self.channel: Channel | None = None
        self.heard: list[str] = []
        self.error: VisavisError | None = None
        self.quiet = False
        self.transports: list[asyncio.Transport] = []
        self.changed = asyncio.Condition()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.Transport)
        self.transports.append(request.transport)
        return await self.host.serve(request, Face.CONSOLE, "person", self._own)

    async def _own(self, channel: Channel) -> None:
        self.channel = channel
        async for incoming in channel:
            if isinstance(incoming.body, c.NoteSave):
                self.heard.append(incoming.body.text)
            if self.error is not None:
                channel.fail(incoming, self.error)
            elif not self.quiet:
                channel.reply(incoming, s.Done())
            async with self.changed:
                self.changed.notify_all()

    def cut(self) -> None:
        """Cut the TCP connection under the WebSocket, as a pulled cable in a switch does."""
        self.transports[-1].abort()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.heard) >= count)


async def silent(request: web.Request) -> web.StreamResponse:
    """A server that greets and then says nothing, not even pong."""
    socket = web.WebSocketResponse(protocols=("visavis.v2",))
    await socket.prepare(request)
    await socket.receive()
    welcome = {"frame": "welcome", "version": 2, "face": "console", "resume": "r", "resumed": False, "received": 0}
    await socket.send_str(json.dumps({**welcome, "heartbeat_s": float(request.query.get("heartbeat_s", "0.5"))}))
    while (await socket.receive()).type is WSMsgType.TEXT:
        pass
    return socket


@pytest_asyncio.fixture(loop_scope="session")
async def peer() -> Peer:
    return Peer()


@pytest_asyncio.fixture(loop_scope="session")
async def page(peer: Peer, tmp_path: Path) -> AsyncIterator[Page]:
    async def refused(request: web.Request) -> web.Response:
        return web.Response(status=401)

    def text(body: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(text=body, content_type=kind)

        return handler

    app = web.Application()
    app.router.add_get("/", text(PAGE, "text/html"))
    app.router.add_get("/test.js", text(SCRIPT, "text/javascript"))
    app.router.add_get("/ws", peer.serve)
    app.router.add_get("/refused", refused)
    app.router.add_get("/silent", silent)
    pages.setup(app)
    server = TestServer(app)
    async with server, at_desk(tmp_path) as person:
        await person.page.goto(str(server.make_url("/")))
        await person.page.locator("body[data-ready=yes]").wait_for()
        yield person.page
        await peer.host.stop()


async def seen(page: Page, condition: str) -> None:
    """Wait until a condition on the page holds (the strict policy forbids Playwright's own way)."""
    async with asyncio.timeout(30):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.02)


async def test_nothing_is_lost_or_repeated_when_the_line_is_cut_again_and_again(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/ws')")
    await seen(page, "link.state === 'open'")
    sent = [f"{number}" for number in range(300)]
    for start in range(0, 300, 50):
        await page.evaluate(
            """(texts) => { for (const text of texts) ask({ type: "note_save", session: "s", text }); }""",
            sent[start : start + 50],
        )
        assert peer.channel is not None
        for number in range(start, start + 50):
            peer.channel.post(s.ChatMessage("s", Chat(f"c{number}", "kiosk", f"{number}", 0)))
            if number == start + 20:
                peer.cut()
        await seen(page, f"seen.messages.length >= {start + 50} && seen.replies.length >= {start + 50}")
    assert peer.heard == sent
    assert await page.evaluate("seen.messages") == sent
    assert await page.evaluate("seen.replies.length") == 300
    assert await page.evaluate("seen.errors") == []
    assert await page.evaluate("seen.fresh") == 1, "the stream outlives its WebSockets"
    assert len(peer.transports) >= 7
    assert await page.evaluate("link.buffered") <= 200 * 50, "acknowledged messages are let go"


async def test_what_is_said_without_a_line_goes_out_with_the_next(peer: Peer, page: Page) -> None:
    await page.evaluate("""() => {
        globalThis.open('/ws');
        for (const text of ["a", "b"]) ask({ type: "note_save", session: "s", text });
    }""")
    await peer.until(2)
    assert peer.heard == ["a", "b"]


async def test_a_new_stream_rejects_what_may_or_may_not_have_been_done(peer: Peer, page: Page) -> None:
    peer.quiet = True
    await page.evaluate("void globalThis.open('/ws')")
    await seen(page, "link.state === 'open'")
    await page.evaluate("void ask({ type: 'note_save', session: 's', text: 'old' })")
    await peer.until(1)
    assert peer.channel is not None
    peer.quiet = False
    peer.channel.close()
    await seen(page, "seen.fresh === 2 && link.state === 'open'")
    assert await page.evaluate("seen.errors") == ["unavailable"]
    await page.evaluate("ask({ type: 'note_save', session: 's', text: 'new' })")
    assert peer.heard == ["old", "new"]
    assert await page.evaluate("seen.replies") == ["done"]


async def test_a_refusal_carries_its_code(peer: Peer, page: Page) -> None:
    peer.error = NotFound("no such session")
    await page.evaluate("void globalThis.open('/ws')")
    await page.evaluate("ask({ type: 'hang_up', session: 's' })")
    assert await page.evaluate("seen.errors") == ["not_found"]


async def test_a_request_without_a_reply_is_given_up_and_a_late_reply_dropped(peer: Peer, page: Page) -> None:
    peer.quiet = True
    await page.evaluate("void globalThis.open('/ws')")
    await page.evaluate(
        """() => link.request({ type: "note_save", session: "s", text: "a" }, 200)
            .catch(({ code }) => seen.errors.push(code))"""
    )
    assert await page.evaluate("seen.errors") == ["unavailable"]
    await peer.until(1)
    assert peer.channel is not None
    peer.channel.reply(Incoming(c.NoteSave("s", "a"), 1), s.Done())
    peer.quiet = False
    await page.evaluate("ask({ type: 'note_save', session: 's', text: 'b' })")
    assert await page.evaluate("seen.replies") == ["done"]
    assert await page.evaluate("seen.messages") == []


async def test_a_replaced_stream_stays_closed(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/ws')")
    await seen(page, "link.state === 'open'")
    await page.evaluate("globalThis.first = [link, seen]; void globalThis.open('/ws')")
    await seen(page, "first[0].state === 'closed' && link.state === 'open'")
    assert await page.evaluate("first[0].reason.code") == "replaced"
    assert await page.evaluate("first[0].post({ type: 'hang_up', session: 's' })") is False
    assert len(peer.transports) == 2


async def test_a_refused_upgrade_asks_whether_the_login_still_holds(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/refused', false)")
    await seen(page, "link.state === 'closed'")
    assert await page.evaluate("link.reason.code") == "not_authenticated"
    await page.evaluate("void globalThis.open('/refused', true)")
    await seen(page, "link.state === 'lost'")


async def test_a_silent_server_is_noticed_within_two_heartbeats(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/silent')")
    await seen(page, "seen.states.some(([state]) => state === 'lost')")
    states = dict(await page.evaluate("seen.states.slice(0, 2)"))
    assert 500 < states["lost"] - states["open"] <= 1050


async def test_a_message_over_the_limit_is_refused_before_it_is_sent(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/ws')")
    await page.evaluate("ask({ type: 'note_save', session: 's', text: '汉'.repeat(22000) })")
    assert await page.evaluate("seen.errors") == ["too_large"]
    await page.evaluate("ask({ type: 'note_save', session: 's', text: 'small' })")
    assert peer.heard == ["small"]


async def test_a_full_buffer_refuses_new_messages(peer: Peer, page: Page) -> None:
    await page.evaluate("void globalThis.open('/refused', true)")
    accepted = await page.evaluate("""() => {
        let count = 0;
        while (count < 5000 && link.post({ type: "note_save", session: "s", text: "x".repeat(8000) })) count += 1;
        return count;
    }""")
    assert 200 < accepted < 300, "2 MiB of 8 kB messages"


async def test_a_question_is_answered_at_once_or_ends_the_websocket(page: Page) -> None:
    await page.evaluate("void globalThis.open('/ws')")
    await seen(page, "link.state === 'open'")
    asked = "Promise.all([link.check(3000), link.check(1)])"
    assert await page.evaluate(asked) == [True, True]
    # It must not notice by itself before it is asked to look.
    await page.evaluate("link.close(); void globalThis.open('/silent?heartbeat_s=60')")
    await seen(page, "link.state === 'open'")
    assert await page.evaluate("link.check(200)") is False
    assert await page.evaluate("link.state") == "lost"
    assert await page.evaluate("link.check(200)") is False, "nobody can be asked"
