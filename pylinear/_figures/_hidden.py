"""Hidden representations on their way through the directions in which they spread most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pylinear import theory
from pylinear._check import Floats
from pylinear._figures._learning import half_times
from pylinear._figures._table import Table
from pylinear._run import Run


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Hidden representations of P items at T times, in two directions.

    Attributes
    ----------
    items : tuple of P str
        Names.
    epochs : (T,)
        Times.
    points : (T, P, 2)
        Where each item's representation is.
    theory : (T, P, 2)
        Where a balanced network's would be, sqrt(a) V^T x up to the rotation that fits best at the end.
    axes : tuple of str
        What the directions are.
    shares : (2,)
        The part of the variance, over items and times, along each.
    half_times : (M,)
        Epoch at which each mode is half learned, by (12).
    """

    items: tuple[str, ...]
    epochs: Floats
    points: Floats
    theory: Floats
    axes: tuple[str, str]
    shares: Floats
    half_times: Floats

    def table(self) -> Table:
        """Return one row an item and time."""
        columns = ("item", "epoch", "x", "y", "x_theory", "y_theory")
        rows = (
            (self.items[p], self.epochs[t], *self.points[t, p], *self.theory[t, p])
            for p, t in np.ndindex(len(self.items), self.epochs.size)
        )
        return Table(columns, rows)


def trajectories(run: Run, number: int) -> Trajectories:
    """Return what one run with kept hidden representations and one-hot inputs shows."""
    assert run.hidden is not None
    recorded = np.isfinite(run.loss[number])
    epochs = run.epochs[recorded]
    hidden = np.swapaxes(run.hidden[number][recorded].astype(np.float64), 1, 2)
    balanced, half = _balanced(run, number, epochs, hidden[-1])
    every = hidden.reshape(-1, hidden.shape[2])
    centre = every.mean(axis=0)
    _, spread, components = np.linalg.svd(every - centre, full_matrices=False)
    plane, names = _plane(spread, components, hidden[-1] - centre)
    variance = np.sum(((every - centre) @ plane.T) ** 2, axis=0)
    return Trajectories(
        items=run.data.items,
        epochs=epochs,
        points=(hidden - centre) @ plane.T,
        theory=(balanced - centre) @ plane.T,
        axes=names,
        shares=variance / np.sum(spread**2),
        half_times=half,
    )


def _plane(spread: Floats, components: Floats, last: Floats) -> tuple[Floats, tuple[str, str]]:
    """Return two orthonormal directions, (2, N2), and what they are, for representations (P, N2) at the end."""
    first, second = components[0], components[1] if len(components) > 1 else np.zeros(components.shape[1])
    names = "principal component 1", "principal component 2"
    if len(components) > 2 and spread[2] ** 2 > 0.9 * spread[1] ** 2:
        angles = np.linspace(0.0, np.pi, 180, endpoint=False)
        turned = np.cos(angles)[:, None] * second + np.sin(angles)[:, None] * components[2]
        second = turned[int(np.argmax([_nearest(last @ np.stack([first, d]).T) for d in turned]))]
        names = names[0], "between principal components 2 and 3"
    plane = np.stack([first, second])
    # The first of the items that end farthest out along a direction, to a hundredth, ends on its positive side.
    ends = last @ plane.T
    farthest = np.argmax(np.abs(ends) > 0.99 * np.abs(ends).max(axis=0), axis=0)
    return np.where(ends[farthest, [0, 1]] < 0, -1.0, 1.0)[:, None] * plane, names


def _nearest(points: Floats) -> float:
    """Return the distance between the nearest two of some points, (P, 2)."""
    apart = np.linalg.norm(points[:, None] - points, axis=-1)
    return float(apart[np.triu_indices(len(points), 1)].min(initial=np.inf))


def _balanced(run: Run, number: int, epochs: Floats, last: Floats) -> tuple[Floats, Floats]:
    """Return a balanced network's representations, (T, P, N2), and the half times of its modes."""
    modes = run.data.modes
    # A network of N2 hidden units learns N2 modes at most.
    used = min(modes.rank, run.hidden_units)
    s, a0, tau = modes.s[:used], run.initial_strengths[number, :used], 1 / run.rate
    strengths = theory.mode_strength(epochs[:, None], s, np.maximum(a0, np.finfo(float).tiny), tau)
    inner = np.sqrt(strengths)[:, None, :] * modes.v[:, :used]
    left, _, right = np.linalg.svd(inner[-1].T @ last, full_matrices=False)
    return inner @ (left @ right), half_times(s, a0, tau)
