"""Closed forms for single modes of balanced networks with any number of layers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from pylinear._check import Floats
from pylinear.theory._domain import broadcast, in_domain, in_range, layers_of, require, tau_of, time_of
from pylinear.theory._modes import log_ratio, mode_strength, shallow_strength, transition_time

# Above this logit of u / s, u is s to the last digit.
_LEARNED = 40.0


@cache
def _quadrature() -> tuple[Floats, Floats]:
    """Return abscissae and weights on [0, 1]."""
    # Neither integrand has a singularity nearer than 1 to an interval of that length: 16 points exhaust float64.
    nodes, weights = np.polynomial.legendre.leggauss(16)
    return (1 + nodes) / 2, weights / 2


def deep_time(a: ArrayLike, s: ArrayLike, a0: ArrayLike, layers: int, tau: ArrayLike = 1.0) -> Floats:
    r"""Time in which a mode grows from a0 to a in a balanced network of any depth.

    Parameters
    ----------
    a : array_like
        Strength that is reached, at least a0 and below s.
    s : array_like
        Association strength, above 0.
    a0 : array_like
        Strength at t = 0, above 0; without a hidden layer (``layers=1``) at least 0.
    layers : int
        Weight layers, L: 1 for a network without a hidden layer, 2 for the paper's.
    tau : array_like
        Time constant, above 0: 1 / rate for t in epochs.

    Returns
    -------
    ndarray
        Time, in the shape that the arguments broadcast to.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside its domain.

    Notes
    -----
    The integral of :math:`\tau \dot u = L u^{2 - 2/L} (s - u)`, for L layers of equal strength :math:`u^{1/L}`:
    :math:`t = \tau/(L s^p)\,[G(a/s) - G(a_0/s)]` with :math:`p = 2 - 2/L` and
    :math:`G(z) = z^{1-p}/(1-p)\;{}_2F_1(1, 1-p; 2-p; z)`. The time that a mode lies dormant grows as
    :math:`\ln 1/a_0` with one hidden layer, and as :math:`a_0^{-(1 - 2/L)}` with more.

    References
    ----------
    Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
    (ICLR 2014), for the equation.

    Examples
    --------
    >>> [round(float(deep_time(0.5, 1.0, 1e-4, layers)), 2) for layers in (1, 2, 3, 4)]
    [0.69, 4.61, 20.69, 49.73]
    """
    layers = layers_of(layers)
    a, tau = in_domain("a", a, 0.0, above=False, domain="at least 0"), tau_of(tau)
    s, a0 = _ends(s, a0, layers)
    broadcast(a, s, a0, tau)
    require((a0 <= a) & (a < s), "a must be at least a0 and below s, which a mode never quite reaches", a=a, a0=a0, s=s)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        approached = log_ratio(a - a0, s - a)
        return in_range(_duration(approached, a, s, a0, layers, tau), a=a, s=s, a0=a0, tau=tau)


def _duration(approached: Floats, a: Floats, s: Floats, a0: Floats, layers: int, tau: Floats) -> Floats:
    """Return what `deep_time` does; `approached` is ln of (s - a0) / (s - a)."""
    if layers == 1:
        return tau * approached
    gain = log_ratio(a - a0, a0) + approached
    if layers == 2:
        return tau / s / 2 * gain
    gain, s, a0 = np.broadcast_arrays(gain, s, a0)
    return np.asarray(tau / s / layers * _clock(gain, s, a0, layers))


def deep_strength(t: ArrayLike, s: ArrayLike, a0: ArrayLike, layers: int, tau: ArrayLike = 1.0) -> Floats:
    r"""Strength of a mode at time t in a balanced network of any depth.

    Parameters
    ----------
    t : array_like
        Time, at least 0; inf for the limit s.
    s : array_like
        Association strength, above 0.
    a0 : array_like
        Strength at t = 0, above 0 and at most s; without a hidden layer (``layers=1``) at least 0.
    layers : int
        Weight layers, L: 1 for a network without a hidden layer, 2 for the paper's.
    tau : array_like
        Time constant, above 0: 1 / rate for t in epochs.

    Returns
    -------
    ndarray
        Strength, in the shape that the arguments broadcast to.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside its domain.

    Notes
    -----
    The inverse of `deep_time`: in closed form for one and two layers, by root finding for more. A mode that lay dormant
    for a long time is only known as well as t is: its transition is shorter by orders of magnitude.

    Examples
    --------
    >>> deep_strength([0.0, 20.0, 22.0, np.inf], s=1.0, a0=1e-4, layers=3).round(4).tolist()
    [0.0001, 0.1945, 0.9744, 1.0]
    """
    layers = layers_of(layers)
    t, tau = time_of(t), tau_of(tau)
    s, a0 = _ends(s, a0, layers)
    broadcast(t, s, a0, tau)
    require(a0 <= s, "a0 must be at most s", a0=a0, s=s)
    if layers == 1:
        return shallow_strength(t, s, a0, tau)
    if layers == 2:
        return mode_strength(t, s, a0, tau)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        gain = _gain_at(layers * s * t / tau, s, a0, layers)
        # Measured by the growth of logit(u / s) the curve is (10), whatever the depth.
        return mode_strength(gain, s, a0, 2 * s)


def stage_ratio(s: ArrayLike, a0: ArrayLike, layers: int = 2) -> Floats:
    r"""Duration of a mode's transition over the time to its middle: how little it resembles a stage.

    Parameters
    ----------
    s : array_like
        Association strength, above 0.
    a0 : array_like
        Strength at t = 0, above 0 and below s / 2; without a hidden layer (``layers=1``) at least 0.
    layers : int
        Weight layers, L: 1 for a network without a hidden layer, 2 for the paper's.

    Returns
    -------
    ndarray
        The ratio, in the shape that the arguments broadcast to.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    `transition_time` over the time to s / 2. With one hidden layer :math:`4/\ln(s/a_0 - 1)`, which goes to 0 with the
    initial strength: learning comes in stages. Without one it is at least :math:`2/\ln 2`, whatever the mode.

    Examples
    --------
    >>> [round(float(stage_ratio(1.0, 1e-4, layers)), 2) for layers in (1, 2, 3)]
    [2.89, 0.43, 0.08]
    """
    layers = layers_of(layers)
    s, a0 = _ends(s, a0, layers)
    broadcast(s, a0)
    require(a0 < s / 2, "a0 must be below s / 2, or there is no time before the middle", a0=a0, s=s)
    # With s for the unit of strength, neither time is beyond the range of floating point.
    return in_range(transition_time(1.0, 1.0, layers) / deep_time(0.5, 1.0, a0 / s, layers), s=s, a0=a0)


def _ends(s: ArrayLike, a0: ArrayLike, layers: int) -> tuple[Floats, Floats]:
    """Return the strengths that a mode goes to and comes from."""
    s = in_domain("s", s, 0.0, above=True, domain="above 0")
    if layers == 1:
        return s, in_domain("a0", a0, 0.0, above=False, domain="at least 0")
    return s, in_domain("a0", a0, 0.0, above=True, domain="above 0, where a mode with a hidden layer stays for ever")


def _clock(gain: Floats, s: Floats, a0: Floats, layers: int) -> Floats:
    r"""Return :math:`\int u^{-r} dy`, r = 1 - 2/L, over y = logit(u/s) from that of a0 to `gain` more, for L >= 3.

    Times tau / (L s), this is time: :math:`dy/dt = L s u^r/\tau`.
    """
    nodes, weights = _quadrature()
    r, start = 1 - 2 / layers, np.log(a0) - np.log(s - a0)
    y = start[..., None] + gain[..., None] * nodes
    near = gain * s**-r * (np.exp(r * np.logaddexp(0, -y)) @ weights)
    far = _antiderivative(start + gain, s, layers) - _antiderivative(start, s, layers)
    return np.where(gain < 1, near, far)


def _antiderivative(y: Floats, s: Floats, layers: int) -> Floats:
    r"""Return :math:`s^{-r} G(z) - s^{-r} L/2` at y = logit(z).

    G is the sum of z^{n-r} / (n - r) from n = 0. Its term n = 1 alone would be L/2 for many layers, whence what is
    subtracted. Beyond z = 1/2 the part of G that is not logarithmic comes from 1 - z, and z may round to 1.
    """
    from scipy.special import digamma, expit, hyp2f1

    r, e = 1 - 2 / layers, 2 / layers
    lower, upper = np.minimum(y, 0.0), np.maximum(y, 0.0)
    z, log_z = expit(lower), -np.logaddexp(0, -lower)
    bounded = np.expm1(e * log_z) / e + z ** (1 + e) / (1 + e) * hyp2f1(1, 1 + e, 2 + e, z)
    dormant = s**-r * bounded - np.exp(-r * (log_z + np.log(s))) / r
    nodes, weights = _quadrature()
    x = np.exp(-upper)[..., None] * nodes
    correction = (np.expm1(r * np.log1p(x)) / nodes) @ weights
    learned = s**-r * (upper - correction + digamma(1) - digamma(1 + e) - 1 / r)
    return np.where(y < 0, dormant, learned)


def _gain_at(clock: Floats, s: Floats, a0: Floats, layers: int) -> Floats:
    """Return the growth of logit(u / s) after which `_clock` shows `clock`; inf where u has become s."""
    from scipy.optimize import elementwise

    clock, s, a0 = np.broadcast_arrays(clock, s, a0)
    # The clock advances by at least s^-r for each unit of logit; twice that bound, so that no rounding is above it.
    bound = np.minimum(2 * clock * s ** (1 - 2 / layers), _LEARNED - (np.log(a0) - np.log(s - a0)))

    # While the mode lies dormant it gains far less. The gain is a convex function of the clock: below a gain of one it
    # is less than in proportion to the clock.
    first = _clock(np.ones_like(bound), s, a0, layers)
    bound = np.where(clock < first, np.minimum(2 * clock / first, bound), bound)

    def late(gain: Floats, clock: Floats, s: Floats, a0: Floats) -> Floats:
        return _clock(gain, s, a0, layers) - clock

    found = elementwise.find_root(late, (np.zeros_like(bound), bound), args=(clock, s, a0))
    return np.where(late(bound, clock, s, a0) >= 0, found.x, np.inf)
