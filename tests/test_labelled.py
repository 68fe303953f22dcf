import numpy as np
import pytest

import pylinear as pl
from pylinear import _labelled

xarray = pytest.importorskip("xarray")

pytestmark = pytest.mark.core


def learned(**more):
    return pl.train(pl.toy(), **{"hidden": 6, "rate": 0.02, "epochs": 40, "runs": 2, "rng": 3, "record": 11, **more})


def test_a_run_has_its_records_and_what_they_follow_from():
    run = learned(init=pl.Gaussian(0.1))
    labelled = run.to_xarray()
    assert isinstance(labelled, xarray.Dataset)
    assert dict(labelled.sizes) == {"run": 2, "time": 11, "mode": 4}
    np.testing.assert_array_equal(labelled.mode_strength.sel(run=1, mode=2), run.mode_strengths[1, :, 1])
    np.testing.assert_array_equal(labelled.loss, run.loss)
    np.testing.assert_array_equal(labelled.initial_strength, run.initial_strengths)
    np.testing.assert_array_equal(labelled.association_strength, run.data.modes.s)
    np.testing.assert_array_equal(labelled.epoch, run.epochs)
    np.testing.assert_array_equal(labelled.presentation, run.presentations)
    assert labelled.status.values.tolist() == ["ok", "ok"]
    attributes = labelled.attrs
    assert (attributes["rate"], attributes["order"], attributes["update"]) == (0.02, "reshuffled", "online")
    assert (attributes["hidden_units"], attributes["rng"], attributes["init"]) == (6, "3", "Gaussian(scale=0.1)")
    assert attributes["version"] == pl.info()["version"]


def test_times_are_recorded_and_are_coordinates():
    run = learned()
    arrays = _labelled.recorded(run)
    for name, values in (("epoch", run.epochs), ("presentation", run.presentations), ("completed", run.completed)):
        np.testing.assert_array_equal(arrays[name], values)
    labelled = run.to_xarray()
    assert {"epoch", "presentation", "completed", "status"} <= set(labelled.coords)
    for name, array in arrays.items():
        assert labelled[name].dims == _labelled.AXES[name]
        assert labelled[name].shape == array.shape


def test_what_was_kept_is_there_and_nothing_else():
    run = learned(keep=["hidden", "maps", "weights"], order=[0, 1, 2, 3])
    labelled = run.to_xarray()
    np.testing.assert_array_equal(labelled.hidden.sel(item="Oak"), run.hidden[..., 2])
    np.testing.assert_array_equal(labelled["map"].sel(mode=1, other_mode=3), run.maps[:, :, 0, 2])
    np.testing.assert_array_equal(labelled.w21, run.weights_over_time.w21)
    np.testing.assert_array_equal(labelled.w32, run.weights_over_time.w32)
    assert labelled.attrs["order"] == [0, 1, 2, 3]
    assert {"hidden", "map", "w21", "w32"}.isdisjoint(learned().to_xarray().data_vars)


def test_a_gap_has_everything_that_its_run_has():
    run = learned(keep=["maps"], order="with_replacement")
    gap = pl.gap(run)
    labelled = gap.to_xarray()
    for name, value in run.to_xarray().attrs.items():
        assert labelled.attrs[name] == value
    np.testing.assert_array_equal(labelled.scatter, gap.scatter)
    measured = labelled["map"].sel(source="measured", mode=1, other_mode=2)
    np.testing.assert_array_equal(measured, run.maps[:, :, 0, 1])
    distance = labelled.map_gap.sel(theory="flow (7)-(8)")
    np.testing.assert_array_equal(distance, gap.map_gaps()["flow (7)-(8)"])
    np.testing.assert_array_equal(labelled.loss_gap.sel(theory="(10), paper's a0"), gap.loss_gaps()["(10), paper's a0"])
    largest = labelled.largest_gap.sel(theory="(10), paper's a0")
    np.testing.assert_array_equal(largest, gap.against()["(10), paper's a0"])


def test_curves_and_causes_of_a_gap_go_by_name():
    run = learned(init=pl.Gaussian(0.1))
    gap = pl.gap(run)
    labelled = gap.to_xarray()
    measured = labelled.mode_strength.sel(source="measured", run=1, mode=2)
    np.testing.assert_array_equal(measured, gap.measured[1, :, 1])
    flow = labelled.mode_strength.sel(source="flow (7)-(8)", run=0, mode=3)
    np.testing.assert_array_equal(flow, gap.flow[0, :, 2])
    causes = gap.by_cause()
    np.testing.assert_array_equal(labelled.gap_by_cause.sel(cause="initial strength"), causes["initial strength"])
    np.testing.assert_array_equal(labelled.loss.sel(source="measured"), run.loss)
    loss = gap.theories["flow (7)-(8)"].loss
    np.testing.assert_array_equal(labelled.loss.sel(source="flow (7)-(8)"), loss)
