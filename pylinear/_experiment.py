"""The command `pylinear gap`: one experiment from its options to its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pylinear import _check, theory
from pylinear._check import Floats
from pylinear._dataset import Dataset, read_table
from pylinear._figures._gaps import curves_table, gap_table, prediction_table
from pylinear._figures._write import Picture, Say, write_pictures
from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._train import train
from pylinear._tree import Tree

# Hours of training.
_MOST_EPOCHS = 1e9
# A mode this much weaker than the first is not waited for unless asked.
_WEAKEST = 0.05


def measure(options: argparse.Namespace) -> Gap:
    """Return the gap of the experiment that the options describe."""
    data = _data(options)
    s = data.modes.s
    if not s[0] > 0:
        raise ValueError("the table must have a mode to learn; all association strengths are 0")
    rate = 0.05 / float(s[0]) if options.rate is None else _check.real("rate", options.rate, 0.0, above=True)
    hidden = _check.integer("hidden", options.hidden)
    scale = _check.real("scale", options.scale, 1e-100, 1e100)
    epochs = _long_enough(s, hidden * scale**2 / 2, rate) if options.epochs is None else options.epochs
    batch = options.order == "batch"
    run = train(
        data,
        hidden=hidden,
        rate=rate,
        epochs=epochs,
        init=Gaussian(scale),
        update="batch" if batch else "online",
        order="reshuffled" if batch else options.order,
        runs=options.runs,
        rng=options.rng,
        keep=["maps"],
    )
    return gap(run)


def _data(options: argparse.Namespace) -> Dataset:
    if (options.table is None) == (options.tree is None):
        raise ValueError("give either a table or --tree")
    if options.table is not None:
        if options.flip is not None or options.features is not None:
            raise ValueError("--flip and --features belong to --tree; a table has neither")
        return read_table(options.table)
    try:
        branching = [int(part) for part in options.tree.split(",")]
    except ValueError:
        got = _check.show(options.tree)
        raise ValueError(f"--tree must be whole numbers with commas between them; got {got}") from None
    flip = 0.1 if options.flip is None else options.flip
    features = 10_000 if options.features is None else options.features
    return Tree(branching, flip).sample(features, rng=options.rng)


def _long_enough(s: Floats, a0: float, rate: float) -> int:
    """Return the epochs after which all modes but those far weaker than the first are learned."""
    weakest = float(s[s > _WEAKEST * s[0]].min())
    half = float(theory.half_time(weakest, min(a0, weakest / 2), 1 / rate))
    # A late half of the run for what the theory is early by.
    epochs = 1.5 * half + 5 / (weakest * rate)
    if epochs > _MOST_EPOCHS:
        raise ValueError(
            f"at the rate {rate:.3g} learning would take {epochs:.2g} epochs; give --epochs to see less of it"
        )
    return int(np.ceil(epochs))


def write_gap(result: Gap, folder: Path, say: Say) -> list[str]:
    """Write tables and pictures of a gap into `folder`, and return the names of the files."""
    pictures = [
        Picture(
            "curves",
            "mode strengths",
            lambda: result,
            lambda plots, shown, figure: plots.learning_curves(shown, figure.subplots()),
            curves_table,
            (7.0, 4.5),
        ),
        Picture(
            "gap",
            "its causes",
            lambda: result,
            lambda plots, shown, figure: plots.budget(shown, figure.subplots()),
            gap_table,
            (6.0, 4.5),
        ),
    ]
    if result.predicted is not None:
        prediction = Picture(
            "prediction",
            "measured and predicted gap to the flow",
            lambda: result,
            lambda plots, shown, figure: plots.prediction(shown, figure),
            prediction_table,
            (8.0, 6.0),
        )
        pictures.insert(1, prediction)
    return write_pictures(pictures, folder, say)
