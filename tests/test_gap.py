import os
import signal
import threading

import numpy as np
import pytest

import pylinear as pl
from problems import gap_at

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def data():
    return pl.Tree((2, 2), 0.1).sample(1_000, rng=0)


def test_both_tables_follow_from_the_curves(data):
    gap = gap_at(data, 0.1, init=pl.Gaussian(1e-3), runs=3)
    s, chain = data.modes.s, list(gap.theories)
    assert chain == ["(10), s of (13)", "(10), paper's a0", "(10), effective a0", "flow (7)-(8)", "modified flow"]
    assert gap.counted.all()
    for name, values in gap.against().items():
        np.testing.assert_allclose(values, np.abs(gap.measured - gap.theories[name].strengths).max(axis=(0, 1)) / s)
    causes = gap.by_cause()
    names = ["finite N", "initial strength", "balance, coupling", "finite rate, mean"]
    for one, other, name in zip(chain, chain[1:-1], names, strict=False):
        difference = gap.theories[one].strengths - gap.theories[other].strengths
        np.testing.assert_allclose(causes[name], np.abs(difference).max(axis=(0, 1)) / s)
    left = gap.measured - gap.predicted
    np.testing.assert_allclose(causes["finite rate, scatter"], left.std(axis=0, ddof=1).max(axis=0) / s)
    # Weights of their own: there is one order for each, and no mean over several.
    np.testing.assert_array_equal(causes["finite rate, mean"], gap.against()["flow (7)-(8)"])
    np.testing.assert_array_equal(causes["unexplained"], gap.against()["modified flow"])


def test_runs_that_share_their_weights_are_averaged(data):
    gap = gap_at(data, 0.1, init=pl.Gaussian(1e-3).draw(data, 16, rng=0), runs=5)
    causes = gap.by_cause()
    for name, theory_of in (("finite rate, mean", gap.flow), ("unexplained", gap.predicted)):
        mean = np.abs((gap.measured - theory_of).mean(axis=0)).max(axis=0)
        np.testing.assert_allclose(causes[name], mean / gap.s)
        assert np.all(causes[name] < np.abs(gap.measured - theory_of).max(axis=(0, 1)) / gap.s)


def test_records_within_an_epoch_are_not_counted(data):
    # There learning is ahead of or behind every mean over items by the order of the rate.
    rate = 0.02 / data.modes.s[0]
    options = {"hidden": 8, "rate": rate, "epochs": 500, "rng": 0, "init": pl.Gaussian(0.05), "order": "cyclic"}
    often = pl.gap(pl.train(data, record=2001, **options))
    whole = pl.gap(pl.train(data, record=501, **options))
    assert often.measured.shape[1] == 2001
    np.testing.assert_allclose(often.by_cause()["unexplained"], whole.by_cause()["unexplained"], rtol=1e-6)
    assert np.abs(often.measured - often.predicted).max() > 3 * np.abs(whole.measured - whole.predicted).max()
    assert str(often).splitlines()[3:] == str(whole).splitlines()[2:]
    assert str(often).splitlines()[2] == "Counted are 501 of 2001 times, those after whole epochs; see Gap.counted."
    # Where there is nothing else, or nothing is within an epoch, they are.
    within = pl.gap(pl.train(data, record=[0.25, 1.5], **options))
    assert within.counted.all()
    drawn = pl.gap(pl.train(data, record=481, **{**options, "order": "with_replacement"}))
    assert drawn.counted.all()
    followed = pl.gap(pl.train(data, record=[0.5, 1.0], **{**options, "order": "reshuffled", "update": "flow"}))
    assert followed.counted.all()
    cycle = pl.gap(pl.train(data, record=[0.5, 1.0, 1.25], **{**options, "order": [0, 1, 2, 3, 3, 2, 1, 0]}))
    assert cycle.counted.tolist() == [[False, True, False]]


def test_maps_must_have_been_kept(data):
    with pytest.raises(ValueError, match=r"run must be trained with keep=\['maps'\]"):
        gap_at(data, 0.1, init=pl.Gaussian(1e-3), runs=1).map_gaps()


@pytest.mark.parametrize(("hidden", "x", "late", "left"), [(16, 0.1, 0.17, 0.012), (128, 0.025, 0.043, 0.0012)])
def test_what_a_plain_numpy_trial_found_for_figure_3(hidden, x, late, left):
    # Ten seeds at sigma = 1e-4: flow against online, and what is left of it after the modified flow.
    data = pl.Tree((2, 2), 0.1).sample(10_000, rng=0)
    rate = x / data.modes.s[0]
    epochs = round(1.6 * np.log(data.modes.s[-1] / (hidden * 1e-8 / 2)) / (data.modes.s[-1] * rate))
    run = pl.train(data, hidden=hidden, rate=rate, epochs=epochs, init=pl.Gaussian(1e-4), runs=10, rng=0, record=400)
    gap = pl.gap(run)
    against = {name: values.max() for name, values in gap.against().items()}
    assert against["flow (7)-(8)"] == pytest.approx(late, rel=0.15)
    assert against["modified flow"] < left
    assert gap.by_cause()["finite rate, scatter"].max() < left / 4
    assert against["(10), paper's a0"] > 2 * against["modified flow"]


def test_a_tree_may_be_named_for_data_that_do_not_know_theirs():
    tree = pl.Tree((2, 2), 0.1)
    sample = tree.sample(2_000, rng=0)
    run = pl.train(pl.Dataset(sample.outputs), hidden=16, rate=1e-3, epochs=300, rng=0, init=pl.Gaussian(1e-3))
    assert "finite N" not in pl.gap(run).by_cause()
    known = pl.train(sample, hidden=16, rate=1e-3, epochs=300, rng=0, init=pl.Gaussian(1e-3))
    np.testing.assert_array_equal(pl.gap(run, tree=tree).by_cause()["finite N"], pl.gap(known).by_cause()["finite N"])
    with pytest.raises(ValueError, match="tree must have the 4 items of the run"):
        pl.gap(run, tree=pl.Tree((3, 2), 0.1))
    with pytest.raises(TypeError, match=r"tree must be a pylinear.Tree"):
        pl.gap(run, tree=(2, 2))


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
    first, second = lines.index("Measured against") + 2, lines.index("By cause") + 2
    for start, table in ((first, gap.against()), (second, gap.by_cause())):
        rows = [line.split() for line in lines[start : start + 4]]
        assert [row[0] for row in rows] == ["1", "2", "3", "4"]
        for mode, row in enumerate(rows):
            assert float(row[1]) == pytest.approx(gap.s[mode], rel=1e-3)
            expected = [values[mode] for values in table.values()]
            np.testing.assert_allclose([float(x) for x in row[2:]], expected, atol=5.1e-5, rtol=0.05)
    loss = lines[first + 4].split()
    assert loss[0] == "loss"
    np.testing.assert_allclose([float(x) for x in loss[1:]], [x.max() for x in gap.loss_gaps().values()], atol=5.1e-5)
    assert lines[first + 5] == ""
    assert "Run(" in repr(gap)


def test_the_table_has_a_row_for_maps_that_were_kept(data):
    gap = gap_at(data, 0.05, init=pl.Gaussian(1e-3), runs=2, keep=["maps"])
    row = next(line.split() for line in str(gap).splitlines() if line.strip().startswith("map"))
    np.testing.assert_allclose([float(x) for x in row[1:]], [x.max() for x in gap.map_gaps().values()], atol=5.1e-5)


def test_modes_without_strength_are_left_out():
    run = pl.train(pl.toy("centred"), hidden=8, rate=0.02, epochs=400, rng=0, init=pl.Gaussian(1e-2))
    assert pl.gap(run).s.size == 3


@pytest.mark.parametrize("runs", [1, 3])
def test_runs_that_stopped_early_are_told_of(data, runs):
    run = pl.train(data, hidden=4, rate=0.5, epochs=100, rng=0, init=pl.Gaussian(0.1), record=101, runs=runs)
    with pytest.warns(pl.AssumptionWarning, match="is above the largest at which learning is stable"):
        gap = pl.gap(run)
    text = str(gap)
    assert "left out" not in text
    # What no run has reached is no gap: the curves of (10) go on.
    reached = gap.counted.any(axis=0)
    assert not reached.all()
    apart = np.abs(gap.theories["(10), paper's a0"].strengths - gap.effective)[:, reached].max(axis=(0, 1)) / gap.s
    np.testing.assert_allclose(gap.by_cause()["initial strength"], apart)
    assert max(map(len, text.splitlines())) < 150
    assert f"{runs} of the runs stopped early: diverged." in text


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
    with pytest.warns(pl.AssumptionWarning, match="stable"):
        gap = pl.gap(run)
    assert np.isnan(gap.by_cause()["finite rate, mean"]).all()
    assert str(gap).splitlines()[-2].split()[-1] == "-"


def test_data_without_a_mode_has_no_gap():
    run = pl.train(pl.Dataset(np.zeros((3, 2))), hidden=2, rate=0.1, epochs=5, rng=0)
    with pytest.raises(ValueError, match="all association strengths are 0"):
        pl.gap(run)


def test_only_runs_have_a_gap():
    with pytest.raises(TypeError, match=r"run must be a pylinear.Run"):
        pl.gap(pl.toy())


def test_an_order_of_no_short_cycle_counts_all_records():
    data = pl.toy("signed")
    items = np.random.default_rng(0).permutation(np.repeat(np.arange(4), 100))
    gap = pl.gap(pl.train(data, hidden=8, rate=0.02, epochs=100, rng=0, init=pl.Gaussian(0.1), order=items))
    assert gap.counted.all()


def test_many_modes_share_the_last_row():
    data = pl.Tree((30,), 0.2).sample(200, rng=0)
    run = pl.train(data, hidden=40, rate=0.1 / data.modes.s[0], epochs=20, rng=0, init=pl.Gaussian(1e-2))
    gap = pl.gap(run)
    lines = str(gap).splitlines()
    rest = next(line for line in lines if line.startswith("20-30")).split()
    largest = [values[19:].max() for values in gap.against().values()]
    np.testing.assert_allclose([float(x) for x in rest[-len(largest) :]], largest, atol=5.1e-5, rtol=0.05)
    assert len(lines) < 55
