"""Forks children that write without end, each to be killed in the middle of it.

Run as a script, it reads the name of a job and a folder from each line of its input, forks a child for them, says its
number, and when it has ended says how. Children put "<" into the pipe `argv[1]` as a writing begins and ">" as it ends,
and "!" if they end by themselves. The fork spares each of them the time that the imports take.
"""

import functools
import os
import sys
import traceback
from pathlib import Path

import numpy as np
import xarray  # noqa: F401 (recordings and sweeps need it)
import zarr  # noqa: F401

import pylinear as pl
from pylinear import _tasks, _training_file
from sweeps import Serial

PACE = 13
FILE = "saved.npz"
STORE = "recording.zarr"
# Features, so that a chunk takes its time.
WIDE = 2000


def simulation(n_features=5000):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, 4)))
    return pl.Simulation(data, *pl.Gaussian(0.01).draw(data, 16, rng), rate=1e-5, rng=3)


def begun(path, n_features=5000):
    return pl.Simulation.load(path) if path.exists() else simulation(n_features)


def save(folder):
    sim = begun(folder / FILE)
    while True:
        sim.advance(presentations=PACE)
        sim.save(folder / FILE)


def training(folder):
    rng = np.random.default_rng(1)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(500, 4)))
    options = {"rate": 2e-5, "epochs": 60_000, "runs": 3, "rng": 7, "record": 10, "keep": ["weights"]}
    return pl.train(data, hidden=16, **options, reduce=False, checkpoint=folder / FILE)


def record(folder):
    """Go on with a recording by the checkpoint beside it."""
    sim = begun(folder / FILE, WIDE)
    with pl.ZarrRecorder(folder / STORE, sim, keep=["weights"], chunk=4) as recorder:
        while True:
            go_on(sim, recorder, folder / FILE)


def go_on(sim, recorder, path):
    sim.advance(epochs=12, every=2, hook=recorder)
    recorder.flush()
    sim.save(path)


def make(folder):
    """Make a store over and over again: one without records is made anew."""
    while True:
        made(folder)


def made(folder):
    return pl.ZarrRecorder(folder / STORE, simulation(50), keep=["weights"])


def sweep(folder):
    swept(folder, 1000)


def swept(folder, count):
    same = {"data": pl.toy(), "hidden": 4, "rate": 0.01, "epochs": 50, "runs": 10, "record": 200}
    return pl.sweep({"rng": range(count)}, folder=folder, executor=Serial(), **same)


JOBS = {
    "save": (save, pl.Simulation, "save"),
    "train": (training, _training_file.TrainingFile, "write"),
    "record": (record, pl.ZarrRecorder, "flush"),
    "make": (make, pl.ZarrRecorder, "_make"),
    "sweep": (sweep, _tasks, "write"),
}


def watched(function, marks):
    @functools.wraps(function)
    def marked(*arguments, **options):
        os.write(marks, b"<")
        out = function(*arguments, **options)
        os.write(marks, b">")
        return out

    return marked


def child(name, folder, marks):
    job, owner, writer = JOBS[name]
    setattr(owner, writer, watched(getattr(owner, writer), marks))
    # Whenever it is asked for, and not once a minute.
    _training_file.TrainingFile.due = True
    job(Path(folder))


def main(marks):
    for line in sys.stdin:
        number = os.fork()
        if number == 0:
            try:
                child(*line.split(), marks)
            except BaseException:
                traceback.print_exc()
            os.write(marks, b"!")
            os._exit(1)
        print(number, flush=True)
        print(os.waitpid(number, 0)[1], flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
