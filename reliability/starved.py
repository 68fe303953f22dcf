"""Public calls that take memory, made in a process that has too little of it; run as a program by the tests."""

import ctypes
import gc
import itertools
import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

import pylinear as pl

GROWTH = 1.5  # of the memory from one try to the next
TREE = pl.Tree((2, 3, 2), 0.1)


def weights(data, hidden, seed=1):
    rng = np.random.default_rng(seed)
    return 0.1 * rng.standard_normal((hidden, data.n_inputs)), 0.1 * rng.standard_normal((data.n_features, hidden))


def problem(n_features, hidden, *, correlated=False):
    """Return a dataset of five items, weights to begin with, and a rate."""
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((n_features, 5)), rng.standard_normal((5, 5)) / 3 if correlated else None)
    return data, *weights(data, hidden), 0.05 / np.linalg.norm(data.outputs, 2)


def bits(*arrays):
    return b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)


def seen(sim):
    return bits(sim.w21, sim.w32, sim.hidden, sim.mode_strengths, sim.loss, sim.presentations)


def steps(data, w21, rate):
    """Return what is done to a simulation, step by step; each can be made again if it has not come to its end."""
    other = pl.Dataset(-data.outputs, None if data.one_hot else data.inputs)

    def train_to(end):
        return lambda sim: sim.advance(presentations=max(0, end - sim.presentations))

    def lesion(sim):
        with sim.weights(writable=True) as (_, w32):
            w32[0] = 0

    def assign(name, value):
        return lambda sim: setattr(sim, name, value)

    # The length of a training in batches is in whole epochs, and there is no order.
    online = [train_to(18), assign("order", [0, 1, 2, 3, 4, 0]), train_to(19)]
    changes = [assign("rate", rate / 2), train_to(25), assign("data", other), lesion, assign("w21", w21), train_to(35)]
    return train_to(15), online, changes


def simulated(scale, *, correlated=False, patient=False, **options):
    """Return a function that trains a simulation, changes it on the way, and reads all of it.

    A patient one makes a step for which there is no memory again.
    """
    data, w21, w32, rate = problem(scale, 8, correlated=correlated)
    first, online, changes = steps(data, w21, rate)
    every = [first, *([] if options.get("update") == "batch" else online), *changes]

    def call():
        sim = pl.Simulation(data, w21, w32, rate=rate, rng=3, threads=2, **options)
        failed = None
        for step in every:
            try:
                step(sim)
            except MemoryError as error:
                if not patient:
                    raise
                failed = error
                step(sim)
        if failed is not None and seen(sim) == expected:
            raise failed
        return seen(sim)

    expected = call() if patient else b""
    return call


def trained(scale, **options):
    """Return a function that trains some networks and reads everything of them."""
    data, w21, w32, rate = problem(scale, 8, correlated=options.pop("correlated", False))
    init = (w21, w32) if options.get("reduce") != "law" else pl.Gaussian(1e-2)
    arguments = {"hidden": 8, "rate": rate, "epochs": 8, "record": 5, "rng": 2, "threads": 2, "init": init, **options}

    def call():
        run = pl.train(data, **arguments)
        kept = [run.hidden, run.weights_over_time, run.maps] if arguments.get("keep") else []
        parts = [run.weights.w21, run.weights.w32, *(x for k in kept for x in (k if isinstance(k, tuple) else [k]))]
        return bits(run.mode_strengths, run.loss, *parts) + repr(run.status).encode()

    return call


def saved(scale):
    data, w21, w32, rate = problem(scale, 8)

    def call():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sim.npz"
            sim = pl.Simulation(data, w21, w32, rate=rate, rng=3)
            sim.advance(presentations=8)
            sim.save(path)
            again = pl.Simulation.load(path)
            again.advance(presentations=8)
            return seen(again)

    return call


def with_checkpoint(scale):
    data, w21, w32, rate = problem(scale, 8)

    def call():
        with tempfile.TemporaryDirectory() as folder:
            options = {"hidden": 8, "rate": rate, "epochs": 8, "init": (w21, w32), "rng": 0, "record": 5, "threads": 2}
            pl.train(data, **options, checkpoint=f"{folder}/run.npz")
            run = pl.train(data, **options, runs=2, checkpoint=f"{folder}/run.npz")
            return bits(run.loss, run.weights.w32)

    return call


def calls(scale):
    """Return what computes and returns bytes, by name; the memory it takes grows with `scale` features."""
    every = {"keep": ["hidden", "weights", "maps"]}
    return {
        "sample": lambda: bits(
            *(TREE.sample(scale, rng=1, threads=2, dtype=x).outputs for x in ("int8", "float32", "float64"))
        ),
        "sample_bits": lambda: bits(TREE.sample_bits(64 * scale, rng=1, first=5, threads=2)),
        "gram": lambda: bits(TREE.gram(scale * 300, rng=1, first=5, threads=2)),
        "modes": lambda: bits(*(lambda m: (m.u, m.s, m.v))(problem(scale, 2, correlated=True)[0].modes)),
        "simulation, blocked": simulated(scale, route="blocked"),
        "simulation, fused": simulated(scale, route="fused"),
        "simulation, correlated": simulated(scale, correlated=True),
        "simulation, batch": simulated(scale, update="batch", dtype="float32"),
        "the same simulation again, blocked": simulated(scale, patient=True, route="blocked"),
        "the same simulation again, correlated": simulated(scale, patient=True, correlated=True),
        "save and load": saved(scale),
        "train": trained(scale, reduce=False, runs=3, **every),
        "train, correlated": trained(scale, reduce=False, correlated=True, dtype="float32"),
        "train, batch": trained(scale, update="batch"),
        "train, exact": trained(scale, reduce="exact", runs=2, **every),
        "train, krylov": trained(scale, reduce="krylov", **every),
        "train, law": trained(scale, reduce="law", runs=2),
        "train, flow": trained(scale, update="flow", reduce="exact", tol=1e-6),
        "train with a checkpoint": with_checkpoint(scale),
    }


def attempt(call, expected, messages=None):
    """Return what came of a call that may have too little memory: "MemoryError", "right", or what was wrong."""
    try:
        return "right" if call() == expected else "other bits"
    except MemoryError as error:
        if messages is not None:
            messages.add(str(error))
        return "MemoryError"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def fail_each(library):
    """Fail the allocations of the core one by one, in each call; print what came of it."""
    faults = ctypes.CDLL(library)
    for name, call in calls(200).items():
        expected = call()
        call()  # once more: what is made once and kept is there by now
        outcomes = {}
        for number in itertools.count():
            faults.fail_allocation(ctypes.c_long(number), 0)
            outcome = attempt(call, expected)
            faults.fail_nothing()
            if not faults.allocations_failed():
                outcomes["in the end: " + outcome] = 1
                break
            if (after := attempt(call, expected)) != "right":
                outcome += f", and then {after}"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print(json.dumps({"call": name, "outcomes": outcomes, "sites": faults.sites_seen()}), flush=True)


def fail_below(scale):
    """Let each call have a little more memory each time, until it is enough twice; print what came of it."""
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    for name, call in calls(int(scale)).items():
        expected = call()
        outcomes, messages, room = {}, set(), 2**19
        while outcomes.get("right", 0) < 2:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, unlimited[1]))
            outcome = attempt(call, expected, messages)
            resource.setrlimit(resource.RLIMIT_AS, unlimited)
            if outcome != "right" and (after := attempt(call, expected)) != "right":
                outcome += f", and then {after}"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            room = int(room * GROWTH)
        told = {"call": name, "outcomes": outcomes, "megabytes": room >> 20, "messages": sorted(messages)}
        print(json.dumps(told), flush=True)


def refuse():
    """Ask for more than the limit of the process leaves; print what was said."""
    large = pl.Tree((2,) * 14, 0.1)
    data, w21, w32, rate = problem(200_000, 8)
    asked = {
        "sample": lambda: TREE.sample(10**8, rng=1),
        "sample_bits": lambda: TREE.sample_bits(10**10, rng=1),
        "gram": lambda: large.gram(10, rng=1),
        "covariance": lambda: large.covariance,
        "simulation": lambda: pl.Simulation(data, np.ones((2000, 5)), np.broadcast_to(0.1, (200_000, 2000)), rate=rate),
        "train": lambda: pl.train(data, hidden=8, rate=rate, epochs=1, init=(w21, w32), runs=1000, reduce=False),
        "record": lambda: pl.train(data, hidden=8, rate=rate, epochs=1e9, record=2**31),
    }
    data.modes  # noqa: B018 (the linear algebra has its own memory by now)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28, resource.RLIM_INFINITY))
    for name, call in asked.items():
        print(json.dumps({"call": name, "said": said(call)}), flush=True)


def said(call):
    try:
        call()
    except MemoryError as error:
        return str(error)
    return "nothing"


if __name__ == "__main__":
    {"fail_each": fail_each, "fail_below": fail_below, "refuse": refuse}[sys.argv[1]](*sys.argv[2:])
