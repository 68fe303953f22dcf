"""What tests of sweeps share: a sweep without its rate and seed, and an executor."""

import pylinear as pl

SAME = {
    "tree": pl.Tree((2, 2), 0.1),
    "features": 200,
    "hidden": 8,
    "epochs": 40,
    "init": pl.Gaussian(0.01),
    "record": 5,
}


class Idle:
    """Stands where nothing is to be computed."""

    def submit(self, function, /, *arguments):
        raise AssertionError("something was computed")
