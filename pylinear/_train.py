"""Many networks trained on one dataset, recorded on a common grid."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _engine, _memory, theory
from pylinear._dataset import Dataset
from pylinear._initial import Decoupled, Gaussian, Given, Initial, Weights, initial_weights
from pylinear._random import RNG, Use, philox_key, seed_of
from pylinear._run import Run, TrainingInterrupted
from pylinear._simulation import (
    Order,
    Route,
    check_data,
    check_epochs,
    check_order,
    check_rate,
    check_route,
)


def train(
    data: Dataset,
    *,
    hidden: int,
    rate: float,
    epochs: float,
    init: Gaussian | Decoupled | tuple[ArrayLike, ArrayLike] = Gaussian(1e-4),  # noqa: B008 (frozen)
    order: Order = "reshuffled",
    runs: int = 1,
    rng: RNG = None,
    record: int | ArrayLike = 200,
    keep: Collection[Literal["hidden", "weights"]] = (),
    dtype: Literal["float64", "float32"] = "float64",
    threads: int | None = None,
    route: Route = "auto",
) -> Run:
    """Return a record of networks learning `data` by online backpropagation.

    Parameters
    ----------
    data : Dataset
        What to learn.
    hidden : int
        Hidden units.
    rate : float
        Learning rate, above 0. Rates above about 1 / s1, s1 being the largest association strength, diverge.
    epochs : float
        Length in epochs of P presentations, rounded to whole presentations.
    init : Gaussian, Decoupled, Balanced or (w21, w32)
        Initial weights. Arrays are (N2, N1) and (N3, N2), or one pair a run along a leading axis.
    order : {"reshuffled", "cyclic", "with_replacement"} or sequence of int
        As in `Simulation`; every run draws its own.
    runs : int
        Number of networks. Run k depends on ``rng`` and k alone.
    rng : int, SeedSequence, BitGenerator, Generator or None
        For initial weights and orders; recorded in ``Run.rng``.
    record : int or sequence of float
        At how many times to record, evenly spaced from the start to the end (at whole epochs where there are enough of
        them; fewer where there are not enough presentations), or at which epochs, each rounded to a presentation and
        recorded once.
    keep : collection of {"hidden", "weights"}
        What else to record: hidden representations, all weights.
    dtype : {"float64", "float32"}
        Type of the weights and of all arithmetic.
    threads : int, optional
        At most so many threads, over runs and inside them; all processors by default. No result depends on it.
    route : {"auto", "blocked", "fused"}
        As in `Simulation`.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        For an argument outside what is allowed.
    MemoryError
        If the results would not fit the memory; nothing has been allocated.
    EngineMissingError
        If pylinear was installed without its compiled core.
    TrainingInterrupted
        Upon Ctrl-C.

    Examples
    --------
    >>> import pylinear as pl
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> run.mode_strengths[:, -1].round(3).tolist()[0]
    [1.414, 1.0, 1.0, -0.0]
    """
    _engine.core()
    data = check_data(data)
    total = check_epochs("epochs", epochs, data.n_items)
    plan = _Plan(
        data=data,
        hidden=_check.integer("hidden", hidden),
        dtype=_check.dtype_name(dtype),
        order=check_order(order, data.n_items),
        route=check_route(route, data),
        runs=_check.integer("runs", runs),
        rate=check_rate(rate, dtype),
        grid=_grid(record, total, data.n_items),
        total=total,
        keep=_keep(keep),
        threads=_check.threads(threads),
    )
    plan.check_memory()
    start = _initial(init, plan)
    return _execute(plan, start, seed_of(rng))


@dataclass(frozen=True, eq=False)
class _Plan:
    """The checked arguments of one call."""

    data: Dataset
    hidden: int
    dtype: str
    order: str | NDArray[np.int64]
    route: Literal["blocked", "fused"]
    runs: int
    rate: float
    grid: NDArray[np.int64]  # presentations to record at
    total: int  # presentations to train for
    keep: frozenset[str]
    threads: int

    @property
    def workers(self) -> int:
        return min(self.threads, self.runs)

    @property
    def threads_inside(self) -> int:
        return max(1, self.threads // self.workers)

    def check_memory(self) -> None:
        data, times = self.data, self.grid.size
        item = np.dtype(self.dtype).itemsize
        weights = (data.n_inputs + data.n_features) * self.hidden * item
        record = 8 * times * (min(data.n_features, data.n_items) + 1)
        # What is kept of a run is turned around once it is complete.
        record += 2 * times * weights if "weights" in self.keep else 0
        record += 2 * times * self.hidden * data.n_items * item if "hidden" in self.keep else 0
        network = _engine.network_bytes(data, self.route, self.hidden, self.dtype, self.threads_inside)
        shared = self.workers * network + _engine.training_set_bytes(data, self.dtype)
        _memory.require(f"{self.runs} runs with {self.hidden} hidden units", self.runs * (weights + record) + shared)


class _Results:
    """The arrays that the runs fill, each its own row."""

    def __init__(self, plan: _Plan) -> None:
        data, runs, times, hidden = plan.data, plan.runs, plan.grid.size, plan.hidden
        modes = data.modes.s.size
        kept_hidden, kept_weights = "hidden" in plan.keep, "weights" in plan.keep
        self.mode_strengths = np.full((runs, times, modes), np.nan)
        self.loss = np.full((runs, times), np.nan)
        self.initial_strengths = np.full((runs, modes), np.nan)
        self.w21 = np.full((runs, hidden, data.n_inputs), np.nan, plan.dtype)
        self.w32 = np.full((runs, data.n_features, hidden), np.nan, plan.dtype)
        self.hidden = np.full((runs, times, hidden, data.n_items), np.nan, plan.dtype) if kept_hidden else None
        self.w21_over_time = np.full((runs, times, hidden, data.n_inputs), np.nan, plan.dtype) if kept_weights else None
        self.w32_over_time = (
            np.full((runs, times, data.n_features, hidden), np.nan, plan.dtype) if kept_weights else None
        )
        self.status = ["interrupted"] * runs
        self.completed = np.zeros(runs, dtype=np.int64)

    def as_run(self, plan: _Plan, start: Initial, seed: int) -> Run:
        over_time = None
        if self.w21_over_time is not None and self.w32_over_time is not None:
            over_time = Weights(self.w21_over_time, self.w32_over_time)
        return Run(
            data=plan.data,
            rate=plan.rate,
            order=plan.order,
            init=start,
            rng=seed,
            route=plan.route,
            presentations=plan.grid,
            mode_strengths=self.mode_strengths,
            loss=self.loss,
            initial_strengths=self.initial_strengths,
            weights=Weights(self.w21, self.w32),
            hidden=self.hidden,
            weights_over_time=over_time,
            status=tuple(self.status),
            completed=self.completed,
        )

    def keep_over_time(self, k: int, done: int, items_hidden: NDArray[Any] | None, w21: NDArray[Any] | None) -> None:
        """Take what was kept of run k at its first `done` records."""
        if self.hidden is not None and items_hidden is not None:
            self.hidden[k, :done] = np.swapaxes(items_hidden[:done], 1, 2)
        if self.w21_over_time is not None and w21 is not None:
            self.w21_over_time[k, :done] = w21


def _execute(plan: _Plan, start: Initial, seed: int) -> Run:
    results = _Results(plan)
    training_set = _engine.TrainingSet(plan.data, plan.dtype, plan.route)
    stop = _engine.core().StopFlag()
    interrupted = False
    pool = ThreadPoolExecutor(plan.workers)
    tasks: list[Future[None]] = []
    try:
        for k in range(plan.runs):
            tasks.append(pool.submit(_one_run, plan, start, seed, k, training_set, stop, results))  # noqa: PERF401
        _wait(tasks)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        stop.set()
        _shut_down(pool)
    for task in tasks:
        if not task.cancelled():
            task.result()
    run = results.as_run(plan, start, seed)
    if interrupted:
        raise TrainingInterrupted(run)
    return run


def _shut_down(pool: ThreadPoolExecutor) -> None:
    """Return when the pool's threads have ended: whatever happened, none outlives the call."""
    while True:
        try:
            return pool.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            # They are ending already; a second Ctrl-C must not lose what they have done.
            continue


def _wait(tasks: list[Future[None]]) -> None:
    """Return when all tasks have ended or one has failed."""
    while True:
        # In slices: an interrupt that comes from another thread does not wake a waiting one.
        done, unfinished = wait(tasks, timeout=0.05, return_when=FIRST_EXCEPTION)
        if not unfinished or any(task.exception() for task in done):
            return


def _one_run(
    plan: _Plan, start: Initial, seed: int, k: int, training_set: _engine.TrainingSet, stop: Any, results: _Results
) -> None:
    """Train network k and fill its row of the results."""
    data, times, threads = plan.data, plan.grid.size, plan.threads_inside
    begin = initial_weights(start, data, plan.hidden, seed, k)
    results.initial_strengths[k] = theory.initial_strength(*begin, data.modes.u, data.modes.v)
    network = training_set.network(*begin, plan.rate, plan.order, philox_key(seed, Use.ORDER, k))
    items_hidden = lower = None
    if results.hidden is not None:
        items_hidden = np.empty((times, data.n_items, plan.hidden), plan.dtype)
    if results.w21_over_time is not None:
        lower = np.empty((times, training_set.lower_rows, plan.hidden), plan.dtype)
    done, status = network.record(
        plan.grid,
        threads=threads,
        stop=stop,
        mode_strengths=results.mode_strengths[k],
        loss=results.loss[k],
        hidden=items_hidden,
        lower=lower,
        w32=None if results.w32_over_time is None else results.w32_over_time[k],
    )
    if status == "ok":
        _, status = network.record(np.array([plan.total]), threads=threads, stop=stop)
    first = begin.w21.astype(plan.dtype)
    results.keep_over_time(k, done, items_hidden, None if lower is None else training_set.w21(lower[:done], first))
    results.w21[k] = training_set.w21(network.lower(), first)
    results.w32[k] = network.w32()
    results.status[k] = status
    results.completed[k] = network.position


def _initial(init: object, plan: _Plan) -> Initial:
    """Return the argument `init` as something that knows the weights of every run."""
    if isinstance(init, Gaussian | Decoupled):
        # A wrong number of strengths is found now, not in a thread.
        if isinstance(init, Decoupled):
            init.strengths(plan.data.modes.s.size)
        return init
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise TypeError(f"init must be a Gaussian, Decoupled, Balanced or (w21, w32); got {_check.show(init)}")
    per_run = (plan.runs,) if _check.rank(init[0]) == 3 else ()
    w21 = _check.array("w21", init[0], (*per_run, plan.hidden, plan.data.n_inputs))
    return Given(w21, _check.array("w32", init[1], (*per_run, plan.data.n_features, plan.hidden)))


def _keep(keep: object) -> frozenset[str]:
    if isinstance(keep, str) or not isinstance(keep, Collection):
        raise TypeError(f"keep must be a collection of 'hidden' and 'weights'; got {_check.show(keep)}")
    return frozenset(_check.choice("keep", x, ("hidden", "weights")) for x in keep)


def _grid(record: Any, total: int, n_items: int) -> NDArray[np.int64]:
    """Return the presentations to record at."""
    if _check.rank(record) == 0:
        count = _check.integer("record", record, 1, 2**31)
        epochs, rest = divmod(total, n_items)
        unit = n_items if rest == 0 and epochs >= count - 1 else 1
        last = total // unit
        count = min(count, last + 1)
        if count == 1:
            return np.array([total])
        _memory.require(f"a record of {count} times", 32 * count)
        # In whole numbers, since floating point would miss presentations above 2^53, and in two steps, since the
        # product of a presentation and an index may exceed 2^63.
        i = np.arange(count, dtype=np.int64)
        whole, part = divmod(last, count - 1)
        return np.asarray((whole * i + part * i // (count - 1)) * unit)
    epochs_asked = _check.array("record", record, (None,))
    points = np.round(epochs_asked * n_items)
    if points[0] < 0 or points[-1] > total or np.any(np.diff(points) < 0):
        raise ValueError(f"record must be epochs from 0 to {total / n_items:g} that do not decrease")
    return np.unique(points.astype(np.int64))
