"""Rotations of the output or hidden units that leave every trajectory as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pylinear._check import Floats
from pylinear._initial import Start, Weights
from pylinear._problem import InputSide, Layers, OutputSide, Problem, direct_problem
from pylinear._record import Settled, Task

Axis = Literal["rows", "hidden"]

_OUT_OF_SCALE = "reduce must be False for weights so large or small that their squares over- or underflow"


def shorter_axis(n_features: int, hidden: int, outputs: int, lower: int) -> Axis | None:
    """Return which axis of W32 a rotation can shorten, if either; `outputs` and `lower` are dimensions.

    W32 moves within the span of the outputs and its own columns, W21 and W32^T within the span of the hidden
    representations of the inputs and the rows of W32.
    """
    if n_features > outputs + hidden:
        return "rows"
    return "hidden" if hidden > lower + n_features else None


class Exact:
    r"""The network of every run with one axis of W32 rotated, the long one, and cut to what the trajectory reaches.

    Notes
    -----
    Let A (long x m) hold side by side what spans the reach of the long axis: [basis of the outputs | W32(0)] for the
    output units, [hidden representations of the inputs | W32(0)^T] for the hidden units. With A = Q R only R counts, so
    Q is never formed and A is only ever seen a few rows at a time. For the output units R comes from the Gram matrix
    A^T A: beside the orthonormal basis only the inner products of W32's columns matter. For the hidden units, where
    columns of any size act on one another, it comes from Householder's QR, which is exact to roundoff column by column.
    Learning adds columns of A to one another, A(t) = A(0) (I + B), and the same B leads from R(0) to R(t).
    """

    def __init__(
        self,
        start: Start,
        inputs: InputSide,
        outputs: OutputSide | None = None,
        axis: Axis | None = None,
        kind: Literal["none", "exact"] = "none",
    ) -> None:
        self.kind = kind
        self.start = start
        self.inputs = inputs
        self.outputs = outputs
        self.axis = axis
        self.rows, self.hidden = start.data.n_features, start.hidden
        if axis == "rows" and outputs is not None:
            self.rows = outputs.size + start.hidden
        if axis == "hidden":
            self.hidden = inputs.size + self.rows

    @property
    def largest(self) -> tuple[int, int, int]:
        """Rows, hidden units and rows of the lower layer of the networks that are trained."""
        return self.rows, self.hidden, self.inputs.size

    @property
    def bytes_to_begin(self) -> float:
        """Bytes that making the weights of one run takes beside those weights."""
        data, hidden = self.start.data, self.start.hidden
        if self.axis == "rows":
            return 8.0 * hidden * (data.n_inputs + 4 * self.rows)
        if self.axis == "hidden":
            return 8.0 * (hidden * (data.n_inputs + self.inputs.size) + 4 * self.hidden**2)
        return 8.0 * hidden * data.n_inputs

    def problem(self) -> Problem:
        """Return what all runs learn."""
        if self.axis == "rows" and self.outputs is not None:
            return self.outputs.problem(self.rows)
        return direct_problem(self.start.data, self.inputs)

    def settle(self, run: int, task: Task, *, weights: bool = False) -> Settled:
        """Return the record of one run."""
        return Settled(task.train(self.problem(), self.layers(run, task.poll)), None, 0.0)

    def begin(self, run: int, _: int | None = None) -> tuple[Problem, Layers]:
        """Return what one run learns, and the weights it begins with."""
        return self.problem(), self.layers(run)

    def output_basis(self) -> Floats:
        """Return the basis of the outputs in the coordinates of the problem, (rows, p)."""
        assert self.outputs is not None
        return np.eye(self.rows, self.outputs.size) if self.axis == "rows" else self.outputs.basis

    def layers(self, run: int, poll: Callable[[], None] = lambda: None) -> Layers:
        """Return the weights that one run begins with."""
        if self.axis is None:
            w21, w32 = self.start.weights(run, poll)
            return Layers(self.inputs.lower(w21), w32)
        w21, parts = self.start.stream(run)
        known = self._known(w21)
        p = known.shape[1]
        if self.axis == "hidden":
            root = _triangle((np.hstack([known[rows], part]) for rows, part in _numbered(parts)), poll)
            return Layers(np.ascontiguousarray(root[:, :p].T), np.ascontiguousarray(root[:, p:].T))
        hidden = self.start.hidden
        gram, cross = np.zeros((hidden, hidden)), np.zeros((p, hidden))
        with np.errstate(over="ignore", invalid="ignore"):
            for rows, part in _numbered(parts):
                poll()
                gram += part.T @ part
                cross += known[rows].T @ part
            if not gram.any() and any(part.any() for part in self.start.stream(run).parts):
                raise ValueError(_OUT_OF_SCALE)
            below = _root(gram - cross.T @ cross, gram.diagonal())
        return Layers(self.inputs.lower(w21), np.vstack([cross, below]))

    def _factor(self, first: Layers) -> Floats:
        """Return R for the weights that a run begins with."""
        if self.axis == "hidden":
            return np.hstack([first.lower.T, first.w32.T])
        return np.hstack([self.output_basis(), first.w32])

    def _known(self, w21: Floats) -> Floats:
        """Return the columns of A in front of the weights."""
        if self.axis == "rows" and self.outputs is not None:
            return self.outputs.basis
        return np.ascontiguousarray(self.inputs.lower(w21).T)

    def lift(self, run: int, _: int | None, layers: Layers) -> Weights:
        """Return weights (n, N2, N1) and (n, N3, N2) at full size for layers with n along a leading axis."""
        if self.axis is None:
            start = None if self.inputs.span is None else self.start.w21(run).astype(layers.lower.dtype)
            return Weights(self.inputs.w21(layers.lower, start), layers.w32)
        first, w21 = self.layers(run), self.start.w21(run)
        root = self._factor(first)
        first = Layers(*(x.astype(y.dtype) for x, y in zip(first, layers, strict=True)))
        w32 = np.empty((len(layers.w32), self.start.data.n_features, self.start.hidden), layers.w32.dtype)
        # Along the long axis, whichever it is.
        out = w32 if self.axis == "rows" else np.swapaxes(w32, 1, 2)
        known = self._known(w21)
        p = known.shape[1]
        moved = np.asarray(layers.w32, dtype=np.float64) - first.w32
        lower = layers.lower
        if self.axis == "hidden":
            moved = np.swapaxes(np.concatenate([lower - first.lower.astype(np.float64), moved], axis=1), 1, 2)
            lower = np.empty((len(lower), p, self.start.hidden), lower.dtype)
        steps = _coefficients(root, moved)
        for rows, part in _numbered(self.start.stream(run).parts):
            a = np.hstack([known[rows], part])
            for k, step in enumerate(steps):
                change = a @ step
                out[k, rows] = part + change[:, -part.shape[1] :]
                if self.axis == "hidden":
                    lower[k][:, rows] = (known[rows] + change[:, :p]).T
        return Weights(self.inputs.w21(lower, w21.astype(lower.dtype)), w32)

    def lift_hidden(self, run: int, _: int | None, hidden: NDArray[Any]) -> NDArray[Any]:
        """Return hidden representations (T, P, N2) at full size."""
        if self.axis != "hidden":
            return hidden
        known = self._known(self.start.w21(run))
        mix = _coefficients(self._factor(self.layers(run)), np.swapaxes(hidden, 1, 2).astype(np.float64))
        out = np.empty((*hidden.shape[:2], self.start.hidden), hidden.dtype)
        for rows, part in _numbered(self.start.stream(run).parts):
            a = np.hstack([known[rows], part])
            for t, m in enumerate(mix):
                out[t][:, rows] = (a @ m).T
        return out


def _numbered(parts: Iterator[Floats]) -> Iterator[tuple[slice, Floats]]:
    """Yield each part with the rows that it stands for."""
    end = 0
    for part in parts:
        begin, end = end, end + len(part)
        yield slice(begin, end), part


def _triangle(parts: Iterator[Floats], poll: Callable[[], None]) -> Floats:
    """Return the triangular factor R, (m, m), of a tall matrix of m columns that comes in parts of some rows."""
    root: Floats | None = None
    for part in parts:
        poll()
        root = np.asarray(np.linalg.qr(part if root is None else np.vstack([root, part]), mode="r"))
    assert root is not None
    # What is within the roundoff of its column is none of the network's: as a weight, it could grow.
    root[np.abs(root) <= 8 * np.finfo(float).eps * np.abs(root).max(axis=0)] = 0.0
    whole = np.zeros((root.shape[1], root.shape[1]))
    whole[: len(root)] = root
    return whole


def _coefficients(root: Floats, moved: Floats) -> Floats:
    """Return the smallest B with `root` B = each of `moved`, (n, m, m), whose columns lie in the span of the root's."""
    lengths = np.abs(root).max(axis=0)
    lengths[lengths == 0] = 1.0
    scaled = root / lengths
    return np.stack([np.linalg.lstsq(scaled, x, rcond=None)[0] / lengths[:, None] for x in moved])


def _root(gram: Floats, squares: Floats) -> Floats:
    """Return an upper triangular R, as regular as roundoff allows, with R^T R = `gram`.

    `gram` may be singular. `squares` are the squared lengths of the columns that it was made from, which set the size
    of its roundoff.
    """
    largest = float(squares.max())
    if not (np.isfinite(gram).all() and (largest == 0 or largest > 1e-250)):
        raise ValueError(_OUT_OF_SCALE)
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    scaled = gram / np.outer(lengths, lengths)
    floor = 0.0
    while True:
        try:
            # A floor of the size of the roundoff tells singular directions apart without moving the trajectory.
            return np.asarray(
                np.linalg.cholesky(scaled + floor * np.eye(len(gram))).T * np.sqrt(np.maximum(squares, 0.0))
            )
        except np.linalg.LinAlgError:
            floor = max(4 * floor, 4 * float(np.finfo(float).eps))
