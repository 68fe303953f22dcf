"""The same bits for any number of threads, any cut of a training into calls, and any part of a sample."""

import itertools

import numpy as np
import pytest

import pylinear as pl

pytestmark = pytest.mark.core

THREADS = (1, 2, 3, 8)
PRESENTATIONS = 160
# Inside blocks, at their ends, one presentation apart, and none at all.
SPLITS = (1, 2, 3, 7, 128, 129, 149, 150, 151, 159)

# Features, hidden units, items: segments and panels that end in the middle of a tile, more items than a block holds,
# and enough of all that threads are started.
SIZES = [(2_507, 33, 5), (1_007, 61, 150), (3_501, 17, 7)]
WAYS = {
    "blocked": {"route": "blocked"},
    "fused": {"route": "fused"},
    "correlated": {"correlated": True},
    "batch": {"update": "batch"},
    "batch, correlated": {"update": "batch", "correlated": True},
}
ORDERS = ["cyclic", "reshuffled", "with_replacement", [0, 3, 1, 1, 2, 0, 3]]


def problem(size, correlated):
    n_features, hidden, n_items = size
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((n_items, n_items)) / np.sqrt(n_items) if correlated else None
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), inputs)
    weights = 0.05 * rng.standard_normal((hidden, n_items)), 0.05 * rng.standard_normal((n_features, hidden))
    return data, *weights, 0.1 / data.modes.s[0]


def seen(sim):
    """Return all that can be read of a simulation, as bytes."""
    records = sim.hidden.tobytes() + sim.mode_strengths.tobytes() + np.float64(sim.loss).tobytes()
    return sim.w21.tobytes() + sim.w32.tobytes() + records + str(sim.presentations).encode()


def trained(arguments, options, ends, *, look=False):
    sim = pl.Simulation(*arguments[:3], rate=arguments[3], rng=3, **options)
    for end in ends:
        sim.advance(presentations=end - sim.presentations)
        if look:
            assert np.isfinite(sim.loss)
    return seen(sim)


def cuts(n_items, update):
    """Return the ends of the calls of some trainings, each of which is cut once, and of one that is cut everywhere."""
    total = PRESENTATIONS if update == "online" else -(-PRESENTATIONS // n_items) * n_items
    points = SPLITS if update == "online" else [n_items * k for k in range(1, total // n_items)][:10]
    return [total], [[point, total] for point in points] + [[*points, total]]


def configurations():
    dtypes = itertools.cycle(["float64", "float32", "float32", "float64", "float32"])
    for size in SIZES:
        for name, way in WAYS.items():
            options = {key: value for key, value in way.items() if key != "correlated"}
            update = options.get("update", "online")
            arguments = problem(size, way.get("correlated", False))
            for order in ORDERS if update == "online" else ["reshuffled"]:
                dtype = next(dtypes)
                yield f"{name} {size} {order} {dtype}", arguments, {**options, "order": order, "dtype": dtype}


@pytest.mark.property("invariance, trainings", "bit-equal over threads {1, 2, 3, 8} and 10 split points")
def test_trainings(figure):
    compared, different = 0, []
    for number, (name, arguments, options) in enumerate(configurations()):
        whole, split = cuts(arguments[0].n_items, options.get("update", "online"))
        expected = trained(arguments, {**options, "threads": 1}, whole)
        others = [(n, whole, False) for n in THREADS[1:]]
        # Every split point comes with every number of threads, in one of the trainings.
        others += [(THREADS[(k + number) % 4], ends, k % 2 == 0) for k, ends in enumerate(split)]
        for n_threads, ends, look in others:
            compared += 1
            if trained(arguments, {**options, "threads": n_threads}, ends, look=look) != expected:
                different.append(f"{name}: {n_threads} threads, calls to {ends}")
    figure(f"{compared - len(different)} of {compared} bit-equal; others: {different[:3] or 'none'}")
    assert not different


def recorded(arguments, **options):
    """Return the records of several runs, with everything kept."""
    data, w21, w32, rate = arguments
    run = pl.train(
        data,
        **{"hidden": len(w21), "rate": rate, "epochs": 24, "init": (w21, w32), "rng": 0, "record": 9, **options},
        keep=["hidden", "weights", "maps"],
    )
    arrays = run.mode_strengths, run.loss, run.hidden, *run.weights, *run.weights_over_time, run.maps
    return b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)


@pytest.mark.property("invariance, records", "bit-equal over threads {1, 2, 3, 8}, reduced or not")
def test_records(figure):
    data, w21, w32, rate = problem((2_003, 33, 5), correlated=False)
    correlated = problem((2_003, 33, 5), correlated=True)
    cases = [
        ((data, w21, w32, rate), {"reduce": False, "runs": 3, "route": "blocked"}),
        ((data, w21, w32, rate), {"reduce": False, "route": "fused", "dtype": "float32"}),
        ((data, w21, w32, rate), {"reduce": "exact", "runs": 2, "order": "with_replacement"}),
        ((data, w21, w32, rate), {"reduce": "krylov", "init": pl.Gaussian(1e-3), "runs": 2}),
        ((data, w21, w32, rate), {"reduce": "law", "init": pl.Gaussian(1e-3), "runs": 2}),
        ((data, w21, w32, rate), {"update": "batch", "reduce": False, "dtype": "float32"}),
        ((data, w21, w32, rate), {"update": "flow", "reduce": "exact", "tol": 1e-6}),
        (correlated, {"reduce": False}),
        (correlated, {"reduce": "exact", "update": "batch"}),
    ]
    different = [options for arguments, options in cases if varied(arguments, options) != 1]
    figure(f"{4 * (len(cases) - len(different))} of {4 * len(cases)} bit-equal; others: {different or 'none'}")
    assert not different


def varied(arguments, options):
    """Return how many different results there are."""
    return len({recorded(arguments, threads=n, **options) for n in THREADS})


@pytest.mark.property("invariance, samples", "bit-equal over threads {1, 2, 3, 8}, 10 split points, and engines")
def test_samples(figure):
    n, first, compared, different = 33_003, 41, 0, []
    for tree in (pl.Tree((2, 2), 0.1), pl.Tree((2, 3, 2), (0.1, 0.2, 0.3)), pl.Tree((37,), 0.25)):
        rows = tree.sample(n, rng=11, first=first, engine="numba", threads=1, dtype="int8").outputs
        gram = rows.T.astype(np.int64) @ rows
        for engine in ("native", "numba"):
            for k, split in enumerate((64, 1, 63, 65, 512, 4_095, 8_192, 20_000, 32_768, n - 1)):
                options = {"rng": 11, "engine": engine, "threads": THREADS[k % 4]}
                parts = [(first, split), (first + split, n - split)]
                halves = [tree.sample(m, first=start, **options, dtype="int8").outputs for start, m in parts]
                bits = [tree.sample_bits(m, first=start, **options) for start, m in parts]
                signs = [np.unpackbits(b.view(np.uint8), axis=1, bitorder="little") for b in bits]
                unpacked = np.hstack([s[:, :m] for s, (_, m) in zip(signs, parts, strict=True)]).T
                counted = sum(tree.gram(m, first=start, **options) for start, m in parts)
                same = np.concatenate(halves) == rows, (rows < 0) == unpacked, counted == gram
                compared += 3
                different += [(tree, options, split, what) for what, ok in enumerate(same) if not np.all(ok)]
    figure(f"{compared - len(different)} of {compared} bit-equal; others: {different[:3] or 'none'}")
    assert not different
