"""Philox against the published vectors of its authors, in every implementation; and what numba makes of it."""

import numpy as np
import pytest

import oracles
import pylinear as pl
from pylinear import _engine, _numba

# kat_vectors of the Random123 distribution: counter, key, result of philox4x32-10.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_in_numba(counter, key, result):
    words = _numba.philox(*(np.uint64(x) for x in (*counter, *key)))
    assert tuple(map(int, words)) == result


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_in_the_oracle(counter, key, result):
    assert oracles.philox(counter, key) == result


@pytest.mark.core
@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_in_the_core(counter, key, result):
    assert tuple(_engine.core().philox(counter=list(counter), key=list(key))) == result


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_numba_does_what_its_loops_say(monkeypatch):
    """The loops as Python runs them: 64-bit products wrap there as well, with a warning."""
    tree = pl.Tree((2, 3), 0.2)
    asked = {"rng": 7, "first": 50, "engine": "numba", "threads": 2}

    def drawn():
        return tree.sample(100, **asked).outputs, tree.sample_bits(100, **asked), tree.gram(300, **asked)

    compiled = drawn()
    for name, loop in list(vars(_numba).items()):
        if hasattr(loop, "py_func"):
            monkeypatch.setattr(_numba, name, loop.py_func)
    for one, other in zip(compiled, drawn(), strict=True):
        np.testing.assert_array_equal(one, other)
