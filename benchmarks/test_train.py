"""The direct engine beside the machine's limits and what people type, each asserted right before it is timed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pylinear as pl
from baselines import blas_calls, jax_scan, numba_fused, numpy_loop, problem, torch_loop
from beside import Row, beside, gemm

WIDE = (100_000, 512, 64)


class Problem:
    """A dataset, weights to begin with, and an engine that has begun."""

    def __init__(self, n_features, hidden, n_items, inputs=None, dtype="float64", **options):
        self.data, self.w21, self.w32, self.rate = problem(n_features, hidden, n_items, inputs)
        self.flops = 6 * n_features * hidden * n_items
        self.options = {"rate": self.rate, "order": "cyclic", "dtype": dtype, **options}
        self.sim = self.simulation()

    def simulation(self):
        return pl.Simulation(self.data, self.w21, self.w32, **self.options)

    def assert_right(self, presentations, loop=numpy_loop, tolerance=1e-12):
        """The engine against a loop, from the start, at the size that is timed."""
        w21, w32 = self.w21.copy(), self.w32.copy()
        items = [t % self.data.n_items for t in range(presentations)]
        w21, w32 = loop(self.data, w21, w32, self.rate, items) or (w21, w32)
        sim = self.simulation()
        sim.advance(presentations=presentations)
        assert np.abs(sim.w21 - w21).max() < tolerance * np.abs(w21).max()
        assert np.abs(sim.w32 - w32).max() < tolerance * np.abs(w32).max()


@pytest.fixture(scope="module")
def wide():
    return Problem(*WIDE)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_against_the_product(benchmark, table, dtype, request):
    timed = request.getfixturevalue("wide") if dtype == "float64" else Problem(*WIDE, dtype=dtype)
    timed.assert_right(64, numba_fused, 1e-12 if dtype == "float64" else 1e-5)
    product, flops = gemm(dtype)
    epoch = lambda: timed.sim.advance(epochs=1)  # noqa: E731
    ratios, times = beside(benchmark, epoch, lambda: [product() for _ in range(3)], rounds=9, each=(1, 3))
    rates = [timed.flops / flops * r for r in ratios]
    rate = timed.flops / np.median(times) / 1e9
    case = f"100,000 x 512, P = 64, one-hot, direct, {dtype}"
    table.append(Row(case, "rate of a square product", ">= 0.90", rates, times, [f"{rate:.0f} GFLOP/s"]))
    assert timed.sim.status == "ok"


@pytest.mark.parametrize(
    ("loop", "goal", "shown"),
    [
        (numpy_loop, ">= 90", 3),
        (blas_calls, ">= 13", 16),
        (numba_fused, ">= 5.5", 16),
        (torch_loop, "-", 16),
        (jax_scan, "-", 16),
    ],
    ids=["numpy", "blas", "numba", "torch", "jax"],
)
def test_against_a_loop(benchmark, table, wide, loop, goal, shown):
    pytest.importorskip({torch_loop: "torch", jax_scan: "jax"}.get(loop, "numpy"))
    wide.assert_right(shown, loop)
    w21, w32 = wide.w21.copy(), wide.w32.copy()
    ratios, times = beside(
        benchmark,
        lambda: wide.sim.advance(epochs=1),
        lambda: loop(wide.data, w21, w32, wide.rate, list(range(shown))),
        rounds=7,
        each=(1, shown / 64),
    )
    table.append(Row("100,000 x 512, P = 64, one-hot, direct", loop.__name__, goal, ratios, times))


def test_correlated_inputs_against_the_memory(benchmark, table):
    n_features, hidden, n_items = WIDE
    timed = Problem(*WIDE, inputs=np.random.default_rng(1).standard_normal((n_items, n_items)) / 8)
    timed.assert_right(3)
    touched = np.ones((n_features, hidden))
    threads = pl.info()["threads"]
    pieces = np.array_split(touched, threads)
    with ThreadPoolExecutor(threads) as pool:

        def read_modify_write():
            for _ in range(4):
                list(pool.map(lambda piece: np.multiply(piece, 1.0000001, out=piece), pieces))

        def four():
            timed.sim.advance(presentations=4)

        ratios, times = beside(benchmark, four, read_modify_write, rounds=15, each=(4, 4))
    rate = 16 * touched.size / np.median(times) / 1e9
    case = "100,000 x 512, P = 64, correlated, direct"
    table.append(Row(case, "read-modify-write bandwidth", ">= 0.90", ratios, times, [f"{rate:.1f} GB/s"]))


@pytest.mark.parametrize(
    ("sizes", "goal", "epochs"),
    [((10_000, 16, 4), ">= 90", (100, 5)), ((7, 16, 4), ">= 60", (20_000, 250)), ((10_000, 256, 32), "-", (4, 1))],
    ids=["figure-3", "toy", "middle"],
)
def test_small_networks(benchmark, table, sizes, goal, epochs):
    timed = Problem(*sizes)
    timed.assert_right(100 * sizes[2] if sizes[0] * sizes[1] < 10**6 else sizes[2])
    w21, w32 = timed.w21.copy(), timed.w32.copy()
    items = list(range(sizes[2])) * epochs[1]
    ratios, times = beside(
        benchmark,
        lambda: timed.sim.advance(epochs=epochs[0]),
        lambda: numpy_loop(timed.data, w21, w32, timed.rate, items),
        rounds=15,
        each=epochs,
    )
    rate = timed.flops / np.median(times) / 1e9
    case = f"{sizes[0]:,} x {sizes[1]}, P = {sizes[2]}, one-hot, direct"
    table.append(Row(case, "numpy_loop", goal, ratios, times, ["an epoch", f"{rate:.1f} GFLOP/s"]))


@pytest.mark.parametrize("sizes", [(600, 512, 64), (20_000, 512, 256), (20_000, 500, 61), (20_000, 512, 9)], ids=str)
def test_where_little_is_left_beside_the_product(benchmark, table, sizes):
    timed = Problem(*sizes)
    timed.assert_right(sizes[2], numba_fused)
    product, flops = gemm("float64", 1024)
    epochs = max(1, int(2e10 / timed.flops))
    ratios, times = beside(
        benchmark,
        lambda: timed.sim.advance(epochs=epochs),
        lambda: [product() for _ in range(9)],
        rounds=15,
        each=(epochs, 9),
    )
    rates = [timed.flops / flops * r for r in ratios]
    rate = timed.flops / np.median(times) / 1e9
    case = f"{sizes[0]:,} x {sizes[1]}, P = {sizes[2]}, one-hot, direct"
    table.append(Row(case, "rate of a square product", "-", rates, times, [f"{rate:.0f} GFLOP/s"]))


def test_more_threads_than_processors(benchmark, table):
    sizes = (600, 512, 64)
    processors = pl.info()["threads"]
    few, many = Problem(*sizes, threads=processors), Problem(*sizes, threads=4 * processors)
    few.assert_right(64, numba_fused)
    ratios, times = beside(
        benchmark, lambda: many.sim.advance(epochs=20), lambda: few.sim.advance(epochs=20), rounds=15, each=(20, 20)
    )
    case = f"600 x 512, P = 64, threads = {4 * processors} on {processors} processors"
    table.append(Row(case, f"threads = {processors}", ">= 0.8", ratios, times))
