"""What is written survives the death of its writer at any moment."""

import contextlib
import itertools
import os
import select
import shutil
import signal
import subprocess
import time
from collections import Counter

import numpy as np
import pytest
import zarr

import killed
import pylinear as pl
from killed import FILE, PACE, STORE
from processes import empty, started
from pylinear._training_file import TrainingFile
from recordings import opened

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

# A kill comes after a part of the time that a writing takes, up to this.
LATEST = 1.0
# Of all kills: those during a writing, and those that left something half written.
ENOUGH_DURING, ENOUGH_HALF = 0.3, 0.15
RESUMED = "gone on with"


class EndedError(Exception):
    """Raised for a child that has ended before it was killed: it could not go on with what was there."""


class Killer:
    """Lets children write in a folder, and kills them."""

    def __init__(self, folder):
        self._folder = folder
        self._marks, theirs = os.pipe()
        self._server = started(killed.__file__, theirs, stdin=subprocess.PIPE, pass_fds=[theirs])
        os.close(theirs)
        self._rng = np.random.default_rng(0)
        self._took = []
        self.kills = self.during = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()
        os.close(self._marks)

    def kill(self, job):
        """Kill a child at a random moment of its first or second writing; return how many it has ended.

        The first is watched for longer before, for the time that a writing takes.
        """
        if not self._took:
            self._kill(job, 3)
        marks = self._kill(job, self._rng.integers(2), self._rng.uniform(0.0, LATEST) * np.median(self._took[-21:]))
        self.kills += 1
        self.during += marks.endswith(b"<")
        return marks.count(b">")

    def _kill(self, job, ended, later=0.0):
        """Kill a child so much later than it begins the writing after so many; return all its marks."""
        print(job, self._folder, file=self._server.stdin, flush=True)
        child = int(self._server.stdout.readline())
        marks, began = b"", 0.0
        while marks.count(b"<") <= ended and b"!" not in marks:
            mark = self._mark(within=30.0)
            assert mark, "the child writes nothing"
            if mark == b">":
                self._took.append(time.monotonic() - began)
            marks, began = marks + mark, time.monotonic()
        time.sleep(later)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        self._server.stdout.readline()
        while mark := self._mark(within=0.0):
            marks += mark
        if b"!" in marks:
            raise EndedError
        return marks

    def _mark(self, within):
        ready, _, _ = select.select([self._marks], [], [], within)
        return os.read(self._marks, 1) if ready else b""


def parts(folder):
    return {path.name for path in folder.rglob("*.part*")}


def measure(figure, folder, job, kills, check, resumed=None, partly=parts):
    """Kill so many children, and count what `check` finds after each; it is told how many writings had ended.

    So many, all by default, it must have gone on with. What is there in part is what `partly` finds.
    """
    found, in_part = Counter(), 0
    with Killer(folder) as killer:
        for _ in range(kills):
            try:
                ended = killer.kill(job)
                in_part += bool(partly(folder))
                here = check(ended)
            except (pl.FileError, OSError, UserWarning, EndedError) as error:
                here = ["unreadable"]
                print(error)
            found.update(here)
            if set(here) - {RESUMED}:
                empty(folder)
    figure(
        f"{kills} kills, {killer.during} of them during a write, {in_part} with something half written,"
        f" {found[RESUMED]} gone on with: {found['unreadable']} unreadable, {found['lost']} with something lost,"
        f" {found['different']} not bit-equal, {found['stray']} stray files"
    )
    assert killer.during >= ENOUGH_DURING * kills
    assert in_part >= ENOUGH_HALF * kills
    assert found.pop(RESUMED, 0) == (kills if resumed is None else resumed)
    assert not found.total()


def gone_on_with(same, stray):
    """Return what was found where a child's work was gone on with."""
    return [RESUMED, *([] if same else ["different"]), *["stray"] * len(stray)]


def same_state(one, other):
    return one.presentations == other.presentations and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("w21", "w32", "loss", "mode_strengths")
    )


def required(kills, resumed="each"):
    return f"{kills} kills, {resumed} gone on with: 0 unreadable or lost, the resumed run bit-equal, 0 stray files"


@pytest.mark.timeout(600)
@pytest.mark.property("SIGKILL while saving: Simulation.save", required(200))
def test_saving(tmp_path, figure):
    path, unbroken = tmp_path / FILE, killed.simulation()

    def check(ended):
        nonlocal unbroken
        sim = pl.Simulation.load(path)
        least = unbroken.presentations + ended * PACE
        if sim.presentations < least:
            unbroken = killed.simulation()
            return ["lost"]
        unbroken.advance(presentations=sim.presentations - unbroken.presentations)
        same = same_state(sim, unbroken)
        for one in (sim, unbroken):
            one.advance(presentations=PACE)
        sim.save(path)
        return gone_on_with(same and same_state(sim, unbroken), set(os.listdir(tmp_path)) - {FILE})

    measure(figure, tmp_path, "save", 200, check)


def same_run(one, other):
    names = "presentations", "mode_strengths", "loss", "completed"
    over_time = zip(one.weights_over_time, other.weights_over_time, strict=True)
    return one.status == other.status and all(
        np.array_equal(*pair) for pair in [*((getattr(one, x), getattr(other, x)) for x in names), *over_time]
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.property("SIGKILL while saving: train(checkpoint=)", required(40, "4 of them"))
def test_training(tmp_path, figure):
    folders = {name: tmp_path / name for name in ("unbroken", "now", "aside")}
    for folder in folders.values():
        folder.mkdir()
    unbroken, numbers, last = killed.training(folders["unbroken"]), itertools.count(1), {}

    def check(ended):
        before = dict(last)
        # Whatever is found wrong, or gone on with, is followed by an empty folder.
        last.clear()
        known = TrainingFile(folders["now"] / FILE)._records
        now = {name: record.completed for name, record in known.items()}
        if any(now.get(name, -1) < n for name, n in before.items()) or (before and ended and now == before):
            return ["lost"]
        for (run, *_), record in known.items():
            n = int(np.isfinite(record.loss).sum())
            if not np.array_equal(record.loss[:n], unbroken.loss[run, :n]):
                return ["different"]
        if next(numbers) % 10:
            last.update(now)
            return []
        resumed = killed.training(folders["now"])
        stray = set(os.listdir(folders["now"])) - {FILE}
        empty(folders["now"])
        return gone_on_with(same_run(resumed, unbroken), stray)

    measure(figure, folders["now"], "train", 40, check, resumed=4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.property("SIGKILL while saving: ZarrRecorder", required(40))
def test_recording(tmp_path, figure):
    folder, whole = tmp_path / "now", tmp_path / "unbroken"
    for place in (folder, whole):
        place.mkdir()
    alone = killed.simulation(killed.WIDE)
    recorder = pl.ZarrRecorder(whole / STORE, alone, keep=["weights"], chunk=4)
    killed.go_on(alone, recorder, whole / FILE)
    shutil.copytree(whole, folder, dirs_exist_ok=True)

    def check(_):
        found = opened(folder / STORE)
        sim = pl.Simulation.load(folder / FILE)
        with pl.ZarrRecorder(folder / STORE, sim, keep=["weights"]) as again:
            killed.go_on(sim, again, folder / FILE)
        while alone.presentations < max(sim.presentations, found.presentation[-1]):
            killed.go_on(alone, recorder, whole / FILE)
        expected, now = opened(whole / STORE), opened(folder / STORE)
        same = same_records(found, expected) and same_records(now, expected) and now.sizes["time"] > 12
        return gone_on_with(same, parts(folder))

    def partly(_):
        group = zarr.open_group(folder / STORE, mode="r", use_consolidated=False)
        return parts(folder) or any(
            n > group.attrs["n_valid"]
            for _, array in group.arrays()
            for axis, n in zip(array.metadata.dimension_names, array.shape, strict=True)
            if axis == "time"
        )

    measure(figure, folder, "record", 40, check, partly=partly)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.property("SIGKILL while making a store: ZarrRecorder", required(40, "10 of them"))
def test_making_a_recording(tmp_path, figure):
    folder, whole = tmp_path / "now", tmp_path / "unbroken"
    folder.mkdir()
    killed.made(whole).close()
    expected, numbers = opened(whole / STORE), itertools.count(1)

    def check(_):
        left = not (folder / STORE).exists() or opened(folder / STORE).attrs["n_valid"] == 0
        # Where a store without records is, it is made anew by the next child.
        if not left or next(numbers) % 4:
            return [] if left else ["different"]
        killed.made(folder).close()
        same = opened(folder / STORE).identical(expected)
        stray = set(os.listdir(folder)) - {STORE} | parts(folder)
        empty(folder)
        return gone_on_with(same, stray)

    measure(figure, folder, "make", 40, check, resumed=10)


def same_records(found, expected):
    names = "presentation", "mode_strength", "loss", "w21", "w32"
    start = expected.isel(time=slice(found.sizes["time"]))
    return all(np.array_equal(found[name], start[name]) for name in names)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.property("SIGKILL while saving: sweep(folder=)", required(40))
def test_sweeping(tmp_path, figure):
    folder, whole = tmp_path / "now", tmp_path / "unbroken"
    folder.mkdir()

    def check(_):
        count = 1 + len(list(folder.glob("*.npz")))
        same = killed.swept(folder, count).identical(killed.swept(whole, count))
        return gone_on_with(same, set(os.listdir(folder)) - set(os.listdir(whole)))

    measure(figure, folder, "sweep", 40, check)
