"""The sampler beside numpy, on 1,000,000 features of 64 items as int8."""

import numpy as np
import pytest

import pylinear as pl
from baselines import diffusion

TREE = pl.Tree((2,) * 6, 0.1)
N = 1_000_000
GROUP = "sample 1,000,000 features x 64 items"


@pytest.mark.parametrize("engine", ["native", "numba"])
def test_engine(benchmark, engine):
    benchmark.group = GROUP
    whole = TREE.sample(1_000, rng=0, engine="numba", dtype="int8").outputs
    assert (TREE.sample(1_000, rng=0, engine=engine, dtype="int8").outputs == whole).all()
    benchmark.pedantic(TREE.sample, (N,), {"rng": 0, "engine": engine, "dtype": "int8"}, rounds=3, warmup_rounds=1)


def test_numpy(benchmark):
    benchmark.group = GROUP
    values = diffusion(TREE.branching, TREE.flip, 20_000, np.random.default_rng(0))
    assert np.abs(values.T @ values / 20_000 - TREE.covariance).max() < 0.05
    benchmark.pedantic(diffusion, (TREE.branching, TREE.flip, N, np.random.default_rng(0)), rounds=2)
