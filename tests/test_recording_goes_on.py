"""Stores that are there already: of another simulation, of one that has changed, damaged."""

import json
import shutil

import pytest

import pylinear as pl
from recordings import DATA, W21, W32, change_data, opened, recorded, simulation

xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": 0.03}, "rate is 0.02 there and 0.03 here"),
        ({"rng": 8}, "rng is '7' there and '8' here"),
        ({"order": "cyclic"}, "order is 'reshuffled' there and 'cyclic' here"),
        ({"dtype": "float32"}, "dtype is 'float64' there"),
        ({"update": "batch"}, "update is 'online' there"),
        ({"w21": W21[:2], "w32": W32[:, :2]}, "hidden_units is 3 there and 2 here"),
        ({"data": pl.Dataset(DATA.outputs[:4]), "w32": W32[:4]}, "n_features is 5 there and 4 here"),
        ({"data": pl.Dataset(-DATA.outputs)}, "it learned other data"),
    ],
)
def test_the_recording_of_another_simulation_is_refused_and_stays(tmp_path, changes, sentence):
    before = recorded(tmp_path / "a.zarr", simulation(), 4)
    with pytest.raises(pl.FileError, match=f"must be a recording of this simulation; {sentence}"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation(**changes))
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


def change_rate(sim):
    sim.rate = 0.01


def change_order(sim):
    sim.order = [3, 1, 1, 0]


def change_back(sim):
    sim.data = DATA


def change_weights(sim):
    sim.w32 = sim.w32 / 2


CHANGES = [change_rate, change_order, change_data, change_back, change_weights, change_data]


@pytest.mark.parametrize(("at", "flushed"), [(1, True), (2, True), (3, False), (5, True), (6, True)])
def test_a_recording_resumed_after_changes_equals_an_unbroken_one(at, flushed, tmp_path):
    def go_on(record, sim, changes, saved=None):
        for n, change in enumerate(changes):
            if n == saved:
                record.flush()
                sim.save(tmp_path / "state.npz")
            change(sim)
            sim.advance(epochs=5, every=2, hook=record)

    sim = simulation(route="fused")
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim, chunk=4) as record:
        go_on(record, sim, CHANGES)
    sim = simulation(route="fused")
    record = pl.ZarrRecorder(tmp_path / "b.zarr", sim, chunk=4)
    go_on(record, sim, [*CHANGES[:at], lambda sim: None, *CHANGES[at:]], saved=at)
    if flushed:
        record.flush()
    sim = pl.Simulation.load(tmp_path / "state.npz")
    with pl.ZarrRecorder(tmp_path / "b.zarr", sim) as record:
        assert repr(record).endswith(f" {1 + 3 * at} records)")
        go_on(record, sim, CHANGES[at:])
    xarray.testing.assert_identical(opened(tmp_path / "b.zarr"), opened(tmp_path / "a.zarr"))


@pytest.mark.parametrize("change", [change_rate, change_order, change_data])
def test_what_changed_between_record_and_checkpoint_is_no_other_simulation(change, tmp_path):
    sim = simulation()
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim) as record:
        sim.advance(epochs=4, hook=record)
        change(sim)
        sim.save(tmp_path / "state.npz")
        sim.advance(epochs=4, hook=record)
    before = opened(tmp_path / "a.zarr")
    sim = pl.Simulation.load(tmp_path / "state.npz")
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim) as record:
        sim.advance(epochs=4, hook=record)
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)
    assert before.attrs["data_changed"] is (change is change_data)
    assert (before.attrs["rate"], before.attrs["order"]) == (0.02, "reshuffled")


def test_data_that_changed_just_before_the_checkpoint_are_told(tmp_path):
    sim = simulation()
    with pl.ZarrRecorder(tmp_path / "a.zarr", sim) as record:
        sim.advance(epochs=4, hook=record)
    change_data(sim)
    sim.save(tmp_path / "state.npz")
    assert opened(tmp_path / "a.zarr").attrs["data_changed"] is False
    assert recorded(tmp_path / "a.zarr", pl.Simulation.load(tmp_path / "state.npz"), 4).attrs["data_changed"] is True


@pytest.mark.parametrize("name", ["mode_strength", "loss"])
def test_another_network_at_the_same_presentation_is_refused(name, tmp_path, monkeypatch):
    before = recorded(tmp_path / "a.zarr", simulation(), 10)
    other = simulation(rate=0.03)
    other.advance(epochs=4)
    # One of the two is enough to tell.
    same = simulation()
    same.advance(epochs=4)
    if name == "loss":
        monkeypatch.setattr(pl.Simulation, "mode_strengths", same.mode_strengths)
    with pytest.raises(pl.FileError, match=f"a recording of this simulation; {name} at presentation 16 is another"):
        pl.ZarrRecorder(tmp_path / "a.zarr", other)
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


@pytest.mark.parametrize("begins", [0, 4])
@pytest.mark.parametrize("changes", [{}, {"w21": W21 / 2}])
def test_a_simulation_at_the_beginning_costs_no_recording(begins, changes, tmp_path):
    sim = simulation()
    sim.advance(epochs=begins)
    before = recorded(tmp_path / "a.zarr", sim, 4)
    with pytest.raises(pl.FileError, match=rf"holds 3 records, to presentation {4 * begins + 16}, .*; load its check"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation(**changes))
    with pytest.raises(pl.FileError, match=r"rate is 0\.02 there and 0\.03 here"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation(rate=0.03))
    xarray.testing.assert_identical(opened(tmp_path / "a.zarr"), before)


def test_a_recording_of_the_beginning_alone_is_gone_on_with(tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 0)
    unbroken = recorded(tmp_path / "b.zarr", simulation(), 6)
    xarray.testing.assert_identical(recorded(tmp_path / "a.zarr", simulation(), 6), unbroken)


def test_what_else_is_kept_must_be_the_same(tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 4)
    with pytest.raises(pl.FileError, match=r"keep is \[\] .*there and \['hidden'\]"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation(), ["hidden"])


def test_what_is_no_recording_is_refused_and_stays(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "text").write_text("text")
    zarr.open_group(tmp_path / "group", mode="w")
    for name in ("file", "folder", "group"):
        with pytest.raises(pl.FileError, match=f"{name} must be a recording of pylinear or not be there"):
            pl.ZarrRecorder(tmp_path / name, simulation())
    assert (tmp_path / "folder" / "text").read_text() == (tmp_path / "file").read_text() == "text"
    (tmp_path / "empty").mkdir()
    assert recorded(tmp_path / "empty", simulation(), 4).sizes["time"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_valid", "11"), ("n_valid", -1), ("records_in_a_chunk", 0), ("data", None), ("data_changed", 3)],
)
def test_a_store_that_says_what_cannot_be_is_refused(name, value, tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 4)
    path = tmp_path / "a.zarr" / "zarr.json"
    told = json.loads(path.read_text())
    told["attributes"][name] = value
    path.write_text(json.dumps(told))
    with pytest.raises(pl.FileError, match=rf"a\.zarr is damaged: {name} is "):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())


def test_a_damaged_store_is_refused(tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 20)
    about = tmp_path / "a.zarr" / "zarr.json"
    told = json.loads(about.read_text())
    told["attributes"]["n_valid"] = 12
    about.write_text(json.dumps(told))
    with pytest.raises(pl.FileError, match=r"a\.zarr is damaged: it does not hold the 12 records that it says"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    (tmp_path / "a.zarr" / "loss" / "zarr.json").unlink()
    with pytest.raises(pl.FileError, match=r"a\.zarr is damaged: "):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    about.write_text("{")
    with pytest.raises(pl.FileError, match=r"a\.zarr must be a recording of pylinear"):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())


@pytest.mark.parametrize("name", ["presentation", "epoch", "loss", "mode_strength", "completed", "status"])
def test_a_store_that_lacks_an_array_is_refused(name, tmp_path):
    recorded(tmp_path / "a.zarr", simulation(), 4)
    shutil.rmtree(tmp_path / "a.zarr" / name)
    with pytest.raises(pl.FileError, match=r"a\.zarr is damaged: "):
        pl.ZarrRecorder(tmp_path / "a.zarr", simulation())


@pytest.mark.parametrize("name", ["presentation", "loss", "mode_strength", "completed", "status"])
def test_a_store_with_a_bad_chunk_is_refused(name, tmp_path):
    sim = simulation()
    recorded(tmp_path / "a.zarr", sim, 4)
    spoil(tmp_path / "a.zarr" / name)
    with pytest.raises(pl.FileError, match=r"a\.zarr is damaged: "):
        pl.ZarrRecorder(tmp_path / "a.zarr", sim)


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda path: spoil(path / "mode")])
def test_a_store_damaged_meanwhile_is_told_when_it_is_opened(harm, tmp_path):
    record = pl.ZarrRecorder(tmp_path / "a.zarr", simulation())
    record.flush()
    harm(tmp_path / "a.zarr")
    with pytest.raises(pl.FileError, match=r"a\.zarr is damaged: "):
        record.to_xarray()


def spoil(array):
    for file in (array / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(b"spoilt")
