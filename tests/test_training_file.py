import os
import signal
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import pylinear as pl
from problems import inputs_of
from pylinear import _files, _training_file
from pylinear._record import Core

pytestmark = pytest.mark.core


class EnoughError(Exception):
    """What ends a training in these tests."""


def until(part):
    """A progress callback that ends the training when so much of it is done."""

    def report(done):
        if done >= part:
            raise EnoughError

    return report


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.fixture
def eager(monkeypatch):
    """Let the file be written whenever the training is looked at."""
    monkeypatch.setattr(_training_file, "_EVERY", 0.0)


def data(kind="one-hot", n_features=600, n_items=6):
    rng = np.random.default_rng(1)
    return pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)), inputs_of(kind, n_items, rng))


# Each long enough to be ended at some place in the middle, on any machine.
CASES = {
    "direct": {"reduce": False},
    "float32": {"reduce": False, "dtype": "float32"},
    "fused": {"reduce": False, "route": "fused", "epochs": 6000},
    "with replacement": {"reduce": False, "order": "with_replacement"},
    "batch": {"update": "batch"},
    "exact": {"reduce": "exact", "hidden": 8, "epochs": 30_000},
    "krylov": {"reduce": "krylov", "init": pl.Gaussian(1e-3), "epochs": 30_000},
    "law": {"reduce": "law", "hidden": 3000, "init": pl.Gaussian(1e-3), "epochs": 100_000},
    "flow": {"update": "flow"},
    "kept": {"reduce": False, "keep": ["hidden", "maps"], "record": 60},
    "weights": {"reduce": False, "keep": ["weights", "maps"], "record": 20},
    "diverges": {"reduce": False, "rate": 1.0},
}


# Over before anyone could end them.
QUICK = {"diverges", "batch"}


def train(case, **more):
    kind = "correlated" if case == "correlated" else "one-hot"
    options = {"hidden": 16, "rate": 2e-4, "epochs": 4000, "runs": 3, "rng": 7, "record": 40, **CASES.get(case, {})}
    return pl.train(data(kind), **{**options, **more})


def assert_same(one, other):
    assert one.status == other.status
    assert one.reduction.levels == other.reduction.levels
    for name in ("presentations", "mode_strengths", "loss", "initial_strengths", "completed", "maps", "hidden"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.weights.w21, other.weights.w21)
    np.testing.assert_array_equal(one.weights.w32, other.weights.w32)
    if one.weights_over_time is not None:
        np.testing.assert_array_equal(one.weights_over_time.w32, other.weights_over_time.w32)


@pytest.mark.parametrize("case", [*CASES, "correlated"])
def test_a_training_goes_on_to_the_same_end(path, eager, case):
    unbroken = train(case)
    ended = 0
    for part in (0.0, 0.2, 0.5):
        try:
            train(case, checkpoint=path, progress=until(part))
        except EnoughError:
            ended += 1
    assert ended or case in QUICK
    resumed = train(case, checkpoint=path)
    assert_same(resumed, unbroken)
    assert os.listdir(path.parent) == [path.name]
    # All is in the file now.
    assert_same(train(case, checkpoint=path), unbroken)


def test_what_is_done_is_not_done_again(path, monkeypatch):
    train("direct", checkpoint=path)

    def fail(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("pylinear._record.Core.train", fail)
    train("direct", checkpoint=path)
    with pytest.raises(AssertionError, match="trained again"):
        train("direct", checkpoint=path, runs=4)


def test_what_is_half_done_is_not_begun_again(path, monkeypatch):
    with pytest.raises(EnoughError):
        train("direct", epochs=10**7, checkpoint=path, progress=until(0.0))
    header, _ = _files.read(path, "training")
    stood = {x["run"]: x["position"] for x in header["networks"]}
    assert min(stood.values()) > 0
    begun, resumed = Core._network, []

    def look(self, problem, layers, key, resume):
        resumed.append(0 if resume is None else resume.position)
        return begun(self, problem, layers, key, resume)

    monkeypatch.setattr(Core, "_network", look)
    with pytest.raises(EnoughError):
        train("direct", epochs=10**7, checkpoint=path, progress=until(0.0))
    assert sorted(resumed)[-len(stood) :] == sorted(stood.values())


def test_what_is_written_in_between_is_not_behind(path, eager):
    written = []

    def look(part):
        header, _ = _files.read(path, "training")
        written.append([x["completed"] for x in header["networks"]])
        if len({tuple(x) for x in written if x}) == 4:
            raise EnoughError

    with pytest.raises(EnoughError):
        train("direct", epochs=10**7, runs=2, threads=2, checkpoint=path, progress=look)
    # The file may stay as it is from one look to the next.
    each = [x for i, x in enumerate(written) if x and x != written[i - 1]]
    assert len(each) == 4
    for before, after in pairwise(each):
        assert len(after) == 2
        assert all(later > earlier for earlier, later in zip(before, after, strict=True))


def test_more_runs_are_added(path):
    train("direct", runs=2, checkpoint=path)
    assert_same(train("direct", runs=5, checkpoint=path), train("direct", runs=5))
    assert_same(train("direct", runs=1, checkpoint=path), train("direct", runs=1))


def test_what_another_call_has_written_stays(path):
    inner = []

    def meanwhile(part):
        if not inner:
            assert part < 1
            inner.append(train("direct", runs=4, epochs=20_000, checkpoint=path))

    train("direct", runs=2, epochs=20_000, checkpoint=path, progress=meanwhile)
    header, _ = _files.read(path, "training")
    assert sorted(x["run"] for x in header["networks"]) == [0, 1, 2, 3]
    assert_same(train("direct", runs=4, epochs=20_000, checkpoint=path), inner[0])


def test_the_file_is_where_the_call_began(path, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    train("direct", epochs=100, checkpoint="run.npz", progress=lambda _: os.chdir(tmp_path / "elsewhere"))
    assert os.listdir(tmp_path / "elsewhere") == []
    assert len(_files.read(path, "training")[0]["networks"]) == 3


def test_a_drawn_seed_is_kept(path):
    first = train("direct", rng=None, epochs=10, checkpoint=path)
    again = train("direct", rng=None, epochs=10, checkpoint=path)
    assert first.rng == again.rng
    assert_same(first, again)


def test_threads_do_not_matter(path, eager):
    with pytest.raises(EnoughError):
        train("direct", threads=1, checkpoint=path, progress=until(0.2))
    assert_same(train("direct", threads=2, checkpoint=path), train("direct"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rate", {"rate": 3e-4}),
        ("hidden", {"hidden": 17}),
        ("rng", {"rng": 8}),
        ("epochs", {"epochs": 11}),
        ("record", {"record": 5}),
        ("order", {"order": "cyclic"}),
        ("order", {"order": [0, 1]}),
        ("update", {"update": "flow"}),
        ("dtype", {"dtype": "float32"}),
        ("route", {"route": "fused"}),
        ("reduce", {"reduce": "exact"}),
        ("init", {"init": pl.Gaussian(1e-3)}),
        ("keep", {"keep": ["maps"]}),
    ],
)
def test_a_file_of_another_training_is_refused_and_stays(path, name, change):
    train("direct", epochs=10, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"the same training; in .*run\.npz {name} (is|differs)"):
        train("direct", **{"epochs": 10, "checkpoint": path, **change})
    with pytest.raises(ValueError, match=r"the same training; in .* data differs"):
        pl.train(data(n_items=5), hidden=16, rate=2e-4, epochs=12, rng=7, record=40, reduce=False, checkpoint=path)
    assert path.read_bytes() == before


def test_a_file_of_other_numbers_for_the_same_is_refused(path, monkeypatch):
    train("direct", epochs=10, checkpoint=path)
    monkeypatch.setattr("pylinear._configuration.RESULTS", -1)
    with pytest.raises(ValueError, match="results is"):
        train("direct", epochs=10, checkpoint=path)


def test_damaged_files_and_others(path):
    train("direct", epochs=10, checkpoint=path)
    whole = path.read_bytes()
    for damaged in (whole[:-30], whole[: len(whole) // 2], b"", whole[:600] + b"\0" + whole[601:]):
        path.write_bytes(damaged)
        with pytest.raises(pl.FileError, match=r"run\.npz is damaged"):
            train("direct", epochs=10, checkpoint=path)
        assert path.read_bytes() == damaged
    _files.write(path, "simulation", {}, {})
    with pytest.raises(pl.FileError, match="must be a pylinear training; it is a simulation"):
        train("direct", epochs=10, checkpoint=path)
    _files.write(path, "training", {"training": {"rng": "x"}, "networks": [{"row": 0}]}, {})
    with pytest.raises(pl.FileError, match="damaged"):
        train("direct", epochs=10, checkpoint=path)


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "missing" / "run.npz", tmp_path / "file" / "run.npz", tmp_path):
        with pytest.raises(OSError, match=str(place)):
            train("direct", epochs=10**9, checkpoint=place)
    with pytest.raises(TypeError, match="checkpoint must be a path; got 3"):
        train("direct", checkpoint=3)


def test_a_disk_that_is_full_loses_nothing(path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        train("direct", epochs=10, runs=1, checkpoint=path)
        patch.setattr(os, "fsync", fail)
        with pytest.warns(pl.FileWarning, match="checkpoint cannot be written: .*No space left"):
            run = train("direct", epochs=10, checkpoint=path)
    assert_same(run, train("direct", epochs=10))
    assert_same(train("direct", epochs=10, runs=1, checkpoint=path), train("direct", epochs=10, runs=1))


def test_ctrl_c_says_where_it_is(path):
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(pl.TrainingInterrupted, match=r"the same call goes on from .*run\.npz") as caught:
            train("direct", epochs=10**8, checkpoint=path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught.value.checkpoint == path
    stopped = caught.value.run
    assert set(stopped.status) == {"interrupted"}
    header, _ = _files.read(path, "training")
    assert sorted(x["completed"] for x in header["networks"]) == sorted(n for n in stopped.completed if n)


KILLED = """
import sys
sys.path[:0] = sys.argv[2:]
from pylinear import _training_file
_training_file._EVERY = 0.0
from test_training_file import train
train("direct", checkpoint=sys.argv[1], progress=lambda part: print(part, flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_training_goes_on(path):
    for lines in (2, 4, 3):
        command = [sys.executable, "-P", "-c", KILLED, str(path), os.path.dirname(__file__)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate()
    assert_same(train("direct", checkpoint=path), train("direct"))
    assert os.listdir(path.parent) == [path.name]


def test_interrupted_without_a_file():
    with pytest.raises(EnoughError):
        train("direct", epochs=10**8, progress=until(0.0))
