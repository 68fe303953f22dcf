"""Datasets and trees as matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._figures._table import Table
from pylinear._tree import Tree


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Sigma_yx = U S V^T with the modes that have a strength, K of them.

    Attributes
    ----------
    features, inputs : tuple of str
        Names of the rows of Sigma_yx, N3, and of its columns, N1.
    sigma_yx : (N3, N1)
        Input-output correlations.
    u, s, v : (N3, K), (K,) and (N1, K)
        Feature synthesizers, association strengths, object analyzers.
    shared : tuple of range
        Blocks of several modes that share one strength.
    """

    features: tuple[str, ...]
    inputs: tuple[str, ...]
    sigma_yx: Floats
    u: Floats
    s: Floats
    v: Floats
    shared: tuple[range, ...]

    def table(self) -> Table:
        """Return all entries of all four matrices, one a row."""
        modes = tuple(f"mode {k + 1}" for k in range(self.s.size))
        parts = (
            ("Sigma_yx", self.features, self.inputs, self.sigma_yx),
            ("U", self.features, modes, self.u),
            ("S", modes, modes, np.diag(self.s)),
            ("V^T", modes, self.inputs, self.v.T),
        )
        rows = (
            (name, rows[i], columns[j], values[i, j])
            for name, rows, columns, values in parts
            for i, j in np.ndindex(values.shape)
        )
        return Table(("matrix", "row", "column", "value"), rows)


def decomposition(data: Dataset) -> Decomposition:
    """Return the decomposition of a dataset."""
    modes = data.modes
    k = modes.rank
    return Decomposition(
        features=data.features,
        inputs=data.items if data.one_hot else tuple(f"input {i + 1}" for i in range(data.n_inputs)),
        sigma_yx=data.sigma_yx,
        u=modes.u[:, :k],
        s=modes.s[:k],
        v=modes.v[:, :k],
        shared=tuple(block for block in modes.blocks if len(block) > 1 and block.stop <= k),
    )


def diffuse(tree: Tree, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """Return one feature on its way down a tree: +1 or -1 for every node, one array a level."""
    values = [rng.choice([-1, 1], size=1)]
    for children, flip in zip(tree.branching, tree.flip, strict=True):
        handed_down = np.repeat(values[-1], children)
        values.append(np.where(rng.random(handed_down.size) < flip, -handed_down, handed_down))
    return tuple(values)


def levels_of_modes(tree: Tree) -> NDArray[np.int64]:
    """Return the level whose singular value each mode has, (P,): its index in `Tree.singular_values`.

    The items that a mode of level l >= 1 tells apart meet at level l - 1; the mode of level 0 is the same for all.
    """
    return np.repeat(np.arange(tree.n_levels), tree.multiplicities)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A tree with one feature that diffused down it, and the statistics of all features."""

    tree: Tree
    values: tuple[NDArray[np.int64], ...]

    def table(self) -> Table:
        """Return the values of the nodes and the entries of both matrices, one a row."""
        return Table(("part", "row", "column", "value", "pairs_meet_at_level"), self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for level, values in enumerate(self.values):
            for node, value in enumerate(values):
                yield "diffusion", f"level {level}", f"node {node + 1}", value, ""
        for mode, level in enumerate(levels_of_modes(self.tree)):
            for item, value in enumerate(self.tree.object_analyzers[:, mode]):
                yield "object analyzers", f"mode {mode + 1}", f"item {item + 1}", value, level - 1 if level else ""
        for (i, j), value in np.ndenumerate(self.tree.covariance):
            yield "covariance", f"item {i + 1}", f"item {j + 1}", value, ""
