import os
import signal
import threading

import numpy as np
import pytest

import pylinear as pl
from pylinear import theory

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def data():
    return pl.Tree((2, 2), 0.1).sample(1_000, rng=0)


def gap_at(data, rate_times_s1, *, init, hidden=16, runs=3, **kwargs):
    rate = rate_times_s1 / data.modes.s[0]
    epochs = round(24 / (rate * data.modes.s[-1]) / 2)
    return pl.gap(pl.train(data, hidden=hidden, rate=rate, epochs=epochs, init=init, runs=runs, rng=1, **kwargs))


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
    largest = np.abs(gap.measured - gap.flow).max(axis=(0, 1)) / s
    np.testing.assert_allclose(gap.against()["flow (7)-(8)"], largest)
    np.testing.assert_allclose(gap.by_cause()["finite rate, mean"], largest)
    assert set(gap.by_cause()) == {"initial strength", "balance, coupling", "finite rate, mean"}


def test_finite_rate_is_first_order_in_the_rate(data):
    slow, fast = (gap_at(data, x, init=pl.Gaussian(1e-3)).by_cause()["finite rate, mean"] for x in (0.025, 0.05))
    np.testing.assert_allclose(np.log2(fast / slow), 1.0, atol=0.15)


def test_balanced_decoupled_weights_leave_only_the_finite_rate(data):
    a0 = 1e-4
    gap = gap_at(data, 0.05, init=pl.Balanced(a0), runs=1)
    assert gap.paper_strength == pytest.approx(a0)
    causes = gap.by_cause()
    assert causes["initial strength"].max() < 1e-10
    assert causes["balance, coupling"].max() < 1e-5
    assert causes["finite rate, mean"].min() > 0.01


def test_unbalanced_weights_show_in_their_own_column(data):
    causes = gap_at(data, 0.05, init=pl.Decoupled(1.0, 1e-4), runs=1).by_cause()
    assert (
        causes["balance, coupling"].max()
        > 5 * gap_at(data, 0.05, init=pl.Balanced(0.01), runs=1).by_cause()["balance, coupling"].max()
    )


def test_wide_networks_follow_the_effective_strength_more_closely(data):
    narrow = gap_at(data, 0.05, init=pl.Gaussian(1e-4), hidden=8).by_cause()
    wide = gap_at(data, 0.05, init=pl.Gaussian(1e-4), hidden=256).by_cause()
    assert wide["initial strength"].max() < narrow["initial strength"].max() / 2
    assert wide["balance, coupling"].max() < narrow["balance, coupling"].max() / 2


def test_the_table(data):
    gap = gap_at(data, 0.05, init=pl.Gaussian(1e-3), runs=2)
    lines = str(gap).splitlines()
    assert "2 runs" in lines[0]
    assert "rate x s1 = 0.05" in lines[0]
    assert [line.split()[0] for line in lines[3:]] == ["1", "2", "3", "4"]
    cells = [float(x) for x in lines[3].split()[1:]]
    assert cells[0] == pytest.approx(gap.s[0], rel=1e-3)
    expected = [*(x[0] for x in gap.against().values()), *(x[0] for x in gap.by_cause().values())]
    np.testing.assert_allclose(cells[1:], expected, atol=5.1e-5, rtol=0)
    assert "Run(" in repr(gap)


def test_modes_without_strength_are_left_out():
    run = pl.train(pl.toy("centred"), hidden=8, rate=0.02, epochs=400, rng=0, init=pl.Gaussian(1e-2))
    assert pl.gap(run).s.size == 3


def test_correlated_inputs_are_warned_of_and_the_flow_is_right():
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((30, 4)), np.eye(4) + 0.3 * rng.standard_normal((4, 4)))
    run = pl.train(data, hidden=8, rate=0.002, epochs=800, rng=0, init=pl.Gaussian(0.01))
    with pytest.warns(pl.AssumptionWarning, match="not orthogonal with equal lengths"):
        gap = pl.gap(run)
    assert gap.by_cause()["finite rate, mean"].max() < 0.05
    assert gap.against()["(10), effective a0"].max() > 0.1


def test_orthogonal_inputs_of_another_length_need_no_warning():
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 4)))[0]
    data = pl.Dataset(np.random.default_rng(1).standard_normal((50, 4)), 2 * q)
    run = pl.train(data, hidden=200, rate=5e-4, epochs=3000, rng=0, init=pl.Gaussian(1e-3))
    gap = pl.gap(run)
    # The strength that is reached is s / |x|^2.
    np.testing.assert_allclose(gap.s, data.modes.s / 4)
    np.testing.assert_allclose(gap.measured[0, -1], gap.s, rtol=1e-3)
    assert gap.against()["(10), effective a0"].max() < 0.05


def test_runs_that_stopped_early_are_told_of(data):
    run = pl.train(data, hidden=4, rate=0.5, epochs=100, rng=0, init=pl.Gaussian(0.1), record=101)
    text = str(pl.gap(run))
    assert max(map(len, text.splitlines())) < 150
    assert "1 of the runs stopped early: diverged." in text


def test_weights_at_zero_have_a_gap_too():
    run = pl.train(pl.toy(), hidden=2, rate=0.1, epochs=5, init=(np.zeros((2, 4)), np.zeros((5, 2))))
    gap = pl.gap(run)
    assert not gap.effective.any()
    assert "1.0000" not in str(gap)


def test_an_interrupted_run_has_the_gap_of_what_it_recorded():
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(pl.TrainingInterrupted) as caught:
        pl.train(pl.toy(), hidden=4, rate=0.02, epochs=1e9, rng=0, init=pl.Gaussian(0.1), record=np.arange(500.0))
    gap = pl.gap(caught.value.run)
    assert gap.by_cause()["finite rate, mean"].max() < 0.1


def test_a_gap_that_nobody_measured_is_not_zero():
    run = pl.train(pl.toy(), hidden=4, rate=1e300, epochs=5, rng=0, init=pl.Gaussian(1.0), record=[5.0])
    assert run.status == ("diverged",)
    gap = pl.gap(run)
    assert np.isnan(gap.by_cause()["finite rate, mean"]).all()
    assert str(gap).splitlines()[3].split()[-1] == "-"


def test_an_order_that_favours_some_items_is_warned_of():
    run = pl.train(pl.toy(), hidden=4, rate=0.02, epochs=10, rng=0, order=[0, 1, 2, 3, 0])
    with pytest.warns(pl.AssumptionWarning, match="shows items 1 to 2 times"):
        pl.gap(run)


def test_data_without_a_mode_has_no_gap():
    run = pl.train(pl.Dataset(np.zeros((3, 2))), hidden=2, rate=0.1, epochs=5, rng=0)
    with pytest.raises(ValueError, match="all association strengths are 0"):
        pl.gap(run)


def test_only_runs_have_a_gap():
    with pytest.raises(TypeError, match=r"run must be a pylinear.Run"):
        pl.gap(pl.toy())
