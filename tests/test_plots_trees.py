import numpy as np
from matplotlib.figure import Figure

import pylinear as pl
from drawn import FEATURE, SAMPLES, TREE, labelled, texts
from pylinear import plots


def test_diffusion_draws_nodes_and_marks_flips():
    ax = plots.diffusion(TREE, FEATURE, Figure().subplots())
    assert texts(ax.texts) == ["+" if x > 0 else "−" for row in FEATURE for x in row]
    branches = [line for line in ax.get_lines() if line.get_label() != "the sign flips"]
    assert len(branches) == 2 + 4 + 8
    flips = [tuple(line.get_xdata()) for line in branches if line.get_linestyle() == "--"]
    assert flips == [(3.5, 5.5), (0.5, 1.0), (4.5, 4.0)]
    assert texts(ax.get_yticklabels()) == [f"level {level}" for level in range(4)]


def test_diffusion_on_a_large_tree_leaves_the_signs_out():
    ax = plots.diffusion(pl.Tree((64,), 0.1), [[1], np.ones(64)], Figure().subplots())
    assert not ax.texts
    assert texts(ax.get_xticklabels()) == ["1", "64"]


def test_singular_values_by_level():
    ax = plots.singular_values(TREE, 200, SAMPLES, Figure().subplots())
    np.testing.assert_array_equal(labelled(ax, "(13), corrected").get_ydata(), TREE.singular_values(200))
    printed = labelled(ax, "(13) as printed").get_ydata()
    q = 0.64 ** np.arange(3, -1, -1)
    by_hand = [np.sqrt(200 * 8 * 4 * q[0]), np.sqrt(200 * 8 * 3 * (q[1] - q[0]) / 2)]
    np.testing.assert_allclose(printed[:2], by_hand)
    dots = labelled(ax, "3 samples of 200 features")
    np.testing.assert_array_equal(dots.get_ydata(), SAMPLES.ravel())
    np.testing.assert_array_equal(np.floor(dots.get_xdata())[:8], [0, 1, 2, 2, 3, 3, 3, 3])
    (bars,) = ax.containers
    expected = TREE.singular_value_statistics(200)
    np.testing.assert_allclose(bars[0].get_ydata(), expected.mean)
    ends = bars[2][0].get_segments()[2][:, 1]
    np.testing.assert_allclose(np.ptp(ends), 2 * np.hypot(expected.sd[2], expected.spread[2]))
    few = plots.singular_values(pl.Tree((2,) * 4, 0.1), 3, np.ones((2, 16)), Figure().subplots())
    assert not few.containers
