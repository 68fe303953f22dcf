"""What tells the computations of one call to stop, or to show how far they have come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from pylinear import _engine

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 (nothing is wrong)
    """Raised inside a computation in Python that is to stop."""


class Entered(AbstractContextManager[T]):
    """A block that is left again if Ctrl-C comes as it is entered, when ``with`` would not leave it."""

    def __init__(self, block: AbstractContextManager[T]) -> None:
        self._block = block

    def __enter__(self) -> T:
        try:
            return self._block.__enter__()
        except BaseException as error:
            self._block.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None:
        return self._block.__exit__(kind, error, at)


class Stop:
    """Shared by the threads of one call. What is in the core is reached through flags, one for each network."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flags: dict[Any, Callable[[], float]] = {}
        self.decided = False
        self.ended = _engine.core().StopFlag()  # for the core, raised with `decided`

    def set(self) -> None:
        """Stop everything."""
        self.decided = True
        self.ended.set()
        self._raise_flags()

    def poll(self) -> None:
        """Raise Interrupted once it has been decided to stop."""
        if self.decided:
            raise Interrupted

    def pause(self, most: float) -> bool:
        """Let each network leave the core once; return whether all have, within `most` seconds."""
        raised = self._raise_flags()
        end = time.monotonic() + most
        while self._waits_for(raised) and time.monotonic() < end:
            time.sleep(0.002)
        return not self._waits_for(raised)

    def _waits_for(self, raised: list[Any]) -> bool:
        with self._lock:
            return any(flag in self._flags and flag.raised for flag in raised)

    def _raise_flags(self) -> list[Any]:
        with self._lock:
            for flag in self._flags:
                flag.set()
            return list(self._flags)

    def go_on(self, flag: Any) -> None:
        """Let a network into the core again, unless it has been decided to stop."""
        with self._lock:
            if not self.decided:
                flag.clear()

    @contextmanager
    def network(self, done: Callable[[], float]) -> Iterator[Any]:
        """Give the flag for one network; `done` tells which part of its training is done."""
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
