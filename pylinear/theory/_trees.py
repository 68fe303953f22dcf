"""Trees of any shape, whose features diffuse from the root to the leaves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pylinear import _check, _memory
from pylinear._check import Floats

# The matrix of as many leaves as that would take terabytes.
_MOST_NODES = 2**20


def tree_covariance(parent: Iterable[int], flip: float | Iterable[float]) -> Floats:
    r"""Covariance of the leaves' features, as expected of a tree of any shape.

    Parameters
    ----------
    parent : sequence of n int
        Number of each node's parent, -1 for the root; nodes are numbered from 0, in any order.
    flip : float or sequence of n float
        Probability, between 0 and 0.5, that a feature's sign flips on the branch above each node; the root's is not
        used.

    Returns
    -------
    (P, P) ndarray
        Entry (i, j) belongs to leaves i and j; leaves, the nodes without children, are in the order of their numbers.

    Raises
    ------
    TypeError, ValueError
        If a parent is not a whole number from -1 to n - 1, there is not one root, a node is its own ancestor, or a
        probability is outside its domain.
    MemoryError
        If the matrix would not fit the memory.

    Notes
    -----
    :math:`C_{ij} = \prod_b (1 - 2\epsilon_b)` over the branches b on the path between leaves i and j. For N features
    the expectation of :math:`Y^T Y` is N C, and the association strengths tend to :math:`\sqrt{N \lambda}`, with
    the eigenvalues :math:`\lambda` of C; its eigenvectors are the object analyzers. `pylinear.Dataset.from_gram` makes
    data of N C, which networks learn without any feature being drawn.

    Examples
    --------
    Birds below node 1, a robin (2) and a canary (3), and a salmon (4) on a branch of its own:

    >>> C = tree_covariance(parent=[-1, 0, 1, 1, 0], flip=[0, 0.1, 0.05, 0.05, 0.2])
    >>> C.round(3).tolist()
    [[1.0, 0.81, 0.432], [0.81, 1.0, 0.432], [0.432, 0.432, 1.0]]
    >>> N = 1000
    >>> np.sqrt(N * np.linalg.eigvalsh(C)[::-1]).round(2).tolist()
    [46.24, 25.92, 13.78]
    >>> from pylinear import Dataset
    >>> Dataset.from_gram(N * C, n_features=N).modes.s.round(2).tolist()
    [46.24, 25.92, 13.78]
    """
    parents = _parents_of(parent)
    kept = 1 - 2 * _flips_of(flip, len(parents))
    order = _from_the_root(parents)
    leaves = np.array(order)[~np.isin(order, parents)]
    _memory.require("the covariance of the leaves", 16 * leaves.size**2)
    by_number = np.argsort(leaves)
    return _covariance_in(order, parents, kept, leaves.size)[np.ix_(by_number, by_number)]


def _parents_of(parent: Iterable[int]) -> list[int]:
    """Return the parents as whole numbers, one of them -1."""
    given = _check.sequence("parent", parent, _MOST_NODES, "whole numbers")
    if len(given) > _MOST_NODES:
        raise ValueError(f"parent must name at most {_MOST_NODES} nodes; got more")
    out = [_check.integer(f"parent of node {i}", p, -1, len(given) - 1) for i, p in enumerate(given)]
    roots = [node for node, p in enumerate(out) if p == -1]
    if len(roots) != 1:
        got = f"{len(roots)}, nodes {roots[0]}, {roots[1]}" + ", ..." * (len(roots) > 2) if roots else "none"
        raise ValueError(f"parent must be -1 for one node, the root; got {got}")
    return out


def _flips_of(flip: float | Iterable[float], n_nodes: int) -> Floats:
    """Return the flip probability of the branch above each node."""
    return np.array(_check.flips("flip", flip, n_nodes, "node", "flip of node {}"))


def _from_the_root(parents: list[int]) -> list[int]:
    """Return the nodes, each followed by all that are below it."""
    children: list[list[int]] = [[] for _ in parents]
    for node, up in enumerate(parents):
        if up >= 0:
            children[up].append(node)
    order, waiting = [], [parents.index(-1)]
    while waiting:
        order.append(waiting.pop())
        waiting.extend(children[order[-1]])
    if len(order) < len(parents):
        node = min(set(range(len(parents))) - set(order))
        # As many steps up as there are nodes end on the circle.
        for _ in parents:
            node = parents[node]
        raise ValueError(f"parent must lead from every node to the root; got node {node} as its own ancestor")
    return order


def _covariance_in(order: list[int], parents: list[int], kept: Floats, n_leaves: int) -> Floats:
    """Return the covariance of the leaves as they come in `order`."""
    out = np.eye(n_leaves)
    # The leaves below a node are neighbours, from first[node] up to last[node], as far as the walk back has met them.
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    # The product of the branches between each leaf and the node below which the walk is.
    above = np.ones(n_leaves)
    met = n_leaves
    for node in order[:0:-1]:
        if node not in last:
            first[node], last[node] = met - 1, met
            met -= 1
        up, here = parents[node], slice(first[node], last[node])
        above[here] *= kept[node]
        siblings = slice(last[node], last.setdefault(up, last[node]))
        np.multiply.outer(above[here], above[siblings], out=out[here, siblings])
        out[siblings, here] = out[here, siblings].T
        first[up] = first[node]
    return out
