"""Closed forms for single modes of networks with one hidden layer, and with none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _check
from pylinear._check import Floats
from pylinear.theory._domain import broadcast, in_domain, in_range, layers_of, require, tau_of, time_of


def mode_strength(t: ArrayLike, s: ArrayLike, a0: ArrayLike, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a mode at time t in a balanced, decoupled network: the paper's (10), and what it is for a0 <= 0.

    Parameters
    ----------
    t : array_like
        Time, at least 0, in units of tau's definition; inf for the limit.
    s : array_like
        Association strength, at least 0.
    a0 : array_like
        Strength at t = 0, any real number. Below 0, the two layers are balanced with opposite signs.
    tau : array_like
        Time constant, above 0: 1 / rate for t in epochs, P / rate in presentations.

    Returns
    -------
    ndarray
        a(t), in the shape that the arguments broadcast to. For t = inf it is s where a0 > 0, and 0 elsewhere.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    :math:`a(t) = s / (1 + (s/a_0 - 1) e^{-2st/\tau})` for :math:`a_0 > 0`, which may exceed s. A mode that starts at
    0 stays there. For :math:`a_0 < 0` the printed (10) runs into a pole in finite time. The network does not: it
    follows :math:`\tau \dot a = 2|a|(s - a)` to 0, :math:`a(t) = s / (1 + (s/a_0 - 1) e^{2st/\tau})`. With s = 0
    the limit of both is :math:`a_0 / (1 + 2|a_0| t/\tau)`. All are evaluated in a form that neither overflows at large
    t nor loses digits at small s t.

    Examples
    --------
    >>> mode_strength([0.0, 5.0, 50.0], s=1.0, a0=0.01).round(4).tolist()
    [0.01, 0.9955, 1.0]
    >>> mode_strength([0.0, 1.0, np.inf], s=1.0, a0=-0.05).round(4).tolist()
    [-0.05, -0.0065, 0.0]
    """
    t, tau = time_of(t), tau_of(tau)
    s = in_domain("s", s, 0.0, above=False, domain="at least 0")
    a0 = _check.array("a0", a0, None)
    broadcast(t, s, a0, tau)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        elapsed = np.copysign(2 * t / tau, a0)
        x = np.where(s > 0, np.copysign(2 * s * t / tau, a0), 0.0)
        # For s -> 0 the general form goes to this one, in which s t may underflow.
        risen = np.where(np.abs(x) > 1e-290, -np.expm1(-x) / s, elapsed)
        curve = np.where((t == 0) | (a0 == 0), a0, 1 / (np.exp(-x) / a0 + risen))
    return np.where(np.isinf(t), np.where(a0 > 0, s, 0.0), curve)


def log_ratio(step: Floats, start: Floats) -> Floats:
    """Return ln((start + step) / start) for steps of at least 0, to the last digits of small and of large ones."""
    with np.errstate(over="ignore"):  # in the branch that is not taken
        return np.where(step > start, np.log(start + step) - np.log(start), np.log1p(step / start))


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

    Returns
    -------
    ndarray
        Time, in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

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
    require(eps <= s / 2, "eps must be at most s / 2, or a mode is within eps of s before it leaves eps", eps=eps, s=s)
    with np.errstate(over="ignore", invalid="ignore"):
        return in_range(tau / s * log_ratio(s - 2 * eps, eps), s=s, eps=eps, tau=tau)


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

    Returns
    -------
    ndarray
        Time, in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

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
    require(a0 <= s / 2, "a0 must be at most s / 2, which a mode that starts above never passes", a0=a0, s=s)
    with np.errstate(over="ignore", invalid="ignore"):
        return in_range(tau / s / 2 * log_ratio(s - 2 * a0, a0), s=s, a0=a0, tau=tau)


def transition_time(s: ArrayLike, tau: ArrayLike = 1.0, layers: int = 2) -> Floats:
    r"""Duration of a mode's transition, :math:`2\tau/s` with one hidden layer: from 0 to s along the tangent at s / 2.

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    tau : array_like
        Time constant, above 0.
    layers : int
        Weight layers, L: 1 for a network without a hidden layer, 2 for the paper's.

    Returns
    -------
    ndarray
        Time, in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    :math:`2\tau / (L (s/2)^{2 - 2/L})` in a balanced network; see `deep_strength`. With one hidden layer the rise from
    10 to 90 % takes :math:`(\tau/s) \ln 9`, about a tenth longer.

    Examples
    --------
    >>> float(transition_time(4.0)), float(transition_time(4.0, layers=1))
    (0.5, 2.0)
    """
    s, tau = in_domain("s", s, 0.0, above=True, domain="above 0"), tau_of(tau)
    layers = layers_of(layers)
    broadcast(s, tau)
    with np.errstate(divide="ignore", over="ignore"):
        return in_range(2 / layers * tau / (s / 2) ** (2 - 2 / layers), s=s, tau=tau)


def shallow_strength(t: ArrayLike, s: ArrayLike, b0: ArrayLike = 0.0, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a mode at time t in a network without a hidden layer.

    Parameters
    ----------
    t : array_like
        Time, at least 0; inf for the limit s.
    s, b0 : array_like
        Association strength, and strength at t = 0; any real numbers.
    tau : array_like
        Time constant, above 0.

    Returns
    -------
    ndarray
        b(t), in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

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
