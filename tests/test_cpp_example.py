"""What csrc/examples prints, built against an installed core, and what Python computes from the same seed."""

import csv
import os
import subprocess

import numpy as np
import pytest

import pylinear as pl
from pylinear import _engine
from pylinear._random import Use, philox_key

EXAMPLE = os.environ.get("PYLINEAR_EXAMPLE")

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(not EXAMPLE, reason="'make example' builds what this runs"),
]


def run(*arguments):
    return subprocess.run([EXAMPLE, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module", params=[0, 2**64 - 1])
def seed(request):
    return request.param


@pytest.fixture(scope="module")
def printed(seed):
    """The modes (K, 1 + P), and the table (T, 2 + K): epoch, loss, mode strengths."""
    result = run(*([str(seed)] if seed else []))
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    modes = [line.split(",")[1:] for line in lines if line.startswith("#")]
    header, *rows = csv.reader(line for line in lines if not line.startswith("#"))
    assert header == ["epoch", "loss", "mode 1", "mode 2", "mode 3", "mode 4"]
    return np.array(modes, dtype=float), np.array(rows, dtype=float)


def sampled(seed):
    return pl.Tree((2, 2), flip=0.1).sample(10_000, rng=seed)


def weights(seed, layer, rows):
    """The example's weights to begin with: a word of Philox each."""
    key = philox_key(seed, Use.WEIGHTS)
    words = [
        [_engine.core().philox((j, i, layer, 0), (key & (2**32 - 1), key >> 32))[0] for j in range(16)]
        for i in range(rows)
    ]
    return 2e-3 * (np.array(words) * 2.0**-31 - 1)


def trained(data, seed, epochs):
    """Loss and mode strengths at these epochs, (T, 1 + K)."""
    w21, w32 = weights(seed, 0, data.n_items).T, weights(seed, 1, data.n_features)
    sim = pl.Simulation(data, w21, w32, rate=3e-4, rng=seed)
    out = []
    for epoch in epochs:
        sim.advance(epochs=epoch - sim.epochs)
        out.append([sim.loss, *sim.mode_strengths])
    return np.array(out)


def with_modes(data, s, v):
    """The dataset, its strengths to be measured along these modes, which differ from its own in the last digits."""
    u = data.outputs[:, :1] * v[0]
    for p in range(1, data.n_items):
        u += data.outputs[:, p : p + 1] * v[p]
    data.modes = pl.Modes(u=u / s, s=s, v=v, blocks=data.modes.blocks)
    return data


def test_modes_are_those_of_the_dataset(printed, seed):
    modes, _ = printed
    expected = sampled(seed).modes
    np.testing.assert_allclose(modes[:, 0], expected.s, rtol=1e-13)
    np.testing.assert_allclose(modes[:, 1:].T, expected.v, atol=1e-12)


def test_every_digit_of_the_curves_is_the_same(printed, seed):
    modes, table = printed
    epochs, curves = table[:, 0], table[:, 1:]
    assert epochs.tolist() == list(range(0, 701, 50))
    data = with_modes(sampled(seed), modes[:, 0], np.ascontiguousarray(modes[:, 1:].T))
    assert trained(data, seed, epochs).tolist() == curves.tolist()
    np.testing.assert_allclose(curves[-1, 1:], modes[:, 0], rtol=1e-3)  # it has learned


def test_curves_along_the_modes_of_the_dataset_differ_by_roundoff(printed, seed):
    _, table = printed
    expected = trained(sampled(seed), seed, table[:, 0])
    assert expected[:, 0].tolist() == table[:, 1].tolist()
    np.testing.assert_allclose(table[:, 2:], expected[:, 1:], rtol=1e-9)


@pytest.mark.parametrize("wrong", ["-1", "1.5", "seed", "", str(2**64)])
def test_a_seed_that_is_none(wrong):
    result = run(wrong)
    assert (result.returncode, result.stdout) == (2, "")
    assert "[SEED], a whole number below 2^64" in result.stderr
