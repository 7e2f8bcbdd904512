"""Running the server: TLS, the socket, and a clean end on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import resource
import signal
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvloop

from link.rtc.transport import library_check
from server.app import listening, make_app
from server.config import Config

log = structlog.get_logger()

SWITCH_S = 0.0005


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; everything is closed when this returns.

    Raises:
        OSError: the address is taken, a certificate cannot be read, or another server works in the data directory.
        server.blobs.vault.SiteKeyError: the site's key is missing, or not the one that recordings were made with.
        ValueError: the recording notice cannot be used, or the database is empty and recordings are there.
        link.protocol.errors.Unavailable: the database cannot be opened.
        link.rtc.transport.library_check.Incompatible: a media library is not the one this program was written for.
    """
    library_check.check()
    os.umask(0o077)  # whatever is written is for this account only
    tune()
    with _alone_in(config.data):
        uvloop.run(_serve(config))


@contextmanager
def _alone_in(data: Path) -> Iterator[None]:
    """Keep other servers out of the directory: a second one would take up the calls of the first from the journal.

    The kernel lets go of the lock with the process, however that ends.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "server.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another server works in {data.absolute()}") from None
        yield


def tune() -> None:
    """Tune the process for media: short switch interval, frozen garbage, and as many descriptors as allowed.

    A thread that seals a recording gives way after half a millisecond instead of 5 ms, and the garbage collector does
    not look at what was loaded at the start.
    """
    raise_descriptors()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()


def raise_descriptors() -> int:
    """Raise the soft limit of descriptors (RLIMIT_NOFILE) to the hard one, one for each connection; return the limit.

    The soft limit is often 1024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # some systems say "unlimited" and mean less
        log.warning("descriptors stay limited", limit=soft, error=str(error))
        return soft
    return hard


async def _serve(config: Config) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with listening(make_app(config), config.host, config.port, tls_context(config)) as server:
        host, port = server.sockets[0].getsockname()[:2]
        log.info("listening", url=f"{'https' if config.tls else 'http'}://{host}:{port}")
        await stopping.wait()
        log.info("stopping")


def tls_context(config: Config) -> ssl.SSLContext | None:
    """The context for HTTPS (TLS 1.2 and newer), None without a certificate.

    Raises:
        OSError: certificate or key cannot be read, or do not belong together.
    """
    if config.tls_certificate is None or config.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.tls_certificate, config.tls_key)
    return context
