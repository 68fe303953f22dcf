"""Time of an epoch of one network shared by MPI ranks, one thread each.

mpiexec -n 2 python -m mpi4py benchmarks/several_ranks.py [features] [hidden units]
"""

import statistics
import sys
import time

import numpy as np
from mpi4py import MPI

import pylinear as pl


def seconds(data, weights, comm):
    """Return the median time of an epoch."""
    sim = pl.Simulation(data, *weights, rate=1e-6, rng=0, threads=1, comm=comm)
    sim.advance(epochs=1)
    times = []
    for _ in range(7):
        comm.Barrier()
        began = time.perf_counter()
        sim.advance(epochs=1)
        comm.Barrier()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main():
    """Print one line."""
    comm = MPI.COMM_WORLD
    n_features, hidden = (int(x) for x in (*sys.argv[1:], "100000", "512")[:2])
    data = pl.Tree((2,) * 6, 0.1).sample(n_features, rng=0)
    rng = np.random.default_rng(0)
    weights = rng.normal(scale=1e-3, size=(hidden, 64)), rng.normal(scale=1e-3, size=(n_features, hidden))
    shared = seconds(data, weights, comm)
    alone = seconds(data, weights, MPI.COMM_SELF) if comm.rank == 0 else None
    if comm.rank == 0:
        print(f"{comm.size} ranks: {1e3 * shared:.0f} ms; one alone: {1e3 * alone:.0f} ms; {alone / shared:.2f} times")


if __name__ == "__main__":
    main()
