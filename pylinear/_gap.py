"""How far online learning is from the continuous-time theory, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._run import Run
from pylinear._theories import EFFECTIVE, FLOW, MODIFIED, PAPER, TREE, AssumptionWarning, Curves, Theories
from pylinear._tree import Tree

if TYPE_CHECKING:
    import xarray

__all__ = ["AssumptionWarning", "Gap", "gap"]


@dataclass(frozen=True, eq=False, repr=False)
class Gap:
    """Online learning held against a chain of theories, each of which drops one assumption of the one before.

    R runs, T recorded times, M modes: those of `Dataset.modes` with a positive association strength. Where a run
    stopped early, everything about later times is NaN.

    Attributes
    ----------
    run : Run
        What was measured.
    s : (M,) float64
        Association strengths. For orthogonal inputs of squared length kappa, s / kappa, the strength that is reached.
    theories : mapping of str to Curves
        What each theory says of mode strengths, loss and map, from the first of this chain to the last:
        "(10), s of (13)", for data sampled from a tree: (10) with the association strengths of infinitely many
        features; "(10), paper's a0": (10) with one initial strength for all modes and runs; "(10), effective a0": (10)
        with each mode's own, see `theory.initial_strength`; "flow (7)-(8)": the averaged flow from the run's own
        initial weights; "modified flow": the same with what the rate adds to first order, see `theory.modified_flow`,
        but for order "with_replacement", where `scatter` stands in its place.
    paper_strength : float
        The initial strength behind "(10), paper's a0": the expected one, N2 sigma^2 / 2 for Gaussian weights of
        standard deviation sigma; for other weights the mean of the effective ones.
    used : (K,) bool
        Which of the data's modes these are.
    scatter : (T, M) float64 or None
        For order "with_replacement": the standard deviation over orders that the stochastic modified equation has, see
        `theory.stochastic_flow`.
    """

    run: Run
    s: Floats
    used: NDArray[np.bool_]
    theories: Mapping[str, Curves]
    paper_strength: float
    scatter: Floats | None

    @property
    def measured(self) -> Floats:
        """Mode strengths under online learning, (R, T, M)."""
        return np.asarray(self.run.mode_strengths[..., self.used])

    @property
    def paper(self) -> Floats:
        """(10) with the paper's a0, (T, M)."""
        return np.asarray(self.theories[PAPER].strengths[0])

    @property
    def effective(self) -> Floats:
        """(10) with each mode's effective initial strength, (R, T, M)."""
        return self._of_runs(EFFECTIVE)

    @property
    def flow(self) -> Floats:
        """Mode strengths under the averaged flow, (R, T, M)."""
        return self._of_runs(FLOW)

    @property
    def predicted(self) -> Floats | None:
        """Mode strengths under the modified flow, (R, T, M)."""
        return self._of_runs(MODIFIED) if MODIFIED in self.theories else None

    def _of_runs(self, theory: str) -> Floats:
        return np.broadcast_to(self.theories[theory].strengths, self.measured.shape)

    def against(self) -> dict[str, Floats]:
        """Return the largest |measured - theory| / s over time and runs, for each theory and mode, (M,).

        NaN for a mode of which no run has a record.
        """
        return {name: self._largest(self.measured - curves.strengths) for name, curves in self.theories.items()}

    def by_cause(self) -> dict[str, Floats]:
        """Return the largest |difference| / s over time between neighbours in the chain, (M,).

        Over runs, too: "finite N", (10) with the association strengths of (13) and of the sample; "initial strength",
        (10) with the paper's a0 and with the effective one; "balance, coupling", the latter and the flow, which assumes
        neither balanced nor decoupled weights. Of the runs together: "finite rate, mean", between the flow and online
        learning in the mean over runs; "finite rate, scatter", the standard deviation over runs of what online learning
        differs by from the last theory of the chain, NaN for a single run; and "unexplained", that difference in the
        mean over runs, or for order "with_replacement" in its place "scatter, predicted".
        """
        chain = list(self.theories.items())
        causes = {TREE: "finite N", PAPER: "initial strength", EFFECTIVE: "balance, coupling"}
        out = {
            causes[name]: self._largest(curves.strengths - after.strengths)
            for (name, curves), (_, after) in pairwise(chain)
            if name in causes
        }
        mean, _ = self.moments(FLOW)
        rest, sd = self.moments(chain[-1][0])
        out["finite rate, mean"] = self._largest(mean)
        out["finite rate, scatter"] = self._largest(sd)
        if self.scatter is not None:
            out["scatter, predicted"] = self._largest(self.scatter)
        elif MODIFIED in self.theories:
            out["unexplained"] = self._largest(rest)
        return out

    def moments(self, theory: str) -> tuple[Floats, Floats]:
        """Return mean and standard deviation over runs of measured - theory, (T, M) each.

        NaN where nothing is known.
        """
        difference = self.measured - self.theories[_check.choice("theory", theory, self.theories)].strengths
        known = ~np.isnan(difference)
        n = known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, difference, 0.0).sum(axis=0) / n
            squares = np.where(known, difference - mean, 0.0) ** 2
            return mean, np.where(n > 1, np.sqrt(squares.sum(axis=0) / (n - 1)), np.nan)

    def by_move(self) -> dict[str, Floats]:
        """Return the largest |difference| / s, over time and runs, that each simplification of the flow makes, (M,).

        The four moves from the flow (7)-(8) to (10), each made alone: "decorrelated inputs", "SVD coordinates" (an
        exact rewriting: what it changes is the integrator's error), "diagonal", "balanced"; and "all four". See
        `theory.simplified_flow`, which has them as switches.
        """
        moved = Theories(self.run, None).moved()
        return {name: self._largest(strengths - self.flow) for name, strengths in moved.items()}

    def moves_table(self) -> str:
        """Return `by_move` as a table that a person reads."""
        costs = self.by_move()
        rows = [(str(mode + 1), f"{s:.4g}", [x[mode] for x in costs.values()]) for mode, s in enumerate(self.s)]
        return "\n".join(["What each simplification of the flow costs alone", *_table(list(costs), rows)])

    def loss_gaps(self) -> dict[str, Floats]:
        """Return |measured loss - theory's| at all times relative to the first record's loss, (R, T) a theory."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return {
                name: np.abs(self.run.loss - curves.loss) / self.run.loss[:, :1]
                for name, curves in self.theories.items()
            }

    def map_gaps(self) -> dict[str, Floats]:
        """Return |measured map - theory's| at all times relative to |s|, (R, T) a theory.

        Frobenius norms, over all pairs of modes. ValueError unless the run was trained with ``keep=["map"]``.
        """
        if self.run.maps is None:
            raise ValueError("run must be trained with keep=['map'] for the gap between maps")
        measured = self.run.maps[..., self.used, :][..., self.used]
        with np.errstate(invalid="ignore", over="ignore"):
            return {
                name: np.linalg.norm(measured - curves.maps, axis=(-2, -1)) / np.linalg.norm(self.s)
                for name, curves in self.theories.items()
                if curves.maps is not None
            }

    def _largest(self, difference: Floats) -> Floats:
        """Return the largest |difference| / s, (M,), over all else; NaN where nothing is known."""
        with np.errstate(invalid="ignore", over="ignore"):
            largest = np.fmax.reduce((np.abs(difference) / self.s).reshape(-1, self.s.size))
        return np.asarray(largest)

    def to_xarray(self) -> xarray.Dataset:
        """Return all curves and both tables as one labelled xarray Dataset.

        Dimensions: source ("online" and the theories), run, time, mode, theory, cause.
        """
        from pylinear._labelled import gap_dataset

        return gap_dataset(self)

    def __str__(self) -> str:
        run, against = self.run, self.against()
        rows = [(str(mode + 1), f"{s:.4g}", [x[mode] for x in against.values()]) for mode, s in enumerate(self.s)]
        rows.append(("loss", "", [_largest_known(x) for x in self.loss_gaps().values()]))
        if run.maps is not None:
            rows.append(("map", "", [_largest_known(x) for x in self.map_gaps().values()]))
        causes = self.by_cause()
        n = len(run.status)
        lines = [
            f"Largest gap over time and {n} run{'s' * (n > 1)}, relative to s "
            f"(rate x s1 = {run.rate * self.s[0]:.3g}, paper's a0 = {self.paper_strength:.3g});",
            "of the loss relative to its first record" + (", of the map to |s|." if run.maps is not None else "."),
            "",
            "Online learning against",
            *_table(list(against), rows),
            "",
            "By cause",
            *_table(
                list(causes),
                [(str(mode + 1), f"{s:.4g}", [x[mode] for x in causes.values()]) for mode, s in enumerate(self.s)],
            ),
        ]
        stopped = n - run.status.count("ok")
        if stopped:
            lines.append(f"{stopped} of the runs stopped early: {', '.join(sorted(set(run.status) - {'ok'}))}.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Gap({self.run!r})"


def _largest_known(values: Floats) -> float:
    return float(np.fmax.reduce(values, axis=None))


def _table(names: list[str], rows: list[tuple[str, str, list[Any]]]) -> list[str]:
    """Return the lines of a table: a name, an association strength and the gaps in each row."""
    widths = [max(len(name), 8) for name in names]
    lines = [f"{'mode':>4} {'s':>8}  " + "  ".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True))]
    for row, s, values in rows:
        cells = "  ".join(f"{_cell(float(value)):>{w}}" for value, w in zip(values, widths, strict=True))
        lines.append(f"{row:>4} {s:>8}  {cells}")
    return lines


def _cell(value: float) -> str:
    if np.isnan(value):
        return "-"
    if value >= 1000 or 0 < value < 5e-5:
        return f"{value:.1e}"
    return f"{value:.4f}"


def gap(run: Run, *, tree: Tree | None = None) -> Gap:
    """Return the gap between what a run measured and what the theory says.

    Parameters
    ----------
    run : Run
        From `train`.
    tree : Tree, optional
        Where the features come from, for (13); known already of data made by `Tree.sample`.

    Returns
    -------
    Gap
        ``str()`` of it is a table.

    Warns
    -----
    AssumptionWarning
        If the inputs are not white (orthogonal inputs of one length are), which (10) assumes and the flow does not; or
        if the order given shows some items more often than others, which (10) and the flow both leave out and the
        modified flow does not.

    Raises
    ------
    TypeError, ValueError
        If `run` is not a Run, its data has no mode to learn, or `tree` has other items.

    Examples
    --------
    >>> import pylinear as pl
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> report = pl.gap(run)
    >>> bool((report.by_cause()["finite rate, mean"] < 0.1).all())
    True
    >>> bool((report.against()["modified flow"] < 0.01).all())
    True
    """
    if not isinstance(run, Run):
        raise TypeError(f"run must be a pylinear.Run, from pylinear.train; got {_check.show(run)}")
    if tree is None:
        tree = run.data.tree
    elif not isinstance(tree, Tree):
        raise TypeError(f"tree must be a pylinear.Tree; got {_check.show(tree)}")
    elif tree.n_items != run.data.n_items or not run.data.one_hot:
        raise ValueError(f"tree must have the {run.data.n_items} items of the run, with one-hot inputs; got {tree!r}")
    theories = Theories(run, tree)
    theories.warn()
    return Gap(run, theories.s, theories.used, theories.curves(), theories.paper_strength, theories.scatter())
