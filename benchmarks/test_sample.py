"""The sampler beside numpy and a numba loop, on 64 items; each is asserted right before it is timed."""

import numpy as np
import pytest

import pylinear as pl
from baselines import diffusion, diffusion_loop
from beside import Row, beside, once

TREE = pl.Tree((2,) * 6, 0.1)
N = 1_000_000
CASE = "sampler, 1e6 features x 64 items, int8"


def assert_diffused(values):
    # 2,016 pairs, off by at most 0.007 (one standard deviation): a false alarm once in a million.
    assert set(np.unique(values)) == {-1, 1}
    values = values.astype(float)
    assert np.abs(values.T @ values / len(values) - TREE.covariance).max() < 0.05


def numpy_levels(n):
    return diffusion(TREE.branching, TREE.flip, n, np.random.default_rng(0))


def numba_loop(n):
    return diffusion_loop(np.array(TREE.branching), np.array(TREE.flip), np.empty((n, TREE.n_items), np.int8))


@pytest.mark.parametrize(("loop", "goal"), [(numpy_levels, ">= 60"), (numba_loop, ">= 30")], ids=["numpy", "numba"])
def test_sample(benchmark, table, loop, goal):
    whole = TREE.sample(20_000, rng=0, engine="numba", dtype="int8").outputs
    assert (TREE.sample(20_000, rng=0, engine="native", dtype="int8").outputs == whole).all()
    assert_diffused(whole)
    assert_diffused(loop(20_000))

    def five():
        for _ in range(5):
            TREE.sample(N, rng=0, dtype="int8", engine="native")

    ratios, times = beside(benchmark, five, lambda: loop(N), rounds=7, each=(5, 1))
    rate = N * TREE.n_items / np.median(times) / 1e9
    table.append(Row(CASE, loop.__name__, goal, ratios, times, [f"{rate:.1f} GB/s written"]))


def test_numba_engine(benchmark, table):
    ratios, times = beside(
        benchmark,
        lambda: TREE.sample(N, rng=0, dtype="int8", engine="numba"),
        lambda: numba_loop(N),
        rounds=5,
    )
    table.append(Row(f"{CASE}, numba engine", "numba_loop", "-", ratios, times))


def test_sample_bits(benchmark, table):
    bits = TREE.sample_bits(20_000, rng=0)
    signs = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :20_000]
    assert (TREE.sample(20_000, rng=0, engine="numba").outputs == (1 - 2 * signs.astype(int)).T).all()
    ratios, times = beside(
        benchmark, lambda: TREE.sample_bits(N, rng=0), lambda: TREE.sample(N, rng=0, dtype="int8"), rounds=9
    )
    table.append(Row("sample_bits, 1e6 features x 64 items", "the same as int8", "-", ratios, times))


def test_gram(benchmark, table):
    outputs = TREE.sample(20_000, rng=0, engine="numba").outputs
    assert (TREE.gram(20_000, rng=0) == outputs.T @ outputs).all()
    times = once(benchmark, lambda: TREE.gram(10**9, rng=0))
    rate = 10**9 * TREE.n_items / np.median(times) / 1e9
    table.append(Row("tree.gram(10**9), 64 items", "wall time", "< 40 s", [], times, [f"{rate:.1f} G values/s"]))
