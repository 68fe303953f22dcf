"""Recordings that several files of tests share."""

import numpy as np
import pytest

import pylinear as pl

xarray = pytest.importorskip("xarray")
pytest.importorskip("zarr")

RNG = np.random.default_rng(0)
W21, W32 = RNG.normal(scale=0.1, size=(3, 4)), RNG.normal(scale=0.1, size=(5, 3))
DATA = pl.toy()


def simulation(**changes):
    return pl.Simulation(**{"data": DATA, "w21": W21, "w32": W32, "rate": 0.02, "rng": 7, **changes})


def recorded(path, sim, epochs, **options):
    with pl.ZarrRecorder(path, sim, **{"chunk": 4, **options}) as record:
        sim.advance(epochs=epochs, every=2, hook=record)
    return opened(path)


def opened(path):
    return xarray.open_dataset(path, engine="zarr", chunks=None).load()


def change_data(sim):
    sim.data = pl.Dataset(-DATA.outputs, np.eye(4) + 1)
