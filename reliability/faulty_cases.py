"""What is written while the file system fails: each case with an old state, a new one, and what both look like."""

import contextlib
import os
import shutil

import numpy as np
import xarray

import pylinear as pl
from pylinear import _cli, _files, _tasks
from pylinear._figures._gaps import gap_table
from pylinear._figures._write import Picture, write_pictures
from pylinear._training_file import TrainingFile
from sweeps import Serial

RNG = np.random.default_rng(0)
DATA = pl.Dataset(RNG.choice([-1.0, 1.0], size=(40, 4)))
W21, W32 = RNG.normal(scale=0.1, size=(3, 4)), RNG.normal(scale=0.1, size=(40, 3))


def simulation():
    return pl.Simulation(DATA, W21, W32, rate=0.01, rng=3)


class Case:
    """Something that is written into a folder."""

    def __init__(self, folder):
        self.folder = folder

    def before(self):
        """Make the old state in the empty folder."""

    def intact(self, found, old, new):
        """Return whether nothing was lost."""
        return found in (old, new)


class Save(Case):
    """A simulation, where another state of it is."""

    def __init__(self, folder):
        super().__init__(folder)
        self.path = folder / "saved.npz"
        self.first, self.second = simulation(), simulation()
        self.second.advance(presentations=50)

    def before(self):
        self.first.save(self.path)

    def act(self):
        self.second.save(self.path)

    def state(self):
        sim = pl.Simulation.load(self.path)
        return sim.presentations, sim.w21.tolist(), sim.w32.tolist()


class FirstSave(Save):
    """A simulation, where nothing is."""

    def before(self):
        pass

    def state(self):
        return super().state() if self.path.exists() else None


class Train(Case):
    """A training that goes on from a file."""

    def train(self, runs):
        options = {"hidden": 3, "rate": 0.01, "epochs": 20, "rng": 0, "record": 5, "reduce": False}
        return pl.train(DATA, **options, runs=runs, checkpoint=self.folder / "run.npz")

    def before(self):
        self.train(1)

    def act(self):
        self.run = self.train(3)

    def state(self):
        records = TrainingFile(self.folder / "run.npz")._records
        return {run: (x.loss.tolist(), x.last.w32.tolist()) for (run, *_), x in sorted(records.items())}

    def intact(self, found, old, new):
        return old.items() <= found.items() <= new.items()


class Make(Case):
    """A recording where nothing is."""

    store = property(lambda self: self.folder / "recording.zarr")

    def act(self):
        pl.ZarrRecorder(self.store, simulation(), keep=["weights"], chunk=2).close()

    def state(self):
        return recorded(self.store) if self.store.exists() else []

    def intact(self, found, old, new):
        return found == new[: len(found)] and len(found) >= len(old)


class Grow(Make):
    """A recording that grows by two chunks and a half."""

    def before(self):
        self.sim = simulation()
        self.recorder = pl.ZarrRecorder(self.store, self.sim, keep=["weights"], chunk=2)
        self.recorder.flush()

    def act(self):
        while self.sim.epochs < 5:
            self.sim.advance(epochs=1)
            self.recorder(self.sim)
        self.recorder.close()


class Resume(Make):
    """A recording that is gone on with from a checkpoint in its middle."""

    path = property(lambda self: self.folder / "saved.npz")

    def before(self):
        sim = simulation()
        with pl.ZarrRecorder(self.store, sim, keep=["weights"], chunk=2) as recorder:
            sim.advance(epochs=3, every=1, hook=recorder)
            sim.save(self.path)
            sim.advance(epochs=3, every=1, hook=recorder)

    def act(self):
        sim = pl.Simulation.load(self.path)
        with pl.ZarrRecorder(self.store, sim, keep=["weights"]) as recorder:
            sim.advance(epochs=8 - sim.epochs, every=1, hook=recorder)

    def intact(self, found, old, new):
        return found == new[: len(found)] and len(found) >= 4


def recorded(store):
    """Return the records of a store, which are all that are known."""
    with xarray.open_dataset(store, engine="zarr", chunks=None, decode_timedelta=False) as found:
        assert found.sizes["time"] == found.attrs["n_valid"]
        times = [found.isel(time=t) for t in range(found.sizes["time"])]
        return [[x[name].values.tolist() for name in ("presentation", "mode_strength", "loss", "w32")] for x in times]


class Sweep(Case):
    """A sweep of which one task is done."""

    def sweep(self, count):
        same = {"data": DATA, "hidden": 3, "rate": 0.01, "epochs": 3, "record": 3}
        return pl.sweep({"rng": range(count)}, folder=self.folder / "tasks", executor=Serial(), **same)

    def before(self):
        self.sweep(1)

    def act(self):
        self.sweep(3)

    def state(self):
        files = sorted((self.folder / "tasks").glob("*.npz"))
        read = {path.name: _files.read(path, _tasks.KIND)[1] for path in files}
        return {name: [array.tolist() for array in arrays.values()] for name, arrays in read.items()}

    def intact(self, found, old, new):
        return old.items() <= found.items() <= new.items()


class Command(Case):
    """What the command line writes in place of what it has written with another seed."""

    def run(self, *arguments):
        said = self.folder.with_name("said.txt")
        with said.open("w+") as stderr, open(os.devnull, "w") as nowhere:
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(stderr):
                status = _cli.main([*arguments, "--out", str(self.folder / "out")])
            stderr.seek(0)
            if status:
                raise OSError(stderr.read())

    def state(self):
        # Pictures are as good as their bytes.
        return {path.name: path.read_bytes() for path in sorted((self.folder / "out").glob("*.*"))}

    def intact(self, found, old, new):
        return found.keys() - {"checkpoint.npz"} <= new.keys() and all(
            found[name] in (old[name], new[name]) for name in old
        )


class CommandTrain(Command):
    """`pylinear train --out`."""

    def train(self, seed):
        options = ["--features", "20", "--hidden", "3", "--runs", "2", "--epochs", "5", "--rng", seed]
        self.run("train", "--tree", "2,2", *options)

    def before(self):
        self.train("0")

    def act(self):
        self.train("1")


class Pictures(Command):
    """A picture of a gap with its table, in place of those of another seed."""

    def __init__(self, folder):
        super().__init__(folder)
        options = {"hidden": 3, "rate": 0.01, "epochs": 5, "runs": 2}
        self.gaps = [pl.gap(pl.train(pl.toy(), **options, rng=seed)) for seed in (0, 1)]
        self.old = folder.with_name("old")
        self.draw(0, self.old)

    def draw(self, seed, folder):
        budget = Picture(
            "gap",
            "its causes",
            lambda: self.gaps[seed],
            lambda plots, shown, figure: plots.budget(shown, figure.subplots()),
            gap_table,
            (6.0, 4.5),
        )
        write_pictures([budget], folder, lambda _: None)

    def before(self):
        shutil.copytree(self.old, self.folder / "out")

    def act(self):
        self.draw(1, self.folder / "out")


CASES = {
    "Simulation.save": Save,
    "Simulation.save anew": FirstSave,
    "train(checkpoint=)": Train,
    "ZarrRecorder, made": Make,
    "ZarrRecorder, growing": Grow,
    "ZarrRecorder, gone on with": Resume,
    "sweep(folder=)": Sweep,
    "pylinear train --out": CommandTrain,
    "pictures": Pictures,
}
