"""What the tests of pictures draw, and how they read what was drawn."""

from functools import cache

import matplotlib as mpl
import numpy as np

import pylinear as pl

mpl.use("Agg")

TREE = pl.Tree((2, 2, 2), 0.1)
FEATURE = [[1], [1, -1], [1, 1, -1, -1], [1, -1, 1, 1, 1, -1, -1, -1]]
SAMPLES = np.sort(np.random.default_rng(0).uniform(1, 30, (3, 8)))[:, ::-1]


@cache
def tree_gap():
    data = pl.Tree((2, 2), 0.1).sample(300, rng=0)
    return pl.gap(pl.train(data, hidden=8, rate=1e-3, epochs=600, runs=3, rng=0, init=pl.Gaussian(1e-2)))


@cache
def balanced_run():
    """The flow of balanced weights, for which (10) is exact."""
    data = pl.Dataset(
        np.diag([4.0, 3.0, 2.0, 1.0]) @ np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0],
        items=["Canary", "Salmon", "Oak", "Rose"],
    )
    arguments = {"hidden": 6, "rate": 0.01, "epochs": 1500, "init": pl.Balanced(1e-4), "rng": 0}
    return pl.train(data, update="flow", tol=1e-9, record=601, keep=["hidden"], **arguments)


@cache
def cyclic_orders():
    weights = pl.Gaussian(0.1).draw(pl.toy(), hidden=8, rng=0)
    runs = [
        pl.train(pl.toy(), hidden=8, rate=rate, epochs=8 / rate, init=weights, order="cyclic")
        for rate in (0.01, 0.02, 0.04)
    ]
    return pl.gap_order(runs)


def texts(artists):
    return [x.get_text() for x in artists]


def image(ax):
    (picture,) = ax.get_images()
    return np.asarray(picture.get_array())


def labelled(ax, label):
    (line,) = [x for x in ax.get_lines() if x.get_label() == label]
    return line
