"""The peak memory of the cases that are timed, each in a process of its own, beside the bytes that it must hold."""

import subprocess
import sys

import pytest

from beside import Memory

SCRIPT = """
from pathlib import Path
import numpy as np
import pylinear as pl

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def wide(n_features, hidden, n_items, inputs=None, **options):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)), inputs)
    w21, w32 = pl.Gaussian(0.01).draw(data, hidden, rng)
    sim = pl.Simulation(data, w21, w32, rate=1e-6, rng=0, **options)
    sim.advance(presentations=n_items)

TREE = pl.Tree((2,) * 6, 0.1)
# Not getrusage, whose peak begins with that of the process that started this one.
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
{statement}
print(status("VmHWM") - before)
"""

# What must be held: the outputs and their synthesizers, the weights given and the network's own.
ONE, OUTPUTS = 8 * 100_000 * 512, 8 * 100_000 * 64
TRAIN = "pl.train(TREE.sample(100_000, rng=0), hidden=512, rate=1e-5, epochs=2, record=3, rng=0, {options})"
CASES = {
    "100,000 x 512, P = 64, one-hot, direct": ("wide(100_000, 512, 64)", 2 * ONE + 2 * OUTPUTS),
    "the same, correlated": (
        "wide(100_000, 512, 64, np.random.default_rng(1).random((64, 64)))",
        2 * ONE + 2 * OUTPUTS,
    ),
    "the same, reduce='exact'": (TRAIN.format(options="reduce='exact'"), 2 * OUTPUTS),
    "the same, reduce='krylov'": (TRAIN.format(options="reduce='krylov'"), 2 * OUTPUTS),
    "sampler, 1e6 features x 64 items, int8": ("TREE.sample(10**6, rng=0, dtype='int8')", 64 * 10**6),
    "tree.gram(10**8), 64 items": ("TREE.gram(10**8, rng=0)", 8 * 64 * 64),
    "1e12 x 1e9, P = 64, in law, 500 epochs": (
        "data = pl.Dataset.from_gram(1e12 * TREE.covariance, 10**12); "
        "pl.train(data, hidden=10**9, rate=1e-8, epochs=500, init=pl.Gaussian(1e-6), rng=0)",
        8 * ((3 * 64) ** 2 + (4 * 64) ** 2),  # W32 of levels 2 and 3
    ),
    "10,000 x 16, P = 4, one-hot, direct": ("wide(10_000, 16, 4)", 8 * 10_000 * (2 * 16 + 2 * 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_peak(benchmark, memory, case):
    statement, held = CASES[case]
    command = [sys.executable, "-P", "-c", SCRIPT.format(statement=statement)]
    printed = benchmark.pedantic(subprocess.check_output, (command,), {"text": True}, rounds=1)
    # Were it less than what must be held, the measurement would be wrong.
    assert int(printed) >= 0.9 * held
    memory.append(Memory(case, held, int(printed)))
