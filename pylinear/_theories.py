"""What each theory says of a run that has been measured."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear import _blas, theory
from pylinear._check import Floats
from pylinear._dataset import Modes
from pylinear._flow import Pacing, Velocity, averaged, ensemble, integrate, modified, pacing
from pylinear._initial import Gaussian, Given
from pylinear._problem import Problem
from pylinear._random import Use, generator
from pylinear._record import mode_strengths, seen
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
    "all four": Moves(True, True, True, True),
}

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
        self.used: NDArray[np.bool_] = modes.s > modes.s[0] * 1e-12
        if not self.used.any():
            raise ValueError("run must be on data with a mode to learn; all association strengths are 0")
        self._run, self._tree = run, tree
        self._squares = np.ones(1) if run.data.one_hot else _input_squares(run.data.input_span[1])
        self._kappa = float(self._squares.mean())
        self._order = "batch" if run.update == "batch" else run.order
        self._replaced = isinstance(self._order, str) and self._order == "with_replacement"
        self._pace = pacing(self._order, run.data.n_items)
        self._reducer = for_theory(run.networks.reducer)
        self.s: Floats = modes.s[self.used] / self._kappa
        self._strengths = run.initial_strengths[:, self.used]

    def warn(self) -> None:
        """Warn of what the theories assume and the run does not meet."""
        off = float(np.linalg.norm(self._squares - self._kappa) / np.linalg.norm(self._squares))
        if off > 1e-12:
            warnings.warn(
                f"the inputs are not white (off by {off:.2g} of their correlations), which (10) assumes and the flow "
                "does not",
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
        return float(np.nanmean(self._strengths))

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
        if run.update != "flow" and not self._replaced:
            out[MODIFIED] = self._flow(self._pace)
        return out

    def scatter(self) -> Floats | None:
        """Return the standard deviation over orders that is expected for an order with replacement, (T, M)."""
        if not self._replaced:
            return None
        run, runs = self._run, self._different()
        members = max(4, math.ceil(_MEMBERS / max(1, len(runs))))
        variances = np.full((len(runs), run.epochs.size, self.s.size), np.nan)
        with _blas.one_thread():
            for i, k in enumerate(runs):
                problem, w21, w32, epochs = self._begin(k)
                rng = generator(run.rng, Use.ENSEMBLE, k)
                solutions = ensemble(problem.inputs.vectors, problem.outputs, run.rate, epochs, w21, w32, members, rng)
                for t, (lower, upper) in enumerate(solutions):
                    variances[i, t] = mode_strengths(problem, lower, upper)[:, self.used].var(axis=0, ddof=1)
        known = ~np.isnan(variances)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(np.where(known, variances, 0.0).sum(axis=0) / known.sum(axis=0)))

    def _different(self) -> list[int]:
        """Return the runs whose initial weights differ, as far as they began: one alone where all share theirs."""
        began = [k for k in range(len(self._run.status)) if self._run.networks.began(k)]
        init = self._run.init
        if began and isinstance(init, Given) and init.w21.ndim == 2:
            return [max(began, key=lambda k: int(self._run.completed[k]))]
        return began

    def _sigmoid(self, s: Floats, a0: Floats) -> Curves:
        """Return (10) for the strengths `s` that are reached, from initial strengths (R, M)."""
        run, modes = self._run, self._run.data.modes
        t, tau = run.epochs[:, None], 1 / (run.rate * self._kappa)
        known = ~np.isnan(a0)[:, None]
        strengths = np.where(known, theory.mode_strength(t, s, np.where(known, a0[:, None], 0.0), tau), np.nan)
        v = modes.v[:, self.used]
        lengths = np.ones(v.shape[1]) if run.data.one_hot else np.sum((run.data.inputs.T @ v) ** 2, axis=0)
        # |Y - U diag(a) V^T X|^2 / 2, term by term: neither needs the outputs themselves.
        outputs = float(np.trace(run.data.gram)) / 2
        loss = outputs - strengths @ modes.s[self.used] + strengths**2 @ lengths / 2
        return Curves(strengths, loss, None if run.maps is None else strengths[..., None] * np.eye(self.s.size))

    def _flow(self, pace: Pacing | None) -> Curves:
        """Return the averaged flow, or the modified one for a pace, from the weights of each run as far as it went."""
        run, runs = self._run, self._different()
        shape = (1 if len(runs) == 1 else len(run.status)), run.epochs.size
        modes = self.s.size
        out = Curves(
            np.full((*shape, modes), np.nan),
            np.full(shape, np.nan),
            None if run.maps is None else np.full((*shape, modes, modes), np.nan),
        )
        with _blas.one_thread():
            for k in runs:
                i = 0 if len(runs) == 1 else k
                self._follow(k, pace, Curves(out.strengths[i], out.loss[i], None if out.maps is None else out.maps[i]))
        return out

    def moved(self) -> dict[str, Floats]:
        """Return the mode strengths (R, T, M) after each of the four moves alone, and after all."""
        run, runs = self._run, self._different()
        shape = (1 if len(runs) == 1 else len(run.status)), run.epochs.size, self.s.size
        out = {name: np.full(shape, np.nan) for name in MOVES}
        with _blas.one_thread():
            for k in runs:
                problem, w21, w32, epochs = self._begin(k)
                inputs, modes = problem.inputs.vectors, run.data.modes
                modes = Modes(problem.synthesizers, modes.s, inputs @ problem.inputs.coefficients, modes.blocks)
                for name, moves in MOVES.items():
                    strengths = simplified(epochs * run.rate, w21, w32, modes, inputs, moves, rtol=1e-9)
                    out[name][0 if len(runs) == 1 else k, : epochs.size] = strengths[:, self.used]
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
        for t, weights in enumerate(zip(*integrate(velocity, epochs * rate, w21, w32, rtol=1e-9), strict=True)):
            strengths, out.loss[t], maps = seen(problem, *weights)
            out.strengths[t] = strengths[self.used]
            if out.maps is not None:
                out.maps[t] = maps[self.used][:, self.used]

    def _begin(self, k: int) -> tuple[Problem, Floats, Floats, Floats]:
        """Return what run k learned, its weights in orthonormal coordinates of the inputs, and the times it reached."""
        run = self._run
        reached = int(np.searchsorted(run.presentations, run.completed[k], side="right"))
        problem, layers = self._reducer.begin(k, run.networks.level(k))
        w21 = np.ascontiguousarray(problem.inputs.orthonormal(layers.lower).T)
        return problem, w21, layers.w32, run.epochs[:reached]


def _input_squares(inputs: Floats) -> Floats:
    """Return the eigenvalues of the inputs' correlations on their span."""
    return np.asarray(np.linalg.svd(inputs, compute_uv=False) ** 2)
