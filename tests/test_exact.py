"""Blocked, fused and the naive loop give one trajectory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pylinear as pl
from baselines import naive
from oracles import batch, presented, relative, sequential

pytestmark = pytest.mark.core

PRESENTATIONS = 2_000
ORDERS = ["cyclic", "reshuffled", "with_replacement", "given"]
# n_features, hidden, n_items: N2 < P, N2 > P, P = 1, N2 = 1, N3 = 1, more items than a block holds.
SIZES = [(50, 3, 7), (40, 20, 7), (30, 6, 1), (25, 1, 5), (1, 4, 5), (60, 9, 140)]
INPUTS = ["one-hot", "orthonormal", "orthogonal", "correlated"]


def make_inputs(kind, n_items, rng):
    if kind == "one-hot":
        return None
    q = np.linalg.qr(rng.standard_normal((n_items + 3, n_items)))[0]
    if kind == "orthonormal":
        return q
    if kind == "orthogonal":
        return q * rng.uniform(0.5, 1.5, n_items)
    return rng.standard_normal((n_items + 2, n_items)) / np.sqrt(n_items + 2)


def make_problem(size, kind, seed=0):
    n_features, hidden, n_items = size
    rng = np.random.default_rng(seed)
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), make_inputs(kind, n_items, rng))
    w21 = 0.1 * rng.standard_normal((hidden, data.n_inputs))
    w32 = 0.1 * rng.standard_normal((n_features, hidden))
    # Well inside stability, and fast enough that most of what can be learned is learned.
    return data, w21, w32, 0.2 / np.linalg.norm(data.outputs, 2)


def make_order(order, n_items, seed=1):
    if order != "given":
        return order
    return np.random.default_rng(seed).integers(0, n_items, 3 * n_items + 1).tolist()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("order", ORDERS)
def test_blocked_and_fused_are_the_naive_loop(size, kind, order):
    data, w21, w32, rate = make_problem(size, kind)
    order = make_order(order, data.n_items)
    expected = naive(data, w21, w32, rate, presented(order, data.n_items, 9, PRESENTATIONS))
    for route in ["fused"] if kind == "correlated" else ["fused", "blocked"]:
        run = pl.train(
            data,
            hidden=size[1],
            rate=rate,
            epochs=PRESENTATIONS / data.n_items,
            init=(w21, w32),
            order=order,
            rng=9,
            route=route,
            reduce=False,
            record=1,
        )
        assert run.completed[0] == PRESENTATIONS
        assert relative(run.weights.w21[0], expected[0]) < 1e-12
        assert relative(run.weights.w32[0], expected[1]) < 1e-12
        # Trained at all, and not merely left alone.
        assert relative(w32, expected[1]) > 1e-3


@pytest.mark.parametrize("size", [(9_000, 64, 32), (5_000, 16, 64), (700, 130, 21)], ids=str)
@pytest.mark.parametrize("route", ["blocked", "fused"])
def test_many_segments_and_tall_panels(size, route):
    data, w21, w32, rate = make_problem(size, "one-hot")
    items = presented("reshuffled", size[2], 5, 2 * size[2])
    expected = naive(data, w21, w32, rate, items)
    sim = pl.Simulation(data, w21, w32, rate=rate, rng=5, route=route)
    sim.advance(epochs=2)
    assert relative(sim.w21, expected[0]) < 1e-12
    assert relative(sim.w32, expected[1]) < 1e-12
    assert relative(w21, expected[0]) > 1e-3


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("reduce", [False, "exact", "krylov"])
def test_batches_are_the_sum_over_items(size, kind, reduce):
    data, w21, w32, rate = make_problem(size, kind)
    options = {"hidden": size[1], "rate": rate, "init": (w21, w32), "update": "batch", "rng": 0, "reduce": reduce}
    run = pl.train(data, epochs=60, record=[0, 7, 60], keep=["hidden"], **options)
    for t, epochs in enumerate([0, 7, 60]):
        a, b = batch(data, w21, w32, rate, epochs)
        shown = b @ a @ data.inputs
        assert run.loss[0, t] == pytest.approx(0.5 * np.sum((data.outputs - shown) ** 2), rel=1e-11)
        assert relative(run.hidden[0, t], a @ data.inputs) < 1e-11
        strengths = np.diag(data.modes.u.T @ b @ a @ data.modes.v)
        assert np.abs(run.mode_strengths[0, t] - strengths).max() < 1e-12 * data.modes.s[0]
    assert run.completed[0] == 60 * data.n_items
    assert relative(run.weights.w21[0], a) < 1e-11
    assert relative(run.weights.w32[0], b) < 1e-11
    assert relative(w32, b) > 1e-3


def test_a_simulation_by_batches():
    data, w21, w32, rate = make_problem((60, 9, 140), "correlated")
    sim = pl.Simulation(data, w21, w32, rate=rate, update="batch", dtype="float64")
    sim.advance(epochs=3)
    sim.advance(presentations=2 * 140)
    expected = batch(data, w21, w32, rate, 5)
    assert sim.epochs == 5
    assert relative(sim.w21, expected[0]) < 1e-13
    assert relative(sim.w32, expected[1]) < 1e-13
    with pytest.raises(ValueError, match=r"whole epochs for update='batch'; got 0\.5"):
        sim.advance(presentations=70)
    sim = pl.Simulation(data, w21, w32, rate=100.0, update="batch")
    sim.advance(epochs=100)
    assert sim.status == "diverged"
    assert np.isfinite(sim.w32).all()


@pytest.mark.parametrize("route", ["blocked", "fused"])
def test_float32_is_the_naive_loop_to_its_precision(route):
    data, w21, w32, rate = make_problem((200, 12, 7), "orthonormal")
    expected = naive(data, w21, w32, rate, presented("cyclic", 7, 0, PRESENTATIONS))
    sim = pl.Simulation(data, w21, w32, rate=rate, order="cyclic", dtype="float32", route=route)
    sim.advance(presentations=PRESENTATIONS)
    assert sim.w32.dtype == sim.w21.dtype == np.float32
    assert relative(sim.w21, expected[0]) < 1e-5
    assert relative(sim.w32, expected[1]) < 1e-5


def test_the_sequential_update_is_another_rule():
    data, w21, w32, rate = make_problem((50, 6, 4), "one-hot")
    sim = pl.Simulation(data, w21, w32, rate=rate, order="cyclic")
    sim.advance(presentations=100)
    items = presented("cyclic", 4, 0, 100)
    assert relative(sim.w32, naive(data, w21, w32, rate, items)[1]) < 1e-13
    assert relative(sim.w32, sequential(data, w21, w32, rate, items)[1]) > 1e-3


def test_the_update_is_the_gradient_of_half_the_squared_error():
    data, w21, w32, _ = make_problem((6, 3, 4), "correlated")
    sim = pl.Simulation(data, w21, w32, rate=1e-3, order=[2])
    sim.advance(presentations=1)

    def loss(a, b):
        return 0.5 * np.sum((data.outputs[:, 2] - b @ a @ data.inputs[:, 2]) ** 2)

    for moved, start, f in (
        (sim.w21, w21, lambda w: loss(w, w32)),
        (sim.w32, w32, lambda w: loss(w21, w)),
    ):
        for index in np.ndindex(start.shape):
            step = np.zeros(start.shape)
            step[index] = 1e-6
            slope = (f(start + step) - f(start - step)) / 2e-6
            assert (start - moved)[index] / 1e-3 == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("order", ["cyclic", "reshuffled", "with_replacement"])
def test_orders_are_those_of_the_oracle(order):
    # With a one-hot input only the shown item's column of W21 moves: stepping reveals the order.
    data, w21, w32, rate = make_problem((20, 3, 5), "one-hot")
    shown = []
    run = pl.train(
        data,
        hidden=3,
        rate=rate,
        epochs=12,
        init=(w21, w32),
        order=order,
        rng=4,
        runs=2,
        record=np.arange(61) / 5,
        keep=["weights"],
        route="fused",
        reduce=False,
    )
    for k in range(2):
        steps = np.abs(np.diff(run.weights_over_time.w21[k], axis=0)).sum(axis=1)
        assert ((steps > 0).sum(axis=1) == 1).all()
        shown.append(np.argmax(steps, axis=1).tolist())
        assert shown[k] == presented(order, 5, 4, 60, run=k)
    if order == "cyclic":
        return
    assert shown[0] != shown[1]
    if order == "reshuffled":
        assert all(sorted(shown[0][t : t + 5]) == list(range(5)) for t in range(0, 60, 5))


@settings(max_examples=150, deadline=None)
@given(
    n_features=st.integers(1, 40),
    hidden=st.integers(1, 40),
    n_items=st.integers(1, 40),
    items=st.lists(st.integers(0, 39), min_size=1, max_size=120),
    scale=st.sampled_from([1e-6, 1e-2, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_any_shape_and_any_order(n_features, hidden, n_items, items, scale, seed):
    items = [item % n_items for item in items]
    rng = np.random.default_rng(seed)
    data = pl.Dataset(rng.standard_normal((n_features, n_items)))
    w21 = scale * rng.standard_normal((hidden, n_items))
    w32 = scale * rng.standard_normal((n_features, hidden))
    rate = 0.1 / (np.linalg.norm(data.outputs, 2) + np.linalg.norm(w21, 2) ** 2 + np.linalg.norm(w32, 2) ** 2)
    expected = naive(data, w21, w32, rate, items)
    for route in ("blocked", "fused"):
        sim = pl.Simulation(data, w21, w32, rate=rate, order=items, route=route)
        sim.advance(presentations=len(items))
        assert relative(sim.w21, expected[0]) < 1e-12
        assert relative(sim.w32, expected[1]) < 1e-12


@pytest.mark.parametrize("kind", INPUTS)
def test_recorded_quantities_are_their_definitions(kind):
    data, w21, w32, rate = make_problem((700, 6, 9), kind)
    run = pl.train(
        data,
        hidden=6,
        rate=rate,
        epochs=30,
        init=(w21, w32),
        record=[0, 1.5, 7, 30],
        keep=["hidden", "weights"],
        rng=0,
        reduce=False,
    )
    modes = data.modes
    for t in range(4):
        a, b = run.weights_over_time.w21[0, t], run.weights_over_time.w32[0, t]
        strengths = np.diag(modes.u.T @ b @ a @ modes.v)
        np.testing.assert_allclose(run.mode_strengths[0, t], strengths, rtol=1e-11, atol=1e-13)
        assert run.loss[0, t] == pytest.approx(0.5 * np.sum((data.outputs - b @ a @ data.inputs) ** 2), rel=1e-12)
        np.testing.assert_allclose(run.hidden[0, t], a @ data.inputs, rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(run.weights_over_time.w21[0, 0], w21)
    np.testing.assert_array_equal(run.weights_over_time.w32[0, 3], run.weights.w32[0])
    np.testing.assert_array_equal(run.weights_over_time.w21[0, 3], run.weights.w21[0])
