"""Every public argument against what it must refuse: one sentence that names it, before anything is allocated.

Those of `theory` are in test_bad_input_theory.
"""

import numpy as np
import pytest

import pylinear as pl
from refusals import DATA, HUGE, NOT_INTEGERS, NOT_NUMBERS, NOT_REALS, W21, W32, assert_refused, cells


def train(**changes):
    return pl.train(**{"data": DATA, "hidden": 2, "rate": 0.01, "epochs": 2, "rng": 0, **changes})


def swept(**changes):
    over = {"over": {"order": ["cyclic"]}, "tree": pl.Tree((2,), 0.1), "features": 9, "folder": "/proc/nowhere"}
    return pl.sweep(**{**over, "hidden": 2, "rate": 0.01, "epochs": 2, "rng": 0, **changes})


def simulation(**changes):
    return pl.Simulation(**{"data": DATA, "w21": W21, "w32": W32, "rate": 0.01, **changes})


def sample(**changes):
    return pl.Tree((2, 2), 0.1).sample(**{"n_features": 10, "rng": 0, **changes})


def sample_bits(**changes):
    return pl.Tree((2, 2), 0.1).sample_bits(**{"n_features": 10, "rng": 0, **changes})


def gram(**changes):
    return pl.Tree((2, 2), 0.1).gram(**{"n_features": 10, "rng": 0, **changes})


def advance(**changes):
    return simulation().advance(**changes)


# (call, argument, bad values); every value must be refused with the argument's name in the message.
SCALARS = [
    (
        lambda x: pl.Tree(x, 0.1),
        "branching",
        [*NOT_NUMBERS[:2], 3, (), (0,), (-1,), (2.0,), (True,), (2**63,), (2**11,) * 2, (1,) * 5000],
    ),
    (
        lambda x: pl.Tree((2, 2), x),
        "flip",
        [
            1j,
            object(),
            {},
            float("nan"),
            float("inf"),
            True,
            [True, 0.1],
            np.ones((2, 2)),
            "0.1",
            None,
            -0.1,
            0.7,
            1,
            (0.1,),
            (0.1,) * 3,
            (0.1, "x"),
            10**400,
        ],
    ),
    (lambda x: sample(n_features=x), "n_features|features", [*NOT_INTEGERS, 0, -1, 2**38, *HUGE]),
    (lambda x: sample(first=x), "first", [*NOT_INTEGERS, -1, *HUGE]),
    (lambda x: sample(engine=x), "engine", ["cuda", None, 3]),
    (lambda x: sample(dtype=x), "dtype", ["int16", None, 3, float]),
    (lambda x: sample(threads=x), "threads", [0, -1, 2.0, "2", True, 10**6]),
    (lambda x: sample(rng=x), "rng", [-1, 1.5, "0", [1, 2], True, np.random.RandomState(0)]),
    (lambda x: sample_bits(n_features=x), "n_features|features", [*NOT_INTEGERS, 0, -1, 2**40, *HUGE]),
    (lambda x: sample_bits(first=x), "first", [*NOT_INTEGERS, -1, *HUGE]),
    (lambda x: sample_bits(engine=x), "engine", ["cuda", None, 3]),
    (lambda x: sample_bits(threads=x), "threads", [0, -1, 2.0, "2", True, 10**6]),
    (lambda x: sample_bits(rng=x), "rng", [-1, 1.5, "0", [1, 2], True, np.random.RandomState(0)]),
    (lambda x: gram(n_features=x), "n_features", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: gram(first=x), "first", [*NOT_INTEGERS, -1, *HUGE]),
    (lambda x: gram(engine=x), "engine", ["cuda", None, 3]),
    (lambda x: gram(threads=x), "threads", [0, -1, 2.0, "2", True, 10**6]),
    (lambda x: gram(rng=x), "rng", [-1, 1.5, "0", [1, 2], True, np.random.RandomState(0)]),
    (lambda x: gram(executor=x), "executor", ["pool", 3, object(), [], {"submit": print}]),
    (lambda x: gram(comm=x), "comm", ["world", 3, object(), [], 1.5]),
    (lambda x: pl.Tree((2, 2), 0.1).singular_values(x), "n_features", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (
        lambda x: pl.Tree((2, 2), 0.1).singular_value_statistics(x),
        "n_features",
        [*NOT_INTEGERS, 0, -1, 3, *HUGE],
    ),
    (
        lambda x: pl.Dataset.from_gram(x, 10),
        "gram",
        ["x", None, 3, [[1.0, 2.0]], [[1.0, 2.0], [0.0, 1.0]], [[-1.0]], [[1.0, 2.0], [2.0, 1.0]], [[np.nan]], [[1j]]],
    ),
    (lambda x: pl.Dataset.from_gram(np.eye(3), x), "n_features", [*NOT_INTEGERS, 0, -1, 2, *HUGE]),
    (lambda x: pl.Dataset.from_gram(np.eye(3), 5, x), "inputs", ["x", 3, [1.0], np.ones((2, 4)), np.zeros((2, 3))]),
    (lambda x: pl.Dataset.from_gram(np.eye(3), 5, items=x), "items", ["abc", 3, ["a"]]),
    (lambda x: pl.toy(x), "coding", ["ternary", None, 3]),
    (lambda x: pl.read_table(x), "path", [None, 3, ["a"], "", "a\0b"]),
    (lambda x: pl.read_table("x", delimiter=x), "delimiter", ["", ",,", None, 3, '"', "\n", "\0"]),
    (lambda x: pl.Gaussian(x), "scale", [*NOT_REALS, 0, -1.0]),
    (lambda x: pl.Balanced(x), "a0", [0.0, -1.0, [1.0, 0.0], "1", None, float("nan"), [[1.0]], 1j, []]),
    (lambda x: pl.Decoupled(x, 1.0), "c", ["1", None, float("inf"), [[1.0]], 1j, []]),
    (lambda x: pl.Decoupled(1.0, x), "d", ["1", None, float("inf"), [[1.0]], 1j, []]),
    (lambda x: pl.Gaussian(1.0).draw(x, 2, 0), "data", [None, 3, np.ones((3, 4))]),
    (lambda x: pl.Balanced(1.0).draw(x, 2, 0), "data", [None, 3, np.ones((3, 4))]),
    (lambda x: pl.Gaussian(1.0).draw(DATA, x, 0), "hidden", [*NOT_INTEGERS, 0, -3, 2**36]),
    (lambda x: pl.Gaussian(1.0).draw(DATA, 2, x), "rng", [-1, 1.5, "0"]),
    (pl.gap, "run", [None, 3, DATA, "run"]),
    (pl.gap_order, "runs", [None, 3, "runs", DATA, [], [3]]),
]
CORE_SCALARS = [
    (lambda x: train(data=x), "data", [None, 3, np.ones((3, 4)), "toy"]),
    (lambda x: train(hidden=x), "hidden", [*NOT_INTEGERS, 0, -1, 2**31, *HUGE]),
    (lambda x: train(rate=x), "rate", [*NOT_REALS, 0, -0.1, 0.0, 1e-320, 10**400]),
    (lambda x: train(epochs=x), "epochs", [*NOT_REALS, -1, 1e30, 2**64]),
    (lambda x: train(runs=x), "runs", [*NOT_INTEGERS, 0, -1, 2**31, *HUGE]),
    (lambda x: train(rng=x), "rng", [-1, 1.5, "0", [1, 2], True]),
    (
        lambda x: train(record=x),
        "record",
        ["all", None, 0, -1, 2.0, True, [], [-1.0], [3.0], [2.0, 1.0], [[1.0]], [1j], 2**40, [[1], [1, 2]]],
    ),
    (lambda x: swept(over=x), "over", [None, 3, "rate", ["rate"], {}]),
    (lambda x: swept(over={"tol": x}), "tol", [None, 3, 1e-3, "x", [], np.array(1e-3), [0.1, 0.1], [0.1, 2.0], [None]]),
    (lambda x: swept(over={x: [1]}), "over must name arguments", [10**5000, "x" * 10**7]),
    (lambda x: swept(over={x: [1]}), "argument of a sweep", ["", "hiden", 3, None, "checkpoint", "progress"]),
    (lambda x: swept(tree=x), "tree", [None, 3, (2, 2), DATA]),
    (lambda x: swept(flip=x), "flip", [None, -0.1, 0.7, True, (0.1, 0.2), "x"]),
    (lambda x: swept(features=x), "features", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: swept(hidden=x), "hidden", [*NOT_INTEGERS, 0, -1, *HUGE]),
    (lambda x: swept(rng=x), "rng", [None, -1, 1.5, "0", [1, 2], True, np.random.default_rng(0)]),
    (lambda x: swept(keep=x), "keep", [["hidden"], ["weights"], "maps", None]),
    (lambda x: swept(threads=x), "threads", [0, -1, 2.0, "2", True, 10**6]),
    (lambda x: swept(folder=x), "folder", [None, 3, ["x"], "", "a\0b"]),
    (lambda x: swept(executor=x), "executor", [3, "processes", object()]),
    (lambda x: swept(progress=x), "progress", [3, "yes", 1.0]),
    (lambda x: pl.gap(train(), tree=x), "tree", [3, "2,2", (2, 2), pl.Tree((3,), 0.1)]),
    (lambda x: train(keep=x), "keep", ["hidden", "maps", None, 3, ["everything"], [3]]),
    (lambda x: train(dtype=x), "dtype", ["float16", None, np.float64, 3]),
    (lambda x: train(threads=x), "threads", [0, -1, 2.0, "2", True, 10**6]),
    (lambda x: train(reduce=x), "reduce", ["none", None, 3, True, 0, ["exact"]]),
    (lambda x: train(reduce="law", init=x), "init", [(W21, W32), pl.Balanced(0.1)]),
    (lambda x: train(tol=x), "tol", [*NOT_REALS, 0, -1e-3, 1.5]),
    (lambda x: train(tol=x, update="flow"), "tol", [1e-13, 0.5]),
    (lambda x: train(tol=x, dtype="float32", reduce="krylov"), "tol", [1e-12, 1e-6]),
    (lambda x: train(update=x), "update", ["batches", None, 3]),
    (lambda x: train(update="batch", route=x), "route", ["fused"]),
    (lambda x: train(update="batch", order=x), "order", ["cyclic", [0, 1]]),
    (lambda x: train(update="flow", order=x), "order", ["with_replacement"]),
    (lambda x: simulation(update="batch", order=x), "order", ["cyclic", [0, 1]]),
    (lambda x: simulation(data=x), "data", [pl.Dataset.from_gram(np.eye(4), 4)]),
    (lambda x: train(update="batch", epochs=x), "epochs", [0.5, 1.25]),
    (lambda x: train(update="batch", record=x), "record", [[0.5], [0, 1.25]]),
    (lambda x: simulation(update=x), "update", ["flow", None, 3]),
    (lambda x: simulation(update="batch", route=x), "route", ["fused"]),
    (lambda x: simulation(update="batch").advance(epochs=x), "advance", [0.5]),
    (lambda x: train(update="flow", dtype=x), "dtype", ["float32"]),
    (lambda x: train(route=x), "route", ["shortest", None, 3]),
    (
        lambda x: train(order=x),
        "order",
        ["random", None, 3, [], [4], [-1], [0.5], [[0]], [True], "cyclic ", [[1], [1, 2]], np.ma.array([0, 1])],
    ),
    (lambda x: train(init=x), "init", [None, 3, "gaussian", np.ones((2, 4)), (W21,), (W21, W32, W32)]),
    (
        lambda x: train(init=(x, W32)),
        "w21 of init",
        [W21.T, W21[:, :3], W21 * np.nan, W21 * 1j, "x", None, [[1], [1, 2]]],
    ),
    (lambda x: train(init=(W21, x)), "w32 of init", [W32.T, W32[:2], W32 * np.inf, W32 * 1j, "x", None, W32[None]]),
    (lambda x: train(init=pl.Decoupled(x, 1.0)), "c", [[1.0, 2.0], [1.0] * 4]),
    (lambda x: simulation(data=x), "data", [None, 3, np.ones((3, 4))]),
    (lambda x: simulation(w21=x), "w21", [W21.T, W21[0], W21 * np.nan, W21 * 1j, W21[:0], None, np.ma.array(W21)]),
    (lambda x: simulation(w32=x), "w32", [W32.T, W32[0], W32 * np.inf, W32 * 1j, W32[:0], None, np.ma.array(W32)]),
    (lambda x: simulation(w32=x, dtype="float32"), "w32", [W32 * 1e300]),
    (lambda x: simulation(rate=x), "rate", [*NOT_REALS, 0, -0.1]),
    (lambda x: simulation(rate=x, dtype="float32"), "rate", [1e-50, 1e50]),
    (lambda x: simulation(order=x), "order", ["random", None, 3, [], [4], [-1]]),
    (lambda x: simulation(rng=x), "rng", [-1, 1.5, "0"]),
    (lambda x: simulation(dtype=x), "dtype", ["float16", None, 3]),
    (lambda x: simulation(threads=x), "threads", [0, -1, 2.0, "2", True]),
    (lambda x: advance(epochs=x), "epochs", [*(x for x in NOT_REALS if x is not None), -1, 1e30]),
    (lambda x: advance(epochs=1, until=x), "until", [3, "x", [], True]),
    (lambda x: advance(epochs=1, hook=x), "hook", [3, "x", [], True]),
    (lambda x: simulation().weights(writable=x).__enter__(), "writable", [None, 0, 1, "no", []]),
    (lambda x: pl.ZarrRecorder(x, simulation()), "path", [None, 3, ["a"], 1.5, "", "a\0b"]),
    (lambda x: pl.ZarrRecorder("recording", x), "sim", [None, 3, DATA, "sim"]),
    (lambda x: pl.ZarrRecorder("recording", simulation(), x), "keep", ["hidden", None, 3, ["maps"], [3]]),
    (
        lambda x: pl.ZarrRecorder("recording", simulation(), chunk=x),
        "chunk",
        [*NOT_INTEGERS[:1], *HUGE, 0, -1, 1.5, True],
    ),
    (lambda x: advance(presentations=x), "presentations", [*(x for x in NOT_INTEGERS if x is not None), -1, *HUGE[1:]]),
]
ARRAYS = {
    "nan": np.array([[1.0, np.nan]]),
    "inf": np.array([[np.inf, 1.0]]),
    "complex": np.ones((2, 2), complex),
    "object": np.array([[1, None]], dtype=object),
    "text": np.array([["a", "b"]]),
    "dates": np.array([["2020-01-01"]], dtype="datetime64[D]"),
    "structured": np.zeros((2, 2), dtype=[("x", float)]),
    "masked": np.ma.array([[1.0, 2.0]], mask=[[True, False]]),
    "ragged": [[1, 2], [3]],
    "one-dimensional": np.ones(3),
    "three-dimensional": np.ones((2, 2, 2)),
    "no rows": np.ones((0, 3)),
    "no columns": np.ones((3, 0)),
    "scalar": 3.0,
    "a string": "abc",
    "None": None,
    "an int beyond float64": [[10**400]],
}


@pytest.mark.parametrize(("call", "name", "value"), list(cells(SCALARS)))
def test_refused(call, name, value):
    assert_refused(call, name, value)


@pytest.mark.core
@pytest.mark.parametrize(("call", "name", "value"), list(cells(CORE_SCALARS)))
def test_refused_by_training(call, name, value):
    # A size may also be refused for the memory it would take, in a sentence that says what would.
    assert_refused(call, f"{name}|runs with|hidden units", value)


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_refused_as_outputs(kind):
    assert_refused(pl.Dataset, "outputs", ARRAYS[kind])


@pytest.mark.parametrize("kind", [*(kind for kind in ARRAYS if kind != "None"), "zeros", "wrong items"])
def test_arrays_refused_as_inputs(kind):
    value = {**ARRAYS, "zeros": np.zeros((2, 4)), "wrong items": np.ones((2, 3))}[kind]
    assert_refused(lambda x: pl.Dataset(np.ones((3, 4)), x), "inputs", value)


@pytest.mark.parametrize("value", ["abcd", 3, ["a"] * 3, [1, 2, 3, 4], ["a", "", "b", "c"]])
def test_names_refused(value):
    assert_refused(lambda x: pl.Dataset(np.ones((3, 4)), items=x), "items", value)
    assert_refused(lambda x: pl.Dataset(np.ones((4, 3)), features=x), "features", value)


def test_features_of_one_name_refused():
    assert_refused(lambda x: pl.Dataset(np.ones((3, 4)), features=x), "features", ["a", "b", "a"])


@pytest.mark.core
@pytest.mark.parametrize(
    "weights", [W32.astype(">f8"), np.asfortranarray(W32), np.repeat(W32, 2, axis=0)[::2], W32.astype(np.float32)]
)
def test_weights_in_any_layout_are_taken(weights):
    frozen = weights.copy()
    frozen.flags.writeable = False
    for given in (weights, frozen, weights.tolist()):
        sim = simulation(w32=given, order="cyclic")
        sim.advance(epochs=3)
        reference = simulation(w32=np.array(weights, float), order="cyclic")
        reference.advance(epochs=3)
        np.testing.assert_array_equal(sim.w32, reference.w32)


@pytest.mark.core
def test_overlapping_arrays_are_taken_apart():
    shared = np.full(64, 0.1)
    w21, w32 = shared[:8].reshape(2, 4), shared[4:10].reshape(3, 2)
    sim = simulation(w21=w21, w32=w32)
    sim.advance(epochs=5)
    assert (shared == 0.1).all()


@pytest.mark.core
def test_too_large_a_run_is_refused_before_it_is_allocated():
    for changes in ({"hidden": 2**36}, {"runs": 2**31, "hidden": 2**10}, {"keep": ["weights"], "hidden": 10**8}):
        with pytest.raises(MemoryError, match=r"would take [\d.]+ GB; [\d.]+ GB are available"):
            train(**changes)
    for call in (sample, sample_bits):
        with pytest.raises(MemoryError, match=r"features of 4 items would take"):
            call(n_features=2**40)
    with pytest.raises(MemoryError, match=r"the products of 1048576 items would take"):
        pl.Tree((2**20,), 0.1).gram(1, rng=0)


@pytest.mark.core
def test_what_is_refused_leaves_no_checkpoint_behind(tmp_path):
    for changes in ({"progress": 3}, {"rng": -1}, {"runs": 2**40}):
        with pytest.raises((TypeError, ValueError, MemoryError)):
            train(checkpoint=tmp_path / "checkpoint.npz", **changes)
    with pytest.raises(TypeError, match="progress must be"):
        swept(progress=3, folder=tmp_path / "sweep")
    assert list(tmp_path.iterdir()) == []
