"""Rates that are too large: where a run stops, and what it leaves."""

import itertools

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import pylinear as pl
from baselines import numpy_loop
from oracles import presented, relative

pytestmark = pytest.mark.core

# Features, hidden units, items: a toy, more items than a block holds, and rows enough for several segments.
SIZES = [(5, 6, 4), (40, 3, 150), (700, 5, 9)]
# In units of 1 / s1, where 1 is the bound of batches and 2 that of online learning at the most; and out of all bounds.
RATES = (6.0, 1e3, 1e150)
EPOCHS, SEED = 12, 2


def problem(size, kind, seed=0):
    n_features, hidden, n_items = size
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n_items, n_items)) / np.sqrt(n_items) if kind == "correlated" else None
    outputs = rng.standard_normal((n_features, n_items)).astype(np.float32).astype(float)
    data = pl.Dataset(outputs, inputs)
    return data, rng.standard_normal((hidden, n_items)) / 4, rng.standard_normal((n_features, hidden)) / 4


def batch_step(data, w21, w32, rate):
    error = data.outputs - w32 @ w21 @ data.inputs
    back = w32.T @ error @ data.inputs.T
    w32 += rate * error @ (w21 @ data.inputs).T
    w21 += rate * back


def overflow(data, w21, w32, rate, order, update, dtype):
    """Return the loop's own last presentation before a weight or the squared error overflows, and its weights then."""
    largest = float(np.finfo(dtype).max)
    w21, w32 = w21.copy(), w32.copy()
    steps = presented(order, data.n_items, SEED, EPOCHS * data.n_items) if update == "online" else range(EPOCHS)
    with np.errstate(all="ignore"):
        for t, item in enumerate(steps):
            before = w21.copy(), w32.copy()
            if update == "online":
                numpy_loop(data, w21, w32, rate, [item])
            else:
                batch_step(data, w21, w32, rate)
            squares = np.sum((data.outputs - w32 @ (w21 @ data.inputs)) ** 2)
            if not max(np.abs(w21).max(), np.abs(w32).max(), squares) < largest:
                return t * (1 if update == "online" else data.n_items), before
    raise AssertionError("the loop does not diverge")


def configurations():
    """Yield a size and the options of a training that takes it in another way."""
    online = [("one-hot", {"route": r, "reduce": False}) for r in ("blocked", "fused")]
    online += [("one-hot", {"reduce": r}) for r in ("exact", "krylov")]
    online += [("correlated", {"reduce": r}) for r in (False, "exact")]
    for size, dtype in itertools.product(SIZES, ("float64", "float32")):
        for kind, options in online:
            for order in ("cyclic", "with_replacement"):
                yield size, kind, {**options, "order": order, "dtype": dtype}
        for kind, reduce in itertools.product(("one-hot", "correlated"), (False, "exact")):
            yield size, kind, {"reduce": reduce, "update": "batch", "dtype": dtype}


def trained(data, w21, w32, rate, options):
    epochs = np.unique(np.linspace(0, EPOCHS * data.n_items, 80).astype(int)) / data.n_items
    if options.get("update") == "batch":
        epochs = np.arange(EPOCHS + 1)
    arguments = {"hidden": len(w21), "rate": rate, "epochs": EPOCHS, "record": epochs, "rng": SEED, **options}
    if options.get("reduce") == "krylov" and options["dtype"] == "float32":
        arguments["tol"] = 1e-4
    keep = ["hidden", "weights", "maps"]
    return pl.train(data, init=(w21, w32), keep=keep, **arguments)


def stored(run):
    """Return what is not as it should be in what was recorded of run 0: NaN before it stopped, or numbers after it."""
    arrays = {"strengths": run.mode_strengths, "loss": run.loss, "hidden": run.hidden, "maps": run.maps}
    arrays |= {"w21": run.weights_over_time.w21, "w32": run.weights_over_time.w32}
    done = run.presentations <= run.completed[0]
    wrong = [name for name, a in arrays.items() if not np.isfinite(a[0][done]).all() or not np.isnan(a[0][~done]).all()]
    return wrong + [f"last {name}" for name, w in run.weights._asdict().items() if not np.isfinite(w).all()]


@pytest.mark.property(
    "divergence", 'status "diverged", the step right to one block, no NaN stored, the last finite state kept'
)
@threadpool_limits.wrap(limits=1, user_api="blas")
def test_divergence(figure):
    early, off, runs, wrong = {}, [], 0, []
    for (size, kind, options), factor in itertools.product(configurations(), RATES):
        data, w21, w32 = problem(size, kind)
        dtype, update = options["dtype"], options.get("update", "online")
        rate = min(factor, 1e150 if dtype == "float64" else 1e25) / data.modes.s[0]
        rate = float(np.dtype(dtype).type(rate))
        last, state = overflow(data, w21, w32, rate, options.get("order"), update, dtype)
        run = trained(data, w21, w32, rate, options)
        runs += 1
        name = f"{size} {kind} {options} {factor:g}"
        wrong += [f"{name}: {what}" for what in stored(run)]
        behind = last - int(run.completed[0])
        block = data.n_items if update == "batch" else min(128, data.n_items)
        if run.status != ("diverged",) or not 0 <= behind <= block:
            wrong.append(f"{name}: {run.status[0]}, {behind} presentations early")
        early[behind] = early.get(behind, 0) + 1
        if behind == 0 and dtype == "float64" and update == "online":
            off.append(max(relative(run.weights.w32[0], state[1]), relative(run.weights.w21[0], state[0])))
    where = ", ".join(f"{n} of them {k}" for k, n in sorted(early.items()))
    figure(
        f"{runs} runs, presentations before the loop's own overflow: {where}; wrong: {wrong[:3] or 'none'}; "
        f"{len(off)} last states to {max(off, default=np.nan):.0e}"
    )
    assert not wrong
    assert off
    assert max(off) < 1e-6


@pytest.mark.property("divergence, some runs of many", "the others bit-equal to what they are without them")
def test_some_runs_diverge(figure):
    data, w21, w32 = problem(SIZES[0], "one-hot")
    arguments = {"hidden": len(w21), "rate": 0.05 / data.modes.s[0], "epochs": 50, "rng": 2, "runs": 4, "threads": 2}
    ways = [{"route": "blocked", "reduce": False}, {"route": "fused", "reduce": False}, {"update": "batch"}]
    same = 0
    for options in ways:
        wild, tame = (
            pl.train(data, init=(w21 * scales, w32 * scales), **arguments, **options)
            for scales in (np.array(x)[:, None, None] for x in ([1.0, 60.0, 0.5, 40.0], [1.0, 1.0, 0.5, 1.0]))
        )
        assert wild.status == ("ok", "diverged", "ok", "diverged")
        assert tame.status == ("ok",) * 4
        assert np.isfinite(wild.weights.w32).all()
        same += sum(np.array_equal(wild.weights.w32[k], tame.weights.w32[k]) for k in (0, 2))
    figure(f"{same} of {2 * len(ways)} bit-equal")
    assert same == 2 * len(ways)


@pytest.mark.property("divergence of a simulation", "the same step in calls of any length; readable, saved, goes on")
def test_simulations(figure, tmp_path):
    wrong, stops = [], 0
    for size, dtype, way in itertools.product(SIZES[:2], ("float64", "float32"), ("blocked", "fused", "batch")):
        data, w21, w32 = problem(size, "one-hot")
        options = {"update": "batch"} if way == "batch" else {"route": way}
        sims = [pl.Simulation(data, w21, w32, rate=20 / data.modes.s[0], rng=2, dtype=dtype, **options) for _ in "ab"]
        step = data.n_items if way == "batch" else 1
        sims[0].advance(epochs=EPOCHS)
        while sims[1].status == "ok" and sims[1].epochs < EPOCHS:
            sims[1].advance(presentations=step)
        stops += 1
        if sims[0].status != "diverged" or sims[0].presentations != sims[1].presentations:
            wrong.append(f"{size} {dtype} {way}: {sims}")
        first = bits(sims[0])
        for sim in sims:
            before = bits(sim)
            sim.advance(epochs=3)
            sim.save(tmp_path / "sim.npz")
            again = pl.Simulation.load(tmp_path / "sim.npz")
            finite = np.isfinite([sim.loss, *sim.mode_strengths, *sim.hidden.ravel()]).all()
            if not (finite and first == before == bits(sim) == bits(again) and again.status == "diverged"):
                wrong.append(f"{size} {dtype} {way}: what is left of {sim}")
            sim.rate, sim.w21, sim.w32 = 0.1 / data.modes.s[0], w21, w32
            sim.advance(epochs=2)
            if sim.status != "ok" or sim.presentations != again.presentations + 2 * data.n_items:
                wrong.append(f"{size} {dtype} {way}: going on")
    figure(f"{stops} of them; wrong: {wrong[:3] or 'none'}")
    assert not wrong


def bits(sim):
    return sim.w21.tobytes() + sim.w32.tobytes()
