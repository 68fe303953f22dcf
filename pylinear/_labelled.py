"""Results with names on their axes. Needs xarray (``pylinear-dynamics[xarray]``), and is the only module that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pylinear._check import Floats

if TYPE_CHECKING:
    import xarray

    from pylinear._gap import Gap


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
        "source": ["measured", *theories],
        "theory": list(theories),
        "cause": list(causes),
        "run": np.arange(shape[0]),
        "mode": np.arange(1, shape[2] + 1),
        "other_mode": np.arange(1, shape[2] + 1),
        "epoch": ("time", run.epochs, {"units": "epochs"}),
        "presentation": ("time", run.presentations),
        "status": ("run", list(run.status)),
    }
    attributes = {
        "rate": run.rate,
        "update": run.update,
        "order": run.order if isinstance(run.order, str) else "given",
        "hidden_units": run.hidden_units,
        "rng": str(run.rng),
        "paper_strength": gap.paper_strength,
    }
    return xarray.Dataset(variables, coordinates, attributes)
