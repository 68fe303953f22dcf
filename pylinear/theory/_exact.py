"""The flow of all weights in closed form, for white inputs and weights that are balanced or uniformly unbalanced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _blas, _check, _memory
from pylinear._check import Floats
from pylinear.theory._domain import times_of

# Weights count as lambda-balanced when W32^T W32 - W21 W21^T is off lambda I by less than this part of the two squares.
_BALANCED = 1e-8
_ROUNDOFF = 32 * float(np.finfo(float).eps)
# Within a step, what grows gains on what decays by e^(2 rate dt). With rate dt up to 3, that costs three digits in the
# bracket that is factorised, and with the squares of the weights times dt up to 6, large weights cost no more.
_LONGEST_STEP = 3.0
_MOST_STEPS = 1e6


def exact_flow(t: ArrayLike, w21: ArrayLike, w32: ArrayLike, sigma_yx: ArrayLike, tau: float = 1.0) -> Floats:
    r"""Composite map W32 W21 at each time under (7)-(8), exact for white inputs and lambda-balanced weights.

    Parameters
    ----------
    t : (T,) array_like
        Times, at least 0, in any order; the weights given are those at time 0.
    w21 : (N2, N1) array_like
        Input-to-hidden weights at time 0.
    w32 : (N3, N2) array_like
        Hidden-to-output weights at time 0, with :math:`W^{32 T} W^{32} - W^{21} W^{21 T} = \lambda I` for some number
        :math:`\lambda` of either sign; 0 is the balanced case.
    sigma_yx : (N3, N1) array_like
        Input-output correlations, for inputs with :math:`\Sigma_{xx} = I`, such as one-hot ones.
    tau : float
        Time constant, above 0: 1 / rate for t in epochs.

    Returns
    -------
    (T, N3, N1) ndarray
        W32 W21 at each time.

    Raises
    ------
    ValueError
        If shapes do not fit; if the weights are off lambda-balanced by more than 1e-8 of
        :math:`|W^{32 T} W^{32}| + |W^{21} W^{21 T}|` (Frobenius norms); or if the times are so late that the flow has
        long been at rest, beyond 3e6 tau over the largest of the rates below.
    MemoryError
        If the maps at all times would not fit the memory.

    See Also
    --------
    exact_flow_gram : The inner products within each layer as well.
    flow : For any weights and inputs, integrated.

    Notes
    -----
    :math:`Q = [W^{21 T}; W^{32}]` obeys :math:`\tau \dot Q = F Q - Q Q^T Q / 2`, with :math:`F = [[-\lambda/2\, I,
    \Sigma_{yx}^T], [\Sigma_{yx}, \lambda/2\, I]]`, whose solution is

    .. math:: Q Q^T(t) = e^{Ft} Q_0 [I + Q_0^T (\textstyle\int_0^t e^{2Fr} dr) Q_0]^{-1} Q_0^T e^{Ft}

    with t in units of tau. F has the rates :math:`\pm\sqrt{s_\alpha^2 + \lambda^2/4}`, two a mode, and
    :math:`\mp\lambda/2` for inputs and outputs outside the modes. It is evaluated in eigenvectors of F that the weights
    can reach, at most 2 (K + N2), and in as many steps as keep all digits. Positive :math:`\lambda` needs
    N3 >= N2 and negative N1 >= N2; with fewer hidden units than modes, small weights learn the N2 strongest.

    References
    ----------
    Fukumizu (1998), "Effect of batch learning in multilayer neural networks"; Braun, Domine, Fitzgerald & Saxe (2022),
    "Exact learning dynamics of deep linear networks with prior knowledge"; Domine et al. (2024), "From lazy to rich:
    exact learning dynamics in deep linear networks".

    Examples
    --------
    >>> exact_flow([0.0, 1.0, 20.0], [[0.1]], [[0.1]], [[2.0]]).round(3).ravel().tolist()
    [0.01, 0.431, 2.0]
    """
    start = _Start.checked(t, w21, w32, sigma_yx, tau)
    n_outputs, n_inputs = start.sigma_yx.shape
    _memory.require("the maps at all times", 8 * start.times.size * n_outputs * n_inputs)
    out = np.empty((start.times.size, n_outputs, n_inputs))
    with _blas.one_thread():
        for place, lower, upper in _factors(start):
            np.matmul(upper, lower.T, out=out[place])
    return out


def exact_flow_gram(t: ArrayLike, w21: ArrayLike, w32: ArrayLike, sigma_yx: ArrayLike, tau: float = 1.0) -> Floats:
    r"""All that the weights are at each time but for a rotation of the hidden units; see `exact_flow`.

    Parameters
    ----------
    t, w21, w32, sigma_yx, tau
        As for `exact_flow`.

    Returns
    -------
    (T, N1 + N3, N1 + N3) ndarray
        :math:`Q Q^T` with :math:`Q = [W^{21 T}; W^{32}]`. ``[:, :N1, :N1]`` is :math:`W^{21 T} W^{21}`, for one-hot
        inputs the similarity of the items' hidden representations; ``[:, N1:, :N1]`` is :math:`W^{32} W^{21}`;
        ``[:, N1:, N1:]`` is :math:`W^{32} W^{32 T}`.

    Raises
    ------
    ValueError, MemoryError
        As for `exact_flow`.

    Examples
    --------
    >>> exact_flow_gram([20.0], [[0.1]], [[0.1]], [[2.0]]).round(3).tolist()
    [[[2.0, 2.0], [2.0, 2.0]]]
    """
    start = _Start.checked(t, w21, w32, sigma_yx, tau)
    size = sum(start.sigma_yx.shape)
    _memory.require("the inner products at all times", 8 * start.times.size * size * size)
    out = np.empty((start.times.size, size, size))
    with _blas.one_thread():
        for place, lower, upper in _factors(start):
            q = np.concatenate([lower, upper])
            np.matmul(q, q.T, out=out[place])
    return out


def orthonormal_completion(vectors: Floats, others: Floats) -> Floats:
    """Return orthonormal columns that begin with those of `vectors` and whose span holds `others` too, (n, <=K+m)."""
    _memory.require("an orthonormal basis", 16 * vectors.shape[0] * (vectors.shape[1] + others.shape[1]))
    basis = np.linalg.qr(np.hstack([vectors, others]))[0]
    # The factorisation may turn them around.
    basis[:, : vectors.shape[1]] = vectors
    return np.asarray(basis)


class _Start(NamedTuple):
    """Where a flow starts, with times in units of tau."""

    times: Floats
    w21: Floats
    w32: Floats
    sigma_yx: Floats
    balance: float

    @classmethod
    def checked(cls, t: ArrayLike, w21: ArrayLike, w32: ArrayLike, sigma_yx: ArrayLike, tau: float) -> _Start:
        times, tau = times_of(t), _check.real("tau", tau, 0.0, above=True)
        sigma_yx = _check.array("sigma_yx", sigma_yx, (None, None), copy=False)
        w21 = _check.array("w21", w21, (None, sigma_yx.shape[1]), copy=False)
        w32 = _check.array("w32", w32, (sigma_yx.shape[0], w21.shape[0]), copy=False)
        with np.errstate(over="ignore"):
            return cls(times / tau, w21, w32, sigma_yx, _balance(w21, w32))


def _balance(w21: Floats, w32: Floats) -> float:
    """Return the lambda of lambda-balanced weights, or raise."""
    hidden = len(w21)
    _memory.require("the inner products of the hidden units", 24 * hidden * hidden)
    largest = float(max(np.abs(w21).max(), np.abs(w32).max()))
    if largest > 1e150:
        raise ValueError(f"w21 and w32 must be at most 1e150, or their squares overflow; got {largest:.2g}")
    if largest == 0:
        return 0.0
    lower, upper = w21 / largest, w32 / largest
    lower, upper = lower @ lower.T, upper.T @ upper
    scale = float(np.linalg.norm(lower) + np.linalg.norm(upper))
    difference = upper - lower
    balance = float(np.trace(difference)) / hidden
    difference[np.diag_indices(hidden)] -= balance
    off = float(np.linalg.norm(difference)) / scale
    if off > _BALANCED:
        raise ValueError(
            f"w21 and w32 must be lambda-balanced, W32^T W32 - W21 W21^T = lambda I to {_BALANCED:g} of the squares; "
            f"they are off by {off:.2g}, and theory.flow takes such weights"
        )
    # Roundoff of balanced weights, taken for lambda, would come to matter where nothing is to be learned.
    return balance * largest**2 if abs(balance) > _ROUNDOFF * scale else 0.0


class _Eigenvectors(NamedTuple):
    """Those eigenvectors of F that the weights can reach.

    Attributes
    ----------
    v, u : (N1, K + I) and (N3, K + O) float64
        Orthonormal: the modes, and what the weights hold outside of them.
    rates : (2 K + I + O,) float64
        Eigenvalues of F: the growing and the decaying one of each mode, then those outside the modes.
    sine, cosine : (K, 1) float64
        Share of v and of u in the growing eigenvector of each mode; in the decaying one it is (cosine, -sine).
    """

    v: Floats
    u: Floats
    rates: Floats
    sine: Floats
    cosine: Floats

    @classmethod
    def of(cls, start: _Start) -> _Eigenvectors:
        left, s, right = np.linalg.svd(start.sigma_yx, full_matrices=False)
        if not np.isfinite(s).all():
            raise ValueError("sigma_yx must be small enough that its singular values do not overflow")
        v, u = orthonormal_completion(right.T, start.w21.T), orthonormal_completion(left, start.w32)
        half = start.balance / 2
        rate = np.hypot(s, half)
        outside = [np.full(v.shape[1] - s.size, -half), np.full(u.shape[1] - s.size, half)]
        angle = np.arctan2(s, half)[:, None] / 2
        return cls(v, u, np.concatenate([rate, -rate, *outside]), np.sin(angle), np.cos(angle))

    def coordinates(self, start: _Start) -> Floats:
        """Return Q in the eigenvectors, (2 K + I + O, <=N2), up to a rotation of the hidden units."""
        k = len(self.sine)
        lower, upper = self.v.T @ start.w21.T, self.u.T @ start.w32
        out = np.concatenate([*self._turned(lower[:k], upper[:k]), lower[k:], upper[k:]])
        # More hidden units than there are directions only turn in the rest.
        return np.linalg.qr(out.T)[1].T if out.shape[1] > out.shape[0] else out

    def layers(self, q: Floats) -> tuple[Floats, Floats]:
        """Return W21^T and W32 from coordinates."""
        k, i = len(self.sine), self.v.shape[1] - len(self.sine)
        lower, upper = self._turned(q[:k], q[k : 2 * k])
        outside = q[2 * k :]
        return self.v @ np.concatenate([lower, outside[:i]]), self.u @ np.concatenate([upper, outside[i:]])

    def _turned(self, one: Floats, other: Floats) -> tuple[Floats, Floats]:
        # A reflection, and so its own inverse.
        return self.sine * one + self.cosine * other, self.cosine * one - self.sine * other


def _factors(start: _Start) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield the index of each time with W21^T and W32 at it, up to a rotation of the hidden units."""
    if not start.times.size:
        return
    vectors = _Eigenvectors.of(start)
    fastest, latest = float(np.abs(vectors.rates).max()), float(start.times.max())
    with np.errstate(over="ignore"):
        if np.multiply(fastest, latest) > _MOST_STEPS * _LONGEST_STEP:
            raise ValueError(
                f"t must be at most {_MOST_STEPS * _LONGEST_STEP:g} tau / {fastest:.3g}, the fastest rate, long after "
                f"which nothing changes; got {latest:.3g} tau"
            )
    q = vectors.coordinates(start)
    # No eigenvalue of Q Q^T exceeds the solution of p' = 2 fastest p - p^2 from the largest of them.
    bound = float(np.linalg.norm(q, 2)) ** 2
    now = 0.0
    for place in np.argsort(start.times, kind="stable"):
        left = float(start.times[place]) - now
        while left > 0:
            per_step = max(fastest, bound / 2) / _LONGEST_STEP
            step = left if left * per_step <= 1 else 1 / per_step
            q = _advanced(q, vectors.rates, step)
            bound *= float(np.exp(2 * fastest * step)) / (1 + bound * float(_growth(np.array(fastest), step)))
            left -= step
        now = float(start.times[place])
        yield int(place), *vectors.layers(q)


def _growth(rates: Floats, step: float) -> Floats:
    """Return the integral of e^(2 rate r) over r from 0 to `step`."""
    x = 2 * rates * step
    return np.asarray(step * np.divide(np.expm1(x), x, out=np.ones_like(x), where=x != 0))


def _advanced(q: Floats, rates: Floats, step: float) -> Floats:
    """Return Q after a step, in eigenvectors of F."""
    from scipy.linalg import solve_triangular

    weighted = np.sqrt(_growth(rates, step))[:, None] * q
    bracket = weighted.T @ weighted
    bracket[np.diag_indices(len(bracket))] += 1
    root = np.linalg.cholesky(bracket)
    solved = solve_triangular(root, q.T, lower=True, check_finite=False)
    return np.asarray(np.exp(rates * step)[:, None] * solved.T)
