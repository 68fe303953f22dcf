import copy
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pylinear as pl
from baselines import naive
from oracles import presented, relative

pytestmark = pytest.mark.core


@pytest.fixture
def data():
    return pl.toy("signed")


@pytest.fixture
def weights(data):
    return pl.Gaussian(0.1).draw(data, hidden=6, rng=np.random.default_rng(0))


def test_epochs_and_presentations(data, weights):
    sim = pl.Simulation(data, *weights, rate=0.01, rng=0)
    sim.advance(epochs=2.5)
    assert (sim.presentations, sim.epochs) == (10, 2.5)
    sim.advance(presentations=3)
    assert (sim.presentations, sim.epochs) == (13, 3.25)
    sim.advance(presentations=0)
    assert sim.presentations == 13


def test_advance_needs_one_length(data, weights):
    sim = pl.Simulation(data, *weights, rate=0.01)
    for arguments in ({}, {"epochs": 1, "presentations": 1}):
        with pytest.raises(TypeError, match="either epochs or presentations"):
            sim.advance(**arguments)
    assert sim.presentations == 0


def test_what_it_shows_is_defined_by_its_weights(data, weights):
    sim = pl.Simulation(data, *weights, rate=0.01, rng=0)
    sim.advance(presentations=7)
    modes = data.modes
    np.testing.assert_allclose(sim.hidden, sim.w21, rtol=1e-14)
    strengths = np.diag(modes.u.T @ sim.w32 @ sim.w21 @ modes.v)
    np.testing.assert_allclose(sim.mode_strengths, strengths, atol=1e-14)
    assert sim.loss == pytest.approx(0.5 * np.sum((data.outputs - sim.w32 @ sim.w21) ** 2), rel=1e-13)


def test_weights_are_copies(data, weights):
    sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic")
    weights.w32[:] = 0
    sim.w32[:] = 0
    assert np.abs(sim.w32).max() > 0


def test_order_and_rng_change_the_result(data, weights):
    ends = set()
    for order, rng in (("cyclic", 0), ("reshuffled", 0), ("reshuffled", 1), ("with_replacement", 0), ([3, 1], 0)):
        sim = pl.Simulation(data, *weights, rate=0.01, order=order, rng=rng)
        sim.advance(presentations=11)
        ends.add(sim.w32.tobytes())
    assert len(ends) == 5


def test_rate_changes_the_result_and_the_seed_is_recorded(data, weights):
    one = pl.Simulation(data, *weights, rate=0.01, rng=None)
    one.advance(epochs=5)
    same = pl.Simulation(data, *weights, rate=0.01, rng=one.rng)
    same.advance(epochs=5)
    faster = pl.Simulation(data, *weights, rate=0.02, rng=one.rng)
    faster.advance(epochs=5)
    np.testing.assert_array_equal(one.w32, same.w32)
    assert (one.w32 != faster.w32).any()


def test_threads_may_share_a_simulation():
    data = pl.Tree((2, 2), 0.1).sample(2_000, rng=0)
    weights = pl.Gaussian(0.01).draw(data, 8, np.random.default_rng(0))
    shared = pl.Simulation(data, *weights, rate=1e-4, rng=0)

    def work():
        for _ in range(20):
            shared.advance(presentations=7)
            assert np.isfinite(shared.loss)
            assert np.isfinite(shared.w21).all()

    with ThreadPoolExecutor(4) as pool:
        for task in [pool.submit(work) for _ in range(4)]:
            task.result()
    alone = pl.Simulation(data, *weights, rate=1e-4, rng=0)
    alone.advance(presentations=4 * 20 * 7)
    assert shared.presentations == alone.presentations
    np.testing.assert_array_equal(shared.w32, alone.w32)


def test_a_signal_handler_that_looks_in_is_told_to_wait(data, weights):
    sim = pl.Simulation(data, *weights, rate=1e-4, rng=0)
    before = signal.signal(signal.SIGALRM, lambda *_: sim.loss)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(RuntimeError, match="in the middle of a call of its own"):
            sim.advance(epochs=10**9)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isfinite(sim.loss)


def test_looking_at_the_position_disturbs_nothing():
    data = pl.Tree((2,) * 5, 0.1).sample(3_000, rng=0)
    weights = pl.Gaussian(0.01).draw(data, 64, np.random.default_rng(0))
    watched, alone = (pl.Simulation(data, *weights, rate=1e-4, rng=0) for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(watched.advance, epochs=40)
        seen = set()
        while not training.done():
            seen.add(watched.presentations)
            assert "network after" in repr(watched)
    assert seen <= {0, 40 * 32}
    alone.advance(epochs=40)
    assert watched.presentations == alone.presentations == 40 * 32
    np.testing.assert_array_equal(watched.w32, alone.w32)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_simulation_is_not_copied_unawares(data, weights, take):
    with pytest.raises(TypeError, match="cannot be pickled or copied: save it to a file"):
        take(pl.Simulation(data, *weights, rate=1e-4))


@pytest.mark.parametrize(
    ("scale", "dtype"), [(1e-200, "float64"), (1e104, "float64"), (1e-24, "float32"), (1e-20, "float32")]
)
@pytest.mark.parametrize("route", ["blocked", "fused"])
def test_the_scale_of_the_data_makes_no_difference(scale, dtype, route):
    # y -> c y, W -> sqrt(c) W, rate -> rate / c leaves (3)-(4) as they are.
    rng = np.random.default_rng(1)
    y, w21, w32 = rng.standard_normal((7, 4)), rng.standard_normal((5, 4)) / 10, rng.standard_normal((7, 5)) / 10
    ends = []
    for c in (1.0, scale):
        sim = pl.Simulation(
            pl.Dataset(y * c), w21 * c**0.5, w32 * c**0.5, rate=0.05 / c, order="cyclic", dtype=dtype, route=route
        )
        sim.advance(presentations=400)
        assert sim.status == "ok"
        ends.append(sim.w32 / c**0.5)
    assert relative(ends[1], ends[0]) < (1e-12 if dtype == "float64" else 1e-4)


def test_inputs_of_very_different_lengths_are_not_taken_for_orthogonal():
    e = 7e-8
    inputs = np.array([[1, 0, 0], [0, e, e], [0, 0, e]])
    data = pl.Dataset(np.eye(3), inputs)
    assert not data.orthogonal
    w21, w32, rate = np.diag([0.1, 1e3, 1e3]), np.eye(3) / 2, 0.1 / e
    sim = pl.Simulation(data, w21, w32, rate=rate, order=[1, 2])
    sim.advance(presentations=2_000)
    expected = naive(data, w21, w32, rate, [1, 2] * 1_000)
    assert relative(sim.w21, expected[0]) < 1e-12
    assert pl.Dataset(np.eye(2), 1e-170 * np.eye(2)).orthogonal
    assert not pl.Dataset(np.eye(2), 1e-170 * np.array([[1.0, 1.0], [0.0, 1.0]])).orthogonal


def test_representation(data, weights):
    sim = pl.Simulation(data, *weights, rate=0.01)
    sim.advance(presentations=2)
    assert repr(sim) == "Simulation(4-6-5 network after 2 presentations, ok)"


def overflows_at(data, weights, rate, order, n=2_000):
    """The first presentation in the naive loop after which a weight is not finite."""
    with np.errstate(all="ignore"):
        w21, w32 = weights
        for t, item in enumerate(presented(order, data.n_items, 0, n)):
            w21, w32 = naive(data, w21, w32, rate, [item])
            if not (np.isfinite(w21).all() and np.isfinite(w32).all()):
                return t
    raise AssertionError("the naive loop does not diverge")


@pytest.mark.parametrize("route", ["blocked", "fused"])
@pytest.mark.parametrize("rate", [1.5, 30.0, 1e150])
@pytest.mark.parametrize("size", [(5, 6, 4), (600, 3, 150)], ids=str)
def test_divergence_keeps_the_last_finite_weights(route, rate, size):
    rng = np.random.default_rng(0)
    n_features, hidden, n_items = size
    data = pl.Dataset(rng.standard_normal((n_features, n_items)))
    weights = rng.standard_normal((hidden, n_items)) / 10, rng.standard_normal((n_features, hidden)) / 10
    rate = rate / data.modes.s[0] ** (1 if rate < 1e100 else 0)
    sim = pl.Simulation(data, *weights, rate=rate, order="cyclic", route=route)
    sim.advance(presentations=2_000)
    if sim.status == "ok":
        # 1.5 / s1 can end in a bounded oscillation: then the naive loop stays finite too.
        assert rate < 2 / data.modes.s[0]
        assert np.isfinite(naive(data, *weights, rate, presented("cyclic", n_items, 0, 2_000))[1]).all()
        return
    assert sim.status == "diverged"
    assert np.isfinite(sim.w21).all()
    assert np.isfinite(sim.w32).all()
    # The squared error overflows before the weights do, so the stop may come a few presentations earlier.
    last = overflows_at(data, weights, rate, "cyclic")
    assert last - n_items <= sim.presentations <= last
    # The state is that of the naive loop there, not of somewhere else.
    with np.errstate(all="ignore"):
        expected = naive(data, *weights, rate, presented("cyclic", n_items, 0, sim.presentations))
    assert relative(sim.w32, expected[1]) < 1e-6
    # And it stays there.
    before = sim.w32
    sim.advance(epochs=3)
    np.testing.assert_array_equal(sim.w32, before)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("inputs", "options"),
    [(None, {"route": "blocked"}), (None, {"route": "fused"}), (None, {"update": "batch"}), (np.eye(5) + 0.3, {})],
    ids=["blocked", "fused", "batch", "correlated"],
)
def test_what_a_run_that_diverges_has_recorded_is_finite(dtype, inputs, options):
    # The items that are not shown count: theirs may be the first squared errors to overflow.
    data = pl.Dataset(np.random.default_rng(0).standard_normal((40, 5)), inputs)
    grid = {"epochs": 60, "record": 61 if "update" in options else 301, "keep": ["hidden", "weights", "maps"]}
    for rate in (3.0, 30.0, 1e3):
        arguments = {"hidden": 4, "rate": rate / data.modes.s[0], "init": pl.Gaussian(0.3), "rng": 1, "reduce": False}
        run = pl.train(data, dtype=dtype, **arguments, **grid, **options)
        done = run.presentations <= run.completed[0]
        if rate > 3:
            assert run.status == ("diverged",)
        for array in (run.mode_strengths, run.loss, run.hidden, run.maps, *run.weights_over_time):
            assert np.isfinite(array[0][done]).all()
            assert np.isnan(array[0][~done]).all()


@pytest.mark.parametrize("route", ["blocked", "fused"])
def test_where_divergence_stops_does_not_depend_on_the_calls(route):
    data = pl.toy("signed")
    weights = pl.Gaussian(0.1).draw(data, hidden=6, rng=np.random.default_rng(0))
    whole = pl.Simulation(data, *weights, rate=2.0, route=route, rng=1)
    whole.advance(presentations=500)
    parts = pl.Simulation(data, *weights, rate=2.0, route=route, rng=1, threads=1)
    for _ in range(500):
        parts.advance(presentations=1)
    assert whole.status == parts.status == "diverged"
    assert whole.presentations == parts.presentations
    np.testing.assert_array_equal(whole.w32, parts.w32)


def test_huge_weights_do_not_overflow_unnoticed():
    data = pl.toy()
    w21, w32 = np.full((2, 4), 1e200), np.full((5, 2), 1e200)
    for route in ("blocked", "fused"):
        sim = pl.Simulation(data, w21, w32, rate=0.1, route=route)
        sim.advance(epochs=1)
        assert sim.status == "diverged"
        assert sim.presentations == 0
        np.testing.assert_array_equal(sim.w21, w21)


def test_float32_diverges_within_its_own_range():
    data = pl.toy("signed")
    weights = pl.Gaussian(0.1).draw(data, hidden=6, rng=np.random.default_rng(0))
    sim = pl.Simulation(data, *weights, rate=2.0, dtype="float32")
    sim.advance(epochs=100)
    assert sim.status == "diverged"
    assert np.isfinite(sim.w32).all()


def test_zero_weights_stay_zero():
    data = pl.toy()
    sim = pl.Simulation(data, np.zeros((3, 4)), np.zeros((5, 3)), rate=0.1)
    sim.advance(epochs=10)
    assert not sim.w21.any()
    assert not sim.w32.any()


def test_zero_inputs_teach_nothing():
    inputs = np.eye(4)
    inputs[:, 2] = 0
    data = pl.Dataset(np.ones((3, 4)), inputs)
    rng = np.random.default_rng(0)
    w21, w32 = rng.standard_normal((5, 4)), rng.standard_normal((3, 5))
    expected = naive(data, w21, w32, 0.01, presented("cyclic", 4, 0, 400))
    for route in ("blocked", "fused"):
        sim = pl.Simulation(data, w21, w32, rate=0.01, order="cyclic", route=route)
        sim.advance(presentations=400)
        assert relative(sim.w21, expected[0]) < 1e-13
        np.testing.assert_array_equal(sim.w21[:, 2], w21[:, 2])


@pytest.mark.parametrize("rate", [0.3, 1.9])
def test_one_presented_item_is_learned_like_a_shallow_network_when_w21_is_fixed(rate):
    # One item, and W21 so large that only W32 learns: the error shrinks by 1 - rate |h|^2 a presentation.
    data = pl.Dataset([[1.0], [2.0]])
    w21, w32 = np.array([[1e6]]), np.zeros((2, 1))
    sim = pl.Simulation(data, w21, w32, rate=rate * 1e-12)
    errors = []
    for _ in range(5):
        errors.append(data.outputs - sim.w32 @ sim.w21)
        sim.advance(presentations=1)
    np.testing.assert_allclose(errors[1:], (1 - rate) * np.array(errors[:-1]), rtol=1e-9)
