import warnings
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import pylinear as pl
from drawn import FEATURE, SAMPLES, TREE, balanced_run, cyclic_orders, tree_gap
from pylinear import plots


@pytest.fixture
def gap():
    return tree_gap()


@pytest.fixture
def balanced():
    return balanced_run()


@pytest.fixture
def orders():
    return cyclic_orders()


EVERY = {
    "learning_curves": lambda gap, run, orders: plots.learning_curves(gap),
    "decomposition": lambda gap, run, orders: plots.decomposition(pl.toy())[0],
    "object_analyzers": lambda gap, run, orders: plots.object_analyzers(TREE),
    "covariance": lambda gap, run, orders: plots.covariance(TREE),
    "diffusion": lambda gap, run, orders: plots.diffusion(TREE, FEATURE),
    "singular_values": lambda gap, run, orders: plots.singular_values(TREE, 200, SAMPLES),
    "phase_portrait": lambda gap, run, orders: plots.phase_portrait(),
    "hidden_trajectories": lambda gap, run, orders: plots.hidden_trajectories(run),
    "stepwise": lambda gap, run, orders: plots.stepwise(gap)[0],
    "budget": lambda gap, run, orders: plots.budget(gap),
    "gap_orders": lambda gap, run, orders: plots.gap_orders({"cyclic": orders})[0],
    "prediction": lambda gap, run, orders: plots.prediction(gap)[0],
    "deep_against_shallow": lambda gap, run, orders: plots.deep_against_shallow(gap)[0],
}


@pytest.mark.core
def test_without_axes_every_function_makes_its_own_and_touches_no_global_style():
    assert sorted(EVERY) == sorted(plots.__all__)
    plt.close("all")
    before = dict(mpl.rcParams)
    for number, draw in enumerate(EVERY.values(), start=1):
        ax = draw(tree_gap(), balanced_run(), cyclic_orders())
        assert len(plt.get_fignums()) == number
        assert ax.get_figure() is plt.gcf()
    assert dict(mpl.rcParams) == before
    plt.close("all")


def runs_at_the_edge():
    arguments = {"hidden": 4, "rate": 0.02, "init": pl.Gaussian(1e-2), "rng": 0, "keep": ["hidden"]}
    diverging = arguments | {"rate": 0.6, "epochs": 40}
    return {
        "one time": lambda: pl.train(pl.toy(), epochs=20, record=[20], runs=2, **arguments),
        "the start": lambda: pl.train(pl.toy(), epochs=0, record=[0], **arguments),
        "diverged": lambda: pl.train(pl.toy("signed"), runs=2, **diverging),
        "diverged before the first record": lambda: pl.train(pl.toy("signed"), record=[40], **diverging),
        "one mode": lambda: pl.train(pl.Dataset(np.ones((3, 4))), epochs=100, runs=2, **arguments),
        "one item": lambda: pl.train(pl.Dataset(np.ones((3, 1))), epochs=100, **arguments),
        "one run": lambda: pl.train(pl.toy(), epochs=100, **arguments),
        "no start": lambda: pl.train(pl.toy(), epochs=9, **arguments | {"init": (np.zeros((4, 4)), np.zeros((5, 4)))}),
    }


@cache
def gap_at_the_edge(edge):
    run = runs_at_the_edge()[edge]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pl.AssumptionWarning)
        return pl.gap(run)


@pytest.mark.core
@pytest.mark.parametrize("edge", runs_at_the_edge())
@pytest.mark.parametrize("name", ["learning_curves", "stepwise", "deep_against_shallow", "prediction", "budget"])
def test_no_warning_at_the_edge(edge, name):
    # Warnings are errors in this suite.
    EVERY[name](gap_at_the_edge(edge), None, None)
    plt.gcf().draw_without_rendering()
    plt.close("all")


@pytest.mark.core
@pytest.mark.parametrize("edge", ["diverged", "one mode", "one item", "one run"])
def test_no_warning_of_representations_at_the_edge(edge):
    plots.hidden_trajectories(runs_at_the_edge()[edge]())
    plt.gcf().draw_without_rendering()
    plt.close("all")


def test_no_warning_of_the_smallest_trees():
    for tree in (pl.Tree((1,), 0.1), pl.Tree((1, 1), 0.0), pl.Tree((2,), 0.5)):
        plots.object_analyzers(tree)
        plots.covariance(tree)
        plots.singular_values(tree, 1, np.ones((1, tree.n_items)))
        plots.diffusion(tree, [np.ones(n) for n in np.cumprod((1, *tree.branching))])
    plots.decomposition(pl.Dataset([[2.0]]))
    for number in plt.get_fignums():
        plt.figure(number).draw_without_rendering()
    plt.close("all")


@pytest.mark.core
def test_in_axes_that_are_given_no_figure_is_made(gap):
    plt.close("all")
    figure = Figure().subfigures(1, 2)
    left = plots.stepwise(gap, figure[0])
    assert all(ax.get_figure(root=False) is figure[0] for ax in left)
    ax = figure[1].subplots()
    assert plots.phase_portrait(1.0, ax) is ax
    assert plt.get_fignums() == []


# (call, the argument that must be named, bad values)
REFUSED = [
    (plots.learning_curves, "gap", [None, 3, "gap"]),
    (plots.stepwise, "gap", [None, 3]),
    (plots.prediction, "gap", [None, 3]),
    (plots.budget, "gap", [None, 3]),
    (plots.gap_orders, "orders", [None, 3, {}, {"cyclic": 3}]),
    (plots.deep_against_shallow, "gap", [None, 3]),
    (plots.hidden_trajectories, "run", [None, 3]),
    (plots.decomposition, "data", [None, np.eye(3), pl.Dataset([[0.0]]), pl.Dataset.from_gram(np.eye(4), 4)]),
    (plots.decomposition, "data", [pl.Dataset(np.ones((2**20, 5)))]),
    (plots.object_analyzers, "tree", [None, (2, 2), pl.Tree((2**12,), 0.1)]),
    (plots.covariance, "tree", [None, (2, 2), pl.Tree((2**12,), 0.1)]),
    (lambda x: plots.covariance(TREE, x), "ax", [3, "ax", Figure()]),
    (lambda x: plots.decomposition(pl.toy(), x), "figure", [3, "figure"]),
    (lambda x: plots.diffusion(x, FEATURE), "tree", [None, (2, 2, 2), pl.Tree((512,), 0.1)]),
    (
        lambda x: plots.diffusion(TREE, x),
        "values",
        [
            None,
            "values",
            3,
            FEATURE[:3],
            [[1], [1, -1], [1], FEATURE[3]],
            [[2], *FEATURE[1:]],
            [[np.nan], *FEATURE[1:]],
        ],
    ),
    (lambda x: plots.singular_values(x, 200, SAMPLES), "tree", [None, (2, 2)]),
    (lambda x: plots.singular_values(TREE, x, SAMPLES), "n_features", [None, 0, 1.5, "3"]),
    (
        lambda x: plots.singular_values(TREE, 200, x),
        "samples",
        [None, "x", SAMPLES[0], SAMPLES[:, :3], SAMPLES[:, ::-1], -SAMPLES[:, ::-1], SAMPLES * np.nan],
    ),
    (plots.phase_portrait, "s", [None, "1", 0.0, 0, np.nan, np.inf, 1j, True, 1e300, 1e-300, [1.0]]),
]


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [pytest.param(c, n, x, id=f"{n}-{k}") for c, n, values in REFUSED for k, x in enumerate(values)],
)
def test_refused_in_one_sentence_without_a_figure(call, name, value):
    plt.close("all")
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must") as caught:
        call(value)
    assert "\n" not in str(caught.value)
    assert plt.get_fignums() == []


@pytest.mark.core
def test_runs_that_do_not_fit_are_refused(gap, balanced):
    for call in (plots.stepwise, plots.deep_against_shallow):
        with pytest.raises(ValueError, match="number must be a whole number from 0 to 2; got 3"):
            call(gap, number=3)
    with pytest.raises(ValueError, match="theories must be one of"):
        plots.learning_curves(gap, theories=["none"])
    assert plt.get_fignums() == []  # which the arguments that are wrong would have been drawn in
    with pytest.raises(ValueError, match="number must be a whole number from 0 to 0; got 1"):
        plots.hidden_trajectories(balanced, number=1)
    with pytest.raises(ValueError, match=r"train with keep=\('hidden',\)"):
        plots.hidden_trajectories(gap.run)
    with pytest.raises(ValueError, match="two times at least"):
        plots.hidden_trajectories(pl.train(pl.toy(), hidden=2, rate=0.1, epochs=1, record=1, keep=["hidden"], rng=0))
    zeros = np.zeros((2, 4)), np.zeros((5, 2))
    with pytest.raises(ValueError, match="representations that differ"):
        plots.hidden_trajectories(pl.train(pl.toy(), hidden=2, rate=0.1, epochs=5, init=zeros, keep=["hidden"], rng=0))
    data = pl.Dataset(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="one-hot inputs"):
        plots.hidden_trajectories(pl.train(data, hidden=2, rate=0.1, epochs=5, keep=["hidden"], rng=0))
    many = pl.Dataset(np.ones((1, 65)))
    with pytest.raises(ValueError, match="at most 64 items"):
        plots.hidden_trajectories(pl.train(many, hidden=2, rate=0.01, epochs=5, keep=["hidden"], rng=0))
