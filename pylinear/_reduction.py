"""Which small network stands for the one asked for, and what it says of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._exact import Exact, shorter_axis
from pylinear._initial import Gaussian, Given, Initial, Start, Weights
from pylinear._levels import MOST_LEVELS, Krylov, Law, first_level
from pylinear._problem import InputSide, Layers, Problem, input_side, output_side
from pylinear._record import Settled, Task

Kind = Literal["none", "exact", "krylov", "law"]
Reduce = Literal[False, "exact", "krylov", "law", "auto"]

# The time of a presentation beside its arithmetic, and of one normal number, in the time of so many flops.
_PER_PRESENTATION, _PER_NORMAL = 4_000, 100


@dataclass(frozen=True, eq=False, repr=False)
class Reduction:
    """The network that was trained in place of the one asked for.

    Attributes
    ----------
    kind : str
        "none"; "exact": rotated, the same trajectory to roundoff; "krylov": projected, the same trajectory to
        ``error``; "law": another draw of the weights, with the law of everything recorded to ``error``.
    rows, hidden, inputs : int
        Its output, hidden and input units, of the largest run.
    levels : tuple of R (int or None)
        Under "krylov", and "law" with many hidden units, the level that each run was computed at; None for a run that
        was not projected, as the level would have outgrown the exact reduction. Else empty.
    errors : (R,) float64
        Estimate of each run's error: the largest difference to a lower level over everything recorded, each
        relative to its largest value. 0 where nothing was left out; NaN where a run was interrupted before.
    """

    kind: Kind
    rows: int
    hidden: int
    inputs: int
    levels: tuple[int | None, ...]
    errors: Floats

    @property
    def error(self) -> float:
        """Largest of ``errors``; NaN if one of them is."""
        return float(self.errors.max())

    def __repr__(self) -> str:
        size = f"{self.kind}: {self.inputs}-{self.hidden}-{self.rows} network"
        known = sorted({level for level in self.levels if level is not None})
        if known:
            span = str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
            size += f", level {span}, error {self.error:.1g}"
        if None in self.levels:
            size += f", {self.levels.count(None)} of {len(self.levels)} runs not projected"
        return f"Reduction({size})"


class Reducer(Protocol):
    """The way from a run's number to small networks, and from their weights back."""

    @property
    def kind(self) -> Kind:
        """What `Reduction.kind` says."""
        ...

    @property
    def start(self) -> Start:
        """What the runs begin with."""
        ...

    @property
    def largest(self) -> tuple[int, int, int]:
        """Rows, hidden units and rows of the lower layer of the largest network that may be trained."""
        ...

    @property
    def bytes_to_begin(self) -> float:
        """Bytes that making the weights of one run takes beside those weights."""
        ...

    def settle(self, run: int, task: Task, *, weights: bool = False) -> Settled:
        """Return the record of one run; with `weights` its error counts the weights at the end, recorded or not."""
        ...

    def begin(self, run: int, level: int | None) -> tuple[Problem, Layers]:
        """Return what one run learned at its level, and the weights it began with."""
        ...

    def lift(self, run: int, level: int | None, layers: Layers) -> Weights:
        """Return layers with n along a leading axis as weights (n, N2, N1) and (n, N3, N2)."""
        ...

    def lift_hidden(self, run: int, level: int | None, hidden: NDArray[Any]) -> NDArray[Any]:
        """Return hidden representations (T, P, hidden) as (T, P, N2)."""
        ...


def check_reduce(reduce: object, data: Dataset, init: Initial) -> Reduce:
    """Return the argument `reduce`, if it can be had for these data and weights."""
    if reduce is False:
        chosen: Reduce = False
    else:
        allowed = f"reduce must be False, 'exact', 'krylov', 'law' or 'auto'; got {_check.show(reduce)}"
        if not isinstance(reduce, str):
            raise TypeError(allowed)
        if reduce not in ("exact", "krylov", "law", "auto"):
            raise ValueError(allowed)
        chosen = reduce  # type: ignore[assignment]
    gaussian = isinstance(init, Gaussian)
    if not data.has_outputs:
        if chosen not in ("law", "auto"):
            raise ValueError(
                f"reduce must be 'law' or 'auto' for data made by from_gram, whose outputs are unknown; got {reduce!r}"
            )
        if not gaussian:
            raise ValueError("init must be Gaussian for data made by from_gram: nothing else has a law without outputs")
    if chosen == "law" and not gaussian:
        raise ValueError("reduce must not be 'law' unless init is Gaussian: no other weights have a law of their own")
    return chosen


@dataclass(frozen=True)
class Work:
    """What a call computes, as far as its cost goes."""

    presentations: int
    times: int
    finest: float  # the least difference that means anything in the arithmetic of the run

    def training(self, rows: int, hidden: int, lower: int, inputs: InputSide) -> float:
        """Return the flops of training one network, with so many rows of the lower layer."""
        n_items, modes = inputs.coefficients.shape
        fused = 4 * lower * hidden if inputs.read is not None else 0
        record = 2 * rows * n_items * (hidden + modes)
        return float(self.presentations * (6 * rows * hidden + fused + _PER_PRESENTATION) + self.times * record)


def choose(reduce: Reduce, start: Start, tol: float, work: Work) -> Reducer:
    """Return the reduction that was asked for, or the cheapest that leaves the trajectory as it is.

    The choice depends on sizes and options alone.
    """
    data, init = start.data, start.init
    if reduce is False:
        return Exact(start, input_side(data, reduce=False))
    inputs = input_side(data, reduce=True)
    scale = init.scale if isinstance(init, Gaussian) else None
    first = 1 if scale is None else first_level(data, start.hidden, scale, tol)
    if scale is not None and (reduce == "law" or not data.has_outputs):
        law = Law(start, scale, inputs, output_side(data, inputs), first, tol)
        if law.projected:
            check_projection(tol, work)
        return law
    if reduce == "auto":
        reduce = _cheapest(start, inputs, None if scale is None or tol < work.finest else first, work)
        if reduce is False or not _squares_hold(init):
            return Exact(start, input_side(data, reduce=False))
    axis = shorter_axis(data.n_features, start.hidden, min(data.n_features, data.n_items), inputs.size)
    outputs = output_side(data, inputs) if axis == "rows" or reduce == "krylov" else None
    base = Exact(start, inputs, outputs, axis, "exact")
    if reduce == "exact" or outputs is None:
        return base
    return Krylov(base, outputs, first, tol)


def _squares_hold(init: Initial) -> bool:
    """Return whether the squares of the weights neither over- nor underflow, so that inner products say it all."""
    if isinstance(init, Gaussian):
        sizes = np.array([init.scale])
    elif isinstance(init, Given):
        sizes = np.array([np.abs(w).max(axis=(-2, -1)) for w in (init.w21, init.w32)])
    else:
        sizes = np.array([np.abs(x).max() for x in (init.c, init.d)])
    return bool(np.all((sizes == 0) | ((sizes > 1e-120) & (sizes < 1e120))))


def check_projection(tol: float, work: Work) -> None:
    """Raise if two levels can never agree to the tolerance."""
    if tol < work.finest:
        raise ValueError(f"tol must be at least {work.finest:g} for this dtype; got {tol:g}")


def _cheapest(start: Start, inputs: InputSide, first: int | None, work: Work) -> Literal[False, "exact", "krylov"]:
    """Return what takes the fewest flops; a projection would begin at level `first`, None if there can be none."""
    data, hidden = start.data, start.hidden
    n_features, p = data.n_features, min(data.n_features, data.n_items)
    axis = shorter_axis(n_features, hidden, p, inputs.size)
    rows = p + hidden if axis == "rows" else n_features
    units = inputs.size + n_features if axis == "hidden" else hidden
    draw = float(n_features * hidden * _PER_NORMAL)
    rotate = draw + (2.0 * n_features * hidden * (rows if axis == "rows" else units) if axis else 0)
    all_inputs = data.n_items if data.orthogonal else data.n_inputs
    direct = draw + work.training(n_features, hidden, all_inputs, inputs)
    exact = rotate + work.training(rows, units, inputs.size, inputs)
    krylov = math.inf
    # Where the levels that it takes cannot be foreseen, neither can the cost.
    if first is not None and first < MOST_LEVELS:
        block = max(p, inputs.size)
        sizes = [(k + 1) * block for k in (first, first + 1)]
        if sizes[-1] <= min(rows, units) / 1.5:
            ladder = 4.0 * rows * units * sizes[-1]
            krylov = rotate + ladder + sum(work.training(n, n, inputs.size, inputs) for n in sizes)
    # Nothing is changed for a small gain.
    if min(exact, krylov) > direct / 2:
        return False
    return "exact" if exact <= krylov else "krylov"


def for_theory(reducer: Reducer) -> Reducer:
    """Return a reducer whose networks are small enough to integrate, with the same trajectories."""
    if not isinstance(reducer, Exact) or reducer.axis is not None:
        return reducer
    start, inputs = reducer.start, reducer.inputs
    outputs = min(start.data.n_features, start.data.n_items)
    axis = shorter_axis(start.data.n_features, start.hidden, outputs, inputs.size)
    return Exact(start, inputs, output_side(start.data, inputs) if axis == "rows" else None, axis)
