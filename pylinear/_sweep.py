"""Many trainings, one file each, on whatever computes them."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from pylinear import _check, _engine, _executor, _files, _tasks
from pylinear._dataset import Dataset
from pylinear._executor import Executor, ExecutorError, ExecutorGoneError, NoResultError
from pylinear._progress import Progress, Report, check_progress, reporter
from pylinear._tasks import Result, SweepTask
from pylinear._workers import WorkerDiedError, Workers

if TYPE_CHECKING:
    import xarray

# What is under way at a time: enough for a large cluster, and few bytes of data on their way to it.
_MOST_UNDER_WAY, _MOST_BYTES = 1000, 2**30


def sweep(
    over: Mapping[str, Iterable[Any] | Mapping[str, Any]],
    *,
    folder: str | os.PathLike[str],
    executor: Executor | None = None,
    threads: int | None = None,
    progress: Progress = None,
    **same: Any,
) -> xarray.Dataset:
    """Return the records of trainings with all combinations of some arguments; those done before are not repeated.

    Parameters
    ----------
    over : mapping
        What varies: names of arguments, each with the values that it takes. These are the coordinates of the result;
        a mapping from labels to values names them. Arguments are those of `train`, and in place of ``data`` may be
        ``tree``, with ``features`` and, if other than the tree's own, ``flip``: then the features are drawn with the
        task's ``rng``, as the weights and orders are.
    folder : path
        Where every training has a file of its own, named by a hash of all that its result follows from. The caller
        writes it as soon as the result arrives, so that only the caller needs the folder.
    executor : optional
        Anything whose ``submit`` returns futures: a pool of ``concurrent.futures``, a ``dask.distributed.Client``, an
        ``mpi4py.futures.MPIPoolExecutor``. By default processes of our own, for as long as the call lasts, as many as
        there are processors; scripts need no ``if __name__ == "__main__"`` for them. No result depends on it.
    threads : int, optional
        At most so many for each training; 1 by default, since trainings run beside each other.
    progress : bool or callable, optional
        True: the part of the tasks that is done, on stderr. A callable is given it, from 0 to 1, after each; an
        exception that it raises ends the sweep.
    **same
        All other arguments of `train`, the same for all tasks. ``rng`` must be given, here or in ``over``. Of what
        could be kept, only the maps can.

    Returns
    -------
    xarray.Dataset
        One dimension for each name in ``over``, then run, time and mode; ``mode_strength``, ``loss``,
        ``initial_strength``, ``association_strength``, ``status`` and ``completed``, and the times as ``epoch`` and
        ``presentation``. Where tasks differ in the number of runs, times or modes, the rest is NaN, and "" for
        ``status``. The attributes are what was the same for all.

    Raises
    ------
    TypeError, ValueError
        For an argument outside what is allowed, with the task; nothing has been computed or written.
    RuntimeError
        If tasks failed, once all others are done, with the first one's error as its cause. A task whose worker process
        was killed is tried once more, alone, when all others are done. Or if the executor is gone.
    OSError
        If the folder cannot be written.
    ImportError
        If there is no xarray (``pylinear-dynamics[xarray]``).
    KeyboardInterrupt
        Upon Ctrl-C. Then as after any error, the same call goes on with what is not in the folder.

    Warns
    -----
    FileWarning
        If a file is damaged; its task is computed again.

    Examples
    --------
    >>> import tempfile
    >>> import pylinear as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = pl.sweep(
    ...         {"rate": [0.01, 0.02], "rng": range(3)},
    ...         data=pl.toy(), hidden=16, epochs=400, init=pl.Gaussian(1e-3), record=5, folder=folder,
    ...     )
    >>> dict(result.sizes)
    {'rate': 2, 'rng': 3, 'run': 1, 'time': 5, 'mode': 4}
    >>> result.mode_strength.isel(run=0, time=-1).sel(rate=0.02, mode=1).values.round(3).tolist()
    [1.414, 1.414, 1.414]
    """
    _engine.core()
    _executor.check(executor)
    check_progress(progress)
    threads = 1 if threads is None else _check.threads(threads)
    _tasks.check_names(over, same)
    axes = _tasks.axes(over)
    tasks, path = _tasks.tasks(axes, same, threads), Path(_check.path("folder", folder))
    _require_xarray()
    work = _Work(tasks, path)
    with reporter(progress) as report:
        work.compute(executor, threads, report)
    from pylinear._labelled import sweep_dataset

    return sweep_dataset({name: list(labels) for name, labels in axes.items()}, work.tasks, work.results)


def _require_xarray() -> None:
    try:
        import xarray  # noqa: F401
    except ImportError as error:
        raise ImportError(f"a sweep needs xarray for its result: {error}; pylinear-dynamics[xarray] has it") from error


class _Work:
    """The tasks, and the results of those that are done."""

    def __init__(self, tasks: list[SweepTask], folder: Path) -> None:
        self.tasks, self._folder = tasks, folder
        self._done = dict(self._found())

    @property
    def results(self) -> list[Result]:
        """The results, when all tasks are done."""
        return [self._done[i] for i in range(len(self.tasks))]

    @property
    def state(self) -> str:
        """A sentence's end about how far the work has come."""
        done = f"{len(self._done)} of {len(self.tasks)} tasks are done, in {self._folder}"
        return f"{done}; the same again goes on with the rest"

    def _found(self) -> Iterable[tuple[int, Result]]:
        """Yield what is in the folder already."""
        for i, task in enumerate(self.tasks):
            try:
                result = _tasks.read(task, self._folder)
            except _files.FileError as error:
                warnings.warn(f"{error}; its task, {task.name}, is computed again", _files.FileWarning, stacklevel=4)
                continue
            if result is not None:
                yield i, result

    def compute(self, executor: Executor | None, threads: int, report: Report) -> None:
        """Do what is missing."""
        missing = [i for i in range(len(self.tasks)) if i not in self._done]
        report(len(self._done) / len(self.tasks))
        if not missing:
            return
        _check_writable(self._folder)
        if executor is None:
            with Workers(min(len(missing), max(1, _check.threads(None) // threads))) as own:
                failed = self._compute(_executor.submission(own), missing, report)
        else:
            failed = self._compute(_executor.submission(executor), missing, report)
        if failed:
            name, error = failed[0]
            count = "1 task failed," if len(failed) == 1 else f"{len(failed)} tasks failed, first"
            raise RuntimeError(f"{count} {name}: {str(error) or type(error).__name__}; {self.state}") from error

    def _compute(
        self, submit: Callable[..., Any], missing: Sequence[int], report: Report
    ) -> list[tuple[str, Exception]]:
        """Compute tasks, and return those that failed."""

        def take(i: int, result: object) -> None:
            try:
                result = _tasks.check_result(self.tasks[i], result)
            except ValueError as error:
                raise NoResultError(f"the result of the task {self.tasks[i].name}", str(error)) from None
            _tasks.write(self.tasks[i], result, self._folder)
            self._done[i] = result
            report(len(self._done) / len(self.tasks))

        drive = _Drive(submit, self.tasks, take)
        try:
            drive.run(missing, _under_way(self.tasks))
            # Whatever ended their processes may have been the others' doing: they get the machine to themselves.
            drive.run(drive.again(), 1)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self.state) from None
        except ExecutorError as error:
            raise RuntimeError(f"{error}: {self.state}") from error.__cause__
        return [(self.tasks[i].name, error) for i, error in sorted(drive.failed.items())]


def _check_writable(folder: Path) -> None:
    """Raise OSError, with the folder's name, unless files can be made in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _files.located(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _under_way(tasks: list[SweepTask]) -> int:
    """Return how many tasks may be under way at a time."""
    data = [task.source for task in tasks if isinstance(task.source, Dataset)]
    largest = max((x.outputs.nbytes if x.has_outputs else x.gram.nbytes for x in data), default=1)
    return min(_MOST_UNDER_WAY, max(16, _MOST_BYTES // largest))


class _Drive:
    """Hands tasks to an executor, not too many at a time, and takes what comes back."""

    def __init__(self, submit: Callable[..., Any], tasks: list[SweepTask], take: Callable[[int, object], None]) -> None:
        self._submit, self._tasks, self._take = submit, tasks, take
        self._under_way: dict[int, Any] = {}
        self._arrived: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self.failed: dict[int, Exception] = {}

    def again(self) -> list[int]:
        """Return the tasks whose processes died, as not failed yet."""
        died = [i for i, error in self.failed.items() if isinstance(error, WorkerDiedError)]
        for i in died:
            del self.failed[i]
        return died

    def run(self, numbers: Iterable[int], most: int) -> None:
        """Compute tasks, at most so many at a time; return when all are done or have failed."""
        try:
            for i in numbers:
                self._begin(i)
                # An executor may compute the call at once: what it returns is written before the next.
                while len(self._under_way) >= most or not self._arrived.empty():
                    self._settle(*self._next())
            while self._under_way:
                self._settle(*self._next())
        except BaseException:
            self._give_up()
            raise

    def _begin(self, i: int) -> None:
        task = self._tasks[i]
        submitted = self._submit(_tasks.compute, task.source, task.arguments)
        future = self._under_way[i] = _executor.future(submitted, "result", "add_done_callback")
        _executor.asked(future.add_done_callback, lambda done: self._arrived.put((i, future)))

    def _next(self) -> tuple[int, Any]:
        while True:
            # In slices: an interrupt that comes from another thread does not wake a waiting one.
            with contextlib.suppress(Empty):
                return self._arrived.get(timeout=0.1)

    def _settle(self, i: int, future: Any) -> None:
        if i not in self._under_way or self._under_way[i] is not future:  # it has called back before
            return
        del self._under_way[i]
        try:
            result = future.result()
        except Exception as error:
            if _executor.is_gone(error):
                raise ExecutorGoneError(error) from error
            self.failed[i] = error
            return
        self._take(i, result)

    def _give_up(self) -> None:
        """Cancel what has not begun, and keep what has come back."""
        for future in self._under_way.values():
            with contextlib.suppress(Exception):
                future.cancel()
        while not self._arrived.empty():
            with contextlib.suppress(Exception):
                self._settle(*self._arrived.get())
