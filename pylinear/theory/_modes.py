"""Closed forms for single modes of networks with one hidden layer, and with none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _check
from pylinear._check import Floats
from pylinear.theory._domain import broadcast, in_domain, tau_of, time_of


def mode_strength(t: ArrayLike, s: ArrayLike, a0: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a mode at time t in a balanced, decoupled network: the paper's (10).

    Parameters
    ----------
    t : array_like
        Time, at least 0, in units of tau's definition.
    s : array_like
        Association strength, at least 0.
    a0 : array_like
        Strength at t = 0, above 0; it may exceed s.
    tau : array_like
        Time constant, above 0: 1 / rate for t in epochs, P / rate in presentations.

    Returns
    -------
    ndarray
        a(t), in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain. (10) with a0 < 0 runs into a pole in finite time, while the network decays
        to 0; with a0 = 0 nothing is ever learned.

    Notes
    -----
    :math:`a(t) = s / (1 + (s/a_0 - 1) e^{-2st/\tau})`, in a form that neither overflows at large t nor loses digits at
    small s t. For s = 0 it is the limit :math:`a_0 / (1 + 2 a_0 t/\tau)`.

    Examples
    --------
    >>> mode_strength([0.0, 5.0, 50.0], s=1.0, a0=0.01).round(4).tolist()
    [0.01, 0.9955, 1.0]
    """
    t, tau = time_of(t), tau_of(tau)
    s = in_domain("s", s, 0.0, above=False, domain="at least 0")
    a0 = in_domain("a0", a0, 0.0, above=True, domain="above 0, where (10) holds")
    broadcast(t, s, a0, tau)
    # (10) as 1 / (e^-x / a0 + (1 - e^-x) / s): no difference of near numbers, no product that overflows before its
    # time, and for s -> 0 the second term goes to 2 t/tau.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        x = 2 * s * t / tau
        risen = np.where(x > 1e-290, -np.expm1(-x) / s, 2 * t / tau)
        return np.asarray(1 / (np.exp(-x) / a0 + risen))


def _log_odds(s: Floats, a: Floats) -> Floats:
    """Return ln(s/a - 1) for 0 < a <= s/2, to the last digits at either end."""
    with np.errstate(over="ignore"):  # in the branch that is not taken
        return np.where(a > s / 4, np.log1p((s - 2 * a) / a), np.log(s - a) - np.log(a))


def learning_time(s: ArrayLike, eps: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Time in which a mode grows from eps to s - eps: the paper's (11), exact.

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    eps : array_like
        Distance from 0 at the start and from s at the end, above 0 and at most s / 2.
    tau : array_like
        Time constant, above 0.

    Notes
    -----
    :math:`t = (\tau/s) \ln(s/\epsilon - 1)`; the printed :math:`(\tau/s) \ln(s/\epsilon)` is its limit for eps -> 0.

    Examples
    --------
    >>> round(float(learning_time(2.0, 1e-3)), 3)
    3.8
    """
    s = in_domain("s", s, 0.0, above=True, domain="above 0")
    eps = in_domain("eps", eps, 0.0, above=True, domain="above 0")
    tau = tau_of(tau)
    broadcast(s, eps, tau)
    if np.any(eps > s / 2):
        raise ValueError("eps must be at most s / 2: a mode cannot come within eps of s before it leaves eps")
    return np.asarray(tau / s * _log_odds(s, eps))


def half_time(s: ArrayLike, a0: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Time at which a mode reaches s / 2: the paper's (12).

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    a0 : array_like
        Strength at t = 0, above 0 and at most s / 2.
    tau : array_like
        Time constant, above 0.

    Notes
    -----
    :math:`t_{half} = \tau/(2s) \ln(s/a_0 - 1)`.

    Examples
    --------
    >>> round(float(half_time(2.0, 1e-3)), 3)
    1.9
    """
    s = in_domain("s", s, 0.0, above=True, domain="above 0")
    a0 = in_domain("a0", a0, 0.0, above=True, domain="above 0, where (10) holds")
    tau = tau_of(tau)
    broadcast(s, a0, tau)
    if np.any(a0 > s / 2):
        raise ValueError("a0 must be at most s / 2: a mode that starts above never passes it")
    return np.asarray(tau / (2 * s) * _log_odds(s, a0))


def transition_time(s: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Duration of a mode's transition, :math:`2\tau/s`: from 0 to s along the tangent at s / 2.

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    tau : array_like
        Time constant, above 0.

    Notes
    -----
    The rise from 10 to 90 % takes :math:`(\tau/s) \ln 9`, about a tenth longer.

    Examples
    --------
    >>> float(transition_time(4.0))
    0.5
    """
    s, tau = in_domain("s", s, 0.0, above=True, domain="above 0"), tau_of(tau)
    broadcast(s, tau)
    return np.asarray(2 * tau / s)


def shallow_strength(t: ArrayLike, s: ArrayLike, b0: ArrayLike = 0.0, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a mode at time t in a network without a hidden layer.

    Parameters
    ----------
    t : array_like
        Time, at least 0.
    s, b0 : array_like
        Association strength, and strength at t = 0; any real numbers.
    tau : array_like
        Time constant, above 0.

    Notes
    -----
    :math:`b(t) = s + (b_0 - s) e^{-t/\tau}` for inputs with :math:`\Sigma_{xx} = I`: all modes share one time
    constant, and there are no stages.

    Examples
    --------
    >>> round(float(shallow_strength(1.0, s=2.0)), 4)
    1.2642
    """
    t, tau = time_of(t), tau_of(tau)
    s = _check.array("s", s, None)
    b0 = _check.array("b0", b0, None)
    broadcast(t, s, b0, tau)
    with np.errstate(over="ignore"):
        x = t / tau
    return np.asarray(b0 * np.exp(-x) - s * np.expm1(-x))


def initial_strength(w21: ArrayLike, w32: ArrayLike, u: ArrayLike, v: ArrayLike) -> Floats:
    r"""Effective initial strength of each mode: the a0 with which (10) describes a network with these weights.

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
    w21 = _check.array("w21", w21, (None, None), copy=False)
    w32 = _check.array("w32", w32, (None, w21.shape[0]), copy=False)
    u = _check.array("u", u, (w32.shape[0], None), copy=False)
    v = _check.array("v", v, (w21.shape[1], u.shape[1]), copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.sum((w21 @ v + w32.T @ u) ** 2, axis=0) / 4)
