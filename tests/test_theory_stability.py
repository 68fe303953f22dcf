import numpy as np
import pytest

import pylinear as pl
from pylinear import theory

TREES = [((2, 2), 0.1, 1000), ((3, 2), (0.2, 0.05), 600), ((2, 2, 2), 0.1, 400)]


def tree(k):
    branching, flip, n_features = TREES[k]
    return pl.Tree(branching, flip).sample(n_features, rng=0)


def near_the_minimum(data, distance=1e-6):
    """Weights of the balanced network that has learned everything, a little displaced; from plain linear algebra."""
    rng = np.random.default_rng(1)
    u, b, vt = np.linalg.svd(data.outputs @ np.linalg.pinv(data.inputs), full_matrices=False)
    k = min(data.n_items, b.size)
    r = np.linalg.qr(rng.standard_normal((2 * k, k)))[0]
    w21, w32 = (r * np.sqrt(b[:k])) @ vt[:k], (u[:, :k] * np.sqrt(b[:k])) @ r.T
    noise = distance * np.sqrt(b[0])
    return w21 + noise * rng.standard_normal(w21.shape), w32 + noise * rng.standard_normal(w32.shape)


def stays(data, rate, **how):
    """Whether a network near the minimum stays there."""
    w21, w32 = near_the_minimum(data)
    run = pl.train(data, hidden=len(w21), rate=rate, epochs=400, init=(w21, w32), rng=0, record=401, **how)
    return bool(run.loss[0].max() < 10 * run.loss[0, 0])


def measured_bound(stable, low, high):
    """The largest rate with `stable(rate)`, to one part in a thousand."""
    assert stable(low)
    assert not stable(high)
    while high / low > 1.001:
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


@pytest.mark.core
@pytest.mark.parametrize("k", range(3))
def test_batch_bound_on_trees(k):
    data = tree(k)
    bound = theory.max_rate(data, "batch")
    assert bound == pytest.approx(1 / data.modes.s[0], rel=1e-12)

    def stable(rate):
        return stays(data, rate, update="batch")

    assert measured_bound(stable, 0.9 * bound, 1.1 * bound) == pytest.approx(bound, rel=0.01)
    # From small weights, with all of learning in between.
    left = [
        pl.train(data, hidden=16, rate=f * bound, epochs=2000, init=pl.Gaussian(1e-3), update="batch", rng=0).loss[0]
        for f in (0.98, 1.03)
    ]
    assert left[0][-1] < 1e-20 * left[0][0]
    assert left[1][-1] > 1e-3 * left[1][0]


@pytest.mark.core
@pytest.mark.parametrize("order", ["cyclic", "reshuffled"])
@pytest.mark.parametrize("k", range(3))
def test_online_bound_on_trees(k, order):
    data = tree(k)
    bound = theory.max_rate(data)

    def stable(rate):
        return stays(data, rate, order=order)

    measured = measured_bound(stable, 0.9 * bound, 1.1 * bound)
    assert 0.99 < measured / bound < 1.05


@pytest.mark.core
def test_above_the_online_bound_learning_may_end_at_a_minimum_that_is_not_balanced():
    data = tree(0)
    w21, w32 = near_the_minimum(data)
    rate = 1.05 * theory.max_rate(data)
    run = pl.train(data, hidden=len(w21), rate=rate, epochs=3000, init=(w21, w32), rng=0)
    assert run.loss[0].max() > 1e6 * run.loss[0, 0] > 1e12 * run.loss[0, -1]
    end = run.weights
    unbalanced = [np.linalg.norm(b.T @ b - a @ a.T, 2) for a, b in ((w21, w32), (end.w21[0], end.w32[0]))]
    assert unbalanced[0] < 1e-4 * data.modes.s[0] < 1e-2 * data.modes.s[0] < unbalanced[1]


@pytest.mark.core
@pytest.mark.parametrize(("n_inputs", "n_items"), [(4, 4), (9, 5), (6, 6)])
def test_bounds_for_correlated_inputs(n_inputs, n_items):
    rng = np.random.default_rng(n_inputs)
    data = pl.Dataset(rng.standard_normal((30, n_items)), rng.standard_normal((n_inputs, n_items)))
    bound = theory.max_rate(data, "batch")

    def stable(rate):
        return stays(data, rate, update="batch")

    assert measured_bound(stable, 0.9 * bound, 1.1 * bound) == pytest.approx(bound, rel=0.02)
    assert stays(data, 0.98 * theory.max_rate(data), order="cyclic")


@pytest.mark.parametrize(("n_inputs", "n_items"), [(6, 4), (3, 8)])
def test_batch_bound_is_the_curvature_at_the_minimum(n_inputs, n_items):
    # By differences of the gradient, where there are more items than inputs and nothing fits exactly, too.
    rng = np.random.default_rng(2)
    data = pl.Dataset(rng.standard_normal((5, n_items)), rng.standard_normal((n_inputs, n_items)))
    w21, w32 = near_the_minimum(data, 0.0)

    def gradient(state):
        lower, upper = state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)
        error = upper @ lower @ data.inputs - data.outputs
        return np.concatenate([(upper.T @ error @ data.inputs.T).ravel(), (error @ (lower @ data.inputs).T).ravel()])

    start = np.concatenate([w21.ravel(), w32.ravel()])
    assert np.abs(gradient(start)).max() < 1e-10
    step = 1e-5
    hessian = [(gradient(start + step * e) - gradient(start - step * e)) / (2 * step) for e in np.eye(start.size)]
    assert theory.max_rate(data, "batch") == pytest.approx(2 / np.linalg.eigvalsh(hessian)[-1], rel=1e-6)


def test_bounds_are_their_formulas():
    rng = np.random.default_rng(3)
    for inputs in (None, rng.standard_normal((5, 4)), np.linalg.qr(rng.standard_normal((5, 4)))[0]):
        data = pl.Dataset(rng.standard_normal((7, 4)), inputs)
        b = data.outputs @ np.linalg.pinv(data.inputs)
        values, vectors = np.linalg.eigh(b.T @ b)
        size = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        feedback = data.inputs.T @ (np.sqrt(values[-1]) * np.eye(len(size)) + size) @ data.inputs
        assert theory.max_rate(data, "batch") == pytest.approx(2 / np.linalg.eigvalsh(feedback)[-1], rel=1e-12)
        assert theory.max_rate(data) == pytest.approx(2 / feedback.diagonal().max(), rel=1e-12)


def test_bounds_of_data_known_by_its_gram_matrix():
    rng = np.random.default_rng(4)
    for inputs in (None, rng.standard_normal((6, 4))):
        outputs = rng.standard_normal((50, 4))
        whole, known = pl.Dataset(outputs, inputs), pl.Dataset.from_gram(outputs.T @ outputs, 50, inputs)
        for update in ("batch", "online"):
            assert theory.max_rate(known, update) == pytest.approx(theory.max_rate(whole, update), rel=1e-10)
    # No array of features by features.
    huge = pl.Dataset.from_gram(10**12 * pl.Tree((2, 2), 0.1).covariance, 10**12)
    s = pl.Tree((2, 2), 0.1).singular_values(10**12)[[0, 1, 2, 2]]
    assert theory.max_rate(huge) == pytest.approx(2 / (s[0] + s.sum() / 4), rel=1e-10)


def test_bounds_without_a_hidden_layer():
    rng = np.random.default_rng(5)
    outputs, inputs = rng.standard_normal((3, 4)), rng.standard_normal((6, 4))
    data, one_hot = pl.Dataset(outputs, inputs), pl.Dataset(outputs)
    assert theory.max_rate(one_hot, "batch", layers=1) == theory.max_rate(one_hot, "online", layers=1) == 2.0

    def left(rate, update):
        w = np.zeros((3, 6))
        for _ in range(4000):
            for items in [slice(None)] if update == "batch" else [[p] for p in range(4)]:
                w += rate * (outputs[:, items] - w @ inputs[:, items]) @ inputs[:, items].T
        return np.linalg.norm(outputs - w @ inputs)

    bound = theory.max_rate(data, "batch", layers=1)
    with np.errstate(over="ignore", invalid="ignore"):
        assert left(0.99 * bound, "batch") < 1e-6
        assert not left(1.01 * bound, "batch") < 1e6
    assert left(0.99 * theory.max_rate(data, "online", layers=1), "online") < 1e-6
    longest = inputs[:, np.argmax(np.sum(inputs**2, axis=0))]
    single = pl.Dataset(outputs[:, :1], longest[:, None])
    assert theory.max_rate(data, "online", layers=1) == pytest.approx(2 / (longest @ longest), rel=1e-14)
    assert theory.max_rate(single, "batch", layers=1) == pytest.approx(2 / (longest @ longest), rel=1e-12)


@pytest.mark.core
def test_half_the_batch_bound_is_where_overshoot_begins():
    data = pl.Dataset([[3.0]])
    bound = theory.max_rate(data, "batch")

    def strengths(fraction, epochs=3000):
        run = pl.train(
            data,
            hidden=1,
            rate=fraction * bound,
            epochs=epochs,
            init=pl.Balanced(1e-3),
            update="batch",
            record=epochs + 1,
        )
        return run.mode_strengths[0, :, 0]

    for fraction in (0.2, 0.5):
        assert np.all(np.diff(strengths(fraction)) > -1e-14)
        assert strengths(fraction).max() < 3 * (1 + 1e-14)
    assert strengths(0.52).max() > 3 * (1 + 1e-8)
    assert strengths(0.98)[-1] == pytest.approx(3.0, rel=1e-10)
    # The map c <- c (1 + rate (s - c^2)) of the mode beyond the bound: bounded up to twice, first with period 2.
    c = np.sqrt(strengths(1.05))
    rate = 1.05 * bound
    np.testing.assert_allclose(c[1:], c[:-1] * (1 + rate * (3 - c[:-1] ** 2)), rtol=1e-12)
    assert abs(c[-1] - c[-2]) > 0.1
    assert c[-1] == pytest.approx(c[-3], rel=1e-10)
    assert 0.1 < np.nanmax(strengths(1.9)) < 20
    assert np.isnan(strengths(2.05)[-1])
