"""What a trajectory depends on, in whatever coordinates of the input and output units it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear import _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset

# Entries of a matrix that are worked on at a time: few enough to stay in cache, and for Ctrl-C.
_PART = 2**17


def parts(rows: int, columns: int) -> Iterator[slice]:
    """Return slices of the rows of a matrix, each of which takes no more than milliseconds."""
    step = max(1, _PART // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


class Layers(NamedTuple):
    """The two layers of a network as the core holds them, or of several with leading axes.

    Attributes
    ----------
    lower : (..., L, N2)
        See `InputSide`.
    w32 : (..., rows, N2)
        Hidden to output, in the coordinates of the problem.
    """

    lower: NDArray[Any]
    w32: NDArray[Any]


@dataclass(frozen=True, eq=False)
class InputSide:
    """The inputs as the lower layer of the core sees them: it holds (W21 span)^T, and W21 moves within it only.

    Attributes
    ----------
    span : (N1, L) or None
        Orthogonal columns: the inputs of the items where they are orthogonal, else a basis of them; None for the
        identity.
    lengths : (L,) or None
        Lengths of the columns of `span`; None if all are 1.
    squares : (P,) float64
        |x_p|^2.
    coefficients : (P, K) float64
        v_alpha = sum_p coefficients[p, alpha] x_p.
    analyzers : (L, K) float64
        v_alpha in terms of the rows of the lower layer.
    read : (L, P) or None
        The input vectors in the basis, if the core reads them: where they are not orthogonal.
    """

    span: Floats | None
    lengths: Floats | None
    squares: Floats
    coefficients: Floats
    analyzers: Floats
    read: Floats | None

    @property
    def size(self) -> int:
        """Rows L of the lower layer."""
        return int(self.analyzers.shape[0])

    @cached_property
    def vectors(self) -> Floats:
        """The input vectors in orthonormal coordinates, (L, P)."""
        if self.read is not None:
            return self.read
        _memory.require("the inputs", 8 * self.size**2)
        return np.diag(np.ones(self.size) if self.lengths is None else self.lengths)

    def lower(self, w21: NDArray[Any]) -> NDArray[Any]:
        """Return the (L, N2) array that stands for `w21`, in its type."""
        return np.ascontiguousarray((w21 if self.span is None else w21 @ self.span.astype(w21.dtype, copy=False)).T)

    def w21(self, lower: NDArray[Any], start: NDArray[Any] | None) -> NDArray[Any]:
        """Return W21 (..., N2, N1) that began as `start`, or None if it holds no more, from the layer (..., L, N2)."""
        if self.span is None or start is None:
            return np.ascontiguousarray(np.swapaxes(lower, -1, -2))
        moved = np.swapaxes(lower - self.lower(start), -1, -2)
        squares = 1.0 if self.lengths is None else np.where(self.lengths > 0, self.lengths, 1.0) ** 2
        return np.asarray(start + moved @ (self.span / squares).T, dtype=lower.dtype)

    def orthonormal(self, lower: Floats) -> Floats:
        """Return the layer (..., L, N2) for `span` with columns of length 1."""
        if self.lengths is None:
            return lower
        return lower / np.where(self.lengths > 0, self.lengths, 1.0)[:, None]


def input_side(data: Dataset, *, reduce: bool) -> InputSide:
    """Return the inputs, correlated ones in at most as many dimensions as they span if `reduce`."""
    modes = data.modes
    if data.one_hot:
        return InputSide(None, None, np.ones(data.n_items), modes.v, modes.v, None)
    with np.errstate(over="ignore"):  # the run will diverge, and say so
        squares = np.sum(data.inputs**2, axis=0)
    coefficients: Floats = np.asarray(np.linalg.lstsq(data.inputs, modes.v, rcond=None)[0], dtype=np.float64)
    if data.orthogonal:
        return InputSide(data.inputs, np.sqrt(squares), squares, coefficients, coefficients, None)
    if not reduce:
        return InputSide(None, None, squares, coefficients, modes.v, data.inputs)
    basis, vectors = data.input_span
    return InputSide(basis, None, squares, coefficients, basis.T @ modes.v, vectors)


@dataclass(frozen=True, eq=False)
class Problem:
    """A dataset in some coordinates.

    Attributes
    ----------
    inputs : InputSide
        The inputs.
    outputs : (rows, P)
        Column p holds the outputs of item p.
    synthesizers : (rows, K)
        Column alpha is u_alpha.
    """

    inputs: InputSide
    outputs: NDArray[Any]
    synthesizers: Floats


def direct_problem(data: Dataset, inputs: InputSide) -> Problem:
    """Return a dataset as it stands."""
    return Problem(inputs, data.outputs, data.modes.u)


@dataclass(frozen=True, eq=False)
class OutputSide:
    """The outputs in an orthonormal basis whose first K vectors are the feature synthesizers.

    Attributes
    ----------
    values : (p, P) float64
        Outputs of the items; rows from K on are what the modes do not reach, for inputs that do not span all items.
    basis : (N3, p) float64
        Meaningless for data that are known by their Gram matrix only.
    """

    inputs: InputSide
    values: Floats
    basis: Floats
    _problems: dict[int, Problem] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Dimensions p that the outputs take."""
        return int(self.values.shape[0])

    def problem(self, rows: int) -> Problem:
        """Return the problem in `rows` dimensions, those beyond the outputs' own being for the weights alone."""
        if rows not in self._problems:
            outputs = np.zeros((rows, self.values.shape[1]))
            outputs[: self.size] = self.values
            modes = self.inputs.coefficients.shape[1]
            # Whichever thread comes first: all runs must share one.
            self._problems.setdefault(rows, Problem(self.inputs, outputs, np.eye(rows, modes)))
        return self._problems[rows]


def output_side(data: Dataset, inputs: InputSide) -> OutputSide:
    """Return the outputs of a dataset in the coordinates of its modes."""
    modes = data.modes
    if data.one_hot:
        return OutputSide(inputs, modes.s[:, None] * modes.v.T, modes.u)
    outputs = data.rotated_outputs
    inside = modes.u.T @ outputs
    outside = outputs - modes.u @ inside
    outside -= modes.u @ (modes.u.T @ outside)
    q, r = np.linalg.qr(outside)
    left, lengths, right = np.linalg.svd(r)
    # Any basis will do, but the same for the same inner products, so that draws in law mean the same.
    signs = np.sign(right[np.arange(len(left)), np.argmax(np.abs(right[: len(left)]), axis=1)])
    used = lengths > 4 * np.finfo(float).eps * np.linalg.norm(outputs)
    rest = (lengths * signs)[used, None] * right[: len(left)][used]
    basis = q @ (left * signs)[:, used]
    # What is short outside the modes is orthogonal to them to fewer digits.
    basis, r = np.linalg.qr(basis - modes.u @ (modes.u.T @ basis))
    basis *= np.sign(r.diagonal())
    return OutputSide(inputs, np.vstack([inside, rest]), np.hstack([modes.u, basis]))
