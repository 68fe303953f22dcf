"""The exact flow against an integrator, and what must follow from it."""

import tracemalloc

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pylinear as pl
from problems import lambda_balanced, orthonormal
from pylinear import theory

# (N1, N2, N3), lambda, singular values of the correlations (None: those of a random matrix).
CASES = [
    ((4, 3, 6), 0.0, None),
    ((8, 5, 20), -0.8, None),
    ((8, 5, 20), 0.8, None),
    ((5, 2, 7), 0.6, None),  # bottleneck
    ((6, 2, 4), 0.0, None),  # bottleneck
    ((3, 12, 4), 0.0, None),  # more hidden units than inputs and outputs
    ((7, 4, 4), -1.5, None),
    ((4, 4, 4), 2.0, None),
    ((6, 4, 6), 0.5, (2.0, 1.0, 0.0, 0.0, 0.0, 0.0)),
    ((5, 4, 6), 0.0, (1.5, 1.5, 1.5, 0.5, 0.5)),
    ((3, 2, 5), -0.4, (0.0, 0.0, 0.0)),
    ((3, 2, 5), 0.0, (0.0, 0.0, 0.0)),
    ((1, 1, 9), 3.0, None),
    ((1, 1, 1), -1e-3, None),
]


def problem_of(shape, balance, s, seed=0):
    rng = np.random.default_rng(seed)
    n_inputs, _, n_outputs = shape
    sigma_yx = rng.standard_normal((n_outputs, n_inputs)) / np.sqrt(n_inputs)
    if s is not None:
        sigma_yx = orthonormal(n_outputs, len(s), rng) * s @ orthonormal(n_inputs, len(s), rng).T
    return *lambda_balanced(*shape, balance, rng), sigma_yx


def integrated(t, w21, w32, sigma_yx, tau=1.0):
    """Yield W21 and W32 at each time, from an integrator that knows (7)-(8) alone."""

    def velocity(_, state):
        lower, upper = state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)
        error = sigma_yx - upper @ lower
        return np.concatenate([(upper.T @ error).ravel(), (error @ lower.T).ravel()]) / tau

    start = np.concatenate([w21.ravel(), w32.ravel()])
    solution = solve_ivp(velocity, (0, t[-1]), start, method="DOP853", t_eval=t, rtol=1e-13, atol=1e-15)
    for state in solution.y.T:
        yield state[: w21.size].reshape(w21.shape), state[w21.size :].reshape(w32.shape)


@pytest.mark.parametrize(("shape", "balance", "s"), CASES)
def test_exact_flow_solves_the_flow(shape, balance, s):
    w21, w32, sigma_yx = problem_of(shape, balance, s)
    t, tau = np.array([0.0, 0.6, 3.0, 40.0]), 2.0
    maps = theory.exact_flow(t, w21, w32, sigma_yx, tau)
    grams = theory.exact_flow_gram(t, w21, w32, sigma_yx, tau)
    assert maps.shape == (4, shape[2], shape[0])
    for k, (lower, upper) in enumerate(integrated(t, w21, w32, sigma_yx, tau)):
        q = np.vstack([lower.T, upper])
        np.testing.assert_allclose(maps[k], upper @ lower, atol=1e-11, rtol=0)
        np.testing.assert_allclose(grams[k], q @ q.T, atol=1e-11, rtol=0)


@pytest.mark.parametrize(("shape", "balance", "s"), CASES)
def test_what_is_conserved_shows_in_the_blocks(shape, balance, s):
    # W32^T W32 - W21 W21^T = lambda I times W21 and W21^T, or W32 and W32^T, from either side.
    w21, w32, sigma_yx = problem_of(shape, balance, s)
    for gram in theory.exact_flow_gram([0.0, 1.3, 17.0], w21, w32, sigma_yx):
        (inputs, _), (cross, outputs) = (np.split(rows, [shape[0]], axis=1) for rows in np.split(gram, [shape[0]]))
        np.testing.assert_allclose(cross.T @ cross, inputs @ inputs + balance * inputs, atol=1e-11)
        np.testing.assert_allclose(cross @ cross.T, outputs @ outputs - balance * outputs, atol=1e-11)
        np.testing.assert_array_equal(gram, gram.T)


def test_the_maps_are_a_block_of_the_gram():
    w21, w32, sigma_yx = problem_of((8, 5, 20), -0.8, None)
    t = np.linspace(0, 9, 13)
    gram = theory.exact_flow_gram(t, w21, w32, sigma_yx)
    np.testing.assert_allclose(gram[:, 8:, :8], theory.exact_flow(t, w21, w32, sigma_yx), atol=1e-14)


def test_times_in_any_order_and_any_number_are_one_trajectory():
    w21, w32, sigma_yx = problem_of((5, 2, 7), 0.6, None)
    t = np.array([7.0, 0.0, 1.0, 7.0, 0.3])
    maps = theory.exact_flow(t, w21, w32, sigma_yx)
    np.testing.assert_array_equal(maps[0], maps[3])
    for one, time in zip(maps, t, strict=True):
        np.testing.assert_allclose(one, theory.exact_flow([time], w21, w32, sigma_yx)[0], atol=1e-13)
    fine = theory.exact_flow(np.linspace(0, 7, 500), w21, w32, sigma_yx)
    np.testing.assert_allclose(fine[-1], maps[0], atol=1e-12)
    assert theory.exact_flow([], w21, w32, sigma_yx).shape == (0, 7, 5)
    assert theory.exact_flow_gram([], w21, w32, sigma_yx).shape == (0, 12, 12)


@pytest.mark.parametrize("t", [60.0, 2e3])
def test_a_bottleneck_ends_at_the_best_map_of_its_rank(t):
    # Eckart and Young: the truncated decomposition.
    rng = np.random.default_rng(3)
    u, v = orthonormal(9, 4, rng), orthonormal(6, 4, rng)
    s = np.array([4.0, 3.0, 2.0, 1.0])
    for scale in (1e-6, 1e-2):
        w21, w32 = lambda_balanced(6, 2, 9, 0.0, rng, scale)
        learned = theory.exact_flow([t], w21, w32, u * s @ v.T)[0]
        np.testing.assert_allclose(learned, u[:, :2] * s[:2] @ v[:, :2].T, atol=1e-12)


def test_decoupled_balanced_weights_follow_formula_10_and_show_it_in_the_hidden_layer():
    data = pl.Tree((2, 3), 0.1).sample(50, rng=0)
    a0 = np.geomspace(1e-9, 20.0, data.modes.s.size)
    w21, w32 = pl.Balanced(a0).draw(data, hidden=8, rng=1)
    t = np.linspace(0, 4, 30)
    a = theory.mode_strength(t[:, None], data.modes.s, a0)
    u, v = data.modes.u, data.modes.v
    maps = theory.exact_flow(t, w21, w32, data.sigma_yx)
    np.testing.assert_allclose(maps, np.einsum("oa,ta,ia->toi", u, a, v), atol=1e-11)
    gram = theory.exact_flow_gram(t, w21, w32, data.sigma_yx)
    np.testing.assert_allclose(gram[:, :6, :6], np.einsum("ia,ta,ja->tij", v, a, v), atol=1e-11)


def test_weights_far_too_large_or_small_lose_no_digits():
    data = pl.Dataset(np.diag([3.0, 2.0, 1.0]))
    # Beyond, the roundoff of the weights is an imbalance that exceeds the association strengths.
    for a0 in (1e-280, 1e-30, 1e3, 1e9):
        w21, w32 = pl.Balanced(a0).draw(data, hidden=4, rng=0)
        t = np.array([1e-100, 1e-10, 0.1, 1.0, 50.0, 300.0])
        strengths = np.einsum("tii->ti", theory.exact_flow(t, w21, w32, data.sigma_yx))
        np.testing.assert_allclose(strengths, theory.mode_strength(t[:, None], data.modes.s, a0), rtol=1e-12)


def test_nothing_to_learn_and_no_weights():
    zeros = np.zeros((2, 3))
    assert not theory.exact_flow([0.0, 5.0], zeros, np.zeros((4, 2)), np.ones((4, 3))).any()
    # W32 W21 decays as a0 / (1 + 2 a0 t), for as long as one likes.
    t = np.array([1.0, 1e6, 1e300])
    forgotten = theory.exact_flow(t, [[0.5]], [[0.5]], [[0.0]]).ravel()
    np.testing.assert_allclose(forgotten, 0.25 / (1 + 0.5 * t), rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_weights_of_all_sizes_and_low_rank_with_nothing_to_learn(scale):
    # W32 W21 = B c A^T with its strengths c, from H^T H, each decaying as c / (1 + 2 c t).
    rng = np.random.default_rng(4)
    b, turn, a = orthonormal(5, 3, rng), orthonormal(3, 3, rng), orthonormal(4, 3, rng)
    c = scale * np.array([1.0, 1e-7, 0.0])
    half = orthonormal(6, 3, rng) * np.sqrt(c) @ turn.T
    t = np.array([1e-3, 1.0, 1e3, 1e12])
    maps = theory.exact_flow(t, half @ a.T, b @ half.T, np.zeros((5, 4)))
    decayed = c / (1 + 2 * c * t[:, None])
    expected = np.einsum("oi,ij,tj,kj,nk->ton", b, turn, decayed, turn, a)
    for one, other in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * np.abs(other).max())


def test_many_outputs_cost_no_square_of_their_number():
    rng = np.random.default_rng(0)
    small = lambda_balanced(4, 3, 7, 0.3, rng)
    sigma_yx = rng.standard_normal((7, 4))
    turn = orthonormal(20_000, 7, rng)
    w32, large = turn @ small[1], turn @ sigma_yx
    tracemalloc.start()
    try:
        maps = theory.exact_flow([0.5, 6.0], small[0], w32, large)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(maps, turn @ theory.exact_flow([0.5, 6.0], *small, sigma_yx), atol=1e-12)
    assert peak < 20 * large.nbytes


def test_weights_that_are_not_lambda_balanced_are_refused():
    w21, w32, sigma_yx = problem_of((5, 3, 7), 0.6, None)
    theory.exact_flow([1.0], w21 * (1 + 1e-10), w32, sigma_yx)
    with pytest.raises(ValueError, match=r"^w21 and w32 must be lambda-balanced.* 1e-08 .*off by 0\.00\d+, and"):
        theory.exact_flow([1.0], w21 * 1.01, w32, sigma_yx)
    for scale in (1e-100, 1e100):
        with pytest.raises(ValueError, match="must be lambda-balanced"):
            theory.exact_flow_gram([1.0], scale * w21, 2 * scale * w32, sigma_yx)
    # One hidden unit is always lambda-balanced.
    assert theory.exact_flow([1.0], w21[:1], w32[:, :1], sigma_yx).shape == (1, 7, 5)


def test_times_long_after_the_end_are_refused():
    w21, w32 = [[0.1]], [[0.1]]
    assert theory.exact_flow([1e3], w21, w32, [[2.0]])[0, 0, 0] == pytest.approx(2.0, rel=1e-14)
    for late in (2e6, 1e308):
        with pytest.raises(ValueError, match=r"t must be at most 3e\+06 tau / 2, the fastest rate"):
            theory.exact_flow([0.0, late], w21, w32, [[2.0]])


@pytest.mark.parametrize("correlated", [False, True])
def test_the_integrated_flow_conserves_what_it_should(correlated):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((6, 4)), rng.standard_normal((3, 4)) / 2 if correlated else None)
    w21, w32 = rng.standard_normal((5, data.n_inputs)) / 2, rng.standard_normal((6, 5)) / 2
    lower, upper = theory.flow(np.linspace(0, 10, 5), w21, w32, data, rtol=1e-13)
    assert np.abs(upper[-1] @ lower[-1] - w32 @ w21).max() > 0.5
    conserved = upper.transpose(0, 2, 1) @ upper - lower @ lower.transpose(0, 2, 1)
    np.testing.assert_allclose(conserved, np.broadcast_to(w32.T @ w32 - w21 @ w21.T, (5, 5, 5)), rtol=0, atol=1e-12)
