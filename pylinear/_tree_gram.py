"""Inner products of a tree's features, counted by several processes: they add up, and their sum is exact."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear import _executor, _memory
from pylinear._ranks import rank_and_size

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tasks for an executor, whose number of workers is not known, and those of them that wait or are done at a time.
_TASKS, _AT_ONCE = 256, 64
# Bytes of the results that are held at a time.
_RESULTS = 2**30
# Features that the core counts together; ranges that begin elsewhere take longer.
_ALIGNED = 2**18

Gram = NDArray[np.int64]


class Features(NamedTuple):
    """Which features of which tree, in types that can be sent anywhere."""

    branching: tuple[int, ...]
    flip: tuple[float, ...]
    first: int
    n: int
    rng: int

    def part(self, start: int, stop: int) -> Features:
        """Return the features `start` to `stop`, counted from the first of these."""
        return self._replace(first=self.first + start, n=stop - start)

    def gram(self, engine: Any, threads: int) -> Gram:
        """Return the inner products of the items; zeros without features."""
        from pylinear._tree import Tree

        if not self.n:
            n_items = int(np.prod(self.branching))
            return np.zeros((n_items, n_items), dtype=np.int64)
        tree = Tree(self.branching, self.flip)
        return tree.gram(self.n, rng=self.rng, first=self.first, engine=engine, threads=threads)


def shared(features: Features, engine: Any, threads: int | None, executor: Any, comm: Any, *, drawn: bool) -> Gram:
    """Return the inner products, counted by an executor or by the ranks of a communicator.

    `drawn` tells that the seed was not given but drawn by this process.
    """
    _check_workers(executor, comm)
    # As many workers as processors, more often than not.
    per_worker = 1 if threads is None else threads
    if comm is None:
        return _over_executor(features, engine, per_worker, executor)
    return _over_ranks(features, engine, per_worker, comm, drawn)


def _check_workers(executor: object, comm: object) -> None:
    """Raise unless one of the two arguments is None and the other what it must be."""
    if executor is not None and comm is not None:
        raise ValueError("executor must be None where comm is given: the features are counted by one or the other")
    _executor.check(executor)
    if comm is not None:
        rank_and_size(comm)


def _ranges(n: int, count: int) -> Iterator[tuple[int, int]]:
    """Cut range(n) into `count` parts, or fewer where they would be short."""
    size = -(-n // count)
    size = -(-size // _ALIGNED) * _ALIGNED
    return ((start, min(start + size, n)) for start in range(0, n, size))


def count(features: Features, engine: Any, threads: int) -> Gram | Exception:
    """Return the inner products, or what went wrong: what else comes back from an executor is its own failure."""
    try:
        return features.gram(engine, threads)
    except Exception as error:
        return error


def _over_executor(features: Features, engine: Any, threads: int, executor: _executor.Executor) -> Gram:
    """Return the inner products, counted by the workers of anything that has `submit`."""
    total = features._replace(n=0).gram(engine, threads)
    at_once = max(4, min(_AT_ONCE, _RESULTS // total.nbytes))
    _memory.require(f"the products of {len(total)} items, from {at_once} tasks", (at_once + 1) * total.nbytes)
    submit = _executor.submission(executor)
    waiting = deque(_ranges(features.n, _TASKS))
    begun: deque[Any] = deque()
    try:
        while waiting or begun:
            while waiting and len(begun) < at_once:
                part = features.part(*waiting.popleft())
                begun.append(_executor.future(submit(count, part, engine, threads), "result", "cancel"))
            done = _executor.asked(begun[0].result)
            if isinstance(done, Exception):
                raise done
            if not isinstance(done, np.ndarray) or done.shape != total.shape or done.dtype != total.dtype:
                what = f"the {len(total)} x {len(total)} products of the items"
                raise _executor.NoResultError(what, f"got {_executor.shown(done)}")
            total += done
            begun.popleft()
    finally:
        for task in begun:
            task.cancel()
    return total


def _over_ranks(features: Features, engine: Any, threads: int, comm: Any, drawn: bool) -> Gram:
    """Return the inner products on every rank; `drawn` tells that the seed is this rank's own, and rank 0's counts."""
    from mpi4py import MPI

    told = comm.allgather((features, drawn))
    features = told[0][0]
    for rank, (other, own_seed) in enumerate(told):
        if own_seed is not told[0][1] or other._replace(rng=features.rng if own_seed else other.rng) != features:
            raise ValueError(f"gram must be called alike on all ranks; rank {rank} has other arguments than rank 0")
    parts = [*_ranges(features.n, comm.size)]
    own = features.part(*parts[comm.rank]) if comm.rank < len(parts) else features._replace(n=0)
    result = count(own, engine, threads)
    # A rank that failed must not leave the others waiting for its sum.
    failures = comm.allgather(result if isinstance(result, Exception) else None)
    for rank, error in enumerate(failures):
        if error is not None:
            raise RuntimeError(f"rank {rank} could not count its features: {error}") from error
    comm.Allreduce(MPI.IN_PLACE, result, op=MPI.SUM)
    return np.asarray(result)
