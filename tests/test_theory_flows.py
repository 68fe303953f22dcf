import numpy as np
import pytest

import pylinear as pl
from pylinear import theory


def rk4(velocity, state, t, steps):
    h = t / steps
    for _ in range(steps):
        k1 = velocity(state)
        k2 = velocity(state + h / 2 * k1)
        k3 = velocity(state + h / 2 * k2)
        k4 = velocity(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


@pytest.mark.parametrize("correlated", [False, True])
def test_flow_against_an_integrator_of_our_own(correlated):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((3, 5)) / 2 if correlated else None
    data = pl.Dataset(rng.standard_normal((6, 5)), inputs)
    w21, w32 = 0.3 * rng.standard_normal((4, data.n_inputs)), 0.3 * rng.standard_normal((6, 4))
    tau = 2.0

    def velocity(state):
        a, b = state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)
        error = data.outputs @ data.inputs.T - b @ a @ (data.inputs @ data.inputs.T)
        return np.concatenate([(b.T @ error).ravel(), (error @ a.T).ravel()]) / tau

    expected = rk4(velocity, np.concatenate([w21.ravel(), w32.ravel()]), 4.0, 4000)
    lower, upper = theory.flow([0.0, 1.5, 4.0], w21, w32, data, tau)
    np.testing.assert_array_equal(lower[0], w21)
    np.testing.assert_allclose(lower[-1].ravel(), expected[: w21.size], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(upper[-1].ravel(), expected[w21.size :], rtol=1e-8, atol=1e-9)
    difference = upper[-1].T @ upper[-1] - lower[-1] @ lower[-1].T
    np.testing.assert_allclose(difference, w32.T @ w32 - w21 @ w21.T, atol=1e-8)


def test_flow_of_balanced_decoupled_weights_is_formula_10():
    data = pl.Tree((2, 2), 0.1).sample(200, rng=0)
    a0 = np.array([0.1, 0.2, 0.05, 0.3])
    w21, w32 = pl.Balanced(a0).draw(data, hidden=6, rng=np.random.default_rng(0))
    t = np.linspace(0, 0.6, 30)
    lower, upper = theory.flow(t, w21, w32, data)
    modes = data.modes
    strengths = np.einsum("ia,tij,tjk,ka->ta", modes.u, upper, lower, modes.v, optimize=True)
    np.testing.assert_allclose(strengths, theory.mode_strength(t[:, None], modes.s, a0), rtol=1e-7)
    # Nothing off the diagonal: the map is (9).
    map_at_end = upper[-1] @ lower[-1]
    np.testing.assert_allclose(map_at_end, modes.u * strengths[-1] @ modes.v.T, atol=1e-8)


def test_a_bottleneck_learns_the_strongest_modes():
    data = pl.Dataset(np.diag([3.0, 2.0, 1.0]))
    w21, w32 = pl.Gaussian(1e-3).draw(data, hidden=2, rng=np.random.default_rng(0))
    lower, upper = theory.flow([40.0], w21, w32, data)
    np.testing.assert_allclose(upper[0] @ lower[0], np.diag([3.0, 2.0, 0.0]), atol=1e-6)


def test_the_tolerance_of_a_flow_is_what_it_says():
    data = pl.toy("signed")
    w21, w32 = pl.Gaussian(0.1).draw(data, hidden=4, rng=0)
    finest = theory.flow([1.0], w21, w32, data, rtol=1e-13)[1]
    errors = [np.abs(theory.flow([1.0], w21, w32, data, rtol=rtol)[1] - finest).max() for rtol in (1e-3, 1e-6, 1e-10)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


def test_the_tolerance_of_a_modified_flow_counts():
    data = pl.toy("signed")
    w21, w32 = pl.Gaussian(0.1).draw(data, hidden=4, rng=0)
    finest = theory.modified_flow([50], w21, w32, data, 0.02, rtol=1e-13)[1]
    rough, fine = (
        np.abs(theory.modified_flow([50], w21, w32, data, 0.02, rtol=rtol)[1] - finest).max() for rtol in (1e-3, 1e-10)
    )
    assert rough > 10 * fine
    assert fine < 1e-8


def test_times_of_a_flow_may_come_in_any_order():
    data = pl.toy()
    w = pl.Gaussian(0.1).draw(data, hidden=3, rng=0)
    for change in (
        lambda t: theory.flow(t, *w, data),
        lambda t: theory.modified_flow(t, *w, data, 0.1),
        lambda t: [x.swapaxes(0, 1) for x in theory.stochastic_flow(t, *w, data, 0.1, members=2, rng=0)],
    ):
        for mixed, sorted_ in zip(change([5, 0, 9, 5]), change([0, 5, 9]), strict=True):
            np.testing.assert_array_equal(mixed, sorted_[[1, 0, 2, 1]])


def test_times_of_a_flow_may_repeat():
    data = pl.toy()
    w21, w32 = pl.Gaussian(0.1).draw(data, hidden=3, rng=0)
    twice, once = theory.flow([0, 1, 1, 2], w21, w32, data)[1], theory.flow([0, 1, 2], w21, w32, data)[1]
    np.testing.assert_array_equal(twice, once[[0, 1, 1, 2]])


def test_flow_for_no_time_at_all():
    data = pl.toy()
    w21, w32 = pl.Gaussian(0.1).draw(data, hidden=3, rng=np.random.default_rng(0))
    lower, upper = theory.flow([0.0, 0.0], w21, w32, data)
    np.testing.assert_array_equal(lower, [w21, w21])
    np.testing.assert_array_equal(upper, [w32, w32])
    assert theory.flow([], w21, w32, data)[0].shape == (0, 3, 4)


@pytest.mark.core
def test_second_order_statistics_suffice_for_the_flow_but_not_online():
    # Rotating items and inputs alike keeps both correlations: one flow, two online trajectories.
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((6, 4))
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    one, other = pl.Dataset(outputs, np.eye(4)), pl.Dataset(outputs @ rotation, rotation)
    np.testing.assert_allclose(one.sigma_yx, other.sigma_yx, atol=1e-14)
    w21, w32 = pl.Gaussian(0.1).draw(one, hidden=5, rng=rng)
    flows = [theory.flow([3.0], w21, w32, data)[1] for data in (one, other)]
    np.testing.assert_allclose(flows[0], flows[1], rtol=1e-7, atol=1e-9)
    distances = []
    for rate in (0.02, 0.01):
        ends = []
        for data in (one, other):
            sim = pl.Simulation(data, w21, w32, rate=rate, order="cyclic")
            sim.advance(epochs=round(3 / rate))
            ends.append(sim.w32)
        distances.append(np.abs(ends[0] - ends[1]).max())
    assert 1.7 < distances[0] / distances[1] < 2.4  # first order in the rate


def in_modes(data, lower, upper):
    return np.einsum("ia,...ij,...jk,ka->...a", data.modes.u, upper, lower, data.modes.v, optimize=True)


@pytest.mark.parametrize("correlated", [False, True])
def test_many_features_are_integrated_in_few_dimensions(correlated):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((3, 4)) / 2 if correlated else None
    data = pl.Dataset(rng.standard_normal((40, 4)), inputs)
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=5, rng=0)
    few = slice(0, 9)
    rotation = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    for change in (
        lambda data, w32: theory.flow([0.0, 0.05, 2.0], w21, w32, data),
        lambda data, w32: theory.modified_flow([0.0, 1.0, 40.0], w21, w32, data, 0.02, "cyclic"),
        lambda data, w32: [x[0] for x in theory.stochastic_flow([0, 40], w21, w32, data, 0.02, members=1, rng=0)],
    ):
        lower, upper = change(data, w32)
        np.testing.assert_array_equal(upper[0], w32)
        turned = change(pl.Dataset(rotation @ data.outputs, inputs), rotation @ w32)
        np.testing.assert_allclose(turned[0], lower, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(turned[1], rotation @ upper, rtol=1e-6, atol=1e-8)
    # The same with rows that are few enough to be taken as they are, and nothing to learn in the others.
    flat = pl.Dataset(np.vstack([data.outputs[few], np.zeros((31, 4))]), inputs)
    weights = np.vstack([w32[few], np.zeros((31, 5))])
    lower, upper = theory.flow([0.05, 2.0], w21, weights, flat)
    lower_few, upper_few = theory.flow([0.05, 2.0], w21, w32[few], pl.Dataset(data.outputs[few], inputs))
    np.testing.assert_allclose(lower, lower_few, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(upper[:, few], upper_few, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(upper[:, 9:], 0, atol=1e-12)


@pytest.mark.core
@pytest.mark.parametrize("order", ["cyclic", "batch", [2, 0, 1, 3]])
def test_modified_flow_foretells_the_weights(order):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((6, 4)), np.eye(4) + 0.2 * rng.standard_normal((4, 4)))
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=5, rng=rng)
    how = {"update": "batch"} if order == "batch" else {"order": order}
    left = []
    for rate in (0.02, 0.01):
        epochs = round(2 / rate)
        sim = pl.Simulation(data, w21, w32, rate=rate, **how)
        sim.advance(epochs=epochs)
        lower, upper = theory.modified_flow([epochs], w21, w32, data, rate, order)
        plain = theory.flow([2.0], w21, w32, data)
        left.append(max(np.abs(lower[0] - sim.w21).max(), np.abs(upper[0] - sim.w32).max()))
        assert left[-1] < 0.2 * np.abs(plain[1][0] - sim.w32).max()
    assert np.log2(left[0] / left[1]) == pytest.approx(2, abs=0.2)


@pytest.mark.core
@pytest.mark.parametrize("rate", [0.01, 0.003])
def test_stochastic_flow_scatters_as_learning_with_replacement_does(rate):
    rng = np.random.default_rng(3)
    data = pl.Dataset(rng.standard_normal((6, 4)))
    weights = pl.Gaussian(0.3).draw(data, hidden=5, rng=rng)
    epochs = np.linspace(0, round(2 / rate), 11).round()
    options = {"hidden": 5, "rate": rate, "epochs": epochs[-1], "init": weights, "record": epochs, "rng": 1}
    run = pl.train(data, order="with_replacement", runs=1000, **options)
    solutions = in_modes(data, *theory.stochastic_flow(epochs, *weights, data, rate, members=600, rng=0))
    # The standard errors of the two are 2 and 3 %; the rest is of the order of the rate.
    online = run.mode_strengths
    largest = online.std(axis=0).max(axis=0)
    np.testing.assert_allclose(solutions.std(axis=0) / largest, online.std(axis=0) / largest, atol=0.12)
    # Means: what the rate shifts them by is within their own standard error where the mean flow's is not.
    error = largest * np.sqrt(1 / 1000 + 1 / 600)
    assert np.all(np.abs(solutions.mean(axis=0) - online.mean(axis=0)) < 5 * error)


def test_large_weights_take_shorter_steps_of_a_stochastic_flow():
    data = pl.toy()
    w = pl.Gaussian(2.0).draw(data, hidden=32, rng=0)
    lower, upper = theory.stochastic_flow([5_000], *w, data, 1e-6, members=3, rng=0)
    expected = theory.modified_flow([5_000], *w, data, 1e-6)
    np.testing.assert_allclose(lower[:, 0], np.repeat(expected[0], 3, axis=0), atol=0.05)
    np.testing.assert_allclose(upper[:, 0], np.repeat(expected[1], 3, axis=0), atol=0.05)


def test_members_and_seeds_of_a_stochastic_flow():
    data = pl.toy()
    w = pl.Gaussian(0.1).draw(data, hidden=3, rng=0)
    one, same, other = (theory.stochastic_flow([0, 5], *w, data, 0.02, members=2, rng=k)[1] for k in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one[:, 1] - other[:, 1]).max() > 0
    assert np.abs(one[0, 1] - one[1, 1]).max() > 0
    assert theory.stochastic_flow([], *w, data, 0.02)[0].shape == (32, 0, 3, 4)


def test_what_flows_refuse():
    data = pl.toy()
    w = pl.Gaussian(0.1).draw(data, hidden=3, rng=0)
    with pytest.raises(ValueError, match=r"order must not be 'with_replacement'.*theory.stochastic_flow"):
        theory.modified_flow([1.0], *w, data, 0.1, "with_replacement")
    with pytest.raises(ValueError, match="order must be one of 'batch', 'cyclic', 'reshuffled'"):
        theory.modified_flow([1.0], *w, data, 0.1, "random")
    with pytest.raises(ValueError, match="order must name items from 0 to 3; got 4"):
        theory.modified_flow([1.0], *w, data, 0.1, [0, 4])
    with pytest.raises(ValueError, match="rate must be a finite number above 0"):
        theory.modified_flow([1.0], *w, data, 0.0)
    with pytest.raises(ValueError, match="t must be finite"):
        theory.flow([np.inf], *w, data)
    gram = pl.Dataset.from_gram(np.eye(4), n_features=5)
    with pytest.raises(ValueError, match="outputs are not known"):
        theory.flow([1.0], *w, gram)


@pytest.mark.parametrize("scale", [1e-9, 1e-16, 1e-30])
def test_weights_may_be_as_small_as_they_like(scale):
    # The flow of small weights is linear until they have grown: from ten times less it is later by ln(10) / s.
    data = pl.Dataset(np.diag([3.0, 1.0]))
    w21, w32 = pl.Gaussian(1.0).draw(data, hidden=4, rng=0)
    t = np.array([0.0, 2.0, 60.0])
    lower, upper = theory.flow(t - np.log(scale) / 3 * (t > 0), scale * w21, scale * w32, data)
    tiny = theory.flow(t - np.log(scale / 10) / 3 * (t > 0), scale / 10 * w21, scale / 10 * w32, data)
    first = in_modes(data, lower, upper)[:, 0], in_modes(data, *tiny)[:, 0]
    np.testing.assert_allclose(first[0][1:], first[1][1:], rtol=1e-5)
    assert first[0][1] == pytest.approx(3.0, rel=0.01)


def test_flows_that_would_not_end_are_refused():
    data = pl.toy()
    w = pl.Gaussian(0.1).draw(data, hidden=3, rng=0)
    for call in (
        lambda: theory.flow([8e5], *w, data),
        lambda: theory.modified_flow([1e9], *w, data, 0.01),
        lambda: theory.stochastic_flow([1e9], *w, data, 0.01),
        lambda: theory.simplified_flow([1e7], *w, data),
    ):
        with pytest.raises(ValueError, match=r"^t must be at most .*, which is 1e\+06 tau / s_1, .*; got [18]e"):
            call()
