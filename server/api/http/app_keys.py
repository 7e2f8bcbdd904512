"""Application keys (aiohttp `AppKey`) of everything that `server.app` opens at start.

Only types are imported here, so that every floor may use the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from link.rate_limit import Rates
    from link.signaling.host import Host
    from server.blobs.blobs import Blobs
    from server.blobs.vault import Vault
    from server.bus import Bus
    from server.calls.ice_servers import IceServers
    from server.calls.readiness import Readiness
    from server.calls.registry import Registry
    from server.config import Config
    from server.documents import DocumentStore
    from server.evidence.bundle_runs import BundleRuns
    from server.evidence.purposes import Purposes
    from server.evidence.reader import Reader
    from server.evidence.retention_pass import RetentionPass
    from server.evidence.timestamps import Timestamps
    from server.evidence.verify_runs import Proofs
    from server.identity import Identity
    from server.journal import Audit, Journal
    from server.journal.signing_key import SigningKey
    from server.journal.tally import Tally
    from server.library.parts import Library
    from server.library.sealed_words import SealedWords
    from server.recording_notice import RecordingNotice
    from server.routing.assistance import Assistance
    from server.store import Store

CONFIG: web.AppKey[Config] = web.AppKey("config")
NOTICE: web.AppKey[RecordingNotice] = web.AppKey("notice")
SIGNING_KEY: web.AppKey[SigningKey] = web.AppKey("signing_key")
STORE: web.AppKey[Store] = web.AppKey("store")
JOURNAL: web.AppKey[Journal] = web.AppKey("journal")
AUDIT: web.AppKey[Audit] = web.AppKey("audit")
TALLY: web.AppKey[Tally] = web.AppKey("tally")
IDENTITY: web.AppKey[Identity] = web.AppKey("identity")
BLOBS: web.AppKey[Blobs] = web.AppKey("blobs")
VAULT: web.AppKey[Vault] = web.AppKey("vault")
DOCUMENTS: web.AppKey[DocumentStore] = web.AppKey("documents")
BUS: web.AppKey[Bus] = web.AppKey("bus")
HOST: web.AppKey[Host] = web.AppKey("host")
ROOMS: web.AppKey[Registry] = web.AppKey("rooms")
LIBRARY: web.AppKey[Library] = web.AppKey("library")
ICE: web.AppKey[IceServers] = web.AppKey("ice")
PROOFS: web.AppKey[Proofs] = web.AppKey("proofs")
BUNDLES: web.AppKey[BundleRuns] = web.AppKey("bundles")
PURPOSES: web.AppKey[Purposes] = web.AppKey("purposes")
WORDS: web.AppKey[SealedWords] = web.AppKey("words")
READER: web.AppKey[Reader] = web.AppKey("reader")
RETENTION: web.AppKey[RetentionPass] = web.AppKey("retention")
LOBBY: web.AppKey[Assistance] = web.AppKey("lobby")
RATES: web.AppKey[Rates] = web.AppKey("rates")
READINESS: web.AppKey[Readiness] = web.AppKey("readiness")
TIMESTAMPS: web.AppKey[Timestamps | None] = web.AppKey("timestamps")
