"""The command `pylinear gap`: one experiment from its options to its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pylinear import _check, theory
from pylinear._check import Floats
from pylinear._dataset import Dataset, read_table
from pylinear._figures._gaps import (
    curves_table,
    draw_budget,
    draw_curves,
    draw_prediction,
    gap_table,
    prediction_table,
)
from pylinear._figures._write import Picture, Say, write_pictures
from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._train import train
from pylinear._tree import Tree

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
    scale = _check.real("scale", options.scale, 0.0, above=True)
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
        return read_table(options.table)
    try:
        branching = [int(part) for part in options.tree.split(",")]
    except ValueError:
        raise ValueError(f"--tree must be whole numbers with commas between them; got {options.tree!r}") from None
    return Tree(branching, options.flip).sample(options.features, rng=options.rng)


def _long_enough(s: Floats, a0: float, rate: float) -> int:
    """Return the epochs after which all modes but those far weaker than the first are learned."""
    weakest = float(s[s > _WEAKEST * s[0]].min())
    half = float(theory.half_time(weakest, min(a0, weakest / 2), 1 / rate))
    # A late half of the run for what the theory is early by.
    return int(np.ceil(1.5 * half + 5 / (weakest * rate)))


def write_gap(result: Gap, folder: Path, say: Say) -> list[str]:
    """Write tables and pictures of a gap into `folder`, and return the names of the files."""
    pictures = [Picture("curves", "mode strengths", lambda: result, draw_curves, curves_table, (7.0, 4.5))]
    if result.predicted is not None:
        columns = "measured and predicted gap to the flow"
        pictures.append(Picture("prediction", columns, lambda: result, draw_prediction, prediction_table, (8.0, 6.0)))
    pictures.append(Picture("gap", "its causes", lambda: result, draw_budget, gap_table, (6.0, 4.5)))
    return write_pictures(pictures, folder, say)
