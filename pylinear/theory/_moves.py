"""The moves that lead from the flow of all weights to one sigmoid a mode, each to be made alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _blas, _check, _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset, Modes
from pylinear._flow import averaged, integrate
from pylinear.theory._domain import check_length, times_of
from pylinear.theory._exact import orthonormal_completion


class ModeCoordinates(NamedTuple):
    r"""Weights in the data's own modes: :math:`W^{21} = R \bar W^{21} V^T` and :math:`W^{32} = U \bar W^{32} R^T`.

    Attributes
    ----------
    w21_bar : (N2, K + I) float64
        Entry (j, alpha) is how strongly input mode alpha drives hidden direction j. The I last columns belong to inputs
        outside the modes.
    w32_bar : (K + O, N2) float64
        Entry (alpha, j) is how strongly hidden direction j drives output mode alpha. The O last rows belong to outputs
        outside the modes.
    r : (N2, N2) float64
        Orthogonal: column j is a direction among the hidden units.
    u : (N3, K + O) float64
        Orthonormal columns: the K feature synthesizers, then what W32 reaches beyond them.
    v : (N1, K + I) float64
        Orthonormal columns: the K object analyzers, then what W21 sees beyond them.
    """

    w21_bar: Floats
    w32_bar: Floats
    r: Floats
    u: Floats
    v: Floats


def to_mode_coordinates(w21: ArrayLike, w32: ArrayLike, data: Dataset) -> ModeCoordinates:
    r"""Weights in the coordinates in which both layers are as diagonal as one rotation of the hidden units makes them.

    Parameters
    ----------
    w21 : (N2, N1) array_like
        Input-to-hidden weights.
    w32 : (N3, N2) array_like
        Hidden-to-output weights.
    data : Dataset
        For its modes, the columns of U and V.

    Returns
    -------
    ModeCoordinates
        ``r @ w21_bar @ v.T`` is ``w21`` and ``u @ w32_bar @ r.T`` is ``w32``, to roundoff.

    Raises
    ------
    TypeError, ValueError
        If the arguments are not such weights and data.

    Notes
    -----
    The first min(K, N2) columns of R are the orthonormal polar factor of as many columns of :math:`M = W^{21} V +
    W^{32 T} U`: of all rotations that one makes the sum of the diagonals of both layers largest. For weights
    :math:`W^{21} = R\,\mathrm{diag}(c) V^T`, :math:`W^{32} = U\,\mathrm{diag}(d) R^T` with c + d > 0 it is their own R.
    Where these columns of M are linearly dependent, R is one of several.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.toy()
    >>> bar = to_mode_coordinates(*pl.Decoupled(0.1, 0.2).draw(data, hidden=4, rng=0), data)
    >>> modes = data.modes.s.size  # rows and columns beyond these belong to what is outside the modes
    >>> bar.w21_bar.diagonal()[:modes].round(6).tolist(), bar.w32_bar.diagonal()[:modes].round(6).tolist()
    ([0.1, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2])
    """
    w21, w32 = _layers_for(data, w21, w32)
    u, v = orthonormal_completion(data.modes.u, w32), orthonormal_completion(data.modes.v, w21.T)
    r = _rotation(w21, w32, data.modes)
    return ModeCoordinates(r.T @ w21 @ v, u.T @ w32 @ r, r, u, v)


def simplified_flow(
    t: ArrayLike,
    w21: ArrayLike,
    w32: ArrayLike,
    data: Dataset,
    tau: float = 1.0,
    *,
    decorrelated: bool = False,
    coordinates: bool = False,
    diagonal: bool = False,
    balanced: bool = False,
    rtol: float = 1e-10,
) -> Floats:
    r"""Mode strengths under the flow (7)-(8) after those moves towards (10) that are switched on.

    Parameters
    ----------
    t : (T,) array_like
        Times, at least 0, in any order; the weights given are those at time 0.
    w21 : (N2, N1) array_like
        Input-to-hidden weights at time 0.
    w32 : (N3, N2) array_like
        Hidden-to-output weights at time 0.
    data : Dataset
        For its correlations and modes; inputs may be correlated.
    tau : float
        Time constant, above 0: 1 / rate for t in epochs.
    decorrelated : bool
        First move: the inputs' correlations :math:`\Sigma_{xx}` are replaced by :math:`\kappa I` on the span of the
        inputs, where :math:`\kappa` is their mean eigenvalue: the mean squared length of linearly independent inputs.
    coordinates : bool
        Second move: integrate in the coordinates of `to_mode_coordinates`. An exact rewriting.
    diagonal : bool
        Third move: start with nothing but the diagonals of both layers in those coordinates.
    balanced : bool
        Fourth move: start with both layers replaced by their mean :math:`\hat M = (W^{21} V + W^{32 T} U)/2`, that is
        :math:`W^{21} = \hat M V^T` and :math:`W^{32} = U \hat M^T`.
    rtol : float
        Relative tolerance of the integrator in each step, from 1e-13 to 1e-2.

    Returns
    -------
    (T, K) ndarray
        :math:`u_\alpha^T W^{32} W^{21} v_\alpha` at each time.

    Raises
    ------
    TypeError, ValueError
        If times or shapes do not fit, or a switch is neither True nor False.
    MemoryError
        If the weights at all times would not fit the memory.

    Notes
    -----
    With no move this is `flow`, with all four and white inputs (10). ``balanced`` alone keeps the effective initial
    strength of each mode, :math:`a_0 = |\hat M_\alpha|^2`, see `initial_strength`; with ``diagonal`` what is left of it
    is :math:`(R^T \hat M)_{\alpha\alpha}^2`. Only the first and the last two change anything: what a move alone costs
    is the difference that its switch makes. Smaller weights do not make ``diagonal`` cheaper, more hidden units do. W21
    beyond the span of the inputs has no effect, with the first move or without.

    Examples
    --------
    >>> import pylinear as pl
    >>> data = pl.toy()
    >>> w21, w32 = pl.Decoupled(0.1, 0.5).draw(data, hidden=4, rng=0)
    >>> simplified_flow([0.0, 1.0, 9.0], w21, w32, data).round(3)[:, 0].tolist()
    [0.05, 0.765, 1.414]
    >>> simplified_flow([0.0, 1.0, 9.0], w21, w32, data, balanced=True).round(3)[:, 0].tolist()
    [0.09, 0.756, 1.414]
    """
    times = times_of(t)
    tau = _check.real("tau", tau, 0.0, above=True)
    rtol = _check.real("rtol", rtol, 1e-13, 1e-2)
    w21, w32 = _layers_for(data, w21, w32)
    check_length(times, tau, data)
    moves = Moves(
        _check.switch("decorrelated", decorrelated),
        _check.switch("coordinates", coordinates),
        _check.switch("diagonal", diagonal),
        _check.switch("balanced", balanced),
    )
    with _blas.one_thread():
        return simplified(times / tau, w21, w32, data.modes, data.inputs, moves, rtol)


class Moves(NamedTuple):
    """Which moves are made; see `simplified_flow`."""

    decorrelated: bool = False
    coordinates: bool = False
    diagonal: bool = False
    balanced: bool = False


def simplified(
    times: Floats, w21: Floats, w32: Floats, modes: Modes, inputs: Floats, moves: Moves, rtol: float
) -> Floats:
    """Return what `simplified_flow` does, for inputs (N1, P) and modes in any orthonormal coordinates."""
    r = _rotation(w21, w32, modes)
    sigma_xx = _white(inputs) if moves.decorrelated else inputs @ inputs.T
    if moves.balanced:
        half = (w21 @ modes.v + w32.T @ modes.u) / 2
        w21, w32 = half @ modes.v.T, modes.u @ half.T
    if moves.diagonal:
        w21, w32 = _diagonal(w21, w32, modes, r)
    bases = _bar_bases(w32, modes, r) if moves.coordinates else _own_bases(w21, w32, modes)
    return _strengths(times, w21, w32, modes, sigma_xx, bases, rtol)


class _Bases(NamedTuple):
    """Orthonormal columns, for the outputs, hidden units and inputs, in which a flow is integrated."""

    outputs: Floats
    hidden: Floats
    inputs: Floats


def _layers_for(data: Dataset, w21: ArrayLike, w32: ArrayLike) -> tuple[Floats, Floats]:
    """Return the weights as floats if they fit the data."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    if not data.has_outputs:
        raise ValueError("data must have outputs; those of data made by from_gram are known up to a rotation only")
    lower = _check.array("w21", w21, (None, data.n_inputs), copy=False)
    return lower, _check.array("w32", w32, (data.n_features, lower.shape[0]), copy=False)


def _rotation(w21: Floats, w32: Floats, modes: Modes) -> Floats:
    """Return R, (N2, N2); see `to_mode_coordinates`."""
    _memory.require("the rotation of the hidden units", 16 * w21.shape[0] ** 2)
    both = w21 @ modes.v + w32.T @ modes.u
    count = min(both.shape)
    left, _, right = np.linalg.svd(both[:, :count])
    left[:, :count] = left[:, :count] @ right
    return np.asarray(left)


def _white(inputs: Floats) -> Floats:
    """Return kappa I on the span of the inputs, (N1, N1), with the trace of their correlations."""
    left, lengths, _ = np.linalg.svd(inputs, full_matrices=False)
    span = left[:, lengths > lengths[0] * max(inputs.shape) * np.finfo(float).eps]
    return np.asarray(np.sum(lengths**2) / span.shape[1] * span @ span.T)


def _diagonal(w21: Floats, w32: Floats, modes: Modes, r: Floats) -> tuple[Floats, Floats]:
    """Return what is on the diagonals in the coordinates of the modes, as weights."""
    count = min(modes.s.size, r.shape[0])
    u, r, v = modes.u[:, :count], r[:, :count], modes.v[:, :count]
    c, d = np.sum(r * (w21 @ v), axis=0), np.sum(r * (w32.T @ u), axis=0)
    return r * c @ v.T, u * d @ r.T


def _own_bases(w21: Floats, w32: Floats, modes: Modes) -> _Bases:
    """Return the units themselves, but of many outputs only the directions that the weights can reach."""
    n_outputs, hidden = w32.shape
    outputs = orthonormal_completion(modes.u, w32) if n_outputs > modes.s.size + hidden else np.eye(n_outputs)
    return _Bases(outputs, np.eye(hidden), np.eye(w21.shape[1]))


def _bar_bases(w32: Floats, modes: Modes, r: Floats) -> _Bases:
    """Return U, R and V, completed by directions that the weights can reach."""
    # Correlated inputs may lead W21 to inputs that neither it nor the modes hold at first.
    return _Bases(orthonormal_completion(modes.u, w32), r, orthonormal_completion(modes.v, np.eye(len(modes.v))))


def _strengths(
    times: Floats, w21: Floats, w32: Floats, modes: Modes, sigma_xx: Floats, bases: _Bases, rtol: float
) -> Floats:
    """Return the mode strengths (T, K) under the flow, integrated in the given bases."""
    u, v = bases.outputs.T @ modes.u, bases.inputs.T @ modes.v
    lower, upper = bases.hidden.T @ w21 @ bases.inputs, bases.outputs.T @ w32 @ bases.hidden
    _memory.require("the weights at all times", 16 * (lower.size + upper.size) * max(1, times.size))
    sigma_xx = bases.inputs.T @ sigma_xx @ bases.inputs
    lower, upper = integrate(averaged(u * modes.s @ v.T, sigma_xx), times, lower, upper, rtol)
    return np.asarray(np.einsum("oa,toh,tha->ta", u, upper, lower @ v, optimize=True))
