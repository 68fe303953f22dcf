from itertools import combinations

import numpy as np
import pytest

import pylinear as pl
from pylinear import theory

# The root is node 4; nodes 5 and 8 have an only child, and leaves hang at depths from 1 to 4.
IRREGULAR = [4, 5, 0, 0, -1, 4, 4, 8, 5, 0, 1]
FLIPS = [0.1, 0.05, 0.2, 0.3, 0.0, 0.15, 0.4, 0.02, 0.25, 0.12, 0.07]


def ancestors(parent, node):
    """The node and all above it but the root."""
    out = set()
    while parent[node] >= 0:
        out.add(node)
        node = parent[node]
    return out


def leaves_of(parent):
    return [node for node in range(len(parent)) if node not in set(parent)]


def by_paths(parent, flip):
    leaves = leaves_of(parent)
    out = np.eye(len(leaves))
    for i, j in combinations(range(len(leaves)), 2):
        branches = ancestors(parent, leaves[i]) ^ ancestors(parent, leaves[j])
        out[i, j] = out[j, i] = np.prod([1 - 2 * flip[node] for node in branches])
    return out


def diffused(parent, flip, n_features, rng):
    """Features of the leaves, (N, P), drawn node by node."""
    values = {parent.index(-1): rng.choice([-1, 1], n_features)}
    while len(values) < len(parent):
        for node, up in enumerate(parent):
            if up in values and node not in values:
                values[node] = np.where(rng.random(n_features) < flip[node], -values[up], values[up])
    return np.stack([values[leaf] for leaf in leaves_of(parent)], axis=1)


def regular(branching, flip):
    """Parents and flips of a regular tree's nodes, level by level."""
    parent, flips, last = [-1], [0.0], [0]
    for children, e in zip(branching, flip, strict=True):
        last = [(len(parent) + i, up) for i, up in enumerate(up for up in last for _ in range(children))]
        parent += [up for _, up in last]
        flips += [e] * len(last)
        last = [node for node, _ in last]
    return parent, flips


def test_three_leaves_by_hand():
    #      0
    #     / \
    #    1   4      salmon
    #   / \
    #  2   3        robin, canary
    C = theory.tree_covariance([-1, 0, 1, 1, 0], [0.5, 0.1, 0.05, 0.03, 0.2])
    robin_canary, robin_salmon, canary_salmon = 0.9 * 0.94, 0.9 * 0.8 * 0.6, 0.94 * 0.8 * 0.6
    expected = [[1, robin_canary, robin_salmon], [robin_canary, 1, canary_salmon], [robin_salmon, canary_salmon, 1]]
    np.testing.assert_allclose(C, expected, rtol=1e-15)


@pytest.mark.parametrize("shape", [((2, 2), (0.1, 0.1)), ((3, 2, 4), (0.2, 0.05, 0.3)), ((5,), (0.3,))], ids=str)
def test_regular_trees(shape):
    tree = pl.Tree(*shape)
    parent, flip = regular(*shape)
    np.testing.assert_allclose(theory.tree_covariance(parent, flip), tree.covariance, rtol=1e-14)
    if len(set(tree.flip)) == 1:
        np.testing.assert_allclose(theory.tree_covariance(parent, tree.flip[0]), tree.covariance, rtol=1e-14)


def test_nodes_in_any_order():
    parent, flip = regular((3, 2, 2), (0.2, 0.05, 0.3))
    C = theory.tree_covariance(parent, flip)
    for seed in range(5):
        number = np.random.default_rng(seed).permutation(len(parent))
        shuffled, flips = np.empty_like(number), np.empty(len(parent))
        shuffled[number] = [-1 if up < 0 else number[up] for up in parent]
        flips[number] = flip
        leaves = np.argsort(number[-12:])
        np.testing.assert_allclose(theory.tree_covariance(shuffled, flips), C[np.ix_(leaves, leaves)], rtol=1e-14)


def test_irregular_tree_against_paths_and_diffusion():
    C = theory.tree_covariance(IRREGULAR, FLIPS)
    np.testing.assert_allclose(C, by_paths(IRREGULAR, FLIPS), rtol=1e-14)
    n_features = 100_000
    outputs = diffused(IRREGULAR, FLIPS, n_features, np.random.default_rng(1))
    # 15 pairs at five standard deviations: a false alarm once in 100,000 seeds.
    pairs = np.triu_indices(len(C), 1)
    z = (outputs.T @ outputs / n_features - C)[pairs] / np.sqrt((1 - C[pairs] ** 2) / n_features)
    assert len(z) == 15
    assert np.abs(z).max() < 5


@pytest.mark.parametrize("seed", range(10))
def test_random_trees_against_paths(seed):
    rng = np.random.default_rng(seed)
    parent = [-1, *(int(rng.integers(node)) for node in range(1, 60))]
    flip = rng.uniform(0, 0.5, 60)
    flip[rng.integers(60, size=5)] = 0.5
    np.testing.assert_allclose(theory.tree_covariance(parent, flip), by_paths(parent, flip), rtol=1e-13)


def test_association_strengths_of_samples():
    # One sample of 100,000 features; the scatter of an isolated strength is of order 1 / sqrt(N) of itself.
    n_features = 100_000
    C = theory.tree_covariance(IRREGULAR, FLIPS)
    predicted = np.sqrt(n_features * np.linalg.eigvalsh(C)[::-1])
    data = pl.Dataset(diffused(IRREGULAR, FLIPS, n_features, np.random.default_rng(2)))
    np.testing.assert_allclose(data.modes.s, predicted, rtol=5 / np.sqrt(n_features))
    exact = pl.Dataset.from_gram(n_features * C, n_features=n_features)
    np.testing.assert_allclose(exact.modes.s, predicted, rtol=1e-9)


def test_a_tree_of_one_node_and_chains():
    assert theory.tree_covariance([-1], 0.1).tolist() == [[1.0]]
    assert theory.tree_covariance([-1, 0, 1], 0.1).tolist() == [[1.0]]
    assert theory.tree_covariance([2, 2, -1], 0.5).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    np.testing.assert_allclose(theory.tree_covariance([2, 2, -1], [0.0, 0.0, 0.3]), np.ones((2, 2)))


def test_deep_trees():
    # A spine of 30,000 nodes with a leaf on every thousandth: leaves k and l are |k - l| thousand and two apart.
    length, flip = 30_000, 1e-5
    spine = list(range(-1, length - 1))
    C = theory.tree_covariance([*spine, *range(0, length, 1000)], flip)
    # The end of the spine is a leaf as well, of the lowest number.
    steps = 1000 * np.abs(np.subtract.outer(np.arange(30), np.arange(30))) + 2
    np.fill_diagonal(steps, 0)
    np.testing.assert_allclose(C[1:, 1:], (1 - 2 * flip) ** steps, rtol=1e-10)
    np.testing.assert_allclose(C[0, 1:], (1 - 2 * flip) ** (length - 1 - 1000 * np.arange(30) + 1), rtol=1e-10)


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ([-1, 0, 3], "parent of node 2 must be a whole number from -1 to 2; got 3"),
        ([-1, -2], "parent of node 1 must be a whole number from -1 to 1; got -2"),
        ([-1, 0, -1, 0], "parent must be -1 for one node, the root; got 2, nodes 0, 2$"),
        ([-1, -1, -1], "got 3, nodes 0, 1, ...$"),
        ([1, 0], "parent must be -1 for one node, the root; got none"),
        ([], "parent must be -1 for one node, the root; got none"),
        ([-1, 1], "got node 1 as its own ancestor"),
        # Node 1 hangs from the circle of 2, 3 and 4.
        ([-1, 2, 3, 4, 2], "parent must lead from every node to the root; got node [234] as its own ancestor"),
    ],
)
def test_what_is_no_tree_is_refused(parent, message):
    with pytest.raises(ValueError, match=message):
        theory.tree_covariance(parent, 0.1)


def test_flips_outside_their_domain_are_refused():
    with pytest.raises(ValueError, match=r"flip must be between 0 and 0.5; got 0.7"):
        theory.tree_covariance([-1, 0], 0.7)
    with pytest.raises(ValueError, match=r"flip of node 1 must be between 0 and 0.5; got -0.1"):
        theory.tree_covariance([-1, 0], [0.1, -0.1])
    with pytest.raises(ValueError, match="flip must be one number or 2, one per node; got 3"):
        theory.tree_covariance([-1, 0], [0.1, 0.1, 0.1])
