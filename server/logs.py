"""Where log lines go: stderr, one line each, so that a command's answer on stdout stays clean."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from link.log_output import LogOutput
from server.config import Config


def configure_logs(config: Config) -> None:
    """Send our log lines, and the warnings of libraries, to stderr: one line each."""
    output: Any = LogOutput(sys.stderr)
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    readable = config.log_format == "console" or (config.log_format == "auto" and sys.stderr.isatty())
    final: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=output, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    # Only a server speaks HTTP; the short commands start without it.
    from aiohttp.http_exceptions import HttpProcessingError
    from aiohttp.web import RequestPayloadError

    # aiohttp logs malformed requests of strangers with a traceback: there is nothing to act on, and they may hold
    # anything. The same is true of clients that disconnect in the middle of a request.
    error = record.exc_info[1] if record.exc_info else None
    left = isinstance(error, ConnectionError) or (
        isinstance(error, RuntimeError) and str(error) == "Connection closed."
    )
    return not (left or isinstance(error, HttpProcessingError | RequestPayloadError))
