"""The features of a seed, which may never change."""

import hashlib

import pytest

import pylinear as pl
from streams import GOLDEN


@pytest.mark.property("golden streams", "SHA-256 of the first 1e6 features of each tree, from both engines")
def test_golden_streams(figure):
    streams = [(shape, engine) for shape in GOLDEN for engine in ("native", "numba")]
    same = 0
    for shape, engine in streams:
        outputs = pl.Tree(*shape).sample(1_000_000, rng=0, engine=engine, dtype="int8").outputs
        same += hashlib.sha256(outputs.tobytes()).hexdigest() == GOLDEN[shape]
    figure(f"{same} of {len(streams)} as written down ({len(GOLDEN)} trees)")
    assert same == len(streams)
