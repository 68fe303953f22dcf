import itertools

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import pylinear as pl
from drawn import balanced_run, texts, tree_gap
from pylinear import plots


@pytest.fixture
def gap():
    return tree_gap()


@pytest.fixture
def balanced():
    return balanced_run()


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
def test_learning_curves_name_the_dynamics(balanced):
    ax = plots.learning_curves(pl.gap(balanced), Figure().subplots(), theories=())
    assert texts(ax.get_legend().get_texts()) == ["averaged dynamics (7)-(8), 1 run"]


@pytest.mark.core
@pytest.mark.parametrize("theories", ["paper", None, ["all"], [3]])
def test_theories_refused(gap, theories):
    with pytest.raises((TypeError, ValueError), match=r"^theories must"):
        plots.learning_curves(gap, theories=theories)


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
@pytest.mark.parametrize("kind", ["a basis and its negative", "three directions in the plane"])
def test_white_inputs_of_more_items_than_dimensions(kind):
    if kind == "a basis and its negative":
        basis, kappa = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0], 2.0
        inputs = np.hstack([basis, -basis])
    else:
        angles, kappa = 2 * np.pi * np.arange(3) / 3, 1.5 * 4
        inputs = 2 * np.stack([np.cos(angles), np.sin(angles)])
    # What is the same for all items is orthogonal to these inputs: no linear network learns it.
    constant = np.outer([1.0, 0.5, -0.25, 0.0], np.ones(inputs.shape[1]))
    mapping = np.random.default_rng(4).standard_normal((4, inputs.shape[0]))
    data = pl.Dataset(mapping @ inputs + constant, inputs)
    learned = np.linalg.svd(mapping, compute_uv=False)
    epochs = 4 * np.log(1e4) / (2 * learned[-1] * kappa * 0.01)
    arguments = {"hidden": 6, "rate": 0.01, "epochs": epochs, "record": 601, "init": pl.Balanced(1e-4), "rng": 0}
    run = pl.train(data, update="flow", tol=1e-9, **arguments)
    gap = pl.gap(run)
    np.testing.assert_allclose(gap.s, learned)
    above, below = plots.stepwise(gap, Figure())
    marks = [line.get_xdata()[0] for line in above.get_lines() if line.get_linestyle() == ":" and len(line.get_xdata())]
    assert len(marks) == learned.size
    for mode, half in enumerate(marks):
        assert np.interp(half, run.epochs, gap.measured[0, :, mode]) == pytest.approx(learned[mode] / 2, rel=0.02)
    measured, predicted = (line.get_ydata() for line in below.get_lines()[:2])
    np.testing.assert_allclose(predicted, measured, rtol=1e-4)
    assert predicted[-1] == pytest.approx(np.sum(constant**2) / 2, rel=1e-4)


def shallow_network(data, rate, epochs, order=(0, 1)):
    """Part of each mode that a network without hidden units has learned after each epoch, one item at a time."""
    weights = np.zeros((data.n_features, data.n_inputs))
    out = []
    turns = itertools.cycle(order)
    for _ in range(epochs + 1):
        out.append(np.diag(data.modes.u.T @ weights @ data.modes.v) / (data.modes.s / np.sum(data.inputs[:, 0] ** 2)))
        for item in itertools.islice(turns, data.n_items):
            x, y = data.inputs[:, item], data.outputs[:, item]
            weights += rate * np.outer(y - weights @ x, x)
    return np.array(out)


@pytest.mark.core
@pytest.mark.parametrize(("length", "order"), [(1.0, (0, 1)), (1.5, (0, 1)), (1.0, (0, 1, 1, 0))])
def test_deep_against_shallow(length, order):
    data = pl.Dataset([[2.0, 1.0], [-1.0, 1.0]], length * np.eye(2))
    arguments = {"hidden": 8, "rate": 0.1, "epochs": 60, "init": pl.Gaussian(1e-3), "rng": 0, "record": range(61)}
    run = pl.train(data, order=order, **arguments)
    gap = pl.gap(run)
    deep, shallow = plots.deep_against_shallow(gap, Figure())
    line, dots = shallow.get_lines()
    network = shallow_network(data, 0.1, 60, order)
    np.testing.assert_allclose(
        dots.get_ydata()[:, None] + np.zeros(2), network[dots.get_xdata().astype(int)], rtol=1e-12
    )
    np.testing.assert_allclose(line.get_ydata(), 1 - np.exp(-0.1 * length**2 * run.epochs), rtol=1e-12)
    np.testing.assert_array_equal(deep.get_lines()[1].get_ydata(), gap.measured[0, :, 0] / gap.s[0])
    ratio = 4 / np.log(gap.s[1] / run.initial_strengths[0, 1] - 1)
    assert texts(deep.get_legend().get_texts())[1] == f"mode 2, $s$ = {gap.s[1]:.3g}:  {ratio:.2f}"
    assert texts(shallow.get_legend().get_texts()) == ["all modes:  2.89"]
    assert len({(line.get_color(), line.get_linestyle()) for line in deep.get_lines()[::2]}) == 2


@pytest.mark.core
@pytest.mark.parametrize("order", ["with_replacement", (0, 0, 1), (0, 0, 1, 1), (0, 1, 1)])
@pytest.mark.filterwarnings("ignore:the order given shows items:pylinear.AssumptionWarning")
def test_orders_that_show_some_item_twice_in_an_epoch_have_no_one_curve(order):
    data = pl.Dataset([[2.0, 1.0], [-1.0, 1.0]])
    run = pl.train(data, hidden=8, rate=0.1, epochs=6, init=pl.Gaussian(1e-3), rng=0, order=order)
    with pytest.raises(ValueError, match="gap must be of a run that shows every item once an epoch"):
        plots.deep_against_shallow(pl.gap(run), Figure())
    if not isinstance(order, str):
        modes = shallow_network(data, 0.1, 6, order)
        assert np.ptp(modes, axis=1).max() > 0.01


@pytest.mark.core
def test_the_number_of_a_run(gap):
    strengths, _ = plots.stepwise(gap, Figure(), number=2)
    np.testing.assert_array_equal(strengths.get_lines()[0].get_ydata(), gap.measured[2, :, 0])
    deep, _ = plots.deep_against_shallow(gap, Figure(), number=2)
    drawn = deep.get_lines()[1]
    at = np.searchsorted(gap.run.epochs, drawn.get_xdata())
    np.testing.assert_array_equal(drawn.get_ydata(), gap.measured[2, at, 0] / gap.s[0])


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


@pytest.mark.core
def test_runs_that_stopped_are_drawn_as_far_as_they_went():
    options = {"hidden": 2, "rate": 0.6, "epochs": 40, "init": pl.Gaussian(0.3), "runs": 2, "rng": 0}
    run = pl.train(pl.toy("signed"), keep=["hidden"], **options)
    with pytest.warns(pl.AssumptionWarning, match="stable"):
        gap = pl.gap(run)
    assert set(gap.run.status) == {"diverged"}
    ax = plots.learning_curves(gap, Figure().subplots())
    went = np.isfinite(gap.flow[:, :, 0]).any(axis=0)
    drawn = [line.get_ydata() for line in ax.get_lines()][3]
    np.testing.assert_array_equal(np.isfinite(drawn), went)
    np.testing.assert_allclose(drawn[0], gap.flow[:, 0, 0].mean())
    for draw in (plots.stepwise, plots.deep_against_shallow):
        draw(gap, Figure())
    plots.hidden_trajectories(gap.run, Figure().subplots())
