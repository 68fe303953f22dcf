"""How far online learning is from the continuous-time theory, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._run import Run
from pylinear._theories import EFFECTIVE, FLOW, MODIFIED, PAPER, TREE, Curves, Theories
from pylinear._tree import Tree

if TYPE_CHECKING:
    import xarray


# Rows of a table; more modes than that share the last.
_MOST_ROWS = 20


@dataclass(frozen=True, eq=False, repr=False)
class Gap:
    """Learning held against a chain of theories, each of which drops one assumption of the one before.

    R runs, T recorded times, M modes: the first `Modes.rank` of the data's, which have a strength. Where a run stopped
    early, what was measured is NaN, and so are the flows unless other runs share its weights. Tables count records of
    runs that did not diverge, if there are any, at whole epochs (of a given order that is not made of permutations,
    whole cycles of at most four epochs), if there are any: within one online learning is ahead of or behind every mean
    over its items, by the order of the rate.

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
    source : object
        What `scatter` and `by_move` are computed from.
    """

    run: Run
    s: Floats
    theories: Mapping[str, Curves]
    paper_strength: float
    source: Theories

    @cached_property
    def scatter(self) -> Floats | None:
        """For order "with_replacement": standard deviation over orders of the stochastic modified equation, (T, M).

        Computed upon the first use; see `theory.stochastic_flow`. None for other orders.
        """
        return self.source.scatter()

    @property
    def kappa(self) -> float:
        """Mean eigenvalue of the inputs' correlations on their span; 1 for one-hot inputs."""
        return self.source.kappa

    @property
    def measured(self) -> Floats:
        """Mode strengths that were measured, (R, T, M)."""
        return np.asarray(self.run.mode_strengths[..., : self.s.size])

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
        """Mode strengths under the modified flow, (R, T, M); None for a run that has none."""
        return self._of_runs(MODIFIED) if MODIFIED in self.theories else None

    def _of_runs(self, theory: str) -> Floats:
        return np.broadcast_to(self.theories[theory].strengths, self.measured.shape)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Which records the tables count, (R, T)."""
        run = self.run
        known = ~np.isnan(run.loss)
        lasting = np.array([status != "diverged" for status in run.status])
        whole = run.presentations % self.source.period == 0
        if lasting.any():
            known &= lasting[:, None]
        # The start is whole, and has no gap that would count.
        return known & whole if whole[run.presentations > 0].any() else known

    def against(self) -> dict[str, Floats]:
        """Return the largest of ``|measured - theory| / s`` over time and runs, for each theory and mode, (M,).

        NaN for a mode of which no run has a record.
        """
        return {name: self._largest(self.measured - curves.strengths) for name, curves in self.theories.items()}

    def by_cause(self) -> dict[str, Floats]:
        """Return the largest of ``|difference| / s``, over time and runs, that each cause makes, (M,).

        - "finite N": (10) with the association strengths of (13) and of the sample, for data from a tree;
        - "initial strength": (10) with the paper's a0 and with the effective one;
        - "balance, coupling": the latter and the flow, which assumes neither balanced nor decoupled weights;
        - "finite rate, mean": the flow and what was measured, in the mean over runs that share their initial weights;
        - "finite rate, scatter": the standard deviation over runs of what was measured less the last theory of the
          chain; NaN for a single run;
        - "unexplained": the modified flow and what was measured, in the mean over runs that share their initial
          weights; or
        - "scatter, predicted", for order "with_replacement": the largest of `scatter`.
        """
        chain = list(self.theories.items())
        causes = {TREE: "finite N", PAPER: "initial strength", EFFECTIVE: "balance, coupling"}
        out = {
            causes[name]: self._largest(curves.strengths - after.strengths)
            for (name, curves), (_, after) in pairwise(chain)
            if name in causes
        }
        out.update(self.by_rate())
        if self.scatter is not None:
            out["scatter, predicted"] = self._largest(self.scatter)
        return out

    def by_rate(self) -> dict[str, Floats]:
        """Return those of `by_cause` that go to zero with the rate, as they were measured, (M,) each."""
        last = self.predicted if self.predicted is not None else self.flow
        out = {
            "finite rate, mean": self._largest(self._mean(self.measured - self.flow)),
            "finite rate, scatter": self._largest(self._deviation(self.measured - last)),
        }
        if self.predicted is not None:
            out["unexplained"] = self._largest(self._mean(self.measured - last))
        return out

    def _what_is_counted(self) -> list[str]:
        counted, recorded = self.counted.any(axis=0).sum(), (~np.isnan(self.run.loss)).any(axis=0).sum()
        if counted == recorded:
            return []
        return [f"Counted are {counted} of {recorded} times, those after whole epochs; see Gap.counted."]

    def _mean(self, difference: Floats) -> Floats:
        """Return the mean of (R, T, M) over the runs that count and share their weights, (R, T, M) or (T, M)."""
        if not self.source.shared:
            return difference
        counted = self.counted[..., None]
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.where(counted, difference, 0.0).sum(axis=0) / counted.sum(axis=0))

    def _deviation(self, difference: Floats) -> Floats:
        """Return the standard deviation of (R, T, M) over the runs that count, (T, M); NaN for fewer than two."""
        counted = self.counted[..., None]
        n = counted.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            mean = np.where(counted, difference, 0.0).sum(axis=0) / n
            squares = np.where(counted, difference - mean, 0.0) ** 2
            return np.where(n > 1, np.sqrt(squares.sum(axis=0) / (n - 1)), np.nan)

    def by_move(self) -> dict[str, Floats]:
        """Return the largest of ``|difference| / s``, over time and runs, that each simplification makes, (M,).

        The four moves from the flow (7)-(8) to (10), each made alone: "decorrelated inputs", "SVD coordinates" (an
        exact rewriting: what it changes is the integrator's error), "diagonal", "balanced"; and "all four", which is
        (10) from the strength that "diagonal" leaves of the effective a0. That is another (10) than the one in
        ``theories``, where each mode keeps all of it. See `theory.simplified_flow`, which has the moves as switches.
        """
        return {name: self._largest(strengths - self.flow) for name, strengths in self.source.moved().items()}

    def moves_table(self) -> str:
        """Return `by_move` as a table that a person reads."""
        costs = self.by_move()
        return "\n".join(["What each simplification of the flow costs alone", *_table(costs, self._rows(costs))])

    def _rows(self, columns: Mapping[str, Floats]) -> list[tuple[str, str, list[float]]]:
        """Return one row a mode: its number, association strength and the columns; the last of many in one row."""
        shown = self.s.size if self.s.size <= _MOST_ROWS else _MOST_ROWS - 1
        rows = [
            (str(mode + 1), f"{s:.4g}", [float(x[mode]) for x in columns.values()])
            for mode, s in enumerate(self.s[:shown])
        ]
        if shown < self.s.size:
            rest = [_largest_known(x[shown:]) for x in columns.values()]
            rows.append((f"{shown + 1}-{self.s.size}", f"<={self.s[shown]:.3g}", rest))
        return rows

    def loss_gaps(self) -> dict[str, Floats]:
        """Return ``|measured - theory|`` of the loss at all times, relative to the first record, (R, T) a theory."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return {
                name: np.abs(self.run.loss - curves.loss) / self.run.loss[:, :1]
                for name, curves in self.theories.items()
            }

    def map_gaps(self) -> dict[str, Floats]:
        """Return ``|measured - theory|`` of the map at all times, relative to ``|s|``, (R, T) a theory.

        Frobenius norms, over all pairs of modes. ValueError unless the run was trained with ``keep=["maps"]``.
        """
        if self.run.maps is None:
            raise ValueError("run must be trained with keep=['maps'] for the gap between maps")
        measured = self.run.maps[..., : self.s.size, : self.s.size]
        with np.errstate(invalid="ignore", over="ignore"):
            return {
                name: np.linalg.norm(measured - curves.maps, axis=(-2, -1)) / np.linalg.norm(self.s)
                for name, curves in self.theories.items()
                if curves.maps is not None
            }

    def _largest(self, difference: Floats) -> Floats:
        """Return the largest |difference| / s of (R, T, M), (1, T, M) or (T, M) that counts, (M,); NaN if none does."""
        difference = np.broadcast_to(difference, self.measured.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            relative = np.where(self.counted[..., None], np.abs(difference) / self.s, np.nan)
        return np.asarray(np.fmax.reduce(relative.reshape(-1, self.s.size)))

    def to_xarray(self) -> xarray.Dataset:
        """Return the curves of mode strengths, losses and maps, and both tables, as one labelled xarray Dataset.

        Dimensions: source ("measured" and the theories), run, time, mode, other_mode, theory, cause. ImportError where
        xarray is not installed (``pylinear-dynamics[xarray]``).
        """
        from pylinear._labelled import gap_dataset

        return gap_dataset(self)

    def __str__(self) -> str:
        run, against = self.run, self.against()
        rows = self._rows(against)
        rows.append(("loss", "", [_largest_known(x[self.counted]) for x in self.loss_gaps().values()]))
        if run.maps is not None:
            rows.append(("map", "", [_largest_known(x[self.counted]) for x in self.map_gaps().values()]))
        causes = self.by_cause()
        n = len(run.status)
        lines = [
            f"Largest gap over time and {n} run{'s' * (n > 1)}, relative to s "
            f"(rate x s1 = {run.rate * self.s[0]:.3g}, paper's a0 = {self.paper_strength:.3g});",
            "of the loss relative to its first record" + (", of the map to |s|." if run.maps is not None else "."),
            *self._what_is_counted(),
            "",
            "Measured against",
            *_table(against, rows),
            "",
            "By cause",
            *_table(causes, self._rows(causes)),
        ]
        stopped = n - run.status.count("ok")
        if stopped:
            lines.append(f"{stopped} of the runs stopped early: {', '.join(sorted(set(run.status) - {'ok'}))}.")
            if 0 < run.status.count("diverged") < n:
                lines.append("Those that diverged are left out.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Gap({self.run!r})"


def _largest_known(values: Floats) -> float:
    return float(np.fmax.reduce(values, axis=None, initial=np.nan))


def _table(names: Iterable[str], rows: list[tuple[str, str, list[float]]]) -> list[str]:
    """Return the lines of a table: a name, an association strength and the gaps in each row."""
    names = list(names)
    widths = [max(len(name), 8) for name in names]
    lines = [f"{'mode':>4} {'s':>8}  " + "  ".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True))]
    for row, s, values in rows:
        cells = "  ".join(f"{_cell(value):>{w}}" for value, w in zip(values, widths, strict=True))
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
        modified flow does not; or if the rate is above the largest at which learning is stable.

    Raises
    ------
    TypeError, ValueError
        If ``run`` is not a Run, its data has no mode to learn, or ``tree`` has other items.
    RuntimeError
        If a flow cannot be integrated.

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
    return Gap(run, theories.s, theories.curves(), theories.paper_strength, theories)
