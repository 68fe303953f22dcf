"""With which power of the rate a gap goes to zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pylinear import _check
from pylinear._check import Floats
from pylinear._gap import Gap, gap
from pylinear._run import Run


class Power(NamedTuple):
    """A power law fitted to a gap.

    Attributes
    ----------
    power : float
        Slope of ln(gap) against ln(rate).
    error : float
        Standard error of the slope, from what the fit leaves over.
    """

    power: float
    error: float


@dataclass(frozen=True, eq=False, repr=False)
class GapOrder:
    """Gaps at several rates, and the powers of the rate that they follow.

    Attributes
    ----------
    rates : (n,) float64
        Learning rates, increasing.
    s1 : float
        Largest association strength: rate x s1 is the size of a step.
    gaps : dict of str to (n,) float64
        The largest gap over modes and time relative to s, for each of the causes "finite rate, mean", "finite rate,
        scatter" and "unexplained" of `Gap.by_cause` that is known and above 0 at all rates; for order
        "with_replacement" scatter alone, which the mean gap hardly rises above.
    powers : dict of str to Power
        The fit to each of these.
    """

    rates: Floats
    s1: float
    gaps: dict[str, Floats]
    powers: dict[str, Power]

    def __str__(self) -> str:
        widths = [max(len(name), 14) for name in self.gaps]
        lines = [
            "Largest gap over modes and time, relative to s",
            f"{'rate x s1':>10}  " + "  ".join(f"{name:>{w}}" for name, w in zip(self.gaps, widths, strict=True)),
        ]
        for i, rate in enumerate(self.rates):
            cells = "  ".join(f"{x[i]:>{w}.2e}" for x, w in zip(self.gaps.values(), widths, strict=True))
            lines.append(f"{rate * self.s1:>10.4g}  {cells}")
        fits = (f"{x.power:.2f} +- {x.error:.2f}" for x in self.powers.values())
        return "\n".join(
            [*lines, f"{'order':>10}  " + "  ".join(f"{x:>{w}}" for x, w in zip(fits, widths, strict=True))]
        )

    def __repr__(self) -> str:
        fits = ", ".join(f"{name}: {x.power:.2f} +- {x.error:.2f}" for name, x in self.powers.items())
        return f"GapOrder({len(self.rates)} rates; {fits})"


def gap_order(runs: Iterable[Run | Gap]) -> GapOrder:
    """Return with which power of the learning rate the gap between online learning and the flow goes to zero.

    Parameters
    ----------
    runs : iterable of Run or Gap
        At least three runs of `train` with different rates, of the same data and the same initial weights, each over
        about the same time rate x epochs and recorded often enough that its largest gap is among the records.

    Returns
    -------
    GapOrder
        ``str()`` of it is a table.

    Raises
    ------
    TypeError, ValueError
        If these are not runs, fewer than three rates differ, association strengths, inputs, updates or orders are not
        the same, all runs of a rate diverged, or no gap is known at all rates.

    Notes
    -----
    For batch, cyclic and reshuffled learning the mean gap is of order 1; scatter over reshuffled orders is of order
    3/2 and over orders with replacement of order 1/2; what the modified flow leaves unexplained is of order 2. The mean
    over R runs of different orders has the standard error scatter / sqrt(R), which hides the latter unless R is large.
    Runs with initial weights of their own are taken one by one: then "unexplained" holds the scatter of order 3/2, too.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.toy()
    >>> w = pl.Gaussian(0.1).draw(data, hidden=8, rng=0)
    >>> runs = [pl.train(data, hidden=8, rate=r, epochs=10 / r, init=w, order="cyclic") for r in (0.01, 0.02, 0.04)]
    >>> found = pl.gap_order(runs)
    >>> [round(found.powers[name].power) for name in ("finite rate, mean", "unexplained")]
    [1, 2]
    """
    if isinstance(runs, str) or not isinstance(runs, Iterable):
        raise TypeError(f"runs must be a sequence of pylinear.Run or Gap; got {_check.show(runs)}")
    given = []
    for x in runs:
        if not isinstance(x, Run | Gap):
            raise TypeError(f"runs must be a sequence of pylinear.Run or Gap; got {_check.show(x)} in it")
        given.append(x)
    given.sort(key=lambda x: _run(x).rate)
    _check_comparable([_run(x) for x in given])
    known = [x if isinstance(x, Gap) else gap(x) for x in given]
    rates = np.array([x.run.rate for x in known])
    causes = [x.by_rate() for x in known]
    if known[0].predicted is None:  # the mean is that of a noise as large, of no order of its own
        causes = [{"finite rate, scatter": cause["finite rate, scatter"]} for cause in causes]
    gaps = {}
    for name in causes[0]:
        largest = np.array([np.max(cause.get(name, np.nan)) for cause in causes])
        if np.all(largest > 0):
            gaps[name] = largest
    if not gaps:
        raise ValueError("runs must have a gap that is known and above 0 at all rates")
    return GapOrder(rates, float(known[0].s[0]), gaps, {name: _fit(rates, x) for name, x in gaps.items()})


def _run(given: Run | Gap) -> Run:
    return given.run if isinstance(given, Gap) else given


def _check_comparable(runs: list[Run]) -> None:
    """Raise unless runs differ in their rates alone, before anything is computed of them."""
    rates = {x.rate for x in runs}
    if len(rates) < 3:
        raise ValueError(f"runs must have at least three different rates; got {len(rates)}")
    first = runs[0]
    for x in runs:
        if not np.array_equal(x.data.modes.s, first.data.modes.s):
            raise ValueError("runs must be of the same data; their association strengths differ")
        one_hot = x.data.one_hot and first.data.one_hot
        if not one_hot and not np.array_equal(x.data.inputs, first.data.inputs):
            raise ValueError("runs must be of the same data; their inputs differ")
        if x.update != first.update or not np.array_equal(x.order, first.order):
            raise ValueError("runs must go through the items in the same way; their updates or orders differ")
        if set(x.status) == {"diverged"}:
            raise ValueError(f"runs must not diverge; all did at the rate {x.rate:g}")


def _fit(rates: Floats, gaps: Floats) -> Power:
    """Return the slope of ln(gaps) against ln(rates) by least squares."""
    x, y = np.log(rates), np.log(gaps)
    x = x - x.mean()
    power = float(x @ y / (x @ x))
    left = y - y.mean() - power * x
    return Power(power, float(np.sqrt(left @ left / (x.size - 2) / (x @ x))))
