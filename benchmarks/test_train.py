"""The engine beside the numpy loop, each asserted equal before it is timed.

Every function of a group trains the same network on the same presentations, so that the ratios in the report are ratios
of times per presentation.
"""

import numpy as np
import pytest

import pylinear as pl
from baselines import naive

# name: features, hidden units, items, epochs a round
CASES = {
    "toy 7 x 16, P = 4": (7, 16, 4, 250),
    "Figure 3 10,000 x 16, P = 4": (10_000, 16, 4, 25),
    "wide 10,000 x 256, P = 32": (10_000, 256, 32, 1),
}


def problem(n_features, hidden, n_items):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)))
    w21, w32 = pl.Gaussian(0.01).draw(data, hidden, rng)
    return data, w21, w32, 0.05 / data.modes.s[0]


def engine_at(data, w21, w32, rate, **options):
    return pl.Simulation(data, w21, w32, rate=rate, order="cyclic", **options)


def assert_equal_to_naive(data, w21, w32, rate, epochs, **options):
    sim = engine_at(data, w21, w32, rate, **options)
    sim.advance(epochs=epochs)
    expected = naive(data, w21, w32, rate, list(range(data.n_items)) * epochs)
    assert np.abs(sim.w21 - expected[0]).max() < 1e-12 * np.abs(expected[0]).max()
    assert np.abs(sim.w32 - expected[1]).max() < 1e-12 * np.abs(expected[1]).max()


@pytest.mark.parametrize("case", CASES)
def test_naive_numpy(benchmark, case):
    benchmark.group = case
    *sizes, epochs = CASES[case]
    data, w21, w32, rate = problem(*sizes)
    items = list(range(data.n_items)) * epochs
    benchmark.pedantic(naive, (data, w21, w32, rate, items), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "options",
    [{"route": "blocked", "threads": 1}, {"route": "blocked"}, {"route": "fused", "threads": 1}, {"route": "fused"}],
    ids=["blocked, 1 thread", "blocked", "fused, 1 thread", "fused"],
)
def test_engine(benchmark, case, options):
    benchmark.group = case
    *sizes, epochs = CASES[case]
    arguments = problem(*sizes)
    assert_equal_to_naive(*arguments, epochs, **options)
    sim = engine_at(*arguments, **options)
    benchmark.pedantic(sim.advance, kwargs={"epochs": epochs}, rounds=30, warmup_rounds=3)
    n_features, hidden, n_items = sizes
    flops = 6 * n_features * hidden * n_items * epochs
    benchmark.extra_info["GFLOP/s"] = round(flops / benchmark.stats.stats.median / 1e9, 1)
    assert sim.status == "ok"
