"""A real database in a temporary directory, and quick password hashing, for everything of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from server.identity.passwords import Passwords
from server.store import Store


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'visavis.sqlite3'}"


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def passwords() -> AsyncIterator[Passwords]:
    """Passwords hashed with argon2's least cost."""
    made = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()
