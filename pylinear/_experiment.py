"""The commands `pylinear train` and `pylinear gap`: one experiment, from its options or its file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pylinear import _check, theory
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._experiment_file import FEATURES, FLIP, RNG, read
from pylinear._figures._gaps import curves_table, gap_table, prediction_table
from pylinear._figures._write import Picture, Say, write_pictures
from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._read_table import read_table
from pylinear._run import Run
from pylinear._train import train
from pylinear._tree import Tree

# Hours of training.
_MOST_EPOCHS = 1e9
# A mode this much weaker than the first is not waited for unless asked.
_WEAKEST = 0.05
# Where the options do not say otherwise.
DEFAULTS = {
    "flip": FLIP,
    "features": FEATURES,
    "hidden": 16,
    "scale": 1e-3,
    "order": "reshuffled",
    "runs": 10,
    "rng": RNG,
}
_OPTIONS = ("tree", *DEFAULTS, "rate", "epochs")


def learned(options: argparse.Namespace, **more: Any) -> Run:
    """Return the training that the options describe, or the file that they name; `more` are arguments of `train`.

    The folder of a `checkpoint` is made.
    """
    if options.table is not None and options.table.suffix.lower() == ".toml":
        return _by_file(options, more)
    _check_source(options)
    given = {name: value for name, value in vars(options).items() if value is not None}
    chosen = argparse.Namespace(**{**vars(options), **DEFAULTS, **given})
    data = _data(chosen)
    s = data.modes.s
    if not s[0] > 0:
        raise ValueError("the table must have a mode to learn; all association strengths are 0")
    rate = 0.05 / float(s[0]) if chosen.rate is None else _check.real("rate", chosen.rate, 0.0, above=True)
    hidden = _check.integer("hidden", chosen.hidden)
    scale = _check.real("scale", chosen.scale, 1e-100, 1e100)
    batch = chosen.order == "batch"
    _make_folder_of(more)
    return train(
        data,
        hidden=hidden,
        rate=rate,
        epochs=_long_enough(s, hidden * scale**2 / 2, rate) if chosen.epochs is None else chosen.epochs,
        init=Gaussian(scale),
        update="batch" if batch else "online",
        order="reshuffled" if batch else chosen.order,
        runs=chosen.runs,
        rng=chosen.rng,
        **more,
    )


def _by_file(options: argparse.Namespace, more: Mapping[str, Any]) -> Run:
    extra = [name for name in _OPTIONS if getattr(options, name) is not None]
    if extra:
        raise ValueError(f"--{extra[0]} must be left out beside {options.table}, which says it all")
    experiment = read(options.table)
    _make_folder_of(more)
    return experiment.train(**more)


def _make_folder_of(more: Mapping[str, Any]) -> None:
    if "checkpoint" in more:
        more["checkpoint"].parent.mkdir(parents=True, exist_ok=True)


def measure(options: argparse.Namespace) -> Gap:
    """Return the gap of the experiment that the options describe."""
    return gap(learned(options, keep=["maps"]))


def _check_source(options: argparse.Namespace) -> None:
    if (options.table is None) == (options.tree is None):
        raise ValueError("give either a table or --tree")
    if options.table is not None and (options.flip is not None or options.features is not None):
        raise ValueError("--flip and --features belong to --tree; a table has neither")


def _data(chosen: argparse.Namespace) -> Dataset:
    if chosen.table is not None:
        return read_table(chosen.table)
    try:
        branching = [int(part) for part in chosen.tree.split(",")]
    except ValueError:
        got = _check.show(chosen.tree)
        raise ValueError(f"--tree must be whole numbers with commas between them; got {got}") from None
    features = _check.integer("features", chosen.features)
    try:
        tree = Tree(branching, chosen.flip)
    except ValueError as error:
        raise ValueError(f"--tree {chosen.tree}: {error}" if str(error).startswith("branching") else error) from None
    return tree.sample(features, rng=chosen.rng)


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
