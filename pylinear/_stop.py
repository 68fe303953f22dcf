"""What tells the computations of one call to stop, or to show how far they have come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pylinear import _engine


class Interrupted(Exception):  # noqa: N818 (nothing is wrong)
    """Raised inside a computation in Python that is to stop."""


class Stop:
    """Shared by the threads of one call. What runs in the core is reached through flags, one for each stretch of it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flags: dict[Any, Callable[[], float]] = {}
        self.decided = False

    def set(self) -> None:
        """Stop everything."""
        self.decided = True
        self._raise_flags()

    def poll(self) -> None:
        """Raise Interrupted once it has been decided to stop."""
        if self.decided:
            raise Interrupted

    def pause(self, most: float) -> None:
        """Let the core leave each of its stretches once; return when it has, after `most` seconds at the latest."""
        raised = self._raise_flags()
        end = time.monotonic() + most
        while any(flag in self._flags for flag in raised) and time.monotonic() < end:
            time.sleep(0.002)

    def _raise_flags(self) -> list[Any]:
        with self._lock:
            for flag in self._flags:
                flag.set()
            return list(self._flags)

    @contextmanager
    def stretch(self, done: Callable[[], float]) -> Iterator[Any]:
        """Give the flag for one stretch in the core; `done` tells which part of its network's training is done."""
        flag = _engine.core().StopFlag()
        with self._lock:
            self._flags[flag] = done
            if self.decided:
                flag.set()
        try:
            yield flag
        finally:
            with self._lock:
                del self._flags[flag]

    def under_way(self) -> list[float]:
        """Return which part is done of each network in the core."""
        with self._lock:
            return [done() for done in self._flags.values()]
