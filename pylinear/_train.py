"""Many networks trained on one dataset, recorded on a common grid."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from pylinear import _blas, _configuration, _engine, _memory
from pylinear._dataset import Dataset
from pylinear._initial import Decoupled, Gaussian, Start
from pylinear._plan import Plan, planned
from pylinear._problem import Layers, Problem
from pylinear._progress import Progress, Report, check_progress, reporter
from pylinear._random import RNG, Use, philox_key, seed_of
from pylinear._record import Core, Flow, Record, Settled, Task
from pylinear._reduction import Reduce, Reducer, choose
from pylinear._rule import Order, Route, best_route
from pylinear._run import Networks, Run, TrainingInterrupted
from pylinear._stop import Interrupted, Stop
from pylinear._training_file import TrainingFile

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


def train(
    data: Dataset,
    *,
    hidden: int,
    rate: float,
    epochs: float,
    init: Gaussian | Decoupled | tuple[ArrayLike, ArrayLike] = Gaussian(1e-4),  # noqa: B008 (frozen)
    order: Order = "reshuffled",
    update: Literal["online", "batch", "flow"] = "online",
    reduce: Reduce = "auto",
    tol: float = 1e-12,
    runs: int = 1,
    rng: RNG = None,
    record: int | ArrayLike = 200,
    keep: Collection[Literal["hidden", "weights", "maps"]] = (),
    dtype: Literal["float64", "float32"] = "float64",
    threads: int | None = None,
    route: Route = "auto",
    checkpoint: str | PathLike[str] | None = None,
    progress: Progress = None,
) -> Run:
    """Return a record of networks learning ``data`` by backpropagation, online or averaged.

    Parameters
    ----------
    data : Dataset
        What to learn.
    hidden : int
        Hidden units.
    rate : float
        Learning rate, above 0; see `theory.max_rate` for the largest at which learning is stable.
    epochs : float
        Length in epochs of P presentations, rounded to whole presentations.
    init : Gaussian, Decoupled, Balanced or (w21, w32)
        Initial weights. Arrays are (N2, N1) and (N3, N2), or one pair a run along a leading axis.
    order : {"reshuffled", "cyclic", "with_replacement"} or sequence of int
        As in `Simulation`; every run draws its own. Only online learning has one.
    update : {"online", "batch", "flow"}
        "online": one presentation after the other, (3)-(4). "batch": once an epoch by the sum over all items, from the
        old weights; times must be whole epochs. "flow": the average over items in continuous time, (7)-(8),
        with tau = 1 / rate for time in epochs.
    reduce : {"auto", "exact", "krylov", "law"} or False
        Which smaller network to train instead. "exact": W32 rotated and cut to what the run can reach, at most P + N2
        output or P + N3 hidden units; the same trajectory to roundoff. "krylov": projected on the fewest directions
        with which everything recorded is the same to ``tol``. "law": a small network drawn such that everything
        recorded has the same distribution, for Gaussian weights; of any size, but without weights at full size. "auto":
        the cheapest of the direct network, "exact" and "krylov"; "law" for data made by `Dataset.from_gram`. False: the
        network as it stands. What was done is in ``Run.reduction``.
    tol : float
        For "krylov" and "law": the largest difference between two levels of the projection, in units of each recorded
        quantity's largest value; above 0 and at most 1, no less than 1e-5 in float32. For the flow also ten times the
        tolerance of the integrator, 1e-12 to 1e-2.
    runs : int
        Number of networks. Run k depends on ``rng`` and k alone.
    rng : int, SeedSequence, BitGenerator, Generator or None
        For initial weights and orders; recorded in ``Run.rng``.
    record : int or sequence of float
        At how many times at most to record, evenly spaced from the start to the end: at whole epochs, or where there
        are too few of them equally often in each, and at the end. Or at which epochs, each rounded to a presentation
        and recorded once.
    keep : collection of {"hidden", "weights", "maps"}
        What else to record: hidden representations, all weights, the map from inputs to outputs between all modes.
    dtype : {"float64", "float32"}
        Type of the weights and of all arithmetic in training; the flow needs float64.
    threads : int, optional
        At most so many threads, over runs and inside them; all processors by default. No result depends on it.
    route : {"auto", "blocked", "fused"}
        As in `Simulation`, for the network that is trained.
    checkpoint : str or path, optional
        A file for what has been done so far: written every minute or so, upon Ctrl-C, and at the end. The same call
        with the same file goes on from there, to the last bit, also after the process was killed; with more ``runs`` it
        trains those that are missing. ``rng=None`` stands for the seed in the file, if there is one. The flow, and what
        is computed before a reduced network can be trained, begin again.
    progress : bool or callable, optional
        True: how far the training is, on stderr. A callable is given the part that is done, from 0 to 1, some times a
        second; an exception that it raises ends the training, as Ctrl-C does.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        For an argument outside what is allowed, or a reduction that does not hold for these data and weights, or a
        ``checkpoint`` of another training.
    MemoryError
        If the results would not fit the memory; nothing has been allocated.
    EngineMissingError
        If pylinear was installed without its compiled core.
    FileError
        If ``checkpoint`` is damaged or no file of a training.
    OSError
        If ``checkpoint`` cannot be written; nothing has been trained.
    TrainingInterrupted
        Upon Ctrl-C.

    Warns
    -----
    FileWarning
        If ``checkpoint`` could be written at first and cannot be any more; the training goes on.

    Examples
    --------
    >>> import pylinear as pl
    >>> run = pl.train(pl.toy(), hidden=16, rate=0.02, epochs=600, init=pl.Gaussian(1e-3), runs=3, rng=0)
    >>> run.mode_strengths[:, -1].round(3).tolist()[0][:3]
    [1.414, 1.0, 1.0]

    A trillion features and a billion hidden units, known by the features' inner products:

    >>> tree = pl.Tree((2, 2), flip=0.1)
    >>> data = pl.Dataset.from_gram(10**12 * tree.covariance, n_features=10**12)
    >>> run = pl.train(data, hidden=10**9, rate=3e-8, epochs=1500, init=pl.Gaussian(1e-7), rng=0)
    >>> (run.mode_strengths[0, -1] / data.modes.s).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    _engine.core()
    check_progress(progress)
    plan, first, reduce = planned(
        data,
        hidden=hidden,
        rate=rate,
        epochs=epochs,
        init=init,
        order=order,
        update=update,
        reduce=reduce,
        tol=tol,
        runs=runs,
        record=record,
        keep=keep,
        dtype=dtype,
        threads=threads,
        route=route,
    )
    known = None if checkpoint is None else TrainingFile(checkpoint)
    seed = known.seed if rng is None and known is not None and known.seed is not None else seed_of(rng)
    reducer = choose(reduce, Start(first, plan.data, plan.hidden, seed), plan.tol, plan.work)
    plan = replace(plan, route=best_route(plan.route, plan.data, plan.update, reducer.largest[0]))
    plan.check_memory(reducer, twice=known is not None)
    if known is not None:
        learned = {"data": _configuration.of_data(plan.data)}
        known.belongs_to(plan.configuration(learned, first, reduce, seed))
    with reporter(progress) as report:
        return _execute(plan, reducer, known, report)


class _Results:
    """The runs, each in its own place."""

    def __init__(self, plan: Plan, modes: int) -> None:
        times = plan.grid.presentations.size
        self.mode_strengths = np.full((plan.runs, times, modes), np.nan)
        self.loss = np.full((plan.runs, times), np.nan)
        self.initial_strengths = np.full((plan.runs, modes), np.nan)
        keeps_maps = "maps" in plan.grid.keep
        self.maps = np.full((plan.runs, times, modes, modes), np.nan) if keeps_maps else None
        self.settled: list[Settled | None] = [None] * plan.runs

    def take(self, k: int, settled: Settled) -> None:
        """Take what is known of run k."""
        self.mode_strengths[k] = settled.record.mode_strengths
        self.loss[k] = settled.record.loss
        self.initial_strengths[k] = settled.record.initial_strengths
        if self.maps is not None:
            self.maps[k] = settled.record.maps
        self.settled[k] = settled

    @property
    def done(self) -> int:
        """How many runs have come to their end."""
        return sum(x is not None for x in self.settled)

    def as_run(self, plan: Plan, reducer: Reducer) -> Run:
        again = partial(_with_weights, plan, reducer)
        networks = Networks(reducer, plan.dtype, plan.grid.presentations.size, self.settled, again)
        records = [None if x is None else x.record for x in self.settled]
        return Run(
            data=plan.data,
            hidden_units=plan.hidden,
            rate=plan.rate,
            update=plan.update,
            order=plan.order,
            init=reducer.start.init,
            rng=reducer.start.seed,
            route=plan.route,
            reduction=networks.reduction(),
            presentations=plan.grid.presentations,
            mode_strengths=self.mode_strengths,
            loss=self.loss,
            initial_strengths=self.initial_strengths,
            status=tuple("interrupted" if x is None else x.status for x in records),
            completed=np.array([0 if x is None else x.completed for x in records]),
            kept=plan.grid.keep,
            maps=self.maps,
            networks=networks,
        )


class _Training:
    """One call under way."""

    def __init__(self, plan: Plan, reducer: Reducer, known: TrainingFile | None, report: Report) -> None:
        self._plan, self._reducer, self._known, self._report = plan, reducer, known, report
        self._stop = Stop()
        self._trainer = _trainer(plan, plan.threads_inside, self._stop)
        self._results = _Results(plan, plan.data.modes.s.size)
        self._shown = 0.0

    def run(self) -> Run:
        """Train all networks."""
        from concurrent.futures import ThreadPoolExecutor

        _memory.require_threads(self._plan.workers)
        pool = ThreadPoolExecutor(self._plan.workers)
        tasks: list[Future[None]] = []
        interrupted = False
        try:
            for k in range(self._plan.runs):
                tasks.append(pool.submit(self._one_run, k))  # noqa: PERF401
            self._wait(tasks)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._stop.set()
            _shut_down(pool)
            try:
                written = self._known is not None and self._known.try_to_write()
            except KeyboardInterrupt:
                interrupted, written = True, False
        for task in tasks:
            if not task.cancelled():
                task.result()
        run = self._results.as_run(self._plan, self._reducer)
        if interrupted:
            raise TrainingInterrupted(run, self._known.path if self._known is not None and written else None)
        self._report(1.0)
        return run

    def _wait(self, tasks: list[Future[None]]) -> None:
        """Return when all tasks have ended or one has failed."""
        from concurrent.futures import FIRST_EXCEPTION, wait

        while True:
            # In slices: an interrupt that comes from another thread does not wake a waiting one.
            done, unfinished = wait(tasks, timeout=0.05, return_when=FIRST_EXCEPTION)
            if not unfinished or any(task.exception() for task in done):
                return
            # What is left of a level may be less than was left of the one before.
            now = (self._results.done + self._begun()) / self._plan.runs
            self._shown = max(self._shown, min(now, 1.0))
            self._report(self._shown)
            if self._known is not None and self._known.due and self._stop.pause(most=1.0):
                self._known.try_to_write()

    def _begun(self) -> float:
        """Return how many runs what has been begun amounts to; a run may have several networks under way."""
        parts = self._stop.under_way()
        runs = min(self._plan.workers, self._plan.runs - self._results.done)
        return runs * sum(parts) / len(parts) if parts else 0.0

    def _one_run(self, k: int) -> None:
        """Train network k and put it in its place."""
        with contextlib.suppress(Interrupted):
            self._results.take(k, _settle(self._trainer, self._reducer, self._stop, k, self._known))


def _trainer(plan: Plan, threads: int, stop: Stop) -> Core | Flow:
    if plan.update == "flow":
        # Ten times finer, so that two levels differ by what tells them apart and not by the integrator's steps.
        return Flow(plan.grid, plan.rate, plan.tol / 10, stop.poll)
    rule = {"route": plan.route, "update": plan.update, "rate": plan.rate}
    return Core(plan.grid, plan.dtype, rule, plan.order, threads, stop)


def _settle(
    trainer: Core | Flow,
    reducer: Reducer,
    stop: Stop,
    k: int,
    known: TrainingFile | None = None,
    *,
    weights: bool = False,
) -> Settled:
    """Train network k."""
    key = philox_key(reducer.start.seed, Use.ORDER, k)

    def train(problem: Problem, layers: Layers) -> Record:
        return trainer.train(problem, layers, key) if known is None else known.train(trainer, problem, layers, key, k)

    # In the caller's own thread, Ctrl-C ends what that thread does and nothing beside it.
    parallel = trainer.threads > 1 and not weights
    return reducer.settle(k, Task(train, stop.poll, parallel), weights=weights)


def _with_weights(plan: Plan, reducer: Reducer, k: int) -> Settled:
    """Train network k once more, at a level that its weights ask for."""
    stop = Stop()
    return _settle(_trainer(plan, plan.threads, stop), reducer, stop, k, weights=True)


def _execute(plan: Plan, reducer: Reducer, known: TrainingFile | None, report: Report) -> Run:
    if reducer.kind == "none" and plan.update != "flow":  # no linear algebra but the core's own
        return _Training(plan, reducer, known, report).run()
    with _blas.one_thread():
        return _Training(plan, reducer, known, report).run()


def _shut_down(pool: ThreadPoolExecutor) -> None:
    """Return when the pool's threads have ended: whatever happened, none outlives the call."""
    while True:
        try:
            return pool.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            # They are ending already; a second Ctrl-C must not lose what they have done.
            continue
