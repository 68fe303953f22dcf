import math
from itertools import product

import numpy as np
import pytest

import pylinear as pl
from pylinear._tree_statistics import second_moments

FIGURE_5 = ((2,) * 5, 0.1)


def cuts(tree):
    """Where one level's modes end and the next one's begin."""
    return np.cumsum(tree.multiplicities)[:-1]


def parents_by_level(branching):
    """The parent of every node but the root, numbered level by level, and the flips' level of each."""
    parents, levels, start = [], [], 0
    for level, (above, children) in enumerate(zip(np.cumprod((1, *branching)), branching, strict=False)):
        parents += [start + node for node in range(above) for _ in range(children)]
        levels += [level] * (above * children)
        start += int(above)
    return parents, levels


def moments_by_enumeration(tree):
    """E[e_l e_m] as a sum over all patterns of flips on the branches."""
    parents, levels = parents_by_level(tree.branching)
    out = np.zeros((tree.n_levels,) * 2)
    for pattern in product((False, True), repeat=len(parents)):
        probability, values = 1.0, [1]
        for parent, level, flipped in zip(parents, levels, pattern, strict=True):
            probability *= tree.flip[level] if flipped else 1 - tree.flip[level]
            values.append(-values[parent] if flipped else values[parent])
        parts = np.split(tree.object_analyzers.T @ np.array(values[-tree.n_items :]), cuts(tree))
        powers = np.array([np.sum(part**2) for part in parts])
        out += probability * np.outer(powers, powers)
    return out


def moments_by_fourfold_products(tree):
    """E[e_l e_m] from E[y_i y_j y_k y_l]: 1 - 2 flip for each branch with an odd number of the four below it."""
    fourfold = np.ones((tree.n_items,) * 4)
    for flip, nodes in zip(tree.flip, np.cumprod(tree.branching), strict=True):
        for node in range(nodes):
            below = np.arange(tree.n_items) * nodes // tree.n_items == node
            pairs = below[:, None] ^ below
            fourfold *= np.where(pairs[:, :, None, None] ^ pairs, 1 - 2 * flip, 1.0)
    projectors = [v @ v.T for v in np.split(tree.object_analyzers, cuts(tree), axis=1)]
    return np.einsum("aij,bkl,ijkl->ab", projectors, projectors, fourfold, optimize=True)


@pytest.mark.parametrize(
    "shape",
    [
        ((2, 2), 0.1),
        ((4, 2), (0.1, 0.3)),
        ((2, 4), (0.0, 0.1)),
        ((3, 2), (0.5, 0.05)),
        ((2, 1, 3), (0.1, 0.2, 0.3)),
        ((2, 2), (0.1, 0.0)),
        ((5,), 0.3),
    ],
    ids=str,
)
def test_second_moments_are_those_of_all_patterns_of_flips(shape):
    tree = pl.Tree(*shape)
    np.testing.assert_allclose(
        second_moments(tree.branching, tree.flip), moments_by_enumeration(tree), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("shape", [((2, 2, 2, 2), 0.1), ((3, 2, 4), (0.2, 0.05, 0.3)), ((4, 5), 0.15)], ids=str)
def test_second_moments_are_those_of_fourfold_products(shape):
    tree = pl.Tree(*shape)
    np.testing.assert_allclose(
        second_moments(tree.branching, tree.flip), moments_by_fourfold_products(tree), rtol=1e-11
    )


@pytest.mark.parametrize("shape", [((2,) * 20, 0.1), ((1000, 1000), 0.01), ((1,) * 200 + (3,) * 12, 1e-3)], ids=str)
def test_second_moments_of_large_trees_add_up(shape):
    # The powers of all levels together are |y|^2 = P, and one level's expectation is m_l times the eigenvalue.
    tree = pl.Tree(*shape)
    summed = second_moments(tree.branching, tree.flip).sum(axis=1)
    expected = tree.n_items * tree.multiplicities * tree.singular_values(1) ** 2
    np.testing.assert_allclose(summed, expected, rtol=1e-9, atol=1e-9 * expected.max())


def sampled(tree, n_features, samples):
    """Singular values, (samples, P)."""
    grams = (tree.gram(n_features, rng=rng, threads=1).astype(float) for rng in range(samples))
    return np.array([np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)) for gram in grams])


def standard_error(values):
    return values.std(ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("n_features", [400, 2000])
@pytest.mark.parametrize("shape", [((2, 2), 0.1), ((3, 2), (0.2, 0.05)), ((2, 3, 2), (0.05, 0.2, 0.1))], ids=str)
def test_statistics_are_those_of_samples(shape, n_features):
    # 3 levels or 4, three figures each, six cases: at five standard errors a false alarm once in 25,000 choices of
    # seeds. The next order is of relative size 100 / N at most for these trees.
    tree, samples = pl.Tree(*shape), 1500
    statistics = tree.singular_value_statistics(n_features)
    limit = tree.singular_values(n_features)
    next_order = 100 / n_features
    for level, block in enumerate(np.split(sampled(tree, n_features, samples), cuts(tree), axis=1)):
        means, variances = block.mean(axis=1), block.var(axis=1)
        room = next_order * abs(statistics.mean[level] - limit[level])
        assert statistics.mean[level] == pytest.approx(means.mean(), rel=0, abs=5 * standard_error(means) + room)
        assert statistics.sd[level] == pytest.approx(means.std(), rel=5 / math.sqrt(2 * samples) + next_order)
        if tree.multiplicities[level] == 1:
            assert statistics.spread[level] == pytest.approx(0, abs=1e-6)
        else:
            room = next_order * variances.mean()
            assert statistics.spread[level] ** 2 == pytest.approx(
                variances.mean(), abs=5 * standard_error(variances) + room
            )


def test_the_correction_takes_the_bias_away():
    tree, n_features = pl.Tree(*FIGURE_5), 400
    values = [block.mean(axis=1) for block in np.split(sampled(tree, n_features, 500), cuts(tree), axis=1)]
    mean = np.array([v.mean() for v in values])
    errors = np.array([standard_error(v) for v in values])
    corrected = tree.singular_value_statistics(n_features).mean - mean
    assert np.all(np.abs(corrected) < 5 * errors)
    uncorrected = tree.singular_values(n_features) - mean
    assert np.all(np.abs(uncorrected)[1:] > 5 * errors[1:])
    # Upper levels are biased up, and the last one down.
    assert np.sign(uncorrected).tolist() == [-1, -1, -1, -1, 1, 1]


def test_statistics_go_to_the_singular_values():
    tree = pl.Tree((3, 2, 2), 0.15)
    biases = [tree.singular_value_statistics(n).mean / tree.singular_values(n) - 1 for n in (10**5, 10**6)]
    np.testing.assert_allclose(biases[1], biases[0] / 10, rtol=1e-6)
    assert np.abs(biases[1]).max() < 1e-4
    few, many = (tree.singular_value_statistics(n) for n in (10**3, 10**9))
    np.testing.assert_allclose(few.sd, many.sd, rtol=1e-9)
    np.testing.assert_allclose(few.spread, many.spread, rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "blocks"),
    [
        (((2, 2), 0.5), [[0, 1, 2]]),
        (((2, 2), 0.49), [[0, 1, 2]]),
        (((2, 3), (0.0, 0.1)), [[0], [1, 2]]),
        (((3, 2), (0.1, 0.5)), [[0, 1, 2]]),
        (((3, 2), (0.5, 0.1)), [[0, 1], [2]]),
        (((2, 2, 2), (0.1, 0.003, 0.1)), [[0], [1], [2, 3]]),
    ],
    ids=str,
)
def test_levels_that_a_sample_cannot_tell_apart_are_one_block(shape, blocks):
    tree, n_features = pl.Tree(*shape), 150
    statistics = tree.singular_value_statistics(n_features)
    values = np.split(sampled(tree, n_features, 500), cuts(tree), axis=1)
    for levels in blocks:
        block = np.concatenate([values[level] for level in levels], axis=1)
        means, variances = block.mean(axis=1), block.var(axis=1)
        assert np.ptp(statistics.mean[levels]) == np.ptp(statistics.spread[levels]) == 0
        # The mean over all modes hardly varies, because the sum of squares does not: the next order counts.
        room = 5 * standard_error(means) + 5e-4 * means.mean()
        assert statistics.mean[levels[0]] == pytest.approx(means.mean(), abs=room)
        assert statistics.spread[levels[0]] == pytest.approx(np.sqrt(variances.mean()), rel=0.12, abs=1e-6)
    assert len(set(statistics.mean.tolist())) == len(blocks)


def test_a_block_of_all_levels_has_the_spread_of_the_whole_spectrum():
    # The sample's covariance has trace P, and E[tr C_hat^2] = (1 - 1/N) tr C^2 + P^2 / N, both exactly.
    tree, n_features = pl.Tree((2, 2), 0.37), 20
    statistics = tree.singular_value_statistics(n_features)
    assert np.ptp(statistics.mean) == 0
    square = (1 - 1 / n_features) * np.sum(tree.covariance**2) / 4 + 4 / n_features
    np.testing.assert_allclose(statistics.spread, math.sqrt(n_features * (square - 1)) / 2, rtol=1e-12)
    np.testing.assert_allclose(statistics.sd, 0, atol=1e-7)


def test_trees_that_are_the_same_have_the_same_statistics():
    # No flips below the root make a star of all items.
    star, same = (pl.Tree(*shape).singular_value_statistics(100) for shape in (((6,), 0.1), ((2, 3), (0.0, 0.1))))
    np.testing.assert_allclose(np.array(same), np.array(star)[:, [0, 1, 1]], atol=1e-7)
    # No flips above the items make copies of them.
    one, twice = (pl.Tree(*shape).singular_value_statistics(100) for shape in (((3,), 0.1), ((3, 2), (0.1, 0.0))))
    np.testing.assert_allclose(np.array(twice)[:, :2], math.sqrt(2) * np.array(one), atol=1e-7)
    assert [figure[2] for figure in twice] == [0, 0, 0]
    # An only child is a longer branch.
    longer = 0.1 * 0.8 + 0.9 * 0.2
    short, long = (
        pl.Tree(*shape).singular_value_statistics(100)
        for shape in (((2, 3), (longer, 0.3)), ((2, 1, 3), (0.1, 0.2, 0.3)))
    )
    np.testing.assert_allclose(np.array(long)[:, [0, 1, 3]], np.array(short), atol=1e-7)
    only_child = pl.Tree((2, 1, 3), (0.1, 0.2, 0.3)).singular_values(100)[2]
    assert [figure[2] for figure in long] == [pytest.approx(only_child, rel=1e-14), 0, 0]


@pytest.mark.parametrize("flip", [0.0, 0.5, 1e-300, 0.3, (0.0,) * 10 + (0.5,) * 10, (0.2, 0.0) * 10])
def test_statistics_are_finite_and_without_warning(flip):
    for branching in ((2,) * 20, (1,) * 20, (2, 1) * 10):
        tree = pl.Tree(branching, flip)
        statistics = tree.singular_value_statistics(2**26)
        for figure in statistics:
            assert figure.shape == (21,)
            assert np.isfinite(figure).all()
            assert (figure >= 0).all()
        np.testing.assert_allclose(statistics.mean, tree.singular_values(2**26), rtol=0.2)


def test_too_few_features_are_refused():
    tree = pl.Tree((2, 2), 0.1)
    with pytest.raises(ValueError, match=r"n_features must be at least 4, the number of modes: .*; got 3"):
        tree.singular_value_statistics(3)
    # Without flips there is one mode, and one feature shows it.
    assert pl.Tree((2, 2), 0.0).singular_value_statistics(1).mean.tolist() == [2, 0, 0]
    with pytest.raises(ValueError, match=r"n_features must be large enough for perturbation theory, .*; got 100"):
        pl.Tree((2, 2), 0.001).singular_value_statistics(100)
