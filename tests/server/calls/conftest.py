"""A bank for each test that wants one, and rooms without sockets or media for those that want many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from link.protocol.values import Language
from link.rtc.leg import Leg
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault
from server.bus import LocalBus
from server.calls.readiness import Readiness
from server.calls.recorder_factory import RecorderFactory
from server.calls.registry import Registry
from server.journal import Journal
from server.recording.space import DiskFloor
from server.recording_notice import RecordingNotice
from server.session.machine import Graces
from server.store import Store
from server.store.people import Person
from tests.server.calls.bank import Bank, furnish, hire

OpenBank = Callable[..., Awaitable[Bank]]


@pytest_asyncio.fixture
async def open_bank(tmp_path: Path, no_task_left: None) -> AsyncIterator[OpenBank]:
    """Open a bank with these options of the configuration."""
    banks: list[Bank] = []

    async def open_one(**options: Any) -> Bank:
        bank = Bank(tmp_path / "data", options)
        banks.append(bank)
        await bank.start()
        await furnish(bank.store)
        return bank

    yield open_one
    for bank in banks:
        await bank.close()


@pytest_asyncio.fixture
async def bank(open_bank: OpenBank) -> Bank:
    """A bank as configured by default."""
    return await open_bank()


def no_media(name: str, on_state: object) -> Leg:
    raise AssertionError("nobody opens a leg here")


@pytest_asyncio.fixture
async def people(store: Store) -> list[Person]:
    await furnish(store)
    for kiosk in range(12):
        await store.kiosks.add(f"k{kiosk}", name=f"k{kiosk}", branch="east")
    skills = [("wealth",), ("loans",), ("wealth", "loans")]
    hired = [await hire(store, f"p{n}", skills=skills[n % 3]) for n in range(5)]
    assert all(Language.ZH in person.languages for person in hired)
    return hired


@pytest_asyncio.fixture
async def rooms(store: Store, tmp_path: Path, no_task_left: None) -> AsyncIterator[tuple[Registry, LocalBus]]:
    bus, journal = LocalBus(), Journal(store)
    vault = Vault(store.data_keys, bytes(32))
    recordings = RecorderFactory(journal, vault, Blobs.at(str(tmp_path / "b")), tmp_path / "s", DiskFloor(tmp_path, 0))
    made = Registry(
        node="n1",
        store=store,
        journal=journal,
        notice=RecordingNotice(),
        bus=bus,
        recordings=recordings,
        condition=Readiness(store, recordings),
        sanitise=lambda: lambda data: data,
        new_leg=no_media,
        graces=Graces(ring=0.05, specialist_lost=0.03, kiosk_lost=0.1),
    )
    await made.start()
    yield made, bus
    await made.stop()
