import warnings

import numpy as np
import pytest

import pylinear as pl
from problems import gap_at, inputs_of
from pylinear import theory

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def data():
    return pl.Tree((2, 2), 0.1).sample(1_000, rng=0)


def test_curves_are_their_definitions(data):
    gap = gap_at(data, 0.1, init=pl.Gaussian(1e-3), runs=2)
    run, s = gap.run, data.modes.s
    np.testing.assert_array_equal(gap.measured, run.mode_strengths)
    assert gap.paper_strength == 16 * 1e-6 / 2
    t = run.epochs[:, None]
    np.testing.assert_allclose(gap.paper, theory.mode_strength(t, s, 8e-6, 1 / run.rate))
    for k in range(2):
        w21, w32 = run.initial_weights(k)
        a0 = theory.initial_strength(w21, w32, data.modes.u, data.modes.v)
        np.testing.assert_allclose(gap.effective[k], theory.mode_strength(t, s, a0, 1 / run.rate))
        # The flow of the full network, not of the reduced one.
        lower, upper = theory.flow(run.epochs[::40], w21, w32, data, 1 / run.rate)
        full = np.einsum("ia,tij,tjk,ka->ta", data.modes.u, upper, lower, data.modes.v, optimize=True)
        np.testing.assert_allclose(gap.flow[k, ::40], full, rtol=1e-6, atol=1e-7)
        lower, upper = theory.modified_flow(run.epochs[::40], w21, w32, data, run.rate, "reshuffled")
        full = np.einsum("ia,tij,tjk,ka->ta", data.modes.u, upper, lower, data.modes.v, optimize=True)
        np.testing.assert_allclose(gap.predicted[k, ::40], full, rtol=1e-6, atol=1e-7)
    of_tree = data.tree.singular_values(1000)[[0, 1, 2, 2]]
    expected = theory.mode_strength(t, of_tree, 8e-6, 1 / run.rate)
    np.testing.assert_allclose(gap.theories["(10), s of (13)"].strengths[0], expected)


def squared(matrix):
    return np.sum(matrix**2, axis=(-2, -1))


@pytest.mark.parametrize("kind", ["one-hot", "orthogonal", "correlated", "wide"])
def test_losses_and_maps_are_those_of_the_weights(kind):
    rng = np.random.default_rng(4)
    data = pl.Dataset(rng.standard_normal((20, 4)), inputs_of(kind, 4, rng))
    keep = {"keep": ["maps", "weights"], "record": 6}
    run = pl.train(data, hidden=6, rate=0.01, epochs=60, init=pl.Gaussian(0.05), runs=2, rng=0, **keep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pl.AssumptionWarning)
        gap = pl.gap(run)
    u, v = data.modes.u, data.modes.v
    online = run.weights_over_time
    shown = online.w32 @ online.w21
    for name, change in (("flow (7)-(8)", theory.flow), ("modified flow", theory.modified_flow)):
        scale = {"tau": 1 / run.rate} if name.startswith("flow") else {"rate": run.rate}
        for k in range(2):
            lower, upper = change(run.epochs, *run.initial_weights(k), data, **scale)
            loss = squared(data.outputs - upper @ lower @ data.inputs) / 2
            np.testing.assert_allclose(gap.theories[name].loss[k], loss, rtol=1e-6)
            late = np.abs(run.loss[k] - loss) / run.loss[k, 0]
            np.testing.assert_allclose(gap.loss_gaps()[name][k], late, atol=1e-7)
            off = np.sqrt(squared(u.T @ (shown[k] - upper @ lower) @ v)) / np.linalg.norm(gap.s)
            np.testing.assert_allclose(gap.map_gaps()[name][k], off, atol=1e-7)
    composed = gap.effective[:, :, None] * u @ v.T  # (9)
    loss = squared(data.outputs - composed @ data.inputs) / 2
    np.testing.assert_allclose(gap.theories["(10), effective a0"].loss, loss, rtol=1e-8, atol=1e-12)
    off = np.sqrt(squared(u.T @ (shown - composed) @ v)) / np.linalg.norm(gap.s)
    np.testing.assert_allclose(gap.map_gaps()["(10), effective a0"], off, atol=1e-10)


@pytest.mark.parametrize("given", ["an order", "cyclic", "batch"])
def test_every_way_through_the_items_is_predicted(given):
    rng = np.random.default_rng(1)
    data = pl.Dataset(rng.standard_normal((6, 4)))
    weights = pl.Gaussian(0.2).draw(data, hidden=5, rng=rng)
    how = {"an order": {"order": [3, 0, 2, 1]}, "cyclic": {"order": "cyclic"}, "batch": {"update": "batch"}}[given]
    rate = 0.02 / data.modes.s[0]
    gap = pl.gap(pl.train(data, hidden=5, rate=rate, epochs=800, init=weights, **how))
    causes = gap.by_cause()
    assert causes["unexplained"].max() < 0.04 * causes["finite rate, mean"].max()
    # Not by the pacing of another order, which has the same flow.
    if given != "batch":
        rows = theory.modified_flow(gap.run.epochs, *weights, data, rate, "reshuffled")
        other = np.einsum("ia,tij,tjk,ka->ta", data.modes.u, rows[1], rows[0], data.modes.v, optimize=True)
        assert np.abs(gap.measured[0] - other).max() > 5 * np.abs(gap.measured - gap.predicted).max()


def test_a_flow_has_no_gap_to_itself_and_needs_no_prediction():
    run = pl.train(pl.toy(), hidden=8, rate=0.02, epochs=300, rng=0, init=pl.Gaussian(0.01), update="flow")
    gap = pl.gap(run)
    assert gap.scatter is None
    assert gap.predicted is None
    assert gap.by_cause()["finite rate, mean"].max() < 1e-6
    assert "unexplained" not in gap.by_cause()


def test_orders_with_replacement_have_their_scatter_foretold():
    data = pl.toy("signed")
    weights = pl.Gaussian(0.1).draw(data, hidden=8, rng=0)
    options = {"hidden": 8, "rate": 0.01, "epochs": 200, "order": "with_replacement", "record": 41}
    gap = pl.gap(pl.train(data, init=weights, runs=300, rng=0, **options))
    assert gap.predicted is None
    measured = gap.measured.std(axis=0, ddof=1)
    # 72 members and 300 runs: 10 % is 1.1 standard errors at any one time, so the curves as a whole are compared.
    ratio = gap.scatter.sum(axis=0) / measured.sum(axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.15)
    assert gap.by_cause()["scatter, predicted"].max() == pytest.approx((gap.scatter / gap.s).max())
    again = pl.gap(pl.train(data, init=weights, runs=300, rng=0, **options))
    np.testing.assert_array_equal(gap.scatter, again.scatter)
    for runs in (1, 3):  # each with weights of its own
        few = pl.gap(pl.train(data, init=pl.Gaussian(0.1), runs=runs, rng=0, **options))
        assert few.scatter.shape == (41, few.s.size)
        assert np.isnan(few.by_cause()["finite rate, scatter"]).all() == (runs == 1)


def test_runs_that_share_their_weights_share_their_flow(data):
    weights = pl.Gaussian(1e-3).draw(data, hidden=8, rng=0)
    rate = 0.1 / data.modes.s[0]
    one, three = (
        pl.gap(pl.train(data, hidden=8, rate=rate, epochs=200, init=weights, runs=runs, rng=0)) for runs in (1, 3)
    )
    np.testing.assert_array_equal(three.flow, np.repeat(one.flow, 3, axis=0))
    assert three.flow.shape == three.measured.shape


def test_runs_with_weights_of_their_own_have_flows_of_their_own(data):
    w21, w32 = (np.stack(w) for w in zip(*(pl.Gaussian(1e-3).draw(data, 8, rng=k) for k in range(3)), strict=True))
    options = {"hidden": 8, "rate": 0.1 / data.modes.s[0], "epochs": 200, "rng": 0, "record": 21}
    three = pl.gap(pl.train(data, init=(w21, w32), runs=3, **options))
    for k in range(3):
        one = pl.gap(pl.train(data, init=(w21[k], w32[k]), **options))
        np.testing.assert_array_equal(three.flow[k], one.flow[0])
        np.testing.assert_array_equal(three.predicted[k], one.predicted[0])


def test_a_shared_flow_goes_as_far_as_the_run_that_went_furthest():
    data = pl.toy()
    weights = pl.Gaussian(0.5).draw(data, hidden=4, rng=0)
    options = {"hidden": 4, "rate": 0.9, "epochs": 40, "order": "with_replacement", "record": 41}
    run = pl.train(data, init=weights, runs=20, rng=0, **options)
    assert set(run.status) == {"ok", "diverged"}
    with pytest.warns(pl.AssumptionWarning, match="stable"):
        gap = pl.gap(run)
    assert not np.isnan(gap.flow).any()
    late = np.array([status == "diverged" for status in run.status])
    assert np.isnan(gap.measured[late, -1]).all()
    # The tables are of those that lasted.
    assert not gap.counted[late].any()
    largest = np.abs(gap.measured - gap.flow)[~late].max(axis=(0, 1)) / gap.s
    np.testing.assert_allclose(gap.against()["flow (7)-(8)"], largest)
    assert str(gap).endswith("Those that diverged are left out.")
    assert not np.isnan(gap.by_cause()["finite rate, mean"]).any()


def test_correlated_inputs_are_warned_of_and_the_flow_is_right():
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((30, 4)), np.eye(4) + 0.3 * rng.standard_normal((4, 4)))
    run = pl.train(data, hidden=8, rate=0.002, epochs=800, rng=0, init=pl.Gaussian(0.01))
    with pytest.warns(pl.AssumptionWarning, match="inputs are not white"):
        gap = pl.gap(run)
    assert gap.kappa == pytest.approx(np.trace(data.sigma_xx) / 4)
    assert gap.by_cause()["finite rate, mean"].max() < 0.05
    assert gap.against()["(10), effective a0"].max() > 0.1


def test_orthogonal_inputs_of_another_length_need_no_warning():
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 4)))[0]
    data = pl.Dataset(np.random.default_rng(1).standard_normal((50, 4)), 2 * q)
    run = pl.train(data, hidden=200, rate=5e-4, epochs=3000, rng=0, init=pl.Gaussian(1e-3))
    gap = pl.gap(run)
    assert gap.kappa == pytest.approx(4.0)
    # The strength that is reached is s / |x|^2.
    np.testing.assert_allclose(gap.s, data.modes.s / 4)
    np.testing.assert_allclose(gap.measured[0, -1], gap.s, rtol=1e-3)
    assert gap.against()["(10), effective a0"].max() < 0.05


def test_an_order_that_favours_some_items_is_warned_of():
    run = pl.train(pl.toy(), hidden=4, rate=0.02, epochs=10, rng=0, order=[0, 1, 2, 3, 0])
    with pytest.warns(pl.AssumptionWarning, match="shows items 0.8 to 1.6 times an epoch"):
        pl.gap(run)


def test_what_each_move_costs_is_what_its_switch_changes():
    rng = np.random.default_rng(4)
    data = pl.Dataset(rng.standard_normal((30, 4)), inputs_of("correlated", 4, rng))
    run = pl.train(data, hidden=6, rate=0.01, epochs=200, init=pl.Gaussian(0.05), runs=2, rng=0, record=11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pl.AssumptionWarning)
        gap = pl.gap(run)
        costs = gap.by_move()
    switches = {
        "decorrelated inputs": ["decorrelated"],
        "SVD coordinates": ["coordinates"],
        "diagonal": ["diagonal"],
        "balanced": ["balanced"],
        "all four": ["decorrelated", "coordinates", "diagonal", "balanced"],
    }
    assert list(costs) == list(switches)
    for name, on in switches.items():
        options = dict.fromkeys(on, True)
        strengths = np.array(
            [
                theory.simplified_flow(run.epochs, *run.initial_weights(k), data, 1 / run.rate, **options)
                for k in range(2)
            ]
        )
        expected = (np.abs(strengths[..., : gap.s.size] - gap.flow) / gap.s).max(axis=(0, 1))
        np.testing.assert_allclose(costs[name], expected, atol=1e-7)
    assert costs["SVD coordinates"].max() < 1e-6
    assert costs["decorrelated inputs"].max() > 0.1
    lines = gap.moves_table().splitlines()
    assert float(lines[2].split()[-1]) == pytest.approx(costs["all four"][0], abs=5.1e-5)


def test_the_four_moves_lead_to_formula_10(data):
    gap = gap_at(data, 0.05, init=pl.Balanced(1e-4), runs=1)
    costs = gap.by_move()
    assert max(x.max() for x in costs.values()) < 1e-6
    wide = gap_at(data, 0.05, init=pl.Gaussian(1e-4), hidden=512, runs=1).by_move()
    narrow = gap_at(data, 0.05, init=pl.Gaussian(1e-4), hidden=8, runs=1).by_move()
    assert wide["all four"].max() < narrow["all four"].max() / 3


def test_what_diverged_is_no_part_of_what_is_expected():
    data = pl.toy("signed")
    weights = [pl.Gaussian(0.05).draw(data, hidden=8, rng=k) for k in range(3)]
    w21, w32 = (np.stack(w) for w in zip(*weights, strict=True))
    for order in ("reshuffled", "with_replacement"):
        options = {"hidden": 8, "rate": 0.02, "epochs": 100, "rng": 0, "order": order}
        large = w21 * np.array([1, 300, 1])[:, None, None], w32 * np.array([1, 300, 1])[:, None, None]
        three = pl.train(data, init=large, runs=3, **options)
        assert three.status == ("ok", "diverged", "ok")
        gap = pl.gap(three)
        two = pl.gap(pl.train(data, init=(w21[[0, 2]], w32[[0, 2]]), runs=2, **options))
        assert gap.paper_strength == pytest.approx(two.paper_strength)
        np.testing.assert_allclose(gap.by_cause()["initial strength"], two.by_cause()["initial strength"])
        if order == "with_replacement":
            assert not np.isnan(gap.scatter).any()
