"""One object for each event loop, made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Calling it returns the object of the running event loop, which `make` makes; it is dropped with its loop.

    What `make` returns must not hold a strong reference to the loop: it would keep its own key alive, and both would
    never be dropped. It can ask for the running loop whenever it needs it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._objects: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        """Raises `RuntimeError` where no event loop runs."""
        loop = asyncio.get_running_loop()
        found = self._objects.get(loop)
        if found is None:
            found = self._objects[loop] = self._make()
        return found
