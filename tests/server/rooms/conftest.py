"""A bank for each test that wants one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.server.rooms.bank import Bank, furnish

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
