"""Reduced training beside the direct engine's work in numpy, each asserted right before it is timed."""

import numpy as np
import pytest

import pylinear as pl
from baselines import numpy_loop
from beside import Row, beside, once, seconds

TREE = pl.Tree((2,) * 6, 0.1)
SHOWN = 3


class Wide:
    """100,000 features x 512 hidden units, 64 items, in the rich regime."""

    def __init__(self):
        self.data = TREE.sample(100_000, rng=0)
        self.options = {"hidden": 512, "rate": 0.05 / self.data.modes.s[0], "init": pl.Gaussian(1e-4), "rng": 0}

    def train(self, epochs, reduce, **more):
        return pl.train(self.data, epochs=epochs, reduce=reduce, **{"record": 1, **self.options, **more})


@pytest.fixture(scope="module")
def wide():
    return Wide()


@pytest.mark.parametrize(
    ("reduce", "goal", "epochs"), [("exact", ">= 10,000", (1, 1001)), ("krylov", ">= 60,000", (1, 401))]
)
def test_epochs_after_set_up(benchmark, table, wide, reduce, goal, epochs):
    exact, run = (wide.train(60, r, record=5, order="cyclic") for r in ("exact", reduce))
    assert np.abs(run.mode_strengths - exact.mode_strengths).max() < 1e-12 * wide.data.modes.s[0]
    direct = wide.train(2, False, record=3, order="cyclic")
    short = wide.train(2, reduce, record=3, order="cyclic")
    assert np.abs(short.mode_strengths - direct.mode_strengths).max() < 1e-12 * np.abs(direct.mode_strengths).max()
    assert np.abs(short.loss - direct.loss).max() < 1e-12 * direct.loss[0, 0]
    w21, w32 = (w.copy() for w in direct.initial_weights(0))
    few, many = epochs
    set_ups = []

    def train_many():
        set_ups.append(seconds(lambda: wide.train(few, reduce)))
        wide.train(many, reduce)

    ratios, times = beside(
        benchmark,
        train_many,
        lambda: numpy_loop(wide.data, w21, w32, wide.options["rate"], range(SHOWN)),
        rounds=7,
        each=(1, SHOWN / 64),
        warm=False,
    )
    # A round is a short and a long training: what the long one takes beyond the short one is its epochs.
    epoch = [(t - 2 * s) / (many - few) for t, s in zip(times, set_ups, strict=True)]
    ratios = [r * t / e for r, t, e in zip(ratios, times, epoch, strict=True)]
    remarks = ["an epoch", f"set-up {np.median(set_ups):.1f} s", repr(run.reduction)]
    table.append(Row(f"100,000 x 512, P = 64, {reduce}, after set-up", "numpy_loop", goal, ratios, epoch, remarks))


@pytest.mark.parametrize("reduce", ["exact", "law"])
def test_figure_3(benchmark, table, reduce):
    data = pl.Tree((2, 2), 0.1).sample(10_000, rng=0)
    options = {"rate": 0.05 / data.modes.s[0], "epochs": 500, "record": 200, "rng": 0, "hidden": 16}
    options["init"] = pl.Gaussian(1e-3)
    if reduce == "exact":
        direct, run = (pl.train(data, reduce=r, **options) for r in (False, reduce))
        assert np.abs(run.mode_strengths - direct.mode_strengths).max() < 1e-12 * data.modes.s[0]
    times = once(benchmark, lambda: pl.train(data, runs=1_000, reduce=reduce, **options), rounds=5)
    table.append(Row(f"1,000 runs of Figure 3, {reduce}, 200 points each", "wall time", "< 2 s", [], times))


@pytest.mark.parametrize("sigma", [1e-6, 1e-4])
def test_trillion(benchmark, table, sigma):
    data = pl.Dataset.from_gram(np.rint(TREE.covariance * 10**12).astype(np.int64), 10**12)
    options = {"rate": 0.05 / data.modes.s[0], "epochs": 500, "record": 200, "rng": 0, "hidden": 10**9}
    run = pl.train(data, init=pl.Gaussian(sigma), **options)
    np.testing.assert_allclose(run.initial_strengths, 10**9 * sigma**2 / 2, rtol=1e-3)
    assert run.reduction.error <= 1e-12
    times = once(benchmark, lambda: pl.train(data, init=pl.Gaussian(sigma), **options), rounds=5)
    case = f"1e12 x 1e9, P = 64, in law, sigma = {sigma:g}, 500 epochs"
    table.append(Row(case, "wall time", "< 1 s", [], times, [repr(run.reduction)]))
