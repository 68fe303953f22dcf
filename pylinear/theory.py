r"""Closed forms and the averaged flow of learning in linear networks with one hidden layer.

Time is in units of `tau`. With the sums of (1) for correlations, t counts epochs if ``tau = 1 / rate`` and
presentations if ``tau = P / rate``. References are to Saxe, McClelland & Ganguli, "Learning hierarchical category
structure in deep neural networks" (CogSci 2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _memory
from pylinear._check import Floats
from pylinear._flow import integrate_flow

if TYPE_CHECKING:
    from pylinear._dataset import Dataset

__all__ = [
    "flow",
    "half_time",
    "initial_strength",
    "learning_time",
    "mode_strength",
    "shallow_strength",
    "transition_time",
]


def _in_domain(name: str, value: ArrayLike, low: float, *, above: bool, domain: str) -> Floats:
    """Return `value` as floats, each of at least (or `above`) `low`, or raise with the domain in the message."""
    out = _check.array(name, value, None)
    wrong = out <= low if above else out < low
    if np.any(wrong):
        raise ValueError(f"{name} must be {domain}; got {_check.show(float(out[wrong].flat[0]))}")
    return out


def _broadcast(*arguments: Floats) -> None:
    """Raise unless the arguments broadcast to one shape."""
    try:
        np.broadcast_shapes(*(x.shape for x in arguments))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in arguments)
        raise ValueError(f"the arguments must broadcast to one shape; got shapes {shapes}") from None


def _time(t: ArrayLike) -> Floats:
    return _in_domain("t", t, 0.0, above=False, domain="at least 0")


def _tau(tau: ArrayLike) -> Floats:
    return _in_domain("tau", tau, 0.0, above=True, domain="above 0")


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
    t, tau = _time(t), _tau(tau)
    s = _in_domain("s", s, 0.0, above=False, domain="at least 0")
    a0 = _in_domain("a0", a0, 0.0, above=True, domain="above 0, where (10) holds")
    _broadcast(t, s, a0, tau)
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
    s = _in_domain("s", s, 0.0, above=True, domain="above 0")
    eps = _in_domain("eps", eps, 0.0, above=True, domain="above 0")
    tau = _tau(tau)
    _broadcast(s, eps, tau)
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
    s = _in_domain("s", s, 0.0, above=True, domain="above 0")
    a0 = _in_domain("a0", a0, 0.0, above=True, domain="above 0, where (10) holds")
    tau = _tau(tau)
    _broadcast(s, a0, tau)
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
    s, tau = _in_domain("s", s, 0.0, above=True, domain="above 0"), _tau(tau)
    _broadcast(s, tau)
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
    t, tau = _time(t), _tau(tau)
    s = _check.array("s", s, None)
    b0 = _check.array("b0", b0, None)
    _broadcast(t, s, b0, tau)
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


def flow(
    t: ArrayLike, w21: ArrayLike, w32: ArrayLike, data: Dataset, tau: float = 1.0, *, rtol: float = 1e-10
) -> tuple[NDArray[Any], NDArray[Any]]:
    r"""Weights at each time under the averaged dynamics, the paper's (7)-(8).

    Parameters
    ----------
    t : (T,) array_like
        Times, at least 0 and not decreasing; the weights given are those at time 0.
    w21 : (N2, N1) array_like
        Input-to-hidden weights at time 0.
    w32 : (N3, N2) array_like
        Hidden-to-output weights at time 0.
    data : Dataset
        For its correlations (sums over items); inputs may be correlated.
    tau : float
        Time constant, above 0: 1 / rate for t in epochs.
    rtol : float
        Relative tolerance of the integrator in each step, from 1e-13 to 1e-2.

    Returns
    -------
    w21 : (T, N2, N1) ndarray
        Input-to-hidden weights at each time.
    w32 : (T, N3, N2) ndarray
        Hidden-to-output weights at each time.

    Raises
    ------
    ValueError
        If times or shapes do not fit.
    MemoryError
        If the weights at all times would not fit the memory.

    Notes
    -----
    :math:`\tau \dot W^{21} = W^{32 T} (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx})`,
    :math:`\tau \dot W^{32} = (\Sigma_{yx} - W^{32} W^{21} \Sigma_{xx}) W^{21 T}`, integrated by an embedded
    Runge-Kutta pair of order 8(5,3). :math:`W^{32 T} W^{32} - W^{21} W^{21 T}` is conserved.
    """
    times = _in_domain("t", t, 0.0, above=False, domain="at least 0")
    if times.ndim != 1 or np.any(np.diff(times) < 0):
        raise ValueError("t must be a sequence of times that do not decrease")
    if not hasattr(data, "sigma_yx"):
        raise TypeError(f"data must be a pylinear.Dataset; got {_check.show(data)}")
    tau = _check.real("tau", tau, 0.0, above=True)
    rtol = _check.real("rtol", rtol, 1e-13, 1e-2)
    w21 = _check.array("w21", w21, (None, data.n_inputs))
    w32 = _check.array("w32", w32, (data.n_features, w21.shape[0]))
    _memory.require("the weights at all times", 16 * (w21.size + w32.size) * max(1, times.size))
    return integrate_flow(times / tau, w21, w32, data.sigma_yx, data.sigma_xx, rtol)
