"""The application: every part opened in order, every route with its permission, one gate before all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from server.blobs.vault import read_or_make_site_key
from server.config import Config
from server.handlers import auth, health, kiosk_api, pages
from server.handlers.gate import gate
from server.handlers.route import PERMISSIONS, Allow, Permissions, Route, add_routes
from server.identity import Identity
from server.journal import Audit, Journal
from server.keys import AUDIT, CONFIG, IDENTITY, JOURNAL, NOTICE, STORE
from server.notice import load_notice
from server.store import Store
from web import pages as web_pages
from web.assets import serve_asset

SHUTDOWN_S = 5.0
ROUTES = [*auth.ROUTES, *pages.ROUTES, *kiosk_api.ROUTES, *health.ROUTES]


def make_app(config: Config) -> web.Application:
    """An application that opens everything at start-up and closes it, in reverse, at clean-up.

    Raises:
        ValueError: the recording notice cannot be used.
    """
    app = web.Application(middlewares=[gate], client_max_size=64 * 1024)
    app[CONFIG] = config
    app[NOTICE] = load_notice(config.notice)
    app[PERMISSIONS] = Permissions()
    web_pages.setup(app)
    app[PERMISSIONS].declare(Route("GET", "/static/{path}", serve_asset, Allow.PUBLIC))
    add_routes(app, ROUTES)
    app.cleanup_ctx.extend([_store, _identity])
    return app


async def _store(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG]
    await asyncio.to_thread(config.data.mkdir, mode=0o700, parents=True, exist_ok=True)
    app[STORE] = store = await Store.open(config.database_url)
    app[JOURNAL] = Journal(store)
    app[AUDIT] = Audit(store)
    yield
    await store.close()


async def _identity(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG]
    key = await asyncio.to_thread(read_or_make_site_key, config.login_key_file)
    app[IDENTITY] = identity = Identity(
        app[STORE], app[AUDIT], login_key=key, login_minutes=config.login_minutes, login_hours=config.login_hours
    )
    await identity.start()
    yield
    await identity.close()
