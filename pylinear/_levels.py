"""Nested ladders of small networks, each closer to what a run does: of given weights, and of their law."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._exact import Exact
from pylinear._initial import Start, Weights
from pylinear._problem import InputSide, Layers, OutputSide, Problem
from pylinear._record import Settled, Task, Trained, difference, difference_with_weights

# The highest level to begin at, and the most to leave out at a time.
MOST_LEVELS = 12
# A level of the law may not have more hidden units: it would take hours, and there is no exact reduction to turn to.
_LARGEST_LEVEL = 4096


class Ladder(Protocol):
    """The networks that one run is projected on: each level is the leading part of the next.

    Attributes
    ----------
    sizes : list of (rows, hidden)
        Of each level so far.
    complete : bool
        Whether no further level would reach anything new, so that the last one is the whole network.
    """

    sizes: list[tuple[int, int]]
    complete: bool

    def grow(self) -> None:
        """Add a level."""
        ...

    def layers(self, level: int) -> Layers:
        """Return the weights of one level."""
        ...


def first_level(data: Dataset, hidden: int, scale: float, tol: float) -> int:
    """Return the level at which weights of standard deviation `scale` meet `tol` as a rule.

    Mode strengths and loss of level k are off by about r^k, r = scale^2 sqrt(N2 N3) / s, s being that of the weakest
    mode that is learned (measured: docs/decisions/0004-reductions.md).
    """
    s = data.modes.s
    used = s[s > 1e-6 * s[0]]
    if not used.size:
        return 1
    ratio = scale * scale * math.sqrt(hidden) * math.sqrt(data.n_features) / float(used[-1])
    return _levels_to_go(1.0, ratio, tol)


def _levels_to_go(error: float, ratio: float, tol: float) -> int:
    """Return after how many levels, of a factor of `ratio` each, `error` falls to `tol`."""
    if ratio <= 0:
        return 1
    if ratio >= 1:
        return MOST_LEVELS
    return max(1, min(MOST_LEVELS, math.ceil(math.log(tol / error) / math.log(ratio))))


def climb(
    ladder: Ladder,
    problem: Callable[[int], Problem],
    task: Task,
    differ: Callable[[Trained, Trained], float],
    first: int,
    tol: float,
    largest: float,
) -> Settled | None:
    """Return the record of a level that differs from a lower one by at most `tol`, or that is complete.

    The lower one is the next below, or, from MOST_LEVELS on, of two thirds of the level.

    None once a level would have more than `largest` weights in W32.
    """

    def train(level: int) -> Trained:
        layers = ladder.layers(level)
        return Trained(layers, task.train(problem(len(layers.w32)), layers))

    level, known = _grown(ladder, first), None
    while True:
        task.poll()
        # Where so many levels are needed they differ little from one to the next, and two may agree by accident.
        top = _grown(ladder, level + (1 if level < MOST_LEVELS else level // 2))
        if math.prod(ladder.sizes[top]) > largest:
            return None
        if top == level:
            return Settled((known or train(level)).record, level, 0.0)
        coarse, fine = (known, train(top)) if known else task.together(partial(train, level), partial(train, top))
        interrupted = "interrupted" in (coarse.record.status, fine.record.status)
        error = math.nan if interrupted else differ(coarse, fine)
        if error <= tol or interrupted:
            return Settled(fine.record, top, error)
        # Errors fall by about the same factor a level; to leave levels out costs one more run.
        go = _levels_to_go(error, error ** (1 / max(1, level)), tol) if math.isfinite(error) else 1
        level, known = (top, fine) if go <= 2 else (_grown(ladder, level + go), None)


def _grown(ladder: Ladder, level: int) -> int:
    """Let the ladder grow up to a level, and return the highest that it has, or that level."""
    while len(ladder.sizes) <= level and not ladder.complete:
        ladder.grow()
    return min(level, len(ladder.sizes) - 1 - ladder.complete)


class KrylovLadder:
    r"""Projections of a network on its two-sided block Krylov spaces.

    Notes
    -----
    :math:`L_0` is the span of the outputs and :math:`R_0` that of the hidden representations of the inputs at the
    start; :math:`L_{k+1} = L_k + W^{32}(0) R_k` and :math:`R_{k+1} = R_k + W^{32}(0)^T L_k`. The run happens in the
    union of all of them, and level k is the network :math:`(L_k^T Y, R_k^T W^{21}, L_k^T W^{32} R_k)`.
    """

    def __init__(self, whole: Layers, output_basis: Floats) -> None:
        self._w32 = whole.w32
        self._norm = float(np.linalg.norm(whole.w32))
        self.left = output_basis
        lower = whole.lower.T
        self.right = _new_directions(np.zeros((lower.shape[0], 0)), lower, float(np.linalg.norm(lower)))
        if not self.right.shape[1]:  # a network needs a hidden unit, if only one that is never used
            self.right = np.eye(lower.shape[0], 1)
        self._lower = np.ascontiguousarray((self.right.T @ lower).T)
        self._newest = self.left, self.right
        self._upper = self._w32 @ self.right
        self.sizes = [(self.left.shape[1], self.right.shape[1])]
        self.complete = False

    def grow(self) -> None:
        """Add a level."""
        left, right = self._newest
        n_right = right.shape[1]
        forward = self._upper[:, self._upper.shape[1] - n_right :]
        new_left = _new_directions(self.left, forward, self._norm)
        new_right = _new_directions(self.right, self._w32.T @ left, self._norm)
        self._newest = new_left, new_right
        self.left, self.right = np.hstack([self.left, new_left]), np.hstack([self.right, new_right])
        self._upper = np.hstack([self._upper, self._w32 @ new_right])
        self.sizes.append((self.left.shape[1], self.right.shape[1]))
        self.complete = new_left.shape[1] == new_right.shape[1] == 0

    def layers(self, level: int) -> Layers:
        """Return the weights of one level."""
        rows, hidden = self.sizes[level]
        lower = np.zeros((len(self._lower), hidden))
        lower[:, : self._lower.shape[1]] = self._lower
        return Layers(lower, self.left[:, :rows].T @ self._upper[:, :hidden])


def _new_directions(basis: Floats, vectors: Floats, norm: float) -> Floats:
    """Return orthonormal columns for what `vectors` hold outside `basis`; less than roundoff of `norm` is nothing."""
    from scipy.linalg import qr

    new: NDArray[Any] = vectors
    for _ in range(2):  # twice, so that the columns are orthogonal to roundoff
        new = new - basis @ (basis.T @ new)
        if not new.shape[1]:
            return new
        new, r, _ = qr(new, mode="economic", pivoting=True)
        new = new[:, np.abs(r.diagonal()) > 8 * np.finfo(float).eps * norm]
        norm = 0.0
    return np.asarray(new)


class Krylov:
    """The ladders of all runs on top of the exact reduction."""

    kind: Literal["krylov"] = "krylov"

    def __init__(self, base: Exact, outputs: OutputSide, first: int, tol: float) -> None:
        self.base = base
        self.start = base.start
        self._outputs = outputs
        self._first, self._tol = first, tol

    @property
    def largest(self) -> tuple[int, int, int]:
        """Rows, hidden units and rows of the lower layer of the largest network that may be trained."""
        return self.base.largest

    @property
    def bytes_to_begin(self) -> float:
        """Bytes that making the weights of one run takes beside those weights."""
        rows, hidden, _ = self.base.largest
        return self.base.bytes_to_begin + 8.0 * rows * hidden + 24.0 * (rows + hidden) * min(rows, hidden)

    def settle(self, run: int, task: Task, *, weights: bool = False) -> Settled:
        """Return the record of one run, not projected if the levels outgrow the exact reduction.

        The weights lag some levels behind the mode strengths: they only count where `weights` says so.
        """
        whole = self.base.layers(run, task.poll)
        ladder = KrylovLadder(whole, self.base.output_basis())
        problem, differ = self._outputs.problem, difference_with_weights if weights else difference
        settled = climb(ladder, problem, task, differ, self._first, self._tol, whole.w32.size / 2)
        return settled or Settled(task.train(self.base.problem(), whole), None, 0.0)

    def begin(self, run: int, level: int | None) -> tuple[Problem, Layers]:
        """Return what one run learned at its level, and the weights it began with."""
        if level is None:
            return self.base.begin(run)
        layers = self.climbed(run, level).layers(level)
        return self._outputs.problem(len(layers.w32)), layers

    def ladder(self, run: int) -> KrylovLadder:
        """Return the ladder of one run."""
        return KrylovLadder(self.base.layers(run), self.base.output_basis())

    def climbed(self, run: int, level: int) -> KrylovLadder:
        """Return the ladder of one run up to a level."""
        ladder = self.ladder(run)
        _grown(ladder, level)
        return ladder

    def lift(self, run: int, level: int | None, layers: Layers) -> Weights:
        """Return weights at full size, as `Exact.lift` does."""
        if level is None:
            return self.base.lift(run, None, layers)
        ladder = self.climbed(run, level)
        rows, hidden = ladder.sizes[level]
        left, right = ladder.left[:, :rows], ladder.right[:, :hidden]
        whole, first = self.base.layers(run), ladder.layers(level)
        lower = whole.lower + (layers.lower - first.lower) @ right.T
        w32 = whole.w32 + left @ (layers.w32 - first.w32) @ right.T
        return self.base.lift(run, None, Layers(*(x.astype(layers.w32.dtype) for x in (lower, w32))))

    def lift_hidden(self, run: int, level: int | None, hidden: NDArray[Any]) -> NDArray[Any]:
        """Return hidden representations at full size, as `Exact.lift_hidden` does."""
        if level is None:
            return self.base.lift_hidden(run, None, hidden)
        right = self.climbed(run, level).right[:, : hidden.shape[2]]
        return self.base.lift_hidden(run, None, (hidden @ right.T).astype(hidden.dtype))


class LawLadder:
    r"""The Krylov ladder of Gaussian weights, drawn without them.

    Notes
    -----
    With :math:`l_k, r_k` directions in the left and right block k and :math:`\lambda_k, \rho_k` before it, in units of
    the standard deviation: block (k, k) of W32 is iid N(0, 1); block (k, k+1) is the transpose of
    :math:`U(l_k, N_2 - \rho_{k+1})`; block (k+1, k) is :math:`U(r_k, N_3 - \lambda_{k+1})`; all others are zero.
    U(m, d) is the triangular factor of d x m iid numbers: N(0, 1) above the diagonal and chi(d - i) on it. W21 is
    :math:`U(r_0, N_2)` on block 0.
    """

    def __init__(
        self, rng: np.random.Generator, scale: float, outputs: int, lengths: Floats, n_features: int, hidden: int
    ) -> None:
        self._rng, self._scale = rng, scale
        self._n_features, self._n_hidden = n_features, hidden
        self._lower = scale * lengths[:, None] * _triangle(rng, len(lengths), hidden).T
        right = self._lower.shape[1]
        self._w32 = scale * rng.standard_normal((outputs, right))
        self._newest = outputs, right
        self.sizes = [(outputs, right)]
        self.complete = False

    def grow(self) -> None:
        """Add a level."""
        (rows, hidden), (left, right) = self.sizes[-1], self._newest
        down = _triangle(self._rng, right, self._n_features - rows)
        across = _triangle(self._rng, left, self._n_hidden - hidden).T
        new_left, new_right = down.shape[0], across.shape[1]
        w32 = np.zeros((rows + new_left, hidden + new_right))
        w32[:rows, :hidden] = self._w32
        w32[rows:, hidden - right : hidden] = self._scale * down
        w32[rows - left : rows, hidden:] = self._scale * across
        w32[rows:, hidden:] = self._scale * self._rng.standard_normal((new_left, new_right))
        self._w32 = w32
        self._newest = new_left, new_right
        self.sizes.append((rows + new_left, hidden + new_right))
        self.complete = new_left == new_right == 0

    def layers(self, level: int) -> Layers:
        """Return the weights of one level."""
        rows, hidden = self.sizes[level]
        lower = np.zeros((len(self._lower), hidden))
        lower[:, : self._lower.shape[1]] = self._lower
        return Layers(lower, self._w32[:rows, :hidden].copy())


def _triangle(rng: np.random.Generator, m: int, d: int) -> Floats:
    """Return the triangular factor, (min(m, d), m), of d x m independent standard normal numbers."""
    n = max(0, min(m, d))
    out = np.triu(rng.standard_normal((n, m)))
    out[np.arange(n), np.arange(n)] = np.sqrt(rng.chisquare(d - np.arange(n))) if n else 0.0
    return np.asarray(out)


class Law:
    """Networks with the law of all recorded quantities under Gaussian weights, of any size.

    Notes
    -----
    For few hidden units the whole network is drawn: in an orthonormal basis that begins with that of the outputs, W32
    has iid rows for the outputs and the triangular factor of all others (Bartlett's decomposition). Else `LawLadder`.
    """

    kind: Literal["law"] = "law"

    def __init__(
        self, start: Start, scale: float, inputs: InputSide, outputs: OutputSide, first: int, tol: float
    ) -> None:
        self.start = start
        self._scale = scale
        self._inputs = inputs
        self._outputs = outputs
        self._lengths = np.ones(inputs.size) if inputs.lengths is None else inputs.lengths
        self._first, self._tol = first, tol
        # The whole network, or two levels of the ladder, whichever has fewer weights.
        self.projected = start.hidden > 1.5 * (first + 2) * max(inputs.size, outputs.size)

    @property
    def largest(self) -> tuple[int, int, int]:
        """Rows, hidden units and rows of the lower layer of the networks, as far as can be foreseen."""
        block = max(self._inputs.size, self._outputs.size)
        hidden = min(self.start.hidden, (self._first + 3) * block)
        return self._outputs.size + hidden, hidden, self._inputs.size

    @property
    def bytes_to_begin(self) -> float:
        """Bytes that drawing the weights of one run takes beside those weights."""
        return 0.0

    def settle(self, run: int, task: Task, *, weights: bool = False) -> Settled:
        """Return the record of one run."""
        if not self.projected:
            return Settled(task.train(*self.begin(run, None)), None, 0.0)
        problem, largest = self._outputs.problem, float(_LARGEST_LEVEL**2)
        settled = climb(self.ladder(run), problem, task, difference, self._first, self._tol, largest)
        if settled is None:
            raise ValueError(
                f"tol must be larger for these weights: levels of up to {_LARGEST_LEVEL} hidden units differ by more "
                f"than {self._tol:g}"
            )
        return settled

    def begin(self, run: int, level: int | None) -> tuple[Problem, Layers]:
        """Return what one run learned at its level, and the weights it began with.

        Without a level, as for a run that never began, those that it would have begun with.
        """
        if not self.projected:
            layers = self.whole(run)
        else:
            ladder = self.ladder(run)
            layers = ladder.layers(_grown(ladder, self._first if level is None else level))
        return self._outputs.problem(len(layers.w32)), layers

    def lift(self, _: int, __: int | None, layers: Layers) -> Weights:
        """Return the weights of the small network, in orthonormal coordinates of inputs and outputs."""
        return Weights(np.swapaxes(self._inputs.orthonormal(layers.lower), -1, -2), layers.w32)

    def lift_hidden(self, _: int, __: int | None, hidden: NDArray[Any]) -> NDArray[Any]:
        """Return the hidden representations of the small network."""
        return hidden

    def whole(self, run: int) -> Layers:
        """Return the whole network of one run, (p + N2) x N2 at the most."""
        rng, hidden, p = self.start.rng(run), self.start.hidden, self._outputs.size
        lower = self._lengths[:, None] * rng.standard_normal((self._inputs.size, hidden))
        top = rng.standard_normal((p, hidden))
        rest = _triangle(rng, hidden, self.start.data.n_features - p)
        return Layers(self._scale * lower, self._scale * np.vstack([top, rest]))

    def ladder(self, run: int) -> LawLadder:
        """Return the ladder of one run."""
        sizes = self.start.data.n_features, self.start.hidden
        return LawLadder(self.start.rng(run), self._scale, self._outputs.size, self._lengths, *sizes)
