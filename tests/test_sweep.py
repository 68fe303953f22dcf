import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import mishaps
import pylinear as pl
import ranks
from pylinear import _sweep, _tasks
from sweeps import SAME, Idle, Serial

xarray = pytest.importorskip("xarray")

pytestmark = pytest.mark.core

TREE = SAME["tree"]
OVER = {"rate": [1e-3, 3e-3], "rng": range(3)}


def sweep(folder, over=OVER, executor=None, **changes):
    same = {name: value for name, value in SAME.items() if name not in over}
    return pl.sweep(over, folder=folder, executor=Serial() if executor is None else executor, **{**same, **changes})


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("serial"))


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_every_task_is_the_training_that_it_says(serial):
    assert dict(serial.sizes) == {"rate": 2, "rng": 3, "run": 1, "time": 5, "mode": 4}
    for rate in OVER["rate"]:
        for rng in OVER["rng"]:
            data = TREE.sample(200, rng=rng)
            run = pl.train(data, hidden=8, rate=rate, epochs=40, init=pl.Gaussian(0.01), record=5, rng=rng)
            task = serial.sel(rate=rate, rng=rng)
            np.testing.assert_array_equal(task.mode_strength, run.mode_strengths)
            np.testing.assert_array_equal(task.loss, run.loss)
            np.testing.assert_array_equal(task.initial_strength, run.initial_strengths)
            np.testing.assert_allclose(task.association_strength, data.modes.s, rtol=1e-14)
            np.testing.assert_array_equal(task.completed, [160])
            assert task.status.values.tolist() == ["ok"]
    np.testing.assert_array_equal(serial.epoch, run.epochs)
    np.testing.assert_array_equal(serial.presentation, run.presentations)
    assert (serial.attrs["hidden"], serial.attrs["epochs"], serial.attrs["order"]) == (8, 40.0, "reshuffled")
    assert json.loads(serial.attrs["tree"]) == {"branching": [2, 2], "flip": [0.1, 0.1]}
    assert {"rate", "rng"}.isdisjoint(serial.attrs)
    assert serial.attrs["version"] == pl.info()["version"]


def test_processes_of_our_own_give_the_same(serial, tmp_path):
    assert pl.sweep(OVER, folder=tmp_path, **SAME).identical(serial)
    assert sweep(tmp_path, executor=Idle()).identical(serial)


def test_no_number_of_threads_is_one(serial, tmp_path, monkeypatch):
    asked, compute = [], _tasks.compute

    def noted(source, arguments):
        asked.append(arguments["threads"])
        return compute(source, arguments)

    monkeypatch.setattr(_tasks, "compute", noted)
    assert sweep(tmp_path, threads=None).identical(serial)
    assert asked == [1] * 6


def test_pools_give_the_same(serial, tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert sweep(tmp_path / "processes", executor=pool).identical(serial)
    with ThreadPoolExecutor(2) as pool:
        assert sweep(tmp_path / "threads", executor=pool, threads=2).identical(serial)
    assert files(tmp_path / "processes") == files(tmp_path / "threads")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYLINEAR_TEST_FLAG", str(tmp_path / "flag"))
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield cluster, client


def test_dask_gives_the_same_also_if_a_worker_is_killed(serial, tmp_path, monkeypatch, cluster):
    _, client = cluster
    assert sweep(tmp_path / "plain", executor=client).identical(serial)
    monkeypatch.setattr(_tasks, "compute", mishaps.killed_once)
    assert sweep(tmp_path / "killed", executor=client).identical(serial)
    (tmp_path / "flag").unlink()
    monkeypatch.setattr(_tasks, "compute", mishaps.failing_once)
    with pytest.raises(RuntimeError, match="no such luck") as held:
        sweep(tmp_path / "failed", executor=client)
    # What failed is computed, although the cluster may remember that it did.
    assert sweep(tmp_path / "failed", executor=client).identical(serial)
    assert isinstance(held.value.__cause__, ZeroDivisionError)


def test_a_cluster_that_is_closed_is_said_to_be_gone(serial, tmp_path, cluster):
    whole, client = cluster
    ending = after(2, whole.close)
    with pytest.raises(
        RuntimeError, match=r"the executor computes no more \(.+\): 2 of 6 tasks are done, in .*the same again"
    ):
        sweep(tmp_path / "out", executor=client, progress=ending)
    with pytest.raises(RuntimeError, match=r"the executor computes no more \(.+\): 2 of 6 tasks are done"):
        sweep(tmp_path / "out", executor=client)
    assert sweep(tmp_path / "out").identical(serial)


MPI_SCRIPT = """\
import sys
import pylinear as pl
from mpi4py.futures import MPIPoolExecutor
if __name__ == "__main__":
    same = {"tree": pl.Tree((2, 2), 0.1), "features": 200, "hidden": 8, "epochs": 40, "record": 5}
    over = {"rate": [1e-3, 3e-3], "rng": range(3)}
    with MPIPoolExecutor() as pool:
        assert pool.num_workers == 2
        pl.sweep(over, **same, init=pl.Gaussian(0.01), folder=sys.argv[1], executor=pool)
"""


def test_an_mpi_pool_gives_the_same(serial, tmp_path):
    (tmp_path / "script.py").write_text(MPI_SCRIPT)
    ranks.run(3, tmp_path / "script.py", tmp_path / "out", module="mpi4py.futures")
    assert sweep(tmp_path / "out", executor=Idle()).identical(serial)


def test_a_second_call_computes_nothing_and_a_third_what_is_missing(serial, tmp_path):
    first = Serial()
    assert sweep(tmp_path, executor=first).identical(serial)
    assert first.calls == len(files(tmp_path)) == 6
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sweep(tmp_path, executor=Idle()).identical(serial)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    min(tmp_path.iterdir()).unlink()
    third = Serial()
    assert sweep(tmp_path, executor=third).identical(serial)
    assert third.calls == 1
    more = Serial()
    wider = sweep(tmp_path, {**OVER, "rng": range(4)}, more)
    assert more.calls == 2
    np.testing.assert_array_equal(wider.loss[:, :3], serial.loss)


def test_a_worker_that_is_killed_costs_its_task_alone(serial, tmp_path, monkeypatch):
    monkeypatch.setenv("PYLINEAR_TEST_FLAG", str(tmp_path / "flag"))
    monkeypatch.setattr(_tasks, "compute", mishaps.killed_once)
    assert pl.sweep(OVER, folder=tmp_path / "out", **SAME).identical(serial)
    assert (tmp_path / "flag").exists()


def test_a_task_that_kills_its_worker_every_time_is_found_out(serial, tmp_path, monkeypatch):
    monkeypatch.setattr(_tasks, "compute", mishaps.killed)
    said = "2 tasks failed, first rate=0.001, rng=1: its process ended, killed by signal 9; 4 of 6 tasks are done, in "
    with pytest.raises(RuntimeError, match=said):
        pl.sweep(OVER, folder=tmp_path, **SAME)
    assert len(files(tmp_path)) == 4
    monkeypatch.undo()
    rest = Serial()
    assert sweep(tmp_path, executor=rest).identical(serial)
    assert rest.calls == 2


@pytest.mark.parametrize("executor", [None, Serial()])
def test_a_task_that_fails_lets_the_others_finish(executor, serial, tmp_path, monkeypatch):
    monkeypatch.setattr(_tasks, "compute", mishaps.failing)
    said = "2 tasks failed, first rate=0.001, rng=1: no such luck; 4 of 6 tasks are done, in .*; the same again goes on"
    with pytest.raises(RuntimeError, match=said) as caught:
        pl.sweep(OVER, folder=tmp_path, executor=executor, **SAME)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    monkeypatch.undo()
    assert sweep(tmp_path).identical(serial)


def after(count, action):
    """Return a report of progress that acts once so many tasks are done."""

    def report(fraction):
        if round(fraction * 6) == count:
            action()

    return report


def test_a_pool_that_breaks_is_said_to_be_gone(serial, tmp_path, monkeypatch):
    monkeypatch.setattr(_tasks, "compute", mishaps.killed)
    said = r"the executor computes no more \(BrokenProcessPool: .*\): \d of 6 tasks are done, in .*; the same"
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, pytest.raises(RuntimeError, match=said):
        sweep(tmp_path, executor=pool)
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match=said):
        sweep(tmp_path, executor=pool)
    with ThreadPoolExecutor(1) as pool:
        pass
    said = r"the executor computes no more \(RuntimeError: cannot schedule new futures after shutdown\): \d of 6"
    with pytest.raises(RuntimeError, match=said):
        sweep(tmp_path, executor=pool)
    assert sweep(tmp_path).identical(serial)


def test_a_report_that_raises_ends_the_sweep_and_loses_nothing(serial, tmp_path):
    def stop():
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        pl.sweep(OVER, folder=tmp_path, progress=after(2, stop), **SAME)
    assert len(files(tmp_path)) >= 2
    fractions = []
    assert sweep(tmp_path, progress=fractions.append).identical(serial)
    assert fractions[0] >= 2 / 6
    assert fractions[-1] == 1.0
    assert np.all(np.diff(fractions) > 0)


class Counting(ThreadPoolExecutor):
    """Knows how many calls were under way at most."""

    most = under_way = 0

    def submit(self, function, /, *arguments):
        future = super().submit(function, *arguments)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return future


def test_not_everything_is_under_way_at_once(serial, tmp_path, monkeypatch):
    monkeypatch.setattr(_sweep, "_MOST_UNDER_WAY", 2)
    with Counting(1) as pool:

        def one_less(fraction):
            pool.under_way -= fraction > 0

        assert sweep(tmp_path, executor=pool, progress=one_less).identical(serial)
        assert pool.most == 2
    data = pl.Dataset(np.zeros((1, 2**16)) + 1)
    task = _tasks.tasks({}, {"data": data, "hidden": 1, "rate": 0.1, "epochs": 1, "rng": 0}, 1)
    monkeypatch.setattr(_sweep, "_MOST_UNDER_WAY", 10**6)
    assert _sweep._under_way(task) == _sweep._MOST_BYTES // 2**19


def test_progress_is_shown_on_stderr(tmp_path, capsys):
    sweep(tmp_path, progress=True)
    assert "100" in capsys.readouterr().err


ENDLESS = """\
import pylinear as pl
def report(fraction):
    print(fraction, flush=True)
pl.sweep(
    {"epochs": [1, 2, 10**9, 2 * 10**9]}, data=pl.toy(), hidden=16, rate=0.01, rng=0, record=3, folder=FOLDER,
    progress=report, reduce=False,
)
"""


def test_ctrl_c_leaves_what_is_done_and_no_processes(tmp_path):
    # From standard input, where no process could find the script, and without a guard.
    command, pipe = [sys.executable, "-P", "-"], subprocess.PIPE
    environment = {**os.environ, "PYLINEAR_NUM_THREADS": "3"}  # so that one has nothing to do
    pipes = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True}
    with subprocess.Popen(command, **pipes, env=environment, start_new_session=True) as caller:
        caller.stdin.write(ENDLESS.replace("FOLDER", repr(str(tmp_path))))
        caller.stdin.close()
        assert [caller.stdout.readline() for _ in range(3)] == ["0.0\n", "0.25\n", "0.5\n"]
        os.killpg(caller.pid, signal.SIGINT)  # as a terminal does
        # Workers share it, so that it ends with the last of them.
        said = caller.stderr.read()
    assert caller.returncode in {1, -signal.SIGINT}
    assert said.count("Traceback") == 1
    assert said.splitlines()[-1] == (
        f"KeyboardInterrupt: 2 of 4 tasks are done, in {tmp_path}; the same again goes on with the rest"
    )
    assert len(files(tmp_path)) == 2
    same = {"data": pl.toy(), "hidden": 16, "rate": 0.01, "rng": 0, "record": 3, "reduce": False}
    pl.sweep({"epochs": [1, 2]}, folder=tmp_path, executor=Idle(), **same)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def swap(path):
    other = max(path.parent.iterdir())
    held = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(held)


@pytest.mark.parametrize(("damage", "count"), [(flip_a_bit, 1), (cut, 1), (swap, 2)])
def test_what_is_damaged_is_computed_again_and_said_to_be(damage, count, serial, tmp_path):
    sweep(tmp_path)
    good = {path: path.read_bytes() for path in tmp_path.iterdir()}
    damage(min(tmp_path.iterdir()))
    again = Serial()
    with pytest.warns(pl.FileWarning, match=r"npz is damaged.*; its task, rate=.*, rng=\d, is computed again") as said:
        assert sweep(tmp_path, executor=again).identical(serial)
    assert len(said) == again.calls == count
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == good


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=str(folder)):
            sweep(folder, executor=Idle())
    if Path("/proc/self").exists():
        with pytest.raises(OSError, match="/proc/sweep"):
            sweep("/proc/sweep", executor=Idle())


def test_a_folder_that_fails_when_it_is_tried_is_named(tmp_path, monkeypatch):
    def fail(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", fail)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}'"):
        sweep(tmp_path, executor=Idle())


def test_a_disk_that_is_full_is_an_error_with_the_path(tmp_path, monkeypatch):
    sweep(tmp_path, {"rng": [0]}, rate=1e-3)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*\.npz'"):
        sweep(tmp_path)
    monkeypatch.undo()
    assert len(files(tmp_path)) == 1


def test_without_xarray_nothing_is_computed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"a sweep needs xarray .*pylinear-dynamics\[xarray\]"):
        sweep(tmp_path / "out", executor=Idle())
    assert not (tmp_path / "out").exists()


def test_tasks_of_different_sizes_are_filled_up(tmp_path):
    over = {"tree": [pl.Tree((2, 2), 0.1), pl.Tree((3,), 0.2)], "runs": [1, 2], "record": [3, [0.0, 1.0, 2.0, 3.0]]}
    result = sweep(tmp_path, over, rate=1e-3, rng=0)
    assert result.tree.values.tolist() == ["Tree(branching=(2, 2), flip=0.1)", "Tree(branching=(3,), flip=0.2)"]
    assert result.record.values.tolist() == ["3", "[0.0, 1.0, 2.0, 3.0]"]
    assert result.mode_strength.shape == (2, 2, 2, 2, 4, 4)
    small = result.isel(tree=1, runs=0, record=0)
    assert np.isfinite(small.mode_strength[0, :3, :3]).all()
    assert np.isnan(small.mode_strength).sum() == 2 * 4 * 4 - 9
    assert small.status.values.tolist() == ["ok", ""]
    assert np.isnan(small.completed[1])
    assert small.epoch.values.tolist()[:3] == [0.0, 20.0, 40.0]
    assert np.isnan(small.epoch[3])
    large = result.isel(tree=0, runs=1, record=1)
    assert np.isfinite(large.mode_strength).all()
    assert large.presentation.values.tolist() == [0, 4, 8, 12]


def test_what_varies_may_have_labels(tmp_path):
    tables = {"toy": pl.toy(), "signed": pl.toy("signed")}
    inits = [pl.Gaussian(0.1), pl.Balanced(0.1), (np.full((2, 4), 0.1), np.full((5, 2), 0.1))]
    over = {"data": tables, "init": inits, "reduce": [False, "exact"]}
    result = pl.sweep(over, hidden=2, rate=0.01, epochs=3, rng=0, record=2, folder=tmp_path, executor=Serial())
    assert result.data.values.tolist() == ["toy", "signed"]
    assert result["reduce"].values.tolist() == ["False", "exact"]
    assert result.init.values[0] == "Gaussian(scale=0.1)"
    for name, data in tables.items():
        for i, init in enumerate(inits):
            run = pl.train(data, hidden=2, rate=0.01, epochs=3, rng=0, record=2, init=init, reduce=False)
            there = result.sel(data=name, reduce="False").isel(init=i)
            np.testing.assert_allclose(there.mode_strength, run.mode_strengths, rtol=1e-12)


def test_flips_replace_that_of_the_tree(tmp_path):
    result = sweep(tmp_path, {"flip": [0.05, 0.2]}, rate=1e-3, rng=0)
    for flip in (0.05, 0.2):
        data = pl.Tree((2, 2), flip).sample(200, rng=0)
        np.testing.assert_allclose(result.association_strength.sel(flip=flip), data.modes.s, rtol=1e-14)


def test_data_known_by_inner_products_and_maps(tmp_path):
    data = pl.Dataset.from_gram(10**9 * TREE.covariance, 10**9)
    same = {"hidden": 10**6, "epochs": 5, "rng": 0, "init": pl.Gaussian(1e-5), "record": 3}
    result = pl.sweep({"rate": [1e-7, 2e-7]}, data=data, keep=["maps"], folder=tmp_path, executor=Serial(), **same)
    run = pl.train(data, rate=2e-7, keep=["maps"], **same)
    np.testing.assert_allclose(result["map"].sel(rate=2e-7), run.maps, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(result.other_mode, [1, 2, 3, 4])


def test_what_diverges_is_data(tmp_path):
    result = sweep(tmp_path, {"rate": [1e-3, 10.0]}, rng=0)
    assert result.status.values.tolist() == [["ok"], ["diverged"]]
    assert np.isnan(result.loss.sel(rate=10.0, run=0)[-1])
