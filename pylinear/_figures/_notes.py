"""The pictures of notes on the theory: the plane of one mode, representations, stages."""

from __future__ import annotations

import numpy as np

from pylinear._dataset import Dataset, toy
from pylinear._figures._hidden import trajectories
from pylinear._figures._learning import depth, stages
from pylinear._figures._phase import phase
from pylinear._figures._write import Picture
from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._run import Run
from pylinear._train import train

# Strengths that lie far enough apart for every mode to be learned before the next one moves.
_STRENGTHS = (4.0, 3.0, 2.0, 1.0)


def seven_properties() -> Dataset:
    """Return four items that share properties at three levels: s^2 = 7, 3, 1, 1."""
    has = {
        "grow": (1, 1, 1, 1),
        "move": (1, 1, 0, 0),
        "have roots": (0, 0, 1, 1),
        "fly": (1, 0, 0, 0),
        "swim": (0, 1, 0, 0),
        "have leaves": (0, 0, 1, 0),
        "have petals": (0, 0, 0, 1),
    }
    return Dataset(list(has.values()), items=["Canary", "Salmon", "Oak", "Rose"], features=list(has))


def _separated() -> Gap:
    # The columns of a Hadamard matrix, as object analyzers that involve all items alike.
    pair = np.array([[1.0, 1.0], [1.0, -1.0]])
    outputs = np.diag(_STRENGTHS) @ np.kron(pair, pair) / 2
    return gap(train(Dataset(outputs), hidden=64, rate=0.005, epochs=3600, init=Gaussian(1e-7), rng=0, record=401))


def _seven_learned() -> Gap:
    return gap(train(seven_properties(), hidden=64, rate=0.01, epochs=1200, init=Gaussian(1e-4), rng=0, record=241))


def _differentiation() -> Run:
    # Weights so small that animals and plants lie well apart before birds and fish do.
    return train(toy(), hidden=64, rate=0.02, epochs=1000, init=Gaussian(1e-7), rng=0, record=501, keep=["hidden"])


PICTURES = (
    Picture(
        "phase_portrait",
        "one mode in the plane of its strengths in either layer",
        lambda: 1.0,
        lambda plots, s, figure: plots.phase_portrait(s, figure.subplots()),
        lambda s: phase(s).table(),
        (6.5, 7.2),
    ),
    Picture(
        "hidden_trajectories",
        "hidden representations of four items as they differentiate",
        _differentiation,
        lambda plots, run, figure: plots.hidden_trajectories(run, figure.subplots()),
        lambda run: trajectories(run, 0).table(),
        (6.5, 5.5),
    ),
    Picture(
        "stepwise",
        "four modes learned one after the other",
        _separated,
        lambda plots, result, figure: plots.stepwise(result, figure),
        lambda result: stages(result, 0).table(),
        (7.5, 5.2),
    ),
    Picture(
        "deep_against_shallow",
        "the same data learned with a hidden layer and without",
        _seven_learned,
        lambda plots, result, figure: plots.deep_against_shallow(result, figure),
        lambda result: depth(result, 0).table(),
        (8.5, 5.0),
    ),
)
