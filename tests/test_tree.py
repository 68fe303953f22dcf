import os
import signal
import threading
import time
from functools import reduce
from itertools import pairwise, product

import numpy as np
import pytest

import pylinear as pl

TREES = [
    ((2, 2), 0.1),
    ((2, 2, 2), 0.1),
    ((3, 2, 4), 0.15),
    ((3, 2), (0.2, 0.05)),
    ((5,), 0.3),
    ((2, 3, 2), (0.05, 0.2, 0.1)),
]
IDS = [str(branching) for branching, _ in TREES]


def paths(branching):
    """The leaves, each as the choices that lead to it."""
    return list(product(*(range(b) for b in branching)))


def covariance_by_paths(tree):
    """The product of (1 - 2 flip) over the branches between two leaves."""
    leaves = paths(tree.branching)
    out = np.empty((len(leaves),) * 2)
    for i, a in enumerate(leaves):
        for j, b in enumerate(leaves):
            common = next((level for level in range(len(a)) if a[level] != b[level]), len(a))
            out[i, j] = reduce(lambda x, e: x * (1 - 2 * e) ** 2, tree.flip[common:], 1.0)
    return out


def printed_13(tree, n_features):
    """(13) as the paper prints it: Delta_l / M_l under the sum over k."""
    q = np.append(np.cumprod((1 - 2 * np.array(tree.flip[::-1])) ** 2)[::-1], 1.0)
    terms = np.diff(q, prepend=0.0) / np.cumprod((1, *tree.branching))
    return np.sqrt(n_features * tree.n_items * terms * (tree.n_levels - np.arange(tree.n_levels)))


# One item, an only child, no flips and nothing but flips; numbers of items on either side of a vector and of the square
# of pairs that are counted together.
ODD_TREES = [
    ((1,), 0.3),
    ((1, 1), 0.1),
    ((2,), 0.0),
    ((3, 2), 0.5),
    ((5, 7), (0.25, 0.1)),
    ((67,), 0.4),
    ((2,) * 6, 0.1),
]
ENGINES = pytest.mark.parametrize("engine", [pytest.param("native", marks=pytest.mark.core), "numba"])


@pytest.fixture(params=TREES, ids=IDS)
def tree(request):
    return pl.Tree(*request.param)


def test_covariance_is_that_of_the_paths_between_leaves(tree):
    np.testing.assert_allclose(tree.covariance, covariance_by_paths(tree), rtol=1e-14)


def test_singular_values_and_multiplicities_are_the_spectrum_of_the_covariance(tree):
    spectrum = np.sqrt(1000 * np.linalg.eigvalsh(tree.covariance)[::-1])
    np.testing.assert_allclose(np.repeat(tree.singular_values(1000), tree.multiplicities), spectrum, rtol=1e-12)


def test_object_analyzers_diagonalise_the_covariance(tree):
    v = tree.object_analyzers
    np.testing.assert_allclose(v.T @ v, np.eye(tree.n_items), atol=1e-14)
    values = np.repeat(tree.singular_values(1), tree.multiplicities) ** 2
    np.testing.assert_allclose(tree.covariance @ v, v * values, atol=1e-13)
    # A level-l column lives below one node of level l - 1 and sums to zero there.
    np.testing.assert_allclose(v[:, 1:].sum(axis=0), 0, atol=1e-14)


def level_means(tree, n_features, rng):
    """Root mean square of each level's singular values in a sample, which does not see how it splits the level."""
    sampled = np.split(tree.sample(n_features, rng=rng).modes.s, np.cumsum(tree.multiplicities)[:-1])
    return np.array([np.sqrt(np.mean(s**2)) for s in sampled])


def test_singular_values_of_samples(tree):
    # One sample of 200,000 features is off by up to 0.2 % (one standard deviation, of the (3, 2) tree); the mean over
    # nine is off by a third of that, so that 0.3 % is more than four.
    n = 200_000
    mean = np.mean([level_means(tree, n, rng) for rng in range(9)], axis=0)
    np.testing.assert_allclose(mean, tree.singular_values(n), rtol=3e-3)


def test_formula_13_as_printed_fails():
    for branching, flip in TREES:
        tree = pl.Tree(branching, flip)
        wrong, right = printed_13(tree, 10_000), tree.singular_values(10_000)
        assert np.abs(wrong / right - 1)[:-1].max() > 0.01
        np.testing.assert_allclose(wrong[-1], right[-1], rtol=1e-14)
    np.testing.assert_allclose(printed_13(pl.Tree((2, 2), 0.1), 10_000), [221.7, 96.0, 60.0], atol=0.05)


def test_sum_of_squares_and_order():
    for branching, flip in TREES:
        tree = pl.Tree(branching, flip)
        s = tree.singular_values(77)
        np.testing.assert_allclose(np.sum(tree.multiplicities * s**2), 77 * tree.n_items)
        assert np.all(np.diff(s) < 0)


def test_limits_of_the_flip_probability():
    np.testing.assert_allclose(pl.Tree((2, 2), 0.5).singular_values(9), 3.0)
    np.testing.assert_allclose(pl.Tree((2, 2), 0.0).singular_values(9), [6, 0, 0], atol=1e-12)


def test_an_only_child_adds_no_mode():
    tree = pl.Tree((2, 1, 2), 0.1)
    assert tree.multiplicities.tolist() == [1, 1, 0, 2]
    assert tree.object_analyzers.shape == (4, 4)


def covariance_z_scores(outputs, expected):
    n = len(outputs)
    deviation = (outputs.T @ outputs / n - expected)[np.triu_indices(len(expected), 1)]
    return deviation / np.sqrt((1 - expected[np.triu_indices(len(expected), 1)] ** 2) / n)


def test_sampled_covariance_within_five_standard_deviations(tree):
    # At most 276 pairs: a false alarm once in about 6,000 seeds, and the seed is fixed.
    outputs = tree.sample(100_000, rng=2).outputs
    assert set(np.unique(outputs)) == {-1.0, 1.0}
    assert np.abs(covariance_z_scores(outputs, tree.covariance)).max() < 5
    assert np.abs(outputs.mean(axis=0)).max() * np.sqrt(100_000) < 5


def test_a_planted_error_of_one_percent_is_noticed():
    outputs = pl.Tree((2, 2), 0.11).sample(100_000, rng=2).outputs
    assert np.abs(covariance_z_scores(outputs, pl.Tree((2, 2), 0.1).covariance)).max() > 5


def test_extreme_flip_probabilities_are_sampled_exactly():
    same = pl.Tree((3, 2), 0.0).sample(1000, rng=0).outputs
    assert (same == same[:, :1]).all()
    rare = pl.Tree((2,), 1e-5).sample(1_000_000, rng=0).outputs
    # Poisson with mean 20: outside this once in 100,000.
    assert 4 <= (rare[:, 0] != rare[:, 1]).sum() <= 43


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8"])
def test_dtype_changes_the_type_and_not_the_values(dtype):
    tree = pl.Tree((2, 2), 0.1)
    data = tree.sample(100, rng=0, dtype=dtype)
    assert data.outputs.dtype == dtype
    np.testing.assert_array_equal(data.outputs, tree.sample(100, rng=0).outputs)
    np.testing.assert_allclose(data.modes.s, tree.sample(100, rng=0).modes.s)


def test_what_was_used_is_recorded():
    tree = pl.Tree((2, 2), 0.1)
    data = tree.sample(500, rng=None, engine="numba")
    assert data.engine == "numba"
    np.testing.assert_array_equal(tree.sample(500, rng=data.rng, engine="numba").outputs, data.outputs)
    assert tree.sample(5, rng=0).engine in {"native", "numba"}


@ENGINES
def test_every_seed_gives_another_sample(engine):
    tree = pl.Tree((2, 2), 0.1)
    samples = {tree.sample(200, rng=rng, engine=engine).outputs.tobytes() for rng in (0, 1, 2, 2**64, 2**64 + 1)}
    assert len(samples) == 5
    assert tree.sample(200, rng=None).rng != tree.sample(200, rng=None).rng


def test_flip_per_level_is_used_level_by_level():
    a, b = pl.Tree((2, 2), (0.0, 0.5)), pl.Tree((2, 2), (0.5, 0.0))
    assert (a.covariance != b.covariance).any()
    outputs = b.sample(100, rng=0).outputs
    assert (outputs[:, 0] == outputs[:, 1]).all()
    assert (outputs[:, 0] != outputs[:, 2]).any()


def products(outputs):
    outputs = outputs.astype(np.int64)
    return outputs.T @ outputs


def unpacked(bits, n_features):
    """The features, (N, P), that `bits` say; asserts that nothing is set past the last."""
    assert bits.dtype == np.uint64
    assert bits.flags.c_contiguous
    assert bits.shape[1] == -(-n_features // 64)
    shifts = np.arange(64, dtype=np.uint64)
    set_bits = (bits[:, :, None] >> shifts & np.uint64(1)).reshape(len(bits), -1)
    assert not set_bits[:, n_features:].any()
    return 1 - 2 * set_bits[:, :n_features].T.astype(np.int64)


@ENGINES
@pytest.mark.parametrize("shape", ODD_TREES, ids=str)
@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 64), (0, 640), (5, 59), (37, 5_000), (63, 2), (127, 40_001)])
def test_bits_and_gram_are_those_of_the_sample(engine, shape, first, count):
    tree = pl.Tree(*shape)
    outputs = tree.sample(count, rng=3, first=first, engine="numba").outputs
    bits = tree.sample_bits(count, rng=3, first=first, engine=engine)
    np.testing.assert_array_equal(unpacked(bits, count), outputs)
    gram = tree.gram(count, rng=3, first=first, engine=engine)
    assert gram.dtype == np.int64
    np.testing.assert_array_equal(gram, products(outputs))


@ENGINES
def test_rows_of_odd_trees_are_those_of_the_bits(engine):
    for shape in ODD_TREES:
        tree = pl.Tree(*shape)
        for dtype in ("int8", "float32", "float64"):
            outputs = tree.sample(1_003, rng=3, first=9, engine=engine, dtype=dtype).outputs
            np.testing.assert_array_equal(outputs, unpacked(tree.sample_bits(1_003, rng=3, first=9), 1_003))


@ENGINES
@pytest.mark.parametrize("cuts", [(0, 1, 64, 1000, 33_000, 70_001), (13, 77, 32_768, 65_536)])
def test_grams_of_adjoining_ranges_add_up(engine, cuts):
    tree = pl.Tree((3, 2), (0.2, 0.05))
    parts = [tree.gram(b - a, rng=8, first=a, engine=engine) for a, b in pairwise(cuts)]
    whole = tree.gram(cuts[-1] - cuts[0], rng=8, first=cuts[0], engine=engine)
    np.testing.assert_array_equal(np.sum(parts, axis=0), whole)


def gram_z_scores(gram, n_features, covariance):
    above = np.triu_indices(len(covariance), 1)
    return (gram - n_features * covariance)[above] / np.sqrt(n_features * (1 - covariance[above] ** 2))


@pytest.mark.core
def test_expectation_of_the_gram(tree):
    # At most 276 pairs: a false alarm once in about 6,000 seeds, and the seed is fixed.
    n = 10_000_000
    gram = tree.gram(n, rng=2)
    assert np.abs(gram_z_scores(gram, n, tree.covariance)).max() < 5
    np.testing.assert_array_equal(np.diag(gram), n)


@pytest.mark.core
def test_a_planted_error_of_one_percent_is_noticed_in_the_gram():
    gram = pl.Tree((2, 2), 0.101).gram(10_000_000, rng=2)
    assert np.abs(gram_z_scores(gram, 10_000_000, pl.Tree((2, 2), 0.1).covariance)).max() > 5


@ENGINES
@pytest.mark.parametrize("draw", ["sample_bits", "gram"])
def test_every_seed_gives_other_bits(engine, draw):
    tree = pl.Tree((2, 2), 0.1)
    seeds = (0, 1, np.random.SeedSequence(1), np.random.default_rng(0), 2**64)
    assert len({getattr(tree, draw)(2_000, rng=rng, engine=engine).tobytes() for rng in seeds}) == 5
    assert (getattr(tree, draw)(2_000) != getattr(tree, draw)(2_000)).any()


@ENGINES
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_gram(engine, threads):
    tree = pl.Tree((2,) * 6, 0.1)
    tree.gram(1, engine=engine)  # numba compiles
    times = []

    def press():
        times.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        tree.gram(2**40, engine=engine, threads=threads)
    # 50 ms on a machine that does nothing else; days without it.
    assert time.perf_counter() - times[0] < 5
