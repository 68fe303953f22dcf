from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import pylinear as pl
from pylinear import theory


def integrated(velocity, start, t):
    return solve_ivp(velocity, (0, t[-1]), start, t_eval=t, rtol=1e-12, atol=1e-14, method="DOP853").y


def exactly(t, s, p0, q0, tau):
    """The logistic equation of (c + d)^2 between its roots, in four hundred digits."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 400, 10**9, -(10**9)
        t, s, p0, q0, tau = (Decimal(float(x)) for x in (t, s, p0, q0, tau))
        root = (s * s + p0 * q0 / 4).sqrt()
        high, low = 2 * s + 2 * root, 2 * s - 2 * root
        r = (p0 - high) / (p0 - low) * (-2 * root * t / tau).exp()
        p = (high - low * r) / (1 - r)
        return float((p - p0 * q0 / p) / 4)


@pytest.mark.parametrize("s", [2.0, 0.3, 0.0, -1.5])
@pytest.mark.parametrize(
    ("c", "d"),
    [(1.0, 0.1), (0.1, 1.0), (0.0, 0.2), (-0.3, 0.05), (0.3, -0.3), (0.3, 0.3), (30.0, 1e-3), (2.0, 3.0), (0.0, 0.0)],
)
def test_strength_is_that_of_two_layers_of_one_unit(s, c, d):
    tau, t = 2.0, np.linspace(0, 6, 13)
    weights = integrated(lambda _, x: [x[1] * (s - x[0] * x[1]) / tau, x[0] * (s - x[0] * x[1]) / tau], [c, d], t)
    a = theory.mode_strength_unbalanced(t, s, (c + d) ** 2, (c - d) ** 2, tau)
    np.testing.assert_allclose(a, weights[0] * weights[1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_strength_is_that_of_a_decoupled_mode_of_many_hidden_units(seed):
    rng = np.random.default_rng(seed)
    n, s, tau, t = 5, [1.0, 2.0, -1.0, 0.5][seed], 1.5, np.linspace(0, 8, 17)
    start = rng.standard_normal(2 * n) * [0.01, 0.3, 0.3, 1.0][seed]

    def velocity(_, x):
        lower, upper = x[:n], x[n:]
        return np.concatenate([upper, lower]) * (s - lower @ upper) / tau

    weights = integrated(velocity, start, t)
    lower, upper = start[:n, None], start[None, n:]
    squares = theory.mode_squares(lower, upper, [[1.0]], [[1.0]])
    a = theory.mode_strength_unbalanced(t, s, *squares, tau)
    np.testing.assert_allclose(a, np.sum(weights[:n] * weights[n:], axis=0), rtol=1e-8, atol=1e-10)


def test_strength_to_the_last_digits():
    # Squares over hundreds of orders of magnitude, times from the first moments to the last. A strength on its way
    # through 0 has no last digits and is left out.
    rng = np.random.default_rng(0)
    checked = 0
    for _ in range(250):
        s, tau = rng.choice([0.0, 1e-20, 1e-3, 1.0, 3.0, -0.01, -2.0]), rng.uniform(0.5, 3)
        p0, q0 = 10 ** rng.uniform(-120, 8, 2) if rng.random() < 0.5 else 10 ** rng.uniform(-8, 8, 2)
        if rng.random() < 0.3:
            q0 = p0 * (1 - 1e-6 * rng.standard_normal())
        scale = np.hypot(s, np.sqrt(p0) * np.sqrt(q0) / 2)
        t = tau * 10 ** rng.uniform(-8, 1.8) / max(scale, 1e-30)
        expected = exactly(t, s, p0, q0, tau)
        if s * (p0 - q0) < 0 and abs(expected) < 1e-6 * max(p0, q0):
            continue
        checked += 1
        a = theory.mode_strength_unbalanced(t, s, p0, q0, tau)
        assert a == pytest.approx(expected, rel=1e-12, abs=0), (t, s, p0, q0, tau)
    assert checked > 200


def test_balanced_layers_are_formula_10():
    t, s = np.linspace(0, 20, 30), np.array([0.0, 0.5, 2.0])[:, None]
    for a0 in (1e-4, 0.3, 5.0):
        balanced = theory.mode_strength(t, s, a0)
        np.testing.assert_allclose(theory.mode_strength_unbalanced(t, s, 4 * a0, 0.0), balanced, rtol=1e-13)
        opposite = theory.mode_strength_unbalanced(t, s, 0.0, 4 * a0)
        np.testing.assert_allclose(opposite, theory.mode_strength(t, s, -a0), rtol=1e-13, atol=1e-300)


def test_limits():
    s = np.array([0.0, 1e-3, 5.0, -2.0])

    def end(p0, q0):
        return theory.mode_strength_unbalanced(np.inf, s, p0, q0)

    np.testing.assert_array_equal(end(0.1, 3.0), s)
    # On the line from which the mode cannot leave the saddle, for either sign of s.
    np.testing.assert_array_equal(end(0.0, 3.0), [0.0, 0.0, 0.0, -2.0])
    np.testing.assert_array_equal(end(3.0, 0.0), [0.0, 1e-3, 5.0, 0.0])
    np.testing.assert_array_equal(end(0.0, 0.0), np.zeros(4))
    np.testing.assert_array_equal(theory.mode_strength_unbalanced([800.0, 1e308], 1.0, 0.0, 3.0), np.zeros(2))
    np.testing.assert_allclose(theory.mode_strength_unbalanced(0.0, s, 0.7, 0.2), 0.125, rtol=1e-15)
    for t in (1e5, 1e308):
        np.testing.assert_allclose(theory.mode_strength_unbalanced(t, s, 1e-100, 1e100)[1:], s[1:], rtol=1e-15)
    assert theory.mode_strength_unbalanced(np.zeros((4, 1)), s, 1.0, 1.0).shape == (4, 4)


def test_rich_and_lazy():
    # |K| >> s: the whole way exponential at the rate |K|, whatever s. K = 0: nothing happens for a long time.
    K, s = 100.0, np.array([0.1, 1.0])[:, None]
    x = np.linspace(0.1, 5, 25)
    lazy = theory.mode_strength_unbalanced(x / K, s, K, K)
    np.testing.assert_allclose(1 - lazy / s, np.broadcast_to(np.exp(-x), (2, 25)), rtol=0.02)
    rich = theory.mode_strength_unbalanced([0.2 * theory.half_time(1.0, 1e-6), np.inf], 1.0, 4e-6, 0.0)
    assert rich[0] < 1e-4 < rich[1]


@pytest.mark.parametrize(("p0", "q0"), [(1e-3, 0.0), (1e-3, 0.5), (0.5, 0.5), (300.0, 300.0), (3.0, 0.9), (1e-9, 40.0)])
def test_half_time(p0, q0):
    s, tau = 1.7, 2.5
    reached = brentq(lambda t: theory.mode_strength_unbalanced(t, s, p0, q0, tau) - s / 2, 0, 1e3, xtol=1e-14)
    assert theory.half_time_unbalanced(s, p0, q0, tau) == pytest.approx(reached, rel=1e-10)


def test_half_time_at_the_ends():
    np.testing.assert_allclose(
        theory.half_time_unbalanced(2.0, 4 * np.array([1e-300, 1e-3, 0.9]), 0.0),
        theory.half_time(2.0, np.array([1e-300, 1e-3, 0.9])),
        rtol=1e-14,
    )
    # Exponential from 0: ln 2 / |K|, less the first correction in s / |K|.
    K = 1e9
    assert theory.half_time_unbalanced(1.0, K, K) * K == pytest.approx(np.log(2), rel=2e-9)
    assert theory.half_time_unbalanced(1.0, 3.0, 1.0) == 0.0
    # At a = s / 2 with kappa = 3 the speed is 1.
    assert theory.half_time_unbalanced(1.0, 3.0 - 2.0**-40, 1.0) == pytest.approx(2.0**-42, rel=1e-10, abs=0)


def test_squares_of_a_network_are_those_of_its_modes():
    data = pl.toy("signed")
    c, d = np.array([0.5, 0.1, 0.3, 0.2]), np.array([0.1, 0.4, 0.3, 0.0])
    w21, w32 = pl.Decoupled(c, d).draw(data, hidden=6, rng=0)
    squares = theory.mode_squares(w21, w32, data.modes.u, data.modes.v)
    np.testing.assert_allclose(squares.p0, (c + d) ** 2, rtol=1e-12)
    np.testing.assert_allclose(squares.q0, (c - d) ** 2, rtol=1e-12, atol=1e-15)
    t = np.linspace(0, 3, 20)
    lower, upper = theory.flow(t, w21, w32, data)
    measured = np.einsum("ia,tij,tjk,ka->ta", data.modes.u, upper, lower, data.modes.v, optimize=True)
    expected = theory.mode_strength_unbalanced(t[:, None], data.modes.s, *squares)
    np.testing.assert_allclose(measured, expected, atol=1e-8)
