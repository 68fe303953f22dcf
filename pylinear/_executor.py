"""What computes calls elsewhere: pools of processes or threads, clusters, MPI ranks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from pylinear import _check


class Executor(Protocol):
    """What computes calls elsewhere."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Return a future, with ``result``, ``cancel`` and, for sweeps, ``add_done_callback``."""


class ExecutorError(RuntimeError):
    """Raised when an executor does not do what executors do."""


class ExecutorGoneError(ExecutorError):
    """Raised when an executor computes no more, from what it raised itself."""

    def __init__(self, why: BaseException) -> None:
        text = " ".join(str(why).split())[:100]
        super().__init__(f"the executor computes no more ({type(why).__name__}{text and ': '}{text})")


class NoResultError(ExecutorError):
    """Raised when an executor returns something else than the call did, as another version of pylinear does."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"the executor returned what is not {what}: {why}")


def check(executor: object) -> None:
    """Raise unless `executor` is one, or None."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must have a method submit, as executors have; got {_check.show(executor)}")
    # It would never answer: its event loop is the thread that waits for it.
    if getattr(executor, "asynchronous", False) is True:
        raise TypeError(f"executor must not be asynchronous, as it is here; got {_check.show(executor)}")


def submission(executor: Any) -> Callable[..., Any]:
    """Return the method `submit`, such that every call is computed."""
    try:
        asks = "pure" in inspect.signature(executor.submit).parameters
    except (TypeError, ValueError):  # not written in Python
        asks = False
    # dask would name calls by their arguments, and answer one that has failed with what it remembers.
    submit = partial(executor.submit, pure=False) if asks else executor.submit
    return partial(asked, submit)


def is_gone(error: BaseException) -> bool:
    """Return whether what a future has raised is the executor's own end, and not what went wrong in the call."""
    from concurrent.futures import BrokenExecutor, CancelledError

    # A connection that dask has lost is an OSError, of its own kind.
    lost = isinstance(error, OSError) and type(error).__module__.partition(".")[0] == "distributed"
    return lost or isinstance(error, BrokenExecutor | CancelledError)


def asked(call: Callable[..., Any], /, *arguments: Any) -> Any:
    """Return what a call of the executor's own does; whatever that raises, the executor is gone."""
    try:
        return call(*arguments)
    except Exception as error:
        raise ExecutorGoneError(error) from error


def future(value: Any, *methods: str) -> Any:
    """Return what `submit` has returned if it has these methods."""
    if all(callable(getattr(value, name, None)) for name in methods):
        return value
    raise ExecutorError(f"the executor's submit must return a future, with {' and '.join(methods)}; got {shown(value)}")


def shown(value: object) -> str:
    """Return a short text for what an executor has returned, which nobody else will look at."""
    if inspect.iscoroutine(value):
        value.close()  # or Python would warn that it has not been awaited
    return _check.show(value)
