"""Closed forms for single modes whose two layers need not be balanced, and the invariants that they start from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _check
from pylinear._check import Floats
from pylinear.theory._domain import broadcast, in_domain, in_range, require, tau_of, time_of
from pylinear.theory._modes import log_ratio


class ModeSquares(NamedTuple):
    """What the learning of each mode starts from, if the modes are decoupled.

    Attributes
    ----------
    p0 : (K,) float64
        :math:`|W^{21} v + W^{32 T} u|^2`, the part that grows.
    q0 : (K,) float64
        :math:`|W^{21} v - W^{32 T} u|^2`, the part that decays.
    """

    p0: Floats
    q0: Floats


def mode_squares(w21: ArrayLike, w32: ArrayLike, u: ArrayLike, v: ArrayLike) -> ModeSquares:
    r"""Squares of the sum and the difference of both layers' parts in each mode.

    Parameters
    ----------
    w21 : (N2, N1) array_like
        Input-to-hidden weights.
    w32 : (N3, N2) array_like
        Hidden-to-output weights.
    u, v : (N3, K) and (N1, K) array_like
        Feature synthesizers and object analyzers.

    Returns
    -------
    ModeSquares
        ``p0`` and ``q0``, (K,) each, as `mode_strength_unbalanced` takes them.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit.

    Notes
    -----
    :math:`p_0, q_0 = |W^{21} v_\alpha \pm W^{32 T} u_\alpha|^2`. Their product is conserved while the mode is
    decoupled, and :math:`(p_0 - q_0)/4` is the mode's strength.

    Examples
    --------
    >>> p0, q0 = mode_squares([[3.0]], [[1.0]], u=[[1.0]], v=[[1.0]])
    >>> p0.tolist(), q0.tolist()
    ([16.0], [4.0])
    """
    w21 = _check.array("w21", w21, (None, None), copy=False)
    w32 = _check.array("w32", w32, (None, w21.shape[0]), copy=False)
    u = _check.array("u", u, (w32.shape[0], None), copy=False)
    v = _check.array("v", v, (w21.shape[1], u.shape[1]), copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        return squares_of(w21 @ v, w32.T @ u)


def squares_of(lower: Floats, upper: Floats) -> ModeSquares:
    """Return the same from W21 v and W32^T u, (N2, K) each."""
    return ModeSquares(np.sum((lower + upper) ** 2, axis=0), np.sum((lower - upper) ** 2, axis=0))


def initial_strength(w21: ArrayLike, w32: ArrayLike, u: ArrayLike, v: ArrayLike) -> Floats:
    r"""Effective initial strength of each mode: the a0 with which (10) describes a network with these weights.

    Parameters
    ----------
    w21, w32, u, v
        As for `mode_squares`.

    Returns
    -------
    (K,) ndarray
        One strength a mode, at least 0.

    Notes
    -----
    :math:`a_0 = |W^{21} v_\alpha + W^{32 T} u_\alpha|^2 / 4`. While the weights are small only the sum
    :math:`W^{21} v_\alpha + W^{32 T} u_\alpha` grows, and the difference decays: what the product
    :math:`u_\alpha^T W^{32} W^{21} v_\alpha` happens to be at the start is soon forgotten. For independent weights of
    standard deviation :math:`\sigma` the expectation is :math:`N_2 \sigma^2 / 2`.

    Examples
    --------
    >>> initial_strength([[0.1]], [[0.1]], [[1.0]], [[1.0]]).round(4).tolist()
    [0.01]
    """
    return strength_of(mode_squares(w21, w32, u, v))


def strength_of(squares: ModeSquares) -> Floats:
    """Return the effective initial strength of modes, (K,)."""
    return squares.p0 / 4


def mode_strength_unbalanced(t: ArrayLike, s: ArrayLike, p0: ArrayLike, q0: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a decoupled mode at time t, whatever the balance of the two layers.

    Parameters
    ----------
    t : array_like
        Time, at least 0; inf for the limit.
    s : array_like
        Association strength, any real number.
    p0, q0 : array_like
        :math:`|W^{21} v + W^{32 T} u|^2` and :math:`|W^{21} v - W^{32 T} u|^2` at t = 0, at least 0; see
        `mode_squares`. With one hidden unit of strengths c and d in the two layers, (c + d)^2 and (c - d)^2.
    tau : array_like
        Time constant, above 0: 1 / rate for t in epochs, P / rate in presentations.

    Returns
    -------
    ndarray
        a(t), in the shape that the arguments broadcast to. For t = inf it is s, but 0 where s and the square that
        would grow towards it, p0 for s > 0 and q0 for s < 0, have nothing to grow from.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    :math:`\tau \dot a = \sqrt{4a^2 + \kappa}\,(s - a)`, where :math:`\kappa = p_0 q_0` is conserved; for one hidden
    unit :math:`\sqrt\kappa = |c^2 - d^2|`. With :math:`S = \sqrt{s^2 + \kappa/4}`, :math:`E = e^{-2St/\tau}`,
    :math:`\sigma = s/S` and

    .. math:: D_p = 1 - \sigma + (1 + \sigma) E + p_0 (1 - E)/2S, \quad
              D_q = 1 + \sigma + (1 - \sigma) E + q_0 (1 - E)/2S,

    the squares are :math:`p = p_0 D_q/D_p` and :math:`q = q_0 D_p/D_q`, and :math:`a = (p - q)/4`. For q0 = 0 this is
    (10) with :math:`a_0 = p_0/4`. For :math:`\kappa \gg s^2` the mode relaxes exponentially at the rate
    :math:`\sqrt\kappa/\tau`, as in a network without a hidden layer. For p0 = 0 and s > 0 it starts on the line from
    which the network cannot leave the saddle, and decays to 0.

    References
    ----------
    The case :math:`\kappa = 0`: Saxe, McClelland & Ganguli (2013), (10).

    Examples
    --------
    >>> mode_strength_unbalanced([0.0, 1.0, np.inf], s=2.0, p0=0.04, q0=1.0).round(3).tolist()
    [-0.24, 0.467, 2.0]
    """
    t, tau = time_of(t), tau_of(tau)
    s = _check.array("s", s, None)
    p0, q0 = (in_domain(name, x, 0.0, above=False, domain="at least 0") for name, x in (("p0", p0), ("q0", q0)))
    broadcast(t, s, p0, q0, tau)
    # With u turned round, a mode of strength -s is one of strength s: the sign of a changes, and p and q change places.
    turned = s < 0
    with np.errstate(all="ignore"):
        a = _grown(t, np.abs(s), np.where(turned, q0, p0), np.where(turned, p0, q0), tau)
    return in_range(np.where(turned, -a, a), s=s, p0=p0, q0=q0)


def _grown(t: Floats, s: Floats, p0: Floats, q0: Floats, tau: Floats) -> Floats:
    """Return the strength at time t for s >= 0, to the last digits wherever a does not change its sign."""
    p, q = np.sqrt(p0), np.sqrt(q0)
    half = p * q / 2
    S = np.hypot(s, half)
    moves = S > 0
    x = np.where(moves, 2 * S * t / tau, 0.0)
    E, risen = np.exp(-x), -np.expm1(-x)
    D = np.where(x > 1e-290, risen / S / 2, t / tau)
    sig, c = np.where(moves, s / S, 1.0), np.where(moves, half / S, 0.0)
    m = np.where(moves, c * half / (S + s), 0.0)  # 1 - sig
    Dp, Dq = m + (1 + sig) * E + p0 * D, 1 + sig + m * E + q0 * D
    # p / Dp, term by term, since Dp itself may underflow.
    P, Q = 1 / (np.where(moves, c * q / (S + s) / 2, 0.0) + (1 + sig) * E / p + p * D), q / Dq
    plain = (np.where(p0 > 0, p * P * Dq, 0.0) - q * Q * Dp) / 4
    # p - q cancels where both are much larger than s, or a has just left 0. There its factor p Dq - q Dp has a form
    # that does not, which in turn would cancel where p0 is much less than q0 and the layers are nearly balanced.
    difference = (p0 - q0) / (p + q)
    factor = difference * (sig**2 / (1 + c) + (1 + c) * E) + sig * (p + q) * risen
    factored = ((4 * p0 >= q0) & (p0 > 0)) | (c > 0.5)
    a = np.where(factored, factor * (P + Q) / 4, plain)
    return np.where(np.isinf(t), np.where(p0 > 0, s, 0.0), a)


def half_time_unbalanced(s: ArrayLike, p0: ArrayLike, q0: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Time at which a decoupled mode reaches s / 2, whatever the balance of the two layers.

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    p0, q0 : array_like
        As for `mode_strength_unbalanced`; p0 above 0, q0 at least 0, and the strength at t = 0, (p0 - q0) / 4, at most
        s / 2.
    tau : array_like
        Time constant, above 0.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    :math:`t_{half} = \tau/(2S) \ln[(p_h - p_-)(p_+ - p_0)/((p_+ - p_h)(p_0 - p_-))]` with
    :math:`p_\pm = 2s \pm 2S`, :math:`S = \sqrt{s^2 + \kappa/4}`, :math:`p_h = s + \sqrt{s^2 + \kappa}` and
    :math:`\kappa = p_0 q_0`. For q0 = 0 it is (12) with :math:`a_0 = p_0/4`; for :math:`\kappa \gg s^2` and
    :math:`p_0 = q_0` it is :math:`\tau \ln 2 / \sqrt\kappa`.

    Examples
    --------
    >>> half_time_unbalanced(2.0, p0=4e-3, q0=[0.0, 1.0, 100.0]).round(3).tolist()
    [1.9, 1.871, 1.249]
    """
    s = in_domain("s", s, 0.0, above=True, domain="above 0")
    p0 = in_domain("p0", p0, 0.0, above=True, domain="above 0: a mode that starts at p0 = 0 never reaches s / 2")
    q0 = in_domain("q0", q0, 0.0, above=False, domain="at least 0")
    tau = tau_of(tau)
    broadcast(s, p0, q0, tau)
    to_go = s - (p0 - q0) / 2
    require(to_go >= 0, "p0 must be at most 2 s + q0, or the mode starts above s / 2", p0=p0, s=s, q0=q0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        K = np.sqrt(p0) * np.sqrt(q0)
        S, H = np.hypot(s, K / 2), np.hypot(s, K)
        # Each distance between the p's as a sum or a product of positive numbers.
        rest = (s + H + p0) / (H + (p0 + q0) / 2) * to_go  # p_h - p0
        below = p0 + K / 2 * (K / (S + s))  # p0 - p_-
        above = s + 3 * s * (s / (2 * S + H))  # p_+ - p_h
        time = tau / S / 2 * (log_ratio(rest, below) + log_ratio(rest, above))
    return in_range(time, s=s, p0=p0, q0=q0, tau=tau)
