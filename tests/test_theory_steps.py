import numpy as np
import pytest
from scipy.integrate import quad

import pylinear as pl
from pylinear import theory


@pytest.mark.parametrize("a", [0.002, 0.3, 1.0, 1.9])
def test_batch_delay_is_what_the_map_lags_behind_the_flow(a):
    # The map itself, in steps so small that the next order is below the tolerance.
    s, a0, rate = 2.0, 1e-3, 1e-4
    reached, k = a0, 0
    while reached < a:
        before, reached, k = reached, reached * (1 + rate * (s - reached)) ** 2, k + 1
    odds = [np.log(x / (s - x)) for x in (before, a, reached)]
    crossed = k - 1 + (odds[1] - odds[0]) / (odds[2] - odds[0])
    flow = (odds[1] - np.log(a0 / (s - a0))) / (2 * s * rate)
    assert theory.batch_delay(a, s, a0) == pytest.approx(crossed - flow, abs=2e-3)


def test_batch_delay_is_the_integral_of_its_velocity():
    s, a0 = 2.0, 0.01
    integral = quad(lambda a: (s - 3 * a) / (4 * a * (s - a)), a0, 1.7)[0]
    assert theory.batch_delay(1.7, s, a0) == pytest.approx(integral, rel=1e-9)
    assert theory.batch_delay([a0, 1.999999], s, a0).tolist()[0] == 0
    assert theory.batch_delay(1.999999, s, a0) < 0  # the sign turns near the end


@pytest.mark.core
@pytest.mark.parametrize("step", [0.2, 0.1, 0.05, 0.025, 0.0125])
def test_half_mastery_comes_later_by_the_same_number_of_epochs_at_any_rate(step):
    s, a0 = 2.0, 1e-3
    rate = step / s
    data = pl.Dataset([[s]])
    half = theory.half_time(s, a0, 1 / rate)
    epochs = round(1.5 * half)
    run = pl.train(
        data, hidden=1, rate=rate, epochs=epochs, init=pl.Balanced(a0), update="batch", record=np.arange(epochs + 1.0)
    )
    a = run.mode_strengths[0, :, 0]
    odds = np.log(a / (s - a))
    k = np.searchsorted(odds, 0.0)
    crossed = k - odds[k] / (odds[k] - odds[k - 1])
    expected = theory.batch_delay(s / 2, s, a0)
    assert expected == pytest.approx(1.381, abs=5e-4)
    assert crossed - half == pytest.approx(expected, abs=0.02)


def test_a_refusal_shows_the_first_values_that_are_refused():
    with pytest.raises(ValueError, match=r"a must be at least a0 and below s; got a = 3.0, a0 = 0.1, s = 2.0$"):
        theory.batch_delay([[1.0], [3.0]], 2.0, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"a0 must be at most s / 2, .*; got a0 = 0.7, s = 1.0$"):
        theory.half_time([4.0, 1.0, 1.0], [0.5, 0.7, 0.9])


@pytest.mark.parametrize(
    ("a", "s", "a0", "name"),
    [(0.5, 1.0, 0.0, "a0"), (0.5, 0.0, 0.1, "s"), (1.0, 1.0, 0.1, "a"), (0.05, 1.0, 0.1, "a"), (0.5, 1.0, 2.0, "a")],
)
def test_delays_outside_the_domain_are_refused(a, s, a0, name):
    with pytest.raises(ValueError, match=f"^{name} must be "):
        theory.batch_delay(a, s, a0)
