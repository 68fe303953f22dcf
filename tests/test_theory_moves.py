"""The four moves towards (10), each against equations of its own."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import pylinear as pl
from problems import inputs_of, orthonormal
from pylinear import theory

MOVES = ["decorrelated", "coordinates", "diagonal", "balanced"]
INPUTS = ["one-hot", "orthonormal", "orthogonal", "correlated", "wide", "rank-deficient", "a zero input"]


def data_of(kind, n_features=7, n_items=4, seed=0):
    rng = np.random.default_rng(seed)
    return pl.Dataset(rng.standard_normal((n_features, n_items)), inputs_of(kind, n_items, rng))


def measured(data, w21, w32):
    return np.einsum("oa,...oh,...hi,ia->...a", data.modes.u, w32, w21, data.modes.v)


def integrated(t, data, w21, w32, sigma_xx=None):
    """Mode strengths under (7)-(8) for given correlations of the inputs."""
    sigma_xx = data.inputs @ data.inputs.T if sigma_xx is None else sigma_xx

    def velocity(_, state):
        lower, upper = state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)
        error = data.outputs @ data.inputs.T - upper @ lower @ sigma_xx
        return np.concatenate([(upper.T @ error).ravel(), (error @ lower.T).ravel()])

    start = np.concatenate([w21.ravel(), w32.ravel()])
    y = solve_ivp(velocity, (0, t[-1]), start, method="DOP853", t_eval=t, rtol=1e-12, atol=1e-14).y.T
    return measured(data, y[:, : w21.size].reshape(-1, *w21.shape), y[:, w21.size :].reshape(-1, *w32.shape))


def scalar_pairs(t, s, c, d):
    """Strength c d of each mode, from tau c' = d (s - c d) and tau d' = c (s - c d)."""
    out = []
    for mode in zip(s, c, d, strict=True):
        velocity = lambda _, x, s=mode[0]: (s - x[0] * x[1]) * x[::-1]  # noqa: E731
        out.append(np.prod(solve_ivp(velocity, (0, t[-1]), mode[1:], t_eval=t, rtol=1e-12, atol=1e-14).y, axis=0))
    return np.stack(out, axis=1)


def both(data, w21, w32):
    return w21 @ data.modes.v + w32.T @ data.modes.u


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("hidden", [1, 3, 6, 40])
@pytest.mark.parametrize("n_features", [1, 3, 7, 60])
def test_mode_coordinates_are_an_exact_rewriting(kind, hidden, n_features):
    data = data_of(kind, n_features)
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=hidden, rng=1)
    bar = theory.to_mode_coordinates(w21, w32, data)
    np.testing.assert_allclose(bar.r @ bar.w21_bar @ bar.v.T, w21, atol=1e-14)
    np.testing.assert_allclose(bar.u @ bar.w32_bar @ bar.r.T, w32, atol=1e-14)
    for basis in (bar.r, bar.r.T, bar.u, bar.v):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-13)
    k = data.modes.s.size
    np.testing.assert_array_equal(bar.u[:, :k], data.modes.u)
    np.testing.assert_array_equal(bar.v[:, :k], data.modes.v)
    assert bar.u.shape[1] == min(n_features, k + hidden)
    assert bar.v.shape[1] == min(data.n_inputs, k + hidden)


@pytest.mark.parametrize("hidden", [2, 4, 9])
def test_no_rotation_makes_both_layers_more_diagonal(hidden):
    data = data_of("one-hot")
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=hidden, rng=1)
    r = theory.to_mode_coordinates(w21, w32, data).r
    m = both(data, w21, w32)
    best = np.trace(r.T @ m)
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.1, 10.0):
        for _ in range(20):
            generator = size * rng.standard_normal((hidden, hidden))
            assert np.trace(expm(generator - generator.T) @ r.T @ m) < best
    np.testing.assert_allclose(best, np.linalg.svd(m[:, : min(m.shape)])[1].sum(), rtol=1e-13)


def test_decoupled_weights_are_diagonal_in_these_coordinates():
    data = data_of("one-hot")
    c, d = np.array([0.3, 0.1, 0.2, -0.1]), np.array([0.1, 0.2, 0.2, 0.4])
    bar = theory.to_mode_coordinates(*pl.Decoupled(c, d).draw(data, hidden=6, rng=3), data)
    for layer, diagonal in ((bar.w21_bar, c), (bar.w32_bar.T, d)):
        expected = np.zeros_like(layer)
        np.fill_diagonal(expected[:4, :4], diagonal)
        np.testing.assert_allclose(layer, expected, atol=1e-14)


def off_diagonal_share(data, w21, w32):
    bar = theory.to_mode_coordinates(w21, w32, data)
    return 1 - np.sum(bar.w21_bar.diagonal() ** 2) / np.sum(bar.w21_bar**2)


def test_random_weights_become_diagonal_by_learning_and_not_by_being_small():
    # At the start the share off the diagonal is the same at any size: about half, what the two layers do not have in
    # common. It is what learning leaves behind: afterwards it falls with the square of the size.
    data = pl.Tree((2, 2), 0.1).sample(200, rng=0)
    before, after = [], []
    for scale in (1e-1, 1e-2, 1e-3):
        w21, w32 = pl.Gaussian(scale).draw(data, hidden=16, rng=1)
        lower, upper = theory.flow([4.0], w21, w32, data)
        before.append(off_diagonal_share(data, w21, w32))
        after.append(off_diagonal_share(data, lower[0], upper[0]))
    np.testing.assert_allclose(before, before[0], rtol=1e-10)
    assert 0.3 < before[0] < 0.7
    assert after[0] < 1e-2
    assert after[1] / after[0] < 2e-2
    assert after[2] / after[1] < 2e-2


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("n_features", [3, 7, 60])
def test_no_move_is_the_flow_and_new_coordinates_cost_nothing(kind, n_features):
    data = data_of(kind, n_features)
    w21, w32 = pl.Gaussian(0.2).draw(data, hidden=5, rng=1)
    t, tau = np.array([0.0, 0.3, 0.7, 2.0]), 1.7
    flow = integrated(t / tau, data, w21, w32)
    moved = np.abs(flow[-1] - flow[0]).max()
    assert moved > 0.1
    for coordinates in (False, True):
        simplified = theory.simplified_flow(t, w21, w32, data, tau, coordinates=coordinates, rtol=1e-13)
        assert simplified.shape == (4, data.modes.s.size)
        np.testing.assert_allclose(simplified, flow, atol=1e-10 * moved, rtol=0)


def test_coordinates_cost_no_more_than_the_tolerance():
    data = data_of("correlated", 30)
    w21, w32 = pl.Gaussian(1e-2).draw(data, hidden=8, rng=1)
    t = np.linspace(0, 5, 20)
    differences = []
    for rtol in (1e-4, 1e-8, 1e-13):
        one, other = (theory.simplified_flow(t, w21, w32, data, coordinates=c, rtol=rtol) for c in (False, True))
        differences.append(np.abs(one - other).max())
    assert differences[0] > differences[1] > differences[2]
    assert differences[2] < 1e-9


@pytest.mark.parametrize("kind", ["one-hot", "orthonormal", "a zero input"])
def test_decorrelation_costs_nothing_where_inputs_are_orthogonal_and_of_one_length(kind):
    data = data_of(kind)
    w21, w32 = pl.Gaussian(0.2).draw(data, hidden=5, rng=1)
    t = np.linspace(0, 4, 9)
    one, other = (theory.simplified_flow(t, w21, w32, data, decorrelated=d, rtol=1e-12) for d in (False, True))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_decorrelation_costs_nothing_for_many_items_with_white_inputs():
    # More items than inputs: all eigenvalues are P, and not the mean squared length.
    rng = np.random.default_rng(0)
    inputs = np.sqrt(12) * orthonormal(12, 3, rng).T
    data = pl.Dataset(rng.standard_normal((5, 12)), inputs)
    w21, w32 = pl.Gaussian(0.2).draw(data, hidden=4, rng=1)
    t = np.linspace(0, 1, 9)
    one, other = (theory.simplified_flow(t, w21, w32, data, decorrelated=d, rtol=1e-12) for d in (False, True))
    assert np.abs(one[-1] - one[0]).max() > 0.1
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_decorrelation_of_correlated_inputs():
    data = data_of("correlated")
    w21, w32 = pl.Gaussian(0.2).draw(data, hidden=5, rng=1)
    t = np.linspace(0, 4, 9)
    kappa = np.mean(np.sum(data.inputs**2, axis=0))
    expected = integrated(t, data, w21, w32, kappa * np.eye(4))
    for coordinates in (False, True):
        white = theory.simplified_flow(t, w21, w32, data, decorrelated=True, coordinates=coordinates, rtol=1e-12)
        np.testing.assert_allclose(white, expected, atol=1e-9)
    assert np.abs(expected - integrated(t, data, w21, w32)).max() > 0.1


def test_balancing_unbalanced_decoupled_weights_is_formula_10_from_the_effective_strength():
    data = data_of("one-hot")
    c, d = np.array([0.5, 0.1, 0.2, 0.02]), np.array([0.01, 0.2, 0.2, 0.4])
    w21, w32 = pl.Decoupled(c, d).draw(data, hidden=6, rng=3)
    t = np.linspace(0, 5, 20)
    a0 = theory.initial_strength(w21, w32, data.modes.u, data.modes.v)
    balanced = theory.simplified_flow(t, w21, w32, data, balanced=True, rtol=1e-12)
    np.testing.assert_allclose(balanced, theory.mode_strength(t[:, None], data.modes.s, a0), atol=1e-9)
    unchanged = scalar_pairs(t, data.modes.s, c, d)
    assert np.abs(balanced - unchanged).max() > 1e-2
    for diagonal, coordinates in product([False, True], repeat=2):
        flow = theory.simplified_flow(t, w21, w32, data, diagonal=diagonal, coordinates=coordinates, rtol=1e-12)
        np.testing.assert_allclose(flow, unchanged, atol=1e-9)


def test_no_move_changes_balanced_decoupled_weights():
    data = data_of("one-hot")
    a0 = np.array([0.1, 0.02, 0.3, 0.05])
    w21, w32 = pl.Balanced(a0).draw(data, hidden=6, rng=3)
    t = np.linspace(0, 5, 20)
    expected = theory.mode_strength(t[:, None], data.modes.s, a0)
    for moves in product([False, True], repeat=4):
        flow = theory.simplified_flow(t, w21, w32, data, **dict(zip(MOVES, moves, strict=True)), rtol=1e-12)
        np.testing.assert_allclose(flow, expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["one-hot", "correlated"])
def test_balanced_random_weights(kind):
    data = data_of(kind)
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=5, rng=1)
    half = both(data, w21, w32) / 2
    t = np.linspace(0, 3, 9)
    balanced = theory.simplified_flow(t, w21, w32, data, balanced=True, rtol=1e-12)
    np.testing.assert_allclose(balanced[0], np.sum(half**2, axis=0), rtol=1e-12)
    expected = integrated(t, data, half @ data.modes.v.T, data.modes.u @ half.T)
    np.testing.assert_allclose(balanced, expected, atol=1e-9)


@pytest.mark.parametrize("hidden", [2, 6])
def test_diagonal_random_weights_are_pairs_of_scalars(hidden):
    data = data_of("one-hot")
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=hidden, rng=1)
    bar = theory.to_mode_coordinates(w21, w32, data)
    k = min(hidden, 4)
    c, d = bar.w21_bar.diagonal()[:k], bar.w32_bar.diagonal()[:k]
    t = np.linspace(0, 5, 20)
    diagonal = theory.simplified_flow(t, w21, w32, data, diagonal=True, rtol=1e-12)
    np.testing.assert_allclose(diagonal[:, :k], scalar_pairs(t, data.modes.s[:k], c, d), atol=1e-9)
    # Without a hidden direction of its own, a mode is not learned.
    np.testing.assert_allclose(diagonal[:, k:], 0.0, atol=1e-9)
    sigmoid = theory.simplified_flow(t, w21, w32, data, diagonal=True, balanced=True, rtol=1e-12)
    np.testing.assert_allclose(
        sigmoid[:, :k], theory.mode_strength(t[:, None], data.modes.s[:k], ((c + d) / 2) ** 2), atol=1e-9
    )


def test_all_four_moves_are_formula_10_for_any_inputs():
    data = data_of("correlated")
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=6, rng=1)
    kappa, tau = np.mean(np.sum(data.inputs**2, axis=0)), 3.0
    r = theory.to_mode_coordinates(w21, w32, data).r
    a0 = (r.T @ both(data, w21, w32) / 2).diagonal() ** 2
    t = np.linspace(0, 20, 20)
    flow = theory.simplified_flow(t, w21, w32, data, tau, **dict.fromkeys(MOVES, True), rtol=1e-12)
    expected = theory.mode_strength(t[:, None], data.modes.s / kappa, a0, tau / kappa)
    np.testing.assert_allclose(flow, expected, atol=1e-9)


def test_rotating_the_hidden_units_changes_nothing():
    data = data_of("correlated")
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=6, rng=1)
    turn = orthonormal(6, 6, np.random.default_rng(5))
    t = np.linspace(0, 3, 7)
    for moves in product([False, True], repeat=4):
        switches = dict(zip(MOVES, moves, strict=True))
        one = theory.simplified_flow(t, w21, w32, data, **switches, rtol=1e-12)
        other = theory.simplified_flow(t, turn @ w21, w32 @ turn.T, data, **switches, rtol=1e-12)
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_each_move_alone_costs_less_the_smaller_the_weights():
    # But for the diagonal in few hidden units, where random hidden vectors of near modes are not orthogonal.
    data = data_of("one-hot")
    t = np.linspace(0, 12, 60)
    cost = {"diagonal": [], "balanced": []}
    for scale in (0.1, 0.01):
        w21, w32 = pl.Gaussian(scale).draw(data, hidden=6, rng=1)
        flow = theory.simplified_flow(t, w21, w32, data)
        for move, costs in cost.items():
            costs.append(np.abs(theory.simplified_flow(t, w21, w32, data, **{move: True}) - flow).max())
    assert cost["balanced"][1] < 0.03 * cost["balanced"][0]
    assert cost["diagonal"][1] > 0.1 * cost["diagonal"][0]


def test_times_in_any_order_and_any_number():
    data = data_of("one-hot")
    w21, w32 = pl.Gaussian(0.2).draw(data, hidden=3, rng=1)
    mixed = theory.simplified_flow([2.0, 0.0, 1.0, 2.0], w21, w32, data)
    sorted_ = theory.simplified_flow([0.0, 1.0, 2.0], w21, w32, data)
    np.testing.assert_array_equal(mixed, sorted_[[2, 0, 1, 2]])
    np.testing.assert_allclose(sorted_[0], measured(data, w21, w32), atol=1e-15)
    assert theory.simplified_flow([], w21, w32, data).shape == (0, 4)


def test_many_features_cost_no_more_than_few():
    small = data_of("correlated", 9)
    turn = orthonormal(30_000, 9, np.random.default_rng(2))
    large = pl.Dataset(turn @ small.outputs, small.inputs)
    w21, w32 = pl.Gaussian(0.2).draw(small, hidden=3, rng=1)
    t = np.linspace(0, 3, 200)
    large.modes  # noqa: B018 (decomposed before allocations are counted)
    for coordinates in (False, True):
        large_w32 = turn @ w32
        tracemalloc.start()
        try:
            one = theory.simplified_flow(t, w21, large_w32, large, coordinates=coordinates, rtol=1e-12)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 0.1 * len(t) * large_w32.nbytes
        np.testing.assert_allclose(one, theory.simplified_flow(t, w21, w32, small, rtol=1e-12), atol=1e-9)


def test_outputs_that_are_not_known_are_refused():
    data = pl.Dataset.from_gram(np.eye(3), 5)
    with pytest.raises(ValueError, match="data must have outputs"):
        theory.simplified_flow([1.0], np.ones((2, 3)), np.ones((5, 2)), data)


def test_the_tolerance_of_a_simplified_flow_counts():
    data = pl.toy("signed")
    weights = pl.Gaussian(0.1).draw(data, hidden=4, rng=0)
    finest, fine, rough = (
        theory.simplified_flow([1.0], *weights, data, diagonal=True, rtol=rtol) for rtol in (1e-13, 1e-10, 1e-3)
    )
    assert np.abs(fine - finest).max() < 1e-8
    assert np.abs(rough - finest).max() > 10 * np.abs(fine - finest).max()
