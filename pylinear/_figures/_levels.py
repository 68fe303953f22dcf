"""Singular values of hierarchical data, level by level: theory and samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pylinear._check import Floats
from pylinear._figures._matrices import levels_of_modes
from pylinear._figures._table import Table
from pylinear._tree import Tree
from pylinear._tree_statistics import SingularValueStatistics


@dataclass(frozen=True, eq=False)
class Levels:
    """Singular values of data from a tree of D levels and P items.

    Attributes
    ----------
    tree : Tree
        Where the data come from.
    n_features : int
        Number N of features of each sample.
    theory : (D,) float64
        (13), corrected.
    printed : (D,) float64
        (13) as printed.
    expected : SingularValueStatistics or None
        What samples of so many features are expected to show; None where they are too few for a theory of it.
    samples : (R, P) float64
        Singular values of R samples, decreasing: as many for each level as share its value in theory.
    """

    tree: Tree
    n_features: int
    theory: Floats
    printed: Floats
    expected: SingularValueStatistics | None
    samples: Floats

    def band(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation that are expected of single values of each level, (D,); NaN if unknown."""
        if self.expected is None:
            unknown = np.full(self.theory.size, np.nan)
            return unknown, unknown
        # A level whose nodes have one child each has no modes, and no values.
        has_modes = self.tree.multiplicities > 0
        deviation = np.hypot(self.expected.sd, self.expected.spread)
        return np.where(has_modes, self.expected.mean, np.nan), np.where(has_modes, deviation, np.nan)

    def table(self) -> Table:
        """Return one row a mode."""
        columns = ("level", "mode", "theory_13_corrected", "theory_13_printed", "expected_mean", "expected_deviation")
        mean, deviation = self.band()
        samples = tuple(f"sample_{k + 1}" for k in range(len(self.samples)))
        rows = (
            (
                level,
                mode + 1,
                self.theory[level],
                self.printed[level],
                mean[level],
                deviation[level],
                *self.samples[:, mode],
            )
            for mode, level in enumerate(levels_of_modes(self.tree))
        )
        return Table(columns + samples, rows)


def levels(tree: Tree, n_features: int, samples: Floats) -> Levels:
    """Return the singular values of samples of `n_features` features, (R, P), beside the theory's."""
    try:
        expected = tree.singular_value_statistics(n_features)
    except ValueError:  # too few features, which is for the picture to leave out and not to fail upon
        expected = None
    return Levels(tree, n_features, tree.singular_values(n_features), _printed(tree, n_features), expected, samples)


def sampled_singular_values(tree: Tree, n_features: int, n_samples: int) -> Floats:
    """Return the singular values of samples that begin at seed 0, (R, P), decreasing."""
    squares = [np.linalg.eigvalsh(tree.gram(n_features, rng=seed))[::-1] for seed in range(n_samples)]
    return np.sqrt(np.maximum(squares, 0.0))


def _printed(tree: Tree, n_features: int) -> Floats:
    """Return the paper's (13) as it is printed: Delta_l / M_l, once for each k, where Delta_k / M_k is meant."""
    kept = (1 - 2 * np.array(tree.flip)) ** 2
    q = np.append(np.cumprod(kept[::-1])[::-1], 1.0)
    terms = np.diff(q, prepend=0.0) / np.cumprod((1, *tree.branching))
    return np.sqrt(n_features * tree.n_items * np.arange(tree.n_levels, 0, -1) * terms)
