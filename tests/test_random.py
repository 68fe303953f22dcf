import numpy as np
import pytest

from pylinear._random import Use, generator, philox_key, seed_of


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: np.int64(7),
        lambda: np.random.SeedSequence(7),
        lambda: np.random.PCG64(7),
        lambda: np.random.default_rng(7),
    ],
)
def test_every_kind_of_rng_becomes_a_seed_that_stands_for_itself(make):
    seed = seed_of(make())
    assert seed_of(make()) == seed == seed_of(seed)


def test_none_draws_a_new_seed_each_time():
    assert seed_of(None) != seed_of(None)


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    assert seed_of(rng) != seed_of(rng)


def test_uses_runs_and_seeds_do_not_share_streams():
    keys = {philox_key(seed, use, run) for seed in range(3) for use in Use for run in range(3)}
    assert len(keys) == 3 * len(Use) * 3
    draws = {generator(seed, use, run).random() for seed in range(3) for use in Use for run in range(3)}
    assert len(draws) == 3 * len(Use) * 3


def test_seeds_are_bounded_so_that_they_can_be_written_down():
    assert seed_of(2**256 - 1) == 2**256 - 1
    for value in (2**256, 10**5000):
        with pytest.raises(ValueError, match=r"rng must be a whole number of at least 0 and below 2\*\*256"):
            seed_of(value)
    with pytest.raises(TypeError, match="rng must be a whole number"):
        seed_of(np.timedelta64(3, "D"))
