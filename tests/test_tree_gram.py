"""Inner products counted by several processes are those of one."""

import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import pylinear as pl
import ranks

TREE = pl.Tree((3, 2), flip=(0.2, 0.05))
# Several tasks, the last of them short, from a feature on where no block begins.
N, FIRST = 1_000_003, 77
ALONE = TREE.gram(N, rng=5, first=FIRST)


def counted(**changes):
    return TREE.gram(**{"n_features": N, "rng": 5, "first": FIRST, **changes})


def processes(n):
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


def test_processes_count_what_one_does():
    with processes(2) as pool:
        np.testing.assert_array_equal(counted(executor=pool), ALONE)
        assert counted(executor=pool, n_features=1).tolist() == TREE.gram(1, rng=5, first=FIRST).tolist()


@pytest.mark.parametrize("engine", ["auto", "numba"])
def test_any_engine_and_number_of_threads_may_count(engine):
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(counted(executor=pool, engine=engine, threads=2), ALONE)


class Recorded:
    """An executor that does at once what it is given, and notes it."""

    def __init__(self, fail=None):
        self.tasks, self.futures, self.fail = [], [], fail

    def submit(self, call, *arguments):
        if self.fail is not None and len(self.tasks) == self.fail:
            raise RuntimeError("cannot schedule new futures\nafter shutdown")
        self.tasks.append(arguments)
        self.futures.append(Future())
        if self.fail is None:
            self.futures[-1].set_result(call(*arguments))
        return self.futures[-1]


def test_the_work_is_cut_into_ranges_that_adjoin_and_one_thread_each():
    executor = Recorded()
    np.testing.assert_array_equal(counted(executor=executor), ALONE)
    parts = [features for features, _, _ in executor.tasks]
    assert len(parts) > 2
    assert [part.first for part in parts[1:]] == [part.first + part.n for part in parts[:-1]]
    assert (parts[0].first, sum(part.n for part in parts)) == (FIRST, N)
    assert {threads for _, _, threads in executor.tasks} == {1}


def test_no_number_given_means_one_seed_for_all_parts():
    executor = Recorded()
    found = counted(executor=executor, rng=None)
    (seed,) = {features.rng for features, _, _ in executor.tasks}
    np.testing.assert_array_equal(found, counted(rng=seed))


class Remembering(Recorded):
    """Answers the same calls with what it remembers unless told otherwise, as dask does."""

    def submit(self, call, *arguments, pure=True):
        assert not pure
        return super().submit(call, *arguments)


def test_an_executor_that_remembers_is_told_to_count():
    np.testing.assert_array_equal(counted(executor=Remembering()), ALONE)


def test_an_executor_that_takes_no_more_is_named_and_what_waits_is_cancelled():
    executor = Recorded(fail=2)
    with pytest.raises(RuntimeError, match=r"the executor computes no more \(RuntimeError: cannot .* after shutdown\)"):
        counted(executor=executor)
    assert all(future.cancelled() for future in executor.futures)


def test_a_killed_worker_is_an_error_and_not_a_hang():
    with processes(1) as pool:
        pool.submit(os._exit, 1)
        with pytest.raises(RuntimeError, match=r"the executor computes no more \(BrokenProcessPool"):
            counted(executor=pool)


def test_what_goes_wrong_in_the_work_itself_comes_as_it_is(monkeypatch):
    monkeypatch.setattr("pylinear._memory.available", lambda: 0)
    tree = pl.Tree((2,) * 12, 0.1)
    with ThreadPoolExecutor(1) as pool, pytest.raises(MemoryError, match="would take"):
        tree.gram(10, rng=0, executor=pool)


RANKS = """
import sys
import numpy as np
from mpi4py import MPI
import pylinear as pl

comm, rank = MPI.COMM_WORLD, MPI.COMM_WORLD.rank
tree = pl.Tree((3, 2), flip=(0.2, 0.05))
found = tree.gram(1_000_003, rng=5, first=77, comm=comm)
drawn = tree.gram(100, comm=comm)
texts = comm.gather((found.tolist(), drawn.tolist()))
if rank == 0:
    assert all(text == texts[0] for text in texts)
    print(texts[0][0])
for changes in ({"n_features": 5 + rank}, {"rng": rank}, {"rng": None if rank else 3}):
    try:
        tree.gram(**{"n_features": 100, "rng": 0, "comm": comm, **changes})
    except ValueError as error:
        assert "must be called alike on all ranks; rank 1 " in str(error), error
    else:
        assert comm.size == 1
from pylinear import _tree_gram
if rank == comm.size - 1:
    def broken(*_): raise MemoryError("no room")
    _tree_gram.Features.gram = broken
try:
    tree.gram(100, rng=0, comm=comm)
except RuntimeError as error:
    assert f"rank {comm.size - 1} could not count its features: no room" in str(error), error
else:
    raise AssertionError
"""


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ranks_count_what_one_process_does(n):
    assert ranks.run(n, RANKS).strip() == str(ALONE.tolist())


def test_what_is_no_communicator_is_refused():
    pytest.importorskip("mpi4py")
    refused = "import pylinear as pl\nfrom mpi4py import MPI\ntree = pl.Tree((2,), 0.1)\n"
    refused += "for wrong in (3, 'world', MPI, MPI.COMM_NULL):\n"
    refused += "    try: tree.gram(5, comm=wrong)\n    except TypeError as error: print(error)"
    lines = ranks.run(1, refused).splitlines()
    assert len(lines) == 4
    assert all("comm must be an mpi4py communicator; got" in line for line in lines)


def test_one_kind_of_workers_at_a_time():
    with pytest.raises(ValueError, match="executor must be None where comm is given"):
        counted(executor=Recorded(), comm=object())


def test_no_thread_is_left():
    before = threading.active_count()
    with ThreadPoolExecutor(2) as pool:
        counted(executor=pool)
    assert threading.active_count() == before
