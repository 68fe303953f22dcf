from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from pylinear import theory
from pylinear.theory import _deep


def by_quadrature(s, a0, a, layers):
    """The integral of du / (L u^(2 - 2/L) (s - u)) over y = ln(u / (s - u)), in pieces."""
    ends = [np.log(u) - np.log(s - u) for u in (a0, a)]
    cuts = np.concatenate([[ends[0]], np.arange(np.ceil(ends[0] + 0.1), ends[1], 3.0), [ends[1]]])
    power = 2 / layers - 1

    def integrand(y):
        return (s / (1 + np.exp(-y))) ** power if y > -300 else np.exp(power * (y + np.log(s)))

    pieces = [quad(integrand, *cut, epsabs=0, epsrel=1e-13)[0] for cut in pairwise(cuts)]
    return sum(pieces) / (layers * s)


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 6, 12, 1000])
@pytest.mark.parametrize(("s", "a0"), [(1.0, 1e-200), (4.0, 1e-6), (0.2, 0.03), (1.0, 0.7)])
def test_deep_time(layers, s, a0):
    for a in (a0 + 0.01 * (s - a0), a0 + 0.3 * (s - a0), s * (1 - 1e-3), s * (1 - 1e-12)):
        expected = by_quadrature(s, a0, a, layers)
        assert theory.deep_time(a, s, a0, layers) == pytest.approx(expected, rel=1e-10, abs=0)
    assert theory.deep_time(a0, s, a0, layers) == 0.0


@pytest.mark.parametrize("layers", [1, 2, 3, 12])
def test_deep_time_between_near_strengths_is_the_distance_over_the_speed(layers):
    s = 2.0
    for u in (1e-100, 0.3, 1.0, 1.9):
        a = u * (1 + 2.0**-40)
        speed = layers * u ** (2 - 2 / layers) * (s - u)
        assert theory.deep_time(a, s, u, layers, 3.0) == pytest.approx(3 * (a - u) / speed, rel=1e-8, abs=0)


def test_deep_time_of_known_depths():
    s, a0, tau = 2.0, 1e-3, 5.0
    assert theory.deep_time(s / 2, s, a0, 2, tau) == pytest.approx(theory.half_time(s, a0, tau), rel=1e-14)
    assert theory.deep_time(s - a0, s, a0, 2, tau) == pytest.approx(theory.learning_time(s, a0, tau), rel=1e-12)
    assert theory.deep_time(1.5, s, 0.0, 1, tau) == pytest.approx(tau * np.log(4), rel=1e-14)
    # The limit of many layers, in which u' is L u^2 (s - u).
    u = 1.2
    limit = (np.log(u * (s - a0) / (a0 * (s - u))) + s / a0 - s / u) / s**2
    errors = [abs(theory.deep_time(u, s, a0, n) * n / limit - 1) for n in (12, 1200, 120_000)]
    assert errors[0] > 0.1 > errors[1] > 1e-3 > errors[2]


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize(("s", "a0", "tau"), [(1.0, 1e-3, 1.0), (4.0, 0.01, 2.5), (0.3, 0.2, 1.0), (2.0, 2.0, 1.0)])
def test_deep_strength_solves_its_equation(layers, s, a0, tau):
    end = 1.0 if a0 == s else 2 * float(theory.deep_time(0.999 * s, s, a0, layers, tau))
    t = np.linspace(0, end, 30)

    def velocity(_, u):
        return layers * u ** (2 - 2 / layers) * (s - u) / tau

    solution = solve_ivp(velocity, (0, end), [a0], t_eval=t, rtol=1e-12, atol=1e-15, method="DOP853")
    np.testing.assert_allclose(theory.deep_strength(t, s, a0, layers, tau), solution.y[0], rtol=1e-9)


def test_deep_strength_of_layers_integrated_one_by_one():
    # Three scalars of equal strength, each by its own gradient.
    s, a0, tau, t = 2.0, 0.01, 1.5, np.linspace(0, 20, 50)

    def velocity(_, w):
        return np.array([w[1] * w[2], w[0] * w[2], w[0] * w[1]]) * (s - w.prod()) / tau

    w = solve_ivp(velocity, (0, 20), [a0 ** (1 / 3)] * 3, t_eval=t, rtol=1e-12, atol=1e-14, method="DOP853").y
    np.testing.assert_allclose(theory.deep_strength(t, s, a0, 3, tau), w.prod(axis=0), rtol=1e-9)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_limits_of_deep_strength(layers):
    s, a0 = np.array([1e-3, 1.0, 30.0])[:, None], np.array([1e-30, 1e-3])
    shape = np.broadcast_shapes(s.shape, a0.shape)
    np.testing.assert_array_equal(theory.deep_strength(0.0, s, a0, layers), np.broadcast_to(np.minimum(a0, s), shape))
    for t in (np.inf, 1e300):
        np.testing.assert_array_equal(theory.deep_strength(t, s, a0, layers), np.broadcast_to(s, shape))
    assert theory.deep_strength(np.empty(0), 1.0, 0.1, layers).shape == (0,)
    assert theory.deep_strength(2.0, 1.0, 1.0, layers) == 1.0


@pytest.mark.parametrize("layers", [3, 7])
def test_deep_strength_and_deep_time_undo_one_another(layers):
    s, a0 = 3.0, 1e-9
    a = np.concatenate([np.geomspace(1.01 * a0, 1.0, 40), s - np.geomspace(1.0, 1e-9, 40)])
    t = theory.deep_time(a, s, a0, layers)
    # Dormant for so long, the mode makes its transition in some of t's last digits.
    slope = layers * a ** (2 - 2 / layers) * (s - a)
    error = np.abs(theory.deep_strength(t, s, a0, layers) - a)
    assert np.all(error < 1e-11 * a + 4 * np.finfo(float).eps * t * slope)


def test_dormancy_is_algebraic_in_the_initial_strength_with_more_than_one_hidden_layer():
    a0 = np.array([1e-8, 1e-12])
    for layers in (3, 4, 6):
        t = theory.deep_time(0.5, 1.0, a0, layers)
        assert np.log(t[1] / t[0]) / np.log(a0[1] / a0[0]) == pytest.approx(-(1 - 2 / layers), rel=0.01)
    logarithmic = theory.deep_time(0.5, 1.0, a0, 2)
    assert logarithmic[1] / logarithmic[0] == pytest.approx(12 / 8, rel=1e-3)


def test_stage_ratio():
    s, a0 = 3.0, np.array([1e-2, 1e-4, 1e-8])
    np.testing.assert_allclose(theory.stage_ratio(s, a0), 4 / np.log(s / a0 - 1), rtol=1e-12)
    assert theory.stage_ratio(s, 0.0, layers=1) == pytest.approx(2 / np.log(2), rel=1e-14)
    np.testing.assert_allclose(theory.stage_ratio(s, a0, layers=1), 2 / np.log(2), rtol=0.01)
    for layers in (3, 5):
        u = theory.deep_strength(half := by_quadrature(s, 1e-4, s / 2, layers), s, 1e-4, layers)
        assert u == pytest.approx(s / 2, rel=1e-9)
        slope = layers * u ** (2 - 2 / layers) * (s - u)
        assert theory.stage_ratio(s, 1e-4, layers) == pytest.approx(s / slope / half, rel=1e-8)


def test_a_dormant_mode_takes_no_longer_than_another(monkeypatch):
    calls = []
    clock = _deep._clock
    monkeypatch.setattr(_deep, "_clock", lambda *arguments: calls.append(1) or clock(*arguments))
    for a0 in (1e-3, 1e-100, 1e-300):
        calls.clear()
        u = theory.deep_strength([0.5, 2.0], 1.0, a0, 3)
        assert len(calls) < 20
        assert np.all(u >= a0)
        if a0 == 1e-3:
            np.testing.assert_allclose(theory.deep_time(u, 1.0, a0, 3), [0.5, 2.0])
