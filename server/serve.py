"""Running the server: TLS, the socket, and a clean end on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import gc
import os
import resource
import signal
import ssl
import sys
import threading
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
LARGE = 128 * 1024
"""Blocks of memory from this size on are the system's own again as soon as they are freed."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
END_S = 45.0
"""Within which a server that is told to end has ended, whatever it still waits for; systemd kills after 90."""
HUNG = 3
"""Exit code of a server that gave up waiting."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; everything is closed when this returns.

    Raises:
        OSError: the address is taken, a certificate cannot be read, or another server works in the data directory.
        server.blobs.vault.SiteKeyError: the site's key is missing, or not the one that recordings were made with.
        server.journal.signing_key.SigningKeyError: the signing key is missing, and checkpoints were made with it.
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
    give_memory_back()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()


def give_memory_back() -> bool:
    """Let large blocks go back to the system when they are freed; False where the C library has no mallopt(3).

    glibc takes a large block for its own pools once one of that size was freed, up to 32 MiB, in each of the pools that
    it makes for threads: documents of megabytes, read and sealed in threads, then stay as holes between small things.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # Setting the first ends the adjusting by what was freed; the second keeps the heap's end from coming and going.
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE)) and bool(mallopt(M_TRIM_THRESHOLD, 64 * LARGE))


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

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            _end_by_force_in(END_S)  # from here on, for the start may be what waits for a disk

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    async with listening(make_app(config), config.host, config.port, tls_context(config)) as server:
        host, port = server.sockets[0].getsockname()[:2]
        log.info("listening", url=f"{'https' if config.tls else 'http'}://{host}:{port}")
        await stopping.wait()
        log.info("stopping", within_s=END_S)


def _end_by_force_in(seconds: float) -> None:
    """End the process then, if it is still there.

    A thread that waits for a disk that does not answer cannot be stopped, and Python waits for it: when recorders are
    closed, when the executor is, and once more when the interpreter ends. What was acknowledged is on the disk by now,
    and the next start takes the calls up as after a kill.
    """
    timer = threading.Timer(seconds, _end_by_force)
    timer.daemon = True
    timer.start()


def _end_by_force() -> None:
    waiting = sum(thread.is_alive() and not thread.daemon for thread in threading.enumerate()) - 1
    log.error("ended by force", after_s=END_S, threads=waiting, hint="a disk or database that does not answer")
    sys.stderr.flush()
    os._exit(HUNG)


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
