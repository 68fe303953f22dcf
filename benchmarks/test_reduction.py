"""Reduced training, each asserted right before it is timed.

Runs of whole trainings, so that setting up counts; divide by runs or epochs as the group says.
"""

import numpy as np
import pytest

import pylinear as pl


def arguments(data, epochs, **more):
    return {"rate": 0.05 / data.modes.s[0], "epochs": epochs, "record": 200, "rng": 0, **more}


@pytest.mark.parametrize("reduce", ["exact", "law"])
def test_figure_3(benchmark, reduce):
    benchmark.group = "1,000 runs of Figure 3: 10,000 x 16, P = 4, 500 epochs"
    data = pl.Tree((2, 2), 0.1).sample(10_000, rng=0)
    options = arguments(data, 500, hidden=16, init=pl.Gaussian(1e-3))
    if reduce == "exact":
        direct, run = (pl.train(data, reduce=r, **options) for r in (False, reduce))
        assert np.abs(run.mode_strengths - direct.mode_strengths).max() < 1e-12 * data.modes.s[0]
    run = benchmark.pedantic(pl.train, (data,), {"runs": 1_000, "reduce": reduce, **options}, rounds=3)
    assert run.status == ("ok",) * 1_000


@pytest.mark.parametrize("sigma", [1e-4, 1e-5, 1e-6])
def test_trillion(benchmark, sigma):
    benchmark.group = "law: N3 = 1e12, N2 = 1e9, P = 64, 500 epochs"
    tree = pl.Tree((2,) * 6, 0.1)
    data = pl.Dataset.from_gram(np.rint(tree.covariance * 10**12).astype(np.int64), 10**12)
    options = arguments(data, 500, hidden=10**9, init=pl.Gaussian(sigma))
    run = benchmark.pedantic(pl.train, (data,), options, rounds=3, warmup_rounds=1)
    np.testing.assert_allclose(run.initial_strengths, 10**9 * sigma**2 / 2, rtol=1e-3)
    assert run.reduction.error <= 1e-12
    benchmark.extra_info["reduction"] = repr(run.reduction)


@pytest.mark.parametrize("reduce", ["exact", "krylov"])
@pytest.mark.parametrize("epochs", [1, 1_001])
def test_wide(benchmark, reduce, epochs):
    benchmark.group = f"100,000 x 512, P = 64, sigma = 1e-4, {epochs} epochs"
    data = pl.Tree((2,) * 6, 0.1).sample(100_000, rng=0)
    options = arguments(data, epochs, hidden=512, init=pl.Gaussian(1e-4), reduce=reduce)
    if reduce == "krylov" and epochs == 1:
        exact, run = (pl.train(data, **{**options, "epochs": 100, "reduce": r}) for r in ("exact", "krylov"))
        assert np.abs(run.mode_strengths - exact.mode_strengths).max() < 1e-12 * data.modes.s[0]
    run = benchmark.pedantic(pl.train, (data,), options, rounds=3, warmup_rounds=1)
    benchmark.extra_info["reduction"] = repr(run.reduction)
