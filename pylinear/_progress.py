"""How far a call has come, told to a person or a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pylinear import _check

Report = Callable[[float], object]
Progress = bool | Report | None


@contextmanager
def reporter(progress: object) -> Iterator[Report]:
    """Give a function that is to be told the part that is done, for the argument `progress`."""
    if progress is None or progress is False:
        yield lambda part: None
    elif progress is True:
        with _bar() as tell:
            yield tell
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"progress must be True, False, None or callable; got {_check.show(progress)}")


@contextmanager
def _bar() -> Iterator[Report]:
    """Show the part on stderr: with tqdm, if it is there, or else as a line that grows."""
    try:
        from tqdm import tqdm
    except ImportError:
        with _line() as tell:
            yield tell
        return
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining}", file=sys.stderr) as bar:

        def show(part: float) -> None:
            bar.update(100 * part - bar.n)

        yield show


@contextmanager
def _line() -> Iterator[Report]:
    """Show per cent on stderr: on one line of a terminal, at most every ten seconds elsewhere."""
    terminal = sys.stderr.isatty()
    shown, last = "", -1e9

    def show(part: float) -> None:
        nonlocal shown, last
        text, now = f"{100 * part:.0f} %", time.monotonic()
        if text != shown and (terminal or part == 1 or now > last + 10):
            shown, last = text, now
            print(f"\r{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)

    yield show
    if terminal and shown:
        print(file=sys.stderr)
