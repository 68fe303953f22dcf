"""One cycle of learning against the flow that stands for it: they may differ by the third order in the rate alone."""

from itertools import permutations

import numpy as np
import pytest

from pylinear import _flow

N_ITEMS = 4


@pytest.fixture(scope="module", params=["one-hot", "correlated", "wide"])
def problem(request):
    rng = np.random.default_rng(0)
    shape = {"one-hot": None, "correlated": (3, N_ITEMS), "wide": (6, N_ITEMS)}[request.param]
    inputs = np.eye(N_ITEMS) if shape is None else rng.standard_normal(shape)
    outputs = rng.standard_normal((6, N_ITEMS))
    return inputs, outputs, 0.5 * rng.standard_normal((3, len(inputs))), 0.5 * rng.standard_normal((6, 3))


def online(problem, rate, items):
    """(3)-(4), item by item."""
    inputs, outputs, w21, w32 = problem
    for p in items:
        x, h = inputs[:, p], w21 @ inputs[:, p]
        error = outputs[:, p] - w32 @ h
        w21, w32 = w21 + rate * np.outer(w32.T @ error, x), w32 + rate * np.outer(error, h)
    return np.concatenate([w21.ravel(), w32.ravel()])


def batch(problem, rate):
    inputs, outputs, w21, w32 = problem
    error = outputs - w32 @ w21 @ inputs
    step = np.concatenate([(w32.T @ error @ inputs.T).ravel(), (error @ (w21 @ inputs).T).ravel()])
    return np.concatenate([w21.ravel(), w32.ravel()]) + rate * step


def predicted(problem, rate, order, epochs=1.0):
    inputs, outputs, w21, w32 = problem
    velocity = _flow.modified(inputs, outputs, rate, _flow.pacing(order, N_ITEMS))
    lower, upper = _flow.integrate(velocity, np.array([epochs * rate]), w21, w32, 1e-13)
    return np.concatenate([lower.ravel(), upper.ravel()])


def local_order(difference):
    """The power of the rate with which the difference goes to zero."""
    big, small = (np.abs(difference(rate)).max() for rate in (2e-3, 1e-3))
    return np.log2(big / small)


CYCLES = {
    "cyclic": (range(N_ITEMS), "cyclic", 1),
    "a permutation": ([2, 0, 3, 1], np.array([2, 0, 3, 1]), 1),
    "two permutations": ([2, 0, 3, 1, 0, 1, 2, 3], np.array([2, 0, 3, 1, 0, 1, 2, 3]), 2),
    "items more often than others": ([0, 0, 3, 1, 2, 1, 3], np.array([0, 0, 3, 1, 2, 1, 3]), 7 / 4),
    "one item": ([1], np.array([1]), 1 / 4),
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle(problem, name):
    items, order, epochs = CYCLES[name]
    assert local_order(
        lambda rate: online(problem, rate, items) - predicted(problem, rate, order, epochs)
    ) == pytest.approx(3, abs=0.15)


def test_a_batch(problem):
    assert local_order(lambda rate: batch(problem, rate) - predicted(problem, rate, "batch")) == pytest.approx(
        3, abs=0.15
    )


def test_the_mean_over_all_permutations(problem):
    def difference(rate):
        ends = [online(problem, rate, items) for items in permutations(range(N_ITEMS))]
        return np.mean(ends, axis=0) - predicted(problem, rate, "reshuffled")

    assert local_order(difference) == pytest.approx(3, abs=0.15)


def test_the_mean_over_all_draws_with_replacement(problem):
    # Of two presentations, half an epoch.
    def difference(rate):
        draws = [(p, q) for p in range(N_ITEMS) for q in range(N_ITEMS)]
        mean = np.mean([online(problem, rate, items) for items in draws], axis=0)
        return mean - predicted(problem, rate, "with_replacement", 0.5)

    # The noise has a drift of its own at the third order, and none at the second.
    assert local_order(difference) == pytest.approx(3, abs=0.2)


def test_each_permutation_is_a_cycle_of_its_own():
    items = np.array([2, 0, 3, 1, 0, 1, 2, 3])
    pairs = [_flow.pacing(part, N_ITEMS).pairs for part in (items[:4], items[4:])]
    np.testing.assert_allclose(_flow.pacing(items, N_ITEMS).pairs, np.mean(pairs, axis=0))
    np.testing.assert_array_equal(
        _flow.pacing(np.arange(N_ITEMS), N_ITEMS).pairs, _flow.pacing("cyclic", N_ITEMS).pairs
    )


def test_shares_are_presentations_an_epoch():
    np.testing.assert_allclose(_flow.pacing(np.array([0, 0, 3, 1, 2, 1, 3]), 4).shares, np.array([2, 2, 1, 2]) * 4 / 7)
    for order in ("batch", "cyclic", "reshuffled", "with_replacement"):
        np.testing.assert_array_equal(_flow.pacing(order, 3).shares, 1)


def test_periods_are_presentations_until_it_begins_again():
    assert [_flow.pacing(order, 3).period for order in ("batch", "cyclic", "reshuffled", "with_replacement")] == [
        3,
        3,
        3,
        1,
    ]
    assert _flow.pacing(np.array([2, 0, 1, 1, 0, 2]), 3).period == 3  # a permutation an epoch
    assert _flow.pacing(np.array([2, 0, 1, 1]), 3).period == 4
    assert _flow.pacing(np.zeros(13, dtype=int), 3).period == 1  # no short cycle


def test_weights_may_have_leading_axes(problem):
    inputs, outputs, w21, w32 = problem
    velocity = _flow.modified(inputs, outputs, 0.1, _flow.pacing("cyclic", N_ITEMS))
    several = velocity(np.stack([w21, 2 * w21]), np.stack([w32, -w32]))
    for k, weights in enumerate([(w21, w32), (2 * w21, -w32)]):
        for both, one in zip(several, velocity(*weights), strict=True):
            np.testing.assert_allclose(both[k], one, rtol=1e-12)


def test_without_noise_between_items_an_ensemble_is_one_flow():
    # A single item: drawing it with replacement is no draw at all.
    inputs, outputs = np.ones((1, 1)), np.array([[2.0], [1.0]])
    w21, w32 = np.array([[0.1]]), np.array([[0.2], [0.0]])
    rate, epochs = 0.02, np.array([0.0, 10.0, 60.0])
    three = [np.repeat(w[None], 3, axis=0) for w in (w21, w32)]
    states = list(_flow.ensemble(inputs, outputs, rate, epochs, *three, np.random.default_rng(0)))
    velocity = _flow.modified(inputs, outputs, rate, _flow.pacing("batch", 1))
    lower, upper = _flow.integrate(velocity, epochs * rate, w21, w32, 1e-12)
    for t, (low, up) in enumerate(states):
        np.testing.assert_allclose(low, np.repeat(lower[None, t], 3, axis=0), rtol=1e-6)
        np.testing.assert_allclose(up, np.repeat(upper[None, t], 3, axis=0), rtol=1e-6)
