"""The application: opens every part in order and adds every route, each with its permission, behind one middleware."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import hdrs, web

from link.rate_limit import Rates
from link.signaling.host import Host
from server.api import (
    approvals,
    audit,
    bookmarks,
    bundles,
    documents,
    fleet,
    health,
    holds,
    late_media,
    library,
    library_search,
    login,
    pages,
    replay,
    reviews,
    sockets,
    viewing,
)
from server.api.http.app_keys import (
    AUDIT,
    BLOBS,
    BUNDLES,
    BUS,
    CONFIG,
    DOCUMENTS,
    HOST,
    ICE,
    IDENTITY,
    JOURNAL,
    LIBRARY,
    LOBBY,
    NOTICE,
    PROOFS,
    PURPOSES,
    RATES,
    READER,
    READINESS,
    RETENTION,
    ROOMS,
    SIGNING_KEY,
    STORE,
    TALLY,
    TIMESTAMPS,
    VAULT,
    WORDS,
)
from server.api.http.client_address import connection_source
from server.api.http.connection_guard import CONNECTION_GUARD, KEEP_ALIVE_S, ConnectionGuard, Listener
from server.api.http.kiosk_admission import ADMISSION, Admission
from server.api.http.middleware import gate
from server.api.http.routes import PERMISSIONS, Allow, Permissions, Route, add_routes
from server.blobs.blobs import Blobs
from server.blobs.transit import transit_of
from server.blobs.vault import open_vault, read_or_make_site_key
from server.bus import LocalBus
from server.calls.ice_servers import IceServers, leg_maker
from server.calls.readiness import Readiness
from server.calls.recorder_factory import RecorderFactory
from server.calls.registry import Registry
from server.cobrowse import Sanitiser
from server.config import Config
from server.documents import DocumentStore
from server.evidence.bundle_runs import BundleRuns, bundle_maker
from server.evidence.checkpoints import Checkpoints
from server.evidence.deletion import LegalDeletion
from server.evidence.object_locks import ObjectLocks
from server.evidence.purposes import load_purposes
from server.evidence.reader import Reader
from server.evidence.retention_pass import RetentionPass
from server.evidence.second_place import second_place
from server.evidence.timestamp import TimestampAuthority, Trust
from server.evidence.timestamps import Timestamps
from server.evidence.verify_runs import Proofs, verifier
from server.identity import Identity
from server.journal import Audit, Journal
from server.journal.signing_key import open_signing_key
from server.journal.tally import Tally
from server.library.parts import Library
from server.library.sealed_words import SealedWords
from server.recording.places import WritablePlaces
from server.recording.space import DiskFloor
from server.recording_notice import load_notice
from server.routing.assistance import Assistance
from server.session.machine import Graces
from server.store import Store, modes
from server.store.database import sqlite_file
from server.store.sessions import SessionQuery
from server.store.stamps import new_id
from web import pages as web_pages
from web.assets import serve_asset

SHUTDOWN_S = 5.0
ROUTES = [
    *login.ROUTES,
    *pages.ROUTES,
    *fleet.ROUTES,
    *documents.ROUTES,
    *late_media.ROUTES,
    *health.ROUTES,
    *sockets.ROUTES,
    *library.ROUTES,
    *replay.ROUTES,
    *bookmarks.ROUTES,
    *viewing.ROUTES,
    *approvals.ROUTES,
    *reviews.ROUTES,
    *bundles.ROUTES,
    *library_search.ROUTES,
    *audit.ROUTES,
    *holds.ROUTES,
]


def make_app(config: Config) -> web.Application:
    """An application that opens everything at start-up and closes it, in reverse, at clean-up.

    Raises:
        ValueError: the recording notice or the list of purposes cannot be used.
    """
    app = web.Application(middlewares=[gate], client_max_size=64 * 1024)
    app[CONFIG] = config
    app[NOTICE] = load_notice(config.notice)
    app[PURPOSES] = load_purposes(config.purposes)
    app[PERMISSIONS] = Permissions()
    app[CONNECTION_GUARD] = ConnectionGuard(
        per_address=config.connections_per_address, counted=partial(connection_source, config)
    )
    app[RATES] = Rates()
    app[ADMISSION] = Admission()
    app[late_media.INTAKE] = late_media.Intake()
    web_pages.setup(app)
    app[PERMISSIONS].declare(Route("GET", "/static/{path}", serve_asset, Allow.PUBLIC))
    add_routes(app, ROUTES)
    app.on_response_prepare.append(_say_no_version)
    app.on_shutdown.append(_hang_up)
    app.cleanup_ctx.extend([_store, _identity, _blobs, _checkpoints, _retention, _rooms])
    return app


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Start the application and listen; everything is closed when the block ends.

    Raises:
        OSError: the address is taken or is none of this machine.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=KEEP_ALIVE_S)
    await runner.setup()
    try:
        assert runner.server is not None
        server = await app[CONNECTION_GUARD].listen(runner.server, host, port, context)
        try:
            yield server
        finally:
            server.close()
            await server.closed()
    finally:
        await runner.cleanup()


async def _say_no_version(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = "Visavis"


async def _hang_up(app: web.Application) -> None:
    """Tell every client to come back later, before the server waits for their WebSockets to end."""
    await app[HOST].stop()


async def _store(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG]
    await asyncio.to_thread(_close_to_others, config)
    app[STORE] = store = await Store.open(config.database_url)
    app[JOURNAL] = Journal(store)
    try:
        app[SIGNING_KEY] = key = await open_signing_key(config.signing_key_file, store)
    except BaseException:
        await store.close()
        raise
    app[AUDIT] = Audit(store, sign=key.sign)
    app[TALLY] = tally = Tally(app[AUDIT])
    tally.start()
    yield
    await tally.close()
    await store.close()


def _close_to_others(config: Config) -> None:
    """Close the data directory to other accounts of this machine. Raises `OSError`."""
    for folder in (config.data, config.spool):
        modes.enforce_folder(folder)
    if "://" not in config.blobs_location:
        modes.enforce_folder(Path(config.blobs_location))
    file = sqlite_file(config.database_url)
    if file is not None:
        modes.enforce_database(file)


async def _identity(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG]
    key = await asyncio.to_thread(read_or_make_site_key, config.login_key_file)
    app[IDENTITY] = identity = Identity(
        app[STORE], app[AUDIT], login_key=key, login_minutes=config.login_minutes, login_hours=config.login_hours
    )
    await identity.start()
    yield
    await identity.close()


async def _blobs(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG]
    app[BLOBS] = await asyncio.to_thread(Blobs.at, config.blobs_location)
    await _check_belongs(config, app[STORE], app[BLOBS])
    app[VAULT] = await open_vault(
        app[STORE].data_keys, config.site_key_file, config.suite, service=await asyncio.to_thread(transit_of, config)
    )
    app[DOCUMENTS] = DocumentStore(app[BLOBS], app[VAULT], config.data / "uploads")
    app[READER] = Reader(app[JOURNAL], app[BLOBS], app[VAULT])
    app[PROOFS] = Proofs(verifier(config))
    app[BUNDLES] = BundleRuns(bundle_maker(config), config.data / "exports")
    await app[BUNDLES].start()
    app[WORDS] = SealedWords(app[VAULT])
    app[LIBRARY] = library_parts = Library(app[STORE], app[JOURNAL], app[VAULT])
    library_parts.indexer.start()
    yield
    await library_parts.indexer.close()
    await app[BUNDLES].close()
    await app[PROOFS].close()


async def _checkpoints(app: web.Application) -> AsyncIterator[None]:
    """Before the calls begin and until after they end, so that whatever is journaled is signed."""
    checkpoints = Checkpoints(
        store=app[STORE],
        journal=app[JOURNAL],
        audit=app[AUDIT],
        key=app[SIGNING_KEY],
        place=second_place(app[CONFIG].checkpoints_location),
    )
    app[TIMESTAMPS] = stamps = await asyncio.to_thread(_timestamps, app)
    await checkpoints.start()
    if stamps is not None:
        stamps.start()
    yield
    if stamps is not None:
        await stamps.close()
    await checkpoints.close()


def _timestamps(app: web.Application) -> Timestamps | None:
    """Who has checkpoints time-stamped; None where the site has no authority. Raises `BadAuthorityCertificate`."""
    config = app[CONFIG]
    if not config.timestamp_authority or config.timestamp_certificate is None:
        return None
    authority = TimestampAuthority(config.timestamp_authority, Trust.read(config.timestamp_certificate))
    place, every_s = second_place(config.checkpoints_location), config.timestamp_minutes * 60.0
    return Timestamps(store=app[STORE], place=place, authority=authority, every_s=every_s)


async def _retention(app: web.Application) -> AsyncIterator[None]:
    """After the checkpoints begin, so that deletions are signed; before anything is recorded, which may be locked."""
    store, blobs = app[STORE], app[BLOBS]
    deletion = LegalDeletion(
        store=store, journal=app[JOURNAL], vault=app[VAULT], blobs=blobs, audit=app[AUDIT], key=app[SIGNING_KEY]
    )
    app[RETENTION] = retention = RetentionPass(
        deletion,
        locks=await _object_locks(store, blobs),
        hours=app[CONFIG].retention_hours,
        on_deleted=app[BUNDLES].forget,
    )
    retention.start()
    yield
    await retention.close()


async def _object_locks(store: Store, blobs: Blobs) -> ObjectLocks | None:
    """The locks of a bucket that has Object Lock; None where recordings lie elsewhere."""
    lock = await blobs.find_lock()
    if lock is None:
        return None
    locks = ObjectLocks(store, blobs, lock)
    await locks.start()
    return locks


def _places(config: Config) -> WritablePlaces:
    folders = [config.spool] if "://" in config.blobs_location else [config.spool, Path(config.blobs_location)]
    return WritablePlaces(sqlite_file(config.database_url), folders)


async def _check_belongs(config: Config, store: Store, blobs: Blobs) -> None:
    """Raise `ValueError` where the database holds no session but recordings exist: most likely it was lost."""
    if config.empty_database == "accept" or (await store.sessions.search(SessionQuery(), limit=1)).total:
        return
    spooled = await asyncio.to_thread(lambda: next(config.spool.rglob("*.*"), None) is not None)
    if spooled or await blobs.any("sessions"):
        raise ValueError(
            "the database holds no session, but recordings lie beside it: put the database back from the backup, or "
            "say --empty-database accept to begin anew (docs/operate.md, Backup)"
        )


async def _rooms(app: web.Application) -> AsyncIterator[None]:
    config, store = app[CONFIG], app[STORE]
    app[BUS] = bus = LocalBus()
    app[ICE] = IceServers(config)
    app[HOST] = Host(heartbeat_s=config.heartbeat_s)
    floor = DiskFloor(config.spool, config.minimum_free_mb * 1024 * 1024)
    recordings = RecorderFactory(app[JOURNAL], app[VAULT], app[BLOBS], config.spool, floor)
    app[READINESS] = readiness = Readiness(store, recordings, places=await asyncio.to_thread(_places, config))
    app[ROOMS] = rooms = Registry(
        node=new_id(),
        store=store,
        journal=app[JOURNAL],
        notice=app[NOTICE],
        bus=bus,
        recordings=recordings,
        condition=readiness,
        sanitise=Sanitiser,
        new_leg=leg_maker(config, app[ICE]),
        graces=Graces(
            config.ring_s,
            config.specialist_grace_s,
            config.kiosk_grace_s,
            config.closing_s,
            after_cut=min(config.specialist_grace_s, Graces().after_cut),
        ),
        late_s=config.late_media_s,
    )
    app[LOBBY] = lobby = Assistance(store, bus, rooms.phase_of_kiosk)
    rooms.on_change = lobby.changed
    await rooms.start()
    readiness.look()
    readiness.start()
    yield
    await readiness.stop()
    lobby.close()
    await rooms.stop()
