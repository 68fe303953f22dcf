import matplotlib as mpl
import numpy as np
import pytest

import pylinear as pl

mpl.use("Agg")
from matplotlib import pyplot as plt

from pylinear import plots

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def gap():
    data = pl.Tree((2, 2), 0.1).sample(300, rng=0)
    return pl.gap(pl.train(data, hidden=8, rate=1e-3, epochs=600, runs=3, rng=0, init=pl.Gaussian(1e-2)))


def test_learning_curves_draw_what_they_are_given(gap):
    figure, ax = plt.subplots()
    assert plots.learning_curves(gap, ax) is ax
    drawn = [line.get_ydata() for line in ax.get_lines()]
    for wanted in (gap.measured[2, :, 1], gap.paper[:, 0], gap.flow[:, :, 3].mean(axis=0)):
        assert any(np.array_equal(wanted, line) for line in drawn)
    assert len(drawn) == 4 * (3 + 1 + 1)
    assert ax.get_xlabel() == "time (epochs)"
    assert len(ax.get_legend().get_texts()) == 3
    assert [text.get_text() for text in ax.texts] == ["mode 1", "mode 2", "modes 3-4"]
    plt.close(figure)


def test_only_gaps_are_drawn():
    with pytest.raises(TypeError, match=r"gap must be a pylinear.Gap"):
        plots.learning_curves(None)


def test_without_axes_it_makes_its_own_and_touches_no_global_style(gap):
    before = dict(mpl.rcParams)
    ax = plots.learning_curves(gap)
    assert dict(mpl.rcParams) == before
    plt.close(ax.get_figure())
