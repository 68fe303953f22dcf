"""Results with names on their axes. Needs xarray (``pylinear-dynamics[xarray]``), and is the only module that does."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from pylinear._check import Floats
from pylinear._initial import Gaussian

if TYPE_CHECKING:
    import xarray

    from pylinear._gap import Gap
    from pylinear._run import Run


def _of_runs(gaps: dict[str, Floats], shape: tuple[int, ...]) -> Floats:
    return np.stack([np.broadcast_to(x, shape) for x in gaps.values()])


def gap_dataset(gap: Gap) -> xarray.Dataset:
    """Return what `Gap.to_xarray` does."""
    import xarray

    run, theories = gap.run, gap.theories
    shape = gap.measured.shape
    against, causes = gap.against(), gap.by_cause()
    strengths = [gap.measured, *(np.broadcast_to(x.strengths, shape) for x in theories.values())]
    loss = [run.loss, *(np.broadcast_to(x.loss, shape[:2]) for x in theories.values())]
    variables = {
        "mode_strength": (("source", "run", "time", "mode"), np.stack(strengths)),
        "loss": (("source", "run", "time"), np.stack(loss)),
        "loss_gap": (("theory", "run", "time"), _of_runs(gap.loss_gaps(), shape[:2])),
        "association_strength": (("mode",), gap.s),
        "largest_gap": (("theory", "mode"), np.stack(list(against.values()))),
        "gap_by_cause": (("cause", "mode"), np.stack(list(causes.values()))),
    }
    if run.maps is not None:
        m = gap.s.size
        maps = [run.maps[..., :m, :m]]
        maps += [np.broadcast_to(x.maps, (*shape, m)) for x in theories.values() if x.maps is not None]
        variables["map_gap"] = (("theory", "run", "time"), _of_runs(gap.map_gaps(), shape[:2]))
        variables["map"] = (("source", "run", "time", "mode", "other_mode"), np.stack(maps))
    if gap.scatter is not None:
        variables["scatter"] = (("time", "mode"), gap.scatter)
    coordinates = {
        **_times_and_runs(run),
        "source": ["measured", *theories],
        "theory": list(theories),
        "cause": list(causes),
        "mode": np.arange(1, shape[2] + 1),
        "other_mode": np.arange(1, shape[2] + 1),
    }
    return xarray.Dataset(variables, coordinates, {**_configuration(run), "paper_strength": gap.paper_strength})


def run_dataset(run: Run) -> xarray.Dataset:
    """Return what `Run.to_xarray` does."""
    import xarray

    data = run.data
    variables: dict[str, object] = {
        "mode_strength": (("run", "time", "mode"), run.mode_strengths),
        "loss": (("run", "time"), run.loss),
        "initial_strength": (("run", "mode"), run.initial_strengths),
        "association_strength": (("mode",), data.modes.s),
    }
    if run.maps is not None:
        variables["map"] = (("run", "time", "mode", "other_mode"), run.maps)
    if run.hidden is not None:
        variables["hidden"] = (("run", "time", "hidden_unit", "item"), run.hidden)
    if run.weights_over_time is not None:
        variables["w21"] = (("run", "time", "hidden_unit", "input"), run.weights_over_time.w21)
        variables["w32"] = (("run", "time", "feature", "hidden_unit"), run.weights_over_time.w32)
    modes = np.arange(1, data.modes.s.size + 1)
    coordinates: dict[str, object] = {**_times_and_runs(run), "mode": modes}
    if run.maps is not None:
        coordinates["other_mode"] = modes
    if run.hidden is not None:
        coordinates["item"] = list(data.items)
    return xarray.Dataset(variables, coordinates, _configuration(run))


def _times_and_runs(run: Run) -> dict[str, object]:
    return {
        "run": np.arange(len(run.status)),
        "epoch": ("time", run.epochs, {"units": "epochs"}),
        "presentation": ("time", run.presentations),
        "status": ("run", list(run.status)),
        "completed": ("run", run.completed),
    }


def _configuration(run: Run) -> dict[str, object]:
    """Return what a run follows from besides its data, in types that files can hold."""
    return {
        "rate": run.rate,
        "update": run.update,
        "order": run.order if isinstance(run.order, str) else run.order.tolist(),
        "hidden_units": run.hidden_units,
        "init": repr(run.init) if isinstance(run.init, Gaussian) else type(run.init).__name__,
        "rng": str(run.rng),
        "route": run.route,
        "reduction": repr(run.reduction),
        "version": version("pylinear-dynamics"),
    }
