"""Reduced networks stand for the ones asked for: the same trajectory, or the same law."""

import _thread
import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from scipy import linalg  # noqa: F401 (loaded before allocations are counted)

import pylinear as pl
from oracles import relative
from problems import inputs_of, learning, problem
from pylinear import _exact, _levels, _problem
from pylinear._problem import Layers
from pylinear._record import Record, Trained, difference

pytestmark = pytest.mark.core

INPUTS = ["one-hot", "orthonormal", "orthogonal", "correlated", "wide", "rank-deficient", "a zero input"]
# n_features, hidden, n_items, and which axis of W32 is rotated: N2 < P < N3, P < N2 < N3, N3 < N2, neither.
SIZES = [(60, 3, 5, "rows"), (60, 20, 5, "rows"), (4, 40, 5, "hidden"), (8, 9, 5, None)]
ORDERS = ["cyclic", "reshuffled", "with_replacement", [0, 3, 1, 1, 2, 0]]


def everything(run):
    """All that a run hands back, by name."""
    return {
        "mode strengths": run.mode_strengths,
        "loss": run.loss,
        "initial strengths": run.initial_strengths,
        "w21": run.weights.w21,
        "w32": run.weights.w32,
        "hidden": run.hidden,
        "w21 over time": run.weights_over_time.w21,
        "w32 over time": run.weights_over_time.w32,
    }


def assert_same(run, direct, tol=1e-12):
    assert direct.reduction.kind == "none"
    assert run.status == direct.status
    expected = everything(direct)
    for name, value in everything(run).items():
        assert value.shape == expected[name].shape, name
        assert value.dtype == expected[name].dtype, name
        assert relative(value, expected[name]) < tol, name


def both(data, arguments, reduce="exact", **more):
    arguments = {"epochs": 80, "record": 5, "runs": 2, "keep": ["hidden", "weights"], **arguments, **more}
    return pl.train(data, reduce=reduce, **arguments), pl.train(data, reduce=False, **arguments)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", INPUTS)
def test_exact_is_direct(size, kind):
    data, arguments = problem(size, kind)
    run, direct = both(data, arguments, init=pl.Gaussian(0.1))
    assert_same(run, direct)
    n_features, hidden, n_items, axis = size
    rank = {"rank-deficient": 2}.get(kind, n_items)
    lower = n_items if data.orthogonal else rank
    assert run.reduction.kind == "exact"
    assert run.reduction.inputs == lower
    assert run.reduction.rows == (n_items + hidden if axis == "rows" else n_features)
    assert run.reduction.hidden == (lower + n_features if axis == "hidden" else hidden)
    assert run.reduction.errors.tolist() == [0, 0]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("kind", ["one-hot", "wide"])
def test_exact_is_direct_in_any_order(size, order, kind):
    data, arguments = problem(size, kind)
    assert_same(*both(data, arguments, init=pl.Gaussian(0.1), order=order))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reduce", ["exact", "krylov"])
@pytest.mark.parametrize("kind", ["one-hot", "orthogonal", "correlated"])
def test_other_initial_weights(size, reduce, kind):
    data, arguments = problem(size, kind)
    n_features, hidden, _, _ = size
    rng = np.random.default_rng(3)
    given = rng.standard_normal((2, hidden, data.n_inputs)) / 10, rng.standard_normal((2, n_features, hidden)) / 10
    # Columns of very different sizes, one of nothing, two that agree to eight digits.
    uneven = given[0], given[1] * np.geomspace(1, 1e-6, hidden)
    uneven[1][..., 1] = 0
    uneven[1][..., 0] = uneven[1][..., 2] + 1e-9 * uneven[1][..., 0]
    for init in (pl.Balanced(0.01), pl.Decoupled(0.1, 1e-4), given, uneven, (given[0] * 0, given[1])):
        run, direct = both(data, arguments, reduce, init=init)
        assert_same(run, direct, 1e-11 if reduce == "krylov" else 1e-12)


@pytest.mark.parametrize("kind", ["one-hot", "correlated"])
@pytest.mark.parametrize("reduce", ["exact", "krylov"])
def test_data_of_lower_rank(kind, reduce):
    # An item shown under two names, and a mode of no strength.
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((80, 3))[:, [0, 1, 2, 0]]
    data = pl.Dataset(outputs - outputs.mean(axis=1, keepdims=True), inputs_of(kind, 4, rng))
    assert data.modes.s[-1] < 1e-12
    run, direct = both(data, {"hidden": 12, "rate": 0.005, "rng": 1}, reduce, init=pl.Gaussian(0.1))
    assert_same(run, direct)


def test_float32():
    data, arguments = problem(SIZES[1])
    run, direct = both(data, arguments, init=pl.Gaussian(0.1), dtype="float32")
    assert_same(run, direct, 1e-5)
    with pytest.raises(ValueError, match=r"tol must be at least 1e-05 for this dtype; got 1e-12"):
        pl.train(data, **arguments, epochs=1, dtype="float32", reduce="krylov")


def test_a_run_that_diverges_does_so_reduced():
    data, arguments = problem(SIZES[1])
    for reduce in ("exact", "krylov"):
        run, direct = both(data, {**arguments, "rate": 1.0}, reduce, record=81, init=pl.Gaussian(0.1))
        assert run.status == direct.status == ("diverged",) * 2
        assert np.abs(run.completed - direct.completed).max() <= 1
        assert np.isfinite(run.weights.w32).all()


def test_the_numbers_drawn_do_not_depend_on_the_parts(monkeypatch):
    for hidden in (3, 100):
        data, arguments = problem((40, hidden, 5, None))
        one = pl.train(data, **arguments, epochs=5, reduce="exact")
        drawn = pl.Gaussian(1.0).draw(data, hidden, rng=0)
        rng = np.random.default_rng(0)
        w21, long = rng.normal(size=(hidden, 5)), rng.normal(size=(max(40, hidden), min(40, hidden)))
        monkeypatch.setattr(_problem, "_PART", 50)
        cut = pl.train(data, **arguments, epochs=5, reduce="exact")
        np.testing.assert_allclose(cut.mode_strengths, one.mode_strengths, rtol=1e-9, atol=1e-20)
        for weights in (drawn, pl.Gaussian(1.0).draw(data, hidden, rng=0)):
            np.testing.assert_array_equal(weights.w21, w21)
            np.testing.assert_array_equal(weights.w32, long if hidden < 40 else long.T)
        parts = list(pl.Gaussian(1.0)._stream(data, hidden, np.random.default_rng(0)).parts)
        assert len(parts) > 2
        np.testing.assert_array_equal(np.concatenate(parts), long)
        monkeypatch.undo()


def test_w32_is_never_held_whole():
    data = pl.Tree((2, 2), 0.1).sample(60_000, rng=0)
    assert data.modes.s.size == 4
    pl.gap(pl.train(pl.toy(), hidden=3, rate=0.01, epochs=1))  # what this imports is not what is measured
    tracemalloc.start()
    run = pl.train(data, hidden=100, rate=1e-4, epochs=2, reduce="exact", rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    pl.gap(run)
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(peak, after) < 0.14 * 8 * 60_000 * 100


def test_weights_too_large_to_square():
    data, arguments = problem(SIZES[1])
    weights = np.full((20, 5), 0.1), np.full((60, 20), 1e200)
    with pytest.raises(ValueError, match="reduce must be False for weights so large or small"):
        pl.train(data, **arguments, epochs=1, init=weights, reduce="exact")
    assert pl.train(data, **arguments, epochs=1, init=weights, reduce=False).status == ("diverged",)


# ---- krylov


@pytest.fixture(scope="module")
def tree_data():
    return pl.Tree((2, 2), 0.1).sample(1_000, rng=0)


@pytest.mark.parametrize("sigma", [1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3])
@pytest.mark.parametrize(("correlated", "tol"), [(False, 1e-12), (True, 1e-12), (False, 1e-6)])
def test_krylov_is_exact_to_its_estimate(tree_data, sigma, correlated, tol):
    data = tree_data
    if correlated:
        mixed = np.eye(4) + 0.2 * np.random.default_rng(1).standard_normal((4, 4))
        data = pl.Dataset(data.outputs, mixed)
    arguments = learning(data, sigma, 150, record=30, runs=2)
    exact = pl.train(data, reduce="exact", **arguments)
    run = pl.train(data, reduce="krylov", tol=tol, **arguments)
    assert run.reduction.error <= tol
    for name in ("mode_strengths", "loss"):
        error = relative(getattr(run, name), getattr(exact, name))
        # Two runs of thousands of presentations differ by roundoff, however exact.
        assert error < max(3 * run.reduction.error, 3e-13), name
    assert relative(run.weights.w32, exact.weights.w32) < max(3 * tol, 1e-11)
    assert relative(run.weights.w21, exact.weights.w21) < max(3 * tol, 1e-11)
    assert (run.reduction.levels == (None, None)) == (run.reduction.rows == exact.reduction.rows)
    if sigma <= 1e-2:
        assert run.reduction.rows < 60
        assert "level" in repr(run.reduction)
    if sigma == 0.3 and correlated and tol == 1e-12:
        assert "2 of 2 runs not projected" in repr(run.reduction)


def test_the_estimate_is_not_idle(tree_data, monkeypatch):
    # Level 0 against level 1 would be found out, whatever the level begun at.
    monkeypatch.setattr(_levels, "first_level", lambda *_: 0)
    monkeypatch.setattr("pylinear._reduction.first_level", lambda *_: 0)
    arguments = learning(tree_data, 0.01, 150, record=30)
    exact = pl.train(tree_data, reduce="exact", **arguments)
    loose = pl.train(tree_data, reduce="krylov", tol=0.5, **arguments)
    assert loose.reduction.levels == (1,)
    error = relative(loose.mode_strengths, exact.mode_strengths)
    assert 1e-5 < error < 3 * loose.reduction.error
    tight = pl.train(tree_data, reduce="krylov", **arguments)
    assert relative(tight.mode_strengths, exact.mode_strengths) < 1e-12


@pytest.mark.parametrize("kind", ["one-hot", "orthogonal", "wide", "rank-deficient"])
@pytest.mark.parametrize("size", [(300, 80, 4, "rows"), (90, 100, 4, None), (30, 200, 4, "hidden")], ids=str)
def test_krylov_keeps_everything_at_full_size(kind, size):
    data, arguments = problem(size, kind)
    run, direct = both(data, arguments, "krylov", init=pl.Gaussian(1e-3), epochs=150)
    assert run.reduction.rows < 60
    assert_same(run, direct, 5e-12)


def test_hidden_representations_count_where_they_are_kept(tree_data):
    # They need more levels than mode strengths do.
    arguments = learning(tree_data, 1e-3, 150, record=30)
    plain, kept = (pl.train(tree_data, reduce="krylov", keep=k, **arguments) for k in ((), ["hidden"]))
    assert kept.reduction.levels > plain.reduction.levels
    exact = pl.train(tree_data, reduce="exact", keep=["hidden"], **arguments)
    assert relative(kept.hidden, exact.hidden) < 3e-12


def test_a_basis_that_is_not_orthonormal_is_noticed(tree_data, monkeypatch):
    # Planted: directions that are projected once, and not normalised.
    monkeypatch.setattr(_levels, "_new_directions", lambda basis, vectors, norm: vectors - basis @ (basis.T @ vectors))
    arguments = learning(tree_data, 1e-3, 150, record=30)
    run = pl.train(tree_data, reduce="krylov", **arguments)
    exact = pl.train(tree_data, reduce="exact", **arguments)
    assert relative(run.mode_strengths, exact.mode_strengths) > 1e-6


@pytest.mark.parametrize("reduce", [False, "exact", "krylov", "law"])
def test_a_run_can_be_pickled(tree_data, reduce):
    run = pl.train(tree_data, reduce=reduce, **learning(tree_data, 1e-3, 60, record=5, keep=["hidden"]))
    again = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(again.loss, run.loss)
    np.testing.assert_array_equal(again.weights.w32, run.weights.w32)
    np.testing.assert_array_equal(again.hidden, run.hidden)


@pytest.mark.parametrize("reduce", ["exact", "krylov", "law"])
def test_ctrl_c_before_a_run_has_begun(reduce):
    # The weights take seconds to draw; what never began is NaN, and has a gap of nothing.
    data = pl.Tree((2, 2), 0.1).sample(50_000, rng=0)
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(pl.TrainingInterrupted) as caught:
        pl.train(data, hidden=1_000, rate=1e-5, epochs=10**8, reduce=reduce, rng=0, record=[0.0, 5.0], runs=2)
    run = caught.value.run
    assert set(run.status) == {"interrupted"}
    assert run.reduction.kind == reduce
    if reduce != "law":
        assert run.completed.tolist() == [0, 0]
        assert np.isnan(run.mode_strengths).all()
        assert np.isnan(run.reduction.error)
    assert pl.gap(run).measured.shape == (2, 2, 4)


@pytest.mark.parametrize("reduce", ["exact", "krylov", "law"])
def test_neither_threads_nor_other_runs_matter(reduce):
    data = pl.Tree((2, 2, 2), 0.1).sample(2_000, rng=0)
    arguments = learning(data, 1e-3, 300, record=9, keep=["hidden"], reduce=reduce, epochs=150)
    many = pl.train(data, runs=4, threads=1, **arguments)
    for runs, threads in ((4, 2), (4, 8), (2, 2)):
        run = pl.train(data, runs=runs, threads=threads, **arguments)
        np.testing.assert_array_equal(run.mode_strengths, many.mode_strengths[:runs])
        np.testing.assert_array_equal(run.loss, many.loss[:runs])
        np.testing.assert_array_equal(run.hidden, many.hidden[:runs])
        assert run.reduction.levels == many.reduction.levels[:runs]
    assert (many.loss[0] != many.loss[1]).any()
    assert (pl.train(data, **{**arguments, "rng": 9}).loss != many.loss[:1]).any()


# ---- data known by their inner products


def test_from_gram():
    outputs = np.random.default_rng(0).integers(-1, 2, (50, 4))
    gram = outputs.T @ outputs
    data = pl.Dataset.from_gram(gram, 50, items=list("abcd"))
    assert data.gram.dtype == gram.dtype
    np.testing.assert_array_equal(data.gram, gram)
    np.testing.assert_array_equal(pl.Dataset(outputs).gram, gram)
    assert data.items == tuple("abcd")
    assert (data.n_features, data.n_items, data.n_inputs, data.has_outputs) == (50, 4, 4, False)
    assert pl.Dataset(outputs).has_outputs
    # u is known up to a rotation: its columns are orthonormal.
    np.testing.assert_allclose(data.modes.u.T @ data.modes.u, np.eye(4), atol=1e-13)
    for use in (lambda: data.outputs, lambda: data.sigma_yx, lambda: pl.theory.flow([1.0], *WEIGHTS, data)):
        with pytest.raises(ValueError, match="outputs are not known for data made by from_gram"):
            use()
    # Fewer features than items.
    few = pl.Dataset(outputs[:2])
    np.testing.assert_allclose(pl.Dataset.from_gram(few.gram, 2).modes.s, few.modes.s, rtol=1e-12)


WEIGHTS = np.ones((2, 4)), np.ones((50, 2))


@pytest.mark.parametrize("reduce", [False, "exact", "krylov"])
def test_unknown_outputs_cannot_be_trained_explicitly(reduce):
    data = pl.Dataset.from_gram(np.eye(4), 50)
    with pytest.raises(ValueError, match="reduce must be 'law' or 'auto' for data made by from_gram"):
        pl.train(data, hidden=2, rate=0.1, epochs=1, reduce=reduce)
    with pytest.raises(ValueError, match="data must have outputs"):
        pl.Simulation(data, *WEIGHTS, rate=0.1)


@pytest.mark.parametrize("init", [WEIGHTS, pl.Balanced(0.1)], ids=["given", "balanced"])
def test_only_gaussian_weights_have_a_law(init):
    with pytest.raises(ValueError, match="init must be Gaussian for data made by from_gram"):
        pl.train(pl.Dataset.from_gram(np.eye(4), 50), hidden=2, rate=0.1, epochs=1, init=init)
    data = pl.Dataset(np.ones((50, 4)))
    with pytest.raises(ValueError, match="reduce must not be 'law' unless init is Gaussian"):
        pl.train(data, hidden=2, rate=0.1, epochs=1, init=init, reduce="law")


# ---- the flow


@pytest.mark.parametrize("kind", ["one-hot", "orthogonal", "wide", "rank-deficient", "a zero input"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_flow_is_that_of_theory(kind, size):
    data, arguments = problem(size, kind)
    grid = {"epochs": 60, "record": [0, 10, 60], "init": pl.Gaussian(0.1), "keep": ["hidden", "weights"]}
    direct = pl.train(data, update="flow", reduce=False, tol=1e-10, **arguments, **grid)
    lower, upper = pl.theory.flow(direct.epochs, *direct.initial_weights(0), data, 1 / direct.rate, rtol=1e-11)
    assert relative(direct.weights_over_time.w21[0], lower) < 1e-8
    assert relative(direct.weights_over_time.w32[0], upper) < 1e-8
    shown = upper @ lower @ data.inputs
    np.testing.assert_allclose(direct.loss[0], np.sum((data.outputs - shown) ** 2, axis=(1, 2)) / 2, rtol=1e-8)
    strengths = np.einsum("ia,tij,ja->ta", data.modes.u, upper @ lower, data.modes.v)
    assert relative(direct.mode_strengths[0], strengths) < 1e-8
    np.testing.assert_array_equal(direct.weights.w32[0], direct.weights_over_time.w32[0, -1])
    for reduce in ("exact", "krylov"):
        run = pl.train(data, update="flow", reduce=reduce, tol=1e-10, **arguments, **grid)
        assert run.update == "flow"
        assert_same(run, direct, 1e-8)


def test_the_flow_is_what_slow_learning_comes_to(tree_data):
    arguments = learning(tree_data, 1e-3, 100, record=20)
    flow = pl.train(tree_data, update="flow", **arguments)
    online = pl.train(tree_data, **arguments)
    assert online.update == "online"
    assert 1e-3 < relative(online.mode_strengths, flow.mode_strengths) < 0.1
    assert pl.gap(flow).by_cause()["finite rate, mean"].max() < 1e-6
    law = pl.train(tree_data, update="flow", reduce="law", **arguments)
    assert relative(law.mode_strengths[:, -1], flow.mode_strengths[:, -1]) < 0.01


# ---- auto


def test_auto_leaves_small_networks_as_they_are():
    for data, hidden in ((pl.toy(), 16), (pl.Dataset(np.eye(7, 4)), 16), (pl.Dataset(np.ones((30, 4))), 8)):
        run = pl.train(data, hidden=hidden, rate=0.01, epochs=5, rng=0)
        assert run.reduction.kind == "none"
        direct = pl.train(data, hidden=hidden, rate=0.01, epochs=5, rng=0, reduce=False)
        np.testing.assert_array_equal(run.weights.w32, direct.weights.w32)
        assert repr(run.reduction) == f"Reduction(none: 4-{hidden}-{data.n_features} network)"


def test_auto_takes_what_is_cheapest():
    tree = pl.Tree((2, 2, 2), 0.1)
    data = tree.sample(5_000, rng=0)

    def kind(**changes):
        arguments = {"hidden": 16, "rate": 1e-5, "epochs": 300, "init": pl.Gaussian(1e-4), "rng": 0, **changes}
        return pl.train(data, **arguments).reduction.kind

    assert kind() == "exact"
    assert kind(hidden=300) == "krylov"
    assert kind(hidden=300, init=pl.Gaussian(1.0), epochs=100) == "exact"
    assert kind(hidden=300, init=pl.Balanced(0.01)) == "exact"
    assert kind(hidden=300, dtype="float32") == "exact"
    assert kind(hidden=300, dtype="float32", tol=1e-5) == "krylov"
    assert kind(hidden=300, update="flow") == "krylov"
    # Nothing is gained by a rotation for a few presentations.
    assert kind(hidden=300, epochs=0.25, record=1) == "none"
    assert {kind(hidden=300, threads=n) for n in (1, 2, 5)} == {"krylov"}


def test_auto_is_the_same_trajectory(tree_data):
    for sigma, hidden in ((1e-3, 16), (1e-4, 200), (0.3, 40)):
        arguments = learning(tree_data, sigma, hidden, record=20)
        run, direct = (pl.train(tree_data, reduce=r, **arguments) for r in ("auto", False))
        assert run.reduction.kind != "none"
        assert relative(run.mode_strengths, direct.mode_strengths) < 1e-12
        assert relative(run.loss, direct.loss) < 1e-12
        assert relative(run.weights.w32, direct.weights.w32) < 1e-11


@pytest.mark.parametrize("reduce", [False, "exact", "krylov", "law"])
def test_the_gap_of_any_kind(tree_data, reduce):
    arguments = learning(tree_data, 1e-3, 60, runs=2, record=40)
    report = pl.gap(pl.train(tree_data, reduce=reduce, **arguments))
    reference = pl.gap(pl.train(tree_data, reduce=False, **arguments))
    if reduce != "law":
        np.testing.assert_allclose(report.flow, reference.flow, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(report.effective, reference.effective, rtol=1e-9)
    assert report.by_cause()["finite rate, mean"].max() < 0.1


def test_an_error_in_the_root_is_noticed(monkeypatch):
    # Planted: a Gram matrix off by a part in 10^9.
    root = _exact._root
    monkeypatch.setattr(_exact, "_root", lambda gram, squares: root(gram * (1 + 1e-9), squares))
    data, arguments = problem(SIZES[1])
    run, direct = both(data, arguments, init=pl.Gaussian(0.1))
    assert relative(run.mode_strengths, direct.mode_strengths) > 1e-12


ODD_WEIGHTS = {
    "W21 alone": pl.Decoupled(1e-9, 0.0),
    "W32 alone": pl.Decoupled(0.0, 1e-9),
    "modes far apart": pl.Balanced([1.0, 1e-8, 1e-2, 1e-4]),
}


@pytest.mark.parametrize("axis", ["rows", "hidden"])
@pytest.mark.parametrize("init", ODD_WEIGHTS.values(), ids=ODD_WEIGHTS)
def test_weights_of_very_different_sizes(axis, init):
    # Roundoff of the largest weights must not become the start of the smallest.
    sizes = (300, 20) if axis == "rows" else (20, 300)
    data = pl.Dataset(np.random.default_rng(0).standard_normal((sizes[0], 4)))
    options = {"hidden": sizes[1], "rate": 0.1 / data.modes.s[0], "epochs": 300, "init": init, "rng": 0}
    direct, run = (pl.train(data, reduce=reduce, **options) for reduce in (False, "exact"))
    assert np.abs(run.mode_strengths - direct.mode_strengths).max() < 1e-12 * data.modes.s[0]
    np.testing.assert_allclose(run.initial_strengths, direct.initial_strengths, rtol=1e-12, atol=1e-40)
    assert relative(run.weights.w32, direct.weights.w32) < 1e-11
    assert relative(run.weights.w21, direct.weights.w21) < 1e-11


def test_an_item_without_an_input_stays_unseen():
    data = pl.Dataset(np.random.default_rng(0).standard_normal((5, 4)), np.diag([1.0, 1.0, 1.0, 0.0]))
    options = {"hidden": 200, "rate": 0.05, "epochs": 300, "init": pl.Gaussian(1e-9), "rng": 0}
    direct, run = (pl.train(data, reduce=reduce, **options) for reduce in (False, "exact"))
    assert np.abs(run.mode_strengths - direct.mode_strengths).max() < 1e-12 * data.modes.s[0]


def test_auto_leaves_alone_what_it_cannot_square():
    data = pl.Dataset(np.random.default_rng(0).standard_normal((2_000, 4)))
    options = {"hidden": 10, "rate": 1e-3, "epochs": 1_000, "init": pl.Gaussian(1e-150), "rng": 0}
    assert pl.train(data, **options).reduction.kind == "none"
    for scale in (1e-150, 1e-170):
        with pytest.raises(ValueError, match="reduce must be False for weights so large or small"):
            pl.train(data, **{**options, "epochs": 1, "init": pl.Gaussian(scale)}, reduce="exact")


def test_levels_that_agree_by_accident_are_not_believed():
    # One item, weights far from small: neighbouring levels agree long before the mode has been seen.
    rng = np.random.default_rng(0)
    for _ in range(3):
        data = pl.Dataset(0.1 * rng.standard_normal((1_000, 1)))
        options = {"hidden": 150, "rate": 0.0025, "epochs": 1_700, "init": pl.Gaussian(0.2), "rng": 0, "record": 40}
        exact = pl.train(data, reduce="exact", **options)
        for tol in (0.1, 1e-9):
            run = pl.train(data, reduce="krylov", tol=tol, **options)
            off = np.abs(run.mode_strengths - exact.mode_strengths).max() / np.abs(exact.mode_strengths).max()
            assert off <= 2 * max(run.reduction.error, 1e-13)


def test_a_late_difference_counts():
    layers = Layers(np.zeros((2, 2)), np.zeros((3, 2)))

    def trained(strengths, maps=None):
        loss = np.ones(len(strengths))
        return Trained(
            layers, Record(strengths, loss, strengths[0], lambda: layers, (3, 2, 2), None, None, maps, "ok", 4)
        )

    ones = np.ones((3, 2))
    late = ones.copy()
    late[2, 1] = 1.5
    assert difference(trained(ones), trained(late)) == pytest.approx(1 / 3)
    assert difference(trained(ones), trained(ones)) == 0
    square = np.ones((3, 2, 2))
    assert difference(trained(ones, square), trained(ones, square * [[1, 1], [1.25, 1]])) == pytest.approx(0.2)
