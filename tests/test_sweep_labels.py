"""Whatever varies is found again by its value."""

from fractions import Fraction

import numpy as np
import pytest

import pylinear as pl
from pylinear import _cli
from sweeps import Idle, Serial

xarray = pytest.importorskip("xarray")

pytestmark = pytest.mark.core


def sweep(folder, over, **more):
    same = {"data": pl.toy(), "hidden": 3, "rate": 0.01, "epochs": 3, "rng": 0, "record": 2}
    same = {name: value for name, value in same.items() if name not in over}
    return pl.sweep(over, **{**same, "executor": Serial(), **more}, folder=folder)


SEEDS = [
    (np.random.SeedSequence(1).generate_state(4, np.uint64), np.uint64),
    ([0, 2**63 + 1, 2**63 + 2], np.uint64),
    ([0, 2**53 + 1, 2**63 - 1], np.int64),
    ([0, 2**64, 2**64 + 1], np.str_),
]


@pytest.mark.parametrize(("seeds", "kind"), SEEDS)
def test_large_seeds_are_found_again(seeds, kind, tmp_path):
    result = sweep(tmp_path, {"rng": seeds})
    assert result.rng.dtype.type is kind
    for seed in map(int, seeds):
        run = pl.train(pl.toy(), hidden=3, rate=0.01, epochs=3, rng=seed, record=2)
        there = result.sel(rng=str(seed) if kind is np.str_ else kind(seed))
        np.testing.assert_array_equal(there.mode_strength, run.mode_strengths)
    assert sweep(tmp_path, {"rng": seeds}, executor=Idle()).identical(result)


def test_fractions_are_found_by_their_floats(tmp_path):
    result = sweep(tmp_path, {"rate": [Fraction(1, 64), Fraction(1, 128)], "epochs": [3, 4.5]})
    assert result.rate.dtype == result.epochs.dtype == np.float64
    assert result.sel(rate=1 / 128, epochs=3.0).loss.shape == (1, 2)


@pytest.mark.parametrize("seeds", [[5, 2**53 + 1, 2**53 + 2], [5, 2**63 + 1]])
def test_large_seeds_are_texts_in_files(seeds, tmp_path):
    train = "[train]\nhidden = 3\nrate = 0.01\nepochs = 3\nrecord = 2\n"
    text = f'[data]\ntoy = "centred"\n{train}[sweep]\nrng = {seeds}\nepochs = [2, 3]\n'
    (tmp_path / "x.toml").write_text(text)
    assert _cli.main(["sweep", str(tmp_path / "x.toml"), "--out", str(tmp_path)]) == 0
    with xarray.open_dataset(tmp_path / "sweep.nc") as result:
        assert result.rng.values.tolist() == [str(seed) for seed in seeds]
        assert result.epochs.values.tolist() == [2, 3]
