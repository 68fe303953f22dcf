"""Singular values of hierarchical data, level by level: theory and samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pylinear._check import Floats
from pylinear._figures._matrices import levels_of_modes
from pylinear._figures._table import Table
from pylinear._tree import Tree


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
    samples : (R, P) float64
        Singular values of R samples, decreasing: as many for each level as share its value in theory.
    """

    tree: Tree
    n_features: int
    theory: Floats
    printed: Floats
    samples: Floats

    def moments(self) -> tuple[Floats, Floats]:
        """Return the samples' mean and standard deviation over all singular values of each level, (D,)."""
        level = levels_of_modes(self.tree)
        of_level = [self.samples[:, level == k] for k in range(self.tree.n_levels)]
        # A level whose nodes have one child each has no modes, and no moments.
        mean = [x.mean() if x.size else np.nan for x in of_level]
        sd = [x.std(ddof=1) if x.size > 1 else np.nan for x in of_level]
        return np.array(mean), np.array(sd)

    def table(self) -> Table:
        """Return one row a mode."""
        columns = ("level", "mode", "theory_13_corrected", "theory_13_printed")
        samples = tuple(f"sample_{k + 1}" for k in range(len(self.samples)))
        rows = (
            (level, mode + 1, self.theory[level], self.printed[level], *self.samples[:, mode])
            for mode, level in enumerate(levels_of_modes(self.tree))
        )
        return Table(columns + samples, rows)


def levels(tree: Tree, n_features: int, samples: Floats) -> Levels:
    """Return the singular values of samples of `n_features` features, (R, P), beside the theory's."""
    return Levels(tree, n_features, tree.singular_values(n_features), _printed(tree, n_features), samples)


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
