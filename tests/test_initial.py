import numpy as np
import pytest

import pylinear as pl
from pylinear import theory


@pytest.fixture
def data():
    return pl.Tree((2, 2), 0.1).sample(2_000, rng=0)


def strengths(data, weights):
    modes = data.modes
    return modes.u.T @ weights.w32 @ weights.w21 @ modes.v


def test_gaussian_weights_have_the_scale_asked_for(data):
    w21, w32 = pl.Gaussian(0.3).draw(data, hidden=500, rng=np.random.default_rng(0))
    assert w21.shape == (500, 4)
    assert w32.shape == (2_000, 500)
    # A sample standard deviation is off by one part in sqrt(2 n); five of those.
    assert w21.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * w21.size))
    assert w32.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * w32.size))


def test_expected_effective_strength_of_gaussian_weights(data):
    values = [
        theory.initial_strength(*pl.Gaussian(0.01).draw(data, 16, np.random.default_rng(k)), data.modes.u, data.modes.v)
        for k in range(400)
    ]
    # N2 sigma^2 / 2, with a relative standard deviation of sqrt(2 / N2) over 1,600 nearly independent draws.
    assert np.mean(values) == pytest.approx(16 * 0.01**2 / 2, rel=5 * np.sqrt(2 / 16 / 1600))
    assert np.std(values) / np.mean(values) == pytest.approx(np.sqrt(2 / 16), rel=0.1)


def test_decoupled_weights_are_diagonal_in_the_modes(data):
    c, d = [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]
    weights = pl.Decoupled(c, d).draw(data, hidden=7, rng=np.random.default_rng(0))
    np.testing.assert_allclose(strengths(data, weights), np.diag(np.multiply(c, d)), atol=1e-13)


def test_balanced_weights_are_balanced(data):
    w21, w32 = pl.Balanced(0.04).draw(data, hidden=7, rng=np.random.default_rng(0))
    np.testing.assert_allclose(w32.T @ w32, w21 @ w21.T, atol=1e-14)
    np.testing.assert_allclose(strengths(data, pl.Weights(w21, w32)), 0.04 * np.eye(4), atol=1e-14)
    np.testing.assert_allclose(theory.initial_strength(w21, w32, data.modes.u, data.modes.v), 0.04)


def test_a_bottleneck_takes_the_strongest_modes(data):
    weights = pl.Balanced(0.04).draw(data, hidden=2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(strengths(data, weights), np.diag([0.04, 0.04, 0, 0]), atol=1e-14)


def test_a_wrong_number_of_strengths_is_refused(data):
    with pytest.raises(ValueError, match="one per mode, 4; got 3"):
        pl.Decoupled([1, 2, 3], 1).draw(data, hidden=4, rng=np.random.default_rng(0))
