"""Whatever computes the same thing comes to the same numbers: drawn cases, the same ones in every run."""

import csv
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import pylinear as pl
from baselines import naive
from oracles import batch, presented, relative
from problems import inputs_of
from pylinear import _configuration

pytestmark = pytest.mark.core

ORDERS = ("cyclic", "reshuffled", "with_replacement", "given")
KINDS = ("one-hot", "orthonormal", "orthogonal", "correlated", "wide", "rank-deficient", "a zero input")
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
BOUNDS = "1e-12 (float64), 1e-5 (float32)"
SEED = 4
# Cases of each row.
SAMPLES, ONLINE, BATCHES, REDUCED = 250, 350, 100, 100
CHECKPOINTS, TABLES, RUNS, DIGESTS = 60, 60, 20, 60
BACK = CHECKPOINTS + TABLES + RUNS + DIGESTS


@pytest.fixture(autouse=True)
def one_thread_of_blas():
    """Keep the linear algebra of the references from waiting for processors that others have."""
    with threadpool_limits(1, "blas"):
        yield


def cases(count):
    """Let hypothesis draw so many cases, the same ones each time."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    options = {"derandomize": True, "database": None, "deadline": None, "suppress_health_check": quiet}
    return settings(max_examples=count, phases=[Phase.generate], **options)


class Worst:
    """The largest error of each kind, over the cases so far."""

    def __init__(self):
        self.errors, self.cases = {}, 0

    def add(self, kind, *errors):
        self.errors[kind] = max(self.errors.get(kind, 0.0), *errors)
        return max(errors)

    def __str__(self):
        return f"{self.cases} cases; " + ", ".join(f"{kind} {x:.1e}" for kind, x in self.errors.items())


@contextmanager
def measured(figure, count):
    """Give what collects the figure of so many cases, which is told also of cases that failed."""
    worst = Worst()
    try:
        yield worst
    finally:
        figure(str(worst))
    assert worst.cases == count


# ---- samples


@st.composite
def trees(draw):
    branching = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    flips = st.one_of(st.sampled_from([0.0, 0.5, 0.25]), st.floats(0, 0.5))
    return pl.Tree(branching, draw(st.lists(flips, min_size=len(branching), max_size=len(branching))))


@pytest.mark.property("engines agree, samples", f"native = numba, to the bit, in {SAMPLES} cases")
def test_samples(figure):
    with measured(figure, SAMPLES) as worst:

        @cases(SAMPLES)
        @given(
            tree=trees(),
            n=st.one_of(st.integers(1, 300), st.integers(1, 9_000)),
            first=st.one_of(st.integers(0, 200), st.integers(2**38 - 400, 2**38 + 400), st.integers(0, 2**40)),
            seed=st.integers(0, 2**64),
            threads=st.tuples(st.integers(1, 9), st.integers(1, 3)),
            dtype=st.sampled_from(["float64", "float32", "int8"]),
        )
        def agree(tree, n, first, seed, threads, dtype):
            worst.cases += 1
            ways = [
                {"engine": e, "threads": t, "rng": seed, "first": first}
                for e, t in zip(("native", "numba"), threads, strict=True)
            ]
            rows = [tree.sample(n, **way, dtype=dtype).outputs for way in ways]
            packed = [tree.sample_bits(n, **way) for way in ways]
            grams = [tree.gram(n, **way) for way in ways]
            unlike = [int(not np.array_equal(*pair)) for pair in (rows, packed, grams)]
            # And with each other: what is packed and counted is what was drawn.
            signs = np.unpackbits(packed[0].astype("<u8").view(np.uint8), axis=1, bitorder="little")[:, :n].T
            unlike += [int(not np.array_equal(signs, rows[0] < 0))]
            counted = rows[0].T.astype(np.int64) @ rows[0].astype(np.int64)
            assert worst.add("different", *unlike, int(not np.array_equal(counted, grams[0]))) == 0

        agree()


# ---- trajectories


@st.composite
def problems(draw, kinds=KINDS, largest=60):
    """Return a dataset and weights to begin with, from small numbers to some of the size of what is learned."""
    # Most are small; some have more items than a block holds, or rows enough for several segments and for threads.
    few = st.integers(1, 12)
    n_items = draw(st.one_of(few, few, few, st.sampled_from([128, 129, 140])))
    n_features = draw(st.one_of(st.integers(1, largest), st.integers(1, largest), st.integers(300, 1_500)))
    hidden = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # One item whose input is zero leaves nothing to learn.
    kind = draw(st.sampled_from([x for x in kinds if n_items > 1 or x != "a zero input"]))
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), inputs_of(kind, n_items, rng))
    scale = draw(st.sampled_from([1e-6, 1e-2, 0.3]))
    return data, scale * rng.standard_normal((hidden, data.n_inputs)), scale * rng.standard_normal((n_features, hidden))


@st.composite
def orders(draw, n_items):
    """Return an order, and how many presentations of it."""
    order = draw(st.sampled_from(ORDERS))
    if order == "given":  # with items that come again at once, and some that never come
        order = draw(st.lists(st.integers(0, n_items - 1), min_size=1, max_size=40))
    return order, draw(st.integers(1, 150))


def stable_rate(data, w21, w32, part, update="online", shown=None):
    """Return a rate at which roundoff does not grow, for the items `shown` (all by default).

    A presentation multiplies the error of its item by 1 - rate (|x|^2 W32 W32^T + |h|^2). At the start and where the
    learning ends, a `part` of the largest rate keeps this between 0 and 1, for all items together where they cannot all
    be learned; beyond, trajectories can be chaotic, and two that differ in a last digit part.
    """
    items = np.arange(data.n_items) if shown is None else np.unique(shown)
    if not data.inputs[:, items].any():
        return part
    these = pl.Dataset(data.outputs[:, items], data.inputs[:, items])
    squares = np.sum(these.inputs**2, axis=0)
    feedback = squares * np.linalg.norm(w32, 2) ** 2 + np.sum((w21 @ these.inputs) ** 2, axis=0)
    begin = 1 / (feedback.max() if update == "online" else feedback.sum())
    return part * min(begin, pl.theory.max_rate(these, "batch"))


def rounded(dtype, *numbers):
    """Return numbers that `dtype` has, in float64: what is to be compared is the arithmetic."""
    return [np.asarray(x, dtype=dtype).astype(float) for x in numbers]


def distance(sim, expected):
    return max(relative(sim.w21, expected[0]), relative(sim.w32, expected[1]))


@pytest.mark.property("routes agree, online", f"blocked = fused = loop to {BOUNDS}, in {ONLINE} cases")
def test_online(figure):
    with measured(figure, ONLINE) as worst:

        @cases(ONLINE)
        @given(drawn=st.data(), problem=problems(), part=st.floats(0.01, 0.5), dtype=st.sampled_from([*TOLERANCE]))
        def agree(drawn, problem, part, dtype):
            data, w21, w32 = problem
            order, count = drawn.draw(orders(data.n_items))
            items = presented(order, data.n_items, SEED, count)
            w21, w32, rate = rounded(dtype, w21, w32, stable_rate(data, w21, w32, part, shown=items))
            expected = naive(data, w21, w32, float(rate), items)
            cut = drawn.draw(st.integers(0, count))
            threads = drawn.draw(st.integers(1, 8))
            options = {"rate": float(rate), "order": order, "rng": SEED, "dtype": dtype, "threads": threads}
            worst.cases += 1
            for route in ("blocked", "fused") if data.orthogonal else ("fused",):
                sim = pl.Simulation(data, w21, w32, route=route, **options)
                sim.advance(presentations=cut)
                sim.advance(presentations=count - cut)
                assert worst.add(f"{route} {dtype}", distance(sim, expected)) < TOLERANCE[dtype]

        agree()


@pytest.mark.property("routes agree, batches", f"the loop over items to {BOUNDS}, in {BATCHES} cases")
def test_batches(figure):
    with measured(figure, BATCHES) as worst:

        @cases(BATCHES)
        @given(
            problem=problems(),
            part=st.floats(0.01, 0.5),
            dtype=st.sampled_from([*TOLERANCE]),
            length=st.integers(1, 600),
            threads=st.integers(1, 8),
        )
        def agree(problem, part, dtype, length, threads):
            data, w21, w32 = problem
            # In presentations, because each adds its roundoff to the weights, as it does online.
            epochs = min(25, -(-length // data.n_items))
            w21, w32, rate = rounded(dtype, w21, w32, stable_rate(data, w21, w32, part, "batch"))
            sim = pl.Simulation(data, w21, w32, rate=float(rate), update="batch", dtype=dtype, threads=threads)
            sim.advance(epochs=epochs)
            worst.cases += 1
            expected = batch(data, w21, w32, float(rate), epochs)
            assert worst.add(dtype, distance(sim, expected)) < TOLERANCE[dtype]

        agree()


@pytest.mark.property("reduced = direct", f"exact and krylov, everything recorded to 1e-12 in {REDUCED} cases")
def test_reduced(figure):
    with measured(figure, REDUCED) as worst:

        @cases(REDUCED)
        @given(
            drawn=st.data(),
            problem=problems(largest=400),
            part=st.floats(0.05, 0.5),
            reduce=st.sampled_from(["exact", "krylov"]),
            update=st.sampled_from(["online", "online", "batch"]),
        )
        def agree(drawn, problem, part, reduce, update):
            data, w21, w32 = problem
            options = {"hidden": len(w21), "init": (w21, w32), "rng": SEED, "record": 5, "epochs": 8}
            options |= {"update": update, "keep": ["hidden", "weights"]}
            order = drawn.draw(orders(data.n_items))[0] if update == "online" else "reshuffled"
            options["order"] = order
            items = order if isinstance(order, list) else None
            options["rate"] = stable_rate(data, w21, w32, part, update, shown=items)
            direct, run = (pl.train(data, reduce=x, **options) for x in (False, reduce))
            worst.cases += 1
            pairs = [(run.loss, direct.loss), (run.hidden, direct.hidden)]
            pairs += zip(run.weights_over_time, direct.weights_over_time, strict=True)
            errors = [relative(a, b) for a, b in pairs]
            # Strengths are sums over the outputs, which may cancel.
            shown = np.linalg.norm(direct.weights_over_time.w32, axis=(2, 3)) * np.linalg.norm(
                direct.hidden, axis=(2, 3)
            )
            errors.append(np.abs(run.mode_strengths - direct.mode_strengths).max() / shown.max())
            assert worst.add(reduce, *errors) < 1e-12

        agree()


# ---- there and back

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
NUMBERS = st.floats(-1e100, 1e100)
PLAIN = st.one_of(st.booleans(), st.integers(), NUMBERS, NAMES, st.lists(st.integers(0, 9), max_size=3))


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def same_after_a_file(sim, rest):
    """Return whether a simulation goes on from its file as it does itself."""
    with tempfile.TemporaryDirectory() as folder:
        sim.save(Path(folder) / "sim.npz")
        again = pl.Simulation.load(Path(folder) / "sim.npz")
    for one in (sim, again):
        one.advance(presentations=rest)
    return all(np.array_equal(getattr(sim, x), getattr(again, x)) for x in ("w21", "w32", "loss", "presentations"))


@cases(CHECKPOINTS)
@given(drawn=st.data(), problem=problems(), dtype=st.sampled_from([*TOLERANCE]), rest=st.integers(0, 60))
def checkpoints(worst, drawn, problem, dtype, rest):
    data, w21, w32 = problem
    order, count = drawn.draw(orders(data.n_items))
    rate = stable_rate(data, w21, w32, 0.3)
    sim = pl.Simulation(data, w21, w32, rate=rate, rng=SEED, order=order, dtype=dtype)
    sim.advance(presentations=count)
    worst.cases += 1
    assert worst.add("checkpoints", int(not same_after_a_file(sim, rest))) == 0


@cases(TABLES)
@given(
    values=st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=1)),
    # A header of numbers alone is refused.
    names=st.lists(NAMES, min_size=6, max_size=6, unique=True).filter(lambda names: not is_number(names[0])),
    items=st.lists(NAMES, min_size=1, max_size=1),
    delimiter=st.sampled_from(",;\t"),
)
def tables(worst, values, names, items, delimiter):
    names = names[: len(values[0])]
    items = [f"{items[0]}{k}" for k in range(len(values))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([["item", *names], *([x, *row] for x, row in zip(items, values, strict=True))])
        data = pl.read_table(path, delimiter=delimiter)
    worst.cases += 1
    same = np.array_equal(data.outputs, np.array(values).T)
    same = same and (list(data.items), list(data.features)) == (items, names)
    assert worst.add("tables", int(not same)) == 0


@cases(RUNS)
@given(problem=problems(("one-hot", "orthogonal", "correlated")), runs=st.integers(1, 3))
def labelled(worst, problem, runs):
    xarray = pytest.importorskip("xarray")
    data, w21, w32 = problem
    options = {"hidden": len(w21), "rate": stable_rate(data, w21, w32, 0.3), "init": (w21, w32), "rng": SEED}
    run = pl.train(data, runs=runs, epochs=3, record=4, keep=["hidden", "weights", "maps"], **options)
    with tempfile.TemporaryDirectory() as folder:
        run.to_xarray().to_netcdf(Path(folder) / "run.nc", engine="scipy")
        with xarray.open_dataset(Path(folder) / "run.nc", engine="scipy") as file:
            read = file.load()
    worst.cases += 1
    pairs = [(read.mode_strength, run.mode_strengths), (read.loss, run.loss), (read.hidden, run.hidden)]
    pairs += [(read["map"], run.maps), (read.w21, run.weights_over_time.w21), (read.epoch, run.epochs)]
    pairs += [(read.w32, run.weights_over_time.w32), (read.presentation, run.presentations)]
    same = all(np.array_equal(a, b) for a, b in pairs) and read.attrs["rate"] == run.rate
    assert worst.add("xarray", int(not same)) == 0


@cases(DIGESTS)
@given(st.dictionaries(NAMES, PLAIN, min_size=1, max_size=6), st.data())
def digests(worst, about, drawn):
    name = drawn.draw(st.sampled_from(sorted(about)))
    other = drawn.draw(PLAIN)
    worst.cases += 1
    shuffled = dict(reversed(about.items()))
    changed = {**about, name: other}
    alike = (repr(changed) == repr(about)) == (_configuration.digest(changed) == _configuration.digest(about))
    same = _configuration.digest(shuffled) == _configuration.digest(about)
    assert worst.add("digests", int(not (alike and same))) == 0


@pytest.mark.property("there and back", f"checkpoints, tables, xarray, digests: nothing lost in {BACK} cases")
def test_there_and_back(figure):
    with measured(figure, BACK) as worst:
        for trip in (checkpoints, tables, labelled, digests):
            trip(worst)
