"""The paper's figures."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pylinear._dataset import toy
from pylinear._figures._learning import CURVES, curves
from pylinear._figures._levels import Levels, levels, sampled_singular_values
from pylinear._figures._matrices import Hierarchy, decomposition, diffuse
from pylinear._figures._table import Table
from pylinear._figures._write import Picture
from pylinear._gap import Gap, gap
from pylinear._initial import Gaussian
from pylinear._train import train
from pylinear._tree import Tree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEATURES = 10_000
RUNS = 10
HIDDEN = 16
SCALE = 1e-3
RATE_TIMES_S1 = 0.05
EPOCHS = 700


def learned_tree(update: Literal["online", "flow"]) -> Gap:
    """Return the gap of ten networks on the paper's data: three levels, binary branching, flip probability 0.1."""
    tree = Tree((2, 2), flip=0.1)
    data = tree.sample(FEATURES, rng=0)
    rate = RATE_TIMES_S1 / float(tree.singular_values(FEATURES)[0])
    run = train(
        data,
        hidden=HIDDEN,
        rate=rate,
        epochs=EPOCHS,
        init=Gaussian(SCALE),
        update=update,
        tol=1e-9,
        runs=RUNS,
        rng=0,
        record=200,
    )
    return gap(run)


class TwoDynamics(NamedTuple):
    """The same networks under the averaged dynamics, which the paper simulates, and online, which it describes."""

    averaged: Gap
    online: Gap

    def table(self) -> Table:
        """Return one row a run, mode and time."""
        return Table(("dynamics", "run", "mode", "epoch", "measured", *CURVES), self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for name, result in zip(self._fields, self, strict=True):
            for row in curves(result):
                yield name, *row


def _two_dynamics() -> TwoDynamics:
    return TwoDynamics(learned_tree("flow"), learned_tree("online"))


def _figure4() -> Hierarchy:
    tree = Tree((2, 2, 2), flip=0.1)
    # A feature whose sign flips once on each level.
    return Hierarchy(tree, diffuse(tree, np.random.default_rng(22)))


def _figure5() -> Levels:
    tree = Tree((2,) * 5, flip=0.1)
    return levels(tree, 200, sampled_singular_values(tree, 200, 20))


def _draw_figure3(plots: ModuleType, both: TwoDynamics, figure: Figure) -> None:
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for above, below, result in zip(*panels, both, strict=True):
        plots.learning_curves(result, above, theories=["paper"]).label_outer()
        plots.learning_curves(result, below, theories=["effective"]).label_outer()


def _draw_figure4(plots: ModuleType, shown: Hierarchy, figure: Figure) -> None:
    tree, analyzers, covariance = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1.3, 1, 1]})
    plots.diffusion(shown.tree, shown.values, tree).set_title("(a) one feature diffuses", loc="left")
    plots.object_analyzers(shown.tree, analyzers).set_title("(b) object analyzers", loc="left")
    plots.covariance(shown.tree, covariance).set_title("(c) covariance", loc="left")


PICTURES = (
    Picture(
        "figure2",
        "the paper's toy set and its modes",
        lambda: toy("centred"),
        lambda plots, data, figure: plots.decomposition(data, figure),
        lambda data: decomposition(data).table(),
        (9.5, 3.8),
    ),
    Picture(
        "figure3",
        "mode strengths of ten networks, averaged and online, under the theory",
        _two_dynamics,
        _draw_figure3,
        TwoDynamics.table,
        (12.5, 8.0),
    ),
    Picture(
        "figure4",
        "a feature on a tree, the tree's object analyzers, the covariance of its items",
        _figure4,
        _draw_figure4,
        Hierarchy.table,
        (13.5, 4.2),
    ),
    Picture(
        "figure5",
        "singular values by level of the tree, in theory and in 20 samples of 200 features",
        _figure5,
        lambda plots, x, figure: plots.singular_values(x.tree, x.n_features, x.samples, figure.subplots()),
        Levels.table,
        (7.0, 4.8),
    ),
)
