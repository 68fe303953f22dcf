import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest

import pylinear as pl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from pylinear import plots

TREE = pl.Tree((2, 2, 2), 0.1)
FEATURE = [[1], [1, -1], [1, 1, -1, -1], [1, -1, 1, 1, 1, -1, -1, -1]]
SAMPLES = np.sort(np.random.default_rng(0).uniform(1, 30, (3, 8)))[:, ::-1]


@pytest.fixture(scope="module")
def gap():
    data = pl.Tree((2, 2), 0.1).sample(300, rng=0)
    return pl.gap(pl.train(data, hidden=8, rate=1e-3, epochs=600, runs=3, rng=0, init=pl.Gaussian(1e-2)))


@pytest.fixture(scope="module")
def balanced():
    """The flow of balanced weights, for which (10) is exact."""
    data = pl.Dataset(
        np.diag([4.0, 3.0, 2.0, 1.0]) @ np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0],
        items=["Canary", "Salmon", "Oak", "Rose"],
    )
    arguments = {"hidden": 6, "rate": 0.01, "epochs": 1500, "init": pl.Balanced(1e-4), "rng": 0}
    return pl.train(data, update="flow", tol=1e-9, record=601, keep=["hidden"], **arguments)


def texts(artists):
    return [x.get_text() for x in artists]


def image(ax):
    (picture,) = ax.get_images()
    return np.asarray(picture.get_array())


def labelled(ax, label):
    (line,) = [x for x in ax.get_lines() if x.get_label() == label]
    return line


@pytest.mark.core
def test_learning_curves_draw_what_they_are_given(gap):
    figure, ax = plt.subplots()
    assert plots.learning_curves(gap, ax) is ax
    drawn = [line.get_ydata() for line in ax.get_lines()]
    for wanted in (gap.measured[2, :, 1], gap.paper[:, 0], gap.flow[:, :, 3].mean(axis=0)):
        assert any(np.array_equal(wanted, line) for line in drawn)
    assert len(drawn) == 4 * (3 + 1 + 1)
    assert ax.get_xlabel() == "time (epochs)"
    assert len(ax.get_legend().get_texts()) == 3
    assert texts(ax.texts) == ["mode 1", "mode 2", "modes 3-4"]
    plt.close(figure)


@pytest.mark.core
def test_learning_curves_draw_the_theories_that_are_asked_for(gap):
    ax = plots.learning_curves(gap, Figure().subplots(), theories=["effective"])
    drawn = [line.get_ydata() for line in ax.get_lines()]
    assert len(drawn) == 4 * (3 + 3)
    assert any(np.array_equal(gap.effective[1, :, 2], line) for line in drawn)
    assert not any(np.array_equal(gap.paper[:, 2], line) for line in drawn)
    assert texts(ax.get_legend().get_texts()) == ["online learning, 3 runs", "(10), each run's effective $a_0$"]


@pytest.mark.core
def test_what_begins_beyond_the_half_has_no_stage():
    run = pl.train(
        pl.Dataset(np.diag([2.0, 1.0])), hidden=2, rate=0.1, epochs=1, record=1, init=pl.Balanced(0.8), rng=0
    )
    deep, _ = plots.deep_against_shallow(pl.gap(run), Figure())
    assert [text.split(":  ")[1] for text in texts(deep.get_legend().get_texts())] == ["9.87", "none"]
    above, _ = plots.stepwise(pl.gap(run), Figure())
    marks = [line.get_xdata()[0] for line in above.get_lines() if line.get_linestyle() == ":" and len(line.get_xdata())]
    np.testing.assert_allclose(marks, [np.log(2 / 0.8 - 1) / (2 * 2 * 0.1)])


@pytest.mark.core
def test_runs_that_stopped_are_drawn_as_far_as_they_went():
    gap = pl.gap(
        pl.train(pl.toy("signed"), hidden=2, rate=0.6, epochs=40, init=pl.Gaussian(0.3), runs=2, rng=0, keep=["hidden"])
    )
    assert set(gap.run.status) == {"diverged"}
    ax = plots.learning_curves(gap, Figure().subplots())
    went = np.isfinite(gap.flow[:, :, 0]).any(axis=0)
    drawn = [line.get_ydata() for line in ax.get_lines()][3]
    np.testing.assert_array_equal(np.isfinite(drawn), went)
    np.testing.assert_allclose(drawn[0], gap.flow[:, 0, 0].mean())
    for draw in (plots.stepwise, plots.deep_against_shallow):
        draw(gap, Figure())
    plots.hidden_trajectories(gap.run, Figure().subplots())


@pytest.mark.core
def test_learning_curves_name_the_dynamics(balanced):
    ax = plots.learning_curves(pl.gap(balanced), Figure().subplots(), theories=())
    assert texts(ax.get_legend().get_texts()) == ["averaged dynamics (7)-(8), 1 run"]


def test_decomposition_draws_a_product_of_three_matrices():
    figure = Figure()
    drawn = plots.decomposition(pl.toy("centred"), figure)
    sigma_yx, u, s, vt = map(image, drawn)
    assert [x.shape for x in (u, s, vt)] == [(5, 3), (3, 3), (3, 4)]  # a fourth mode has no strength
    np.testing.assert_allclose(u @ s @ vt, sigma_yx, atol=1e-14)
    np.testing.assert_allclose(sigma_yx, pl.toy("binary").outputs - pl.toy("binary").outputs.mean(axis=1)[:, None])
    # The first row of V^T tells animals from plants, and its signs are written in the cells.
    assert texts(drawn[3].texts)[:4] == [".50", ".50", "−.50", "−.50"]
    assert texts(drawn[0].get_xticklabels()) == ["Canary", "Salmon", "Oak", "Rose"]
    assert texts(drawn[0].get_yticklabels())[0] == "can Move"
    assert figure.get_supxlabel().startswith("Modes 2-3 share s = 1")
    # Symmetric shading: what is 0 is white.
    assert all(ax.get_images()[0].get_clim()[0] == -ax.get_images()[0].get_clim()[1] for ax in drawn)


def test_decomposition_of_modes_that_differ_has_no_note():
    figure = Figure()
    plots.decomposition(pl.Dataset([[3.0, 0.0], [0.0, 1.0]]), figure)
    assert figure.get_supxlabel() == ""


def test_decomposition_of_many_features_writes_no_numbers():
    drawn = plots.decomposition(TREE.sample(50, rng=0), Figure())
    assert not drawn[0].texts
    assert texts(drawn[0].get_yticklabels()) == ["1", "50"]
    assert drawn[2].texts


def test_decomposition_of_correlated_inputs_names_inputs():
    data = pl.Dataset([[1.0, 2.0], [0.0, 1.0]], [[1.0, 0.5], [0.0, 1.0], [0.2, 0.0]], items=["a", "b"])
    drawn = plots.decomposition(data, Figure())
    assert texts(drawn[0].get_xticklabels()) == ["input 1", "input 2", "input 3"]
    np.testing.assert_allclose(image(drawn[0]), data.outputs @ data.inputs.T)


def test_object_analyzers_tell_apart_items_that_meet_where_it_is_said():
    ax = plots.object_analyzers(TREE, Figure().subplots())
    rows = image(ax)
    np.testing.assert_allclose(rows @ rows.T, np.eye(8), atol=1e-15)
    # The paper's caption has 3 for the last level of meeting; the leaves themselves are level 3.
    notes = [text for text in texts(ax.texts) if len(text) > 1]
    assert notes == ["same for all", *(f"pairs meet\nat level {level}" for level in range(3))]
    for mode, level in enumerate((None, 0, 1, 1, 2, 2, 2, 2)):
        apart = [(i, j) for i, j in itertools.combinations(range(8), 2) if rows[mode, i] * rows[mode, j] < 0]
        # The last common ancestor, from the digits of the items' numbers.
        met = {3 - (i ^ j).bit_length() for i, j in apart}
        assert met == (set() if level is None else {level})
    assert texts(ax.texts)[:16:8] == ["+", "+"]
    assert texts(ax.texts).count("−") == 4 + 2 * 2 + 4


def test_covariance_in_blocks():
    ax = plots.covariance(TREE, Figure().subplots())
    steps = [[(i ^ j).bit_length() for j in range(8)] for i in range(8)]
    np.testing.assert_allclose(image(ax), 0.8 ** (2 * np.array(steps)), rtol=1e-13)
    assert texts(ax.texts)[:3] == ["1", ".64", ".41"]


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


@pytest.mark.parametrize("s", [1.0, 4.0, -0.25])
def test_phase_portrait(s):
    ax = plots.phase_portrait(s, Figure().subplots())
    side, unit = np.sign(s), np.sqrt(abs(s))
    hyperbola = [line for line in ax.get_lines() if line.get_linewidth() == 4]
    assert len(hyperbola) == 2
    for line in hyperbola:
        np.testing.assert_allclose(line.get_xdata() * line.get_ydata(), s)
    (separatrix,) = [line for line in ax.get_lines() if "nothing is learned" in str(line.get_label())]
    np.testing.assert_allclose(separatrix.get_ydata(), -side * np.array(separatrix.get_xdata()))
    paths = [line for line in ax.get_lines() if line.get_linewidth() == 1.8]
    assert len(paths) == 8
    for line in paths:
        c, d = line.get_data()
        k = c**2 - d**2
        np.testing.assert_allclose(k, k[0], atol=1e-12 * abs(s))
        assert c[-1] * d[-1] == pytest.approx(s, rel=1e-3)
    # Both funnel and its opposite: some come closer to the diagonal, those from beyond the hyperbola move away.
    change = [abs(line.get_xdata() - side * line.get_ydata())[[0, -1]] @ [-1, 1] / unit for line in paths]
    assert min(change) < -0.01
    assert max(change) > 0.01
    arrows = next(x for x in ax.collections if hasattr(x, "U"))
    x, y = arrows.X, arrows.Y
    speed = np.hypot((s - x * y) * y, (s - x * y) * x)
    np.testing.assert_allclose(arrows.U * speed, (s - x * y) * y, atol=1e-12)
    np.testing.assert_allclose(arrows.V * speed, (s - x * y) * x, atol=1e-12)


@pytest.mark.core
def test_hidden_trajectories_are_principal_components_and_a_balanced_network_lies_on_the_theory(balanced):
    ax = plots.hidden_trajectories(balanced, Figure().subplots())
    thick = np.array([line.get_xydata() for line in ax.get_lines() if line.get_linewidth() == 3])
    thin = np.array([line.get_xydata() for line in ax.get_lines() if line.get_linewidth() == 0.8])
    every = np.moveaxis(balanced.hidden[0], 1, 2).reshape(-1, 6)
    variances, directions = np.linalg.eigh(np.cov(every.T))
    scores = (every - every.mean(axis=0)) @ directions[:, [-1, -2]]
    wanted = np.moveaxis(scores.reshape(601, 4, 2), 0, 1)
    signs = np.sign(np.sum(wanted * thick, axis=(0, 1)))
    np.testing.assert_allclose(thick, wanted * signs, atol=1e-12)
    np.testing.assert_allclose(thick, thin, atol=1e-5)
    assert texts(ax.texts) == ["Canary", "Salmon", "Oak", "Rose"]
    share = variances[-1] / variances.sum()
    assert ax.get_xlabel() == f"principal component 1 ({share:.0%} of variance)"
    # (12), solved for: a balanced mode is half way when its strength is s / 2.
    halves = [int(re.search(r"epoch (\d+)", text)[1]) for text in texts(ax.get_legend().get_texts()) if "half" in text]
    reached = [np.argmax(balanced.mode_strengths[0, :, m] > balanced.data.modes.s[m] / 2) * 2.5 for m in range(4)]
    np.testing.assert_allclose(halves, reached, atol=3)


@pytest.mark.core
def test_hidden_trajectories_show_every_branch_of_modes_that_are_as_strong():
    arguments = {"hidden": 32, "rate": 0.02, "epochs": 800, "init": pl.Gaussian(1e-5), "keep": ["hidden"]}
    for seed in range(3):
        run = pl.train(pl.toy(), rng=seed, **arguments)
        ax = plots.hidden_trajectories(run, Figure().subplots())
        ends = np.array([line.get_xydata()[-1] for line in ax.get_lines() if line.get_linewidth() == 3])
        apart = [np.hypot(*(a - b)) for a, b in itertools.combinations(ends, 2)]
        assert min(apart) > 0.9  # sqrt(2) in the space of all hidden units, 1 seen at the angle that shows both pairs
        assert "between principal components 2 and 3" in ax.get_ylabel()
        assert "modes 2-3 half learned" in texts(ax.get_legend().get_texts())[-1]


@pytest.mark.core
def test_hidden_trajectories_of_a_chosen_run():
    arguments = {"hidden": 8, "rate": 0.02, "epochs": 600, "init": pl.Gaussian(1e-3), "keep": ["hidden"], "rng": 0}
    runs = pl.train(pl.toy(), runs=2, **arguments)
    first, second = (
        plots.hidden_trajectories(runs, Figure().subplots(), number=k).get_lines()[0].get_xydata() for k in (0, 1)
    )
    assert not np.allclose(first, second)
    lengths = np.linalg.norm(np.diff(runs.hidden[1][:, :, 0], axis=0), axis=1)
    assert (np.linalg.norm(np.diff(second, axis=0), axis=1) <= lengths + 1e-12).all()


@pytest.mark.core
def test_stepwise_marks_half_times_where_the_modes_are_half_learned(balanced):
    gap = pl.gap(balanced)
    above, below = plots.stepwise(gap, Figure())
    thick = [line.get_ydata() for line in above.get_lines() if line.get_linewidth() == 4]
    np.testing.assert_array_equal(np.transpose(thick), gap.measured[0])
    marks = [line.get_xdata()[0] for line in above.get_lines() if line.get_linestyle() == ":" and len(line.get_xdata())]
    for mode, half in enumerate(marks):
        assert np.interp(half, balanced.epochs, gap.measured[0, :, mode]) == pytest.approx(gap.s[mode] / 2, rel=0.01)
    measured, predicted = (line.get_ydata() for line in below.get_lines()[:2])
    np.testing.assert_array_equal(measured, balanced.loss[0])
    np.testing.assert_allclose(predicted, measured, atol=1e-5)
    assert texts(above.texts) == [f"mode {m + 1}" for m in range(4)]
    assert below.get_xlabel() == "time (epochs)"


@pytest.mark.core
def test_loss_of_inputs_that_are_longer_than_one(balanced):
    # Inputs of squared length 4: a mode reaches s / 4, and what is missing of it weighs 4 times as much.
    data = pl.Dataset(balanced.data.outputs, 2 * np.eye(4))
    run = pl.train(data, hidden=6, rate=0.01, epochs=400, init=pl.Balanced(1e-4), rng=0, update="flow", tol=1e-9)
    _, below = plots.stepwise(pl.gap(run), Figure())
    measured, predicted = (line.get_ydata() for line in below.get_lines()[:2])
    assert measured[0] > 1
    np.testing.assert_allclose(predicted, measured, atol=1e-5)


def shallow_network(data, rate, epochs):
    """Part of each mode that a network without hidden units has learned after each epoch, one item at a time."""
    weights = np.zeros((data.n_features, data.n_inputs))
    out = []
    for _ in range(epochs + 1):
        out.append(np.diag(data.modes.u.T @ weights @ data.modes.v) / (data.modes.s / np.sum(data.inputs[:, 0] ** 2)))
        for x, y in zip(data.inputs.T, data.outputs.T, strict=True):
            weights += rate * np.outer(y - weights @ x, x)
    return np.array(out)


@pytest.mark.core
@pytest.mark.parametrize("length", [1.0, 1.5])
def test_deep_against_shallow(length):
    data = pl.Dataset([[2.0, 1.0], [-1.0, 1.0]], length * np.eye(2))
    run = pl.train(data, hidden=8, rate=0.1, epochs=60, init=pl.Gaussian(1e-3), rng=0, record=range(61))
    gap = pl.gap(run)
    deep, shallow = plots.deep_against_shallow(gap, Figure())
    line, dots = shallow.get_lines()
    network = shallow_network(data, 0.1, 60)
    np.testing.assert_allclose(
        dots.get_ydata()[:, None] + np.zeros(2), network[dots.get_xdata().astype(int)], rtol=1e-12
    )
    np.testing.assert_allclose(line.get_ydata(), 1 - np.exp(-0.1 * length**2 * run.epochs), rtol=1e-12)
    np.testing.assert_array_equal(deep.get_lines()[1].get_ydata(), gap.measured[0, :, 0] / gap.s[0])
    ratio = 4 / np.log(gap.s[1] / run.initial_strengths[0, 1] - 1)
    assert texts(deep.get_legend().get_texts())[1] == f"mode 2, $s$ = {gap.s[1]:.3g}:  {ratio:.2f}"
    assert texts(shallow.get_legend().get_texts()) == ["all modes:  2.89"]


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
def test_without_axes_every_function_makes_its_own_and_touches_no_global_style(gap, balanced, orders):
    assert sorted(EVERY) == sorted(plots.__all__)
    plt.close("all")
    before = dict(mpl.rcParams)
    for number, draw in enumerate(EVERY.values(), start=1):
        ax = draw(gap, balanced, orders)
        assert len(plt.get_fignums()) == number
        assert ax.get_figure() is plt.gcf()
    assert dict(mpl.rcParams) == before
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


@pytest.fixture(scope="module")
def orders():
    weights = pl.Gaussian(0.1).draw(pl.toy(), hidden=8, rng=0)
    runs = [
        pl.train(pl.toy(), hidden=8, rate=rate, epochs=8 / rate, init=weights, order="cyclic")
        for rate in (0.01, 0.02, 0.04)
    ]
    return pl.gap_order(runs)


@pytest.mark.core
def test_gap_orders(orders):
    axes = plots.gap_orders({"one": orders, "other": orders}, Figure())
    assert [ax.get_title(loc="left") for ax in axes] == [
        "online learning against the flow, mean",
        "against the modified flow, mean",
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
@pytest.mark.parametrize("theories", ["paper", None, ["all"], [3]])
def test_theories_refused(gap, theories):
    with pytest.raises((TypeError, ValueError), match=r"^theories must"):
        plots.learning_curves(gap, theories=theories)


@pytest.mark.core
def test_runs_that_do_not_fit_are_refused(gap, balanced):
    for call in (plots.stepwise, plots.deep_against_shallow):
        with pytest.raises(ValueError, match="run must be a whole number from 0 to 2; got 3"):
            call(gap, run=3)
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


@pytest.mark.core
def test_without_a_hidden_layer_only_inputs_that_all_modes_learn_alike():
    arguments = {"hidden": 2, "epochs": 3, "init": pl.Gaussian(1e-3), "rng": 0}
    for inputs in ([[1.0, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]]):
        run = pl.train(pl.Dataset(np.eye(2), inputs), rate=0.1, **arguments)
        with pytest.warns(pl.AssumptionWarning):
            gap = pl.gap(run)
        with pytest.raises(ValueError, match="gap must be of orthogonal inputs of one length"):
            plots.deep_against_shallow(gap)
    run = pl.train(pl.Dataset(0.1 * np.eye(2)), rate=2.5, **arguments)
    with pytest.raises(ValueError, match="gap must be of a rate below 2"):
        plots.deep_against_shallow(pl.gap(run))
