"""How far online learning is from the continuous-time theory, and why."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from pylinear import _blas, _check, theory
from pylinear._check import Floats
from pylinear._flow import integrate_flow
from pylinear._initial import Gaussian
from pylinear._reduction import Reducer, for_theory
from pylinear._run import Run


class AssumptionWarning(UserWarning):
    """Issued where (10) is held against a network that does not meet its assumptions."""


@dataclass(frozen=True, eq=False, repr=False)
class Gap:
    """Online learning held against a chain of theories, each of which drops one assumption of the one before.

    R runs, T recorded times, M modes: those of `Dataset.modes` with a positive association strength.

    Attributes
    ----------
    run : Run
        What was measured.
    s : (M,) float64
        Association strengths. For orthogonal inputs of squared length kappa, s / kappa, the strength that is reached.
    measured : (R, T, M) float64
        Online learning.
    paper : (T, M) float64
        (10) with one initial strength for all modes and runs: the expected one, N2 sigma^2 / 2 for Gaussian weights of
        standard deviation sigma; for other weights the mean of the effective ones.
    effective : (R, T, M) float64
        (10) with each mode's effective initial strength; see `theory.initial_strength`.
    flow : (R, T, M) float64
        The averaged flow (7)-(8) from the run's own initial weights.
    paper_strength : float
        The initial strength behind `paper`.
    """

    run: Run
    s: Floats
    measured: Floats
    paper: Floats
    effective: Floats
    flow: Floats
    paper_strength: float

    def against(self) -> dict[str, Floats]:
        """Return the largest |measured - theory| / s over time and runs, for each theory and mode, (M,).

        NaN for a mode of which no run has a record.
        """
        return {
            "(10), paper's a0": self._largest(self.measured, self.paper),
            "(10), effective a0": self._largest(self.measured, self.effective),
            "flow (7)-(8)": self._largest(self.measured, self.flow),
        }

    def by_cause(self) -> dict[str, Floats]:
        """Return the largest |difference| / s over time and runs between neighbours in the chain, (M,).

        "initial strength": (10) with the paper's a0 and with the effective one. "balance, coupling": the latter and the
        flow, which assumes neither balanced nor decoupled weights. "finite rate": the flow and online learning.
        """
        return {
            "initial strength": self._largest(self.paper, self.effective),
            "balance, coupling": self._largest(self.effective, self.flow),
            "finite rate": self._largest(self.flow, self.measured),
        }

    def _largest(self, one: Floats, other: Floats) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(one - other) / self.s
        # Records after a run has stopped are NaN. Where no run has any other, the gap is not known, and not 0.
        known = ~np.isnan(difference)
        largest = np.where(known, difference, 0.0).max(axis=(0, 1))
        return np.asarray(np.where(known.any(axis=(0, 1)), largest, np.nan))

    def __str__(self) -> str:
        against, causes = self.against(), self.by_cause()
        columns = [*against.items(), *causes.items()]
        widths = [max(len(name), 8) for name, _ in columns]
        run = self.run
        n_against = sum(widths[: len(against)]) + 2 * (len(against) - 1)
        lines = [
            f"Largest gap over time and {len(run.status)} run{'s' * (len(run.status) > 1)}, relative to s "
            f"(rate x s1 = {run.rate * self.s[0]:.3g}, paper's a0 = {self.paper_strength:.3g})",
            f"{'':13}  {'online learning against':<{n_against}}  of which",
            f"{'mode':>4} {'s':>8}  " + "  ".join(f"{name:>{w}}" for (name, _), w in zip(columns, widths, strict=True)),
        ]
        for mode, s in enumerate(self.s):
            cells = "  ".join(f"{_cell(values[mode]):>{w}}" for (_, values), w in zip(columns, widths, strict=True))
            lines.append(f"{mode + 1:>4} {s:>8.4g}  {cells}")
        stopped = len(run.status) - run.status.count("ok")
        if stopped:
            lines.append(f"{stopped} of the runs stopped early: {', '.join(sorted(set(run.status) - {'ok'}))}.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Gap({self.run!r})"


def _cell(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.4f}" if value < 1000 else f"{value:.1e}"


def gap(run: Run) -> Gap:
    """Return the gap between what a run measured and what the theory says.

    Parameters
    ----------
    run : Run
        From `train`.

    Returns
    -------
    Gap
        ``str()`` of it is a table.

    Warns
    -----
    AssumptionWarning
        If the inputs are not orthogonal with equal lengths, which (10) assumes and the flow does not, or if the order
        given shows some items more often than others, which both leave out.

    Raises
    ------
    TypeError, ValueError
        If `run` is not a Run, or its data has no mode to learn.

    Examples
    --------
    >>> import pylinear as pl
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> bool((pl.gap(run).by_cause()["finite rate"] < 0.1).all())
    True
    """
    if not isinstance(run, Run):
        raise TypeError(f"run must be a pylinear.Run, from pylinear.train; got {_check.show(run)}")
    modes = run.data.modes
    _warn_of_uneven_order(run)
    kappa = _input_square(run)
    used = modes.s > modes.s[0] * 1e-12
    if not used.any():
        raise ValueError("run must be on data with a mode to learn; all association strengths are 0")
    s, tau = modes.s[used] / kappa, 1 / (run.rate * kappa)
    t = run.epochs
    strengths = run.initial_strengths[:, used]
    if isinstance(run.init, Gaussian):
        paper_strength = run.hidden_units * run.init.scale**2 / 2
    else:
        paper_strength = float(np.nanmean(strengths))
    reducer = for_theory(run.networks.reducer)
    with _blas.one_thread():
        flow = np.stack([_flow_strengths(run, reducer, k)[:, used] for k in range(len(run.status))])
    return Gap(
        run=run,
        s=s,
        measured=run.mode_strengths[..., used],
        paper=_sigmoid(t[:, None], s, np.full_like(s, paper_strength), tau),
        effective=_sigmoid(t[:, None], s, strengths[:, None], tau),
        flow=flow,
        paper_strength=paper_strength,
    )


def _warn_of_uneven_order(run: Run) -> None:
    if isinstance(run.order, str):
        return
    shown = np.bincount(run.order, minlength=run.data.n_items)
    if shown.min() < shown.max():
        warnings.warn(
            f"the order given shows items {shown.min()} to {shown.max()} times; all theories here take them as shown "
            "equally often",
            AssumptionWarning,
            stacklevel=3,
        )


def _input_square(run: Run) -> float:
    """Return the mean squared length of the inputs, with a warning if (10) does not hold for them."""
    if run.data.one_hot:
        return 1.0
    gram = run.data.inputs.T @ run.data.inputs
    kappa = float(gram.diagonal().mean())
    off = float(np.linalg.norm(gram - kappa * np.eye(len(gram))) / np.linalg.norm(gram))
    if off > 1e-12:
        warnings.warn(
            f"the inputs are not orthogonal with equal lengths (off by {off:.2g} of their correlations), "
            "which (10) assumes; the flow does not",
            AssumptionWarning,
            stacklevel=3,
        )
    return kappa


def _sigmoid(t: Floats, s: Floats, a0: Floats, tau: float) -> Floats:
    """Return (10), and NaN where the initial strength is not known."""
    unknown = np.isnan(a0)
    return np.where(unknown, np.nan, theory.mode_strength(t, s, np.where(unknown, 0.0, a0), tau))


def _flow_strengths(run: Run, reducer: Reducer, k: int) -> Floats:
    """Return the mode strengths (T, K) under the flow from the weights of run k, as far as the run went."""
    out = np.full(run.mode_strengths.shape[1:], np.nan)
    if not run.networks.began(k):
        return out
    reached = int(np.searchsorted(run.presentations, run.completed[k], side="right"))
    problem, layers = reducer.begin(k, run.networks.level(k))
    inputs = problem.inputs
    w21 = np.ascontiguousarray(inputs.orthonormal(layers.lower).T)
    sigma_yx, sigma_xx = problem.outputs @ inputs.vectors.T, inputs.vectors @ inputs.vectors.T
    times = run.epochs[:reached] * run.rate
    lower, upper = integrate_flow(times, w21, layers.w32, sigma_yx, sigma_xx, rtol=1e-9)
    hidden = lower @ (inputs.vectors @ inputs.coefficients)
    out[:reached] = np.einsum("ik,tij,tjk->tk", problem.synthesizers, upper, hidden, optimize=True)
    return out
