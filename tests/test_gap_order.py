import numpy as np
import pytest

import pylinear as pl

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((6, 4)))
    return data, pl.Gaussian(0.2).draw(data, hidden=5, rng=rng)


def sweep(problem, runs=1, **how):
    """Runs at four rates over a factor of 8, over one and the same time."""
    data, weights = problem
    s = data.modes.s
    for step in (0.1, 0.05, 0.025, 0.0125):
        rate = step / s[0]
        epochs = round(12 / (s[-1] * rate))
        record = np.unique(np.linspace(0, epochs, 200).round())
        yield pl.train(data, hidden=5, rate=rate, epochs=epochs, init=weights, runs=runs, rng=1, record=record, **how)


@pytest.mark.parametrize("how", [{"update": "batch"}, {"order": "cyclic"}, {"order": "reshuffled", "runs": 200}])
def test_the_gap_is_of_first_order_and_what_is_unexplained_of_second(problem, how):
    found = pl.gap_order(sweep(problem, **how))
    assert found.powers["finite rate, mean"].power == pytest.approx(1.0, abs=0.1)
    assert found.powers["unexplained"].power == pytest.approx(2.0, abs=0.2)
    assert ("finite rate, scatter" in found.powers) == ("runs" in how)
    if "runs" in how:
        assert found.powers["finite rate, scatter"].power == pytest.approx(1.5, abs=0.2)
    assert all(order.error < 0.1 for order in found.powers.values())


def test_scatter_with_replacement_is_of_order_one_half(problem):
    found = pl.gap_order(sweep(problem, order="with_replacement", runs=60))
    assert found.powers["finite rate, scatter"].power == pytest.approx(0.5, abs=0.1)
    assert list(found.powers) == ["finite rate, scatter"]


def test_the_fit_is_that_of_least_squares(problem):
    gaps = [pl.gap(run) for run in sweep(problem, order="cyclic")]
    found = pl.gap_order(gaps)
    assert np.all(np.diff(found.rates) > 0)
    for name, values in found.gaps.items():
        np.testing.assert_allclose(values[::-1], [gap.by_cause()[name].max() for gap in gaps])
        coefficients, covariance = np.polyfit(np.log(found.rates), np.log(values), 1, cov=True)
        assert found.powers[name].power == pytest.approx(coefficients[0])
        assert found.powers[name].error == pytest.approx(np.sqrt(covariance[0, 0]))


def test_the_table(problem):
    found = pl.gap_order(sweep(problem, order="cyclic"))
    lines = str(found).splitlines()
    assert [float(line.split()[0]) for line in lines[2:6]] == pytest.approx(found.rates * found.s1, rel=1e-3)
    assert float(lines[2].split()[1]) == pytest.approx(found.gaps["finite rate, mean"][0], rel=0.01)
    power, error = found.powers["unexplained"]
    assert lines[-1].endswith(f"{power:.2f} +- {error:.2f}")
    assert f"unexplained: {power:.2f} +- {error:.2f}" in repr(found)


def test_what_cannot_be_fitted_is_refused(problem):
    runs = list(sweep(problem, order="cyclic"))
    with pytest.raises(ValueError, match="at least three different rates; got 2"):
        pl.gap_order([*runs[:2], runs[0]])
    with pytest.raises(ValueError, match="at least three different rates; got 0"):
        pl.gap_order([])
    other = pl.train(pl.toy("signed"), hidden=4, rate=0.01, epochs=10, rng=0)
    with pytest.raises(ValueError, match="same data"):
        pl.gap_order([*runs, other])
    scaled = pl.Dataset(problem[0].outputs / 2, 2 * np.eye(problem[0].n_items))
    with pytest.raises(ValueError, match="same data; their inputs"):
        pl.gap_order([*runs, pl.train(scaled, hidden=4, rate=0.01, epochs=10, rng=0, order="cyclic")])
    with pytest.raises(ValueError, match="in the same way"):
        pl.gap_order([*runs, *sweep(problem, update="batch")])
    with pytest.raises(ValueError, match="in the same way"):
        pl.gap_order([*runs, *sweep(problem, order=[0, 1, 2, 3])])
    with pytest.raises(TypeError, match="got 3"):
        pl.gap_order([*runs, 3])
    with pytest.raises(TypeError, match="sequence"):
        pl.gap_order(runs[0])
    lost = [pl.train(problem[0], hidden=4, rate=10.0**k, epochs=5, rng=0, record=[5.0]) for k in (298, 299, 300)]
    # Before a gap is computed, which would warn of these rates.
    with pytest.raises(ValueError, match=r"must not diverge.*1e\+298"):
        pl.gap_order(lost)
    with pytest.raises(TypeError, match="got 3"):
        pl.gap_order([*lost, 3])
    zeros = np.zeros((4, 4)), np.zeros((6, 4))
    start = [pl.train(problem[0], hidden=4, rate=rate, epochs=5, init=zeros) for rate in (0.01, 0.02, 0.03)]
    with pytest.raises(ValueError, match="a gap that is known"):
        pl.gap_order(start)
