import re
import resource

import numpy as np
import pytest

import pylinear as pl
from pylinear import _memory


@pytest.fixture
def limited():
    """Give the function that leaves so many bytes of address space to this process; the limit goes with the test."""
    before = resource.getrlimit(resource.RLIMIT_AS)

    def leave(n_bytes):
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + n_bytes, before[1]))

    yield leave
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_limit_of_the_process_counts(limited):
    assert _memory._address_space() is None
    limited(2**28)
    assert 2**27 < _memory.available() <= 2**28
    with pytest.raises(MemoryError, match=r"^20000000 features of 4 items would take 0\.6 GB; 0\.\d GB are available$"):
        pl.Tree((2, 2), 0.1).sample(20_000_000)
    limited(0)
    assert _memory.available() < 2**20


@pytest.mark.core
@pytest.mark.parametrize("reduce", [False, "krylov"])
def test_threads_are_not_started_where_they_could_not_say_so(limited, reduce):
    data = pl.Dataset(np.ones((300, 4)))

    def train():
        pl.train(data, hidden=20, rate=1e-4, epochs=1, runs=2, threads=2, reduce=reduce)

    train()  # so that the linear algebra has its own memory: without it, it tries for ever
    limited(2**22)
    with pytest.raises(MemoryError) as caught:
        train()
    assert re.fullmatch(r"2 threads would take \d+ MB; \d+ MB are available", str(caught.value))


def test_the_samplers_other_engine_starts_threads_too(limited):
    tree = pl.Tree((2, 2), 0.1)
    tree.gram(1_000, rng=0, engine="numba")
    limited(2**22)
    with pytest.raises(MemoryError, match="threads would take"):
        tree.gram(1_000, rng=0, engine="numba", threads=3)
