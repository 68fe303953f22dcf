"""Results with names on their axes. What makes a Dataset of them needs xarray (``pylinear-dynamics[xarray]``)."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _memory
from pylinear._check import Floats
from pylinear._initial import Gaussian

if TYPE_CHECKING:
    import xarray

    from pylinear._gap import Gap
    from pylinear._run import Run
    from pylinear._tasks import Result, SweepTask


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
    return xarray.Dataset(variables, coordinates, {**configuration(run), "paper_strength": gap.paper_strength})


# The axes of everything that is recorded of a run.
AXES = {
    "mode_strength": ("run", "time", "mode"),
    "loss": ("run", "time"),
    "initial_strength": ("run", "mode"),
    "association_strength": ("mode",),
    "map": ("run", "time", "mode", "other_mode"),
    "hidden": ("run", "time", "hidden_unit", "item"),
    "w21": ("run", "time", "hidden_unit", "input"),
    "w32": ("run", "time", "feature", "hidden_unit"),
    "epoch": ("time",),
    "presentation": ("time",),
    "completed": ("run",),
    "status": ("run",),
}


def recorded(run: Run) -> dict[str, NDArray[Any]]:
    """Return everything that was recorded, and when, in numbers; `AXES` has the names of its axes."""
    arrays: dict[str, NDArray[Any]] = {
        "mode_strength": run.mode_strengths,
        "loss": run.loss,
        "initial_strength": run.initial_strengths,
        "association_strength": run.data.modes.s,
        "epoch": run.epochs,
        "presentation": run.presentations,
        "completed": run.completed,
    }
    if run.maps is not None:
        arrays["map"] = run.maps
    if run.hidden is not None:
        arrays["hidden"] = run.hidden
    if run.weights_over_time is not None:
        arrays["w21"], arrays["w32"] = run.weights_over_time
    return arrays


def run_dataset(run: Run) -> xarray.Dataset:
    """Return what `Run.to_xarray` does."""
    import xarray

    modes = np.arange(1, run.data.modes.s.size + 1)
    coordinates: dict[str, object] = {**_times_and_runs(run), "mode": modes}
    if run.maps is not None:
        coordinates["other_mode"] = modes
    if run.hidden is not None:
        coordinates["item"] = list(run.data.items)
    variables = {name: (AXES[name], array) for name, array in recorded(run).items() if name not in coordinates}
    return xarray.Dataset(variables, coordinates, configuration(run))


def _times_and_runs(run: Run) -> dict[str, object]:
    return {
        "run": np.arange(len(run.status)),
        "epoch": ("time", run.epochs, {"units": "epochs"}),
        "presentation": ("time", run.presentations),
        "status": ("run", list(run.status)),
        "completed": ("run", run.completed),
    }


def configuration(run: Run) -> dict[str, object]:
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


def sweep_dataset(
    axes: Mapping[str, Sequence[object]], tasks: Sequence[SweepTask], results: Sequence[Result]
) -> xarray.Dataset:
    """Return the results of a sweep's tasks, which vary along `axes`, the last fastest."""
    import xarray

    shape = tuple(len(labels) for labels in axes.values())
    columns = {name: [x.arrays[name] for x in results] for name in results[0].arrays}
    columns["status"] = [np.array(x.status) for x in results]
    once: dict[str, object] = {}
    for name in ("epoch", "presentation"):
        first = columns[name][0]
        if all(np.array_equal(x, first) for x in columns[name]):
            once[name] = ("time", first)
            del columns[name]
    variables = {name: ((*axes, *AXES[name]), _together(x, shape)) for name, x in columns.items()}
    counts = dict(zip((*axes, *AXES["mode_strength"]), variables["mode_strength"][1].shape, strict=True))
    labels = {name: coordinate(x) for name, x in axes.items()}
    coordinates = {**labels, **once, "run": np.arange(counts["run"]), "mode": np.arange(1, counts["mode"] + 1)}
    if "map" in columns:
        coordinates["other_mode"] = coordinates["mode"]
    same = {
        name: value
        for name, value in tasks[0].configuration.items()
        if all(task.configuration[name] == value for task in tasks)
    }
    plain = {
        name: x if isinstance(x, int | float | str) and x is not False else json.dumps(x) for name, x in same.items()
    }
    return xarray.Dataset(variables, coordinates, {**plain, "version": version("pylinear-dynamics")})


def coordinate(labels: Sequence[Any]) -> NDArray[Any]:
    """Return labels as an array in which each is found by its value; whole numbers beyond 64 bits as texts."""
    if all(isinstance(x, numbers.Integral) for x in labels):
        # numpy alone would make floats of those that need an unsigned type together with any others.
        for dtype in (np.int64, np.uint64):
            if all(np.iinfo(dtype).min <= x <= np.iinfo(dtype).max for x in labels):
                return np.array(labels, dtype)
        return np.array([str(x) for x in labels])
    if all(isinstance(x, numbers.Real) for x in labels):
        return np.array(labels, np.float64)
    return np.array(labels)


def _together(arrays: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return arrays as one, with NaN or "" where one is smaller than the largest."""
    size = tuple(max(lengths) for lengths in zip(*(x.shape for x in arrays), strict=True))
    dtype = np.result_type(*arrays)
    if dtype.kind == "i" and any(x.shape != size for x in arrays):
        dtype = np.dtype(np.float64)
    _memory.require("the results of the sweep", len(arrays) * math.prod(size) * dtype.itemsize)
    out = np.full((len(arrays), *size), "" if dtype.kind == "U" else np.nan if dtype.kind == "f" else 0, dtype)
    for place, array in zip(out, arrays, strict=True):
        place[tuple(slice(n) for n in array.shape)] = array
    return out.reshape(*shape, *size)
