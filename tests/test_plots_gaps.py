import numpy as np
import pytest
from matplotlib.figure import Figure

import pylinear as pl
from drawn import cyclic_orders, labelled, texts, tree_gap
from pylinear import plots


@pytest.fixture
def gap():
    return tree_gap()


@pytest.fixture
def orders():
    return cyclic_orders()


@pytest.mark.core
def test_gap_orders(orders):
    axes = plots.gap_orders({"one": orders, "other": orders}, Figure())
    assert [ax.get_title(loc="left") for ax in axes] == [
        "measured against the flow (7)-(8), mean",
        "measured against the modified flow, mean",
    ]
    for ax, cause in zip(axes, ["finite rate, mean", "unexplained"], strict=True):
        points, line = ax.get_lines()[:2]
        np.testing.assert_array_equal(points.get_xdata(), orders.rates * orders.s1)
        np.testing.assert_array_equal(points.get_ydata(), orders.gaps[cause])
        slope = np.polyfit(np.log(line.get_xdata()), np.log(line.get_ydata()), 1)[0]
        assert slope == pytest.approx(orders.powers[cause].power)
        power, error = orders.powers[cause]
        assert texts(ax.get_legend().get_texts())[0] == f"one: {power:.2f} $\\pm$ {error:.2f}"
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert len(ax.get_xticks()) == 3


@pytest.mark.core
def test_prediction(gap):
    above, below = plots.prediction(gap, Figure())
    late = [line.get_ydata() for line in above.get_lines()]
    left = [line.get_ydata() for line in below.get_lines()]
    for k, mode in ((0, 0), (2, 3)):
        expected = (gap.measured - gap.flow)[k, :, mode] / gap.s[mode]
        assert any(np.array_equal(expected, line) for line in late)
        expected = (gap.measured - gap.predicted)[k, :, mode] / gap.s[mode]
        assert any(np.array_equal(expected, line) for line in left)
    foretold = (gap.predicted - gap.flow)[:, :, 1].mean(axis=0) / gap.s[1]
    assert any(len(line) == len(foretold) and np.allclose(foretold, line) for line in late)
    assert texts(above.get_legend().get_texts())[-1] == "modified flow, mean over runs"
    assert above.get_ylabel() == "measured - flow (7)-(8),\nin units of $s$"
    assert below.get_ylabel() == "measured -\nmodified flow"


@pytest.mark.core
def test_prediction_is_the_mean_over_runs_that_are_known():
    data = pl.Dataset(np.diag([2.0, 1.0]))
    weights = [pl.Gaussian(scale).draw(data, hidden=3, rng=0) for scale in (0.1, 5.0)]
    w21, w32 = (np.stack([pair[i] for pair in weights]) for i in (0, 1))
    gap = pl.gap(pl.train(data, hidden=3, rate=0.1, epochs=10, init=(w21, w32), runs=2, rng=0))
    assert gap.run.status == ("ok", "diverged")
    above, _ = plots.prediction(gap, Figure())
    foretold = above.get_lines()[2].get_ydata()
    lost = np.isnan(gap.predicted[1, :, 0])
    assert lost.any()
    np.testing.assert_array_equal(foretold[lost], (gap.predicted - gap.flow)[0, lost, 0] / gap.s[0])


@pytest.mark.core
def test_what_cannot_be_predicted_is_not_drawn():
    run = pl.train(pl.toy(), hidden=4, rate=0.02, epochs=5, order="with_replacement", rng=0)
    with pytest.raises(ValueError, match="gap must be of a run that the modified flow predicts"):
        plots.prediction(pl.gap(run))


@pytest.mark.core
def test_budget_stacks_the_causes(gap):
    ax = plots.budget(gap, Figure().subplots())
    causes = gap.by_cause()
    shown = ["finite N", "initial strength", "balance, coupling", "finite rate, mean", "finite rate, scatter"]
    assert [bars.get_label() for bars in ax.containers] == shown
    for mode in range(4):
        top = 0.0
        for bars, name in zip(ax.containers, shown, strict=True):
            assert bars[mode].get_y() == pytest.approx(top)
            assert bars[mode].get_height() == pytest.approx(causes[name][mode])
            top += causes[name][mode]
    np.testing.assert_array_equal(labelled(ax, "gap to (10), s of (13)").get_ydata(), gap.against()["(10), s of (13)"])
    np.testing.assert_array_equal(labelled(ax, "unexplained").get_ydata(), causes["unexplained"])
    one = pl.gap(pl.train(pl.toy(), hidden=4, rate=0.02, epochs=5, order="with_replacement", rng=0))
    labels = [bars.get_label() for bars in plots.budget(one, Figure().subplots()).containers]
    assert labels == ["initial strength", "balance, coupling", "finite rate, mean"]  # no scatter of a single run
