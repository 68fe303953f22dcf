import itertools
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

import pylinear as pl
from drawn import balanced_run, texts
from pylinear import plots


@pytest.fixture
def balanced():
    return balanced_run()


@pytest.mark.core
def test_hidden_trajectories_are_principal_components_and_a_balanced_network_lies_on_the_theory(balanced):
    ax = plots.hidden_trajectories(balanced, Figure().subplots())
    thick = np.array([line.get_xydata() for line in ax.get_lines() if line.get_linewidth() == 3])
    thin = np.array([line.get_xydata() for line in ax.get_lines() if line.get_linewidth() == 0.8])
    every = np.moveaxis(balanced.hidden[0], 1, 2).reshape(-1, 6)
    variances, directions = np.linalg.eigh(np.cov(every.T))
    scores = (every - every.mean(axis=0)) @ directions[:, [-1, -2]]
    wanted = np.moveaxis(scores.reshape(601, 4, 2), 0, 1)
    signs = np.sign(np.sum(wanted * thick, axis=(0, 1)))
    np.testing.assert_allclose(thick, wanted * signs, atol=1e-12)
    np.testing.assert_allclose(thick, thin, atol=1e-5)
    assert texts(ax.texts) == ["Canary", "Salmon", "Oak", "Rose"]
    share = variances[-1] / variances.sum()
    assert ax.get_xlabel() == f"principal component 1 ({share:.0%} of variance)"
    # (12), solved for: a balanced mode is half way when its strength is s / 2.
    halves = [int(re.search(r"epoch (\d+)", text)[1]) for text in texts(ax.get_legend().get_texts()) if "half" in text]
    reached = [np.argmax(balanced.mode_strengths[0, :, m] > balanced.data.modes.s[m] / 2) * 2.5 for m in range(4)]
    np.testing.assert_allclose(halves, reached, atol=3)


@pytest.mark.core
def test_hidden_trajectories_show_every_branch_of_modes_that_are_as_strong():
    arguments = {"hidden": 32, "rate": 0.02, "epochs": 800, "init": pl.Gaussian(1e-5), "keep": ["hidden"]}
    for seed in range(3):
        run = pl.train(pl.toy(), rng=seed, **arguments)
        ax = plots.hidden_trajectories(run, Figure().subplots())
        ends = np.array([line.get_xydata()[-1] for line in ax.get_lines() if line.get_linewidth() == 3])
        apart = [np.hypot(*(a - b)) for a, b in itertools.combinations(ends, 2)]
        assert min(apart) > 0.9  # sqrt(2) in the space of all hidden units, 1 seen at the angle that shows both pairs
        assert "between principal components 2 and 3" in ax.get_ylabel()
        assert "half time (12) of modes 2-3" in texts(ax.get_legend().get_texts())[-1]


@pytest.mark.core
def test_hidden_trajectories_of_a_chosen_run():
    arguments = {"hidden": 8, "rate": 0.02, "epochs": 600, "init": pl.Gaussian(1e-3), "keep": ["hidden"], "rng": 0}
    runs = pl.train(pl.toy(), runs=2, **arguments)
    first, second = (
        plots.hidden_trajectories(runs, Figure().subplots(), number=k).get_lines()[0].get_xydata() for k in (0, 1)
    )
    assert not np.allclose(first, second)
    lengths = np.linalg.norm(np.diff(runs.hidden[1][:, :, 0], axis=0), axis=1)
    assert (np.linalg.norm(np.diff(second, axis=0), axis=1) <= lengths + 1e-12).all()
