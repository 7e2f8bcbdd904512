"""Pages are tried in one browser for each process of tests, each test in a profile of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.web.people import OneForAll


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("chromium"):
            # One event loop for all of them, because the browser belongs to it.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _one_browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    async with OneForAll(tmp_path_factory.mktemp("browser")):
        yield
