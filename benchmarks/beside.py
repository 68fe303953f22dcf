"""The engine timed beside something else, turn by turn in one process, and the table that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np


def seconds(f: Callable[[], object]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


@dataclass
class Row:
    """One line of the table: a ratio with its quartiles, the engine's own time, and what else is worth knowing.

    Without ratios it is the engine's time that has a goal, and quartiles.
    """

    TITLE: ClassVar = "speed: ratios taken turn by turn"
    HEADER: ClassVar = ["case", "against", "goal", "median", "quartiles", "engine", ""]

    case: str
    against: str
    goal: str
    ratios: list[float]
    engine: list[float]
    remarks: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        show = number if self.ratios else duration
        low, median, high = (show(float(x)) for x in np.percentile(self.ratios or self.engine, [25, 50, 75]))
        return [
            self.case,
            self.against,
            self.goal,
            median,
            f"{low} .. {high}",
            duration(float(np.median(self.engine))),
            "; ".join(self.remarks),
        ]


@dataclass
class Memory:
    """Bytes at the peak, above those after the import, beside those of the arrays that a case cannot do without."""

    TITLE: ClassVar = "memory: a process each"
    HEADER: ClassVar = ["case", "must hold [MB]", "peak [MB]"]

    case: str
    held: int
    peak: int

    def cells(self) -> list[str]:
        return [self.case, f"{self.held / 1e6:,.1f}", f"{self.peak / 1e6:,.1f}"]


def number(x: float) -> str:
    return f"{x:.2f}" if x < 10 else f"{x:,.0f}"


def duration(s: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if s >= size:
            return f"{s / size:.3g} {unit}"
    return f"{s * 1e9:.3g} ns"


def beside(
    benchmark,
    engine: Callable[[], object],
    other: Callable[[], object],
    *,
    rounds: int,
    each: tuple[float, float] = (1.0, 1.0),
    warm: bool = True,
) -> tuple[list[float], list[float]]:
    """Return the ratios other / engine, round by round, and the engine's times.

    Both times are divided by the share of the work in `each`: the engine may do ten epochs while the other does one.
    """
    times: list[float] = []
    others: list[float] = []

    def setup():
        others.append(seconds(other) / each[1])
        # The threads of a BLAS keep a processor busy for a while after their work is done.
        time.sleep(0.5)

    if warm:
        engine(), other()
    benchmark.pedantic(lambda: times.append(seconds(engine) / each[0]), setup=setup, rounds=rounds)
    return [o / t for o, t in zip(others, times, strict=True)], times


def once(benchmark, engine: Callable[[], object], *, rounds: int = 1) -> list[float]:
    """Return the engine's times where there is nothing to put beside it."""
    times: list[float] = []
    benchmark.pedantic(lambda: times.append(seconds(engine)), rounds=rounds)
    return times


def gemm(dtype: str, n: int = 2048) -> tuple[Callable[[], object], float]:
    """Return a square matrix product and its flops."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    b, c = a.T.copy(), np.empty_like(a)
    return (lambda: np.matmul(a, b, out=c)), 2.0 * n**3
