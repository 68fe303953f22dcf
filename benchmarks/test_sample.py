"""The sampler beside numpy and a numba loop, on 64 items; each is asserted right before it is timed."""

import numpy as np
import pytest

import pylinear as pl
from baselines import diffusion, diffusion_loop

TREE = pl.Tree((2,) * 6, 0.1)
N = 1_000_000
GROUP = "sample 1,000,000 features x 64 items, int8"
ENGINES = pytest.mark.parametrize("engine", ["native", "numba"])


def report(benchmark, n_features, n_bytes=0):
    median = benchmark.stats.stats.median
    benchmark.extra_info["G features x items/s"] = round(n_features * TREE.n_items / median / 1e9, 2)
    if n_bytes:
        benchmark.extra_info["GB/s"] = round(n_bytes / median / 1e9, 2)


def assert_diffused(values):
    # 2,016 pairs, off by at most 0.007 (one standard deviation): a false alarm once in a million.
    assert set(np.unique(values)) == {-1, 1}
    values = values.astype(float)
    assert np.abs(values.T @ values / len(values) - TREE.covariance).max() < 0.05


@ENGINES
@pytest.mark.parametrize("threads", [1, None], ids=["1 thread", "all threads"])
def test_engine(benchmark, engine, threads):
    benchmark.group = GROUP
    arguments = {"rng": 0, "dtype": "int8", "engine": engine, "threads": threads}
    assert_diffused(TREE.sample(20_000, **arguments).outputs)
    benchmark.pedantic(TREE.sample, (N,), arguments, rounds=10 if engine == "native" else 2, warmup_rounds=1)
    report(benchmark, N, N * TREE.n_items)


def test_numpy(benchmark):
    benchmark.group = GROUP
    assert_diffused(diffusion(TREE.branching, TREE.flip, 20_000, np.random.default_rng(0)))
    benchmark.pedantic(diffusion, (TREE.branching, TREE.flip, N, np.random.default_rng(0)), rounds=2)
    report(benchmark, N)


def test_numba_loop(benchmark):
    benchmark.group = GROUP
    tree = np.array(TREE.branching), np.array(TREE.flip)
    assert_diffused(diffusion_loop(*tree, np.empty((20_000, TREE.n_items), np.int8)))
    benchmark.pedantic(lambda: diffusion_loop(*tree, np.empty((N, TREE.n_items), np.int8)), rounds=2)
    report(benchmark, N, N * TREE.n_items)


@ENGINES
def test_sample_bits(benchmark, engine):
    benchmark.group = "sample_bits, 1,000,000 features x 64 items"
    bits = TREE.sample_bits(20_000, rng=0, engine=engine)
    signs = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :20_000]
    assert (TREE.sample(20_000, rng=0, engine="numba").outputs == (1 - 2 * signs.astype(int)).T).all()
    rounds = 10 if engine == "native" else 2
    benchmark.pedantic(TREE.sample_bits, (N,), {"rng": 0, "engine": engine}, rounds=rounds, warmup_rounds=1)
    report(benchmark, N, N * TREE.n_items / 8)


@pytest.mark.parametrize(("engine", "n_features"), [("native", 10**8), ("numba", 10**6)])
def test_gram(benchmark, engine, n_features):
    benchmark.group = "gram, 64 items"
    outputs = TREE.sample(20_000, rng=0, engine="numba").outputs
    assert (TREE.gram(20_000, rng=0, engine=engine) == outputs.T @ outputs).all()
    benchmark.pedantic(TREE.gram, (n_features,), {"rng": 0, "engine": engine}, rounds=2)
    report(benchmark, n_features)
