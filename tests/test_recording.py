"""Recordings in zarr stores: the same as what a run holds, whatever happened on the way."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pylinear as pl
from recordings import DATA, W21, W32, change_data, opened, recorded, simulation

xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")

pytestmark = pytest.mark.core


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_recording_is_labelled_as_a_run_is(tmp_path, dtype):
    found = recorded(tmp_path / "a.zarr", simulation(dtype=dtype), 20, keep=["hidden", "weights"])
    run = pl.train(
        DATA, hidden=3, rate=0.02, epochs=20, init=(W21, W32), rng=7, record=np.arange(0, 21, 2), reduce=False,
        order="reshuffled", keep=["hidden", "weights"], dtype=dtype,
    ).to_xarray()  # fmt: skip
    assert found.sizes == run.sizes
    assert set(found.coords) == set(run.coords)
    assert set(found.data_vars) == set(run.data_vars)
    for name in run.variables:
        assert found[name].dims == run[name].dims, name
        assert found[name].dtype.kind == run[name].dtype.kind or name in {"item", "status"}, name
    for name in ("epoch", "presentation", "mode", "item", "status", "completed", "run"):
        assert found[name].values.tolist() == run[name].values.tolist(), name
    np.testing.assert_allclose(found.association_strength, run.association_strength)
    np.testing.assert_allclose(found.initial_strength, run.initial_strength, rtol=1e-6)
    assert found.epoch.attrs == run.epoch.attrs
    for name in ("rate", "update", "order", "hidden_units", "rng", "version"):
        assert found.attrs[name] == run.attrs[name]
    assert found.attrs["n_valid"] == 11


def test_every_record_is_the_simulation_at_that_time(tmp_path):
    found = recorded(tmp_path / "a.zarr", simulation(), 20, keep=["hidden", "weights"])
    sim = simulation()
    for t in range(11):
        now = found.isel(run=0, time=t)
        np.testing.assert_array_equal(now.mode_strength, sim.mode_strengths)
        assert float(now.loss) == sim.loss
        np.testing.assert_array_equal(now.hidden, sim.hidden)
        np.testing.assert_array_equal(now.w21, sim.w21)
        np.testing.assert_array_equal(now.w32, sim.w32)
        assert (int(now.presentation), float(now.epoch)) == (sim.presentations, sim.epochs)
        sim.advance(epochs=2)


def test_only_what_was_asked_for_is_kept(tmp_path):
    assert {"hidden", "w21", "w32", "item"}.isdisjoint(recorded(tmp_path / "a.zarr", simulation(), 4).variables)
    found = recorded(tmp_path / "b.zarr", simulation(), 4, keep={"hidden"})
    assert {"hidden", "item"} <= set(found.variables)
    assert {"w21", "w32"}.isdisjoint(found.variables)


@pytest.mark.parametrize("at", [6, 8, 13])
def test_a_recording_resumed_from_a_checkpoint_equals_an_unbroken_one(tmp_path, at):
    unbroken = recorded(tmp_path / "a.zarr", simulation(), 30, keep=["weights"])
    sim = simulation()
    with pl.ZarrRecorder(tmp_path / "b.zarr", sim, ["weights"], chunk=4) as record:
        for _ in range(at):
            sim.advance(epochs=2)
            record(sim)
        record.flush()
        sim.save(tmp_path / "state.npz")
        sim.advance(epochs=9.25, every=2, hook=record)  # which the checkpoint knows nothing of
    sim = pl.Simulation.load(tmp_path / "state.npz")
    xarray.testing.assert_identical(recorded(tmp_path / "b.zarr", sim, 30 - 2 * at, keep=["weights"]), unbroken)


def test_records_that_are_dropped_are_gone_at_once(tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 30)
    sim = simulation()
    sim.advance(epochs=13)
    pl.ZarrRecorder(tmp_path / "a.zarr", sim)
    assert opened(tmp_path / "a.zarr").epoch.values.tolist() == [0, 2, 4, 6, 8, 10, 12]


def test_a_recording_begun_late_has_no_initial_strengths(tmp_path):
    sim = simulation()
    sim.advance(presentations=7)
    found = recorded(tmp_path / "a.zarr", sim, 4)
    assert found.presentation.values.tolist() == [7, 8, 16, 23]
    assert "initial_strength" not in found


def test_the_same_presentation_is_recorded_once(tmp_path):
    sim = simulation()
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim) as record:
        for _ in range(3):
            record(sim)
        sim.advance(epochs=1)
        record(sim)
        assert repr(record).endswith("2 records)")
        assert record.to_xarray().presentation.values.tolist() == [0, 4]
    assert recorded(tmp_path / "a.zarr", sim, 0).presentation.values.tolist() == [0, 4]


def test_records_are_written_by_chunks_and_after_a_while(tmp_path, monkeypatch):
    sim = simulation()
    record = pl.ZarrRecorder(tmp_path / "a.zarr", sim, chunk=4)
    seen = []
    for _ in range(8):
        sim.advance(epochs=1)
        record(sim)
        seen.append(opened(tmp_path / "a.zarr").sizes["time"])
    assert seen == [0, 0, 4, 4, 4, 4, 8, 8]
    monkeypatch.setattr("pylinear._recording._LONGEST_WAIT", 0.0)
    sim.advance(epochs=1)
    record(sim)
    assert opened(tmp_path / "a.zarr").sizes["time"] == 10


def test_a_divergence_is_told(tmp_path):
    found = recorded(tmp_path / "a.zarr", simulation(rate=5.0), 1000)
    assert found.status.values.tolist() == ["diverged"]
    assert found.completed.values.tolist() == [found.presentation.values[-1]]


@pytest.mark.parametrize("chunk", [1, 3, 5, 100])
def test_a_divergence_after_the_last_record_is_told(chunk, tmp_path):
    sim = simulation(rate=5.0, order="cyclic")
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim, chunk=chunk) as record:
        sim.advance(epochs=100, every=1, hook=record)
    found = opened(tmp_path / "a.zarr")
    assert found.status.values.tolist() == record.to_xarray().status.values.tolist() == [sim.status] == ["diverged"]
    assert found.completed.values.tolist() == [found.presentation.values[-1]]


def test_a_chunk_that_does_not_fit_the_memory_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("pylinear._memory.available", lambda: 10**9)
    with pytest.raises(MemoryError, match=r"chunks of 2147483648 records would take \d+\.\d GB; 1\.0 GB are"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation(), chunk=2**31)
    assert not list(tmp_path.iterdir())
    before = recorded(tmp_path / "a.zarr", simulation(), 4, chunk=2**20)
    monkeypatch.setattr("pylinear._memory.available", lambda: 10**8)
    sim = simulation()
    sim.advance(epochs=2)
    with pytest.raises(MemoryError, match="chunks of 1048576 records would take 0"):
        pl.ZarrRecorder(tmp_path / "a.zarr", sim)
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


def test_what_cannot_be_written_is_kept_for_another_try(tmp_path, monkeypatch):
    sim = simulation()
    record = pl.ZarrRecorder(tmp_path / "a.zarr", sim)
    with monkeypatch.context() as broken:
        broken.setattr("pylinear._recording._group", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match=r"No space left.*: .*a\.zarr"):
            record.close()
    sim.advance(epochs=1)
    record(sim)
    record.close()
    assert opened(tmp_path / "a.zarr").presentation.values.tolist() == [0, 4]


KILLED = """
import os, signal, sys
import numpy as np
import pylinear as pl
from pylinear import _recording

path, where, countdown = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = _recording if hasattr(_recording, where) else pl.ZarrRecorder
whole = getattr(owner, where)

def dying(*arguments, **options):
    global countdown
    countdown -= 1
    if countdown == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments, **options)

setattr(owner, where, dying)
rng = np.random.default_rng(0)
w21, w32 = rng.normal(scale=0.1, size=(3, 4)), rng.normal(scale=0.1, size=(5, 3))
sim = pl.Simulation(pl.toy(), w21, w32, rate=0.02, rng=7)
with pl.ZarrRecorder(path, sim, chunk=4) as record:
    sim.advance(epochs=100, every=2, hook=record)
"""


@pytest.mark.parametrize(
    ("where", "countdown", "left"),
    # Of the four arrays that grow, _length is called twice for each as it is made and then once in every chunk.
    [("_length", 3, None), ("commit", 1, None), ("commit", 3, 4), ("_length", 19, 8), ("_length", 18, 8)],
)
def test_a_killed_process_loses_its_last_chunk_and_no_more(tmp_path, where, countdown, left):
    path = tmp_path / "a.zarr"
    command = [sys.executable, "-P", "-c", KILLED, str(path), where, str(countdown)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    unbroken = recorded(tmp_path / "whole.zarr", simulation(), 100)
    if left is None:
        assert not path.exists()
    else:
        found = opened(path)
        assert found.attrs["n_valid"] == found.sizes["time"] == left
        np.testing.assert_array_equal(found.mode_strength, unbroken.mode_strength[:, :left])
    # From the start, and from where its records end.
    sim = simulation()
    sim.advance(epochs=2 * ((left or 1) - 1))
    xarray.testing.assert_identical(recorded(path, sim, 100 - sim.epochs), unbroken)
    assert sorted(x.name for x in tmp_path.iterdir()) == ["a.zarr", "whole.zarr"]


def interrupt(monkeypatch, owner, name, countdown):
    """Let nothing more be done from the call on that ends the countdown."""
    whole = getattr(owner, name)

    def interrupting(*arguments, **options):
        nonlocal countdown
        countdown -= 1
        if countdown <= 0:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    monkeypatch.setattr(owner, name, interrupting)


@pytest.mark.parametrize("where", ["resize", "__setitem__"])
@pytest.mark.parametrize("countdown", [1, 2, 3, 4])
def test_a_recorder_killed_as_it_goes_on_leaves_a_store_that_opens(where, countdown, tmp_path, monkeypatch):
    unbroken, path = recorded(tmp_path / "whole.zarr", simulation(), 20), tmp_path / "a.zarr"
    recorded(path, simulation(), 20)
    sim = simulation()
    sim.advance(epochs=10)
    with monkeypatch.context() as patch:
        interrupt(patch, zarr.Array, where, countdown)
        with pytest.raises(KeyboardInterrupt), pl.ZarrRecorder(path, sim) as record:
            sim.advance(epochs=2, every=2, hook=record)
    found = opened(path)
    assert found.attrs["n_valid"] == found.sizes["time"] == 6
    np.testing.assert_array_equal(found.loss, unbroken.loss[:, :6])
    sim = simulation()
    sim.advance(epochs=10)
    xarray.testing.assert_identical(recorded(path, sim, 10), unbroken)


@pytest.mark.parametrize("countdown", [1, 2, 3, 4])
def test_a_recorder_killed_as_it_writes_other_data_leaves_a_store_that_opens(countdown, tmp_path, monkeypatch):
    sim = simulation()
    before = recorded(tmp_path / "a.zarr", sim, 10)
    record = pl.ZarrRecorder(tmp_path / "a.zarr", sim)
    change_data(sim)
    sim.advance(epochs=2, every=2, hook=record)
    interrupt(monkeypatch, zarr.Array, "resize", countdown)
    with pytest.raises(KeyboardInterrupt):
        record.flush()
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


def test_a_store_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    interrupt(monkeypatch, zarr.Group, "create_array", 3)
    with pytest.raises(KeyboardInterrupt):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    assert not list(tmp_path.iterdir())


def test_a_store_without_records_is_replaced_as_a_whole(tmp_path, monkeypatch):
    pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    remove = shutil.rmtree

    def killed(path, *_, **__):
        # zarr removes things, too, in a thread of its own.
        if Path(path).name in {"a.zarr", ".a.zarr.parts"}:
            raise KeyboardInterrupt
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    assert opened(tmp_path / "a.zarr").attrs["n_valid"] == 0
    recorded(tmp_path / "a.zarr", simulation(), 4)
    assert [x.name for x in tmp_path.iterdir()] == ["a.zarr"]


def test_what_another_has_recorded_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    fill = pl.ZarrRecorder._fill

    def slowly(self, path, here):
        monkeypatch.setattr(pl.ZarrRecorder, "_fill", fill)
        recorded(tmp_path / "elsewhere.zarr", simulation(), 4)
        (tmp_path / "elsewhere.zarr").rename(tmp_path / "a.zarr")
        fill(self, path, here)

    monkeypatch.setattr(pl.ZarrRecorder, "_fill", slowly)
    with pytest.raises(pl.FileError, match=r"a\.zarr has been made by another process meanwhile"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    assert opened(tmp_path / "a.zarr").sizes["time"] == 3
    assert [x.name for x in tmp_path.iterdir()] == ["a.zarr"]


def test_a_store_that_cannot_be_looked_at_is_none_that_is_not_there(tmp_path, monkeypatch):
    before = recorded(tmp_path / "a.zarr", simulation(), 4)

    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.listdir", fail)
        with pytest.raises(OSError, match=r"Input/output error: .*a\.zarr"):
            pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


def test_a_store_is_made_where_a_link_leads(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.zarr").symlink_to(tmp_path / "there")
    recorded(tmp_path / "a.zarr", simulation(), 4)
    assert (tmp_path / "a.zarr").is_symlink()
    assert opened(tmp_path / "there").sizes["time"] == 3


def test_parts_of_files_that_a_killed_process_left_are_removed(tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 4)
    for name in ("zarr.0123.partial", "loss/c/0/0.0123.partial"):
        (tmp_path / "a.zarr" / name).write_bytes(b"half")
    sim = simulation()
    sim.advance(epochs=4)
    recorded(tmp_path / "a.zarr", sim, 4)
    assert not list(tmp_path.rglob("*.partial"))


def test_a_recorder_is_of_one_simulation(tmp_path):
    record = pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    with pytest.raises(ValueError, match="sim must be the simulation that the recorder was made for"):
        record(simulation())


def test_without_xarray_the_error_says_what_to_install(tmp_path, monkeypatch):
    record = pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"to_xarray needs xarray: .*; pylinear-dynamics\[zarr\] has it"):
        record.to_xarray()


def test_without_zarr_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"ZarrRecorder needs zarr: pip install 'pylinear-dynamics\[zarr\]'"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())


def test_large_weights_are_cut_into_chunks_that_a_codec_takes(tmp_path, monkeypatch):
    monkeypatch.setattr("pylinear._recording._CHUNK_BYTES", 16)
    found = recorded(tmp_path / "a.zarr", simulation(), 20, keep=["weights"], chunk=None)
    assert zarr.open_group(tmp_path / "a.zarr")["w32"].chunks[2] < 5
    sim = simulation()
    sim.advance(epochs=20)
    np.testing.assert_array_equal(found.w32.isel(run=0, time=-1), sim.w32)
