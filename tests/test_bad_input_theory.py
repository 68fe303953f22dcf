"""Every argument of `theory` against what it must refuse, as in test_bad_input."""

import numpy as np
import pytest

import pylinear as pl
from pylinear import theory
from refusals import DATA, HUGE, NOT_INTEGERS, NOT_REALS, W21, W32, assert_refused, cells

# Balanced with W21.
BALANCED, SIGMA = np.full((3, 2), 0.2 / np.sqrt(3)), np.arange(12.0).reshape(3, 4)
NOT_SWITCHES = [None, 0, 1, "yes", [True], np.array([True, False])]
NOT_TIMES = [1.0, [-1.0], [[1.0]], "1", None, [float("nan")], [float("inf")], [1j]]


def simplified(**changes):
    return theory.simplified_flow(**{"t": [1.0], "w21": W21, "w32": W32, "data": DATA, **changes})


def modified(**changes):
    return theory.modified_flow(**{"t": [1.0], "w21": W21, "w32": W32, "data": DATA, "rate": 0.01, **changes})


def stochastic(**changes):
    return theory.stochastic_flow(**{"t": [1.0], "w21": W21, "w32": W32, "data": DATA, "rate": 0.01, **changes})


# (call, argument, bad values); every value must be refused with the argument's name in the message.
SCALARS = [
    (lambda x: theory.mode_strength(1.0, 1.0, x), "a0", ["1", None, float("nan"), float("inf"), 1j, "x"]),
    (lambda x: theory.mode_strength(x, 1.0, 0.1), "t", [-1.0, "1", None, float("nan"), -np.inf, 1j, [[0.0], [-1.0]]]),
    (lambda x: theory.mode_strength(1.0, x, 0.1), "s", [-1.0, "1", None, float("nan"), float("inf"), 1j]),
    (lambda x: theory.mode_strength(1.0, 1.0, 0.1, x), "tau", [0.0, -1.0, "1", None, float("nan"), 1j]),
    (lambda x: theory.learning_time(1.0, x), "eps", [0.0, -1.0, 0.7, "1", None, float("nan")]),
    (lambda x: theory.learning_time(x, 0.1), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.half_time(1.0, x), "a0", [0.0, -1.0, 0.7, "1", None, float("nan")]),
    (lambda x: theory.half_time(x, 0.1), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.transition_time(x), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.shallow_strength(1.0, x), "s", ["1", None, float("nan"), 1j]),
    (lambda x: theory.shallow_strength(x, 1.0), "t", [-1.0, "1", None, float("nan")]),
    (lambda x: theory.shallow_strength(1.0, 1.0, x), "b0", ["1", None, float("nan")]),
    (lambda x: theory.shallow_strength(1.0, 1.0, 0.0, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.learning_time(1.0, 0.1, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.half_time(1.0, 0.1, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.transition_time(x), "arguments", [1e-320, [1.0, 1e-320]]),
    (lambda x: theory.transition_time(1.0, x), "arguments", [1e308]),
    (lambda x: theory.learning_time(1.0, 1e-3, x), "arguments", [1e308]),
    (lambda x: theory.half_time(1.0, 1e-6, x), "arguments", [1e308]),
    (lambda x: theory.half_time_unbalanced(x, 0.1, 0.1), "arguments", [1e308]),
    (lambda x: theory.mode_strength_unbalanced(1.0, x, 0.1, 0.1), "arguments", [1e308]),
    (lambda x: theory.transition_time(1.0, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.transition_time(1.0, layers=x), "layers", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: theory.mode_strength_unbalanced(x, 1.0, 0.1, 0.1), "t", [-1.0, "1", None, float("nan"), 1j]),
    (lambda x: theory.mode_strength_unbalanced(1.0, x, 0.1, 0.1), "s", ["1", None, float("nan"), np.inf, 1j]),
    (lambda x: theory.mode_strength_unbalanced(1.0, 1.0, x, 0.1), "p0", [-1.0, "1", None, float("nan"), np.inf]),
    (lambda x: theory.mode_strength_unbalanced(1.0, 1.0, 0.1, x), "q0", [-1.0, "1", None, float("nan"), np.inf]),
    (lambda x: theory.mode_strength_unbalanced(1.0, 1.0, 0.1, 0.1, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.mode_strength_unbalanced(x, [1.0, 2.0], 0.1, 0.1), "arguments", [[1.0, 2.0, 3.0]]),
    (lambda x: theory.half_time_unbalanced(x, 0.1, 0.1), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.half_time_unbalanced(1.0, x, 0.1), "p0", [0.0, -1.0, 2.2, "1", None, float("nan")]),
    (lambda x: theory.half_time_unbalanced(1.0, 0.1, x), "q0", [-1.0, "1", None, float("nan")]),
    (lambda x: theory.half_time_unbalanced(1.0, 0.1, 0.1, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.half_time_unbalanced(x, [0.1, 0.2], 0.1), "arguments", [[1.0, 2.0, 3.0]]),
    (lambda x: theory.mode_squares(x, W32, W32, W21.T), "w21", ["x", None, W21[0], W21 * 1j]),
    (lambda x: theory.mode_squares(W21, x, W32, W21.T), "w32", ["x", None, W32[:, :1], W32 * 1j]),
    (lambda x: theory.mode_squares(W21, W32, x, W21.T), "u", ["x", None, W32[:1], W32 * 1j]),
    (lambda x: theory.mode_squares(W21, W32, W32, x), "v", ["x", None, W21, W32 * 1j]),
    (lambda x: theory.deep_time(x, 1.0, 0.1, 3), "a", [-1.0, 0.05, 1.0, "1", None, float("nan"), np.inf]),
    (lambda x: theory.deep_time(0.5, x, 0.1, 3), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.deep_time(0.5, 1.0, x, 3), "a0", [0.0, -1.0, 0.6, "1", None, float("nan")]),
    (lambda x: theory.deep_time(0.5, 1.0, x, 1), "a0", [-1.0, 0.6, "1", None]),
    (lambda x: theory.deep_time(0.5, 1.0, 0.1, x), "layers", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: theory.deep_time(0.5, 1.0, 0.1, 3, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.deep_time(x, [1.0, 2.0], 0.1, 3), "arguments", [[0.1, 0.2, 0.3]]),
    (lambda x: theory.deep_strength(x, 1.0, 0.1, 3), "t", [-1.0, "1", None, float("nan"), -np.inf]),
    (lambda x: theory.deep_strength(1.0, x, 0.1, 3), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.deep_strength(1.0, 1.0, x, 3), "a0", [0.0, -1.0, 1.1, "1", None, float("nan")]),
    (lambda x: theory.deep_strength(1.0, 1.0, x, 1), "a0", [-1.0, 1.1, "1", None]),
    (lambda x: theory.deep_strength(1.0, 1.0, 0.1, x), "layers", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: theory.deep_strength(1.0, 1.0, 0.1, 3, x), "tau", [0.0, -1.0, "1"]),
    (lambda x: theory.deep_strength(x, [1.0, 2.0], 0.1, 3), "arguments", [[0.1, 0.2, 0.3]]),
    (lambda x: theory.stage_ratio(x, 0.1), "s", [0.0, -1.0, "1", None, float("nan")]),
    (lambda x: theory.stage_ratio(1.0, x), "a0", [0.0, -1.0, 0.5, "1", None, float("nan")]),
    (lambda x: theory.stage_ratio(1.0, x, 1), "a0", [-1.0, 0.5, "1", None]),
    (lambda x: theory.stage_ratio(1.0, 0.1, x), "layers", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: theory.stage_ratio(x, [0.1, 0.2]), "arguments", [[1.0, 2.0, 3.0]]),
    (lambda x: theory.max_rate(x), "data", ["x", None, 3, np.ones((3, 4)), pl.Dataset(np.zeros((3, 2)))]),
    (lambda x: theory.max_rate(DATA, x), "update", ["flow", None, 3]),
    (lambda x: theory.max_rate(DATA, layers=x), "layers", [*NOT_INTEGERS, 0, 3, *HUGE]),
    (lambda x: theory.mode_strength(x, [1.0, 2.0], 0.1), "arguments", [[1.0, 2.0, 3.0]]),
    (lambda x: theory.half_time(x, [0.1, 0.2]), "arguments", [[1.0, 2.0, 3.0]]),
    (lambda x: theory.initial_strength(x, W32, W32, W21.T), "w21", ["x", None, W21[0], W21 * 1j]),
    (lambda x: theory.initial_strength(W21, x, W32, W21.T), "w32", ["x", None, W32[:, :1], W32 * 1j]),
    (lambda x: theory.initial_strength(W21, W32, x, W21.T), "u", ["x", None, W32[:1], W32 * 1j]),
    (lambda x: theory.initial_strength(W21, W32, W32, x), "v", ["x", None, W21, W32 * 1j]),
    (
        lambda x: theory.tree_covariance(x, 0.1),
        "parent",
        [
            *["-1", None, 3, np.array(-1), 1j, object(), {}, []],
            *[[0.0, -1], [-1, True], [[-1, 0]], [-1, None], ["-1"], np.array([-1.0, 0.0]), [-1, 10**400]],
            *[[-1, 0, 3], [-1, -2], [-1, 0, -1], [1, 0], [0], [-1, 1], [-1, 2, 3, 1], range(1000)],
        ],
    ),
    (
        lambda x: theory.tree_covariance([-1, 0, 0], x),
        "flip",
        [*NOT_REALS, -0.1, 0.7, 1, (0.1,) * 2, (0.1,) * 4, (0.1, "x", 0.1), (0.1, 0.1, 0.6), np.full((3, 1), 0.1)],
    ),
    (lambda x: theory.flow([1.0], x, W32, DATA), "w21", ["x", None, W21[0], W21[:, :2], W21 * np.nan]),
    (lambda x: theory.flow([1.0], W21, x, DATA), "w32", ["x", None, W32[0], W32[:, :1], W32 * np.nan]),
    (lambda x: theory.flow([1.0], W21, W32, x), "data", ["x", None, 3, np.ones((3, 4))]),
    (lambda x: theory.flow(x, W21, W32, DATA), "t", NOT_TIMES),
    (lambda x: theory.flow([1.0], W21, W32, DATA, x), "tau", [*NOT_REALS, 0.0, -1.0]),
    (lambda x: theory.flow([1.0], W21, W32, DATA, rtol=x), "rtol", [*NOT_REALS, 0.0, 1.0]),
    *(
        (call, name, values)
        for f in (modified, stochastic)
        for call, name, values in (
            (lambda x, f=f: f(t=x), "t", NOT_TIMES),
            (lambda x, f=f: f(w21=x), "w21", ["x", None, W21[0], W21[:, :2], W21 * np.nan]),
            (lambda x, f=f: f(w32=x), "w32", ["x", None, W32[0], W32[:, :1], W32 * np.nan]),
            (lambda x, f=f: f(data=x), "data", ["x", None, 3, np.ones((3, 4))]),
            (lambda x, f=f: f(data=x), "outputs", [pl.Dataset.from_gram(np.ones((4, 4)), 3)]),
            (lambda x, f=f: f(rate=x), "rate", [*NOT_REALS, 0.0, -1.0]),
        )
    ),
    (lambda x: modified(rtol=x), "rtol", [*NOT_REALS, 0.0, 1.0]),
    (
        lambda x: modified(order=x),
        "order",
        ["with_replacement", "random", None, 3, [], [4], [-1], [0.5], [[0]], [True]],
    ),
    (lambda x: stochastic(members=x), "members", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: stochastic(rng=x), "rng", [-1, 1.5, "0", [1, 2], True]),
    (lambda x: theory.batch_delay(x, 1.0, 0.1), "a", ["x", None, 0.0, -1.0, 0.05, 1.0, float("nan"), [[1], [1, 2]]]),
    (lambda x: theory.batch_delay(0.5, x, 0.1), "s|a", ["x", None, 0.0, -1.0, 0.5, float("inf")]),
    (lambda x: theory.batch_delay(0.5, 1.0, x), "a0|a", ["x", None, 0.0, -1.0, 0.6, 2.0]),
    *(
        (call, name, values)
        for f in (theory.exact_flow, theory.exact_flow_gram)
        for call, name, values in (
            (lambda x, f=f: f(x, W21, BALANCED, SIGMA), "t", NOT_TIMES),
            (
                lambda x, f=f: f([1.0], x, BALANCED, SIGMA),
                "w21",
                ["x", None, W21[0], W21[:, :2], W21 * np.nan, W21 * 2],
            ),
            (lambda x, f=f: f([1.0], W21, x, SIGMA), "w32|w21", ["x", None, W32[0], W32[:, :1], W32 * np.inf, W32]),
            (lambda x, f=f: f([1.0], W21, BALANCED, x), "sigma_yx", ["x", None, SIGMA * np.nan, SIGMA[0]]),
            (lambda x, f=f: f([1.0], W21, BALANCED, SIGMA, x), "tau", [*NOT_REALS, 0.0, -1.0]),
        )
    ),
    (lambda x: theory.exact_flow([1.0], x, x.T, SIGMA[:, :3]), "w21", [np.full((1, 3), 1e160)]),
    (lambda x: theory.exact_flow([1.0], W21, BALANCED, x), "sigma_yx", [np.full((3, 4), 1.7e308)]),
    (lambda x: theory.to_mode_coordinates(x, W32, DATA), "w21", ["x", None, W21[0], W21[:, :2], W21 * np.nan]),
    (lambda x: theory.to_mode_coordinates(W21, x, DATA), "w32", ["x", None, W32[0], W32[:, :1], W32 * np.nan]),
    (lambda x: theory.to_mode_coordinates(W21, W32, x), "data", ["x", None, 3, np.ones((3, 4))]),
    (lambda x: simplified(t=x), "t", NOT_TIMES),
    (lambda x: simplified(w21=x), "w21", ["x", None, W21[0], W21[:, :2], W21 * np.nan]),
    (lambda x: simplified(w32=x), "w32", ["x", None, W32[0], W32[:, :1], W32 * np.nan]),
    (lambda x: simplified(data=x), "data", ["x", None, 3, np.ones((3, 4)), pl.Dataset.from_gram(np.eye(4), 5)]),
    (lambda x: simplified(tau=x), "tau", [*NOT_REALS, 0.0, -1.0]),
    (lambda x: simplified(rtol=x), "rtol", [*NOT_REALS, 0.0, 1.0]),
    (lambda x: simplified(decorrelated=x), "decorrelated", NOT_SWITCHES),
    (lambda x: simplified(coordinates=x), "coordinates", NOT_SWITCHES),
    (lambda x: simplified(diagonal=x), "diagonal", NOT_SWITCHES),
    (lambda x: simplified(balanced=x), "balanced", NOT_SWITCHES),
]


@pytest.mark.parametrize(("call", "name", "value"), list(cells(SCALARS)))
def test_refused(call, name, value):
    assert_refused(call, name, value)
