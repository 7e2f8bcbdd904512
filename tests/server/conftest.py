"""A real database in a temporary directory, and quick password hashing, for everything of the server."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from server.identity.passwords import Passwords
from server.store import Store, schema
from server.store.database import sqlite_file


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, made by every migration in turn."""
    file = tmp_path_factory.mktemp("migrated") / "visavis.sqlite3"
    schema.migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(autouse=True)
def _copy_migrated(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin new databases as a copy of that one: to migrate each from nothing took a tenth of the tests' time."""
    migrate = schema.migrate

    def copied(url: str) -> tuple[str | None, str]:
        file = sqlite_file(url)
        if file is not None and file.parent.is_dir() and not file.exists():
            shutil.copy(migrated, file)
        return migrate(url)

    monkeypatch.setattr(schema, "migrate", copied)


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
