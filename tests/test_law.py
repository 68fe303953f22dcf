"""Networks drawn in law have the distribution of explicit ones, at any size."""

import tracemalloc

import numpy as np
import pytest
from scipy import linalg  # noqa: F401 (loaded before allocations are counted)
from scipy.stats import ks_2samp

import pylinear as pl
from oracles import relative
from problems import learning
from pylinear import _levels

pytestmark = pytest.mark.core


def observed(run, *, norms):
    """All recorded quantities of each run, (R, n); hidden representations by their inner products."""
    n_runs = len(run.status)
    rsm = np.einsum("rtjp,rtjq->rtpq", run.hidden, run.hidden)
    columns = [run.mode_strengths, run.loss, run.initial_strengths, rsm]
    if norms:
        columns += [np.sum(w**2, axis=(1, 2)) for w in run.weights]
    return np.hstack([x.reshape(n_runs, -1) for x in columns])


def least_p(one, other, *, norms):
    """The least p of all Kolmogorov-Smirnov tests, times their number."""
    a, b = observed(one, norms=norms), observed(other, norms=norms)
    return min(ks_2samp(a[:, i], b[:, i]).pvalue for i in range(a.shape[1])) * a.shape[1]


LAWS = {
    # few hidden units: the whole network; N2 > N3 - P, where W32 off the outputs has fewer rows than columns
    "Bartlett": (40, 5, 0.1),
    "Bartlett, wide": (12, 20, 0.1),
    "Krylov": (150, 100, 0.03),
}


def law_problem(form, correlated):
    n_features, hidden, sigma = LAWS[form]
    inputs = np.eye(4)[:, [0, 1, 2, 3]] + 0.4 * np.random.default_rng(0).standard_normal((4, 4))
    data = pl.Dataset(pl.Tree((2, 2), 0.2).sample(n_features, rng=1).outputs, inputs if correlated else None)
    arguments = {
        "hidden": hidden,
        "rate": 0.05 / data.modes.s[0],
        "epochs": 60,
        "record": [0, 10, 25, 60],
        "init": pl.Gaussian(sigma),
        "runs": 500,
        "keep": ["hidden"],
        "tol": 1e-4,
    }
    return data, arguments


@pytest.mark.parametrize("form", LAWS)
@pytest.mark.parametrize("correlated", [False, True])
def test_law_is_that_of_explicit_runs(form, correlated):
    data, arguments = law_problem(form, correlated)
    explicit = pl.train(data, reduce="exact", rng=1, **arguments)
    law = pl.train(data, reduce="law", rng=2, **arguments)
    assert bool(law.reduction.levels) == (form == "Krylov")
    assert (law.loss[:, 0] != explicit.loss[:, 0]).all()
    # Bonferroni over all quantities: a false alarm in at most one of a thousand seeds.
    assert least_p(explicit, law, norms=form != "Krylov") > 1e-3


@pytest.mark.parametrize("form", LAWS)
def test_a_wrong_law_is_found_out(form, monkeypatch):
    # Planted: chi of too few degrees of freedom on the diagonal.
    triangle = _levels._triangle
    monkeypatch.setattr(_levels, "_triangle", lambda rng, m, d: triangle(rng, m, max(m, d // 3)))
    data, arguments = law_problem(form, correlated=False)
    explicit = pl.train(data, reduce="exact", rng=1, **arguments)
    law = pl.train(data, reduce="law", rng=2, **arguments)
    assert least_p(explicit, law, norms=form != "Krylov") < 1e-6


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("hidden", [6, 200])
def test_a_gram_matrix_stands_for_the_data_in_law(correlated, hidden):
    rng = np.random.default_rng(0)
    # Three input units for five items: the modes leave some of the outputs out.
    inputs = rng.standard_normal((3, 5)) if correlated else None
    data = pl.Dataset(rng.standard_normal((40, 5)), inputs)
    known = pl.Dataset.from_gram(data.gram, 40, inputs)
    np.testing.assert_allclose(known.modes.s, data.modes.s, rtol=1e-13)
    np.testing.assert_allclose(known.modes.v, data.modes.v, atol=1e-13)
    arguments = {"hidden": hidden, "rate": 0.05 / data.modes.s[0], "epochs": 300, "rng": 3, "runs": 2}
    arguments["init"] = pl.Gaussian(0.01)
    one, other = (pl.train(x, reduce="law", keep=["hidden"], **arguments) for x in (data, known))
    assert pl.train(known, **arguments).reduction.kind == "law"
    assert bool(one.reduction.levels) == (hidden == 200)
    assert relative(other.mode_strengths, one.mode_strengths) < 1e-11
    assert relative(other.loss, one.loss) < 1e-11
    assert relative(other.hidden, one.hidden) < 1e-11
    np.testing.assert_allclose(pl.train(known, **arguments).loss[:, 0], np.trace(data.gram) / 2, rtol=1e-2)


def test_any_number_of_features_and_hidden_units():
    tree = pl.Tree((2, 2, 2), 0.1)
    gram = np.rint(10**12 * tree.covariance).astype(np.int64)
    tracemalloc.start()
    data = pl.Dataset.from_gram(gram, 10**12)
    np.testing.assert_allclose(data.modes.s, np.repeat(tree.singular_values(10**12), tree.multiplicities), rtol=1e-10)
    run = pl.train(data, **learning(data, 1e-6, 10**9))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(run.mode_strengths[0, -1], data.modes.s, rtol=1e-2)
    assert peak < 20e6
    assert run.reduction.rows < 100
    # N2 sigma^2 / 2, with a relative standard deviation of sqrt(2 / N2).
    np.testing.assert_allclose(run.initial_strengths, 10**9 * 1e-12 / 2, rtol=1e-3)
    # The weights are those of the small network, and make what was recorded.
    w21, w32 = run.weights.w21[0], run.weights.w32[0]
    strengths = np.einsum("ai,ij,ja->a", w32[:8], np.eye(w21.shape[0]), w21 @ data.modes.v)
    np.testing.assert_allclose(strengths, run.mode_strengths[0, -1], rtol=1e-9)
    first = run.initial_weights(0)
    assert first.w21.shape == w21.shape
    assert pl.gap(run).by_cause()["finite rate, mean"].max() < 0.2


def test_a_law_out_of_reach_says_so(monkeypatch):
    monkeypatch.setattr(_levels, "_LARGEST_LEVEL", 40)
    data = pl.Dataset.from_gram(np.eye(4) * 1e6, 10**6)
    with pytest.raises(ValueError, match="tol must be larger for these weights"):
        pl.train(data, hidden=10**6, rate=1e-5, epochs=20, init=pl.Gaussian(0.1), rng=0)


def test_levels_of_the_law_end_with_the_whole_network():
    # Lazy weights in a small network: the ladder ends with all that there is, and its law is still right.
    rng = np.random.default_rng(0)
    ladder = _levels.LawLadder(rng, 1.0, 3, np.ones(3), 12, 8)
    while not ladder.complete:
        ladder.grow()
    assert ladder.sizes[-1] == (11, 8)
    squares = []
    for k in range(400):
        ladder = _levels.LawLadder(np.random.default_rng(k), 1.0, 3, np.ones(3), 12, 8)
        while not ladder.complete:
            ladder.grow()
        squares.append(np.sum(ladder.layers(len(ladder.sizes) - 1).w32 ** 2))
    # The squared norm of 12 x 8 standard normal numbers: mean 96, variance 192; five standard errors.
    assert np.mean(squares) == pytest.approx(96, abs=5 * np.sqrt(192 / 400))
    assert np.var(squares) == pytest.approx(192, rel=5 * np.sqrt(2 / 400) * 1.2)
