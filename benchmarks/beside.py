"""The engine timed beside something else, turn by turn in one process, and the table that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


def seconds(f: Callable[[], object]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


@dataclass
class Row:
    """One line of the table: a ratio with its quartiles, the engine's own time, and what else is worth knowing."""

    case: str
    against: str
    goal: str
    ratios: list[float]
    engine: list[float]
    remarks: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        low, median, high = np.percentile(self.ratios, [25, 50, 75])
        return [
            self.case,
            self.against,
            self.goal,
            number(median),
            f"{number(low)} .. {number(high)}",
            duration(float(np.median(self.engine))),
            "; ".join(self.remarks),
        ]


HEADER = ["case", "against", "goal", "median", "quartiles", "engine", ""]


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
    others: list[float] = []
    if warm:
        engine(), other()
    benchmark.pedantic(engine, setup=lambda: others.append(seconds(other) / each[1]), rounds=rounds)
    times = [t / each[0] for t in benchmark.stats.stats.data]
    return [o / t for o, t in zip(others, times, strict=True)], times


def gemm(dtype: str, n: int = 2048) -> tuple[Callable[[], object], float]:
    """Return a square matrix product and its flops."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    b, c = a.T.copy(), np.empty_like(a)
    return (lambda: np.matmul(a, b, out=c)), 2.0 * n**3
