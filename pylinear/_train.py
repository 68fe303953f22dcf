"""Many networks trained on one dataset, recorded on a common grid."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _engine, theory
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._initial import Decoupled, Gaussian, Given, Weights
from pylinear._random import RNG, Use, generator, philox_key, seed_of
from pylinear._simulation import (
    Order,
    Route,
    check_data,
    check_epochs,
    check_order,
    check_rate,
    check_route,
    lesson_bytes,
    network_bytes,
)

Initial = Gaussian | Decoupled | Given


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What happened in one call of `train`.

    R runs, T recorded times, K modes; see `Dataset.modes` for the modes. Where a run stopped early, what was recorded
    after it stopped is NaN.

    Attributes
    ----------
    data : Dataset
        What was learned.
    rate : float
        Learning rate.
    order : str or (L,) int64
        Order of presentation.
    init : Gaussian, Decoupled, Balanced or Given
        Where the initial weights came from; see `initial_weights`.
    rng : int
        The whole number from which all initial weights and orders follow.
    route : str
        "blocked" or "fused".
    presentations : (T,) int64
        Presentations before each record.
    mode_strengths : (R, T, K) float64
        u_alpha^T W32 W21 v_alpha.
    loss : (R, T) float64
        Half the squared error, summed over items and features.
    initial_strengths : (R, K) float64
        Effective initial strength of each mode; see `theory.initial_strength`.
    weights : Weights
        At the end: w21 (R, N2, N1) and w32 (R, N3, N2).
    hidden : (R, T, N2, P) or None
        Hidden representations, if kept: column p is W21 x_p.
    weights_over_time : Weights or None
        If kept: w21 (R, T, N2, N1) and w32 (R, T, N3, N2).
    status : tuple of R str
        "ok"; "diverged", if a presentation would have made a weight or squared error overflow, in which case `weights`
        are those before it; "interrupted".
    completed : (R,) int64
        Presentations that each run completed.
    """

    data: Dataset
    rate: float
    order: str | NDArray[np.int64]
    init: Initial
    rng: int
    route: str
    presentations: NDArray[np.int64]
    mode_strengths: Floats
    loss: Floats
    initial_strengths: Floats
    weights: Weights
    hidden: NDArray[Any] | None
    weights_over_time: Weights | None
    status: tuple[str, ...]
    completed: NDArray[np.int64]

    @property
    def epochs(self) -> Floats:
        """Epochs of P presentations before each record, (T,)."""
        return np.asarray(self.presentations / self.data.n_items)

    def initial_weights(self, run: int) -> Weights:
        """Return the weights that run number `run` began with, in float64."""
        run = _check.integer("run", run, 0, len(self.status) - 1)
        return _initial_weights(self.init, self.data, self.weights.w21.shape[1], self.rng, run)

    def __repr__(self) -> str:
        end = self.presentations[-1]
        ok = self.status.count("ok")
        return f"Run({len(self.status)} runs of {end} presentations on {self.data!r}, {ok} of them ok)"


class TrainingInterrupted(KeyboardInterrupt):
    """Raised by `train` upon Ctrl-C; ``run`` holds what had been recorded.

    Attributes
    ----------
    run : Run
        With status "interrupted" for the runs that were under way or had not begun.
    """

    def __init__(self, run: Run) -> None:
        super().__init__("training was interrupted; the exception's 'run' holds what had been recorded")
        self.run = run


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
        them; fewer where there are not enough presentations), or at which epochs.
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

    def check_memory(self) -> None:
        data, times = self.data, self.grid.size
        item = np.dtype(self.dtype).itemsize
        weights = (data.n_inputs + data.n_features) * self.hidden * item
        record = 8 * times * (min(data.n_features, data.n_items) + 1)
        record += times * weights if "weights" in self.keep else 0
        record += times * self.hidden * data.n_items * item if "hidden" in self.keep else 0
        networks = self.workers * network_bytes(data, self.hidden, self.dtype) + lesson_bytes(data, self.dtype)
        _check.memory(f"{self.runs} runs with {self.hidden} hidden units", self.runs * (weights + record) + networks)


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


def _execute(plan: _Plan, start: Initial, seed: int) -> Run:
    results = _Results(plan)
    lesson = _engine.Lesson(plan.data, plan.dtype, plan.route)
    stop = _engine.core().StopFlag()
    inside = max(1, plan.threads // plan.workers)
    interrupted = False
    pool = ThreadPoolExecutor(plan.workers)
    tasks: list[Future[None]] = []
    try:
        for k in range(plan.runs):
            tasks.append(pool.submit(_one_run, plan, start, seed, k, lesson, inside, stop, results))  # noqa: PERF401
        _wait(tasks)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        # Whatever happened, no thread outlives the call.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    for task in tasks:
        if not task.cancelled():
            task.result()
    over_time = (results.w21_over_time, results.w32_over_time)
    run = Run(
        data=plan.data,
        rate=plan.rate,
        order=plan.order,
        init=start,
        rng=seed,
        route=plan.route,
        presentations=plan.grid,
        mode_strengths=results.mode_strengths,
        loss=results.loss,
        initial_strengths=results.initial_strengths,
        weights=Weights(results.w21, results.w32),
        hidden=results.hidden,
        weights_over_time=None if over_time[0] is None or over_time[1] is None else Weights(over_time[0], over_time[1]),
        status=tuple(results.status),
        completed=results.completed,
    )
    if interrupted:
        raise TrainingInterrupted(run)
    return run


def _wait(tasks: list[Future[None]]) -> None:
    """Return when all tasks have ended or one has failed."""
    while True:
        # In slices: an interrupt that comes from another thread does not wake a waiting one.
        done, unfinished = wait(tasks, timeout=0.05, return_when=FIRST_EXCEPTION)
        if not unfinished or any(task.exception() for task in done):
            return


def _one_run(
    plan: _Plan,
    start: Initial,
    seed: int,
    k: int,
    lesson: _engine.Lesson,
    threads: int,
    stop: Any,
    results: _Results,
) -> None:
    """Train network k and fill its row of the results."""
    data, times = plan.data, plan.grid.size
    begin = _initial_weights(start, data, plan.hidden, seed, k)
    results.initial_strengths[k] = theory.initial_strength(*begin, data.modes.u, data.modes.v)
    network = lesson.network(*begin, plan.rate, plan.order, philox_key(seed, Use.ORDER, k))
    items_hidden = lower = None
    if results.hidden is not None:
        items_hidden = np.empty((times, data.n_items, plan.hidden), plan.dtype)
    if results.w21_over_time is not None:
        lower = np.empty((times, lesson.lower_rows, plan.hidden), plan.dtype)
    done, status = network.record(
        plan.grid.tolist(),
        threads=threads,
        stop=stop,
        mode_strengths=results.mode_strengths[k],
        loss=results.loss[k],
        hidden=items_hidden,
        lower=lower,
        w32=None if results.w32_over_time is None else results.w32_over_time[k],
    )
    if status == "ok":
        _, status = network.record([plan.total], threads=threads, stop=stop)
    first = begin.w21.astype(plan.dtype)
    if results.hidden is not None and items_hidden is not None:
        results.hidden[k, :done] = np.swapaxes(items_hidden[:done], 1, 2)
    if results.w21_over_time is not None and lower is not None:
        results.w21_over_time[k, :done] = lesson.w21(lower[:done], first)
    results.w21[k] = lesson.w21(network.lower(), first)
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


def _initial_weights(start: Initial, data: Dataset, hidden: int, seed: int, run: int) -> Weights:
    if isinstance(start, Given):
        return start.of_run(run)
    return start.draw(data, hidden, generator(seed, Use.WEIGHTS, run))


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
        # In whole numbers: floating point would miss presentations above 2^53.
        points = [last * i // (count - 1) for i in range(count)] if count > 1 else [last]
        return np.unique(np.array(points, dtype=np.int64)) * unit
    epochs_asked = _check.array("record", record, (None,))
    points = [round(e * n_items) for e in epochs_asked.tolist()]
    if any(p < 0 or p > total for p in points) or points != sorted(points):
        raise ValueError(f"record must be epochs from 0 to {total / n_items:g} that do not decrease")
    return np.unique(np.array(points, dtype=np.int64))
