"""What the command line writes of trainings and sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from pylinear import _files
from pylinear._figures._table import Table, write_rows, write_table
from pylinear._labelled import configuration, recorded
from pylinear._run import Run

if TYPE_CHECKING:
    import xarray

_LARGEST_INTEGER = 2**31 - 1  # of netCDF's first format, which scipy writes
_LARGEST_EXACT = 2**53  # of whole numbers, in floats


def print_strengths(run: Run, file: TextIO) -> None:
    """Write a run's mode strengths as CSV."""
    write_rows(_strengths(run), file)


def write_run(run: Run, folder: Path) -> list[str]:
    """Write run.npz, mode_strengths.csv and loss.csv; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    header = {"configuration": configuration(run), "status": list(run.status)}
    _files.write(folder / "run.npz", "run", header, recorded(run))
    losses = ((k + 1, run.epochs[t], run.loss[k, t]) for k, t in np.ndindex(run.loss.shape))
    write_table(_strengths(run), folder / "mode_strengths.csv")
    write_table(Table(("run", "epoch", "loss"), losses), folder / "loss.csv")
    return ["run.npz", "mode_strengths.csv", "loss.csv"]


def _strengths(run: Run) -> Table:
    a = run.mode_strengths
    rows = ((k + 1, run.epochs[t], mode + 1, a[k, t, mode]) for k, t, mode in np.ndindex(a.shape))
    return Table(("run", "epoch", "mode", "strength"), rows)


def write_sweep(result: xarray.Dataset, folder: Path) -> list[str]:
    """Write mode_strengths.csv, loss.csv and sweep.nc; return their names."""
    varied = [str(name) for name in result.status.dims[:-1]]
    columns = *varied, "run", "epoch"
    write_table(
        Table((*columns, "mode", "strength"), _rows(result, "mode_strength", varied)), folder / "mode_strengths.csv"
    )
    write_table(Table((*columns, "loss"), _rows(result, "loss", varied)), folder / "loss.csv")
    _files.write_bytes(folder / "sweep.nc", bytes(_plain(result).to_netcdf(engine="scipy")))
    return ["mode_strengths.csv", "loss.csv", "sweep.nc"]


def _rows(result: xarray.Dataset, name: str, varied: list[str]) -> Iterator[tuple[object, ...]]:
    """Yield the values of a variable with their places; what a task has not is left out."""
    values = result[name].values
    epochs = result.epoch.broadcast_like(result.loss).values
    labels = list(product(*(result[x].values.tolist() for x in varied)))
    values = values.reshape(len(labels), *values.shape[len(varied) :])
    epochs = epochs.reshape(len(labels), *epochs.shape[len(varied) :])
    for i, k, t, *mode in np.argwhere(~np.isnan(values)).tolist():
        yield *labels[i], k + 1, epochs[i, k, t], *(x + 1 for x in mode), values[(i, k, t, *mode)]


def _plain(result: xarray.Dataset) -> xarray.Dataset:
    """Return the same with large whole numbers as floats, and as text where floats or attributes would lose some."""
    largest = {name: int(np.abs(x).max()) for name, x in result.variables.items() if x.dtype.kind in "iu"}
    labels = {name for name in result.dims if largest.get(name, 0) > _LARGEST_EXACT}
    texts = {
        name: result[name].astype(str) for name, x in result.variables.items() if x.dtype.kind == "O" or name in labels
    }
    floats = {
        name: result[name].astype(np.float64)
        for name, x in largest.items()
        if x > _LARGEST_INTEGER and name not in labels
    }
    attributes = {
        name: str(x) if isinstance(x, int) and abs(x) > _LARGEST_INTEGER else x for name, x in result.attrs.items()
    }
    return result.assign(floats).assign_coords(texts).assign_attrs(attributes)
