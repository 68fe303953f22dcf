"""How far a call has come, told to a person or a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from pylinear import _check

Report = Callable[[float], object]
Progress = bool | Report | None


def check_progress(progress: object) -> None:
    """Raise unless the argument `progress` is one."""
    if not (progress is None or progress is True or progress is False or callable(progress)):
        raise TypeError(f"progress must be True, False, None or callable; got {_check.show(progress)}")


@contextmanager
def reporter(progress: Progress) -> Iterator[Report]:
    """Give a function that is to be told the part that is done, for the argument `progress`."""
    if progress is None or progress is False:
        yield lambda part: None
    elif progress is True:
        with _shown() as tell:
            yield tell
    else:
        yield progress


@contextmanager
def _shown() -> Iterator[Report]:
    """Show the part on stderr: with tqdm, if it is there, or else in lines of our own."""
    if sys.stderr is None:  # closed as Python began
        yield lambda part: None
        return
    bar = _Silenced(_tqdm() or _Line)
    try:
        yield bar.show
    finally:
        bar.end()


class _Silenced:
    """Shows what it is told until that cannot be printed: then the work goes on without."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._shown: Any = None
        with self._silent():
            self._shown = make()

    def show(self, part: float) -> None:
        """Tell the part that is done."""
        if self._shown is not None:
            with self._silent():
                self._shown.show(part)

    def end(self) -> None:
        """Leave the line to what comes next."""
        if self._shown is not None:
            with self._silent():
                self._shown.end()

    @contextmanager
    def _silent(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # the latter of a file that has been closed
            self._shown = None


def _tqdm() -> Any:
    """Return what makes a bar, None without tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None

    class Alone(tqdm):  # type: ignore[misc]  # whose types are not known
        # What fails to print leaves the lock taken: no other bar may wait for it, nor a thread that ends with Python.
        monitor_interval = 0

    Alone.set_lock(RLock())

    class Bar:
        def __init__(self) -> None:
            form = "{l_bar}{bar}| {elapsed}<{remaining}"
            # The delay keeps it from printing before it is whole.
            self._bar = Alone(total=100, bar_format=form, file=sys.stderr, delay=1e-9)
            self._bar.delay = 0
            self._print(self._bar.refresh)

        def show(self, part: float) -> None:
            self._print(self._bar.update, 100 * part - self._bar.n)

        def end(self) -> None:
            self._print(self._bar.close)

        def _print(self, call: Callable[..., object], *arguments: float) -> None:
            try:
                call(*arguments)
            except (OSError, ValueError):
                self._bar.disable = True  # it would try once more as it is thrown away, where nothing can be caught
                raise

    return Bar


class _Line:
    """Per cent on stderr: on one line of a terminal, at most every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._text, self._last = "", -1e9

    def show(self, part: float) -> None:
        """Tell the part that is done."""
        text, now = f"{100 * part:.0f} %", time.monotonic()
        if text != self._text and (self._terminal or part == 1 or now > self._last + 10):
            self._text, self._last = text, now
            begin, end = ("\r", "") if self._terminal else ("", "\n")
            print(f"{begin}{text}", end=end, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line to what comes next."""
        if self._terminal and self._text:
            print(file=sys.stderr)
