"""What each theory says of a run that has been measured."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np

from pylinear import _blas, theory
from pylinear._check import Floats
from pylinear._dataset import Modes
from pylinear._flow import Pacing, Velocity, averaged, ensemble, integrate, modified, pacing
from pylinear._initial import Gaussian, Given
from pylinear._problem import Problem
from pylinear._random import Use, generator
from pylinear._record import mode_strengths, observed
from pylinear._reduction import for_theory
from pylinear._run import Run
from pylinear._tree import Tree
from pylinear.theory._moves import Moves, simplified

TREE, PAPER, EFFECTIVE = "(10), s of (13)", "(10), paper's a0", "(10), effective a0"
FLOW, MODIFIED = "flow (7)-(8)", "modified flow"

# The simplifications that lead from the flow to (10), each alone and all together.
MOVES = {
    "decorrelated inputs": Moves(decorrelated=True),
    "SVD coordinates": Moves(coordinates=True),
    "diagonal": Moves(diagonal=True),
    "balanced": Moves(balanced=True),
    "all four": Moves(decorrelated=True, coordinates=True, diagonal=True, balanced=True),
}

# Of the flows' integrator in each step.
_RTOL = 1e-9

# Solutions of the stochastic equation over all runs: their standard deviation is good to a twelfth.
_MEMBERS = 72


class AssumptionWarning(UserWarning):
    """Issued where a theory is held against a network that does not meet its assumptions."""


class Curves(NamedTuple):
    """What one theory says of R runs, or of all alike with R = 1; T times, M modes.

    Attributes
    ----------
    strengths : (R, T, M)
        Mode strengths.
    loss : (R, T)
        Half the squared error.
    maps : (R, T, M, M) or None
        u_alpha^T W32 W21 v_beta, if the run kept them.
    """

    strengths: Floats
    loss: Floats
    maps: Floats | None


class Theories:
    """The theories of one run, of the modes that have something to learn."""

    def __init__(self, run: Run, tree: Tree | None) -> None:
        modes = run.data.modes
        if modes.rank == 0:
            raise ValueError("run must be on data with a mode to learn; all association strengths are 0")
        self._run, self._tree, self._modes = run, tree, modes.rank
        eigenvalues = np.ones(1) if run.data.one_hot else _eigenvalues(run.data.input_span[1])
        self.kappa = float(eigenvalues.mean())
        self._colour = float(np.linalg.norm(eigenvalues - self.kappa) / np.linalg.norm(eigenvalues))
        order = "batch" if run.update == "batch" else run.order
        self._with_replacement = isinstance(order, str) and order == "with_replacement"
        self._pace = pacing(order, run.data.n_items)
        # After so many presentations learning is where a flow can be, if it goes through the items in turn at all.
        self.period = 1 if run.update == "flow" else self._pace.period
        self._reducer = for_theory(run.networks.reducer)
        self.s: Floats = modes.s[: modes.rank] / self.kappa
        self._strengths = run.initial_strengths[:, : modes.rank]
        began = [k for k in range(len(run.status)) if run.networks.began(k)]
        self.shared = isinstance(run.init, Given) and run.init.w21.ndim == 2
        lasting = [k for k in began if run.status[k] != "diverged"]
        self._lasting = lasting or began or slice(None)
        # Where all runs share their weights one speaks for them, that which went furthest.
        self._runs = [max(began, key=lambda k: int(run.completed[k]))] if self.shared and began else began

    def warn(self) -> None:
        """Warn of what the theories assume and the run does not meet."""
        if self._colour > 1e-12:
            warnings.warn(
                f"the inputs are not white (off by {self._colour:.2g} of their correlations), which (10) assumes "
                "and the flow does not",
                AssumptionWarning,
                stacklevel=3,
            )
        run = self._run
        largest = theory.max_rate(run.data, "batch") if run.update == "batch" else theory.max_rate(run.data)
        if run.update != "flow" and run.rate > largest:
            warnings.warn(
                f"the rate, {run.rate:.3g}, is above the largest at which learning is stable, {largest:.3g}; no "
                "theory here holds there",
                AssumptionWarning,
                stacklevel=3,
            )
        low, high = self._pace.shares.min(), self._pace.shares.max()
        if low < high:
            warnings.warn(
                f"the order given shows items {low:.3g} to {high:.3g} times an epoch; all theories here but the "
                "modified flow take them as shown equally often",
                AssumptionWarning,
                stacklevel=3,
            )

    @property
    def paper_strength(self) -> float:
        """The initial strength that the paper would assume, for all modes and runs."""
        run = self._run
        if isinstance(run.init, Gaussian):
            return run.hidden_units * run.init.scale**2 / 2
        return float(np.nanmean(self._strengths[self._lasting]))

    def curves(self) -> dict[str, Curves]:
        """Return what each theory says, from that which assumes most to that which assumes least."""
        run, one = self._run, np.full((1, self.s.size), self.paper_strength)
        out = {}
        if self._tree is not None:
            strengths = self._tree.singular_values(run.data.n_features)
            out[TREE] = self._sigmoid(np.repeat(strengths, self._tree.multiplicities)[: self.s.size], one)
        out[PAPER] = self._sigmoid(self.s, one)
        out[EFFECTIVE] = self._sigmoid(self.s, self._strengths)
        out[FLOW] = self._flow(None)
        if run.update != "flow" and not self._with_replacement:
            out[MODIFIED] = self._flow(self._pace)
        return out

    def scatter(self) -> Floats | None:
        """Return the standard deviation over orders that is expected for an order with replacement, (T, M)."""
        if not self._with_replacement:
            return None
        run = self._run
        members = 1 + math.ceil(_MEMBERS / max(1, len(self._runs)))
        # Runs that share their problem and go equally far go side by side.
        alike: dict[tuple[Problem, int], list[tuple[Floats, Floats]]] = {}
        for k in [k for k in self._runs if run.status[k] != "diverged"] or self._runs:
            problem, w21, w32, epochs = self._begin(k)
            alike.setdefault((problem, epochs.size), []).append((w21, w32))
        squares, count = np.zeros((run.epochs.size, self._modes)), np.zeros((run.epochs.size, 1))
        rng = generator(run.rng, Use.ENSEMBLE)
        with _blas.one_thread(), np.errstate(invalid="ignore"):
            for (problem, times), starts in alike.items():
                w21, w32 = (np.repeat(np.stack(w), members, axis=0) for w in zip(*starts, strict=True))
                inputs, outputs = problem.inputs.vectors, problem.outputs
                for t, state in enumerate(ensemble(inputs, outputs, run.rate, run.epochs[:times], w21, w32, rng)):
                    strengths = mode_strengths(problem, *state)[:, : self._modes]
                    squares[t] += strengths.reshape(len(starts), members, -1).var(axis=1, ddof=1).sum(axis=0)
                    count[t] += len(starts)
            return np.asarray(np.sqrt(squares / count))

    def _sigmoid(self, s: Floats, a0: Floats) -> Curves:
        """Return (10) for the strengths `s` that are reached, from initial strengths (R, M)."""
        run, modes = self._run, self._run.data.modes
        t, tau = run.epochs[:, None], 1 / (run.rate * self.kappa)
        known = ~np.isnan(a0)[:, None]
        strengths = np.where(known, theory.mode_strength(t, s, np.where(known, a0[:, None], 0.0), tau), np.nan)
        v = modes.v[:, : self._modes]
        lengths = np.ones(v.shape[1]) if run.data.one_hot else np.sum((run.data.inputs.T @ v) ** 2, axis=0)
        # |Y - U diag(a) V^T X|^2 / 2, term by term: neither needs the outputs themselves.
        outputs = float(np.trace(run.data.gram)) / 2
        loss = outputs - strengths @ modes.s[: self._modes] + strengths**2 @ lengths / 2
        return Curves(strengths, loss, None if run.maps is None else strengths[..., None] * np.eye(self._modes))

    def _flow(self, pace: Pacing | None) -> Curves:
        """Return the averaged flow, or the modified one for a pace, from the weights of each run as far as it went."""
        shape, maps = (1 if self.shared else len(self._run.status), self._run.epochs.size), self._run.maps is not None
        out = Curves(
            np.full((*shape, self._modes), np.nan),
            np.full(shape, np.nan),
            np.full((*shape, self._modes, self._modes), np.nan) if maps else None,
        )
        with _blas.one_thread():
            for k in self._runs:
                i = 0 if self.shared else k
                self._follow(k, pace, Curves(out.strengths[i], out.loss[i], None if out.maps is None else out.maps[i]))
        return out

    def moved(self) -> dict[str, Floats]:
        """Return the mode strengths (R, T, M) after each of the four moves alone, and after all."""
        run, modes = self._run, self._run.data.modes
        shape = 1 if self.shared else len(run.status), run.epochs.size, self._modes
        out = {name: np.full(shape, np.nan) for name in MOVES}
        with _blas.one_thread():
            for k in self._runs:
                problem, w21, w32, epochs = self._begin(k)
                inputs = problem.inputs.vectors
                turned = Modes(problem.synthesizers, modes.s, inputs @ problem.inputs.coefficients, modes.blocks)
                for name, moves in MOVES.items():
                    strengths = simplified(epochs * run.rate, w21, w32, turned, inputs, moves, _RTOL)
                    out[name][0 if self.shared else k, : epochs.size] = strengths[:, : self._modes]
        return out

    def _follow(self, k: int, pace: Pacing | None, out: Curves) -> None:
        """Enter the flow from the weights of run k, (T, ...)."""
        problem, w21, w32, epochs = self._begin(k)
        inputs, outputs, rate = problem.inputs.vectors, problem.outputs, self._run.rate
        velocity: Velocity
        if pace is None:
            velocity = averaged(outputs @ inputs.T, inputs @ inputs.T)
        else:
            velocity = modified(inputs, outputs, rate, pace)
        for t, weights in enumerate(zip(*integrate(velocity, epochs * rate, w21, w32, _RTOL), strict=True)):
            strengths, out.loss[t], maps = observed(problem, *weights)
            out.strengths[t] = strengths[: self._modes]
            if out.maps is not None:
                out.maps[t] = maps[: self._modes, : self._modes]

    def _begin(self, k: int) -> tuple[Problem, Floats, Floats, Floats]:
        """Return what run k learned, its weights in orthonormal coordinates of the inputs, and the times it reached."""
        run = self._run
        reached = int(np.searchsorted(run.presentations, run.completed[k], side="right"))
        problem, layers = self._reducer.begin(k, run.networks.level(k))
        w21 = np.ascontiguousarray(problem.inputs.orthonormal(layers.lower).T)
        return problem, w21, layers.w32, run.epochs[:reached]


def _eigenvalues(inputs: Floats) -> Floats:
    """Return the eigenvalues of the inputs' correlations on their span."""
    return np.asarray(np.linalg.svd(inputs, compute_uv=False) ** 2)
