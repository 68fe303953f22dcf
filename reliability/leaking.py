"""Does small things many times in a process of its own, and prints as JSON how much it has grown by.

Run as a script with how often, and with the names of what is to be done in turn.
"""

import contextlib
import gc
import itertools
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

import pylinear as pl

RNG = np.random.default_rng(0)
TOY = pl.toy()
CORRELATED = pl.Dataset(TOY.outputs, RNG.standard_normal((4, 4)) / 2)
WIDE = pl.Dataset(RNG.choice([-1.0, 1.0], size=(60, 4)))
KNOWN = pl.Dataset.from_gram(WIDE.gram, WIDE.n_features)
TREE = pl.Tree((2, 2), 0.1)
W21, W32 = RNG.normal(scale=0.1, size=(3, 4)), RNG.normal(scale=0.1, size=(5, 3))
# Where a disk need not be waited for.
PLACE = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
FOLDER = Path(PLACE.name)
ENDLESS = 10**8


class EnoughError(Exception):
    """What hooks and callbacks raise here."""


def train(data=TOY, **more):
    pl.train(data, **{"hidden": 3, "rate": 1e-3, "epochs": 2, "rng": 0, "record": 3, "reduce": False, **more})


def simulation(**more):
    return pl.Simulation(TOY, W21, W32, **{"rate": 1e-3, "rng": 3, **more})


def stop(*_):
    raise EnoughError


def stopped_by(function, **arguments):
    with contextlib.suppress(EnoughError):
        function(**arguments)


def saved():
    sim = simulation()
    sim.advance(presentations=7)
    sim.save(FOLDER / "saved.npz")
    pl.Simulation.load(FOLDER / "saved.npz").advance(epochs=1)


def changed():
    sim = simulation()
    sim.data, sim.order, sim.rate, sim.w21 = CORRELATED, "cyclic", 2e-3, W21
    with sim.weights(writable=True) as weights:
        weights.w32[:] = 0.1
    sim.advance(epochs=1)
    _ = sim.hidden, sim.mode_strengths, sim.loss


def refused():
    wrong = (
        lambda: train(hidden=-1),
        lambda: train(init=(W21, W32[:-1])),
        lambda: train(rate=float("nan")),
        lambda: pl.Simulation(TOY, W21, W32.T, rate=0.1),
        lambda: simulation(order=[7]),
        lambda: simulation().advance(epochs=-1),
        lambda: pl.Dataset([[1.0, np.inf]]),
        lambda: TREE.sample(10, rng=0, dtype="int7"),
        lambda: pl.Simulation.load(FOLDER / "missing.npz"),
    )
    for call in wrong:
        try:
            call()
        except (ValueError, TypeError, OSError):
            continue
        raise AssertionError("it was not refused")


def interrupted():
    """Press Ctrl-C in the middle of the core's work."""
    sim = simulation()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 5e-4)
        sim.advance(epochs=ENDLESS)
    except KeyboardInterrupt:
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    raise AssertionError("it was not interrupted")


RUNS = {
    "train, blocked": lambda: train(route="blocked"),
    "train, fused": lambda: train(CORRELATED, route="fused"),
    "train, batch": lambda: train(update="batch"),
    "train, flow": lambda: train(update="flow", tol=1e-6),
    "train, exact": lambda: train(WIDE, reduce="exact"),
    "train, krylov": lambda: train(WIDE, reduce="krylov", hidden=10),
    "train, law": lambda: train(KNOWN, reduce="law", hidden=100),
    "train, several": lambda: train(runs=3, keep=["hidden", "weights", "maps"], dtype="float32"),
    "train, ended by a callback": lambda: stopped_by(train, progress=stop),
    "train, diverging": lambda: train(rate=100.0, epochs=20),
    "Simulation, saved and loaded": saved,
    "Simulation, changed": changed,
    "Simulation, ended by a hook": lambda: stopped_by(simulation().advance, epochs=5, every=1, hook=stop),
    "Simulation, interrupted": interrupted,
    "Tree, sampled": lambda: TREE.sample(300, rng=0, dtype="int8").modes,
    "Tree, gram": lambda: TREE.gram(300, rng=0),
    "bad arguments": refused,
}
# What takes few milliseconds.
QUICK = tuple(name for name in RUNS if name not in {"train, krylov", "Simulation, interrupted"})
# Before what is held is compared: caches fill, and the allocator finds its size.
WARM = 1000
# Calls between collections of garbage: cycles that wait for one are no leak, and a megabyte of them is chance.
COLLECTED = 500


def held():
    """Return the bytes, threads and files that this process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def call(runs, count):
    """Make so many calls, in turn."""
    for i, run in enumerate(itertools.islice(itertools.cycle(runs), count)):
        run()
        if i % COLLECTED == 0:
            gc.collect()


def main(count, *names):
    runs = [RUNS[name] for name in names or RUNS]
    call(runs, max(WARM, 20 * len(runs)))
    before = held()
    call(runs, int(count))
    print(json.dumps([now - then for now, then in zip(held(), before, strict=True)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
