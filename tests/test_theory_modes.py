import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

import pylinear as pl
from pylinear import theory


def integrated(s, a0, t, tau):
    """The mode equation tau a' = 2 a (s - a), by Runge and Kutta."""
    solution = solve_ivp(lambda _, a: 2 * a * (s - a) / tau, (0, t), [a0], rtol=1e-12, atol=1e-300)
    return solution.y[0, -1]


@pytest.mark.parametrize("s", [0.0, 1e-9, 0.5, 3.0])
@pytest.mark.parametrize("a0", [1e-8, 0.3, 4.0])
@pytest.mark.parametrize(("t", "tau"), [(0.7, 1.0), (30.0, 10.0)])
def test_mode_strength_solves_its_equation(s, a0, t, tau):
    assert theory.mode_strength(t, s, a0, tau) == pytest.approx(integrated(s, a0, t, tau), rel=1e-9, abs=0)


def test_mode_strength_is_the_papers_formula_and_its_limits():
    s, a0 = 2.0, 0.01
    t = np.linspace(0, 5, 50)
    printed = s * np.exp(2 * s * t) / (np.exp(2 * s * t) - 1 + s / a0)
    np.testing.assert_allclose(theory.mode_strength(t, s, a0), printed, rtol=1e-13)
    assert theory.mode_strength(0.0, s, a0) == pytest.approx(a0, rel=1e-15)
    assert theory.mode_strength(1e308, s, a0) == s
    assert theory.mode_strength(2.0, 0.0, 0.5) == pytest.approx(0.5 / (1 + 2 * 0.5 * 2.0), rel=1e-15)
    # Small s t, where the printed form loses half its digits, and a product s t that underflows.
    assert theory.mode_strength(1.0, 1e-12, 1.0) == pytest.approx(1 / 3, rel=1e-11)
    assert theory.mode_strength(1e-200, 1e-200, 1.0) == 1.0
    # Products that leave the range.
    assert theory.mode_strength(1.0, 1e170, 1e-170) == 1e170
    assert theory.mode_strength(50.0, 1e10, 1e-320) == 1e10
    assert theory.mode_strength(0.0, 1e-300, 1e300) == pytest.approx(1e300, rel=1e-12)
    assert theory.mode_strength(1e100, 0.0, 1e200) == pytest.approx(5e-101, rel=1e-14, abs=0)
    assert theory.mode_strength(2.3e-122, 9e-291, 3.8e257, 1e-219) == pytest.approx(1e-219 / 4.6e-122, rel=1e-12, abs=0)


def test_mode_strength_broadcasts():
    assert theory.mode_strength(np.zeros((7, 1)), np.ones(3), 0.1).shape == (7, 3)
    assert theory.mode_strength(np.empty(0), 1.0, 0.1).shape == (0,)


@pytest.mark.parametrize("s", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("a0", [-1e-8, -0.05, -4.0])
def test_a_mode_of_negative_strength_follows_the_network_and_decays(s, a0):
    # c = -d, where the printed (10) has a pole: at t = 1.522 for s = 1, a0 = -0.05.
    tau, t = 2.0, np.array([0.0, 0.4, 3.0, 6.0])
    weights = [np.sqrt(-a0), -np.sqrt(-a0)]
    network = solve_ivp(
        lambda _, x: [x[1] * (s - x[0] * x[1]) / tau, x[0] * (s - x[0] * x[1]) / tau],
        (0, t[-1]),
        weights,
        t_eval=t,
        rtol=1e-12,
        atol=1e-14,
        method="DOP853",
    )
    np.testing.assert_allclose(theory.mode_strength(t, s, a0, tau), np.prod(network.y, axis=0), rtol=1e-7, atol=1e-14)
    assert np.all(np.diff(theory.mode_strength(np.linspace(0, 5, 200), s, a0)) > 0)


def test_limits_of_mode_strength():
    s = np.array([0.0, 1 / 3, 2.0, 1e-310])
    for a0, limit in ((0.1, s), (49.0, s), (1e-310, s), (0.0, 0 * s), (-0.1, 0 * s)):
        np.testing.assert_array_equal(theory.mode_strength(np.inf, s, a0), limit)
        np.testing.assert_array_equal(theory.mode_strength(0.0, s, a0), np.full(4, a0))
    np.testing.assert_array_equal(theory.mode_strength([1.0, 800.0, 1e308], 1.0, 0.0), np.zeros(3))
    np.testing.assert_array_equal(theory.mode_strength([800.0, 1e308], 1.0, -1e-300), np.zeros(2))
    assert theory.mode_strength(3.0, 0.0, -0.5) == pytest.approx(-0.5 / (1 + 2 * 0.5 * 3.0), rel=1e-15)
    assert theory.shallow_strength(np.inf, -3.0, 5.0) == -3.0


@pytest.mark.parametrize("eps", [1e-6, 0.1, 0.9])
def test_learning_time_is_exact(eps):
    s, tau = 2.0, 3.0
    reached = brentq(lambda t: theory.mode_strength(t, s, eps, tau) - (s - eps), 0, 1e3, xtol=1e-12)
    assert theory.learning_time(s, eps, tau) == pytest.approx(reached, rel=1e-9)
    by_quadrature = quad(lambda a: tau / (2 * a * (s - a)), eps, s - eps, limit=200)[0]
    assert theory.learning_time(s, eps, tau) == pytest.approx(by_quadrature, rel=1e-7)


def test_learning_time_as_printed_is_the_limit_for_small_eps():
    errors = [abs(np.log(2 / eps) / 2 / theory.learning_time(2.0, eps) - 1) for eps in (1e-1, 1e-3, 1e-6)]
    assert errors[0] > 1e-2 > errors[1] > 1e-5 > errors[2]


def test_half_time():
    s, a0, tau = 2.0, 1e-3, 5.0
    reached = brentq(lambda t: theory.mode_strength(t, s, a0, tau) - s / 2, 0, 1e3, xtol=1e-13)
    assert theory.half_time(s, a0, tau) == pytest.approx(reached, rel=1e-10)


def test_times_at_the_ends_of_their_domains():
    # From high-precision arithmetic.
    assert theory.half_time(10.0, 1e-308) == pytest.approx(35.57497, rel=1e-6)
    assert theory.learning_time(10.0, 1e-308) == pytest.approx(2 * theory.half_time(10.0, 1e-308), rel=1e-14)
    assert theory.half_time(1.0, 0.5 - 1e-12) == pytest.approx(2.0e-12, rel=1e-4, abs=0)
    assert theory.half_time(1.0, 0.5) == 0.0


def test_transition_time_is_the_tangents():
    s, a0, tau = 2.0, 1e-3, 5.0
    half = theory.half_time(s, a0, tau)
    slope = (theory.mode_strength(half + 1e-5, s, a0, tau) - theory.mode_strength(half - 1e-5, s, a0, tau)) / 2e-5
    assert theory.transition_time(s, tau) == pytest.approx(s / slope, rel=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3, 7])
def test_transition_time_at_any_depth_is_the_tangents(layers):
    s, tau, u = 0.7, 3.0, 0.35
    slope = layers * u ** (2 - 2 / layers) * (s - u) / tau
    assert theory.transition_time(s, tau, layers) == pytest.approx(s / slope, rel=1e-13)


def test_time_units():
    # Presentations with tau = P / rate, or epochs with tau = 1 / rate, are one curve.
    s, a0, rate, items = 3.0, 1e-4, 0.01, 4
    epochs = np.linspace(0, 300, 20)
    np.testing.assert_allclose(
        theory.mode_strength(epochs, s, a0, 1 / rate),
        theory.mode_strength(epochs * items, s, a0, items / rate),
        rtol=1e-12,
    )


def test_shallow_strength_solves_its_equation_and_has_no_stages():
    s, b0, tau = -2.0, 0.5, 3.0
    solution = solve_ivp(lambda _, b: (s - b) / tau, (0, 4), [b0], rtol=1e-12, atol=1e-14)
    assert theory.shallow_strength(4.0, s, b0, tau) == pytest.approx(solution.y[0, -1], rel=1e-10)
    assert theory.shallow_strength(1e-12, 3.0) == pytest.approx(3e-12, rel=1e-12, abs=0)
    assert theory.shallow_strength(1.0, 1e308, -1e308) == pytest.approx(1e308 * (1 - 2 * np.exp(-1)), rel=1e-12)
    # 2 tau / (tau ln 2), whatever the mode; in a deep network the ratio goes to 0 with a0.
    half = brentq(lambda t: theory.shallow_strength(t, 5.0) - 2.5, 0, 10)
    assert 2 / half == pytest.approx(2.885, abs=1e-3)


def test_effective_initial_strength_is_what_the_network_follows():
    # In a wide network with small weights the flow follows (10) from the effective strength, and from no other: the
    # product u^T W32 W21 v at the start is mostly negative or tiny.
    data = pl.toy("signed")
    w21, w32 = pl.Gaussian(1e-4).draw(data, hidden=400, rng=np.random.default_rng(0))
    t = np.linspace(0, 6, 40)
    lower, upper = theory.flow(t, w21, w32, data)
    u, v = data.modes.u[:, 0], data.modes.v[:, 0]
    measured = np.einsum("i,tij,tjk,k->t", u, upper, lower, v)
    a0 = theory.initial_strength(w21, w32, u[:, None], v[:, None])[0]
    s = data.modes.s[0]
    assert np.abs(measured - theory.mode_strength(t, s, a0)).max() / s < 2e-3
    assert np.abs(measured - theory.mode_strength(t, s, 2 * a0)).max() / s > 0.1


def test_the_largest_strengths_have_times_too():
    np.testing.assert_allclose(theory.half_time(1e308, 0.125, 2.0), (np.log(1e308) + np.log(8)) / 1e308)
