"""From the `rng` argument to the streams that a result depends on."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np

from pylinear._check import show

# In quotes, since numpy.random is loaded when it is first used.
RNG: TypeAlias = "int | np.integer | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None"


# More bits than any source of seeds gives. What is recorded of a result must still be written down in digits.
MOST_SEEDS = 2**256
_ALLOWED = "a whole number of at least 0 and below 2**256, a SeedSequence, BitGenerator, Generator or None"


class Use(IntEnum):
    """What a stream is for: no two uses of one seed share random numbers."""

    DIFFUSION = 0
    WEIGHTS = 1
    ORDER = 2
    ENSEMBLE = 3


def seed_of(rng: object) -> int:
    """Return the whole number that stands for `rng` from here on; given as `rng` again, it gives the same result."""
    if isinstance(rng, np.random.Generator | np.random.BitGenerator):
        return int(np.random.default_rng(rng).integers(2**63))
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0])
    if rng is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    message = f"rng must be {_ALLOWED}; got {show(rng)}"
    if isinstance(rng, bool | np.timedelta64) or not isinstance(rng, int | np.integer):
        raise TypeError(message)
    if not 0 <= rng < MOST_SEEDS:
        raise ValueError(message)
    return int(rng)


def as_generator(rng: object) -> np.random.Generator:
    """Return the argument `rng` as a numpy generator; one that is given moves on."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed_of(rng))


def _sequence(seed: int, use: Use, index: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(use, index))


def philox_key(seed: int, use: Use, index: int = 0) -> int:
    """Return the 64-bit key of the core's counter-based generator."""
    return int(_sequence(seed, use, index).generate_state(1, np.uint64)[0])


def generator(seed: int, use: Use, index: int = 0) -> np.random.Generator:
    """Return a numpy generator."""
    return np.random.default_rng(_sequence(seed, use, index))
