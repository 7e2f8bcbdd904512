"""The command `visavis-kiosk`: enrol this machine, then run it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import uvloop

from kiosk_client import config as configuration
from kiosk_client.agent import identity
from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.customer import Customer
from kiosk_client.agent.enrol import enrol
from kiosk_client.agent.identity import IdentityError
from kiosk_client.config import LOOPBACK, Config
from kiosk_client.devices.document_camera import open_camera
from kiosk_client.devices.loops import SourceError, make_loop
from kiosk_client.page.app import PageSettings, make_page, served
from kiosk_client.page.key import link, read_or_make_key
from link.log_output import LogOutput
from link.options import ConfigError
from link.protocol.errors import VisavisError
from link.protocol.values import Language
from link.rtc.transport import library_check
from link.tasks import cancel, spawn
from link.version import version

log = structlog.get_logger()

OK, FAILED, USAGE = 0, 1, 2
DAY_S = 86_400.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 it could not be done (told on stderr), 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "run" and (options.call or options.talk is not None) and not options.headless:
        parser.error("--call and --talk need --headless")
    _log_to_stderr()
    before = os.umask(0o077)  # whatever is written is for this account only
    try:
        config = configuration.load(vars(options))
        if options.command == "url":
            print(link(f"http://127.0.0.1:{config.page_port}", read_or_make_key(config.data)))  # noqa: T201 - the answer
            return OK
        if options.command == "enrol":
            return uvloop.run(_enrol(config, configuration.server_url(options.server), options.code))
        return uvloop.run(_run(config, options))
    except (IdentityError, SourceError, VisavisError, library_check.Incompatible, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return FAILED
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return USAGE
    except KeyboardInterrupt:
        return OK
    finally:
        os.umask(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("visavis-kiosk", description="The kiosk client of Visavis.")
    parser.add_argument("--version", action="version", version=f"visavis-kiosk {version()}")
    commands = parser.add_subparsers(dest="command", required=True)
    enrolling = commands.add_parser("enrol", help="make this machine a kiosk, with a one-time code")
    enrolling.add_argument("--server", required=True, metavar="URL", help="address of the Visavis server")
    enrolling.add_argument("--code", required=True, help="the code that visavis admin kiosk add printed")
    running = commands.add_parser("run", help="serve the kiosk page and its calls")
    running.add_argument("--headless", action="store_true", help="no page: picture and sound come from --source")
    running.add_argument("--call", metavar="SERVICE", help="headless: ask for an expert at once, then exit")
    running.add_argument("--language", choices=[language.value for language in Language], default=Language.ZH.value)
    running.add_argument("--talk", type=_seconds, metavar="SECONDS", help="headless: end the call after this long")
    showing = commands.add_parser("url", help="print the link by which this kiosk's browser opens the page; a secret")
    for command in (enrolling, running, showing):
        configuration.add_flags(command)
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < DAY_S:
        raise argparse.ArgumentTypeError("more than no seconds and less than a day are expected")
    return seconds


async def _enrol(config: Config, server: str, code: str) -> int:
    device = await enrol(server, code, config.data, ca_file=config.ca_file)
    print(f"Enrolled as {device.enrolment.name or device.enrolment.kiosk}.")  # noqa: T201 - for the person
    return OK


async def _run(config: Config, options: argparse.Namespace) -> int:
    library_check.check()
    device = identity.load(config.data)
    loop = None
    if options.headless:
        width, height = config.picture
        loop = await asyncio.to_thread(make_loop, config.source, width=width, height=height)
    equipment = Equipment(
        open_camera=partial(open_camera, config.document_camera) if config.document_camera else None,
        loop=loop,
        loopback=config.loopback or _on_this_machine(device.enrolment.server),
        networks=config.media_networks,
    )
    agent = Agent(config, device, equipment)
    async with contextlib.AsyncExitStack() as stack:
        if not options.headless:
            key = await asyncio.to_thread(read_or_make_key, config.data)
            app = make_page(agent, PageSettings(config.idle_s, key))
            address = await stack.enter_async_context(served(app, config.page_port))
            print(f"Kiosk page: {link(address, key)}", flush=True)  # noqa: T201 - programs that start this one read it
        running = spawn(agent.run(), name="agent")
        _stop_on_signal(agent)
        try:
            if options.call:
                return await _call(agent, running, options)
            await running
        finally:
            agent.stop()
            await asyncio.wait([running], timeout=8)
            await cancel(running)
    return OK


async def _call(agent: Agent, running: asyncio.Task[None], options: argparse.Namespace) -> int:
    customer = Customer(agent, options.call, language=Language(options.language), talk_s=options.talk)
    calling = spawn(customer.run(), name="customer")
    try:
        await asyncio.wait([calling, running], return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            return FAILED
        session = calling.result()
        log.info("call ended", session=session.id, reason=session.end_reason, by=session.ended_by)
        return OK if session.specialist is not None else FAILED
    finally:
        await cancel(calling)


def _stop_on_signal(agent: Agent) -> None:
    running = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(number, agent.stop)


def _on_this_machine(server: str) -> bool:
    return any(f"//{host}" in server for host in LOOPBACK)


def _log_to_stderr() -> None:
    output: Any = LogOutput(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False) if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(output),
    )
    logging.basicConfig(level=logging.WARNING, stream=output, format="%(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    sys.exit(main())
