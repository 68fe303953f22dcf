"""The same numbers for any engine, number of threads, chunking and split of the calls."""

import hashlib
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import pylinear as pl
from streams import GOLDEN

ENGINES = pytest.mark.parametrize("engine", [pytest.param("native", marks=pytest.mark.core), "numba"])


@pytest.mark.parametrize("shape", GOLDEN, ids=str)
@ENGINES
def test_golden_streams(shape, engine):
    outputs = pl.Tree(*shape).sample(1_000_000, rng=0, engine=engine, dtype="int8").outputs
    assert hashlib.sha256(outputs.tobytes()).hexdigest() == GOLDEN[shape]


@ENGINES
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_threads_do_not_change_the_features(engine, threads):
    tree = pl.Tree((2, 3, 2), (0.1, 0.2, 0.3))
    reference = tree.sample(10_007, rng=11, engine="numba", threads=1).outputs
    np.testing.assert_array_equal(tree.sample(10_007, rng=11, engine=engine, threads=threads).outputs, reference)


@ENGINES
@pytest.mark.parametrize(("first", "count"), [(0, 1), (1, 63), (63, 2), (64, 64), (100, 1000), (9_990, 10)])
def test_any_part_of_a_sample_alone(engine, first, count):
    tree = pl.Tree((2, 2), 0.1)
    whole = tree.sample(10_000, rng=4).outputs
    part = tree.sample(count, rng=4, first=first, engine=engine).outputs
    np.testing.assert_array_equal(part, whole[first : first + count])


@ENGINES
def test_features_far_out_differ_from_those_at_the_start(engine):
    # Feature numbers above 2^38 reach into the second word of the counter.
    tree = pl.Tree((2, 2), 0.1)
    far = tree.sample(640, rng=4, first=2**38, engine=engine).outputs
    near = tree.sample(640, rng=4, engine=engine).outputs
    assert (far != near).any()
    np.testing.assert_array_equal(far, tree.sample(640, rng=4, first=2**38, engine="numba").outputs)


@ENGINES
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("first", [0, 64, 1_000_003])
def test_threads_do_not_change_bits_or_gram(engine, threads, first):
    # More than one tile of the Gram matrix, and a part of one.
    tree = pl.Tree((2, 3, 2), (0.1, 0.2, 0.3))
    n = 80_007
    outputs = tree.sample(n, rng=11, first=first, engine="numba", threads=1, dtype="int8").outputs
    bits = tree.sample_bits(n, rng=11, first=first, engine=engine, threads=threads)
    signs = np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    np.testing.assert_array_equal(signs[:, :n].T, outputs < 0)
    gram = tree.gram(n, rng=11, first=first, engine=engine, threads=threads)
    np.testing.assert_array_equal(gram, outputs.T.astype(np.int64) @ outputs)


@ENGINES
def test_bits_and_gram_far_out(engine):
    # Inside the range the number of the block passes 2^32, the end of the first word of the counter.
    tree = pl.Tree((2, 2), 0.1)
    first, n = 2**38 - 333, 1_000
    outputs = tree.sample(n, rng=4, first=first, engine="numba").outputs
    near = tree.sample(n, rng=4, first=first - 2**38 + 64 * 2**26, engine="numba").outputs
    assert (outputs != near).any()
    np.testing.assert_array_equal(tree.sample(n, rng=4, first=first, engine=engine).outputs, outputs)
    np.testing.assert_array_equal(tree.gram(n, rng=4, first=first, engine=engine), outputs.T @ outputs)
    bits = tree.sample_bits(n, rng=4, first=first, engine=engine)
    np.testing.assert_array_equal(bits, tree.sample_bits(n, rng=4, first=first, engine="numba"))
    np.testing.assert_array_equal((bits[:, 0] & np.uint64(1)).astype(bool), outputs[0] < 0)


@pytest.mark.core
@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="one instruction set only")
def test_instruction_sets_do_not_change_the_features():
    code = (
        "import hashlib, pylinear as pl; tree = pl.Tree((2, 3, 4), (0.1, 0.25, 0.4));"
        "arrays = tree.sample(50_001, rng=3, first=9, dtype='int8').outputs, tree.sample_bits(50_001, rng=3, first=9),"
        "tree.gram(50_001, rng=3, first=9);"
        "print([hashlib.sha256(a.tobytes()).hexdigest() for a in arrays])"
    )
    seen = set()
    for isa in ("baseline", "avx2", "avx512"):
        command = [sys.executable, "-P", "-c", code]
        env = {**os.environ, "PYLINEAR_ISA": isa}
        seen.add(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert len(seen) == 1
    assert len(set(eval(seen.pop()))) == 3


# n_features, hidden, n_items; large enough that threads are started on either route: 6 N3 N2 is above 10^6.
SIZES = [(6_000, 32, 4), (3_000, 60, 150)]


def problem(n_features, hidden, n_items, seed=0):
    rng = np.random.default_rng(seed)
    data = pl.Dataset(rng.standard_normal((n_features, n_items)))
    weights = 0.05 * rng.standard_normal((hidden, n_items)), 0.05 * rng.standard_normal((n_features, hidden))
    return data, *weights, 0.2 / data.modes.s[0]


def final_weights(sim):
    return sim.w21.tobytes() + sim.w32.tobytes()


@pytest.mark.core
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("route", ["blocked", "fused"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_do_not_change_the_weights(size, route, dtype):
    data, w21, w32, rate = problem(*size)
    results = set()
    for threads in (1, 2, 3, 8):
        sim = pl.Simulation(data, w21, w32, rate=rate, rng=3, threads=threads, route=route, dtype=dtype)
        sim.advance(presentations=403)
        results.add(final_weights(sim) + sim.mode_strengths.tobytes() + np.float64(sim.loss).tobytes())
    assert len(results) == 1


@pytest.mark.core
def test_threads_do_not_change_what_is_recorded():
    data, w21, w32, rate = problem(*SIZES[0])
    results = set()
    for threads in (1, 2, 3, 8):
        grid = {"threads": threads, "record": 31, "reduce": False}
        run = pl.train(data, hidden=32, rate=rate, epochs=30, init=(w21, w32), rng=0, **grid)
        results.add(run.mode_strengths.tobytes() + run.loss.tobytes())
    assert len(results) == 1


@pytest.mark.core
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("route", ["blocked", "fused"])
@pytest.mark.parametrize("order", ["cyclic", "reshuffled", "with_replacement", [0, 3, 1, 1, 2, 0, 3]])
def test_how_training_is_cut_into_calls_does_not_change_the_weights(size, route, order):
    data, w21, w32, rate = problem(*size)
    whole = pl.Simulation(data, w21, w32, rate=rate, rng=3, route=route, order=order)
    whole.advance(presentations=403)
    parts = pl.Simulation(data, w21, w32, rate=rate, rng=3, route=route, order=order)
    for until in (1, 2, 3, 4, 7, 150, 151, 152, 290, 402, 403):
        parts.advance(presentations=until - parts.presentations)
        assert np.isfinite(parts.loss)  # looking does not disturb
    assert parts.presentations == 403
    assert final_weights(parts) == final_weights(whole)


@pytest.mark.core
def test_recording_does_not_change_the_weights_and_runs_do_not_depend_on_each_other():
    data = pl.Tree((2, 2), 0.1).sample(300, rng=0)
    arguments = {"hidden": 8, "rate": 1e-3, "epochs": 21, "rng": 5, "order": "with_replacement", "reduce": False}
    alone = pl.train(data, runs=1, record=2, **arguments)
    for runs, threads, record in ((3, 1, 7), (3, 2, 85), (5, 8, [0.25, 3.5])):
        many = pl.train(data, runs=runs, threads=threads, record=record, **arguments)
        np.testing.assert_array_equal(many.weights.w32[0], alone.weights.w32[0])
        np.testing.assert_array_equal(many.weights.w21[0], alone.weights.w21[0])
        assert (many.weights.w32[1] != many.weights.w32[0]).any()


@pytest.mark.core
def test_a_training_run_is_a_simulation():
    data = pl.Tree((2, 2), 0.1).sample(300, rng=0)
    arguments = {"hidden": 8, "rate": 1e-3, "epochs": 20, "rng": 5, "order": "cyclic", "init": pl.Gaussian(0.01)}
    run = pl.train(data, reduce=False, **arguments)
    sim = pl.Simulation(data, *run.initial_weights(0), rate=1e-3, order="cyclic")
    sim.advance(epochs=20)
    np.testing.assert_array_equal(run.weights.w32[0], sim.w32)
    np.testing.assert_array_equal(run.mode_strengths[0, -1], sim.mode_strengths)
