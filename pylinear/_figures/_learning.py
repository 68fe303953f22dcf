"""Courses of learning: mode strengths and loss, with a hidden layer and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pylinear import theory
from pylinear._check import Floats
from pylinear._figures._table import Table
from pylinear._gap import Gap
from pylinear._theories import EFFECTIVE

CURVES = ("eq10_paper_a0", "eq10_effective_a0", "flow", "modified_flow")


def curves(gap: Gap) -> Iterator[tuple[object, ...]]:
    """Yield run, mode, epoch, measured strength and those of each theory in `CURVES`; NaN for one that there is not."""
    epochs = gap.run.epochs
    modified = np.full(gap.measured.shape, np.nan) if gap.predicted is None else gap.predicted
    for k, mode, t in np.ndindex(gap.measured.shape[0], gap.s.size, epochs.size):
        strengths = gap.measured[k, t], gap.paper[t], gap.effective[k, t], gap.flow[k, t], modified[k, t]
        yield k + 1, mode + 1, epochs[t], *(curve[mode] for curve in strengths)


def half_times(s: Floats, a0: Floats, tau: float) -> Floats:
    """Return the times at which (10) is half way; NaN for what begins beyond, or at 0."""
    known = (a0 > 0) & (a0 <= s / 2)
    return np.where(known, theory.half_time(s, np.where(known, a0, s / 2), tau), np.nan)


def _half_times(gap: Gap, number: int) -> Floats:
    a0 = gap.run.initial_strengths[number, : gap.s.size]
    return half_times(gap.s, a0, 1 / (gap.run.rate * gap.kappa))


@dataclass(frozen=True, eq=False)
class Stages:
    """One run whose modes are learned one after the other.

    Attributes
    ----------
    epochs : (T,)
        Times.
    s : (M,)
        Association strengths.
    measured, predicted : (T, M)
        Mode strengths: of the run, and by (10) from its effective initial strengths.
    loss, predicted_loss : (T,)
        Half the squared error, summed over items and features: of the run, and of what (10) says of its modes.
    half_times : (M,)
        Epochs, by (12).
    """

    epochs: Floats
    s: Floats
    measured: Floats
    predicted: Floats
    loss: Floats
    predicted_loss: Floats
    half_times: Floats

    def table(self) -> Table:
        """Return one row a time."""
        modes = range(1, self.s.size + 1)
        columns = ("epoch", "loss", "loss_eq10", *(f"a{m}" for m in modes), *(f"a{m}_eq10" for m in modes))
        parts = zip(self.epochs, self.loss, self.predicted_loss, self.measured, self.predicted, strict=True)
        return Table(columns, ((t, loss, by_10, *a, *a_10) for t, loss, by_10, a, a_10 in parts))


def stages(gap: Gap, number: int) -> Stages:
    """Return what one run of a gap shows."""
    return Stages(
        epochs=gap.run.epochs,
        s=gap.s,
        measured=gap.measured[number],
        predicted=gap.effective[number],
        loss=gap.run.loss[number],
        predicted_loss=gap.theories[EFFECTIVE].loss[number],
        half_times=_half_times(gap, number),
    )


@dataclass(frozen=True, eq=False)
class Depth:
    """The same data learned with a hidden layer and without, in units of each mode's association strength.

    Attributes
    ----------
    epochs : (T,)
        Times.
    s : (M,)
        Association strengths.
    deep, deep_theory : (T, M)
        With a hidden layer: one run, and (10) from its effective initial strengths.
    shallow, shallow_theory : (T,)
        Without, from weights of 0: learned one item at a time, exactly, and in continuous time; one curve for all
        modes.
    deep_ratios : (M,)
        Duration of the transition over the time to half mastery.
    shallow_ratio : float
        That ratio without a hidden layer, 2 / ln 2 for all modes.
    """

    epochs: Floats
    s: Floats
    deep: Floats
    deep_theory: Floats
    shallow: Floats
    shallow_theory: Floats
    deep_ratios: Floats
    shallow_ratio: float

    def table(self) -> Table:
        """Return one row a mode and time."""
        columns = ("mode", "epoch", "deep", "deep_eq10", "shallow", "shallow_continuous")
        rows = (
            (m + 1, self.epochs[t], self.deep[t, m], self.deep_theory[t, m], self.shallow[t], self.shallow_theory[t])
            for m, t in np.ndindex(self.s.size, self.epochs.size)
        )
        return Table(columns, rows)


def depth(gap: Gap, number: int) -> Depth:
    """Return one run of a gap beside a network without a hidden layer.

    The inputs must be orthogonal and of one length, so that every presentation takes the same part of what is missing
    of its item and nothing of the others; and every item must be shown once an epoch, in whatever order.
    """
    epochs, rate = gap.run.epochs, gap.run.rate * gap.kappa
    whole = np.floor(epochs)
    # Between whole epochs some items have been shown once more than others: a part of the last step, on average.
    shallow = 1 - (1 - rate) ** whole * (1 - (epochs - whole) * rate)
    return Depth(
        epochs=epochs,
        s=gap.s,
        deep=gap.measured[number] / gap.s,
        deep_theory=gap.effective[number] / gap.s,
        shallow=shallow,
        shallow_theory=theory.shallow_strength(epochs, 1.0, 0.0, 1 / rate),
        deep_ratios=theory.transition_time(gap.s, 1 / rate) / _half_times(gap, number),
        shallow_ratio=float(theory.stage_ratio(1.0, 0.0, layers=1)),
    )
