"""Many networks trained on one dataset, recorded on a common grid."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _blas, _check, _engine, _memory
from pylinear._dataset import Dataset
from pylinear._initial import Decoupled, Gaussian, Given, Initial, Start
from pylinear._random import RNG, Use, philox_key, seed_of
from pylinear._record import Core, Flow, Grid, Interrupted, Settled, Task
from pylinear._reduction import Reduce, Reducer, Work, check_projection, check_reduce, choose
from pylinear._rule import (
    Order,
    Route,
    best_route,
    check_data,
    check_epochs,
    check_order,
    check_rate,
    check_route,
)
from pylinear._run import Networks, Run, TrainingInterrupted

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
) -> Run:
    """Return a record of networks learning `data` by backpropagation, online or averaged.

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
        with which everything recorded is the same to `tol`. "law": a small network drawn such that everything recorded
        has the same distribution, for Gaussian weights; of any size, but without weights at full size. "auto": the
        cheapest of the direct network, "exact" and "krylov"; "law" for data made by `Dataset.from_gram`. False: the
        network as it stands. What was done is in ``Run.reduction``.
    tol : float
        For "krylov" and "law": the largest difference between two levels of the projection, in units of each recorded
        quantity's largest value; above 0, at least 1e-5 in float32. For the flow also ten times the tolerance of the
        integrator, from 1e-12 to 1e-2.
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

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        For an argument outside what is allowed, or a reduction that does not hold for these data and weights.
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
    reducer = choose(reduce, Start(first, plan.data, plan.hidden, seed_of(rng)), plan.tol, plan.work)
    plan = replace(plan, route=best_route(plan.route, plan.data, plan.update, reducer.largest[0]))
    plan.check_memory(reducer)
    return _execute(plan, reducer)


@dataclass(frozen=True, eq=False)
class _Plan:
    """The checked arguments of one call."""

    data: Dataset
    hidden: int
    dtype: str
    update: str
    order: str | NDArray[np.int64]
    route: str
    runs: int
    rate: float
    tol: float
    grid: Grid
    threads: int

    @property
    def workers(self) -> int:
        return min(self.threads, self.runs)

    @property
    def threads_inside(self) -> int:
        return max(1, self.threads // self.workers)

    @property
    def work(self) -> Work:
        # The flow takes some thousands of evaluations, each about as much as an epoch.
        presentations = 5_000 * self.data.n_items if self.update == "flow" else self.grid.total
        return Work(presentations, self.grid.presentations.size, 1e-5 if self.dtype == "float32" else 0.0)

    def check_memory(self, reducer: Reducer) -> None:
        """Raise MemoryError unless there is room for the networks, and for all that is kept of them."""
        data, times = self.data, self.grid.presentations.size
        item = np.dtype(self.dtype).itemsize
        (rows, hidden, lower), begin = reducer.largest, reducer.bytes_to_begin
        weights = (lower + rows) * hidden * item
        record = 8 * times * (min(data.n_features, data.n_items) + 1)
        full_size = self.hidden * (data.n_inputs + data.n_features) if reducer.kind != "law" else weights
        record += times * (weights + full_size * item) if "weights" in self.grid.keep else 0
        record += times * (hidden + self.hidden) * data.n_items * item if "hidden" in self.grid.keep else 0
        record += 2 * times * 8 * min(data.n_features, data.n_items) ** 2 if "maps" in self.grid.keep else 0
        sizes = rows, data.n_items, lower
        network = _engine.network_bytes(
            sizes, self.route, "batch" if self.update == "batch" else "online", hidden, self.dtype, self.threads_inside
        )
        if self.update == "flow":
            network += 24.0 * times * (rows * (hidden + data.n_items) + lower * hidden)
        shared = self.workers * (network + begin) + _engine.training_set_bytes(rows, data.n_items, self.dtype)
        _memory.require(f"{self.runs} runs with {self.hidden} hidden units", self.runs * (weights + record) + shared)


def planned(
    data: object,
    *,
    hidden: object,
    rate: object,
    epochs: object,
    init: object,
    order: object,
    update: object,
    reduce: object,
    tol: object,
    runs: object,
    record: object,
    keep: object,
    dtype: object,
    threads: object,
    route: object,
) -> tuple[_Plan, Initial, Reduce]:
    """Return the arguments of `train`, once it is known that they are allowed, before anything is computed from them.

    Of features that diffuse down a tree only their number counts.
    """
    data = check_data(data)
    total = check_epochs("epochs", epochs, data.n_items)
    plan = _Plan(
        data=data,
        hidden=_check.integer("hidden", hidden),
        dtype=_check.dtype_name(dtype),
        update=_check.choice("update", update, ("online", "batch", "flow")),
        order=check_order(order, data.n_items, str(update)),
        route=check_route(route, data, str(update)),
        runs=_check.integer("runs", runs),
        rate=check_rate(rate, str(dtype)),
        tol=_check.real("tol", tol, 0.0, 1.0, above=True),
        grid=Grid(_times(record, total, data.n_items, whole_epochs=update == "batch"), total, _keep(keep)),
        threads=_check.threads(threads),
    )
    _check_update(plan)
    first = _initial(init, plan)
    chosen = check_reduce(reduce, data, first)
    if chosen == "krylov":
        check_projection(plan.tol, plan.work)
    return plan, first, chosen


class _Results:
    """The runs, each in its own place."""

    def __init__(self, plan: _Plan, modes: int) -> None:
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

    def as_run(self, plan: _Plan, reducer: Reducer) -> Run:
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


class _Stop:
    """Told to stop, both kinds of training do."""

    def __init__(self) -> None:
        self.core = _engine.core().StopFlag()
        self._event = Event()

    def set(self) -> None:
        self.core.set()
        self._event.set()

    def poll(self) -> None:
        """Raise Interrupted once told to stop."""
        if self._event.is_set():
            raise Interrupted


def _trainer(plan: _Plan, threads: int, stop: _Stop) -> Core | Flow:
    if plan.update == "flow":
        # Ten times finer, so that two levels differ by what tells them apart and not by the integrator's steps.
        return Flow(plan.grid, plan.rate, plan.tol / 10, stop.poll)
    rule = {"route": plan.route, "update": plan.update, "rate": plan.rate}
    return Core(plan.grid, plan.dtype, rule, plan.order, threads, stop.core)


def _settle(trainer: Core | Flow, reducer: Reducer, stop: _Stop, k: int, *, weights: bool = False) -> Settled:
    """Train network k."""
    key = philox_key(reducer.start.seed, Use.ORDER, k)
    # In the caller's own thread, Ctrl-C ends what that thread does and nothing beside it.
    parallel = trainer.threads > 1 and not weights
    return reducer.settle(k, Task(partial(trainer.train, key=key), stop.poll, parallel), weights=weights)


def _with_weights(plan: _Plan, reducer: Reducer, k: int) -> Settled:
    """Train network k once more, at a level that its weights ask for."""
    stop = _Stop()
    return _settle(_trainer(plan, plan.threads, stop), reducer, stop, k, weights=True)


def _execute(plan: _Plan, reducer: Reducer) -> Run:
    if reducer.kind == "none" and plan.update != "flow":  # no linear algebra but the core's own
        return _train_all(plan, reducer)
    with _blas.one_thread():
        return _train_all(plan, reducer)


def _train_all(plan: _Plan, reducer: Reducer) -> Run:
    from concurrent.futures import ThreadPoolExecutor

    results = _Results(plan, plan.data.modes.s.size)
    stop = _Stop()
    trainer = _trainer(plan, plan.threads_inside, stop)
    interrupted = False
    pool = ThreadPoolExecutor(plan.workers)
    tasks: list[Future[None]] = []
    try:
        for k in range(plan.runs):
            tasks.append(pool.submit(_one_run, trainer, reducer, stop, k, results))  # noqa: PERF401
        _wait(tasks)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        stop.set()
        _shut_down(pool)
    for task in tasks:
        if not task.cancelled():
            task.result()
    run = results.as_run(plan, reducer)
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
    from concurrent.futures import FIRST_EXCEPTION, wait

    while True:
        # In slices: an interrupt that comes from another thread does not wake a waiting one.
        done, unfinished = wait(tasks, timeout=0.05, return_when=FIRST_EXCEPTION)
        if not unfinished or any(task.exception() for task in done):
            return


def _one_run(trainer: Core | Flow, reducer: Reducer, stop: _Stop, k: int, results: _Results) -> None:
    """Train network k and put it in its place."""
    with contextlib.suppress(Interrupted):
        results.take(k, _settle(trainer, reducer, stop, k))


def _check_update(plan: _Plan) -> None:
    """Raise if the update knows nothing of what is asked for."""
    n_items, grid = plan.data.n_items, plan.grid
    if plan.update == "batch":
        for name, times in (("epochs", np.array([grid.total])), ("record", grid.presentations)):
            between = times[times % n_items != 0]
            if between.size:
                raise ValueError(f"{name} must be whole epochs for update='batch'; got {between[0] / n_items:g}")
    if plan.update != "flow":
        return
    if plan.dtype != "float64":
        raise ValueError("dtype must be 'float64' for update='flow'")
    if not 1e-12 <= plan.tol <= 1e-2:
        raise ValueError(f"tol must be between 1e-12 and 0.01 for update='flow'; got {plan.tol:g}")


def _initial(init: object, plan: _Plan) -> Initial:
    """Return the argument `init` as something that knows the weights of every run."""
    if isinstance(init, Gaussian | Decoupled):
        # A wrong number of strengths is found now, not in a thread.
        if isinstance(init, Decoupled):
            data = plan.data
            init.strengths(min(data.n_features, data.n_items) if data.one_hot else data.modes.s.size)
        return init
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise TypeError(f"init must be a Gaussian, Decoupled, Balanced or (w21, w32); got {_check.show(init)}")
    per_run = (plan.runs,) if _check.rank(init[0]) == 3 else ()
    w21 = _check.array("w21", init[0], (*per_run, plan.hidden, plan.data.n_inputs))
    return Given(w21, _check.array("w32", init[1], (*per_run, plan.data.n_features, plan.hidden)))


def _keep(keep: object) -> frozenset[str]:
    if isinstance(keep, str) or not isinstance(keep, Collection):
        raise TypeError(f"keep must be a collection of 'hidden', 'weights' and 'maps'; got {_check.show(keep)}")
    return frozenset(_check.choice("keep", x, ("hidden", "weights", "maps")) for x in keep)


def _times(record: Any, total: int, n_items: int, *, whole_epochs: bool) -> NDArray[np.int64]:
    """Return the presentations to record at; with `whole_epochs`, no others."""
    if _check.rank(record) == 0:
        count = _check.integer("record", record, 1, 2**31)
        count = min(count, total + 1)
        if count == 1:
            return np.array([total])
        _memory.require(f"a record of {count} times", 32 * count)
        epochs, rest = divmod(total, n_items)
        if rest and epochs and count > 2:  # as for the whole epochs, and at the end
            return np.append(_evenly(epochs, n_items, count - 1, whole_epochs=False), total)
        if rest or not epochs:
            return _spread(total, count)
        return _evenly(epochs, n_items, count, whole_epochs=whole_epochs)
    epochs_asked = _check.array("record", record, (None,))
    points = np.round(epochs_asked * n_items)
    if points[0] < 0 or points[-1] > total or np.any(np.diff(points) < 0):
        got = f"{points[0] / n_items:g} to {points[-1] / n_items:g}"
        raise ValueError(f"record must be epochs from 0 to {total / n_items:g} that do not decrease; got {got}")
    return np.unique(points.astype(np.int64))


def _evenly(epochs: int, n_items: int, count: int, *, whole_epochs: bool) -> NDArray[np.int64]:
    """Return at most `count` presentations in so many epochs: the ends of epochs, or equally many in each."""
    if whole_epochs or epochs >= count - 1:
        return _spread(epochs, min(count, epochs + 1)) * n_items
    each = min((count - 1) // epochs, n_items)
    i = np.arange(epochs * each + 1, dtype=np.int64)
    return np.asarray(i // each * n_items + i % each * n_items // each)


def _spread(last: int, count: int) -> NDArray[np.int64]:
    """Return `count` whole numbers, evenly spaced from 0 to `last`."""
    # In whole numbers, since floating point would miss presentations above 2^53, and in two steps, since the product of
    # a presentation and an index may exceed 2^63.
    i = np.arange(count, dtype=np.int64)
    whole, part = divmod(last, count - 1)
    return np.asarray(whole * i + part * i // (count - 1))
