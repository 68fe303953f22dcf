"""Calls that would take for ever, made one after the other by the process that `test_interrupt` sends Ctrl-C to.

For each name of a call on standard input it prints the time at which the call begins, and then that at which Ctrl-C
has reached the caller, or null if the call has ended before. After "alone" and a name, the seconds that the call takes.
"""

import json
import signal
import sys
import tempfile
import time
from functools import cache

import numpy as np
import scipy.integrate  # noqa: F401 (an extension of scipy's makes an ImportError of Ctrl-C while it is loaded)

import pylinear as pl

HIDDEN, RATE, EVER = 512, 1e-6, 10**7
TREE = pl.Tree((2,) * 6, flip=0.1)


@cache
def one_hot():
    data = TREE.sample(100_000, rng=0)
    assert data.modes.rank == 64
    return data


@cache
def correlated():
    inputs = np.random.default_rng(0).standard_normal((64, 64))
    data = pl.Dataset(one_hot().outputs, inputs)
    assert data.modes.rank == 64
    return data


@cache
def by_gram():
    return pl.Dataset.from_gram(10**12 * TREE.covariance, n_features=10**12)


@cache
def simulation(data, dtype):
    weights = np.full((HIDDEN, 64), 1e-3), np.full((100_000, HIDDEN), 1e-3)
    return pl.Simulation(data(), *weights, rate=RATE, rng=0, dtype=dtype)


@cache
def runs():
    """Runs whose flows take long to integrate, at several rates."""
    data = TREE.sample(2_000, rng=0)
    weights = pl.Gaussian(1e-3).draw(data, hidden=300, rng=0)
    options = {"hidden": 300, "init": weights, "rng": 0, "record": 20}
    return [pl.train(data, rate=1e-5 / k, epochs=300 * k, **options) for k in (1, 2, 4)]


def train_in_law():
    pl.train(by_gram(), hidden=10**9, rate=1e-14, epochs=EVER, init=pl.Gaussian(1e-6), rng=0)


def train(data, epochs=EVER, **options):
    pl.train(data, hidden=HIDDEN, rate=RATE, epochs=epochs, init=pl.Gaussian(1e-3), rng=0, **options)


def flow():
    run = runs()[0]
    weights = run.initial_weights(0)
    pl.theory.flow([1e3], *weights, run.data, rtol=1e-13)


def sweep():
    varied = {"rate": [RATE / k for k in range(1, 9)]}
    with tempfile.TemporaryDirectory() as folder:
        pl.sweep(varied, folder=folder, tree=TREE, features=10_000, hidden=HIDDEN, epochs=EVER, reduce=False, rng=0)


@cache
def table():
    """Return a table so large that one call of LAPACK takes long."""
    return np.random.default_rng(0).standard_normal((20_000, 300))


def decompose():
    return pl.Dataset(table()).modes


# What is called, and how long after it has begun Ctrl-C may come: all of its steps are to be met.
CALLS = {
    "advance, blocked": (lambda: simulation(one_hot, "float64").advance(epochs=EVER), 0.5),
    "advance, fused": (lambda: simulation(correlated, "float64").advance(epochs=EVER), 0.5),
    "advance, float32": (lambda: simulation(one_hot, "float32").advance(epochs=EVER), 0.5),
    "train, blocked": (lambda: train(one_hot(), reduce=False), 2.5),
    "train, fused": (lambda: train(correlated(), reduce=False), 2.5),
    "train, float32": (lambda: train(one_hot(), reduce=False, dtype="float32"), 2.5),
    "train, batch": (lambda: train(one_hot(), reduce=False, update="batch"), 2.5),
    "train, exact": (lambda: train(one_hot(), reduce="exact"), 2.5),
    "train, krylov": (lambda: train(one_hot(), reduce="krylov"), 2.5),
    "train, flow": (lambda: train(one_hot(), update="flow", epochs=1e5), 2.5),
    "train, in law": (train_in_law, 1.0),
    "sample": (lambda: TREE.sample(2 * 10**7, rng=0, dtype="int8"), 0.2),
    "sample_bits": (lambda: TREE.sample_bits(10**8, rng=0), 0.2),
    "gram": (lambda: TREE.gram(10**11, rng=0), 0.5),
    "draw": (lambda: pl.Gaussian(1.0).draw(one_hot(), hidden=HIDDEN, rng=0), 0.4),
    "gap": (lambda: pl.gap(runs()[0]), 0.5),
    "gap_order": (lambda: pl.gap_order(runs()), 0.5),
    "theory.flow": (flow, 0.5),
    "sweep": (sweep, 2.0),
    "modes": (decompose, 0.3),
}


def main():
    # As Python has it when it runs in a terminal, whatever this process has inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for prepare in (one_hot, correlated, by_gram, runs, table):
        prepare()
    for data, dtype in ((one_hot, "float64"), (correlated, "float64"), (one_hot, "float32")):
        simulation(data, dtype)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name = line.strip().removeprefix("alone ")
        call = CALLS[name][0]
        ended = False
        began = time.monotonic()
        if line.startswith("alone"):
            call()
            print(json.dumps(time.monotonic() - began), flush=True)
            continue
        print(json.dumps(began), flush=True)
        try:
            call()
            ended = True
            time.sleep(60)
        except KeyboardInterrupt:
            at = time.monotonic()
        print(json.dumps(None if ended else at), flush=True)


if __name__ == "__main__":
    main()
