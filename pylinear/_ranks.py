"""One network over several processes, with mpi4py: who has which rows of W32, and what they tell each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _engine


class Ranks:
    """The processes of an mpi4py communicator that share the rows of W32; one alone for None."""

    def __init__(self, comm: Any, n_features: int) -> None:
        self.comm = comm
        self.rank, self.size = (0, 1) if comm is None else rank_and_size(comm)
        core = _engine.core()
        shares = [core.rows_of(n_features=n_features, rank=r, ranks=self.size) for r in range(self.size)]
        self._shares = [slice(*rows) for rows in shares]
        most = sum(first < end for first, end in shares)
        if most < self.size:
            raise ValueError(f"comm must have at most {most} processes for {n_features} features; got {self.size}")

    @property
    def rows(self) -> slice:
        """The rows of W32 that this process has."""
        return self._shares[self.rank]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the core is told of the group."""
        if self.size == 1:
            return {}
        from mpi4py import MPI

        return {"rank": self.rank, "ranks": self.size, "gather": partial(self.comm.Allgatherv, MPI.IN_PLACE)}

    def same(self, value: Any) -> Any:
        """Return the value that the first process has."""
        return value if self.size == 1 else self.comm.bcast(value)

    def check_same(self, what: dict[str, Any]) -> None:
        """Raise in all processes if one of them has been given something else than the first."""
        if self.size == 1:
            return
        told = self.comm.allgather({name: _digest(value) for name, value in what.items()})
        for rank, theirs in enumerate(told):
            for name, value in theirs.items():
                if value != told[0][name]:
                    raise ValueError(f"{name} must be the same in all processes; that of rank {rank} is not")

    def all_rows(self, own: NDArray[Any]) -> NDArray[Any] | None:
        """Return the rows of all processes in the first of them, None in the others."""
        if self.size == 1:
            return own
        out = self.first_alone(lambda: np.empty((self._shares[-1].stop, own.shape[1]), own.dtype))
        if out is None:
            self.comm.Send(np.ascontiguousarray(own), dest=0)
            return None
        out[self.rows] = own
        for rank in range(1, self.size):
            self.comm.Recv(out[self._shares[rank]], source=rank)
        return np.asarray(out)

    def first_alone(self, work: Callable[[], Any]) -> Any:
        """Return what `work` does in the first process, None in the others; if it raises there, so does this in all."""
        result, error = None, None
        if self.rank == 0:
            try:
                result = work()
            except Exception as failed:
                error = failed
        if (error := self.same(error)) is not None:
            raise error
        return result


def rank_and_size(comm: Any) -> tuple[int, int]:
    """Return the two of the argument `comm`."""
    # Whoever has a communicator has loaded it; to load it is to start MPI.
    MPI = sys.modules.get("mpi4py.MPI")
    if MPI is None or not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
        raise TypeError(f"comm must be an mpi4py communicator; got {_check.show(comm)}")
    return comm.Get_rank(), comm.Get_size()


def _digest(value: Any) -> str:
    import hashlib

    if isinstance(value, np.ndarray):
        return f"{value.shape} {hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()}"
    return repr(value)
