"""What tests of sweeps share: a sweep without its rate and seed, and executors."""

from concurrent.futures import Future

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


class Serial:
    """Computes at once, and counts."""

    def __init__(self):
        self.calls = 0

    def submit(self, function, /, *arguments):
        self.calls += 1
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future
