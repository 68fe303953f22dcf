"""How far a call has come, told to a person or a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pylinear import _check

Report = Callable[[float], object]
Progress = bool | Report | None


@contextmanager
def reporter(progress: object) -> Iterator[Report]:
    """Give a function that is to be told the part that is done, for the argument `progress`."""
    if progress is None or progress is False:
        yield lambda part: None
    elif progress is True:
        with _shown() as tell:
            yield tell
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"progress must be True, False, None or callable; got {_check.show(progress)}")


@contextmanager
def _shown() -> Iterator[Report]:
    """Show the part on stderr: with tqdm, if it is there, or else in lines of our own."""
    bar = _tqdm()
    if bar is not None:
        with bar:
            yield lambda part: bar.update(100 * part - bar.n)
        return
    line = _Line()
    try:
        yield line.show
    finally:
        line.end()


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=100, bar_format="{l_bar}{bar}| {elapsed}<{remaining}", file=sys.stderr)


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
